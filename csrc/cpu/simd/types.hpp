// Vectors as GCC's and Clang's vector extensions, and what every SIMD level does alike. Only
// included by headers of levels.
#pragma once

#include <cstdint>
#include <cstring>

#ifndef SEGPOST_LEVEL
#error "SEGPOST_LEVEL must name the namespace of this SIMD level"
#endif

namespace segpost::SEGPOST_LEVEL {
namespace {

template <int N> struct Vec {
    typedef float f32 __attribute__((vector_size(N * 4)));
    typedef double f64 __attribute__((vector_size(N * 8)));
    typedef std::int32_t i32 __attribute__((vector_size(N * 4)));
    typedef std::uint32_t u32 __attribute__((vector_size(N * 4)));
    typedef std::uint8_t u8 __attribute__((vector_size(N)));
    typedef std::int8_t i8 __attribute__((vector_size(N)));
};

template <class V> constexpr int lanes_of = sizeof(V) / 4; // of float32 or int32
template <class V> using IntOf = typename Vec<lanes_of<V>>::i32;
template <class V> using UIntOf = typename Vec<lanes_of<V>>::u32; // whose sums may wrap

template <class V, class T> inline V load(const T *p) {
    V v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}
template <class V, class T> inline void store(T *p, V v) { __builtin_memcpy(p, &v, sizeof v); }
template <class V, class T> inline V broadcast(T value) { return value - V{}; }

// N bytes as a number.
template <int N> struct WordOf;
template <> struct WordOf<4> {
    using type = std::uint32_t;
};
template <> struct WordOf<8> {
    using type = std::uint64_t;
};

struct Float16 {
    std::uint16_t bits;
};
struct BFloat16 {
    std::uint16_t bits;
};

} // namespace
} // namespace segpost::SEGPOST_LEVEL
