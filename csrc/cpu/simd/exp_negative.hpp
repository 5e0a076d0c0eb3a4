// exp in float32 by operations that no SIMD level fuses: the same bits on all of them, and those of
// segpost._core.exponential. Only included by *.simd.cpp.
#pragma once

#include "cpu/simd/vector.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// exp(x) for x <= 0 within 1.2e-7 relative; 0 below -87; NaN stays.
inline float exp_negative(float x) {
    const float clamped = x < -87.0f ? -87.0f : x;
    const float shifted = clamped * 1.44269504f + 12582912.0f; // round to an integer
    const float n = shifted - 12582912.0f;
    const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f; // ln 2 in two parts
    float p =
        1.39464473e-3f; // (exp(r) - 1 - r) / r^2, least squares on Chebyshev nodes: 7e-8 relative
    p = p * r + 8.36915895e-3f;
    p = p * r + 4.16662619e-2f;
    p = p * r + 1.66665167e-1f;
    p = p * r + 0.5f;
    p = (p * r * r + r) + 1.0f;
    std::uint32_t bits; // of NaN they may be any
    __builtin_memcpy(&bits, &shifted, 4);
    bits = (bits + 127) << 23;
    float power;
    __builtin_memcpy(&power, &bits, 4);
    return x < -87.0f ? 0.0f : p * power;
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
