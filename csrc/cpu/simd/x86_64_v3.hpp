// x86-64-v3: AVX2, FMA, F16C.
#pragma once

#include "cpu/simd/x86_64_256.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr int lanes = 8;
constexpr int float16_lanes = 8;

inline std::uint64_t differing_bytes(const std::uint8_t *a, const std::uint8_t *b,
                                     const std::uint8_t *c, const std::uint8_t *d) {
    std::uint64_t bits = 0;
    for (int k = 0; k < 64; k += 32) {
        const __m256i same =
            _mm256_and_si256(_mm256_cmpeq_epi8(load<__m256i>(a + k), load<__m256i>(b + k)),
                             _mm256_cmpeq_epi8(load<__m256i>(c + k), load<__m256i>(d + k)));
        bits |= static_cast<std::uint64_t>(~static_cast<std::uint32_t>(_mm256_movemask_epi8(same)))
                << k;
    }
    return bits;
}
inline std::uint64_t differing_bytes(const std::uint8_t *a, const std::uint8_t *b) {
    std::uint64_t bits = 0;
    for (int k = 0; k < 64; k += 32) {
        const __m256i same = _mm256_cmpeq_epi8(load<__m256i>(a + k), load<__m256i>(b + k));
        bits |= static_cast<std::uint64_t>(~static_cast<std::uint32_t>(_mm256_movemask_epi8(same)))
                << k;
    }
    return bits;
}

inline void widen_float16(const Float16 *from, float *to) {
    store(to, _mm256_cvtph_ps(load<__m128i>(from)));
}
inline void narrow_float16(const float *from, Float16 *to) {
    store(to, _mm256_cvtps_ph(load<__m256>(from), _MM_FROUND_TO_NEAREST_INT));
}

// A half of a vector is a pixel until the halves of two vectors are exchanged twice.
template <> inline void transpose_classes<F8>(const float *from, std::int64_t step, float *to,
                                              std::int64_t pitch) {
    const auto four = [&](int pixel) { return _mm_loadu_ps(from + pixel * step); };
    const auto row = [&](int pixel) {
        return _mm256_insertf128_ps(_mm256_castps128_ps256(four(pixel)), four(pixel + 4), 1);
    };
    const __m256 a = row(0), b = row(1), c = row(2), d = row(3);
    const __m256 p = _mm256_unpacklo_ps(a, b), q = _mm256_unpacklo_ps(c, d);
    const __m256 r = _mm256_unpackhi_ps(a, b), s = _mm256_unpackhi_ps(c, d);
    store(to, _mm256_shuffle_ps(p, q, 0x44));
    store(to + pitch, _mm256_shuffle_ps(p, q, 0xee));
    store(to + 2 * pitch, _mm256_shuffle_ps(r, s, 0x44));
    store(to + 3 * pitch, _mm256_shuffle_ps(r, s, 0xee));
}

inline std::int64_t narrow_blocks(const std::int32_t *labels, std::int64_t count, bool has_void,
                                  std::int64_t void_value, std::uint8_t *to, bool &odd) {
    const __m256i most = _mm256_set1_epi32(255);
    const __m256i nothing = _mm256_set1_epi32(static_cast<std::int32_t>(void_value));
    __m256i nonzero = _mm256_setzero_si256();
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        __m256i low[2];
        for (int k = 0; k < 2; ++k) {
            const __m256i a =
                _mm256_loadu_si256(reinterpret_cast<const __m256i *>(labels + i + 8 * k));
            low[k] = _mm256_min_epu32(a, most);
            if (has_void)
                nonzero =
                    _mm256_or_si256(nonzero, _mm256_andnot_si256(_mm256_cmpeq_epi32(a, nothing),
                                                                 _mm256_cmpeq_epi32(low[k], most)));
        }
        const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(low[0], low[1]), 0xd8);
        _mm_storeu_si128(
            reinterpret_cast<__m128i *>(to + i),
            _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
    }
    odd |= !_mm256_testz_si256(nonzero, nonzero);
    return i;
}
inline std::int64_t narrow_blocks(const std::int64_t *labels, std::int64_t count, bool has_void,
                                  std::int64_t void_value, std::uint8_t *to, bool &odd) {
    const __m256i zero = _mm256_setzero_si256(), most = _mm256_set1_epi32(255);
    const __m256i nothing = _mm256_set1_epi64x(void_value);
    __m256i nonzero = zero;
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        __m256i low[2];
        for (int k = 0; k < 2; ++k) {
            const __m256i *from = reinterpret_cast<const __m256i *>(labels + i + 8 * k);
            const __m256 a = _mm256_castsi256_ps(_mm256_loadu_si256(from));
            const __m256 b = _mm256_castsi256_ps(_mm256_loadu_si256(from + 1));
            const __m256i halves = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88));
            const __m256i signs = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd));
            const __m256i small = _mm256_cmpeq_epi32(signs, zero);
            // What has a high half is 2^32 - 1, and 255 like all above it.
            low[k] = _mm256_min_epu32(
                _mm256_or_si256(halves, _mm256_andnot_si256(small, _mm256_set1_epi32(-1))), most);
            if (!has_void) continue;
            const __m256i other = _mm256_castps_si256(_mm256_shuffle_ps(
                _mm256_castsi256_ps(_mm256_cmpeq_epi64(_mm256_castps_si256(a), nothing)),
                _mm256_castsi256_ps(_mm256_cmpeq_epi64(_mm256_castps_si256(b), nothing)), 0x88));
            nonzero = _mm256_or_si256(nonzero,
                                      _mm256_andnot_si256(other, _mm256_cmpeq_epi32(low[k], most)));
        }
        const __m256i words = _mm256_packus_epi32(low[0], low[1]);
        const __m256i bytes = _mm256_packus_epi16(words, words);
        // Pairs of labels ended in the order 0 2 4 6 | 1 3 5 7 of the lanes.
        const __m128i even = _mm256_castsi256_si128(bytes);
        const __m128i later = _mm256_extracti128_si256(bytes, 1);
        _mm_storeu_si128(reinterpret_cast<__m128i *>(to + i), _mm_unpacklo_epi16(even, later));
    }
    odd |= !_mm256_testz_si256(nonzero, nonzero);
    return i;
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
