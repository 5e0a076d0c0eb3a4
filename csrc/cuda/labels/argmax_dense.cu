// argmax of resampled logits by the definition (ops/exact.hpp): a thread makes an output pixel.
#include "cuda/labels/argmax.hpp"
#include "cuda/labels/corners.hpp"
#include "cuda/labels/label_rows.hpp"
#include "cuda/runtime/errors.hpp"

namespace segpost::gpu {
namespace {

constexpr unsigned dense_block = 128; // threads

template <class S> __global__ void __launch_bounds__(dense_block)
    label_pixels(const Classes<S> classes, const Axis axis_y, const Axis axis_x,
                 const LabelOutput out, unsigned blocks_of_row, ErrorCounts *errors) {
    __shared__ int labels[dense_block];
    const unsigned lane = lane_index(), warp = threadIdx.x - lane;
    const unsigned row = blockIdx.x / blocks_of_row;
    const std::int64_t height = axis_y.n_out, width = axis_x.n_out;
    const std::int64_t image = row / height, y = row % height;
    const std::int64_t begin =
        static_cast<std::int64_t>(blockIdx.x % blocks_of_row) * dense_block + warp;
    const std::int64_t x = begin + lane;
    ThreadErrors undefined;
    if (x < width) {
        const CellCorners<S> corners(classes, axis_y, axis_x, image, axis_y.cell[y],
                                     axis_x.cell[x]);
        const ExactLabel exact =
            evaluate_exact(corners, corner_weights(axis_y, y, axis_x, x), {nullptr, classes.count});
        labels[threadIdx.x] = exact.label();
        undefined.add(exact.is_undefined(), (image * height + y) * width + x);
    }
    __syncwarp();
    const std::int64_t left = width - begin;
    if (left > 0)
        write_pixels(out, image, y, begin, labels + warp,
                     static_cast<int>(left < warp_size ? left : warp_size), lane);
    add_errors(errors ? &errors->undefined : nullptr, undefined);
}

} // namespace

void argmax_dense(const ArgmaxJob &job, std::uintptr_t stream, ErrorCounts *errors) {
    const std::int64_t blocks_of_row = (job.x.n_out + dense_block - 1) / dense_block;
    const std::int64_t blocks = blocks_of_row * job.y.n_out * job.logits.n;
    with_element(job.logits.dtype, [&](auto element) {
        using S = decltype(element);
        launch(stream_of(stream), dim3(static_cast<unsigned>(blocks)), dim3(dense_block), 0,
               label_pixels<S>, Classes<S>(job), job.y, job.x, LabelOutput(job),
               static_cast<unsigned>(blocks_of_row), errors);
    });
}

} // namespace segpost::gpu
