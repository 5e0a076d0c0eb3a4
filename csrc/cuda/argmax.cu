// Which road argmax takes.
#include "argmax.hpp"
#include "load.hpp"

namespace segpost::gpu {
namespace {

// With fewer outputs than inputs hardly a cell holds two of them: there is nothing to share.
bool by_cells(const ArgmaxJob &job) {
    return job.resample && fits_float(job.logits.dtype) && job.y.n_out >= job.y.n_in &&
           job.x.n_out >= job.x.n_in;
}

} // namespace

std::size_t argmax_workspace(const ArgmaxJob &job) {
    const Logits &logits = job.logits;
    return by_cells(job) ? static_cast<std::size_t>(logits.n * logits.h * logits.w) * sizeof(int)
                         : 0;
}

void run_argmax(const ArgmaxJob &job, std::uintptr_t stream, Tallies *found, void *workspace) {
    if (!job.resample) {
        argmax_pixels(job, stream, found);
    } else if (by_cells(job)) {
        int *corners = static_cast<int *>(workspace);
        rank_logits(job, stream, found, corners);
        argmax_cells(job, stream, found, corners);
    } else {
        if (found && has_nan(job.logits.dtype)) count_nan(job, stream, found);
        argmax_dense(job, stream, found);
    }
}

} // namespace segpost::gpu
