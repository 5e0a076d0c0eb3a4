// Logits of any element type as float, or as double where a float does not hold them all.
#pragma once

#include "gpu.hpp"

#include "ops/view.hpp"

#include <cstring>

namespace segpost::gpu {

// Elements as they lie in memory; for float32 it is float.
struct Half {
    std::uint16_t bits;
};
struct Brain {
    std::uint16_t bits;
};
struct Any {}; // one of the other types, which only the job knows

// What an element becomes: Widened<S>.
template <class S> struct WidenedType {
    using type = float;
};
template <> struct WidenedType<Any> {
    using type = double;
};
template <class S> using Widened = typename WidenedType<S>::type;

__device__ inline float widen(float value) { return value; }
__device__ inline float widen(Half value) { return half_value(value.bits); }
__device__ inline float widen(Brain value) { return bfloat_value(value.bits); }

// One element.
template <class S> __device__ Widened<S> load(const char *from, DType) {
    return widen(*reinterpret_cast<const S *>(from));
}
template <> __device__ inline double load<Any>(const char *from, DType dtype) {
    switch (dtype) {
    case DType::f32: return *reinterpret_cast<const float *>(from);
    case DType::f64: return *reinterpret_cast<const double *>(from);
    case DType::f16: return half_value(*reinterpret_cast<const std::uint16_t *>(from));
    case DType::bf16: return bfloat_value(*reinterpret_cast<const std::uint16_t *>(from));
    case DType::i8: return *reinterpret_cast<const std::int8_t *>(from);
    case DType::u8: return *reinterpret_cast<const std::uint8_t *>(from);
    case DType::i16: return *reinterpret_cast<const std::int16_t *>(from);
    case DType::u16: return *reinterpret_cast<const std::uint16_t *>(from);
    case DType::i32: return *reinterpret_cast<const std::int32_t *>(from);
    case DType::u32: return *reinterpret_cast<const std::uint32_t *>(from);
    case DType::u64: return static_cast<double>(*reinterpret_cast<const std::uint64_t *>(from));
    default: return static_cast<double>(*reinterpret_cast<const std::int64_t *>(from));
    }
}

// Elements in 16 bytes.
template <class S> constexpr int wide_count = 16 / static_cast<int>(sizeof(S));

// -inf in all of a word.
template <class S> constexpr unsigned nothing = 0xff800000u;
template <> constexpr unsigned nothing<Half> = 0xfc00fc00u;
template <> constexpr unsigned nothing<Brain> = 0xff80ff80u;

// Those 16 bytes, read with __ldcs or __ldg from an address that is a multiple of 16, as values.
template <class S> __device__ void unpack(const uint4 &words, float (&to)[wide_count<S>]) {
    S elements[wide_count<S>];
    memcpy(elements, &words, 16);
    for (int i = 0; i < wide_count<S>; ++i) to[i] = widen(elements[i]);
}

inline bool has_nan(DType dtype) {
    return dtype == DType::f32 || dtype == DType::f64 || dtype == DType::f16 ||
           dtype == DType::bf16;
}
inline std::int64_t bytes_of(DType dtype) {
    switch (dtype) {
    case DType::i8:
    case DType::u8: return 1;
    case DType::f16:
    case DType::bf16:
    case DType::i16:
    case DType::u16: return 2;
    case DType::f64:
    case DType::i64:
    case DType::u64: return 8;
    default: return 4;
    }
}

// Calls `use` with an element of the type that a kernel is to be compiled for: float, Half, Brain
// or Any.
template <class Use> void with_element(DType dtype, const Use &use) {
    switch (dtype) {
    case DType::f32: return use(float{});
    case DType::f16: return use(Half{});
    case DType::bf16: return use(Brain{});
    default: return use(Any{});
    }
}

} // namespace segpost::gpu
