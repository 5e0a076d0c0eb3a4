// Rows of labels as whole vectors. Only included by crf_*.simd.cpp.
#pragma once

#include "crf_plan.hpp"
#include "exponential.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

template <int N> struct Count {
    static constexpr int n = N;
};

// Calls body(Count<N>, first float of N vectors) until a row is covered.
template <class V, class Body> inline void in_groups(std::int64_t row, const Body &body) {
    constexpr std::int64_t w = LanesOf<V>::n;
    std::int64_t at = 0, left = row / w;
    for (; left >= 4; left -= 4, at += 4 * w) body(Count<4>{}, at);
    switch (left) {
    case 3: return body(Count<3>{}, at);
    case 2: return body(Count<2>{}, at);
    case 1: return body(Count<1>{}, at);
    default: return;
    }
}

// Calls body(V{}) with the widest vector that a row is made of.
template <class Body> inline void with_width(std::int64_t row, const Body &body) {
    if (lanes >= 16 && row % 16 == 0) return body(Vec < lanes >= 16 ? 16 : 4 > ::f32{});
    if (lanes >= 8 && row % 8 == 0) return body(Vec < lanes >= 8 ? 8 : 4 > ::f32{});
    body(Vec<4>::f32{});
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
