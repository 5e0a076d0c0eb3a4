// Mask logits at points of the score grid, by the definition in float64, and tiles of the pixels
// that are interpolated between them. Only included by *.cu.
#pragma once

#include "gpu.hpp"

#include "cuda/runtime/load.hpp"
#include "cuda/runtime/warp.hpp"
#include "ops/exact.hpp"
#include "ops/queries/queries.hpp"

#include <algorithm>

namespace segpost::gpu {
namespace {

__device__ inline double exact_sigmoid(double value) { return 1.0 / (1.0 + exp(-value)); }

// The logits around a point of the score grid, of any query of an image.
template <class S> class PointCorners {
  public:
    __device__ PointCorners() {}
    __device__ PointCorners(const Logits &masks, const Axis &axis_y, std::int64_t y,
                            const Axis &axis_x, std::int64_t x)
        : weights_(corner_weights(axis_y, y, axis_x, x)), den_(axis_y.den * axis_x.den) {
        const std::int64_t upper = axis_y.cell[y], left = axis_x.cell[x];
        const std::int64_t lower = upper + 1 < axis_y.n_in ? upper + 1 : upper;
        const std::int64_t right = left + 1 < axis_x.n_in ? left + 1 : left;
        for (int i = 0; i < 4; ++i)
            at_[i] = masks.row(0, i < 2 ? upper : lower) + (i % 2 ? right : left) * masks.stride_w;
    }
    __device__ double value(const Logits &masks, std::int64_t query) const {
        double corner[4];
        for (int i = 0; i < 4; ++i)
            corner[i] = load<S>(at_[i] + query * masks.stride_c, masks.dtype);
        return weights_.sum(corner) / den_;
    }

  private:
    CornerWeights<4> weights_;
    double den_;
    const char *at_[4];
};

// Pixels of a block: each warp has rows of them, a lane a column.
constexpr int tile_rows = 16, tile_columns = warp_size;
constexpr int pixels_of_thread = tile_rows / static_cast<int>(warps_of_block);

inline std::int64_t tiles_of(std::int64_t rows, std::int64_t columns) {
    return ((rows + tile_rows - 1) / tile_rows) * ((columns + tile_columns - 1) / tile_columns);
}

struct PixelTile {
    std::int64_t y0, y1, x0, x1;

    __device__ PixelTile(std::int64_t tile, std::int64_t height, std::int64_t width) {
        const std::int64_t across = (width + tile_columns - 1) / tile_columns;
        y0 = tile / across * tile_rows, x0 = tile % across * tile_columns;
        y1 = height - y0 < tile_rows ? height : y0 + tile_rows;
        x1 = width - x0 < tile_columns ? width : x0 + tile_columns;
    }
    // The pixel i of this thread.
    __device__ std::int64_t row(int i) const {
        return y0 + warp_index() + i * static_cast<int>(warps_of_block);
    }
    __device__ std::int64_t column() const { return x0 + lane_index(); }
    __device__ bool has(int i) const { return row(i) < y1 && column() < x1; }
};

// The points that pixels of an axis read: all of a range where pixels share them, or else two of
// every pixel.
class TilePoints {
  public:
    __device__ TilePoints(const Axis &axis, std::int64_t origin, std::int64_t first,
                          std::int64_t end)
        : cell_(axis.cell), n_in_(axis.n_in), origin_(origin), first_(first) {
        const int range = cell_[end - 1] + 2 - cell_[first];
        const int pairs = 2 * static_cast<int>(end - first);
        is_range_ = range <= pairs;
        count_ = is_range_ ? range : pairs;
    }
    __device__ int count() const { return count_; }
    // The place of the first of the two points of a pixel.
    __device__ int place(std::int64_t pixel) const {
        return is_range_ ? cell_[pixel] - cell_[first_] : 2 * static_cast<int>(pixel - first_);
    }
    // The row or the column of the score grid of a point.
    __device__ std::int64_t position(int place) const {
        const std::int64_t i =
            is_range_ ? cell_[first_] + place : cell_[first_ + place / 2] + place % 2;
        return origin_ + (i < n_in_ ? i : n_in_ - 1);
    }

  private:
    const std::int32_t *cell_;
    std::int64_t n_in_, origin_, first_;
    int count_;
    bool is_range_;
};

// At least as many as `count` of any tile.
inline std::int64_t most_points(const Axis &axis, std::int64_t pixels) {
    const double reach = static_cast<double>(pixels - 1) * axis.step;
    const double range = std::min(reach + 3.0, static_cast<double>(axis.cells() + 1));
    return std::min(static_cast<std::int64_t>(range), 2 * pixels);
}

// Queries whose points are in shared memory at the same time, and the memory.
constexpr int most_together = 16;
struct SharedPoints {
    int together;
    std::size_t bytes;

    explicit SharedPoints(const QueryGrids &grids) {
        constexpr std::int64_t budget = 16 << 10;
        const std::int64_t points =
            most_points(grids.y, tile_rows) * most_points(grids.x, tile_columns);
        const auto size = points * static_cast<std::int64_t>(sizeof(double));
        together = static_cast<int>(std::clamp<std::int64_t>(budget / size, 1, most_together));
        bytes = static_cast<std::size_t>(together * size);
    }
};

// Two pixels of a thread between the points of a tile.
class TileSamples {
  public:
    __device__ TileSamples(const QueryGrids &grids, const PixelTile &tile)
        : rows_(grids.y, grids.top, tile.y0, tile.y1),
          columns_(grids.x, grids.left, tile.x0, tile.x1), den_(grids.y.den * grids.x.den) {
        for (int i = 0; i < pixels_of_thread; ++i) {
            if (!tile.has(i)) continue;
            const std::int64_t y = tile.row(i), x = tile.column();
            weights_[i] = corner_weights(grids.y, y, grids.x, x);
            place_[i] = rows_.place(y) * columns_.count() + columns_.place(x);
        }
    }
    // Writes made(i, value) for `count` queries i from `queries` on to points [count, points].
    template <class S, class Make>
    __device__ void write_points(const QueryGrids &grids, const std::int32_t *queries, int count,
                                 double *points, const Make &make) const {
        const int size = rows_.count() * columns_.count();
        for (int p = static_cast<int>(threadIdx.x); p < size; p += block_size) {
            const PointCorners<S> corners(grids.masks, grids.grid_y,
                                          rows_.position(p / columns_.count()), grids.grid_x,
                                          columns_.position(p % columns_.count()));
            for (int k = 0; k < count; ++k)
                points[k * size + p] = make(k, corners.value(grids.masks, queries[k]));
        }
    }
    // The value of query k at the pixel i of this thread.
    __device__ double value(const double *points, int k, int i) const {
        const double *at = points + k * rows_.count() * columns_.count() + place_[i];
        const double corner[4] = {at[0], at[1], at[columns_.count()], at[columns_.count() + 1]};
        return weights_[i].sum(corner) / den_;
    }

  private:
    TilePoints rows_, columns_;
    double den_;
    CornerWeights<4> weights_[pixels_of_thread];
    int place_[pixels_of_thread];
};

} // namespace
} // namespace segpost::gpu
