// Mask logits at a tile of points of the score grid. Only included by *.simd.cpp of this folder.
#pragma once

#include "cpu/simd/exponential.hpp"
#include "cpu/simd/load.hpp"
#include "ops/exact.hpp"
#include "ops/queries/queries.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr std::int64_t tile_rows = 8, tile_columns = 16, tile_points = tile_rows * tile_columns;
constexpr int vectors = static_cast<int>(tile_columns / lanes); // of a row of points

template <class V> inline V sigmoid(V value) {
    return 1.0f / (1.0f + exponential(min(-value, broadcast<V>(64.0f))));
}
// The largest s (1 - s) of sigmoids s in an interval.
inline float steepest(float low, float high) {
    if (low < 0.5f && high > 0.5f) return 0.25f;
    return max(low * (1.0f - low), high * (1.0f - high)) + tiny_sigmoid;
}
inline double exact_sigmoid(double value) { return 1.0 / (1.0 + __builtin_exp(-value)); }

// The columns of one vector of points, as places in one or two vectors of a row of logits.
struct Gather {
    std::int64_t base;
    int reach;                 // vectors that are read; 0: numbers, one by one
    I left, right;             // places in the one or the other
    I left_first, right_first; // whether they are in the first
};

// The logits around a point, of any query.
struct PointCorners {
    CornerWeights<4> weights;
    double scale;
    std::int64_t y[2], x[2];
};

