// The pixels of a tile's cells from planes of values at its points: the largest plane, and where a
// plane reaches a threshold. Only included by *.simd.cpp of this folder.
//
// `Exact` is the definition: decide(list, count, y, x, point) is the place in a list of planes of
// the first largest one at a pixel, weight(plane, y, x, point) its value there, for the cell whose
// first corner is `point`.
#pragma once

#include "cpu/queries/points.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr std::int64_t cell_rows = tile_rows - 1, cell_columns = tile_columns - 1;
constexpr float slack = 1e-4f; // of bounds, and of sums of them: more than their errors
constexpr std::int64_t wide = lanes < 8 ? lanes : 8; // pixels of a cell side by side
using Wide = Vec<wide>::f32;
using WideMask = Vec<wide>::i32;

// The planes of a tile.
struct Planes {
    const float *weights; // [count, tile_points]
    const float *values;  // the same, or for late masks the values that have these weights
    const float *scores;  // [count] for late masks, else null
    std::int64_t count;   // that compete
    // Errors of weights: the smaller one of two bounds, each relative and absolute.
    float relative, absolute, less_relative, more_absolute;

    const float *weight(std::int64_t i) const { return weights + i * tile_points; }
    const float *value(std::int64_t i) const { return values + i * tile_points; }
    template <class V> V error(V size) const {
        return min(relative * size + absolute, less_relative * size + more_absolute);
    }
};

// The pixels of a tile.
struct TilePixels {
    const QueryTile tile;
    const Axis &y, &x;
    float *t; // [columns + wide] of the columns from `first` on
    std::int64_t first;

    TilePixels(const QueryGrids &grids, const QueryTile &area, float *memory)
        : tile(area), y(grids.y), x(grids.x), t(memory), first(grids.x.start[area.x0]) {
        const std::int64_t columns = x.start[tile.x1] - first;
        for (std::int64_t i = 0; i < columns + wide; ++i)
            t[i] = i < columns ? x.t[first + i] : 0.0f;
    }
    std::int64_t rows() const { return tile.y1 - tile.y0; }
    std::int64_t columns() const { return tile.x1 - tile.x0; }
    std::int64_t top(std::int64_t i) const { return y.start[tile.y0 + i]; }
    std::int64_t left(std::int64_t j) const { return x.start[tile.x0 + j]; }
    std::int64_t count() const { return (top(rows()) - top(0)) * (left(columns()) - left(0)); }
};

// One plane between the corners of a cell, row by row.
class CellPlane {
  public:
    CellPlane(const Planes &planes, std::int64_t i, std::int64_t point)
        : corner_(planes.value(i) + point), score_(planes.scores ? planes.scores[i] : 0.0f) {}

    void move_to(float t) {
        const float *below = corner_ + tile_columns;
        left_ = corner_[0] + t * (below[0] - corner_[0]);
        slope_ = corner_[1] + t * (below[1] - corner_[1]) - left_;
    }
    Wide at(Wide t) const {
        const Wide value = fma(t, broadcast<Wide>(slope_), broadcast<Wide>(left_));
        return score_ > 0.0f ? score_ * sigmoid(value) : value;
    }

  private:
    const float *corner_;
    float score_, left_ = 0.0f, slope_ = 0.0f;
};

inline float smallest_corner(const float *p) {
    return min(min(p[0], p[1]), min(p[tile_columns], p[tile_columns + 1]));
}
inline float largest_corner(const float *p) {
    return max(max(p[0], p[1]), max(p[tile_columns], p[tile_columns + 1]));
}

constexpr std::int32_t undecided_plane = -1;

// Memory of a task.
struct CellMemory {
    std::int32_t *key;    // [tile_points + lanes] the plane that is largest at a point
    float *best, *second; // [tile_points + lanes]
    std::int32_t *list;   // [planes]
    float *t;

    CellMemory(const QueryGrids &grids, std::int64_t planes, Scratch &scratch) {
        key = scratch.take<std::int32_t>(tile_points + 2 * lanes);
        best = scratch.take<float>(tile_points + 2 * lanes);
        second = scratch.take<float>(tile_points + 2 * lanes);
        list = scratch.take<std::int32_t>(planes);
        t = scratch.take<float>(cell_columns * grids.x.widest + wide);
    }
};

