// AArch64: NEON, which every such processor has.
#pragma once

#include "cpu/simd/neon_labels.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr int lanes = 4;
constexpr int float16_lanes = 8;

using F4 = Vec<4>::f32;
using I4 = Vec<4>::i32;

// One instruction each, which a zero's sign and NaN tell from max and min.
template <> inline F4 larger(F4 a, F4 b) { return (F4)vmaxnmq_f32((float32x4_t)a, (float32x4_t)b); }
template <> inline F4 smaller(F4 a, F4 b) {
    return (F4)vminnmq_f32((float32x4_t)a, (float32x4_t)b);
}
template <> inline F4 abs(F4 v) { return (F4)vabsq_f32((float32x4_t)v); }
template <> inline F4 fma(F4 a, F4 b, F4 c) {
    return (F4)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
// GCC turns a comparison around whose first result is the same for all lanes, which takes five
// instructions more where NaN has to stay.
template <> inline F4 select(I4 mask, F4 first, F4 second) {
    return (F4)vbslq_f32((uint32x4_t)mask, (float32x4_t)first, (float32x4_t)second);
}
template <> inline I4 select(I4 mask, I4 first, I4 second) {
    return (I4)vbslq_s32((uint32x4_t)mask, (int32x4_t)first, (int32x4_t)second);
}
template <> inline bool any(I4 m) { return vmaxvq_u32((uint32x4_t)m) != 0; }
template <> inline std::uint32_t mask_bits(I4 m) {
    const uint32x4_t bit = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32((uint32x4_t)m, bit));
}
template <> inline F4 permute(F4 v, I4 index) {
    const uint32x4_t bytes = (uint32x4_t)(index * 0x04040404 + 0x03020100);
    return (F4)vqtbl1q_u8((uint8x16_t)v, (uint8x16_t)bytes);
}

// Either is NaN where the larger one is, as this instruction has it.
template <> inline I4 unordered(F4 a, F4 b) {
    const float32x4_t either = vmaxq_f32((float32x4_t)a, (float32x4_t)b);
    return (I4)vmvnq_u32(vceqq_f32(either, either));
}

// The compiler's own code takes the bytes one by one, here and in what follows.
template <> inline auto low_bytes(I4 v) {
    const uint16x8_t words = vuzp1q_u16((uint16x8_t)v, (uint16x8_t)v);
    const uint8x16_t bytes = vuzp1q_u8((uint8x16_t)words, (uint8x16_t)words);
    return (Vec<4>::u8)vgetq_lane_u32((uint32x4_t)bytes, 0);
}
template <> inline F4 widen_bytes<F4>(const std::uint8_t *from) {
    const uint8x8_t bytes = vcreate_u8(load<std::uint32_t>(from));
    return (F4)vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))));
}

// Of a NaN both are NaN: so is what they are multiplied with.
inline float32x4_t floor_from_least(F4 x) {
    return vrndmq_f32(vmaxq_f32((float32x4_t)x, vdupq_n_f32(-126.0f)));
}
template <> inline F4 fraction_of(F4 x) {
    return (F4)vsubq_f32(vmaxq_f32((float32x4_t)x, vdupq_n_f32(-126.0f)), floor_from_least(x));
}
template <> inline F4 scale_by_power(F4 p, F4 x) {
    const int32x4_t exponent = vcvtq_s32_f32(floor_from_least(x));
    const int32x4_t power = vaddq_s32(vshlq_n_s32(exponent, 23), vdupq_n_s32(0x3f800000));
    return (F4)vmulq_f32((float32x4_t)p, (float32x4_t)power);
}

inline void widen_float16(const Float16 *from, float *to) {
    const float16x8_t half = load<float16x8_t>(from);
    store(to, vcvt_f32_f16(vget_low_f16(half)));
    store(to + 4, vcvt_high_f32_f16(half));
}
inline void narrow_float16(const float *from, Float16 *to) {
    store(to,
          vcvt_high_f16_f32(vcvt_f16_f32(load<float32x4_t>(from)), load<float32x4_t>(from + 4)));
}
template <> inline F4 load_float16<F4>(const Float16 *from) {
    return (F4)vcvt_f32_f16(load<float16x4_t>(from));
}
template <> inline void store_float16(Float16 *to, F4 v) {
    store(to, vcvt_f16_f32((float32x4_t)v));
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
