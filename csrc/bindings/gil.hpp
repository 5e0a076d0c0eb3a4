// The GIL, released and taken back so that a thread survives the end of the interpreter.
//
// Up to version 3.13 Python ends a thread that asks for the GIL while the interpreter is
// finalizing: pthread_exit unwinds its stack, and a noexcept function on it, such as the destructor
// of pybind11's gil_scoped_release, would end the process. Here the thread waits for the end of the
// process instead, which is what Python does from 3.14 on.
#pragma once

#include <Python.h>

namespace segpost::bindings {

// Functions of Python that take the GIL; where Python ends the thread, they never return.
void restore_thread(PyThreadState *state) noexcept;
PyGILState_STATE ensure_gil() noexcept;

// Releases the GIL, which the thread holds, until the end of the block.
class ReleasedGil {
  public:
    ReleasedGil() : state_(PyEval_SaveThread()) {}
    ~ReleasedGil() { restore_thread(state_); }
    ReleasedGil(const ReleasedGil &) = delete;
    ReleasedGil &operator=(const ReleasedGil &) = delete;

  private:
    PyThreadState *state_;
};

// Holds the GIL until the end of the block, in a thread that has released it.
class HeldGil {
  public:
    HeldGil() : state_(ensure_gil()) {}
    ~HeldGil() { PyGILState_Release(state_); }
    HeldGil(const HeldGil &) = delete;
    HeldGil &operator=(const HeldGil &) = delete;

  private:
    PyGILState_STATE state_;
};

} // namespace segpost::bindings
