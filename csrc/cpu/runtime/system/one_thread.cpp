// Tasks where the system has no threads: in place of pool.cpp.
#include "cpu/runtime/pool.hpp"

namespace segpost {

void set_num_threads(int) {}
int num_threads() { return 1; }

bool run_tasks(std::int64_t count, const std::function<void(std::int64_t)> &task,
               const CancelToken &cancelled) {
    for (std::int64_t i = 0; i < count; ++i) {
        if (cancelled()) return false;
        task(i);
    }
    return true;
}

} // namespace segpost