template <class T> class PointReader {
  public:
    PointReader(const QueryGrids &grids, Scratch &scratch) : grids_(grids) {
        buffer_ = scratch.take<T>(grids.masks.w);
        narrow_ = scratch.take<float>(grids.masks.w + 2 * lanes);
        resized_ = scratch.take<float>(2 * tile_points);
    }

    // The points of a tile: rows and columns of the score grid, the last ones repeated.
    template <class Rows, class Columns>
    void move_to(std::int64_t n, const Rows &row, const Columns &column) {
        n_ = n;
        const Axis &y = grids_.grid_y, &x = grids_.grid_x;
        used_ = 0;
        for (std::int64_t i = 0; i < tile_rows; ++i) {
            rows_[i] = row(i);
            const std::int64_t cell = y.cell[rows_[i]];
            upper_[i] = slot_of(cell);
            lower_[i] = slot_of(min(cell + 1, y.n_in - 1));
            t_y_[i] = y.t[rows_[i]];
        }
        for (std::int64_t i = 0; i < tile_columns; ++i) {
            columns_[i] = column(i);
            left_[i] = x.cell[columns_[i]];
            right_[i] = static_cast<std::int32_t>(min<std::int64_t>(left_[i] + 1, x.n_in - 1));
            t_x_[i] = x.t[columns_[i]];
        }
        first_ = left_[0], last_ = right_[0];
        for (std::int64_t i = 1; i < tile_columns; ++i) {
            first_ = min<std::int64_t>(first_, left_[i]);
            last_ = max<std::int64_t>(last_, right_[i]);
        }
        for (int k = 0; k < vectors; ++k) gathers_[k] = gather_of(k * lanes);
    }

    // The points of cells of the region.
    void move_to_cells(const QueryTile &tile) {
        move_to(
            tile.n,
            [&](std::int64_t i) { return grids_.top + min(tile.y0 + i, grids_.y.n_in - 1); },
            [&](std::int64_t j) { return grids_.left + min(tile.x0 + j, grids_.x.n_in - 1); });
    }

    // The least and the largest logit that the tile reads of every query [pitch].
    void bound(float *low, float *high) const {
        const MaskBounds &bounds = grids_.bounds;
        std::int64_t top = used_rows_[0], bottom = used_rows_[0];
        for (std::int64_t i = 1; i < used_; ++i) {
            top = min(top, used_rows_[i]);
            bottom = max(bottom, used_rows_[i]);
        }
        for (std::int64_t q = 0; q < bounds.pitch; q += lanes) {
            F least = broadcast<F>(__builtin_inff()), most = -least;
            for (std::int64_t y = top / block_rows; y <= bottom / block_rows; ++y)
                for (std::int64_t x = first_ / block_columns; x <= last_ / block_columns; ++x) {
                    const std::int64_t place = bounds.place(n_, y, x) + q;
                    least = min(least, load<F>(bounds.low + place));
                    most = max(most, load<F>(bounds.high + place));
                }
            store(low + q, least);
            store(high + q, most);
        }
    }

    // The values of a query at the points [tile_points].
    void read(std::int64_t q, float *values) const {
        const float *rows[2 * tile_rows];
        if (is_direct()) {
            for (std::int64_t i = 0; i < used_; ++i) rows[i] = direct_row(q, used_rows_[i]);
            resize_rows(rows, used_, resized_);
        } else {
            for (std::int64_t i = 0; i < used_; ++i) {
                rows[0] = copied_row(q, used_rows_[i]);
                resize_rows(rows, 1, resized_ + i * tile_columns);
            }
        }
        for (std::int64_t i = 0; i < tile_rows; ++i) {
            const float *a = resized_ + upper_[i] * tile_columns;
            const float *b = resized_ + lower_[i] * tile_columns;
            const F t = broadcast<F>(t_y_[i]);
            for (int k = 0; k < vectors; ++k) {
                const F top = load<F>(a + k * lanes), bottom = load<F>(b + k * lanes);
                store(values + i * tile_columns + k * lanes, fma(t, bottom - top, top));
            }
        }
    }

    // For the value of queries at a point, by the definition.
    PointCorners corners(std::int64_t point) const {
        const std::int64_t i = point / tile_columns, j = point % tile_columns;
        const Axis &y = grids_.grid_y, &x = grids_.grid_x;
        const std::int64_t row = y.cell[rows_[i]];
        return {corner_weights(y, rows_[i], x, columns_[j]),
                y.den * x.den,
                {row, min(row + 1, y.n_in - 1)},
                {left_[j], right_[j]}};
    }
    double value(std::int64_t q, const PointCorners &at) const {
        double corner[4];
        for (int k = 0; k < 4; ++k) corner[k] = logit(q, at.y[k / 2], at.x[k % 2]);
        return at.weights.sum(corner) / at.scale;
    }
    void prefetch(std::int64_t q, const PointCorners &at) const {
        for (std::int64_t y : at.y)
            __builtin_prefetch(grids_.masks.row(n_, y) + q * grids_.masks.stride_c +
                               at.x[0] * grids_.masks.stride_w);
    }
    double value(std::int64_t q, std::int64_t point) const { return value(q, corners(point)); }

  private:
    Logits plane(std::int64_t q) const {
        Logits view = grids_.masks;
        view.data += q * view.stride_c;
        view.c = 1;
        return view;
    }

    // Whether rows of logits are read where they are.
    bool is_direct() const {
        return sizeof(T) == 4 && grids_.masks.dtype == DType::f32 && grids_.masks.stride_w == 4;
    }
    const float *direct_row(std::int64_t q, std::int64_t y) const {
        return reinterpret_cast<const float *>(grids_.masks.row(n_, y) + q * grids_.masks.stride_c);
    }

    double logit(std::int64_t q, std::int64_t y, std::int64_t x) const {
        if (is_direct()) return static_cast<double>(direct_row(q, y)[x]);
        double value;
        load_row(&value, 1, plane(q), n_, y, x, 1, nullptr);
        return value;
    }

    // Columns [first_, last_] of a row of logits, as numbers from column 0 on.
    const float *copied_row(std::int64_t q, std::int64_t y) const {
        const Logits view = plane(q);
        const std::int64_t first = max<std::int64_t>(0, min(first_, view.w - 2 * lanes));
        const std::int64_t count = min(view.w, max(last_ + 1, first + 2 * lanes)) - first;
        load_row(buffer_ + first, count, view, n_, y, first, count, nullptr);
        if constexpr (sizeof(T) == 4) {
            return buffer_;
        } else {
            for (std::int64_t x = first; x < first + count; ++x)
                narrow_[x] = static_cast<float>(buffer_[x]);
            return narrow_;
        }
    }

    // Logits at the columns of the points. Those of the next tile are asked for.
    void resize_rows(const float *const *rows, std::int64_t count, float *to) const {
        for (std::int64_t i = 0; i < count; ++i) {
            __builtin_prefetch(rows[i] + last_ + 8);
            __builtin_prefetch(rows[i] + last_ + 24);
        }
        for (int k = 0; k < vectors; ++k) {
            const Gather &gather = gathers_[k];
            const F t = load<F>(t_x_ + k * lanes);
            const auto put = [&](std::int64_t i, F left, F right) {
                store(to + i * tile_columns + k * lanes, fma(t, right - left, left));
            };
            if (gather.reach == 1) {
                const I left = gather.left, right = gather.right;
                for (std::int64_t i = 0; i < count; ++i) {
                    const F from = load<F>(rows[i] + gather.base);
                    put(i, permute(from, left), permute(from, right));
                }
            } else if (gather.reach == 2) {
                const I left = gather.left, right = gather.right;
                const I left_first = gather.left_first, right_first = gather.right_first;
                for (std::int64_t i = 0; i < count; ++i) {
                    const F from = load<F>(rows[i] + gather.base);
                    const F next = load<F>(rows[i] + gather.base + lanes);
                    put(i, left_first ? permute(from, left) : permute(next, left),
                        right_first ? permute(from, right) : permute(next, right));
                }
            } else {
                for (std::int64_t i = 0; i < count; ++i) {
                    float a[lanes], b[lanes];
                    for (int j = 0; j < lanes; ++j) {
                        a[j] = rows[i][left_[k * lanes + j]];
                        b[j] = rows[i][right_[k * lanes + j]];
                    }
                    put(i, load<F>(a), load<F>(b));
                }
            }
        }
    }

    Gather gather_of(std::int64_t first) const {
        Gather gather{};
        std::int64_t low = left_[first], high = right_[first];
        for (std::int64_t i = first; i < first + lanes; ++i) {
            low = min<std::int64_t>(low, left_[i]);
            high = max<std::int64_t>(high, right_[i]);
        }
        const std::int64_t width = grids_.masks.w;
        const std::int64_t span = high - low + 1;
        if (span > 2 * lanes || width < (span > lanes ? 2 : 1) * lanes) return gather;
        gather.reach = span > lanes ? 2 : 1;
        gather.base = min(low, width - gather.reach * lanes);
        for (int i = 0; i < lanes; ++i) {
            const auto left = static_cast<std::int32_t>(left_[first + i] - gather.base);
            const auto right = static_cast<std::int32_t>(right_[first + i] - gather.base);
            gather.left[i] = left % lanes, gather.left_first[i] = left < lanes ? -1 : 0;
            gather.right[i] = right % lanes, gather.right_first[i] = right < lanes ? -1 : 0;
        }
        return gather;
    }

    // The place of a row of logits among those that the tile reads.
    std::int64_t slot_of(std::int64_t row) {
        for (std::int64_t i = max<std::int64_t>(used_ - 2, 0); i < used_; ++i)
            if (used_rows_[i] == row) return i;
        used_rows_[used_] = row;
        return used_++;
    }

    const QueryGrids &grids_;
    std::int64_t n_ = 0, used_ = 0, first_ = 0, last_ = 0;
    std::int64_t rows_[tile_rows], columns_[tile_columns], used_rows_[2 * tile_rows];
    std::int64_t upper_[tile_rows], lower_[tile_rows];
    std::int32_t left_[tile_columns], right_[tile_columns];
    float t_y_[tile_rows], t_x_[tile_columns];
    Gather gathers_[vectors];
    T *buffer_;      // [w]
    float *narrow_;  // [w + 2 lanes]
    float *resized_; // [2 tile_rows, tile_columns]
};

} // namespace
} // namespace segpost::SEGPOST_LEVEL
