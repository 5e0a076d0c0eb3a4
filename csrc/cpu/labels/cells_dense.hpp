// The worst case: every pixel of neighboring cells over all classes, by the keys of ops/labels.hpp.
// Only included by cells_walk.hpp.
#pragma once

#include "cpu/labels/cells_compare.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr int group = lanes == 16 ? 8 : 4; // vectors of pixels that are ranked at once
constexpr int most_rows = 8;               // that keys are added up over
constexpr int page = 32;                   // classes: their numbers take the lowest bits of a key
constexpr float largest_key = 0x1p29f;     // that of the largest corner
constexpr std::uint32_t close_keys = 1 << 13;

// Outputs of a cell from one on that are evenly spaced, and the step between them in inputs.
struct EvenRun {
    std::int64_t count;
    float step = 0.0f;

    EvenRun(const Axis &axis, std::int64_t first, std::int64_t most) : count(most) {
        if (most < 2) return;
        const double *weight = axis.w1 + first;
        const double gain = weight[1] - weight[0];
        count = 2;
        while (count < most && weight[count] - weight[count - 1] == gain) ++count;
        step = static_cast<float>(gain / axis.den);
    }
};

// The columns of neighboring cells, at most W of each at a time.
template <int W> class CellColumns {
  public:
    template <class T, class L>
    CellColumns(const Work<T, L> &work, std::int64_t first, std::int64_t last)
        : count(last - first), step(static_cast<float>(work.job.x.step)), weights_(work.t) {
        for (std::int64_t i = 0; i <= count; ++i) begin_[i] = work.begin(first + i);
        for (std::int64_t i = 0; i < count; ++i) {
            at[i] = begin_[i];
            width[i] = 0;
        }
    }

    // Goes to the next columns of every cell; whether there are any.
    bool advance() {
        bool has_columns = false;
        for (std::int64_t i = 0; i < count; ++i) {
            at[i] += width[i];
            width[i] = min<std::int64_t>(W, begin_[i + 1] - at[i]);
            t[i] = weights_[at[i]];
            has_columns |= width[i] > 0;
        }
        for (whole = 0; whole < count; ++whole) {
            // Columns of the cells that follow may be written too soon, but not too late.
            const bool is_early = at[whole] == begin_[whole] && at[whole] + W <= begin_[count];
            if (width[whole] < W && !is_early) break;
        }
        is_row = whole == lanes && at[lanes - 1] == at[0] + (lanes - 1) * W;
        return has_columns;
    }

    const std::int64_t count;
    const float step;                     // between neighboring columns, in inputs
    std::int64_t at[lanes], width[lanes]; // of the columns of each cell
    std::int64_t whole;                   // of so many cells, W columns can be written
    bool is_row;                          // whether all of these are side by side
    float t[lanes] = {};

  private:
    const float *const weights_;
    std::int64_t begin_[lanes + 1];
};

// The keys of a class at a row of columns of every cell, and how they change.
struct Keys {
    U first, step;     // of the first column, and what every column adds
    U down, step_down; // what every row adds to these

    void go_down() {
        first += down;
        step += step_down;
    }
};

// A number in the size of keys, as a multiple of a page.
inline U round_to_page(F value) {
    constexpr std::uint32_t half = page / 2, number = page - 1;
    return ((U) __builtin_convertvector(value, I) + half) & ~number;
}

