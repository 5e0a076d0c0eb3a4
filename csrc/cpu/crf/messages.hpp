// What pixels of one line get from lattices and grids, and what they give. Only included by
// crf_pixels.simd.cpp.
#pragma once

#include "cpu/crf/columns.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr float none = -1e30f; // log of no probability, of padding too

// Pixels of a line that are visited, in the order of visits: `first`, and each `step` further on.
struct Line {
    const CrfPass &pass;
    const CrfTile &tile;
    std::int64_t y, first, count, step, x; // x: column of the first

    Line(const CrfPass &of, const CrfTile &in, std::int64_t row, const CrfSample &sample)
        : pass(of), tile(in), y(row), first(in.first + (row - in.y0) * in.width() + sample.x),
          count((in.width() - sample.x + sample.step - 1) / sample.step), step(sample.step),
          x(in.x0 + sample.x) {}

    std::int64_t pixel(std::int64_t i) const { return first + i * step; }
};

// The unary of pixels of a line. What a vector reads beyond the labels is blended away.
template <class V> class UnaryOf {
  public:
    explicit UnaryOf(const Line &line)
        : used_(line.pass.used), pitch_(used_ * line.step),
          values_(line.pass.unary + line.tile.first * line.pass.pitch +
                  (line.first - line.tile.first) * used_) {}

    V at(std::int64_t pixel, std::int64_t label) const {
        const V v = load<V>(values_ + pixel * pitch_ + label);
        if (label + lanes_of<V> <= used_) return v;
        IntOf<V> lane;
        for (int i = 0; i < lanes_of<V>; ++i) lane[i] = i;
        return lane < static_cast<std::int32_t>(used_ - label) ? v : broadcast<V>(none);
    }

  private:
    std::int64_t used_, pitch_; // pitch: from pixel to pixel
    const float *values_;
};

template <class V> void load_unary(const Line &line, float *values) {
    const UnaryOf<V> unary(line);
    const std::int64_t row = line.pass.row;
    for (std::int64_t at = 0; at < row; at += lanes_of<V>)
        for (std::int64_t i = 0; i < line.count; ++i) store(values + i * row + at, unary.at(i, at));
}

template <class V> void load_start(const Line &line, float *values) {
    const CrfPass &pass = line.pass;
    const ProbabilityView &view = *pass.start;
    const char *from = view.data + (line.y / pass.h) * view.stride_d +
                       (line.y % pass.h) * view.stride_h + line.tile.x0 * view.stride_w;
    for (std::int64_t i = 0; i < line.count; ++i)
        for (std::int64_t l = 0; l < pass.row; ++l) {
            float q = 0.0f;
            if (l < pass.used && pass.label_of[l] >= 0)
                __builtin_memcpy(&q, from + i * view.stride_w + pass.label_of[l] * view.stride_l,
                                 4);
            values[i * pass.row + l] = q;
        }
}

