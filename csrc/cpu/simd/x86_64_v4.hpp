// x86-64-v4: AVX-512 with BW, DQ and VL.
#pragma once

#include "cpu/simd/x86_64_256.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr int lanes = 16;
constexpr int float16_lanes = 16;

using F16 = Vec<16>::f32;
using I16 = Vec<16>::i32;

template <> inline F16 max(F16 a, F16 b) { return (F16)_mm512_max_ps((__m512)a, (__m512)b); }
template <> inline F16 min(F16 a, F16 b) { return (F16)_mm512_min_ps((__m512)a, (__m512)b); }
template <> inline Vec<8>::f64 max(Vec<8>::f64 a, Vec<8>::f64 b) {
    return (Vec<8>::f64)_mm512_max_pd((__m512d)a, (__m512d)b);
}
template <> inline F16 abs(F16 v) { return (F16)_mm512_abs_ps((__m512)v); }
template <> inline F16 fma(F16 a, F16 b, F16 c) {
    return (F16)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
template <> inline bool any(I16 m) { return _mm512_test_epi32_mask((__m512i)m, (__m512i)m) != 0; }
template <> inline std::uint32_t mask_bits(I16 m) {
    return static_cast<std::uint32_t>(_mm512_movepi32_mask((__m512i)m));
}
template <> inline I16 unordered(F16 a, F16 b) {
    return (I16)_mm512_movm_epi32(_mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_UNORD_Q));
}
template <> inline F16 permute(F16 v, I16 index) {
    return (F16)_mm512_permutexvar_ps((__m512i)index, (__m512)v);
}
template <> inline auto low_bytes(I16 v) { return (Vec<16>::u8)_mm512_cvtepi32_epi8((__m512i)v); }
template <> inline F16 widen_bytes<F16>(const std::uint8_t *from) {
    return (F16)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(load<__m128i>(from)));
}

template <> inline F16 fraction_of(F16 x) {
    return (F16)_mm512_reduce_ps((__m512)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
template <> inline F8 fraction_of(F8 x) {
    return (F8)_mm256_reduce_ps((__m256)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
template <> inline F16 scale_by_power(F16 p, F16 x) {
    return (F16)_mm512_scalef_ps((__m512)p, (__m512)x);
}
template <> inline F8 scale_by_power(F8 p, F8 x) {
    return (F8)_mm256_scalef_ps((__m256)p, (__m256)x);
}

inline std::uint64_t differing_bytes(const std::uint8_t *a, const std::uint8_t *b) {
    return _mm512_cmpneq_epi8_mask(load<__m512i>(a), load<__m512i>(b));
}
inline std::uint64_t differing_bytes(const std::uint8_t *a, const std::uint8_t *b,
                                     const std::uint8_t *c, const std::uint8_t *d) {
    return differing_bytes(a, b) | differing_bytes(c, d);
}

inline void widen_float16(const Float16 *from, float *to) {
    store(to, _mm512_cvtph_ps(load<__m256i>(from)));
}
inline void narrow_float16(const float *from, Float16 *to) {
    store(to, _mm512_cvtps_ph(load<__m512>(from), _MM_FROUND_TO_NEAREST_INT));
}

template <> inline F16 load_float16<F16>(const Float16 *from) {
    return (F16)_mm512_cvtph_ps(load<__m256i>(from));
}
template <> inline void store_float16(Float16 *to, F16 v) {
    store(to, _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT));
}

// A quarter of a vector is a pixel until the quarters of two vectors are exchanged twice.
template <> inline void transpose_classes<F16>(const float *from, std::int64_t step, float *to,
                                               std::int64_t pitch) {
    const auto four = [&](int pixel) { return _mm_loadu_ps(from + pixel * step); };
    const auto row = [&](int pixel) {
        const __m256 low =
            _mm256_insertf128_ps(_mm256_castps128_ps256(four(pixel)), four(pixel + 4), 1);
        const __m256 high =
            _mm256_insertf128_ps(_mm256_castps128_ps256(four(pixel + 8)), four(pixel + 12), 1);
        return _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
    };
    const __m512 a = row(0), b = row(1), c = row(2), d = row(3);
    const __m512 p = _mm512_unpacklo_ps(a, b), q = _mm512_unpacklo_ps(c, d);
    const __m512 r = _mm512_unpackhi_ps(a, b), s = _mm512_unpackhi_ps(c, d);
    store(to, _mm512_shuffle_ps(p, q, 0x44));
    store(to + pitch, _mm512_shuffle_ps(p, q, 0xee));
    store(to + 2 * pitch, _mm512_shuffle_ps(r, s, 0x44));
    store(to + 3 * pitch, _mm512_shuffle_ps(r, s, 0xee));
}

inline std::int64_t narrow_blocks(const std::int64_t *labels, std::int64_t count, bool has_void,
                                  std::int64_t void_value, std::uint8_t *to, bool &odd) {
    const __m512i most = _mm512_set1_epi64(254), nothing = _mm512_set1_epi64(void_value);
    const __mmask8 asked = has_void ? 0xff : 0;
    __mmask8 nonzero = 0;
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const __m512i a = _mm512_loadu_si512(labels + i), b = _mm512_loadu_si512(labels + i + 8);
        const __mmask8 high_a = _mm512_mask_cmpgt_epu64_mask(asked, a, most);
        const __mmask8 high_b = _mm512_mask_cmpgt_epu64_mask(asked, b, most);
        nonzero |= _mm512_mask_cmpneq_epi64_mask(high_a, a, nothing) |
                   _mm512_mask_cmpneq_epi64_mask(high_b, b, nothing);
        _mm_storeu_si128(reinterpret_cast<__m128i *>(to + i),
                         _mm_unpacklo_epi64(_mm512_cvtusepi64_epi8(a), _mm512_cvtusepi64_epi8(b)));
    }
    odd |= nonzero != 0;
    return i;
}
inline std::int64_t narrow_blocks(const std::int32_t *labels, std::int64_t count, bool has_void,
                                  std::int64_t void_value, std::uint8_t *to, bool &odd) {
    const __m512i most = _mm512_set1_epi32(254);
    const __m512i nothing = _mm512_set1_epi32(static_cast<std::int32_t>(void_value));
    const __mmask16 asked = has_void ? 0xffff : 0;
    __mmask16 nonzero = 0;
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const __m512i a = _mm512_loadu_si512(labels + i);
        const __mmask16 high = _mm512_mask_cmpgt_epu32_mask(asked, a, most);
        nonzero |= _mm512_mask_cmpneq_epi32_mask(high, a, nothing);
        _mm_storeu_si128(reinterpret_cast<__m128i *>(to + i), _mm512_cvtusepi32_epi8(a));
    }
    odd |= nonzero != 0;
    return i;
}

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

template <class L> inline std::int64_t color_blocks_of(const L *labels, const std::uint32_t *lut,
                                                       std::int64_t entries, std::uint8_t *out,
                                                       std::int64_t count) {
    constexpr __mmask16 twelve = 0x0fff;
    std::int64_t i = 0;
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
    return i;
}
inline std::int64_t color_blocks(const std::uint8_t *labels, const std::uint32_t *lut,
                                 std::int64_t entries, std::uint8_t *out, std::int64_t count) {
    return color_blocks_of(labels, lut, entries, out, count);
}
inline std::int64_t color_blocks(const std::int32_t *labels, const std::uint32_t *lut,
                                 std::int64_t entries, std::uint8_t *out, std::int64_t count) {
    return color_blocks_of(labels, lut, entries, out, count);
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
