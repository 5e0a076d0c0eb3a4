// A system whose threads are workers of JavaScript. A page may not sleep, and locks are held for
// moments: who finds one held tries again.
#pragma once

#include <atomic>
#include <mutex>

namespace segpost {

class Mutex {
  public:
    void lock() {
        while (!try_lock()) {
        }
    }
    bool try_lock() { return !held_.exchange(true, std::memory_order_acquire); }
    void unlock() { held_.store(false, std::memory_order_release); }

  private:
    std::atomic<bool> held_{false};
};

} // namespace segpost
