// What kernels of confidence share: how exact they are, and how it is written. Only included by
// *.simd.cpp.
#pragma once

#include "cpu/simd/exponential.hpp"
#include "ops/labels/labels.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr double log2_e = 1.4426950408889634;

// The two modes, by the proof in ops/labels.hpp. Exponents are those of two.
template <bool fast> struct Confidence {
    static constexpr int degree = fast ? 4 : 5;            // of 2^x
    static constexpr int ratio_degree = fast ? 5 : 6;      // where its eighth power is taken
    static constexpr float lowest = fast ? -40.0f : -6.0f; // a level below it takes float64
    static constexpr float steep = fast ? 24.0f : 6.0f;    // rows further apart are not a sequence
    static constexpr double negligible = fast ? 20.0 : 24.0; // of all classes together
};

// Confidence of `count` pixels from column x on; NaN is 0 in uint8.
template <class V> inline void put_confidence(const LabelView &map, char *row, std::int64_t x,
                                              V value, std::int64_t count) {
    constexpr int n = lanes_of<V>;
    if (map.dtype == DType::f32) {
        char *to = row + 4 * x;
        if (count == n)
            store(to, value);
        else {
            float lane[n];
            store(lane, value);
            __builtin_memcpy(to, lane, static_cast<std::size_t>(4 * count));
        }
        return;
    }
    using W = IntOf<V>;
    const V rounded = value * 255.0f + 12582912.0f; // the nearest integer in the low bits
    const W number = (W)rounded & 0xff & (W)(value == value);
    const typename Vec<n>::u8 bytes = low_bytes(number);
    if (count == n) return store(row + x, bytes);
    std::uint8_t lane[n];
    store(lane, bytes);
    __builtin_memcpy(row + x, lane, static_cast<std::size_t>(count));
}

inline char byte_of(double value) {
    return is_nan(value) ? '\0'
                         : static_cast<char>(static_cast<int>(__builtin_rint(255.0 * value)));
}
inline void put_confidence(const LabelView &map, char *row, std::int64_t x, double value) {
    if (map.dtype == DType::f32) {
        const float number = static_cast<float>(value);
        __builtin_memcpy(row + 4 * x, &number, 4);
    } else {
        row[x] = byte_of(value);
    }
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
