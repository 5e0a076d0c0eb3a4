// argmax of resampled logits by the definition: a thread makes an output pixel.
#include "cuda/labels/argmax.hpp"
#include "cuda/labels/definition.hpp"
#include "cuda/labels/label_rows.hpp"
#include "cuda/runtime/tally.hpp"

namespace segpost::gpu {
namespace {

constexpr unsigned block_size = 128;

template <class S> __global__ void __launch_bounds__(block_size)
    define_pixels(const Classes<S> classes, const Axis axis_y, const Axis axis_x,
                  const LabelOutput out, unsigned blocks_of_row, Tallies *found) {
    __shared__ int labels[block_size];
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x - lane;
    const unsigned row = blockIdx.x / blocks_of_row;
    const std::int64_t height = axis_y.n_out, width = axis_x.n_out;
    const std::int64_t image = row / height, y = row % height;
    const std::int64_t begin =
        static_cast<std::int64_t>(blockIdx.x % blocks_of_row) * block_size + warp;
    const std::int64_t x = begin + lane;
    BadValues undefined;
    if (x < width) {
        const Corners<S> corners(classes, axis_y, axis_x, image, axis_y.cell[y], axis_x.cell[x]);
        bool nothing = false;
        labels[threadIdx.x] = define(classes, corners, Weights(axis_y, axis_x, y, x), nothing);
        undefined.add(nothing, (image * height + y) * width + x);
    }
    __syncwarp();
    const std::int64_t left = width - begin;
    if (left > 0)
        write_pixels(out, image, y, begin, labels + warp, static_cast<int>(left < 32 ? left : 32),
                     lane);
    report(found ? &found->undefined : nullptr, undefined);
}

} // namespace

void argmax_dense(const ArgmaxJob &job, std::uintptr_t stream, Tallies *found) {
    const std::int64_t blocks_of_row = (job.x.n_out + block_size - 1) / block_size;
    const std::int64_t blocks = blocks_of_row * job.y.n_out * job.logits.n;
    with_element(job.logits.dtype, [&](auto element) {
        using S = decltype(element);
        launch(stream_of(stream), dim3(static_cast<unsigned>(blocks)), dim3(block_size), 0,
               define_pixels<S>, Classes<S>(job), job.y, job.x, LabelOutput(job),
               static_cast<unsigned>(blocks_of_row), found);
    });
}

} // namespace segpost::gpu
