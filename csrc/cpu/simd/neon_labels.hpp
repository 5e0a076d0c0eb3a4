// Labels on AArch64: which of them differ, as bytes, and as colors. Only included by the header of
// that level.
#pragma once

#include "cpu/simd/generic.hpp"

#include <arm_neon.h>

namespace segpost::SEGPOST_LEVEL {
namespace {

// Bit i: whether byte i of the four, all ones or zero, is zero.
inline std::uint64_t zero_bits(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d) {
    const uint8x16_t bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t low = vpaddq_u8(vbicq_u8(bit, a), vbicq_u8(bit, b));
    const uint8x16_t high = vpaddq_u8(vbicq_u8(bit, c), vbicq_u8(bit, d));
    const uint8x16_t words = vpaddq_u8(low, high);
    return vgetq_lane_u64((uint64x2_t)vpaddq_u8(words, words), 0);
}
inline std::uint64_t differing_bytes(const std::uint8_t *a, const std::uint8_t *b) {
    const auto same = [&](int k) { return vceqq_u8(vld1q_u8(a + k), vld1q_u8(b + k)); };
    return zero_bits(same(0), same(16), same(32), same(48));
}
inline std::uint64_t differing_bytes(const std::uint8_t *a, const std::uint8_t *b,
                                     const std::uint8_t *c, const std::uint8_t *d) {
    const auto same = [&](int k) {
        return vandq_u8(vceqq_u8(vld1q_u8(a + k), vld1q_u8(b + k)),
                        vceqq_u8(vld1q_u8(c + k), vld1q_u8(d + k)));
    };
    return zero_bits(same(0), same(16), same(32), same(48));
}

// The low halves of 32-bit and of 64-bit numbers, and the low bytes of 32-bit numbers.
inline uint16x8_t low_halves(uint32x4_t a, uint32x4_t b) {
    return vuzp1q_u16((uint16x8_t)a, (uint16x8_t)b);
}
inline uint32x4_t low_halves(uint64x2_t a, uint64x2_t b) {
    return vuzp1q_u32((uint32x4_t)a, (uint32x4_t)b);
}
inline uint8x16_t low_bytes(const uint32x4_t (&v)[4]) {
    return vuzp1q_u8((uint8x16_t)low_halves(v[0], v[1]), (uint8x16_t)low_halves(v[2], v[3]));
}

// Bytes of 32-bit and of 64-bit numbers: 255 for what is larger.
inline uint8x16_t saturated(const uint32x4_t (&v)[4]) {
    const uint16x8_t low = vqmovn_high_u32(vqmovn_u32(v[0]), v[1]);
    const uint16x8_t high = vqmovn_high_u32(vqmovn_u32(v[2]), v[3]);
    return vqmovn_high_u16(vqmovn_u16(low), high);
}
inline uint8x16_t saturated(const uint64x2_t (&v)[8]) {
    uint32x4_t half[4];
    for (int k = 0; k < 4; ++k) half[k] = vqmovn_high_u64(vqmovn_u64(v[2 * k]), v[2 * k + 1]);
    return saturated(half);
}

// Whether a number is another, as bytes of all ones or zero.
inline uint8x16_t is_value(const uint32x4_t (&v)[4], std::int64_t value) {
    const uint32x4_t other = vdupq_n_u32(static_cast<std::uint32_t>(value));
    uint32x4_t same[4];
    for (int k = 0; k < 4; ++k) same[k] = vceqq_u32(v[k], other);
    return low_bytes(same);
}
inline uint8x16_t is_value(const uint64x2_t (&v)[8], std::int64_t value) {
    const uint64x2_t other = vdupq_n_u64(static_cast<std::uint64_t>(value));
    uint32x4_t same[4];
    for (int k = 0; k < 4; ++k)
        same[k] = low_halves(vceqq_u64(v[2 * k], other), vceqq_u64(v[2 * k + 1], other));
    return low_bytes(same);
}

template <class Number, int count, class L>
inline std::int64_t narrow_numbers(const L *labels, std::int64_t pixels, bool has_void,
                                   std::int64_t void_value, std::uint8_t *to, bool &odd) {
    const uint8x16_t most = vdupq_n_u8(255);
    uint8x16_t strange = vdupq_n_u8(0);
    std::int64_t i = 0;
    for (; i + 16 <= pixels; i += 16) {
        Number v[count];
        for (int k = 0; k < count; ++k) v[k] = load<Number>(labels + i + 16 / count * k);
        const uint8x16_t bytes = saturated(v);
        if (has_void)
            strange = vorrq_u8(strange, vbicq_u8(vceqq_u8(bytes, most), is_value(v, void_value)));
        vst1q_u8(to + i, bytes);
    }
    odd |= vmaxvq_u8(strange) != 0;
    return i;
}
inline std::int64_t narrow_blocks(const std::int32_t *labels, std::int64_t count, bool has_void,
                                  std::int64_t void_value, std::uint8_t *to, bool &odd) {
    return narrow_numbers<uint32x4_t, 4>(labels, count, has_void, void_value, to, odd);
}
inline std::int64_t narrow_blocks(const std::int64_t *labels, std::int64_t count, bool has_void,
                                  std::int64_t void_value, std::uint8_t *to, bool &odd) {
    return narrow_numbers<uint64x2_t, 8>(labels, count, has_void, void_value, to, odd);
}

inline uint8x16_t load_index(const std::uint8_t *labels) { return vld1q_u8(labels); }
inline uint8x16_t load_index(const std::int32_t *labels) {
    uint32x4_t v[4];
    for (int k = 0; k < 4; ++k) v[k] = load<uint32x4_t>(labels + 4 * k);
    return low_bytes(v);
}

// Sixteen entries of a table of colors, a vector a channel; zeros behind its end.
inline uint8x16x4_t load_colors(const std::uint32_t *lut, std::int64_t entries,
                                std::int64_t first) {
    std::uint32_t part[16] = {};
    const std::int64_t left = entries - first;
    if (left < 16)
        for (std::int64_t i = 0; i < left; ++i) part[i] = lut[first + i];
    return vld4q_u8(reinterpret_cast<const std::uint8_t *>(left < 16 ? part : lut + first));
}

// Colors of 16 labels at a time, where two, or four vectors a channel are the table.
template <class L> inline std::int64_t color_by_two(const L *labels, const std::uint32_t *lut,
                                                    std::int64_t entries, std::uint8_t *out,
                                                    std::int64_t count) {
    const uint8x16x4_t low = load_colors(lut, entries, 0), high = load_colors(lut, entries, 16);
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const uint8x16_t index = load_index(labels + i);
        uint8x16x3_t color;
        for (int k = 0; k < 3; ++k)
            color.val[k] = vqtbl2q_u8(uint8x16x2_t{{low.val[k], high.val[k]}}, index);
        vst3q_u8(out + 3 * i, color);
    }
    return i;
}
template <class L> inline std::int64_t color_by_four(const L *labels, const std::uint32_t *lut,
                                                     std::int64_t entries, std::uint8_t *out,
                                                     std::int64_t count) {
    uint8x16x4_t table[3];
    for (int g = 0; g < 4; ++g) {
        const uint8x16x4_t colors = load_colors(lut, entries, 16 * g);
        for (int k = 0; k < 3; ++k) table[k].val[g] = colors.val[k];
    }
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const uint8x16_t index = load_index(labels + i);
        uint8x16x3_t color;
        for (int k = 0; k < 3; ++k) color.val[k] = vqtbl4q_u8(table[k], index);
        vst3q_u8(out + 3 * i, color);
    }
    return i;
}

