// Tasks where threads are workers of JavaScript, each an instance of the module on one memory: in
// place of pool.cpp. web/src/threads.ts starts them and web/src/worker.ts is what they run.
#include <algorithm>
#include <atomic>
#include <climits>

#include "cpu/runtime/batch.hpp"
#include "cpu/runtime/pool.hpp"

// Waits in JavaScript while the number is `value`; it knows whether this thread may sleep, and
// throws where the number stays for too long, or is negative: then a thread is lost, and the module
// with it.
__attribute__((import_module("segpost"), import_name("wait"))) void segpost_wait(const void *number,
                                                                                 int value);

namespace segpost {
namespace {

constexpr int one_active = 1 << 16, seats_mask = one_active - 1;
constexpr int spins = 4000; // some ten microseconds: to be woken takes longer

// Seats that are free for workers, and one_active for each worker that has one: one number, so that
// no worker is between the two. A worker that ends while it sleeps is not missed.
std::atomic<int> crew{0};
std::atomic<Batch *> posted{nullptr};
std::atomic<int> threads{1};
std::atomic<bool> busy{false};

int *word() { return reinterpret_cast<int *>(&crew); }

void wake(int count) { __builtin_wasm_memory_atomic_notify(word(), static_cast<unsigned>(count)); }

void wake_all() { __builtin_wasm_memory_atomic_notify(word(), ~0U); }

int spin_while(int value) {
    for (int i = 0; i < spins && crew == value; ++i) {
    }
    return crew;
}

// Waits until no worker looks at the batch. The last task of each is all that there is to wait for.
void close() {
    crew.fetch_and(~seats_mask);
    while (const int now = crew)
        if (spin_while(now) == now) segpost_wait(word(), now);
}

} // namespace

void set_num_threads(int n) { threads = std::clamp(n, 1, most_threads); }
int num_threads() { return threads; }

bool run_tasks(std::int64_t count, const std::function<void(std::int64_t)> &task,
               const CancelToken &cancelled) {
    Batch batch(task, count);
    const int helpers = static_cast<int>(std::min<std::int64_t>(threads, count)) - 1;
    const bool shared =
        helpers > 0 && !busy.exchange(true); // a task that has tasks runs them alone
    if (shared) {
        posted = &batch;
        crew = helpers;
        wake(helpers);
    }
    bool stopped = false;
    do {
        stopped = stopped || cancelled();
        if (stopped) batch.stop = true;
    } while (batch.step());
    if (shared) close(), busy = false;
    if (batch.error) std::rethrow_exception(batch.error);
    return !stopped;
}

} // namespace segpost

// Called once by every worker, with a stack and thread-local data of its own. Does not return.
extern "C" __attribute__((export_name("segpost_work"))) void segpost_work() {
    using namespace segpost;
    for (;;) {
        int now = crew;
        if ((now & seats_mask) == 0) {
            if (spin_while(now) == now) __builtin_wasm_memory_atomic_wait32(word(), now, -1);
            continue;
        }
        if (!crew.compare_exchange_strong(now, now - 1 + one_active)) continue;
        Batch &batch = *posted;
        while (batch.step()) {
        }
        if ((crew -= one_active) < one_active) wake_all();
    }
}

// Called where a task of a worker ended in a trap.
extern "C" __attribute__((export_name("segpost_abandon"))) void segpost_abandon() {
    using namespace segpost;
    posted.load()->stop = true;
    crew |= INT_MIN;
    crew &= ~seats_mask;
    wake_all();
}