// Sets keys of the classes [first, last) at the columns of a block, from output row y on.
template <int W, class L> inline void start_keys(const Work<float, L> &work, std::int64_t block,
                                                 const CellColumns<W> &columns, std::int64_t y,
                                                 float step_y, std::int64_t first,
                                                 std::int64_t last, Keys *keys) {
    const F most =
        max(max(load<F>(work.upper.largest + block), load<F>(work.upper.largest + block + 1)),
            max(load<F>(work.lower.largest + block), load<F>(work.lower.largest + block + 1)));
    const F scale = broadcast<F>(largest_key) / max(most, broadcast<F>(1e-30f));
    const F across = load<F>(columns.t), along = broadcast<F>(work.job.y.t[y]);
    const F scale_x = broadcast<F>(columns.step) * scale, scale_y = broadcast<F>(step_y) * scale;
    const F scale_xy = broadcast<F>(columns.step) * scale_y;
    for (std::int64_t c = first; c < last; ++c, ++keys) {
        const float *upper = work.upper.planes + c * work.pitch + block;
        const float *lower = work.lower.planes + c * work.pitch + block;
        const F a = load<F>(upper), b = load<F>(upper + 1);
        const F down = load<F>(lower) - a, beside = load<F>(lower + 1) - b, twist = beside - down;
        const F left = fma(along, down, a), slope = fma(along, beside, b) - left;
        const U number = broadcast<U>(static_cast<std::uint32_t>(c - first));
        keys->first = round_to_page(fma(across, slope, left) * scale) | number;
        keys->step = round_to_page(slope * scale_x);
        keys->down = round_to_page(fma(across, twist, down) * scale_y);
        keys->step_down = round_to_page(twist * scale_xy);
    }
}

// The two largest keys of pixels, and the label of the largest.
struct Ranks {
    I best[group], second[group], label[group];

    // With those of the pages before.
    void merge(const Ranks &before) {
        for (int j = 0; j < group; ++j) {
            second[j] = max(max(second[j], before.second[j]), min(best[j], before.best[j]));
            label[j] = best[j] > before.best[j] ? label[j] : before.label[j];
            best[j] = max(best[j], before.best[j]);
        }
    }
};

// Ranks the classes of a page at W columns of group / W rows, and goes to the rows below.
template <int W> inline Ranks rank_page(Keys *keys, std::int64_t first, std::int64_t last) {
    const I lowest = broadcast<I>(-0x7fffffff - 1);
    Ranks ranks;
    for (int j = 0; j < group; ++j) ranks.best[j] = ranks.second[j] = lowest;
    for (std::int64_t c = first; c < last; ++c, ++keys) {
        Keys row = *keys;
        for (int from = 0; from < group; from += W, row.go_down()) {
            U key = row.first;
            for (int j = from; j < from + W; ++j, key += row.step) {
                ranks.second[j] = max(ranks.second[j], min(ranks.best[j], (I)key));
                ranks.best[j] = max(ranks.best[j], (I)key);
            }
        }
        keys->first = row.first;
        keys->step = row.step;
    }
    for (int j = 0; j < group; ++j)
        ranks.label[j] = (ranks.best[j] & (page - 1)) + static_cast<std::int32_t>(first);
    return ranks;
}

// The lanes of two vectors in turn.
template <class V> inline void store_pairs(std::uint64_t *to, V a, V b) {
    static_assert(lanes_of<V> == 16);
    store(to,
          __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    store(to + 8, __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14,
                                          30, 15, 31));
}

// Writes the labels of W columns of every cell.
template <int W, class L>
inline void put_columns(const CellColumns<W> &columns, const I *label, L *out) {
    if constexpr (sizeof(L) == 1) { // a cell's columns side by side, then cell after cell
        using Word = typename WordOf<W>::type;
        Word word[lanes];
        const auto packed = [](const I *four) {
            return four[0] | four[1] << 8 | four[2] << 16 | four[3] << 24;
        };
        if constexpr (W == 4)
            store(word, packed(label));
        else
            store_pairs(word, packed(label), packed(label + 4));
        if (columns.is_row) {
            __builtin_memcpy(out + columns.at[0], word, sizeof word);
            return;
        }
        std::int64_t i = 0;
        for (; i < columns.whole; ++i) store(out + columns.at[i], word[i]);
        for (; i < columns.count; ++i)
            for (std::int64_t j = 0; j < columns.width[i]; ++j)
                out[columns.at[i] + j] = static_cast<L>(word[i] >> (8 * j));
    } else {
        std::int32_t lane[W][lanes];
        for (int j = 0; j < W; ++j) store(lane[j], label[j]);
        for (std::int64_t i = 0; i < columns.count; ++i)
            for (std::int64_t j = 0; j < columns.width[i]; ++j) out[columns.at[i] + j] = lane[j][i];
    }
}

