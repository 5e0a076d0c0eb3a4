// The threads: a small pool of our own, because OpenMP runtimes hang in forked children.
#pragma once

#include <cstdint>
#include <functional>

#include "ops/portable.hpp"

namespace segpost {

// Whether the caller wants no more; asked often, from one thread.
using CancelToken = std::function<bool()>;

constexpr int most_threads = 1024; // segpost._backends.threads has the same number

SEGPOST_EXPORT void set_num_threads(int n); // the nearest of 1..most_threads
SEGPOST_EXPORT int num_threads();

// Calls task(i) for every i in [0, count), on up to num_threads() threads, the caller's included.
// `cancelled`, which must be noexcept, is asked now and then from the calling thread; once it
// says true no further task starts and the function returns false. Exceptions of tasks are thrown
// again in the caller. A pool that is busy with another caller's work means: run in the calling
// thread.
SEGPOST_EXPORT bool run_tasks(std::int64_t count, const std::function<void(std::int64_t)> &task,
                              const CancelToken &cancelled);

} // namespace segpost
