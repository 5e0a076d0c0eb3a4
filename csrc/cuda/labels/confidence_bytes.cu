// Confidence for those who only show it: rint(255 c), 0 for NaN.
#include "gpu.hpp"

#include "cuda/runtime/division.hpp"
#include "cuda/runtime/grid_1d.hpp"
#include "cuda/runtime/launch.hpp"

namespace segpost::gpu {
namespace {

__global__ void to_bytes(LabelView from, LabelView to) {
    const std::int64_t p = thread_index();
    if (p >= to.n * to.h * to.w) return;
    const std::int64_t row = divide(p, to.w), x = p - row * to.w;
    const std::int64_t n = divide(row, to.h), y = row - n * to.h;
    const float c = *reinterpret_cast<const float *>(from.row(n, y) + x * from.stride_w);
    *reinterpret_cast<std::uint8_t *>(to.row(n, y) + x * to.stride_w) =
        c == c ? static_cast<std::uint8_t>(rintf(255.0f * c)) : 0;
}

} // namespace

void launch_confidence_bytes(const LabelView &from, const LabelView &to, std::uintptr_t stream) {
    launch(stream_of(stream), blocks_of(to.n * to.h * to.w), dim3(block_size), 0, to_bytes, from,
           to);
}

} // namespace segpost::gpu
