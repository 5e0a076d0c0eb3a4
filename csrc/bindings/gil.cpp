// Compiled without exceptions. The unwinder of pthread_exit is the system's, and that of this
// module may be another, so it must not reach a function with destructors or handlers: a cleanup
// handler that jumps back into these functions stops it before.
#include "bindings/gil.hpp"

#include <pthread.h>
#include <unistd.h>

namespace segpost::bindings {

namespace {

void wait_forever(void *) {
    for (;;) pause();
}

} // namespace

void restore_thread(PyThreadState *state) noexcept {
    pthread_cleanup_push(wait_forever, nullptr);
    PyEval_RestoreThread(state);
    pthread_cleanup_pop(0);
}

PyGILState_STATE ensure_gil() noexcept {
    PyGILState_STATE state;
    pthread_cleanup_push(wait_forever, nullptr);
    state = PyGILState_Ensure();
    pthread_cleanup_pop(0);
    return state;
}

} // namespace segpost::bindings
