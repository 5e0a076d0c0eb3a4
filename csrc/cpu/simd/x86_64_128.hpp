// Vectors of 128 bits on every x86-64 level.
#pragma once

#include "cpu/simd/generic.hpp"

#include <immintrin.h>

namespace segpost::SEGPOST_LEVEL {
namespace {

using F4 = Vec<4>::f32;
using I4 = Vec<4>::i32;

template <> inline F4 max(F4 a, F4 b) { return (F4)_mm_max_ps((__m128)a, (__m128)b); }
template <> inline F4 min(F4 a, F4 b) { return (F4)_mm_min_ps((__m128)a, (__m128)b); }
template <> inline bool any(I4 m) { return !_mm_testz_si128((__m128i)m, (__m128i)m); }

template <> inline auto low_bytes(I4 v) {
    const __m128i bytes = _mm_shuffle_epi8((__m128i)v, _mm_set1_epi32(0x0c080400));
    return (Vec<4>::u8)_mm_cvtsi128_si32(bytes);
}
template <> inline std::uint32_t mask_bits(I4 m) {
    return static_cast<std::uint32_t>(_mm_movemask_ps((__m128)m));
}

// The compiler's own code takes the bytes one by one.
template <> inline F4 widen_bytes<F4>(const std::uint8_t *from) {
    return (F4)_mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(load<std::int32_t>(from))));
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
