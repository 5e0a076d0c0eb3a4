// Rows of the low-resolution grid, what is known of their pixels, and the cells that can be filled.
// Only included by argmax_*.simd.cpp.
#pragma once

#include "cpu/color/color.hpp"
#include "cpu/simd/load.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr std::int32_t undecided = -1; // corner label: its cells cannot be filled

// One row of logits with what is known of each of its pixels.
template <class T> struct Row {
    T *planes;           // [C][pitch]
    std::int32_t *label; // [pitch], first maximum or undecided
    float *largest;      // [pitch], largest |value|; NaN or inf where there is one
};

template <class T, class L> struct Work {
    const ArgmaxJob &job;
    const Tile &tile;
    std::int64_t classes, cells, pitch, columns, first_column, words, row_count;
    Row<T> upper, lower;
    std::int32_t *uniform; // [pitch] label of a cell that can be filled, or undecided
    std::uint32_t *wanted; // [words][lanes] candidate bits of a block
    float *tops;           // [classes][lanes] largest corners of a block
    std::int32_t *list;    // [classes] candidates of a cell
    float *t;              // [columns + lanes]
    float *weights;        // [row_count + 4][8 + 4] of output rows from first_row on
    std::int64_t first_row = 0;
    L *fill;                  // [columns + 64] labels of a row with every cell filled
    std::uint8_t *fill_color; // [3 * columns + 64]
    std::uint32_t *lut;       // [max(classes, 32)]

    Work(const ArgmaxJob &j, const Tile &area, Scratch &scratch) : job(j), tile(area) {
        classes = job.classes();
        cells = tile.x1 - tile.x0;
        pitch = round_up(cells + 1, lanes) + 2 * lanes;
        first_column = job.x.start[tile.x0];
        columns = job.x.start[tile.x1] - first_column;
        words = (classes + 31) / 32;
        row_count = min(job.y.widest, tile.row1 - tile.row0);
        upper = take_row(scratch);
        lower = take_row(scratch);
        uniform = scratch.take<std::int32_t>(pitch);
        wanted = scratch.take<std::uint32_t>(words * lanes);
        tops = scratch.take<float>(classes * lanes);
        list = scratch.take<std::int32_t>(classes);
        t = scratch.take<float>(columns + lanes);
        weights = scratch.take<float>((8 + 4) * (row_count + 4));
        fill = scratch.take<L>(columns + 64);
        fill_color = scratch.take<std::uint8_t>(3 * columns + 64);
        lut = scratch.take<std::uint32_t>(max<std::int64_t>(classes, 32));
    }

    Row<T> take_row(Scratch &scratch) const {
        Row<T> row;
        row.planes = scratch.take<T>(classes * pitch);
        row.label = scratch.take<std::int32_t>(pitch);
        row.largest = scratch.take<float>(pitch);
        return row;
    }
    std::int64_t begin(std::int64_t cell) const {
        return job.x.start[tile.x0 + cell] - first_column;
    }
    // The weights of output row y and of those after it in its row of cells, each W times.
    template <int W> float *row_weights(std::int64_t y) const {
        return weights + (W == 8 ? 0 : 8 * (row_count + 4)) + W * (y - first_row);
    }
    L *labels(std::int64_t y) const {
        return reinterpret_cast<L *>(job.labels.row(tile.n, y)) + first_column;
    }
    std::uint8_t *color(std::int64_t y) const {
        return reinterpret_cast<std::uint8_t *>(job.color.row(tile.n, y)) + 3 * first_column;
    }
};

