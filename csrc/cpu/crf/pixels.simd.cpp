// One pass over the pixels of a tile: messages from lattices and grids, softmax, and the new Q
// straight on to what the next messages are made of. Q is nowhere stored.
#include "cpu/crf/splat.hpp"
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/transpose.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// exp(v log2(e) - from) of four rows of N vectors. Where there are wider ones those take two at a
// time, of a row or of two.
template <class V, int N> inline void exponentials(const float *at, float from, V (&q)[4][N]) {
    constexpr int w = lanes_of<V>;
    if constexpr (w == 8 && lanes == 16) {
        for (int i = 0; i < 4 * N; i += 2) {
            const Vec<16>::f32 e = exponential(load<Vec<16>::f32>(at + i * w), from);
            q[i / N][i % N] = __builtin_shufflevector(e, e, 0, 1, 2, 3, 4, 5, 6, 7);
            q[(i + 1) / N][(i + 1) % N] =
                __builtin_shufflevector(e, e, 8, 9, 10, 11, 12, 13, 14, 15);
        }
    } else {
        for (int i = 0; i < 4 * N; ++i) q[i / N][i % N] = exponential(load<V>(at + i * w), from);
    }
}

// exp(v - shift), or v less the largest, in shares of `total_weight`.
template <class V, int N>
inline void softmax_of(float *values, std::int64_t row, float shift, float total_weight) {
    constexpr int w = lanes_of<V>, pixels = 4, most = N ? N : 1;
    const int n = N ? N : static_cast<int>(row / w);
    Vec<4>::f32 part[pixels];
    V q[pixels][most];
    const bool bounded = shift == shift;
    if (N && bounded) exponentials(values, shift * 1.44269504f, q);
    for (int p = 0; p < pixels; ++p) {
        float *at = values + p * row;
        const float from = bounded ? shift * 1.44269504f : 0.0f;
        V largest{}; // subtracted first, since a fused product rounds in another way
        if (!bounded) {
            V best = load<V>(at);
            for (int j = 1; j < n; ++j) best = max(best, load<V>(at + j * w));
            largest = broadcast<V>(maximum(best));
        }
        V sums[2]{}; // of vectors of four in turn: the order in which those of eight add
        const auto add = [&](int j, V &sum) {
            if (N && bounded) {
                sum += q[p][N ? j : 0];
                return;
            }
            const V e = exponential(load<V>(at + j * w) - largest, from);
            if (N)
                q[p][N ? j : 0] = e;
            else
                store(at + j * w, e);
            sum += e;
        };
        for (int j = 0; j + 1 < n; j += 2) add(j, sums[0]), add(j + 1, sums[w == 4]);
        if (n % 2) add(n - 1, sums[0]);
        part[p] = quarter(w == 4 ? sums[0] + sums[1] : sums[0]);
    }
    using F4 = Vec<4>::f32;
    const F4 a = __builtin_shufflevector(part[0], part[1], 0, 4, 2, 6) +
                 __builtin_shufflevector(part[0], part[1], 1, 5, 3, 7);
    const F4 b = __builtin_shufflevector(part[2], part[3], 0, 4, 2, 6) +
                 __builtin_shufflevector(part[2], part[3], 1, 5, 3, 7);
    const F4 total =
        __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
    const F4 inverse = total_weight / total;
    for (int p = 0; p < pixels; ++p)
        for (int j = 0; j < n; ++j) {
            float *at = values + p * row + j * w;
            store(at, (N ? q[p][N ? j : 0] : load<V>(at)) * broadcast<V>(inverse[p]));
        }
}

// The buffer has room for three pixels more.
template <class V>
void softmax_line(float *values, std::int64_t count, std::int64_t row, float shift, float weight) {
    for (std::int64_t i = count; i < round_up(count, 4); ++i)
        for (std::int64_t l = 0; l < row; ++l) values[i * row + l] = 0.0f;
    for (std::int64_t i = 0; i < count; i += 4) switch (row / lanes_of<V>) {
        case 1: softmax_of<V, 1>(values + i * row, row, shift, weight); break;
        case 2: softmax_of<V, 2>(values + i * row, row, shift, weight); break;
        case 3: softmax_of<V, 3>(values + i * row, row, shift, weight); break;
        default: softmax_of<V, 0>(values + i * row, row, shift, weight);
        }
}

