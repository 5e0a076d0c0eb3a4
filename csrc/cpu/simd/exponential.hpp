// exp and log of float32 vectors. Only included by *.simd.cpp.
#pragma once

#include "cpu/simd/vector.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// 2^(x log2(e) - shift) within 2e-7 (1 + |x|) relative, for results up to 1e38; 0 below 1e-28, so
// that nothing becomes a denormal later. Some number where x is NaN or the result is larger.
template <class V> inline V exponential(V x, float shift = 0.0f) {
    using W = UIntOf<V>;
    const V power =
        larger(fma(x, broadcast<V>(1.44269504f), broadcast<V>(-shift)), broadcast<V>(-93.0f));
    const V shifted = power + 12582912.0f; // the nearest integer in the low bits
    const V f = power - (shifted - 12582912.0f);
    V p =
        broadcast<V>(1.32764410e-3f); // 2^f on [-1/2, 1/2], least squares on Chebyshev nodes: 8e-8
    p = fma(p, f, broadcast<V>(9.67554096e-3f));
    p = fma(p, f, broadcast<V>(5.55071346e-2f));
    p = fma(p, f, broadcast<V>(2.40221202e-1f));
    p = fma(p, f, broadcast<V>(6.93146944e-1f));
    p = fma(p, f, broadcast<V>(1.0f));
    const W alive = (W)(power > broadcast<V>(-93.0f));
    return (V)(((W)p + ((W)shifted << 23)) & alive);
}

// 2^f = 1 + f q(f) on [0, 1], by the degree of the whole: minimax, so that 2^0 is exactly 1.
// Relative errors 2.9e-6, 8.3e-8, 2.2e-9, before rounding.
template <int degree, class V> inline V power_of_fraction(V f) {
    constexpr int n = degree - 4;
    constexpr float table[3][6] = {
        {0.0134267071f, 0.0522424318f, 0.241280228f, 0.693044841f},
        {0.00186695252f, 0.00901748054f, 0.0557995141f, 0.240164593f, 0.693151295f},
        {0.000215573862f, 0.00124846748f, 0.00967353676f, 0.0554862842f, 0.24022907f, 0.693147063f},
    };
    static_assert(degree >= 4 && degree <= 6, "as many terms as there are in the table");
    V p = broadcast<V>(table[n][0]);
    for (int i = 1; i < degree; ++i) p = fma(p, f, broadcast<V>(table[n][i]));
    return fma(p, f, broadcast<V>(1.0f));
}

// 2^x for x up to 120, -inf included; below 2^-126 some number up to that, NaN where x is NaN.
template <int degree, class V> inline V power_of_two(V x) {
    return scale_by_power(power_of_fraction<degree>(fraction_of(x)), x);
}

// log(x) for normal x > 0, within 3e-7 absolute near 1 and relative elsewhere. Some number where x
// is negative or NaN.
template <class V> inline V logarithm(V x) {
    using W = IntOf<V>;
    // x = 2^n m, m in [sqrt(1/2), sqrt(2))
    const W bits = (W)((UIntOf<V>)x - 0x3f3504f3u);
    const W n = bits >> 23;
    const V m = (V)((bits & 0x7fffff) + 0x3f3504f3);
    const V s = (m - 1.0f) / (m + 1.0f), z = s * s; // log m = 2 artanh s
    V p = broadcast<V>(2.0f / 9);
    p = fma(p, z, broadcast<V>(2.0f / 7));
    p = fma(p, z, broadcast<V>(2.0f / 5));
    p = fma(p, z, broadcast<V>(2.0f / 3));
    p = fma(p * z, s, s + s);
    const V e = __builtin_convertvector(n, V);
    return fma(e, broadcast<V>(0.693359375f), fma(e, broadcast<V>(-2.12194440e-4f), p));
}

inline float sum_of(Vec<4>::f32 v) { return (v[0] + v[2]) + (v[1] + v[3]); }
inline Vec<4>::f32 quarter(Vec<4>::f32 v) { return v; }
inline Vec<4>::f32 quarter(Vec<8>::f32 v) {
    return __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
}
inline Vec<4>::f32 quarter(Vec<16>::f32 v) {
    return quarter(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                   __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
}
inline float maximum(Vec<4>::f32 v) {
    const Vec<4>::f32 w = max(v, __builtin_shufflevector(v, v, 2, 3, 0, 1));
    return w[0] > w[1] ? w[0] : w[1];
}
inline float maximum(Vec<8>::f32 v) {
    return maximum(
        max(__builtin_shufflevector(v, v, 0, 1, 2, 3), __builtin_shufflevector(v, v, 4, 5, 6, 7)));
}
inline float maximum(Vec<16>::f32 v) {
    return maximum(max(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                       __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)));
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