// The first maximum of every pixel, and where it cannot decide a cell; whether that is anywhere.
template <class T>
bool rank(const Row<T> &row, std::int64_t classes, std::int64_t pitch, std::int64_t count) {
    if constexpr (sizeof(T) == 4) {
        I any_special{};
        const I magnitude = broadcast<I>(0x7fffffff), infinity = broadcast<I>(0x7f800000);
        for (std::int64_t x = 0; x < count; x += lanes) {
            F best = load<F>(row.planes + x);
            I label{}, most = (I)best & magnitude;
            for (std::int64_t c = 1; c < classes; ++c) {
                const F value = load<F>(row.planes + c * pitch + x);
                const I size = (I)value & magnitude;
                most = size > most ? size : most;
                label =
                    select((I)(value > best), broadcast<I>(static_cast<std::int32_t>(c)), label);
                best = max(value, best);
            }
            const I special = (((I)best & magnitude) >= infinity) | (most > infinity);
            store(row.label + x, special ? broadcast<I>(undecided) : label);
            store(row.largest + x, most);
            any_special |= special;
        }
        return any(any_special);
    } else {
        bool any_special = false;
        for (std::int64_t x = 0; x < count; ++x) {
            double best = row.planes[x], below = -__builtin_inf();
            std::int32_t label = 0;
            bool nan = is_nan(best);
            for (std::int64_t c = 1; c < classes; ++c) {
                const double value = row.planes[c * pitch + x];
                nan |= is_nan(value);
                if (value > best) {
                    below = best;
                    best = value;
                    label = static_cast<std::int32_t>(c);
                }
            }
            const double size = max(__builtin_fabs(best), __builtin_fabs(below));
            const bool near = below > -__builtin_inf() && best - below <= margin_float64 * size;
            const bool special = nan || near || !(__builtin_fabs(best) < limit_float64);
            row.label[x] = special ? undecided : label;
            row.largest[x] = 0.0f; // only the float32 filter asks
            any_special |= special;
        }
        return any_special;
    }
}

template <class T, class L>
void read_row(const Work<T, L> &work, const Row<T> &row, std::int64_t y, LogitErrors &errors) {
    const ArgmaxJob &job = work.job;
    const Tile &tile = work.tile;
    const std::int64_t count = min(work.cells + 1, job.x.n_in - tile.x0);
    load_row(row.planes, work.pitch, job.logits, tile.n, y, tile.x0, count,
             job.has_threshold ? &job.threshold : nullptr);
    repeat_last(row.planes, work.pitch, work.classes, count, work.pitch);
    const bool is_special = rank(row, work.classes, work.pitch, round_up(work.cells + 1, lanes));
    // Each pixel is counted by one tile: its last row and column belong to the next.
    const bool counts_row =
        (y < tile.y1 || tile.y1 == job.y.cells()) && tile.row0 == job.y.start[tile.y0];
    const std::int64_t own_cells = tile.x1 == job.x.cells() ? count : work.cells;
    if (is_special && counts_row)
        count_nan(row.planes, work.pitch, work.classes, own_cells,
                  (tile.n * job.logits.h + y) * job.logits.w + tile.x0, errors);
}

// Calls put(label, from, to) for the columns of neighboring cells that are filled with one label.
template <class W, class Put> inline void each_run(const W &work, const Put &put) {
    std::int64_t x = 0;
    while (x < work.cells) {
        const std::int32_t label = work.uniform[x];
        const std::int64_t from = work.begin(x);
        while (++x < work.cells && work.uniform[x] == label) {
        }
        if (label != undecided) put(label, from, work.begin(x));
    }
}

// The candidates of a cell of a block, from bits to a list; how many.
template <class W> inline std::int64_t list_candidates(const W &work, std::int64_t lane) {
    std::int64_t count = 0;
    for (std::int64_t word = 0; word < work.words; ++word)
        for (std::uint32_t bits = work.wanted[word * lanes + lane]; bits; bits &= bits - 1)
            work.list[count++] = static_cast<std::int32_t>(32 * word + __builtin_ctz(bits));
    return count;
}

// Which cells can be filled, and a row of them.
template <class T, class L> void fill_cells(const Work<T, L> &work) {
    for (std::int64_t x = 0; x < work.cells; x += lanes) {
        const I a = load<I>(work.upper.label + x), b = load<I>(work.upper.label + x + 1);
        const I d = load<I>(work.lower.label + x), e = load<I>(work.lower.label + x + 1);
        const I is_uniform = (a == b) & (a == d) & (a == e);
        store(work.uniform + x, is_uniform ? a : broadcast<I>(undecided));
    }
    each_run(work, [&](std::int32_t label, std::int64_t from, std::int64_t to) {
        if constexpr (sizeof(L) == 1)
            __builtin_memset(work.fill + from, label, static_cast<std::size_t>(to - from));
        else
            for (std::int64_t i = from; i < to; ++i) work.fill[i] = static_cast<L>(label);
        if (!work.job.lut) return;
        const std::uint32_t color = work.lut[label];
        for (std::int64_t i = from; i < to; ++i)
            __builtin_memcpy(work.fill_color + 3 * i, &color, 4);
    });
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