// Writes the labels of rows of columns; where two keys are too close, those of the definition.
template <int W, class L>
inline void put_ranks(const Work<float, L> &work, std::int64_t block, const CellColumns<W> &columns,
                      std::int64_t y, std::int64_t rows, const Ranks &ranks, LogitErrors &errors) {
    for (int k = 0; k < group / W; ++k)
        if (k < rows) put_columns(columns, ranks.label + k * W, work.labels(y + k));
    const auto lead = [&](int j) { return (U)ranks.best[j] - (U)ranks.second[j]; };
    U least = lead(0);
    for (int j = 1; j < group; ++j) least = min(least, lead(j));
    if (__builtin_expect(!any((I)(least <= close_keys)), 1)) return;
    for (int j = 0; j < group && j / W < rows; ++j) {
        std::int32_t close[lanes];
        store(close, (I)(lead(j) <= close_keys));
        for (std::int64_t i = 0; i < columns.count; ++i) {
            const std::int64_t x = columns.at[i] + j % W, row = y + j / W;
            if (close[i] && j % W < columns.width[i])
                resolve_exactly(work, block + i, {row, row + 1, x, x + 1}, nullptr, work.classes,
                                errors);
        }
    }
}

// Every pixel of the cells [begin, end) over all classes: lane = cell, W columns of each at once.
template <int W, class L> void dense_columns(const Work<float, L> &work, std::int64_t begin,
                                             std::int64_t end, std::int64_t y0, std::int64_t y1,
                                             LogitErrors &errors) {
    constexpr int rows = group / W;
    Keys keys[page];
    Ranks before[most_rows / rows];
    CellColumns<W> columns(work, begin, end);
    while (columns.advance())
        for (std::int64_t y = y0; y < y1;) {
            const EvenRun run(work.job.y, y, min<std::int64_t>(most_rows, y1 - y));
            for (std::int64_t first = 0; first < work.classes; first += page) {
                const std::int64_t last = min<std::int64_t>(first + page, work.classes);
                start_keys(work, begin, columns, y, run.step, first, last, keys);
                for (std::int64_t i = 0; i < run.count; i += rows) {
                    Ranks ranks = rank_page<W>(keys, first, last);
                    if (first > 0) ranks.merge(before[i / rows]);
                    if (last == work.classes)
                        put_ranks(work, begin, columns, y + i, run.count - i, ranks, errors);
                    else
                        before[i / rows] = ranks;
                }
            }
            y += run.count;
        }
}

// Whether columns of a cell are not as far apart as others: the outermost of an axis may be
// clamped.
template <class W> bool has_clamped(const W &work, std::int64_t cell) {
    const Axis &axis = work.job.x;
    const std::int64_t place = work.tile.x0 + cell;
    const std::int64_t width = work.begin(cell + 1) - work.begin(cell);
    if ((place > 0 && place + 1 < axis.cells()) || width < 2) return false;
    const EvenRun run(axis, work.first_column + work.begin(cell), width);
    return run.count < width || run.step != static_cast<float>(axis.step);
}

template <class W> std::int64_t widest_of(const W &work, std::int64_t begin, std::int64_t end) {
    std::int64_t widest = 0;
    for (std::int64_t x = begin; x < end; ++x)
        widest = max(widest, work.begin(x + 1) - work.begin(x));
    return widest;
}

// Every pixel of up to `lanes` neighboring cells, over all classes. Needs finite corners and evenly
// spaced columns.
template <class L> void dense_rows(const Work<float, L> &work, std::int64_t begin, std::int64_t end,
                                   std::int64_t y0, std::int64_t y1, LogitErrors &errors) {
    if (widest_of(work, begin, end) <= 4)
        dense_columns<4>(work, begin, end, y0, y1, errors);
    else
        dense_columns<group>(work, begin, end, y0, y1, errors);
    if (!work.job.lut) return;
    const std::int64_t x0 = work.begin(begin), x1 = work.begin(end);
    for (std::int64_t y = y0; y < y1; ++y)
        color_span(work.labels(y) + x0, work.lut, work.classes, work.color(y) + 3 * x0, x1 - x0);
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
