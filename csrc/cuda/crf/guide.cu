// The range of every channel of a guide.
#include "cuda/crf/features.hpp"
#include "cuda/runtime/errors.hpp"
#include "cuda/runtime/grid_1d.hpp"

#include <algorithm>

namespace segpost::gpu {
namespace {

constexpr unsigned most_blocks = 512;

// Doubles in the order of unsigned numbers, 0 below all of them.
__device__ unsigned long long ordered_key(double value) {
    unsigned long long bits;
    memcpy(&bits, &value, 8);
    return bits >> 63 ? ~bits : bits | 1ull << 63;
}

// keys[0]: complements of the least keys, keys[1]: the largest.
__global__ void range_reduce(GuideView guide, Shape shape, unsigned long long *keys,
                             ErrorCount *errors) {
    ThreadErrors bad;
    for (std::int64_t c = 0; c < guide.channels; ++c) {
        unsigned long long least = 0, most = 0;
        for (std::int64_t p = thread_index(); p < shape.pixels();
             p += static_cast<std::int64_t>(gridDim.x) * block_size) {
            const Place place(shape, p);
            const double value =
                load<Any>(guide.data + place.z * guide.stride_d + place.y * guide.stride_h +
                              place.x * guide.stride_w + c * guide.stride_c,
                          guide.dtype);
            if (!(fabs(value) <= 1.7976931348623157e308)) {
                bad.add(1, p * guide.channels + c);
                continue;
            }
            const unsigned long long key = ordered_key(value);
            if (key > most) most = key;
            if (~key > least) least = ~key;
        }
        least = warp_max(least), most = warp_max(most);
        if (lane_index() == 0) {
            atomicMax(keys + c, least);
            atomicMax(keys + guide.channels + c, most);
        }
    }
    add_errors(errors, bad);
}

} // namespace

void launch_feature_range(const GuideView &guide, std::int64_t d, std::int64_t h, std::int64_t w,
                          std::uintptr_t stream, unsigned long long *keys, ErrorCount *errors) {
    const unsigned blocks = std::min(blocks_of(d * h * w).x, most_blocks);
    launch(stream_of(stream), dim3(blocks), dim3(block_size), 0, range_reduce, guide,
           Shape{d, h, w}, keys, errors);
}

} // namespace segpost::gpu
