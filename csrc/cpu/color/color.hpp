// Labels to packed RGB through a table of 0x00bbggrr. Only included by *.simd.cpp.
#pragma once

#include "cpu/simd/vec.hpp"

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

#if defined(__AVX512BW__)
// Drops every fourth byte of 16 colors.
inline __m512i pack_colors(__m512i colors) {
    const __m512i within = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    const __m512i across =
        _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 15, 15, 15);
    return _mm512_permutexvar_epi32(across, _mm512_shuffle_epi8(colors, within));
}

template <class L> inline __m512i load_index(const L *labels) {
    if constexpr (sizeof(L) == 1)
        return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(labels)));
    else
        return _mm512_loadu_si512(labels);
}
#endif

// `entries` is the number of rows of the table that labels can reach; the table holds 32 at least.
template <class L> inline void color_span(const L *labels, const std::uint32_t *lut,
                                          std::int64_t entries, std::uint8_t *out,
                                          std::int64_t count) {
    std::int64_t i = 0;
#if defined(__AVX512BW__)
    constexpr __mmask16 twelve = 0x0fff;
    if (entries <= 32) {
        const __m512i low = _mm512_loadu_si512(lut), high = _mm512_loadu_si512(lut + 16);
        for (; i + 16 <= count; i += 16)
            _mm512_mask_storeu_epi32(
                out + 3 * i, twelve,
                pack_colors(_mm512_permutex2var_epi32(low, load_index(labels + i), high)));
    } else {
        for (; i + 16 <= count; i += 16)
            _mm512_mask_storeu_epi32(
                out + 3 * i, twelve,
                pack_colors(_mm512_i32gather_epi32(load_index(labels + i), lut, 4)));
    }
#else
    (void)entries;
#endif
    color_span_scalar(labels + i, lut, out + 3 * i, count - i);
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
