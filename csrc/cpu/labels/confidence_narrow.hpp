// Confidence of cells of a few pixels, a cell a lane: over both directions of a cell the powers of
// a class follow from four. Only included by confidence_cells.simd.cpp.
#pragma once

#include "cpu/labels/confidence_rows.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr int few = 4; // rows and columns of a cell at most

// The columns of every cell: those of a cell that fits are at most `few`, evenly spaced.
template <class T> struct NarrowCells {
    const Work<T> &work;
    float *first, *step; // [pitch] weight of the right corner, and what a column adds to it
    std::int32_t *fits;  // [pitch]
    float *row;          // [columns + few + lanes] confidence of a block's columns
    std::int64_t widest = 0;

    NarrowCells(const Work<T> &from, Scratch &scratch) : work(from) {
        first = scratch.take<float>(work.pitch);
        step = scratch.take<float>(work.pitch);
        fits = scratch.take<std::int32_t>(work.pitch);
        row = scratch.take<float>(work.columns + few + lanes);
    }

    // After the columns of `work` are prepared.
    void prepare() {
        for (std::int64_t cell = 0; cell < work.pitch; ++cell) {
            first[cell] = step[cell] = 0.0f;
            fits[cell] = 0;
            if (cell >= work.cells) continue;
            const std::int64_t begin = work.begin(cell), width = work.begin(cell + 1) - begin;
            if (width < 1 || width > few) continue;
            const double *w = work.w1 + begin;
            const double even = width > 1 ? w[1] - w[0] : 0.0;
            bool fit = true;
            for (std::int64_t i = 1; i < width; ++i) fit &= w[i] - w[i - 1] == even;
            if (!fit) continue;
            first[cell] = work.f1[begin];
            step[cell] = static_cast<float>(even / work.job.x.den);
            fits[cell] = -1;
            widest = max(widest, width);
        }
    }
    // Whether cells have enough pixels that four powers are fewer than those of all columns; of 16
    // columns at a time it takes more.
    bool are_useful() const {
        return work.columns >= (lanes < 16 ? 2 : 3) * work.cells && widest > 1;
    }
};

// Rows of a span, at most `few`, and the cells of a block.
struct NarrowBlock {
    std::int64_t rows, columns;
    const float *w0, *w1; // [rows] weights of the rows of the grid
    float down;           // from row to row, in cells
    F left, right, across;
    I rated; // cells whose confidence is wanted
};

struct NarrowSums {
    F all[few][few], most[few][few]; // [row][column]
};

// Four classes. 2^x of the bilinear exponents is a geometric sequence along a row, whose first
// terms and whose ratios are those down the rows; unless the corners are further apart than what
// `steep` allows.
template <bool fast, bool mixed, class T>
inline void add_classes(const Work<T> &work, std::int64_t block, const std::int32_t *list,
                        const NarrowBlock &at, NarrowSums &sums) {
    using Mode = Confidence<fast>;
    F corner[together][4], most = F{};
    for (int i = 0; i < together; ++i) {
        const std::int64_t from = list[i] * work.pitch + block;
        const float *p = work.upper.below + from, *q = work.lower.below + from;
        F *c = corner[i];
        c[0] = load<F>(p), c[1] = load<F>(p + 1), c[2] = load<F>(q), c[3] = load<F>(q + 1);
        most = max(most, max(max(abs(c[1] - c[0]), abs(c[3] - c[2])),
                             max(abs(c[2] - c[0]), abs(c[3] - c[1]))));
    }
    const auto add = [&](std::int64_t k, std::int64_t j, const F *power) {
        sums.all[k][j] += (power[0] + power[1]) + (power[2] + power[3]);
        if (mixed)
            sums.most[k][j] =
                max(sums.most[k][j], max(max(power[0], power[1]), max(power[2], power[3])));
    };
    F power[together];
    if (__builtin_expect(any((I)(most > broadcast<F>(Mode::steep)) & at.rated), 0)) {
        for (std::int64_t k = 0; k < at.rows; ++k)
            for (std::int64_t j = 0; j < at.columns; ++j) {
                const F right = fma(broadcast<F>(static_cast<float>(j)), at.across, at.right);
                const F left = broadcast<F>(1.0f) - right;
                for (int i = 0; i < together; ++i) {
                    const F *c = corner[i];
                    const F upper = fma(right, c[1], left * c[0]);
                    const F lower = fma(right, c[3], left * c[2]);
                    power[i] = power_of_two<Mode::degree>(
                        fma(broadcast<F>(at.w1[k]), lower, broadcast<F>(at.w0[k]) * upper));
                }
                add(k, j, power);
            }
        return;
    }
    F begin[together], ratio[together], begin_down[together], ratio_down[together];
    const F w0 = broadcast<F>(at.w0[0]), w1 = broadcast<F>(at.w1[0]), down = broadcast<F>(at.down);
    for (int i = 0; i < together; ++i) {
        const F *c = corner[i];
        const F left = fma(w1, c[2], w0 * c[0]), right = fma(w1, c[3], w0 * c[1]);
        begin[i] = power_of_two<Mode::degree>(fma(at.right, right, at.left * left));
        ratio[i] = power_of_two<Mode::ratio_degree>(at.across * (right - left));
        if (at.rows == 1) continue;
        const F left_down = down * (c[2] - c[0]), right_down = down * (c[3] - c[1]);
        begin_down[i] =
            power_of_two<Mode::ratio_degree>(fma(at.right, right_down, at.left * left_down));
        ratio_down[i] = power_of_two<Mode::ratio_degree>(at.across * (right_down - left_down));
    }
    for (std::int64_t k = 0;;) {
        for (int i = 0; i < together; ++i) power[i] = begin[i];
        for (std::int64_t j = 0; j < at.columns; ++j) {
            add(k, j, power);
            for (int i = 0; i < together; ++i) power[i] *= ratio[i];
        }
        if (++k == at.rows) return;
        for (int i = 0; i < together; ++i) {
            begin[i] *= begin_down[i];
            ratio[i] *= ratio_down[i];
        }
    }
}

