// A thread that asks for the GIL while the interpreter is finalizing ends without unwinding.
#include "bindings/gil.hpp"

namespace segpost::bindings {

void restore_thread(PyThreadState *state) noexcept { PyEval_RestoreThread(state); }

PyGILState_STATE ensure_gil() noexcept { return PyGILState_Ensure(); }

} // namespace segpost::bindings
