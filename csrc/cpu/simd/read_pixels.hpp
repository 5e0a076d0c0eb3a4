// Rows of an image of any strides. Only included by *.simd.cpp.
#pragma once

#include "cpu/simd/vector.hpp"
#include "ops/view.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// A row as packed RGB.
inline void read_pixels(const Image &image, std::int64_t n, std::int64_t y, std::uint8_t *to) {
    const char *row = image.row(n, y);
    for (std::int64_t x = 0; x < image.w; ++x)
        for (int k = 0; k < 3; ++k)
            to[3 * x + k] = static_cast<std::uint8_t>(row[x * image.stride_w + k * image.channel]);
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
