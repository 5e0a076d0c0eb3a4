// The order of the work on a tile: row by row of cells, block by block of those that could not be
// filled. Only included by argmax_*.simd.cpp.
#pragma once

#include "cpu/labels/cells_dense.hpp"
#include "cpu/runtime/kernel_table.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// Whether all classes at every pixel of a block are less work than the candidates of the cells that
// could not be filled.
template <class L> bool is_dense(const Work<float, L> &work, std::int64_t block, std::int64_t last,
                                 std::int64_t mixed, std::int64_t rows) {
    if (2 * mixed <= lanes) return false;
    const std::int64_t widest = widest_of(work, block, last);
    const std::int64_t columns = round_up(widest, widest <= 4 || lanes == 4 ? 4 : 8);
    const std::int64_t vectors = (rows * columns + lanes - 1) / lanes;
    const std::int64_t width = widest <= 4 ? 4 : group, groups = (widest + width - 1) / width;
    const std::int64_t steps = groups * ((rows * width + group - 1) / group);
    const std::int64_t starts = groups * ((rows + most_rows - 1) / most_rows);
    // Vector steps of either way, as measured on scenes and on noise.
    const std::int64_t dense =
        work.classes * (steps * (group * 3 / 2 + 4) + 20 * starts) + 6 * lanes * steps;
    const std::int64_t candidates = count_candidates(work, block, last);
    return dense < 40 * mixed + 10 * candidates * vectors;
}

// Whether float32 cannot overflow at the corners of cells, whatever their class.
template <class L>
bool is_small(const Work<float, L> &work, std::int64_t first, std::int64_t last) {
    bool small = true;
    for (std::int64_t x = first; x <= last; ++x)
        small &= work.upper.largest[x] < filter_limit && work.lower.largest[x] < filter_limit;
    return small;
}

// The cells of a block that could not be filled. `target` may take a cell of two candidates, else
// the labels of its pixels are written, which mark_written(first, last) says of cells.
template <class T, class L, class Target>
void mixed_cells(const Work<T, L> &work, std::int64_t block, std::int64_t y0, std::int64_t y1,
                 CellRule rule, Target &target, LogitErrors &errors) {
    const std::int64_t last = min<std::int64_t>(block + lanes, work.cells);
    std::uint32_t left = mask_bits((I)(load<I>(work.uniform + block) == undecided));
    left &= (1u << (last - block)) - 1;
    const std::int64_t mixed = __builtin_popcount(left);
    if (mixed == 0 && rule == CellRule::fill) return;
    bool has_few = 4 * mixed <= lanes; // so that each finds its candidates itself
    std::int64_t dense_begin = last, dense_end = last;
    if constexpr (sizeof(T) == 4) {
        const bool is_asked = rule == CellRule::dense;
        if (!has_few && !is_asked) find_candidates(work, block);
        if ((is_asked || is_dense(work, block, last, mixed, y1 - y0)) &&
            is_small(work, block, last)) {
            target.mark_written(block, last);
            has_few = true;
            left = 0;
            dense_begin = block;
            if (has_clamped(work, block)) left |= 1u << (dense_begin++ - block);
            if (dense_begin < dense_end && has_clamped(work, dense_end - 1))
                left |= 1u << (--dense_end - block);
        } else if (!has_few && is_asked) {
            find_candidates(work, block);
        }
    } else {
        find_candidates(work, block);
    }
    for (; left; left &= left - 1) {
        const std::int64_t x = block + __builtin_ctz(left);
        if (work.begin(x) == work.begin(x + 1)) continue;
        const bool special =
            work.upper.label[x] == undecided || work.upper.label[x + 1] == undecided ||
            work.lower.label[x] == undecided || work.lower.label[x + 1] == undecided;
        if (special) {
            target.mark_written(x, x + 1);
            resolve_cell_exactly(work, x, y0, y1, nullptr, work.classes, errors);
            continue;
        }
        std::int64_t count = 0;
        if constexpr (sizeof(T) == 4)
            count = has_few ? find_candidates_of(work, x) : list_candidates(work, x - block);
        else
            count = list_candidates(work, x - block);
        if constexpr (sizeof(T) == 4)
            if (count == 2 && target.take_pair(x, y0, y1, work.list)) continue;
        target.mark_written(x, x + 1);
        if constexpr (sizeof(T) == 4) {
            compare_cell(work, x, y0, y1, work.list, count, errors);
        } else {
            resolve_cell_exactly(work, x, y0, y1, work.list, count, errors);
        }
    }
    if constexpr (sizeof(T) == 4)
        if (dense_begin < dense_end) dense_rows(work, dense_begin, dense_end, y0, y1, errors);
}

// The weights of rows [first_row, y1), and that of the last as often as a vector may have rows.
template <int W, class T, class L>
void repeat_row_weights(const Work<T, L> &work, std::int64_t y1) {
    if (W >= lanes) return; // a vector has one row
    for (std::int64_t y = work.first_row; y < y1 + 4; ++y)
        store(work.template row_weights<W>(y),
              broadcast<typename Vec<W>::f32>(work.job.y.t[min(y, y1 - 1)]));
}

// Calls visit(y0, y1) for the output rows of every row of cells of a tile, after its logits are
// read.
template <class T, class L, class Visit>
void walk_rows(Work<T, L> &work, LogitErrors &errors, const Visit &visit) {
    const ArgmaxJob &job = work.job;
    const Tile &tile = work.tile;
    if (job.lut)
        for (std::int64_t c = 0; c < max<std::int64_t>(work.classes, 32); ++c)
            work.lut[c] = c < work.classes ? job.lut[c] : 0;
    for (std::int64_t i = 0; i < work.columns + lanes; ++i)
        work.t[i] = i < work.columns ? job.x.t[work.first_column + i] : 0.0f;
    std::int64_t read = -1; // the row that `lower` holds
    for (std::int64_t cell = tile.y0; cell < tile.y1; ++cell) {
        if (read == cell) {
            const Row<T> row = work.upper;
            work.upper = work.lower;
            work.lower = row;
        } else {
            read_row(work, work.upper, cell, errors);
        }
        const Row<T> spare = work.lower;
        if (job.y.n_in > 1)
            read_row(work, work.lower, cell + 1, errors);
        else
            work.lower = work.upper;
        read = cell + 1;
        const std::int64_t y0 = max<std::int64_t>(job.y.start[cell], tile.row0);
        const std::int64_t y1 = min<std::int64_t>(job.y.start[cell + 1], tile.row1);
        if (y0 < y1 && work.columns > 0) {
            work.first_row = y0;
            repeat_row_weights<4>(work, y1);
            repeat_row_weights<8>(work, y1);
            fill_cells(work);
            visit(y0, y1);
        }
        if (job.y.n_in == 1) work.lower = spare;
    }
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