// Messages of a lattice on top of `values`, or of the unary where those are not there yet.
template <class V> void add_lattice(const Line &line, const CrfLattice &lattice,
                                    const CrfWeights &weights, bool fresh,
                                    float *__restrict values) {
    const UnaryOf<V> unary(line);
    const std::uint32_t *vertex = lattice.vertex + lattice.start[line.tile.index];
    const auto add = [&](auto stored, auto part, auto known) {
        using T = decltype(stored);
        constexpr int n = decltype(part)::n, w = decltype(part)::w;
        constexpr int fixed = decltype(known)::n;
        const std::int64_t row = part.row(), corners = fixed ? fixed : lattice.corners;
        const std::int64_t pitch = pitch_of<T>(row), step = line.step * corners;
        const std::uint16_t *corner = lattice.corner + line.first * corners;
        const float *weight = lattice.weight + line.first * corners;
        const T *rows = rows_from<T>(lattice, lattice.rows, part.at);
        constexpr std::int64_t ahead = 6; // pixels whose rows are asked for
        V strength[n];                    // a matrix has been applied
        for (int j = 0; j < n; ++j)
            strength[j] = weights.label ? load<V>(weights.label + part.at + j * w) *
                                              broadcast<V>(lattice.unscale)
                                        : broadcast<V>(lattice.unscale);
        for (std::int64_t i = 0; i < line.count; ++i) {
            float *to = values + i * row + part.at;
            V sum[n];
            for (int j = 0; j < n; ++j) sum[j] = V{};
            if (i + ahead < line.count)
                for (std::int64_t k = 0; k < corners; ++k)
                    __builtin_prefetch(rows + vertex[corner[(i + ahead) * step + k]] * pitch);
            for (std::int64_t k = 0; k < corners; ++k) {
                const V factor = broadcast<V>(weight[i * step + k]);
                const T *from = rows + vertex[corner[i * step + k]] * pitch;
                for (int j = 0; j < n; ++j)
                    sum[j] = fma(factor, load_values<V>(from + j * w), sum[j]);
            }
            if (lattice.after) {
                const V factor = broadcast<V>(lattice.after[line.pixel(i)]);
                for (int j = 0; j < n; ++j) sum[j] *= factor;
            }
            for (int j = 0; j < n; ++j) {
                const V base = fresh ? unary.at(i, part.at + j * w) : load<V>(to + j * w);
                store(to + j * w, fma(strength[j], sum[j], base));
            }
        }
    };
    with_storage(lattice.storage, [&](auto stored) {
        in_blocks<V>(line.pass.row, [&](auto part) {
            with_corners(lattice.corners, [&](auto known) { add(stored, part, known); });
        });
    });
}

// Where every pixel is a node: what the node has times the pixel's factor, or the other way round.
template <class V, bool splat_it>
void visit_nodes(const Line &line, const CrfGrid &grid, float *__restrict values) {
    in_parts<V>(line.pass.row, [&](auto part) {
        constexpr int n = decltype(part)::n, w = decltype(part)::w;
        const std::int64_t row = part.row(), x0 = line.tile.x0;
        const float *scales = splat_it ? grid.before : grid.after;
        const float *along_x = splat_it ? grid.in_x : grid.out_x;
        const float along_y = (splat_it ? grid.in_y : grid.out_y)[2 * line.y];
        float *__restrict nodes =
            (splat_it ? grid.sums : grid.rows) + (line.y * grid.width + x0) * row + part.at;
        for (std::int64_t i = 0; i < line.count; ++i) {
            const float scale = scales ? scales[line.first + i] : 1.0f;
            const V factor = broadcast<V>(along_y * along_x[2 * (x0 + i)] * scale);
            float *at = values + i * row + part.at, *node = nodes + i * row;
            for (int j = 0; j < n; ++j) {
                if (splat_it)
                    store(node + j * w, load<V>(at + j * w) * factor);
                else
                    store(at + j * w, fma(load<V>(node + j * w), factor, load<V>(at + j * w)));
            }
        }
    });
}

// Floats for a line of `columns`.
inline std::int64_t columns_size(const CrfGrid &grid, const CrfTile &tile, std::int64_t row) {
    return (tile.width() + 2 * grid.radius_x) * row;
}

// Floats that a grid needs which is summed up as pixels are visited: taps, and lines of columns.
inline std::int64_t around_size(const CrfGrid &grid, const CrfTile &tile, std::int64_t row) {
    return round_up(taps_size(grid) + grid_rows * columns_size(grid, tile, row), 16);
}

// Sums down the columns around a tile, of `grid_rows` lines from this one on. Beyond the image
// there is nothing.
template <class V> void sum_columns(const Line &line, const CrfGrid &grid, const float *taps,
                                    float *__restrict columns) {
    const std::int64_t row = line.pass.row, size = columns_size(grid, line.tile, row);
    const std::int64_t begin = line.tile.x0 - grid.radius_x;
    const std::int64_t x0 = max<std::int64_t>(0, begin);
    const std::int64_t x1 = min(grid.width, line.tile.x1 + grid.radius_x);
    for (int i = 0; i < grid_rows; ++i) {
        float *of_line = columns + i * size;
        for (std::int64_t at = 0; at < (x0 - begin) * row; ++at) of_line[at] = 0.0f;
        for (std::int64_t at = (x1 - begin) * row; at < size; ++at) of_line[at] = 0.0f;
    }
    add_all_columns<V>(grid, grid.rows + x0 * row, taps, line.y, row, (x1 - x0) * row, size,
                       columns + (x0 - begin) * row);
}

