// Labels of any type as bytes: what is not in 0..254 becomes 255. Only included by *.simd.cpp.
#pragma once

#include "cpu/simd/label_rows.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// True where there is a void value, and a value that is another one became 255.
template <class L> inline bool narrow_labels(const char *from, std::int64_t step,
                                             std::int64_t count, bool has_void,
                                             std::int64_t void_value, std::uint8_t *to) {
    using Wide = std::uint64_t;
    bool odd = false;
    if (step == static_cast<std::int64_t>(sizeof(L))) {
        const L *labels = reinterpret_cast<const L *>(from);
        std::int64_t done = 0;
        // A void value that the type cannot hold must not be cut down to one that it can.
        constexpr bool is_signed = static_cast<L>(-1) < static_cast<L>(0);
        if constexpr (sizeof(L) >= 4 && is_signed)
            if (void_value == static_cast<std::int64_t>(static_cast<L>(void_value)))
                done = narrow_blocks(labels, count, has_void, void_value, to, odd);
        for (std::int64_t i = done; i < count; ++i) {
            const Wide value = static_cast<Wide>(wide(labels[i]));
            to[i] = static_cast<std::uint8_t>(value < 255 ? value : 255);
        }
        if (has_void)
            for (std::int64_t i = done; i < count; ++i)
                odd |= (to[i] == 255) & (wide(labels[i]) != void_value);
        return odd;
    }
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t label = wide(*reinterpret_cast<const L *>(from + i * step));
        const bool high = static_cast<Wide>(label) >= 255;
        to[i] = static_cast<std::uint8_t>(high ? 255 : label);
        odd |= high & has_void & (label != void_value);
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
