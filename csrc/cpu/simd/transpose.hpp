// Channels-last rows of float32 to planes, in registers. Only included by load.hpp.
#pragma once

#include "cpu/simd/vector.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// Pixels from the first on, as many as full vectors hold; how many those are. The last four classes
// may be some of the four before them.
inline std::int64_t transpose_pixels(const char *from, std::int64_t stride_w, std::int64_t classes,
                                     std::int64_t count, float *planes, std::int64_t pitch) {
    constexpr std::int64_t ahead = 4096; // bytes: one stream is too few for the memory
    if (classes < 4 || stride_w % 4) return 0;
    const std::int64_t step = stride_w / 4;
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        const char *pixels = from + i * stride_w;
        for (std::int64_t byte = 0; byte < lanes * stride_w; byte += 64)
            __builtin_prefetch(pixels + ahead + byte);
        for (std::int64_t k = 0; k < classes; k += 4) {
            const std::int64_t c = min(k, classes - 4);
            transpose_classes<F>(reinterpret_cast<const float *>(pixels) + c, step,
                                 planes + c * pitch + i, pitch);
        }
    }
    return i;
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