// Where a pixel sums what those around it have sent: down the columns of the line, which are summed
// up every `grid_rows` lines, and along it.
template <class V> void add_around(const Line &line, const CrfGrid &grid, const CrfWeights &weights,
                                   float *__restrict values, float *__restrict memory) {
    const std::int64_t row = line.pass.row, size = columns_size(grid, line.tile, row);
    const std::int64_t of_those = (line.y - line.tile.y0) % grid_rows;
    float *columns = memory + taps_size(grid);
    if (of_those == 0) sum_columns<V>(line, grid, column_taps(grid, memory), columns);
    columns += of_those * size;
    const float *middle = columns + (line.x - line.tile.x0 + grid.radius_x) * row;
    const float along_y = grid.out_y[2 * line.y];
    in_parts<V>(row, [&](auto part) {
        constexpr int n = decltype(part)::n, w = decltype(part)::w;
        V strength[n];
        for (int j = 0; j < n; ++j) strength[j] = load<V>(weights.label + part.at + j * w);
        for (std::int64_t i = 0; i < line.count; ++i) {
            const std::int64_t x = line.x + i * line.step;
            const float *here = middle + i * line.step * part.row() + part.at;
            V sum[n];
            for (int j = 0; j < n; ++j)
                sum[j] = load<V>(here + j * w) * broadcast<V>(grid.taps_x[0]);
            for (std::int64_t k = 1; k <= grid.radius_x; ++k) {
                const V tap = broadcast<V>(grid.taps_x[k]);
                const float *before = here - k * part.row(), *behind = here + k * part.row();
                for (int j = 0; j < n; ++j)
                    sum[j] = fma(tap, load<V>(before + j * w) + load<V>(behind + j * w), sum[j]);
            }
            const float scale = grid.after ? grid.after[line.pixel(i)] : 1.0f;
            const V factor = broadcast<V>(along_y * grid.out_x[2 * x] * scale);
            float *to = values + i * part.row() + part.at;
            for (int j = 0; j < n; ++j)
                store(to + j * w, fma(sum[j] * strength[j], factor, load<V>(to + j * w)));
        }
    });
}

template <class V> void add_grid(const Line &line, const CrfGrid &grid, const CrfWeights &weights,
                                 float *__restrict values, float *__restrict blend) {
    if (grid.direct) return add_around<V>(line, grid, weights, values, blend);
    if (grid.every_pixel()) return visit_nodes<V, false>(line, grid, values);
    constexpr int w = lanes_of<V>;
    const CrfPass &pass = line.pass;
    const std::int64_t row = pass.row, ky = line.y / grid.step_y;
    const std::int64_t k0 = line.tile.x0 / grid.step_x;
    const std::int64_t k1 = min((line.tile.x1 - 1) / grid.step_x + 2, grid.width);
    const float *upper = grid.rows + (ky * grid.width + k0) * row;
    const float above = grid.out_y[2 * line.y], below = grid.out_y[2 * line.y + 1];
    const std::int64_t size = (k1 - k0) * row;
    if (below == 0.0f) {
        for (std::int64_t i = 0; i < size; i += w)
            store(blend + i, load<V>(upper + i) * broadcast<V>(above));
    } else {
        const float *lower = upper + grid.width * row;
        for (std::int64_t i = 0; i < size; i += w)
            store(blend + i, fma(broadcast<V>(below), load<V>(lower + i),
                                 load<V>(upper + i) * broadcast<V>(above)));
    }
    const float *after = grid.after ? grid.after + line.first : nullptr;
    in_parts<V>(row, [&](auto part) {
        constexpr int n = decltype(part)::n, width = decltype(part)::w;
        const std::int64_t length = part.row();
        std::int64_t node = 0, phase = line.x - line.tile.x0; // the tile begins at a node
        for (std::int64_t i = 0; i < line.count; ++i) {
            const float *left = blend + node * length + part.at;
            const float scale = after ? after[i * line.step] : 1.0f;
            const float *out_x = grid.out_x + 2 * (line.x + i * line.step);
            const V wl = broadcast<V>(out_x[0] * scale);
            float *to = values + i * length + part.at;
            V sum[n];
            for (int j = 0; j < n; ++j)
                sum[j] = fma(wl, load<V>(left + j * width), load<V>(to + j * width));
            if (phase) {
                const V wr = broadcast<V>(out_x[1] * scale);
                for (int j = 0; j < n; ++j)
                    sum[j] = fma(wr, load<V>(left + length + j * width), sum[j]);
            }
            for (int j = 0; j < n; ++j) store(to + j * width, sum[j]);
            phase += line.step; // which divides a step of the grid
            if (phase >= grid.step_x) phase -= grid.step_x, ++node;
        }
    });
}

