// Ctrl-C while a kernel runs without the GIL.
#pragma once

#include "bindings/convert.hpp"
#include "bindings/gil.hpp"

#include "cpu/runtime/launch.hpp"

namespace segpost::bindings {

// Asks Python for signals. Only the main thread handles them, so no other thread waits for the GIL.
// Never throws: a handler's exception is left as Python's current error, and the answer is true.
class Signals {
  public:
    bool operator()() noexcept {
        if (!main_) return false;
        const HeldGil gil;
        if (PyErr_CheckSignals() != 0) return true;
        if (!asked_) {
            asked_ = true;
            try { // a signal can arrive in this Python code too
                const auto threading = py::module_::import("threading");
                main_ = threading.attr("current_thread")().is(threading.attr("main_thread")());
            } catch (py::error_already_set &error) {
                error.restore();
                return true;
            }
        }
        return false;
    }

  private:
    bool asked_ = false, main_ = true;
};

// Runs without the GIL; a signal handler's exception (KeyboardInterrupt) goes on to the caller.
template <class Run> inline void release_gil(const Run &run) {
    bool finished;
    {
        const ReleasedGil released;
        finished = run(Signals{});
    }
    if (!finished) throw py::error_already_set();
}

} // namespace segpost::bindings