// Writes a row of a block of cells; those that do not fit get some number.
template <class T> void put_cells(const NarrowCells<T> &cells, std::int64_t block, std::int64_t y,
                                  const F (&value)[few]) {
    const Work<T> &work = cells.work;
    const LabelView &map = work.job.confidence;
    const std::int64_t last = min<std::int64_t>(block + lanes, work.cells);
    const std::int64_t x0 = work.begin(block), x1 = work.begin(last);
    float lane[few][lanes];
    for (int j = 0; j < few; ++j) store(lane[j], value[j]);
    for (std::int64_t cell = block; cell < last; ++cell) {
        float *to = cells.row + work.begin(cell) - x0;
        for (int j = 0; j < few; ++j) to[j] = lane[j][cell - block];
    }
    for (std::int64_t x = x0; x < x1; x += lanes)
        put_confidence(map, map.row(work.tile.n, y), work.first_column + x,
                       load<F>(cells.row + x - x0), min<std::int64_t>(lanes, x1 - x));
}

// A block of cells, where all four corners of a cell agree as in put_span.
template <bool fast, bool mixed, class T> void fill_cells(const NarrowCells<T> &cells,
                                                          std::int64_t block, std::int64_t y0,
                                                          std::int64_t y1, F begin) {
    const Work<T> &work = cells.work;
    NarrowBlock at;
    at.columns = cells.widest;
    at.right = load<F>(cells.first + block);
    at.left = broadcast<F>(1.0f) - at.right;
    at.across = load<F>(cells.step + block);
    at.rated = load<I>(cells.fits + block) &
               (load<F>(work.level) >= broadcast<F>(Confidence<fast>::lowest));
    for (std::int64_t y = y0; y < y1;) {
        const Span span(work.job.y, y, y1);
        at.down = span.step;
        for (std::int64_t done = 0; done < span.count; done += few) {
            at.rows = min<std::int64_t>(few, span.count - done);
            at.w0 = span.w0 + done;
            at.w1 = span.w1 + done;
            NarrowSums sums;
            for (std::int64_t k = 0; k < at.rows; ++k)
                for (std::int64_t j = 0; j < at.columns; ++j) {
                    sums.all[k][j] = begin;
                    sums.most[k][j] = broadcast<F>(mixed ? 0.0f : 1.0f);
                }
            for (std::int64_t i = 0; i < work.listed; i += together)
                add_classes<fast, mixed>(work, block, work.list + i, at, sums);
            for (std::int64_t k = 0; k < at.rows; ++k) {
                F value[few] = {};
                for (std::int64_t j = 0; j < at.columns; ++j)
                    value[j] = sums.most[k][j] / (sums.all[k][j] - begin);
                put_cells(cells, block, span.y + done + k, value);
            }
        }
        y += span.count;
    }
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
