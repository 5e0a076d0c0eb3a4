// Labels of any type as bytes: what is not in 0..254 becomes 255. Only included by *.simd.cpp.
#pragma once

#include "cpu/simd/label_rows.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// Negative labels are large ones without their sign.
template <class L> inline std::uint8_t narrow_label(L label) {
    if constexpr (sizeof(L) == 8) {
        const std::uint64_t value = static_cast<std::uint64_t>(label);
        return static_cast<std::uint8_t>(value < 255 ? value : 255);
    } else {
        const std::uint32_t value = static_cast<std::uint32_t>(label);
        return static_cast<std::uint8_t>(value < 255 ? value : 255);
    }
}

// True where there is a void value, and a value that is another one became 255.
template <class L> inline bool narrow_labels(const char *from, std::int64_t step,
                                             std::int64_t count, bool has_void,
                                             std::int64_t void_value, std::uint8_t *to) {
    bool odd = false;
    if (step == static_cast<std::int64_t>(sizeof(L))) {
        const L *labels = reinterpret_cast<const L *>(from);
        std::int64_t done = 0;
        // A void value that the type cannot hold must not be cut down to one that it can.
        const L nothing = static_cast<L>(void_value);
        const bool holds_void = wide(nothing) == void_value;
        constexpr bool is_signed = static_cast<L>(-1) < static_cast<L>(0);
        if constexpr (sizeof(L) >= 4 && is_signed)
            if (holds_void) done = narrow_blocks(labels, count, has_void, void_value, to, odd);
        for (std::int64_t i = done; i < count; ++i) to[i] = narrow_label(labels[i]);
        std::uint8_t others = 0; // of bytes, and without &&, so that it becomes vectors
        for (std::int64_t i = done; has_void && i < count; ++i)
            others |= static_cast<std::uint8_t>((to[i] == 255) & (labels[i] != nothing));
        std::uint8_t all = 0;
        for (std::int64_t i = done; has_void && !holds_void && i < count; ++i) all |= to[i] == 255;
        return odd || (holds_void ? others : all);
    }
    for (std::int64_t i = 0; i < count; ++i) {
        const L label = *reinterpret_cast<const L *>(from + i * step);
        to[i] = narrow_label(label);
        odd |= (to[i] == 255) & has_void & (wide(label) != void_value);
    }
    return odd;
}

inline bool narrow(const LabelView &map, const char *from, std::int64_t count, bool has_void,
                   std::int64_t void_value, std::uint8_t *to) {
    bool odd = false;
#define SEGPOST_NARROW(L)                                                                          \
    odd = narrow_labels<L>(from, map.stride_w, count, has_void, void_value, to)
    SEGPOST_EACH_LABEL(map.dtype, SEGPOST_NARROW)
#undef SEGPOST_NARROW
    return odd;
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
