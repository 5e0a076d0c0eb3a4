// The primitives of a SIMD level, in vector extensions alone: what a level has until its header
// specializes one for its own instructions. Only included by headers of levels, before their own.
#pragma once

#include "cpu/simd/types.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// Numbers, or vectors lane by lane. The second operand where one of the two is NaN.
template <class V> inline V max(V a, V b) { return a > b ? a : b; }
template <class V> inline V min(V a, V b) { return a < b ? a : b; }
// The same of numbers, which none of the two is where it is NaN; of zeros either one.
template <class V> inline V larger(V a, V b) { return max(a, b); }
template <class V> inline V smaller(V a, V b) { return min(a, b); }
template <class V> inline V abs(V v) { return v < V{} ? -v : v; }
template <class V> inline V fma(V a, V b, V c) { return a * b + c; } // rounded once or twice

// The first where a lane of a mask is all ones, the second where it is zero.
template <class M, class V> inline V select(M mask, V first, V second) {
    return mask ? first : second;
}

// Whether a bit of a mask is set.
template <class V> inline bool any(V mask) {
    std::int32_t lane[sizeof(V) / 4], all = 0;
    store(lane, mask);
    for (std::int32_t bits : lane) all |= bits;
    return all != 0;
}

// Bit i: whether lane i of a mask, all ones or zero, is set.
template <class V> inline std::uint32_t mask_bits(V mask) {
    std::uint32_t bits = 0;
    for (int i = 0; i < lanes_of<V>; ++i) bits |= static_cast<std::uint32_t>(mask[i] & 1) << i;
    return bits;
}

// Lanes where one of the two is NaN.
template <class V> inline IntOf<V> unordered(V a, V b) { return (a != a) | (b != b); }

// Lane i is lane index[i] of v; indices are below the number of lanes.
template <class V> inline V permute(V v, IntOf<V> index) {
    V moved{};
    for (int i = 0; i < lanes_of<V>; ++i) moved[i] = v[index[i]];
    return moved;
}

// A vector, and the same again.
template <class V> inline auto twice(V v) {
    if constexpr (lanes_of<V> == 4)
        return __builtin_shufflevector(v, v, 0, 1, 2, 3, 0, 1, 2, 3);
    else
        return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7);
}

// The lowest byte of every lane.
template <class W> inline auto low_bytes(W v) {
    return __builtin_convertvector(v, typename Vec<lanes_of<W>>::u8);
}

// Bytes from memory as float32, one a lane.
template <class V> inline V widen_bytes(const std::uint8_t *from) {
    V wide{};
    for (int i = 0; i < lanes_of<V>; ++i) wide[i] = static_cast<float>(from[i]);
    return wide;
}

// x - floor(x), and p * 2^floor(x), for x up to 120: 2^x is the second of a power of the first.
// Below -126 some number up to 2^-126, NaN where x is NaN.
template <class V> inline V round_down_to_bits(V x) {
    const V bounded = max(broadcast<V>(-126.0f), x); // in this order a NaN stays
    return (bounded - 0.5f) + 12582912.0f;           // the integer below in the low bits
}
template <class V> inline V fraction_of(V x) {
    return max(broadcast<V>(-126.0f), x) - (round_down_to_bits(x) - 12582912.0f);
}
template <class V> inline V scale_by_power(V p, V x) {
    using W = UIntOf<V>;
    // A product, because NaN has to stay.
    return p * (V)(((W)round_down_to_bits(x) << 23) + 0x3f800000u);
}

// Bit i: a[i] and b[i] differ, or c[i] and d[i] do, for i < 64.
template <class Byte>
inline std::uint64_t differing_bytes(const Byte *a, const Byte *b, const Byte *c, const Byte *d) {
    std::uint64_t bits = 0;
    for (int i = 0; i < 64; ++i)
        bits |= static_cast<std::uint64_t>((a[i] != b[i]) | (c[i] != d[i])) << i;
    return bits;
}
template <class Byte> inline std::uint64_t differing_bytes(const Byte *a, const Byte *b) {
    std::uint64_t bits = 0;
    for (int i = 0; i < 64; ++i) bits |= static_cast<std::uint64_t>(a[i] != b[i]) << i;
    return bits;
}

// Rows of a 4 x 4 matrix to columns.
template <class V> inline void transpose(V &a, V &b, V &c, V &d) {
    const V p = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const V q = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const V r = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const V s = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    a = __builtin_shufflevector(p, q, 0, 1, 4, 5);
    b = __builtin_shufflevector(p, q, 2, 3, 6, 7);
    c = __builtin_shufflevector(r, s, 0, 1, 4, 5);
    d = __builtin_shufflevector(r, s, 2, 3, 6, 7);
}

// Four classes of as many pixels as V has lanes, `step` floats apart, to planes.
template <class V>
inline void transpose_classes(const float *from, std::int64_t step, float *to, std::int64_t pitch) {
    V a = load<V>(from), b = load<V>(from + step);
    V c = load<V>(from + 2 * step), d = load<V>(from + 3 * step);
    transpose(a, b, c, d);
    store(to, a);
    store(to + pitch, b);
    store(to + 2 * pitch, c);
    store(to + 3 * pitch, d);
}

// `float16_lanes` values from and to float16, of a level that converts so many at once.
template <class H> inline void widen_float16(const H *, float *) {}
template <class H> inline void narrow_float16(const float *, H *) {}

// The same of one vector, of a level that converts float16 at all.
template <class V, class H> inline V load_float16(const H *) { return V{}; }
template <class V, class H> inline void store_float16(H *, V) {}

// The functions that follow do a multiple of 16 of `count` elements and return how many.

// Labels as bytes, 255 for what is not in 0..254. Sets `odd` where that is not `void_value`, if
// there is one.
template <class L> inline std::int64_t narrow_blocks(const L *, std::int64_t, bool, std::int64_t,
                                                     std::uint8_t *, bool &) {
    return 0;
}

// Labels as packed RGB. `entries` is the number of rows of the table that labels can reach; the
// table holds 32 at least.
template <class L> inline std::int64_t color_blocks(const L *, const std::uint32_t *, std::int64_t,
                                                    std::uint8_t *, std::int64_t) {
    return 0;
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
