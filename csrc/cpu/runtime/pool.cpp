#include "cpu/runtime/pool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "cpu/runtime/processor.hpp"
#include "cpu/runtime/system.hpp"

namespace segpost {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto poll_interval = std::chrono::milliseconds(20);
constexpr auto spin_time = std::chrono::microseconds(50);
constexpr std::size_t start_memory = 1 << 16; // bytes that a thread allocates at its start, at most

// Allocates the thread's data for exceptions: where its first exception finds no memory for them,
// glibc ends the process. The value is stored, since a call without a use of it is optimized away.
inline void prepare_exceptions() {
    [[maybe_unused]] volatile int count = std::uncaught_exceptions();
}

// One call of run_tasks: tasks are handed out by a counter.
struct Batch {
    Batch(const std::function<void(std::int64_t)> &t, std::int64_t n) : task(t), count(n) {}

    const std::function<void(std::int64_t)> &task;
    const std::int64_t count;
    std::atomic<std::int64_t> next{0};
    std::atomic<bool> stop{false};
    std::mutex mutex;
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

// Workers sleep until a batch is posted. The pool is leaked at exit: joining threads from a static
// destructor is how libraries hang.
class Pool {
  public:
    explicit Pool(int workers) : wanted_(workers) {
        try {
            for (; workers_ < workers; ++workers_) start_worker();
        } catch (...) { // the system gives no more: fewer do
        }
    }

    void post(Batch *batch) {
        {
            std::lock_guard lock(mutex_);
            batch_ = batch;
            seats_ = workers_;
            ++generation_;
        }
        wake_.notify_all();
    }

    // Waits until no worker looks at the batch; false after poll_interval.
    bool drained() {
        spin([this] { return active_ == 0; });
        std::unique_lock lock(mutex_);
        batch_ = nullptr;
        seats_ = 0;
        return idle_.wait_for(lock, poll_interval, [this] { return active_ == 0; });
    }

    int wanted() const { return wanted_; }

    void retire() {
        {
            std::lock_guard lock(mutex_);
            retired_ = true;
        }
        wake_.notify_all();
    }

  private:
    // To sleep and be woken takes longer than the next batch often is away.
    template <class Done> static void spin(const Done &done) {
        const auto end = Clock::now() + spin_time;
        while (!done() && Clock::now() < end) pause();
    }

    // Returns when the thread has allocated what it cannot be without, for which memory is kept.
    void start_worker() {
        auto memory = std::make_unique<char[]>(start_memory);
        std::thread([this] { work(); }).detach();
        memory.reset();
        std::unique_lock lock(mutex_);
        idle_.wait(lock, [this] { return started_ > workers_; });
    }

    void work() {
        const FloatMode mode;
        prepare_exceptions();
        std::unique_lock lock(mutex_);
        ++started_;
        lock.unlock();
        idle_.notify_all();
        std::uint64_t seen = 0;
        for (;;) {
            spin([&] { return generation_ != seen; });
            lock.lock();
            wake_.wait(lock,
                       [&] { return retired_ || (batch_ && seats_ > 0 && generation_ != seen); });
            if (retired_) return;
            seen = generation_;
            --seats_;
            ++active_;
            Batch *batch = batch_;
            lock.unlock();
            while (batch->step()) {
            }
            lock.lock();
            if (--active_ == 0) idle_.notify_all();
            lock.unlock();
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_, idle_;
    Batch *batch_ = nullptr;
    std::atomic<std::uint64_t> generation_{0};
    const int wanted_;
    int workers_ = 0, started_ = 0, seats_ = 0;
    std::atomic<int> active_{0};
    bool retired_ = false;
};

struct State {
    std::mutex owner; // held by the one caller that uses the pool
    Pool *pool = nullptr;
};

// Replaced, never destroyed, in a forked child: its parent may have held the mutex, and the pool's
// threads do not exist there. Waiting for the mutex before the fork instead could deadlock with a
// caller that waits for the GIL.
State *state = new State;
std::atomic<int> threads{1};

void after_fork_child() {
    state = new State;
    threads = 1; // a forked worker is one of many
}

const bool registered = (call_in_forked_children(after_fork_child), true);

} // namespace

void set_num_threads(int n) { threads = std::clamp(n, 1, most_threads); }
int num_threads() { return threads; }

bool run_tasks(std::int64_t count, const std::function<void(std::int64_t)> &task,
               const CancelToken &cancelled) {
    // Callers may have set flush-to-zero, as torch.set_flush_denormal does: it would change labels.
    const FloatMode mode;
    prepare_exceptions();
    Batch batch(task, count);
    State &shared_state = *state;
    Pool *&pool = shared_state.pool;
    std::unique_lock<std::mutex> lock(shared_state.owner, std::defer_lock);
    const int allowed = threads;
    const int helpers = static_cast<int>(std::min<std::int64_t>(allowed, count)) - 1;
    const bool shared = helpers > 0 && lock.try_lock();
    if (shared) {
        if (pool && pool->wanted() != allowed - 1) {
            pool->retire(); // leaked: its threads may still be waking up
            pool = nullptr;
        }
        if (!pool) {
            stay_loaded();
            pool = new Pool(allowed - 1);
        }
        pool->post(&batch);
    }
    auto asked = Clock::now();
    bool stopped = false; // asked no more then: the handler's exception is waiting for the caller
    const auto ask = [&] {
        if (stopped || Clock::now() - asked < poll_interval) return;
        stopped = cancelled();
        if (stopped) batch.stop = true;
        asked = Clock::now();
    };
    while (batch.step()) ask();
    if (shared)
        while (!pool->drained()) ask();
    if (batch.error) std::rethrow_exception(batch.error);
    return !stopped;
}

} // namespace segpost
