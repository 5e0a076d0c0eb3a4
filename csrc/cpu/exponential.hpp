// exp and log of float32 vectors. Only included by *.simd.cpp.
#pragma once

#include "vec.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

template <class V> struct LanesOf;
template <> struct LanesOf<Vec<4>::f32> {
    static constexpr int n = 4;
};
template <> struct LanesOf<Vec<8>::f32> {
    static constexpr int n = 8;
};
template <> struct LanesOf<Vec<16>::f32> {
    static constexpr int n = 16;
};
template <class V> using IntOf = typename Vec<LanesOf<V>::n>::i32;

// 2^(x log2(e) - shift) within 2e-7 (1 + |x|) relative, for results up to 1e38; 0 below 1e-28, so
// that nothing becomes a denormal later.
template <class V> inline V exponential(V x, float shift = 0.0f) {
    using W = IntOf<V>;
    const V power = vmax(fma(x, splat<V>(1.44269504f), splat<V>(-shift)), splat<V>(-93.0f));
    const V shifted = power + 12582912.0f; // the nearest integer in the low bits
    const V f = power - (shifted - 12582912.0f);
    V p = splat<V>(1.32764410e-3f); // 2^f on [-1/2, 1/2], least squares on Chebyshev nodes: 8e-8
    p = fma(p, f, splat<V>(9.67554096e-3f));
    p = fma(p, f, splat<V>(5.55071346e-2f));
    p = fma(p, f, splat<V>(2.40221202e-1f));
    p = fma(p, f, splat<V>(6.93146944e-1f));
    p = fma(p, f, splat<V>(1.0f));
    const W alive = (W)(power > splat<V>(-93.0f));
    return (V)(((W)p + ((W)shifted << 23)) & alive);
}

// log(x) for normal x > 0, within 3e-7 absolute near 1 and relative elsewhere.
template <class V> inline V logarithm(V x) {
    using W = IntOf<V>;
    // x = 2^n m, m in [sqrt(1/2), sqrt(2))
    const W bits = (W)x - 0x3f3504f3;
    const W n = bits >> 23;
    const V m = (V)((bits & 0x7fffff) + 0x3f3504f3);
    const V s = (m - 1.0f) / (m + 1.0f), z = s * s; // log m = 2 artanh s
    V p = splat<V>(2.0f / 9);
    p = fma(p, z, splat<V>(2.0f / 7));
    p = fma(p, z, splat<V>(2.0f / 5));
    p = fma(p, z, splat<V>(2.0f / 3));
    p = fma(p * z, s, s + s);
    const V e = __builtin_convertvector(n, V);
    return fma(e, splat<V>(0.693359375f), fma(e, splat<V>(-2.12194440e-4f), p));
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
    const Vec<4>::f32 w = vmax(v, __builtin_shufflevector(v, v, 2, 3, 0, 1));
    return w[0] > w[1] ? w[0] : w[1];
}
inline float maximum(Vec<8>::f32 v) {
    return maximum(
        vmax(__builtin_shufflevector(v, v, 0, 1, 2, 3), __builtin_shufflevector(v, v, 4, 5, 6, 7)));
}
inline float maximum(Vec<16>::f32 v) {
    return maximum(vmax(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                        __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)));
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
