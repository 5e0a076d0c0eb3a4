// Rows of labels as whole vectors. Only included by crf_*.simd.cpp.
#pragma once

#include "cpu/crf/plan.hpp"
#include "cpu/simd/exponential.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

template <int N> struct Count {
    static constexpr int n = N;
};

// N vectors of a row, from `at` on. Where they are the whole row its length is known to the
// compiler.
template <class V, int N, bool whole> struct Part {
    static constexpr int n = N, w = lanes_of<V>;
    std::int64_t at, length;
    std::int64_t row() const { return whole ? N * w : length; }
};

template <class V, class Body> inline void in_parts(std::int64_t row, const Body &body) {
    constexpr std::int64_t w = lanes_of<V>;
    switch (row / w) {
    case 1: return body(Part<V, 1, true>{0, row});
    case 2: return body(Part<V, 2, true>{0, row});
    case 3: return body(Part<V, 3, true>{0, row});
    default: break;
    }
    std::int64_t at = 0;
    for (; at + 4 * w <= row; at += 4 * w) body(Part<V, 4, false>{at, row});
    for (; at < row; at += w) body(Part<V, 1, false>{at, row});
}

// The same without a stride to know.
template <class V, class Body> inline void in_groups(std::int64_t row, const Body &body) {
    constexpr std::int64_t w = lanes_of<V>;
    std::int64_t at = 0, left = row / w;
    for (; left >= 4; left -= 4, at += 4 * w) body(Count<4>{}, at);
    switch (left) {
    case 3: return body(Count<3>{}, at);
    case 2: return body(Count<2>{}, at);
    case 1: return body(Count<1>{}, at);
    default: return;
    }
}

// Calls body with the number of corners, known to the compiler for places and RGB.
template <class Body> inline void with_corners(std::int64_t corners, const Body &body) {
    if (corners == 6) return body(Count<6>{});
    if (corners == 3) return body(Count<3>{});
    body(Count<0>{});
}

// Calls body(V{}) with the widest vector that a row is made of.
template <class Body> inline void with_width(std::int64_t row, const Body &body) {
    if (lanes >= 16 && row % 16 == 0) return body(Vec < lanes >= 16 ? 16 : 4 > ::f32{});
    if (lanes >= 8 && row % 8 == 0) return body(Vec < lanes >= 8 ? 8 : 4 > ::f32{});
    body(Vec<4>::f32{});
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