// The largest plane at every point, where errors cannot change it.
inline void compare_points(const Planes &planes, const CellMemory &memory) {
    for (std::int64_t p = 0; p < tile_points; p += lanes) {
        F best = load<F>(planes.weight(0) + p), second = broadcast<F>(-__builtin_inff());
        I key{};
        for (std::int64_t i = 1; i < planes.count; ++i) {
            const F weight = load<F>(planes.weight(i) + p);
            second = larger(second, smaller(best, weight));
            key = select((I)(weight > best), broadcast<I>(static_cast<std::int32_t>(i)), key);
            best = max(weight, best);
        }
        const F error = 2.0f * planes.error(abs(best));
        key = best - second > error ? key : broadcast<I>(undecided_plane);
        store(memory.key + p, key);
        store(memory.best + p, best);
        store(memory.second + p, second);
    }
}

// Calls fill(plane, y0, y1, x0, x1) and put(plane, y, x) for all pixels of a tile.
template <class Exact, class Fill, class Put>
void label_cells(const Planes &planes, const TilePixels &pixels, const CellMemory &memory,
                 const Exact &exact, const Fill &fill, const Put &put) {
    compare_points(planes, memory);
    for (std::int64_t i = 0; i < pixels.rows(); ++i) {
        const std::int64_t y0 = pixels.top(i), y1 = pixels.top(i + 1);
        if (y0 == y1) continue;
        const std::int64_t first = i * tile_columns;
        std::int32_t cell[tile_columns];
        for (int k = 0; k < vectors; ++k) {
            const std::int32_t *key = memory.key + first + k * lanes;
            const I a = load<I>(key);
            const I same = (I)(a == load<I>(key + 1)) & (I)(a == load<I>(key + tile_columns)) &
                           (I)(a == load<I>(key + tile_columns + 1));
            store(cell + k * lanes, same ? a : broadcast<I>(undecided_plane));
        }
        if (planes.scores) // a late mask is no mean of the corners' weights
            for (std::int64_t j = 0; j < pixels.columns(); ++j) {
                const float low = smallest_corner(memory.best + first + j);
                const float high = largest_corner(memory.second + first + j);
                if (!(low - high > 2.0f * planes.error(low))) cell[j] = undecided_plane;
            }
        for (std::int64_t j = 0; j < pixels.columns();) {
            std::int64_t end = j + 1;
            if (cell[j] != undecided_plane) {
                while (end < pixels.columns() && cell[end] == cell[j]) ++end;
                if (pixels.left(j) < pixels.left(end))
                    fill(cell[j], y0, y1, pixels.left(j), pixels.left(end));
            } else if (pixels.left(j) < pixels.left(end)) {
                label_cell(planes, pixels, memory, exact, i, j, fill, put);
            }
            j = end;
        }
    }
}

// The pixels of one cell.
template <class Exact, class Fill, class Put>
void label_cell(const Planes &planes, const TilePixels &pixels, const CellMemory &memory,
                const Exact &exact, std::int64_t i, std::int64_t j, const Fill &fill,
                const Put &put) {
    const std::int64_t point = i * tile_columns + j;
    float floor = -__builtin_inff(), size = 0.0f;
    for (std::int64_t k = 0; k < planes.count; ++k) {
        floor = max(floor, smallest_corner(planes.weight(k) + point));
        size = max(size, max(-smallest_corner(planes.weight(k) + point),
                             largest_corner(planes.weight(k) + point)));
    }
    floor -= 2.0f * planes.error(size);
    std::int64_t count = 0;
    for (std::int64_t k = 0; k < planes.count; ++k)
        if (!(largest_corner(planes.weight(k) + point) < floor))
            memory.list[count++] = static_cast<std::int32_t>(k);
    const std::int64_t y0 = pixels.top(i), y1 = pixels.top(i + 1);
    const std::int64_t x0 = pixels.left(j), x1 = pixels.left(j + 1);
    if (count == 1) return fill(memory.list[0], y0, y1, x0, x1);
    const Wide error = broadcast<Wide>(2.0f * planes.error(size));
    for (std::int64_t y = y0; y < y1; ++y) {
        const float t_y = pixels.y.t[y];
        for (std::int64_t x = x0; x < x1; x += wide) {
            const Wide t = load<Wide>(pixels.t + x - pixels.first);
            Wide best{}, second = broadcast<Wide>(-__builtin_inff());
            WideMask place{};
            for (std::int64_t k = 0; k < count; ++k) {
                CellPlane plane(planes, memory.list[k], point);
                plane.move_to(t_y);
                const Wide weight = plane.at(t);
                if (k == 0) {
                    best = weight;
                    continue;
                }
                second = larger(second, smaller(best, weight));
                place = select((WideMask)(weight > best),
                               broadcast<WideMask>(static_cast<std::int32_t>(k)), place);
                best = max(weight, best);
            }
            std::int32_t chosen[wide], close[wide];
            store(chosen, place);
            store(close, (WideMask) ~(best - second > error));
            for (std::int64_t k = 0; k < min(wide, x1 - x); ++k) {
                if (__builtin_expect(close[k], 0))
                    chosen[k] = static_cast<std::int32_t>(
                        exact.decide(memory.list, count, y, x + k, point));
                put(memory.list[chosen[k]], y, x + k);
            }
        }
    }
}