template <class V> inline void add_row(float *__restrict to, const float *__restrict from,
                                       float factor, std::int64_t count) {
    for (std::int64_t i = 0; i < count; i += lanes_of<V>)
        store(to + i, fma(broadcast<V>(factor), load<V>(from + i), load<V>(to + i)));
}

template <class V> void splat_grid(const Line &line, const CrfGrid &grid, float *__restrict values,
                                   float *__restrict nodes) {
    if (grid.every_pixel()) return visit_nodes<V, true>(line, grid, values);
    const CrfPass &pass = line.pass;
    const CrfNodes tile_nodes(grid, line.tile, pass.h, pass.w);
    const std::int64_t row = pass.row, ky = line.y / grid.step_y;
    const float *before = grid.before ? grid.before + line.first : nullptr;
    in_parts<V>(row, [&](auto part) {
        constexpr int n = decltype(part)::n, w = decltype(part)::w;
        const std::int64_t length = part.row();
        // Nodes are added up in registers: what the pixel gives to the left and to the right.
        V left[n], right[n];
        for (int j = 0; j < n; ++j) left[j] = right[j] = V{};
        const std::int64_t begin = line.x - line.tile.x0;
        std::int64_t phase = begin;
        float *to = nodes + part.at;
        for (std::int64_t i = 0; i < line.count; ++i) {
            const float scale = before ? before[i * line.step] : 1.0f;
            const float *in_x = grid.in_x + 2 * (line.x + i * line.step);
            const V wl = broadcast<V>(in_x[0] * scale), wr = broadcast<V>(in_x[1] * scale);
            for (int j = 0; j < n; ++j) {
                const V q = load<V>(values + i * length + part.at + j * w);
                left[j] = fma(wl, q, left[j]);
                right[j] = fma(wr, q, right[j]);
            }
            phase += line.step;
            if (phase < grid.step_x) continue;
            phase = begin;
            for (int j = 0; j < n; ++j) {
                store(to + j * w, left[j]);
                left[j] = right[j];
                right[j] = V{};
            }
            to += length;
        }
        for (int j = 0; j < n; ++j) store(to + j * w, left[j]);
        if (phase != begin) // the image ends between two nodes
            for (int j = 0; j < n; ++j) store(to + length + j * w, right[j]);
    });
    float *bottom = grid.strip + grid.strip_at[line.tile.index];
    float *right = bottom + (tile_nodes.width() + 1) * row;
    const bool shared_x = line.tile.x1 != pass.w;
    for (int side = 0; side < 2; ++side) {
        const float factor = grid.in_y[2 * line.y + side];
        const std::int64_t k = ky + side;
        if (factor == 0.0f) continue;
        if (k == tile_nodes.y1) {
            add_row<V>(bottom, nodes, factor, (tile_nodes.width() + (shared_x ? 1 : 0)) * row);
            continue;
        }
        add_row<V>(grid.sums + (k * grid.width + tile_nodes.x0) * row, nodes, factor,
                   tile_nodes.width() * row);
        if (shared_x)
            add_row<V>(right + (k - tile_nodes.y0) * row, nodes + tile_nodes.width() * row, factor,
                       row);
    }
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