// The same of up to 256 entries: 64 after 64 of them, from memory.
template <class L> inline std::int64_t color_by_groups(const L *labels, const std::uint32_t *lut,
                                                       std::int64_t entries, std::uint8_t *out,
                                                       std::int64_t count) {
    std::uint8_t table[3][256];
    const int groups = static_cast<int>((entries + 63) / 64);
    for (int first = 0; first < 64 * groups; first += 16) {
        const uint8x16x4_t colors = load_colors(lut, entries, first);
        for (int k = 0; k < 3; ++k) vst1q_u8(table[k] + first, colors.val[k]);
    }
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        uint8x16_t index = load_index(labels + i);
        uint8x16x3_t color;
        for (int k = 0; k < 3; ++k) color.val[k] = vqtbl4q_u8(vld1q_u8_x4(table[k]), index);
        for (int g = 1; g < groups; ++g) {
            index = vsubq_u8(index, vdupq_n_u8(64)); // what was below is far above
            for (int k = 0; k < 3; ++k)
                color.val[k] = vqtbx4q_u8(color.val[k], vld1q_u8_x4(table[k] + 64 * g), index);
        }
        vst3q_u8(out + 3 * i, color);
    }
    return i;
}

template <class L> inline std::int64_t color_blocks_of(const L *labels, const std::uint32_t *lut,
                                                       std::int64_t entries, std::uint8_t *out,
                                                       std::int64_t count) {
    constexpr std::int64_t enough = 128; // pixels for which a table in memory pays
    if (count < 16) return 0;
    if (entries <= 32) return color_by_two(labels, lut, entries, out, count);
    if (entries <= 64) return color_by_four(labels, lut, entries, out, count);
    return entries <= 256 && count >= enough ? color_by_groups(labels, lut, entries, out, count)
                                             : 0;
}
inline std::int64_t color_blocks(const std::uint8_t *labels, const std::uint32_t *lut,
                                 std::int64_t entries, std::uint8_t *out, std::int64_t count) {
    return color_blocks_of(labels, lut, entries, out, count);
}
inline std::int64_t color_blocks(const std::int32_t *labels, const std::uint32_t *lut,
                                 std::int64_t entries, std::uint8_t *out, std::int64_t count) {
    return color_blocks_of(labels, lut, entries, out, count);
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