// How many pixels of a tile have a plane of at least a threshold; calls out(y0, y1, x0, x1) for the
// others.
template <class Exact, class Out>
std::int64_t count_above(const Planes &planes, std::int64_t i, double threshold,
                         const TilePixels &pixels, const Exact &exact, const Out &out) {
    const float *weight = planes.weight(i);
    const float level = static_cast<float>(threshold);
    std::uint32_t above[tile_rows], below[tile_rows];
    for (std::int64_t row = 0; row <= pixels.rows(); ++row) {
        above[row] = below[row] = 0;
        for (int k = 0; k < vectors; ++k) {
            const F w = load<F>(weight + row * tile_columns + k * lanes);
            const F bound = planes.error(abs(w) + 2.0f * abs(level));
            above[row] |= mask_bits((I)(w - level > bound)) << (k * lanes);
            below[row] |= mask_bits((I)(level - w > bound)) << (k * lanes);
        }
    }
    const auto all = [](std::uint32_t a, std::uint32_t b) { return a & b & (a & b) >> 1; };
    std::int64_t total = 0;
    for (std::int64_t row = 0; row < pixels.rows(); ++row) {
        const std::int64_t y0 = pixels.top(row), y1 = pixels.top(row + 1);
        if (y0 == y1) continue;
        const std::uint32_t in = all(above[row], above[row + 1]);
        const std::uint32_t no = all(below[row], below[row + 1]);
        for (std::int64_t j = 0; j < pixels.columns(); ++j) {
            const std::int64_t x0 = pixels.left(j), x1 = pixels.left(j + 1);
            if (in >> j & 1) {
                total += (y1 - y0) * (x1 - x0);
            } else if (no >> j & 1) {
                out(y0, y1, x0, x1);
            } else {
                CellPlane plane(planes, i, row * tile_columns + j);
                const float size = max(largest_corner(weight + row * tile_columns + j),
                                       -smallest_corner(weight + row * tile_columns + j));
                const Wide close = broadcast<Wide>(planes.error(2.0f * abs(level) + size));
                for (std::int64_t y = y0; y < y1; ++y) {
                    plane.move_to(pixels.y.t[y]);
                    for (std::int64_t x = x0; x < x1; x += wide) {
                        const Wide w = plane.at(load<Wide>(pixels.t + x - pixels.first)) - level;
                        std::int32_t is_in[wide], is_close[wide];
                        store(is_in, (WideMask)(w > Wide{}));
                        store(is_close, (WideMask) ~(abs(w) > close));
                        for (std::int64_t k = 0; k < min(wide, x1 - x); ++k) {
                            bool inside = is_in[k];
                            if (__builtin_expect(is_close[k], 0))
                                inside =
                                    exact.weight(i, y, x + k, row * tile_columns + j) >= threshold;
                            total += inside;
                            if (!inside) out(y, y + 1, x + k, x + k + 1);
                        }
                    }
                }
            }
        }
    }
    return total;
}

// Writes a rectangle of labels.
template <class L> inline void fill_labels(const LabelView &labels, std::int64_t n, std::int64_t y0,
                                           std::int64_t y1, std::int64_t x0, std::int64_t x1,
                                           L label) {
    for (std::int64_t y = y0; y < y1; ++y) {
        L *row = reinterpret_cast<L *>(labels.row(n, y));
        for (std::int64_t x = x0; x < x1; ++x) row[x] = label;
    }
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