// What pixels send to themselves is taken out of their messages.
void subtract_self_message(const Line &line, float *values) {
    const CrfPass &pass = line.pass;
    const std::int64_t row = pass.row, used = pass.used;
    for (std::int64_t t = 0; t < pass.lattice_count + pass.grid_count; ++t) {
        if (!pass.self_message[t]) continue;
        const CrfWeights &weights = pass.weights[t];
        for (std::int64_t i = 0; i < line.count; ++i) {
            const float self = pass.self_message[t][line.first + i];
            const float *q = pass.kept + (line.first + i) * used;
            float *to = values + i * row;
            for (std::int64_t l = 0; l < used; ++l) {
                if (weights.label) {
                    to[l] -= self * weights.label[l] * q[l];
                    continue;
                }
                for (std::int64_t m = 0; m < used; ++m)
                    to[m] -= self * weights.matrix[l * row + m] * q[l];
            }
        }
    }
}

// Energies of the Q before, whose messages are in `values` (the unary included).
void add_energies(const Line &line, const float *values, const float *unary, CrfSums &sums) {
    const CrfPass &pass = line.pass;
    for (std::int64_t i = 0; i < line.count; ++i) {
        const float *q = pass.kept + (line.first + i) * pass.used;
        float entropy = 0, alone = 0, pairs = 0;
        for (std::int64_t l = 0; l < pass.used; ++l) {
            const float u = unary[i * pass.row + l];
            if (!(q[l] > 0)) continue;
            entropy += q[l] * logarithm(broadcast<Vec<4>::f32>(q[l] < 1e-37f ? 1e-37f : q[l]))[0];
            alone -= q[l] * u;
            pairs -= q[l] * (values[i * pass.row + l] - u);
        }
        sums.entropy += entropy, sums.unary += alone, sums.pairwise += pairs;
    }
}

void keep(const Line &line, const float *values, CrfSums &sums) {
    const CrfPass &pass = line.pass;
    float change = 0;
    for (std::int64_t i = 0; i < line.count; ++i) {
        float *kept = pass.kept + (line.first + i) * pass.used;
        for (std::int64_t l = 0; l < pass.used; ++l) {
            const float q = values[i * pass.row + l], by = __builtin_fabsf(q - kept[l]);
            change = by > change ? by : change;
            kept[l] = q;
        }
    }
    if (!pass.first && change > sums.change) sums.change = change;
}

void write_out(const Line &line, const float *values, std::int64_t row) {
    const CrfPass &pass = line.pass;
    const ProbabilityView &view = *pass.out;
    char *to = view.data + (line.y / pass.h) * view.stride_d + (line.y % pass.h) * view.stride_h +
               line.tile.x0 * view.stride_w;
    if (view.stride_w == 4) {
        bool in_order = view.stride_l % 4 == 0;
        for (std::int64_t l = 0; l < pass.used; ++l) in_order &= pass.label_of[l] == l;
        std::int64_t first = 0;
        if (in_order)
            first = transpose_pixels(reinterpret_cast<const char *>(values), row * 4, pass.used,
                                     line.count, reinterpret_cast<float *>(to), view.stride_l / 4);
        for (std::int64_t l = 0; l < pass.used; ++l) {
            if (pass.label_of[l] < 0) continue;
            float *plane = reinterpret_cast<float *>(to + pass.label_of[l] * view.stride_l);
            for (std::int64_t i = first; i < line.count; ++i) plane[i] = values[i * row + l];
        }
        return;
    }
    for (std::int64_t i = 0; i < line.count; ++i)
        for (std::int64_t l = 0; l < pass.used; ++l)
            if (pass.label_of[l] >= 0)
                __builtin_memcpy(to + i * view.stride_w + pass.label_of[l] * view.stride_l,
                                 values + i * row + l, 4);
}

void clear(const CrfPass &pass, const CrfTile &tile) {
    const std::size_t row = static_cast<std::size_t>(pass.row) * 4;
    for (std::int64_t t = 0; t < pass.grid_count; ++t) {
        const CrfGrid &grid = pass.grids[t];
        const CrfNodes tile_nodes(grid, tile, pass.h, pass.w);
        if (grid.every_pixel()) continue; // all are written
        for (std::int64_t k = tile_nodes.y0; k < tile_nodes.y1; ++k)
            __builtin_memset(grid.sums + (k * grid.width + tile_nodes.x0) * pass.row, 0,
                             static_cast<std::size_t>(tile_nodes.width()) * row);
        __builtin_memset(grid.strip + grid.strip_at[tile.index], 0,
                         static_cast<std::size_t>(tile_nodes.width() + 1 + tile_nodes.height()) *
                             row);
    }
}

// Of the rows of all pixels of a line those of its sample, each for as many as it stands for.
template <class V> void take_sample(const Line &part, std::int64_t row, float *values) {
    const CrfSample &sample = part.pass.sample;
    const V weight = broadcast<V>(sample.weight());
    for (std::int64_t i = 0; i < part.count; ++i) {
        const float *from = values + (i * sample.step + sample.x) * row;
        for (std::int64_t l = 0; l < row; l += lanes_of<V>)
            store(values + i * row + l, load<V>(from + l) * weight);
    }
}

