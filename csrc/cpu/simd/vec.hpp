// Vectors of one SIMD level, as GCC and Clang's vector extensions; the few operations for which
// those generate poor code are intrinsics. Only included by *.simd.cpp.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#ifndef SEGPOST_LEVEL
#error "SEGPOST_LEVEL must name the namespace of this SIMD level"
#endif

namespace segpost::SEGPOST_LEVEL {
namespace {

#if defined(__AVX512BW__)
constexpr int lanes = 16;
#elif defined(__AVX2__)
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif

template <int N> struct Vec {
    typedef float f32 __attribute__((vector_size(N * 4)));
    typedef double f64 __attribute__((vector_size(N * 8)));
    typedef std::int32_t i32 __attribute__((vector_size(N * 4)));
    typedef std::uint32_t u32 __attribute__((vector_size(N * 4)));
    typedef std::uint8_t u8 __attribute__((vector_size(N)));
};

using F = Vec<lanes>::f32;
using I = Vec<lanes>::i32;
using U = Vec<lanes>::u32;

template <class V, class T> inline V load(const T *p) {
    V v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}
template <class V, class T> inline void store(T *p, V v) { __builtin_memcpy(p, &v, sizeof v); }
template <class V, class T> inline V splat(T value) { return value - V{}; }

template <class V> inline V vmax(V a, V b) { return a > b ? a : b; }
template <class V> inline V vmin(V a, V b) { return a < b ? a : b; }
template <class V> inline V fma(V a, V b, V c) { return a * b + c; }
template <class V> inline bool any(V mask) {
    std::int32_t lane[sizeof(V) / 4], all = 0;
    store(lane, mask);
    for (std::int32_t bits : lane) all |= bits;
    return all != 0;
}

#if defined(__AVX512BW__)
template <> inline F vmax(F a, F b) { return (F)_mm512_max_ps((__m512)a, (__m512)b); }
template <> inline F vmin(F a, F b) { return (F)_mm512_min_ps((__m512)a, (__m512)b); }
template <> inline Vec<8>::f64 vmax(Vec<8>::f64 a, Vec<8>::f64 b) {
    return (Vec<8>::f64)_mm512_max_pd((__m512d)a, (__m512d)b);
}
template <> inline F fma(F a, F b, F c) {
    return (F)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
template <> inline bool any(I m) { return _mm512_test_epi32_mask((__m512i)m, (__m512i)m) != 0; }
#endif
#if defined(__AVX2__)
using F8 = Vec<8>::f32;
using I8 = Vec<8>::i32;
template <> inline F8 vmax(F8 a, F8 b) { return (F8)_mm256_max_ps((__m256)a, (__m256)b); }
template <> inline F8 vmin(F8 a, F8 b) { return (F8)_mm256_min_ps((__m256)a, (__m256)b); }
template <> inline F8 fma(F8 a, F8 b, F8 c) {
    return (F8)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
template <> inline bool any(I8 m) { return !_mm256_testz_si256((__m256i)m, (__m256i)m); }
#endif
#if defined(__SSE4_1__)
using F4 = Vec<4>::f32;
using I4 = Vec<4>::i32;
template <> inline F4 vmax(F4 a, F4 b) { return (F4)_mm_max_ps((__m128)a, (__m128)b); }
template <> inline F4 vmin(F4 a, F4 b) { return (F4)_mm_min_ps((__m128)a, (__m128)b); }
template <> inline bool any(I4 m) { return !_mm_testz_si128((__m128i)m, (__m128i)m); }
#endif

// Where one of the two is NaN.
inline I unordered(F a, F b) {
#if defined(__AVX512BW__)
    return (I)_mm512_movm_epi32(_mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_UNORD_Q));
#elif defined(__AVX2__)
    return (I)_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_UNORD_Q);
#else
    return (a != a) | (b != b);
#endif
}
template <class V> inline V magnitude(V v) { return v < V{} ? -v : v; }
// Lane i is lane index[i] of v; indices are below `lanes`.
inline F permute(F v, I index) {
#if defined(__AVX512BW__)
    return (F)_mm512_permutexvar_ps((__m512i)index, (__m512)v);
#elif defined(__AVX2__)
    return (F)_mm256_permutevar8x32_ps((__m256)v, (__m256i)index);
#else
    F moved{};
    for (int i = 0; i < lanes; ++i) moved[i] = v[index[i]];
    return moved;
#endif
}
#if defined(__AVX512BW__)
template <> inline F magnitude(F v) { return (F)_mm512_abs_ps((__m512)v); }
#endif

inline std::int64_t round_up(std::int64_t n, std::int64_t multiple) {
    return (n + multiple - 1) / multiple * multiple;
}
template <class T> inline T smaller(T a, T b) { return a < b ? a : b; }
template <class T> inline T larger(T a, T b) { return a > b ? a : b; }
inline bool is_nan(double v) { return v != v; }

// Hands out aligned pieces of a task's scratch memory. With a null base it only counts.
class Scratch {
  public:
    explicit Scratch(char *base) : base_(base) {}

    template <class T> T *take(std::int64_t count) {
        char *piece = base_ ? base_ + used_ : nullptr;
        used_ += round_up(count * static_cast<std::int64_t>(sizeof(T)), 64);
        return reinterpret_cast<T *>(piece);
    }
    std::int64_t used() const { return used_; }
    bool counting() const { return !base_; } // there is no memory yet

  private:
    char *base_;
    std::int64_t used_ = 0;
};

} // namespace
} // namespace segpost::SEGPOST_LEVEL
