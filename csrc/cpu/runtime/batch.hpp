// The tasks of one call, which the caller and its helpers share.
#pragma once

#include <atomic>
#include <exception>
#include <functional>

#include "cpu/runtime/mutex.hpp"

namespace segpost {

// One call of run_tasks: tasks are handed out by a counter.
struct Batch {
    Batch(const std::function<void(std::int64_t)> &t, std::int64_t n) : task(t), count(n) {}

    const std::function<void(std::int64_t)> &task;
    const std::int64_t count;
    std::atomic<std::int64_t> next{0};
    std::atomic<bool> stop{false};
    Mutex mutex;
    std::exception_ptr error;

    bool step() {
        if (stop.load(std::memory_order_relaxed)) return false;
        const std::int64_t i = next.fetch_add(1, std::memory_order_relaxed);
        if (i >= count) return false;
        try {
            task(i);
        } catch (...) {
            std::lock_guard lock(mutex);
            if (!error) error = std::current_exception();
            stop = true;
        }
        return true;
    }
};

} // namespace segpost