// Floats that hold what grids are summed up in: the nodes of a line, then what each needs alone.
std::int64_t nodes_size(const CrfPass &pass, const CrfTile &tile) {
    std::int64_t size = round_up((tile.width() + 4) * pass.row, 16);
    for (std::int64_t t = 0; t < pass.grid_count; ++t)
        if (pass.grids[t].direct) size += around_size(pass.grids[t], tile, pass.row);
    return size;
}

template <class V>
void pass_over(const CrfPass &pass, const CrfTile &tile, Scratch &scratch, CrfSums &sums) {
    const std::int64_t size = (tile.width() + 4) * pass.row;
    float *const all = scratch.take<float>(size + Splat<V>::kept_size(pass, tile)), *values = all;
    float *nodes = scratch.take<float>(nodes_size(pass, tile));
    float *unary = scratch.take<float>(pass.trace ? size : 0);
    Splat<V> splat(pass, tile, scratch);
    if (pass.splat) clear(pass, tile);
    // Where Q of all pixels is kept all are visited, though only the sample goes on.
    const CrfSample visited = pass.kept ? CrfSample() : pass.sample;
    const CrfSample sample = pass.sample;
    // Tiles begin where a sample of 2 x 2 does.
    for (std::int64_t y = tile.y0 + visited.y; y < tile.y1; y += visited.step) {
        const Line line(pass, tile, y, visited);
        if (pass.start && pass.first) {
            load_start<V>(line, values);
        } else {
            const bool fresh = !pass.first && pass.lattice_count && !pass.trace;
            if (!fresh) load_unary<V>(line, values);
            if (!pass.first) {
                if (pass.trace) __builtin_memcpy(unary, values, static_cast<std::size_t>(size) * 4);
                for (std::int64_t t = 0; t < pass.lattice_count; ++t)
                    add_lattice<V>(line, pass.lattices[t], pass.weights[t], fresh && t == 0,
                                   values);
                float *alone = nodes + round_up((tile.width() + 4) * pass.row, 16);
                for (std::int64_t t = 0; t < pass.grid_count; ++t) {
                    const CrfGrid &grid = pass.grids[t];
                    add_grid<V>(line, grid, pass.weights[pass.lattice_count + t], values,
                                grid.direct ? alone : nodes);
                    if (grid.direct) alone += around_size(grid, tile, pass.row);
                }
                if (pass.self_message) subtract_self_message(line, values);
                if (pass.trace) add_energies(line, values, unary, sums);
            }
            if (pass.measure) continue;
            softmax_line<V>(values, line.count, pass.row, pass.shift, visited.weight());
        }
        if (pass.kept) keep(line, values, sums);
        const bool goes_on = pass.splat && (y - tile.y0) % sample.step == sample.y;
        const Line part(pass, tile, y, sample);
        if (goes_on) {
            if (pass.kept && sample.step > 1) take_sample<V>(part, pass.row, values);
            for (std::int64_t t = 0; t < pass.grid_count; ++t)
                splat_grid<V>(part, pass.grids[t], values, nodes);
        }
        if (pass.out) write_out(line, values, pass.row);
        if (goes_on) values = splat.add(part, values);
    }
    splat.store(all);
}

} // namespace

std::int64_t crf_row(std::int64_t labels) {
    for (int width = 4; width < lanes; width *= 2)
        if (labels <= width) return width;
    if (lanes == 16 && labels <= 24) return 24; // three half vectors instead of two
    return round_up(labels, lanes);
}

CrfStorage crf_storage(std::int64_t row, bool is_exact) {
    CrfStorage storage;
    storage.is_float16 = float16_lanes > 0 && !is_exact;
    storage.pitch = storage.is_float16 ? pitch_of<Float16>(row) : pitch_of<float>(row);
    storage.blocks = (row + block_labels - 1) / block_labels;
    return storage;
}

std::int64_t crf_pixels_scratch(const CrfPass &pass, const CrfTile &tile) {
    const std::int64_t size = (tile.width() + 4) * pass.row;
    return round_up((size + Splat<F>::kept_size(pass, tile)) * 4, 64) + round_up(size * 4, 64) +
           round_up(nodes_size(pass, tile) * 4, 64) + round_up(Splat<F>::size(pass, tile) * 4, 64);
}

void crf_pixels(const CrfPass &pass, const CrfTile &tile, char *memory, CrfSums &sums) {
    Scratch scratch(memory);
    with_width(pass.row, [&](auto v) { pass_over<decltype(v)>(pass, tile, scratch, sums); });
}

void crf_write(const CrfPass &pass, const CrfTile &tile) {
    for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
        const Line line(pass, tile, y, CrfSample());
        write_out(line, pass.kept + line.first * pass.used, pass.used);
    }
}

} // namespace segpost::SEGPOST_LEVEL
