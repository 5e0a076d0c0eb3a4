// Labels to packed RGB through a table of 0x00bbggrr. Only included by *.simd.cpp.
#pragma once

#include "cpu/simd/vector.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

inline void put_color(std::uint8_t *out, std::uint32_t color) {
    out[0] = static_cast<std::uint8_t>(color);
    out[1] = static_cast<std::uint8_t>(color >> 8);
    out[2] = static_cast<std::uint8_t>(color >> 16);
}

// Every store but the last writes one byte of the next pixel, which comes right after.
template <class L> inline void color_span_scalar(const L *labels, const std::uint32_t *lut,
                                                 std::uint8_t *out, std::int64_t count) {
    for (std::int64_t i = 0; i + 1 < count; ++i) {
        const std::uint32_t color = lut[labels[i]];
        __builtin_memcpy(out + 3 * i, &color, 4);
    }
    if (count > 0) put_color(out + 3 * (count - 1), lut[labels[count - 1]]);
}

// `entries` is the number of rows of the table that labels can reach; the table holds 32 at least.
template <class L> inline void color_span(const L *labels, const std::uint32_t *lut,
                                          std::int64_t entries, std::uint8_t *out,
                                          std::int64_t count) {
    const std::int64_t i = color_blocks(labels, lut, entries, out, count);
    color_span_scalar(labels + i, lut, out + 3 * i, count - i);
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
