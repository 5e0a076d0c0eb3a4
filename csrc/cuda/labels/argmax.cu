// Which code path argmax takes.
#include "cuda/labels/argmax.hpp"
#include "cuda/runtime/load.hpp"

namespace segpost::gpu {
namespace {

// With fewer outputs than inputs hardly a cell holds two of them: there is nothing to share.
bool by_cells(const ArgmaxJob &job) {
    return job.resample && fits_float(job.logits.dtype) && job.y.n_out >= job.y.n_in &&
           job.x.n_out >= job.x.n_in;
}

bool has_wide_kernel(DType dtype) {
    return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16;
}

// Where reading the logits is what takes the time, they are read once for labels and confidence.
// Those that are resampled are few for what comes out, and lie in the cache; a threshold has one
// logit a pixel, not one a class.
bool at_once(const ArgmaxJob &job) {
    return !job.resample && !job.has_threshold && has_wide_kernel(job.logits.dtype);
}

void label(const ArgmaxJob &job, std::uintptr_t stream, ErrorCounts *errors, void *workspace) {
    if (!job.resample) {
        argmax_pixels(job, stream, errors);
    } else if (by_cells(job)) {
        int *corners = static_cast<int *>(workspace);
        rank_logits(job, stream, errors, corners);
        argmax_cells(job, stream, errors, corners);
    } else {
        if (errors && has_nan(job.logits.dtype)) count_nan(job, stream, errors);
        argmax_dense(job, stream, errors);
    }
}

void rate(const ArgmaxJob &job, std::uintptr_t stream, ErrorCount *undefined) {
    SoftmaxJob rated;
    rated.logits = job.logits;
    rated.resample = job.resample, rated.y = job.y, rated.x = job.x;
    rated.scale = job.scale, rated.zero_point = job.zero_point;
    rated.has_threshold = job.has_threshold, rated.threshold = job.threshold;
    rated.confidence = job.confidence.data;
    rated.conf_n = job.confidence.stride_n, rated.conf_h = job.confidence.stride_h;
    rated.conf_w = job.confidence.stride_w;
    launch_softmax(rated, stream, undefined);
}

} // namespace

std::size_t argmax_workspace(const ArgmaxJob &job) {
    const Logits &logits = job.logits;
    return by_cells(job) ? static_cast<std::size_t>(logits.n * logits.h * logits.w) * sizeof(int)
                         : 0;
}

void launch_argmax(const ArgmaxJob &job, std::uintptr_t stream, ErrorCounts *errors,
                   void *workspace) {
    if (!job.confidence.data) return label(job, stream, errors, workspace);
    if (at_once(job)) return argmax_confidence(job, stream, errors);
    label(job, stream, errors, workspace);
    rate(job, stream, errors ? &errors->undefined_confidence : nullptr);
}

} // namespace segpost::gpu
