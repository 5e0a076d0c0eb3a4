// x86-64-v2: SSE4.2.
#pragma once

#include "cpu/simd/x86_64_128.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr int lanes = 4;
constexpr int float16_lanes = 0;

inline std::uint64_t differing_bytes(const std::uint8_t *a, const std::uint8_t *b,
                                     const std::uint8_t *c, const std::uint8_t *d) {
    std::uint64_t bits = 0;
    for (int k = 0; k < 64; k += 16) {
        const __m128i same =
            _mm_and_si128(_mm_cmpeq_epi8(load<__m128i>(a + k), load<__m128i>(b + k)),
                          _mm_cmpeq_epi8(load<__m128i>(c + k), load<__m128i>(d + k)));
        bits |= static_cast<std::uint64_t>(_mm_movemask_epi8(same) ^ 0xffff) << k;
    }
    return bits;
}
inline std::uint64_t differing_bytes(const std::uint8_t *a, const std::uint8_t *b) {
    std::uint64_t bits = 0;
    for (int k = 0; k < 64; k += 16) {
        const __m128i same = _mm_cmpeq_epi8(load<__m128i>(a + k), load<__m128i>(b + k));
        bits |= static_cast<std::uint64_t>(_mm_movemask_epi8(same) ^ 0xffff) << k;
    }
    return bits;
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
