// Rows of label maps of any element type and stride. Only included by *.simd.cpp.
#pragma once

#include "cpu/simd/vector.hpp"
#include "ops/view.hpp"

#define SEGPOST_EACH_LABEL(dtype, CALL)                                                            \
    switch (dtype) {                                                                               \
    case DType::u8: CALL(std::uint8_t); break;                                                     \
    case DType::i8: CALL(std::int8_t); break;                                                      \
    case DType::u16: CALL(std::uint16_t); break;                                                   \
    case DType::i16: CALL(std::int16_t); break;                                                    \
    case DType::u32: CALL(std::uint32_t); break;                                                   \
    case DType::i32: CALL(std::int32_t); break;                                                    \
    case DType::u64: CALL(std::uint64_t); break;                                                   \
    default: CALL(std::int64_t); break;                                                            \
    }

namespace segpost::SEGPOST_LEVEL {
namespace {

// A label as int64. Beyond it a uint64 is its largest value, which is neither class nor void.
template <class L> inline std::int64_t wide(L label) {
    if constexpr (sizeof(L) == 8 && static_cast<L>(-1) > static_cast<L>(0))
        return static_cast<std::int64_t>(label < (L{1} << 63) ? label : (L{1} << 63) - 1);
    else
        return static_cast<std::int64_t>(label);
}

template <class L>
inline void widen_labels(const char *row, std::int64_t step, std::int64_t count, std::int64_t *to) {
    for (std::int64_t i = 0; i < count; ++i)
        to[i] = wide(*reinterpret_cast<const L *>(row + i * step));
}

// Labels [x, x + count) of a row as int64.
inline void widen_labels(const LabelView &map, std::int64_t n, std::int64_t y, std::int64_t x,
                         std::int64_t count, std::int64_t *to) {
    const char *row = map.row(n, y) + x * map.stride_w;
#define SEGPOST_WIDEN(L) widen_labels<L>(row, map.stride_w, count, to)
    SEGPOST_EACH_LABEL(map.dtype, SEGPOST_WIDEN)
#undef SEGPOST_WIDEN
}

constexpr std::int64_t word = 64; // labels whose comparisons are the bits of one

alignas(word) constexpr std::uint8_t zeros[word] = {};

// Bit k: whether labels a[k] and b[k] differ, k < count.
template <class L>
inline std::uint64_t differing_labels(const L *a, const L *b, std::int64_t count) {
    if constexpr (sizeof(L) == 1) {
        if (count == word)
            return differing_bytes(reinterpret_cast<const std::uint8_t *>(a),
                                   reinterpret_cast<const std::uint8_t *>(b));
    }
    alignas(word) std::uint8_t differs[word] = {};
    for (std::int64_t k = 0; k < count; ++k) differs[k] = a[k] != b[k];
    return differing_bytes(differs, zeros);
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
