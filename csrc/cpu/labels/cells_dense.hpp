// The worst case: every pixel of neighboring cells over all classes, with a similar filter. Only
// included by cells_walk.hpp.
#pragma once

#include "cpu/labels/cells_compare.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr int group = lanes == 16 ? 8 : 4; // output columns that dense_rows handles at once
constexpr int page = 32; // classes whose numbers fit into the lowest bits of a value
constexpr float page_relative = 1.1e-5f; // filter_relative and what these bits are of two values

// The columns of up to `lanes` neighboring cells, `group` of each at a time.
template <class W> class CellColumns {
  public:
    CellColumns(const W &work, std::int64_t block)
        : count(min<std::int64_t>(lanes, work.cells - block)), end_(work.begin(block + count)) {
        for (std::int64_t i = 0; i < count; ++i) {
            begin_[i] = work.begin(block + i);
            width_[i] = work.begin(block + i + 1) - begin_[i];
            widest = max(widest, width_[i]);
        }
    }

    // The group that begins g columns after those of each cell do.
    void move_to(std::int64_t g) {
        for (std::int64_t i = 0; i < count; ++i) {
            at[i] = begin_[i] + g;
            width[i] = min<std::int64_t>(group, width_[i] - g);
            // Columns of the cells that follow may be written too soon, but not too late.
            is_whole[i] = width[i] == group || (g == 0 && at[i] + group <= end_);
        }
    }

    const std::int64_t count;
    std::int64_t widest = 0;
    std::int64_t at[lanes], width[lanes]; // of the group
    bool is_whole[lanes];                 // whether all of it can be written

  private:
    const std::int64_t end_;
    std::int64_t begin_[lanes], width_[lanes];
};

// The two largest values of pixels, and the label of the largest.
struct Ranks {
    F best[group], second[group];
    I label[group];
};

// Ranks all classes at the columns t of every cell of a block, in an output row. The number of a
// class on its page takes the place of the lowest bits of its values.
template <class L> inline void rank_columns(const Work<float, L> &work, std::int64_t block, F ty,
                                            const F (&t)[group], Ranks &ranks) {
    const F lowest = broadcast<F>(-__builtin_inff());
    F second[group];
    for (int j = 0; j < group; ++j) second[j] = lowest;
    for (std::int64_t first = 0; first < work.classes; first += page) {
        F best[group];
        for (int j = 0; j < group; ++j) best[j] = lowest;
        const std::int64_t last = min<std::int64_t>(first + page, work.classes);
        for (std::int64_t c = first; c < last; ++c) {
            const float *upper = work.upper.planes + c * work.pitch + block;
            const float *lower = work.lower.planes + c * work.pitch + block;
            const F a = load<F>(upper), b = load<F>(upper + 1);
            const F left = fma(ty, load<F>(lower) - a, a),
                    right = fma(ty, load<F>(lower + 1) - b, b);
            const F slope = right - left;
            const I number = broadcast<I>(static_cast<std::int32_t>(c - first));
            for (int j = 0; j < group; ++j) {
                const F value = fma(t[j], slope, left);
                const F key = (F)(((I)value & ~(page - 1)) | number);
                second[j] = larger(second[j], smaller(best[j], key));
                best[j] = larger(key, best[j]);
            }
        }
        for (int j = 0; j < group; ++j) {
            const I label = ((I)best[j] & (page - 1)) + static_cast<std::int32_t>(first);
            if (first == 0) {
                ranks.best[j] = best[j];
                ranks.label[j] = label;
            } else {
                second[j] = larger(second[j], smaller(best[j], ranks.best[j]));
                ranks.label[j] = select((I)(best[j] > ranks.best[j]), label, ranks.label[j]);
                ranks.best[j] = larger(best[j], ranks.best[j]);
            }
        }
    }
    for (int j = 0; j < group; ++j) ranks.second[j] = second[j];
}

// Every pixel of up to `lanes` neighboring cells over all classes: lane = cell, `group` columns of
// each cell at once. Needs finite corners.
template <class L> void dense_rows(const Work<float, L> &work, std::int64_t block, std::int64_t y0,
                                   std::int64_t y1, LogitErrors &errors) {
    const F most =
        max(max(load<F>(work.upper.largest + block), load<F>(work.upper.largest + block + 1)),
            max(load<F>(work.lower.largest + block), load<F>(work.lower.largest + block + 1)));
    const F margin = most * broadcast<F>(page_relative) + broadcast<F>(filter_absolute);
    CellColumns columns(work, block);
    for (std::int64_t g = 0; g < columns.widest; g += group) {
        columns.move_to(g);
        float weight[group][lanes] = {};
        for (std::int64_t i = 0; i < columns.count; ++i)
            for (std::int64_t j = 0; j < columns.width[i]; ++j)
                weight[j][i] = work.t[columns.at[i] + j];
        F t[group];
        for (int j = 0; j < group; ++j) t[j] = load<F>(weight[j]);
        for (std::int64_t y = y0; y < y1; ++y) {
            L *out = work.labels(y);
            Ranks ranks;
            rank_columns(work, block, broadcast<F>(work.job.y.t[y]), t, ranks);
            F lead = ranks.best[0] - ranks.second[0];
            for (int j = 1; j < group; ++j) lead = min(lead, ranks.best[j] - ranks.second[j]);
            if constexpr (sizeof(L) == 1) { // a cell's columns side by side, then cell after cell
                std::uint32_t packed[group / 4][lanes];
                for (int k = 0; k < group / 4; ++k) {
                    const I *label = ranks.label + 4 * k;
                    store(packed[k], label[0] | label[1] << 8 | label[2] << 16 | label[3] << 24);
                }
                for (std::int64_t i = 0; i < columns.count; ++i) {
                    L *to = out + columns.at[i];
                    std::uint32_t labels[group / 4];
                    for (int k = 0; k < group / 4; ++k) labels[k] = packed[k][i];
                    if (columns.is_whole[i])
                        __builtin_memcpy(to, labels, group);
                    else
                        for (std::int64_t j = 0; j < columns.width[i]; ++j)
                            to[j] = static_cast<L>(labels[j / 4] >> (8 * (j % 4)));
                }
            } else {
                std::int32_t lane[group][lanes];
                for (int j = 0; j < group; ++j) store(lane[j], ranks.label[j]);
                for (std::int64_t i = 0; i < columns.count; ++i)
                    for (std::int64_t j = 0; j < columns.width[i]; ++j)
                        out[columns.at[i] + j] = lane[j][i];
            }
            if (__builtin_expect(!any(~(I)(lead > margin)), 1)) continue;
            for (int j = 0; j < group; ++j) {
                std::int32_t close[lanes];
                store(close, ~(I)(ranks.best[j] - ranks.second[j] > margin));
                for (std::int64_t i = 0; i < columns.count; ++i) {
                    const std::int64_t x = columns.at[i] + j;
                    if (close[i] && j < columns.width[i])
                        resolve_exactly(work, block + i, {y, y + 1, x, x + 1}, nullptr,
                                        work.classes, errors);
                }
            }
        }
    }
    const std::uint32_t *lut = work.job.lut ? work.lut : nullptr;
    const std::int64_t x0 = work.begin(block), x1 = work.begin(block + columns.count);
    for (std::int64_t y = y0; lut && y < y1; ++y)
        color_span(work.labels(y) + x0, lut, work.classes, work.color(y) + 3 * x0, x1 - x0);
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
