// Volumes between their slices, and masks of volumes: a thread makes one value. Masks go by the
// definition, which float64 decides.
#include "cuda/labels/argmax.hpp"
#include "cuda/labels/corners.hpp"
#include "cuda/runtime/division.hpp"
#include "cuda/runtime/errors.hpp"
#include "cuda/runtime/launch.hpp"

#include "ops/labels/volumes.hpp"

namespace segpost::gpu {
namespace {

template <class S> __global__ void blend(const BlendJob job) {
    const Logits &logits = job.logits;
    const std::int64_t place = thread_index();
    if (place >= job.images * logits.c * logits.h * logits.w) return;
    const std::int64_t row = divide(place, logits.w), x = place - row * logits.w;
    const std::int64_t plane = divide(row, logits.h), y = row - plane * logits.h;
    const std::int64_t image = divide(plane, logits.c), c = plane - image * logits.c;
    const SlicePair slices = logits.slices_of(job.first + image);
    const char *from = logits.row(slices.first, y) + c * logits.stride_c + x * logits.stride_w;
    const double front = load<S>(from, logits.dtype);
    double value = front;
    if (slices.blends()) {
        const double back = load<S>(from + logits.stride_n, logits.dtype);
        value = slices.front * front + slices.back * back;
    }
    job.out[place] = value;
}

// The eight logits around a voxel; where an axis has one sample it is its own neighbor.
template <class S> struct Corners {
    const char *at[8];

    __device__ Corners(const BinarizeVolumeJob &job, std::int64_t z, std::int64_t y,
                       std::int64_t x) {
        const std::int64_t cell[3] = {job.z.cell[z], job.y.cell[y], job.x.cell[x]};
        for (int i = 0; i < 8; ++i) {
            const std::int64_t slice = next(job.z, cell[0], i & 4);
            const std::int64_t row = next(job.y, cell[1], i & 2);
            const std::int64_t column = next(job.x, cell[2], i & 1);
            at[i] = job.logits.data + slice * job.stride_d + row * job.logits.stride_h +
                    column * job.logits.stride_w;
        }
    }
    static __device__ std::int64_t next(const Axis &axis, std::int64_t cell, int behind) {
        return behind && cell + 1 < axis.n_in ? cell + 1 : cell;
    }
    __device__ void load_channel(const Logits &logits, std::int64_t c, Widened<S> (&to)[8]) const {
        for (int i = 0; i < 8; ++i) to[i] = load<S>(at[i] + c * logits.stride_c, logits.dtype);
    }
};

template <class S>
__global__ void binarize_voxels(const BinarizeVolumeJob job, ErrorCounts *errors) {
    const std::int64_t voxels = job.z.n_out * job.y.n_out * job.x.n_out, place = thread_index();
    ThreadErrors undefined;
    if (place < voxels) {
        const std::int64_t row = divide(place, job.x.n_out), x = place - row * job.x.n_out;
        const std::int64_t z = divide(row, job.y.n_out), y = row - z * job.y.n_out;
        const CornerWeights<8> weights = corner_weights(job.z, z, job.y, y, job.x, x);
        const Corners<S> corners(job, z, y, x);
        std::int32_t label = 0;
        for (std::int64_t c = 0; c < job.logits.c; ++c) {
            Widened<S> corner[8];
            corners.load_channel(job.logits, c, corner);
            const double sum = weights.sum(corner);
            undefined.add(sum != sum, c * voxels + place);
            const bool is_set = sum > job.cutoffs[c];
            if (is_set && job.values) label = job.values[c];
            if (!job.values) job.row(0, c, z, y)[x] = is_set;
        }
        if (job.values && job.narrow)
            job.row(0, 0, z, y)[x] = static_cast<char>(label);
        else if (job.values)
            reinterpret_cast<std::int32_t *>(job.row(0, 0, z, y))[x] = label;
    }
    add_errors(errors ? &errors->undefined : nullptr, undefined);
}

} // namespace

void launch_blend_slices(const BlendJob &job, std::uintptr_t stream) {
    const Logits &logits = job.logits;
    with_element(logits.dtype, [&](auto element) {
        launch(stream_of(stream), blocks_of(job.images * logits.c * logits.h * logits.w),
               dim3(block_size), 0, blend<decltype(element)>, job);
    });
}

void launch_binarize_volume(const BinarizeVolumeJob &job, std::uintptr_t stream,
                            ErrorCounts *errors) {
    if (errors && has_nan(job.logits.dtype)) count_nan(slices_of(job), stream, errors);
    with_element(job.logits.dtype, [&](auto element) {
        launch(stream_of(stream), blocks_of(job.z.n_out * job.y.n_out * job.x.n_out),
               dim3(block_size), 0, binarize_voxels<decltype(element)>, job, errors);
    });
}

} // namespace segpost::gpu
