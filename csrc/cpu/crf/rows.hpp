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

// Values of vertices, as they are stored.
template <class V> inline V load_values(const float *from) { return load<V>(from); }
template <class V> inline V load_values(const Float16 *from) { return load_float16<V>(from); }
template <class V> inline void store_values(float *to, V v) { store(to, v); }
template <class V> inline void store_values(Float16 *to, V v) { store_float16(to, v); }

// Calls body with a value of the type that rows of vertices are made of.
template <class Body> inline void with_storage(const CrfStorage &storage, const Body &body) {
    if constexpr (float16_lanes > 0)
        if (storage.is_float16) return body(Float16{});
    body(float{});
}

// Values from one vertex to the next: float16 of more than half a line of a cache have all of it.
template <class T> constexpr std::int64_t pitch_of(std::int64_t row) {
    return row > block_labels || (sizeof(T) == 2 && row > block_labels / 2) ? block_labels : row;
}

// Where the values of a vertex begin that are those of lane `at` of a row.
template <class T> inline T *rows_from(const CrfLattice &lattice, char *rows, std::int64_t at) {
    return reinterpret_cast<T *>(rows + at / block_labels * lattice.block_bytes()) +
           at % block_labels;
}

// As in_parts, none of which lies in two blocks of labels.
template <class V, class Body> inline void in_blocks(std::int64_t row, const Body &body) {
    constexpr std::int64_t w = lanes_of<V>;
    constexpr int most = w > 8 ? 2 : 4;
    if (row <= block_labels) return in_parts<V>(row, body);
    std::int64_t at = 0;
    for (; at + most * w <= row; at += most * w) body(Part<V, most, false>{at, row});
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
