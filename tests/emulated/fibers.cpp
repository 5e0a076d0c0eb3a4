// Fibers for the threads of one block at a time.
#include "gpu.hpp"

#include <csetjmp>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace segpost::gpu {
namespace {

constexpr std::size_t stack_size = 128 << 10;
enum class State { fresh, ready, at_barrier, in_warp, done };

// Where somebody stopped. swapcontext asks the system for signal masks at every step, which is most
// of the time that a kernel takes: it is used to begin, and where a sanitizer has to see the stack.
struct Context {
    ucontext_t whole;
    std::jmp_buf place;
    bool begun = false;
};

void change(Context &from, Context &to) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    swapcontext(&from.whole, &to.whole);
#else
    from.begun = true;
    if (_setjmp(from.place)) return;
    if (to.begun) _longjmp(to.place, 1);
    setcontext(&to.whole);
#endif
}

struct Fiber {
    Context context;
    std::unique_ptr<char[]> stack{new char[stack_size]};
};

struct Thread {
    State state = State::fresh;
    Fiber *fiber = nullptr;
    unsigned mask = 0;
    std::uint64_t given = 0;
    std::array<std::uint64_t, warp_size> received{};
};

class Machine {
  public:
    Position position;
    std::vector<char> shared;

    void run(dim3 grid, dim3 block, const std::function<void()> &kernel) {
        kernel_ = &kernel;
        position.threads = block, position.blocks = grid;
        const char *order = std::getenv("SEGPOST_EMULATED_ORDER");
        const bool reversed = order && std::string(order) == "reversed";
        const std::size_t count = std::size_t{grid.x} * grid.y * grid.z;
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t at = reversed ? count - 1 - i : i;
            position.block.x = static_cast<unsigned>(at % grid.x);
            position.block.y = static_cast<unsigned>(at / grid.x % grid.y);
            position.block.z = static_cast<unsigned>(at / grid.x / grid.y);
            begin_block();
            run_block(std::size_t{block.x} * block.y * block.z, reversed);
        }
    }

    // From within a fiber: back to the scheduler until the thread is ready again.
    void wait(State state) {
        const std::size_t me = now_;
        threads_[me].state = state;
        change(threads_[me].fiber->context, scheduler_);
    }

    const std::uint64_t *exchange(unsigned mask, std::uint64_t value) {
        const std::size_t me = now_, first = me / warp_size * warp_size;
        Thread &thread = threads_[me];
        if (!(mask >> (me % warp_size) & 1)) fail("a lane that its own mask leaves out");
        thread.mask = mask, thread.given = value;
        bool all = true;
        each(first, mask, [&](Thread &other) {
            if (&other != &thread && (other.state != State::in_warp || other.mask != mask))
                all = false;
        });
        if (!all) {
            wait(State::in_warp);
            return threads_[me].received.data();
        }
        std::array<std::uint64_t, warp_size> values{};
        for (std::size_t i = 0; i < warp_size && first + i < threads_.size(); ++i)
            values[i] = threads_[first + i].given;
        each(first, mask, [&](Thread &other) {
            other.received = values;
            other.state = State::ready;
        });
        return thread.received.data();
    }

    std::size_t now() const { return now_; }

  private:
    std::vector<Thread> threads_;
    std::vector<std::unique_ptr<Fiber>> fibers_;
    std::vector<Fiber *> idle_;
    const std::function<void()> *kernel_ = nullptr;
    Context scheduler_;
    std::size_t now_ = 0, turn_ = 0; // thread; the next in this round
    bool reversed_ = false;

    [[noreturn]] static void fail(const char *what) {
        std::fprintf(stderr, "emulated kernel: %s\n", what);
        std::abort();
    }

    template <class Work> void each(std::size_t first, unsigned mask, const Work &work) {
        for (std::size_t i = 0; i < warp_size; ++i) {
            if (!(mask >> i & 1)) continue;
            // Lanes beyond the block's last thread are not there to be waited for.
            if (first + i < threads_.size()) work(threads_[first + i]);
        }
    }

    static void enter() {
        Machine &machine = instance();
        for (;;) { // one thread after the other
            (*machine.kernel_)();
            Thread &thread = machine.threads_[machine.now_];
            thread.state = State::done;
            Fiber *fiber = thread.fiber;
            if (machine.goes_on(fiber)) continue;
            machine.idle_.push_back(fiber);
            change(fiber->context, machine.scheduler_);
        }
    }

    // Whether the next thread has not begun: then it takes the fiber of one that is done.
    bool goes_on(Fiber *fiber) {
        if (turn_ == threads_.size()) return false;
        const std::size_t next = reversed_ ? threads_.size() - 1 - turn_ : turn_;
        if (threads_[next].state != State::fresh) return false;
        ++turn_;
        threads_[next].fiber = fiber;
        become(next);
        return true;
    }

    static void prepare(Fiber *fiber) {
        ucontext_t &whole = fiber->context.whole;
        getcontext(&whole);
        whole.uc_stack.ss_sp = fiber->stack.get();
        whole.uc_stack.ss_size = stack_size;
        whole.uc_link = nullptr;
        makecontext(&whole, &Machine::enter, 0);
    }

    void become(std::size_t t) {
        now_ = t;
        threads_[t].state = State::ready;
        const std::size_t x = position.threads.x, y = position.threads.y;
        position.thread.x = static_cast<unsigned>(t % x);
        position.thread.y = static_cast<unsigned>(t / x % y);
        position.thread.z = static_cast<unsigned>(t / x / y);
    }

    void resume(std::size_t t) {
        Thread &thread = threads_[t];
        if (thread.state == State::fresh) {
            if (idle_.empty()) {
                fibers_.push_back(std::make_unique<Fiber>());
                idle_.push_back(fibers_.back().get());
                prepare(idle_.back());
            }
            thread.fiber = idle_.back();
            idle_.pop_back();
        }
        become(t);
        change(scheduler_, thread.fiber->context);
    }

    void run_block(std::size_t count, bool reversed) {
        threads_.assign(count, Thread());
        reversed_ = reversed;
        for (;;) {
            bool moved = false;
            std::size_t done = 0, waiting = 0;
            for (turn_ = 0; turn_ < count;) {
                const std::size_t t = reversed ? count - 1 - turn_ : turn_;
                ++turn_;
                const State state = threads_[t].state;
                if (state == State::fresh || state == State::ready) {
                    resume(t);
                    moved = true;
                }
            }
            for (const Thread &thread : threads_) {
                done += thread.state == State::done;
                waiting += thread.state == State::at_barrier;
            }
            if (done == count) return;
            if (waiting && waiting + done == count) {
                for (Thread &thread : threads_)
                    if (thread.state == State::at_barrier) thread.state = State::ready;
                continue;
            }
            const bool ready = std::any_of(threads_.begin(), threads_.end(), [](const Thread &t) {
                return t.state == State::ready || t.state == State::fresh;
            });
            if (!moved && !ready) fail("threads wait for others that do not come");
        }
    }

  public:
    static Machine &instance() {
        static Machine machine;
        return machine;
    }
};

} // namespace

const Position &position() { return Machine::instance().position; }
void *shared_memory() { return Machine::instance().shared.data(); }
void wait_for_block() { Machine::instance().wait(State::at_barrier); }
const std::uint64_t *exchange(unsigned mask, std::uint64_t value) {
    return Machine::instance().exchange(mask, value);
}
unsigned current_lane() { return static_cast<unsigned>(Machine::instance().now() % warp_size); }

void run_grid(dim3 grid, dim3 block, std::size_t shared, const std::function<void()> &kernel) {
    static std::mutex one;
    const std::lock_guard lock(one);
    Machine &machine = Machine::instance();
    machine.shared = std::vector<char>(shared, static_cast<char>(0xa5)); // nobody may count on it
    machine.shared.shrink_to_fit();
    machine.run(grid, block, kernel);
}

} // namespace segpost::gpu
