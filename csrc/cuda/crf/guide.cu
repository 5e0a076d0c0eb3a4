// What has to be known of a guide's channels before pixels have places on a lattice.
#include "cuda/crf/features.hpp"
#include "cuda/runtime/one_each.hpp"
#include "cuda/runtime/tally.hpp"

#include <algorithm>

namespace segpost::gpu {
namespace {

constexpr unsigned most_blocks = 512;

// Doubles in the order of unsigned numbers, 0 below all of them.
__device__ unsigned long long ordered(double value) {
    unsigned long long bits;
    memcpy(&bits, &value, 8);
    return bits >> 63 ? ~bits : bits | 1ull << 63;
}

// codes[0]: complements of the least values, codes[1]: the largest.
__global__ void survey_guide(GuideView guide, Shape shape, unsigned long long *codes,
                             Tally *found) {
    BadValues bad;
    for (std::int64_t c = 0; c < guide.channels; ++c) {
        unsigned long long least = 0, most = 0;
        for (std::int64_t p = here(); p < shape.pixels();
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
            const unsigned long long code = ordered(value);
            if (code > most) most = code;
            if (~code > least) least = ~code;
        }
        least = most_of_warp(least), most = most_of_warp(most);
        if (threadIdx.x % 32 == 0) {
            atomicMax(codes + c, least);
            atomicMax(codes + guide.channels + c, most);
        }
    }
    report(found, bad);
}

} // namespace

void run_guide_range(const GuideView &guide, std::int64_t d, std::int64_t h, std::int64_t w,
                     std::uintptr_t stream, unsigned long long *codes, Tally *found) {
    const unsigned blocks = std::min(blocks_of(d * h * w).x, most_blocks);
    launch(stream_of(stream), dim3(blocks), dim3(block_size), 0, survey_guide, guide,
           Shape{d, h, w}, codes, found);
}

} // namespace segpost::gpu
