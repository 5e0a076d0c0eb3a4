// Sums down the columns of a grid. Only included by crf_*.simd.cpp.
#pragma once

#include "cpu/crf/rows.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

inline std::int64_t taps_size(const CrfGrid &grid) { return 2 * (grid.radius_y + grid_rows); }

// Taps down a column, from the middle, and zeros beyond the radius.
inline const float *column_taps(const CrfGrid &grid, float *memory) {
    const std::int64_t reach = grid.radius_y + grid_rows; // one way
    for (std::int64_t k = -reach; k < reach; ++k) {
        const std::int64_t distance = k < 0 ? -k : k;
        memory[reach + k] = distance <= grid.radius_y ? grid.taps_y[distance] : 0.0f;
    }
    return memory + reach;
}

// Of N vectors of `grid_rows` rows from y on; `pitch`: of what becomes of them.
template <class V, int N> void add_columns(const CrfGrid &grid, const float *__restrict nodes,
                                           const float *taps, std::int64_t y, std::int64_t size,
                                           std::int64_t pitch, float *__restrict to) {
    constexpr int w = lanes_of<V>;
    const std::int64_t first = max<std::int64_t>(0, y - grid.radius_y);
    const std::int64_t last = min(grid.height - 1, y + grid_rows - 1 + grid.radius_y);
    V sum[grid_rows][N];
    for (auto &row : sum)
        for (V &v : row) v = V{};
    for (std::int64_t k = first; k <= last; ++k) {
        const float *from = nodes + k * size;
        const float *tap = taps + (k - y);
        V value[N];
        for (int j = 0; j < N; ++j) value[j] = load<V>(from + j * w);
        for (int i = 0; i < grid_rows; ++i)
            for (int j = 0; j < N; ++j) sum[i][j] = fma(broadcast<V>(tap[-i]), value[j], sum[i][j]);
    }
    for (int i = 0; i < grid_rows; ++i)
        for (int j = 0; j < N; ++j) store(to + i * pitch + j * w, sum[i][j]);
}

// The same of `count` floats of a row, where `nodes` and `to` begin.
template <class V> void add_all_columns(const CrfGrid &grid, const float *nodes, const float *taps,
                                        std::int64_t y, std::int64_t row, std::int64_t count,
                                        std::int64_t pitch, float *to) {
    const std::int64_t size = grid.width * row;
    std::int64_t at = 0;
    for (; at + 2 * lanes <= count; at += 2 * lanes)
        add_columns<F, 2>(grid, nodes + at, taps, y, size, pitch, to + at);
    for (; at < count; at += lanes_of<V>)
        add_columns<V, 1>(grid, nodes + at, taps, y, size, pitch, to + at);
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
