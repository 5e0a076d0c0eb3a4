// Vectors of 256 bits on x86-64-v3 and above.
#pragma once

#include "cpu/simd/x86_64_128.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

using F8 = Vec<8>::f32;
using I8 = Vec<8>::i32;

template <> inline F8 max(F8 a, F8 b) { return (F8)_mm256_max_ps((__m256)a, (__m256)b); }
template <> inline F8 min(F8 a, F8 b) { return (F8)_mm256_min_ps((__m256)a, (__m256)b); }
template <> inline F4 fma(F4 a, F4 b, F4 c) {
    return (F4)_mm_fmadd_ps((__m128)a, (__m128)b, (__m128)c);
}
template <> inline F8 fma(F8 a, F8 b, F8 c) {
    return (F8)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
template <> inline F4 load_float16<F4>(const Float16 *from) {
    return (F4)_mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(from)));
}
template <> inline F8 load_float16<F8>(const Float16 *from) {
    return (F8)_mm256_cvtph_ps(load<__m128i>(from));
}
template <> inline void store_float16(Float16 *to, F4 v) {
    _mm_storel_epi64(reinterpret_cast<__m128i *>(to),
                     _mm_cvtps_ph((__m128)v, _MM_FROUND_TO_NEAREST_INT));
}
template <> inline void store_float16(Float16 *to, F8 v) {
    store(to, _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT));
}
template <> inline bool any(I8 m) { return !_mm256_testz_si256((__m256i)m, (__m256i)m); }
template <> inline std::uint32_t mask_bits(I8 m) {
    return static_cast<std::uint32_t>(_mm256_movemask_ps((__m256)m));
}
template <> inline I8 unordered(F8 a, F8 b) {
    return (I8)_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_UNORD_Q);
}
template <> inline F8 permute(F8 v, I8 index) {
    return (F8)_mm256_permutevar8x32_ps((__m256)v, (__m256i)index);
}
template <> inline auto low_bytes(I8 v) {
    const __m128i order = _mm_set1_epi32(0x0c080400);
    const __m128i low = _mm_shuffle_epi8(_mm256_castsi256_si128((__m256i)v), order);
    const __m128i high = _mm_shuffle_epi8(_mm256_extracti128_si256((__m256i)v, 1), order);
    return (Vec<8>::u8)_mm_cvtsi128_si64(_mm_unpacklo_epi32(low, high));
}
template <> inline F8 widen_bytes<F8>(const std::uint8_t *from) {
    return (F8)_mm256_cvtepi32_ps(
        _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(from))));
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
