// Questions whether a call is cancelled, from a loop that runs in the calling thread.
#pragma once

#include "cpu/runtime/pool.hpp"

namespace segpost {

// poll(work) asks once in so much work; once the answer is true it stays so.
class Poll {
  public:
    explicit Poll(const CancelToken &cancelled) : cancelled_(cancelled) {}

    bool operator()(std::int64_t work) {
        done_ += work;
        if (done_ >= between && !stopped_) {
            stopped_ = cancelled_();
            done_ = 0;
        }
        return stopped_;
    }

  private:
    static constexpr std::int64_t between = 1 << 20; // some milliseconds

    const CancelToken &cancelled_;
    std::int64_t done_ = 0;
    bool stopped_ = false;
};

} // namespace segpost
