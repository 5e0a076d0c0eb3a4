// The caller's arrays as views, checked: shapes, types, strides, alignment. No arithmetic on them.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "ops/color/palette.hpp"
#include "ops/labels/labels.hpp"
#include "segpost/capi.h"

namespace segpost::capi {

// What the caller gave is not what a function takes.
struct BadArgument : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

inline void require(bool condition, const std::string &what) {
    if (!condition) throw BadArgument(what);
}

std::string shape_text(const segpost_array &array);

// Any of the types in `kinds`, a bit each.
using Kinds = unsigned;
constexpr Kinds kind(int dtype) { return 1u << dtype; }
constexpr Kinds integers = kind(SEGPOST_INT8) | kind(SEGPOST_UINT8) | kind(SEGPOST_INT16) |
                           kind(SEGPOST_UINT16) | kind(SEGPOST_INT32) | kind(SEGPOST_UINT32) |
                           kind(SEGPOST_INT64) | kind(SEGPOST_UINT64);
constexpr Kinds floats =
    kind(SEGPOST_FLOAT32) | kind(SEGPOST_FLOAT64) | kind(SEGPOST_FLOAT16) | kind(SEGPOST_BFLOAT16);
// 64-bit integers may be beyond what float64, in which labels are defined, holds.
constexpr Kinds scores = floats | (integers & ~(kind(SEGPOST_INT64) | kind(SEGPOST_UINT64)));

void check(const segpost_array *array, const char *name, int ndim, Kinds kinds);
// An array whose elements have each memory of their own, because it is written to.
void check_output(const segpost_array *array, const char *name, int ndim, Kinds kinds);
template <class T> void check_table(const T *table, const char *name) {
    require(table != nullptr, std::string(name) + " is missing");
    require(reinterpret_cast<std::uintptr_t>(table) % alignof(T) == 0,
            std::string(name) + " is not aligned: its address must be a multiple of " +
                std::to_string(alignof(T)) + " bytes");
}

Logits logits_view(const segpost_array *array);
LabelView map_view(const segpost_array *array, const char *name, Kinds kinds, bool written);
Image image_view(const segpost_array *array, const char *name, bool written);

template <class A, class B> bool same_pixels(const A &a, const B &b) {
    return a.n == b.n && a.h == b.h && a.w == b.w;
}

} // namespace segpost::capi
