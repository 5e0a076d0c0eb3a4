// Logits on the grid of an output: the options of a caller, checked, and their tables.
#pragma once

#include <optional>

#include "capi/axes.hpp"
#include "capi/status.hpp"

namespace segpost::capi {

class Sampled {
  public:
    Sampled(const segpost_argmax_options *caller_options, const Logits &logits, std::int64_t h,
            std::int64_t w, bool needs_labels);

    segpost_argmax_options options;

    template <class Job> void put(Job &job) const {
        job.logits = logits_;
        job.resample = y_.has_value();
        if (y_) job.y = y_->view(), job.x = x_->view();
        job.has_threshold = options.has_threshold;
        job.threshold = options.threshold / options.scale + options.zero_point;
        job.scale = options.scale, job.zero_point = options.zero_point;
    }

    // The errors of a kernel; places of logits are those of the caller's. `what` is the output.
    int status(LogitErrors errors, const char *what, segpost_report *report) const;

  private:
    void crop();

    Logits logits_;
    std::int64_t full_h_, full_w_, top_ = 0, left_ = 0; // of the caller's logits
    std::int64_t h_, w_;
    std::optional<AxisTables> y_, x_;
};

} // namespace segpost::capi
