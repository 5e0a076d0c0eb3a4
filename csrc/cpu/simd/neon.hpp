// AArch64: NEON, which every such processor has.
#pragma once

#include "cpu/simd/generic.hpp"

#include <arm_neon.h>

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr int lanes = 4;
constexpr int float16_lanes = 4;

using F4 = Vec<4>::f32;
using I4 = Vec<4>::i32;

template <> inline F4 fma(F4 a, F4 b, F4 c) {
    return (F4)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
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
template <> inline F4 widen_bytes<F4>(const std::uint8_t *from) {
    const uint8x8_t bytes = vcreate_u8(load<std::uint32_t>(from));
    return (F4)vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))));
}

// Bit i of the result: whether byte i of the four, all ones or zero, is set.
inline std::uint64_t bits_of(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d) {
    const uint8x16_t bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t low = vpaddq_u8(vandq_u8(a, bit), vandq_u8(b, bit));
    const uint8x16_t high = vpaddq_u8(vandq_u8(c, bit), vandq_u8(d, bit));
    const uint8x16_t words = vpaddq_u8(low, high);
    return vgetq_lane_u64((uint64x2_t)vpaddq_u8(words, words), 0);
}
inline std::uint64_t differing_bytes(const std::uint8_t *a, const std::uint8_t *b) {
    const auto other = [&](int k) { return vmvnq_u8(vceqq_u8(vld1q_u8(a + k), vld1q_u8(b + k))); };
    return bits_of(other(0), other(16), other(32), other(48));
}
inline std::uint64_t differing_bytes(const std::uint8_t *a, const std::uint8_t *b,
                                     const std::uint8_t *c, const std::uint8_t *d) {
    const auto other = [&](int k) {
        return vmvnq_u8(vandq_u8(vceqq_u8(vld1q_u8(a + k), vld1q_u8(b + k)),
                                 vceqq_u8(vld1q_u8(c + k), vld1q_u8(d + k))));
    };
    return bits_of(other(0), other(16), other(32), other(48));
}

inline void widen_float16(const Float16 *from, float *to) {
    store(to, vcvt_f32_f16(load<float16x4_t>(from)));
}
inline void narrow_float16(const float *from, Float16 *to) {
    store(to, vcvt_f16_f32(load<float32x4_t>(from)));
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
