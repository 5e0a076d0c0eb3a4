// The worst case: every pixel of neighboring cells over all classes, with the same filter.
// Only included by cells_walk.hpp.
#pragma once

#include "cpu/labels/cells_compare.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr int group = lanes == 16 ? 8 : 4; // output columns that dense_rows handles at once

template <class W>
inline std::int64_t widest_of(const W &work, std::int64_t cell, std::int64_t last) {
    std::int64_t widest = 0;
    for (; cell < last; ++cell) widest = max(widest, work.begin(cell + 1) - work.begin(cell));
    return widest;
}

// Every pixel of up to `lanes` neighboring cells over all classes: lane = cell, `group` columns of
// each cell at once. Needs finite corners.
template <class L> void dense_rows(const Work<float, L> &work, std::int64_t block, std::int64_t y0,
                                   std::int64_t y1, LogitErrors &errors) {
    const std::int64_t pitch = work.pitch, ncells = min<std::int64_t>(lanes, work.cells - block);
    const F most =
        max(max(load<F>(work.upper.largest + block), load<F>(work.upper.largest + block + 1)),
            max(load<F>(work.lower.largest + block), load<F>(work.lower.largest + block + 1)));
    const F margin = most * broadcast<F>(filter_relative) + broadcast<F>(filter_absolute);
    const std::uint32_t *lut = work.job.lut ? work.lut : nullptr;
    const std::int64_t widest = widest_of(work, block, block + ncells);
    for (std::int64_t g = 0; g < widest; g += group) {
        float weight[group][lanes] = {};
        for (std::int64_t i = 0; i < ncells; ++i) {
            const std::int64_t x0 = work.begin(block + i) + g;
            const std::int64_t width = min<std::int64_t>(group, work.begin(block + i + 1) - x0);
            for (std::int64_t j = 0; j < width; ++j) weight[j][i] = work.t[x0 + j];
        }
        F t[group];
        for (int j = 0; j < group; ++j) t[j] = load<F>(weight[j]);
        for (std::int64_t y = y0; y < y1; ++y) {
            const F ty = broadcast<F>(work.job.y.t[y]);
            L *out = work.labels(y);
            F best[group], second[group];
            I label[group];
            for (int j = 0; j < group; ++j) {
                best[j] = second[j] = broadcast<F>(-__builtin_inff());
                label[j] = I{};
            }
            for (std::int64_t c = 0; c < work.classes; ++c) {
                const float *upper = work.upper.planes + c * pitch + block;
                const float *lower = work.lower.planes + c * pitch + block;
                const F a = load<F>(upper), b = load<F>(upper + 1);
                const F left = fma(ty, load<F>(lower) - a, a),
                        right = fma(ty, load<F>(lower + 1) - b, b);
                const F slope = right - left;
                const I here = broadcast<I>(static_cast<std::int32_t>(c));
                for (int j = 0; j < group; ++j) {
                    const F value = fma(t[j], slope, left);
                    second[j] = larger(second[j], smaller(best[j], value));
                    label[j] = select((I)(value > best[j]), here, label[j]);
                    best[j] = max(value, best[j]);
                }
            }
            I close{};
            I near[group];
            for (int j = 0; j < group; ++j) {
                near[j] = ~(best[j] - second[j] > margin);
                close |= near[j];
            }
            if constexpr (sizeof(L) == 1) { // a cell's columns side by side, then cell after cell
                std::uint32_t packed[group / 4][lanes];
                for (int k = 0; k < group / 4; ++k)
                    store(packed[k], label[4 * k] | label[4 * k + 1] << 8 | label[4 * k + 2] << 16 |
                                         label[4 * k + 3] << 24);
                for (std::int64_t i = 0; i < ncells; ++i) {
                    const std::int64_t x0 = work.begin(block + i) + g;
                    const std::int64_t width = work.begin(block + i + 1) - x0;
                    std::uint32_t columns[group / 4];
                    for (int k = 0; k < group / 4; ++k) columns[k] = packed[k][i];
                    if (width >= group)
                        __builtin_memcpy(out + x0, columns, group);
                    else if (width > 0)
                        for (std::int64_t j = 0; j < width; ++j)
                            out[x0 + j] = static_cast<L>(columns[j / 4] >> (8 * (j % 4)));
                }
            } else {
                std::int32_t lane[group][lanes];
                for (int j = 0; j < group; ++j) store(lane[j], label[j]);
                for (std::int64_t i = 0; i < ncells; ++i) {
                    const std::int64_t x0 = work.begin(block + i) + g;
                    const std::int64_t width =
                        min<std::int64_t>(group, work.begin(block + i + 1) - x0);
                    for (std::int64_t j = 0; j < width; ++j) out[x0 + j] = lane[j][i];
                }
            }
            if (__builtin_expect(any(close), 0))
                for (int j = 0; j < group; ++j) {
                    std::int32_t lane[lanes];
                    store(lane, near[j]);
                    for (std::int64_t i = 0; i < ncells; ++i) {
                        const std::int64_t x = work.begin(block + i) + g + j;
                        if (lane[i] && x < work.begin(block + i + 1))
                            resolve_exactly(work, block + i, {y, y + 1, x, x + 1}, nullptr,
                                            work.classes, errors);
                    }
                }
        }
    }
    const std::int64_t x0 = work.begin(block), x1 = work.begin(block + ncells);
    for (std::int64_t y = y0; lut && y < y1; ++y)
        color_span(work.labels(y) + x0, lut, work.classes, work.color(y) + 3 * x0, x1 - x0);
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
