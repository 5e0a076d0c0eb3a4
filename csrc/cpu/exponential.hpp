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

// exp(x) for x < 88 within 2e-7 relative; 0 below -64, so that nothing becomes a denormal later.
template <class V> inline V exponential(V x) {
    using W = IntOf<V>;
    const V clamped = vmax(x, splat<V>(-64.0f));
    const V shifted = fma(clamped, splat<V>(1.44269504f), splat<V>(12582912.0f));
    const V n = shifted - 12582912.0f;
    const V r = fma(n, splat<V>(2.12194440e-4f), clamped - n * 0.693359375f); // ln 2 in two parts
    V p = splat<V>(1.39464473e-3f);                                           // as in softmax
    p = fma(p, r, splat<V>(8.36915895e-3f));
    p = fma(p, r, splat<V>(4.16662619e-2f));
    p = fma(p, r, splat<V>(1.66665167e-1f));
    p = fma(p, r, splat<V>(0.5f));
    p = fma(p * r, r, r) + 1.0f;
    const V power = (V)(((W)shifted + 127) << 23);
    const W alive = (W)(x > splat<V>(-64.0f));
    return (V)((W)(p * power) & alive);
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
template <class V> inline float maximum(V v) {
    float best = v[0];
    for (int i = 1; i < LanesOf<V>::n; ++i) best = v[i] > best ? v[i] : best;
    return best;
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
