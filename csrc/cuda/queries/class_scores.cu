// Query heads: the sums over the queries of class weight times mask, by the definition in float64.
#include "cuda/queries/points.hpp"
#include "cuda/runtime/division.hpp"
#include "cuda/runtime/errors.hpp"
#include "cuda/runtime/grid_1d.hpp"
#include "cuda/runtime/launch.hpp"

namespace segpost::gpu {
namespace {

constexpr unsigned score_block_size = 128; // threads
constexpr int together = 16;               // classes that are summed in one pass over the queries

// A thread has a point of the region.
template <class S> __global__ void __launch_bounds__(score_block_size)
    sum_masks(const ClassScoresJob job) {
    const std::int64_t points = job.height * job.width, place = thread_index();
    if (place >= points) return;
    const std::int64_t row = divide(place, job.width);
    const std::int64_t y = job.top + row, x = job.left + place - row * job.width;
    const PointCorners<S> corners(job.masks, job.y, y, job.x, x);
    for (std::int64_t first = 0; first < job.classes; first += together) {
        double sums[together] = {};
        for (std::int64_t q = 0; q < job.masks.c; ++q) {
            const double mask = exact_sigmoid(corners.value(job.masks, q));
            const double *weight = job.weights + q * job.classes + first;
            for (int k = 0; k < together; ++k)
                if (first + k < job.classes) sums[k] += weight[k] * mask;
        }
        for (int k = 0; k < together; ++k)
            if (first + k < job.classes) job.scores[(first + k) * points + place] = sums[k];
    }
}

// Places are flat indices into (N, Q, h, w).
template <class S> __global__ void find_not_finite(const Logits values, ErrorCount *errors) {
    const std::int64_t place = thread_index();
    ThreadErrors bad;
    if (place < values.n * values.c * values.h * values.w) {
        const std::int64_t row = divide(place, values.w), x = place - row * values.w;
        const std::int64_t plane = divide(row, values.h), y = row - plane * values.h;
        const std::int64_t n = divide(plane, values.c), c = plane - n * values.c;
        const char *from = values.row(n, y) + c * values.stride_c + x * values.stride_w;
        const double value = load<S>(from, values.dtype);
        bad.add(!(value - value == 0.0), place);
    }
    add_errors(errors, bad);
}

} // namespace

void launch_class_scores(const ClassScoresJob &job, std::uintptr_t stream) {
    with_element(job.masks.dtype, [&](auto element) {
        launch(stream_of(stream), blocks_of(job.height * job.width, score_block_size),
               dim3(score_block_size), 0, sum_masks<decltype(element)>, job);
    });
}

void launch_count_not_finite(const Logits &values, std::uintptr_t stream, ErrorCount *errors) {
    with_element(values.dtype, [&](auto element) {
        launch(stream_of(stream), blocks_of(values.n * values.c * values.h * values.w),
               dim3(block_size), 0, find_not_finite<decltype(element)>, values, errors);
    });
}

} // namespace segpost::gpu
