// The GIL, released and taken back so that a thread survives the end of the interpreter.
//
// Up to version 3.13 Python ends a thread that asks for the GIL while the interpreter is
// finalizing: pthread_exit unwinds its stack, and a noexcept function on it, such as the destructor
// of pybind11's gil_scoped_release, would end the process. Here the thread waits for the end of the
// process instead, which is what Python does from 3.14 on.
#pragma once

#include "bindings/convert.hpp"

#include <unistd.h>

namespace segpost::bindings {

[[noreturn]] inline void wait_forever() noexcept {
    for (;;) pause();
}

// `take` calls functions of Python, which are C: what comes out of them is the unwinding of
// pthread_exit. It must not be caught, so its handler never ends.
template <class Take> inline void take_gil(const Take &take) noexcept {
    try {
        take();
    } catch (...) {
        wait_forever();
    }
}

// Releases the GIL, which the thread holds, until the end of the block.
class ReleasedGil {
  public:
    ReleasedGil() : state_(PyEval_SaveThread()) {}
    ~ReleasedGil() {
        take_gil([this] { PyEval_RestoreThread(state_); });
    }
    ReleasedGil(const ReleasedGil &) = delete;
    ReleasedGil &operator=(const ReleasedGil &) = delete;

  private:
    PyThreadState *state_;
};

// Holds the GIL until the end of the block, in a thread that has released it.
class HeldGil {
  public:
    HeldGil() {
        take_gil([this] { state_ = PyGILState_Ensure(); });
    }
    ~HeldGil() { PyGILState_Release(state_); }
    HeldGil(const HeldGil &) = delete;
    HeldGil &operator=(const HeldGil &) = delete;

  private:
    PyGILState_STATE state_ = PyGILState_UNLOCKED;
};

} // namespace segpost::bindings
