// On which side of a cutoff the logits of a channel are, and how close a cell is to it. The proofs
// are in ops/labels/masks.hpp. Only included by masks*.simd.cpp.
#pragma once

#include "cpu/simd/vector.hpp"
#include "ops/labels/masks.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr int side_clear = 0, side_set = 1, side_mixed = 2;

// One row of a channel's grid.
template <class T, class Side> struct GridRow {
    T *values;  // [pitch]
    Side *side; // [pitch]

    // Writes the sides of `count` values.
    void find_sides(const MaskLevel &level, std::int64_t count) const {
        const T upper = static_cast<T>(level.upper), lower = static_cast<T>(level.lower);
        const T limit = static_cast<T>(level.limit);
        const bool infinite = level.limit == __builtin_inf();
        const T *const from = values;
        Side *const to = side; // a byte that is written might be a member
        for (std::int64_t i = 0; i < count; ++i) {
            const T value = from[i], size = value < 0 ? -value : value;
            const Side one = value > upper ? side_set : (value <= lower ? side_clear : side_mixed);
            to[i] = ((size < limit) | infinite) ? one : static_cast<Side>(side_mixed);
        }
    }
};

// The size of the largest of a cell's corners, and of the level.
template <int corners>
inline float largest_size(const float (&corner)[corners], const MaskLevel &level) {
    float largest = abs(level.level);
    for (float value : corner) largest = max(abs(value), largest); // NaN is lost or stays
    return largest;
}

// Differences to the level of at most this size are decided by the definition.
inline float bound_of_size(float largest) {
    return largest < filter_limit ? filter_relative * largest + filter_absolute : __builtin_inff();
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
