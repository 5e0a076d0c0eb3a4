// Cells with several candidates: which classes those are, the float32 comparison and, where that
// cannot tell, the definition. Only included by cells_dense.hpp.
#pragma once

#include "cpu/labels/cells_rows.hpp"
#include "ops/exact.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// The corners of a cell, for ops/exact.hpp.
template <class T> struct CellCorners {
    static constexpr int corners = 4;
    using Value = T;
    const T *upper, *lower;
    std::int64_t pitch;

    template <class L> CellCorners(const Work<T, L> &work, std::int64_t cell)
        : upper(work.upper.planes + cell), lower(work.lower.planes + cell), pitch(work.pitch) {}
    void load_class(std::int32_t c, T (&to)[4]) const {
        to[0] = upper[c * pitch], to[1] = upper[c * pitch + 1];
        to[2] = lower[c * pitch], to[3] = lower[c * pitch + 1];
    }
};

template <class T, class L>
void put(const Work<T, L> &work, std::int64_t y, std::int64_t column, std::int32_t label) {
    work.labels(y)[column] = static_cast<L>(label);
    if (work.job.lut) put_color(work.color(y) + 3 * column, work.lut[label]);
}

// Rows [y0, y1) of columns [x0, x1) of a cell.
struct CellPixels {
    std::int64_t y0, y1, x0, x1;
};

// Pixels of a cell by the definition, over the listed classes (all of them where list is null).
template <class T, class L> void resolve_exactly(const Work<T, L> &work, std::int64_t cell,
                                                 const CellPixels &pixels, const std::int32_t *list,
                                                 std::int64_t count, LogitErrors &errors) {
    const ArgmaxJob &job = work.job;
    const CellCorners<T> corners(work, cell);
    const Candidates candidates{list, static_cast<std::int32_t>(count)};
    for (std::int64_t y = pixels.y0; y < pixels.y1; ++y)
        for (std::int64_t column = pixels.x0; column < pixels.x1; ++column) {
            const std::int64_t x = work.first_column + column;
            const ExactLabel exact =
                evaluate_exact(corners, corner_weights(job.y, y, job.x, x), candidates);
            put(work, y, column, exact.label());
            if (exact.is_undefined())
                errors.add_undefined(1, (work.tile.n * job.y.n_out + y) * job.x.n_out + x);
        }
}
template <class T, class L> void resolve_cell_exactly(const Work<T, L> &work, std::int64_t cell,
                                                      std::int64_t y0, std::int64_t y1,
                                                      const std::int32_t *list, std::int64_t count,
                                                      LogitErrors &errors) {
    resolve_exactly(work, cell, {y0, y1, work.begin(cell), work.begin(cell + 1)}, list, count,
                    errors);
}

// Writes the first `count` of W labels and their colors.
template <int W, class L> inline void put_span(typename Vec<W>::i32 label, L *labels,
                                               std::uint8_t *color, const std::uint32_t *lut,
                                               std::int64_t count) {
    L narrow[W];
    if constexpr (sizeof(L) == 1)
        store(narrow, low_bytes(label));
    else
        store(narrow, label);
    if (count == W) {
        __builtin_memcpy(labels, narrow, sizeof narrow);
        if (lut) {
            for (int i = 0; i + 1 < W; ++i) __builtin_memcpy(color + 3 * i, lut + narrow[i], 4);
            put_color(color + 3 * (W - 1), lut[narrow[W - 1]]);
        }
    } else {
        for (std::int64_t i = 0; i < count; ++i) labels[i] = narrow[i];
        if (lut)
            for (std::int64_t i = 0; i < count; ++i) put_color(color + 3 * i, lut[narrow[i]]);
    }
}

// By how much the first of two classes is ahead of the second at the corners of a cell.
struct PairCorners {
    float upper[2], lower[2];

    template <class L>
    PairCorners(const Work<float, L> &work, std::int64_t cell, const std::int32_t *list) {
        const std::int64_t first = list[0] * work.pitch + cell,
                           second = list[1] * work.pitch + cell;
        for (int k = 0; k < 2; ++k) {
            upper[k] = work.upper.planes[first + k] - work.upper.planes[second + k];
            lower[k] = work.lower.planes[first + k] - work.lower.planes[second + k];
        }
    }
};

template <class L> inline float largest_corner(const Work<float, L> &work, std::int64_t cell,
                                               const std::int32_t *list, std::int64_t count) {
    float most = 0.0f;
    for (std::int64_t i = 0; i < count; ++i) {
        const float *upper = work.upper.planes + list[i] * work.pitch + cell;
        const float *lower = work.lower.planes + list[i] * work.pitch + cell;
        for (int k = 0; k < 2; ++k)
            most = max(most, max(__builtin_fabsf(upper[k]), __builtin_fabsf(lower[k])));
    }
    return most;
}

// A cell with a few candidates: float32 decides, the definition where that is too close.
// W is the number of columns handled at once.
template <int W, class L>
void compare_cell(const Work<float, L> &work, std::int64_t cell, std::int64_t y0, std::int64_t y1,
                  const std::int32_t *list, std::int64_t count, LogitErrors &errors) {
    using V = typename Vec<W>::f32;
    using M = typename Vec<W>::i32;
    const float most = largest_corner(work, cell, list, count);
    if (!(most < filter_limit))
        return resolve_cell_exactly(work, cell, y0, y1, list, count, errors);
    const float margin = most * filter_relative + filter_absolute;
    const std::int64_t x0 = work.begin(cell), x1 = work.begin(cell + 1);
    const std::uint32_t *lut = work.job.lut ? work.lut : nullptr;

    const auto finish = [&](M label, M close, std::int64_t y, std::int64_t x) {
        const std::int64_t here = min<std::int64_t>(W, x1 - x);
        put_span<W>(label, work.labels(y) + x, lut ? work.color(y) + 3 * x : nullptr, lut, here);
        if (__builtin_expect(any(close), 0)) {
            std::int32_t lane[W];
            store(lane, close);
            for (std::int64_t i = 0; i < here; ++i)
                if (lane[i])
                    resolve_exactly(work, cell, {y, y + 1, x + i, x + i + 1}, list, count, errors);
        }
    };

    if (count == 2) { // the sign of one bilinear function
        const PairCorners corners(work, cell, list);
        const float a = corners.upper[0], b = corners.upper[1];
        const float down_a = corners.lower[0] - a, down_b = corners.lower[1] - b;
        const M first = broadcast<M>(list[0]), second = broadcast<M>(list[1]);
        const V limit = broadcast<V>(margin);
        for (std::int64_t y = y0; y < y1; ++y) {
            const float ty = work.job.y.t[y];
            const float left = a + ty * down_a, right = b + ty * down_b;
            const V from = broadcast<V>(left), slope = broadcast<V>(right - left);
            for (std::int64_t x = x0; x < x1; x += W) {
                const V ahead = fma(load<V>(work.t + x), slope, from);
                const M label = select((M)(ahead > V{}), first, second);
                finish(label, (M)(abs(ahead) <= limit), y, x);
            }
        }
        return;
    }
    for (std::int64_t y = y0; y < y1; ++y) {
        const float ty = work.job.y.t[y];
        for (std::int64_t x = x0; x < x1; x += W) {
            const V t = load<V>(work.t + x);
            V best{}, second = broadcast<V>(-__builtin_inff());
            M label{};
            for (std::int64_t i = 0; i < count; ++i) {
                const float *upper = work.upper.planes + list[i] * work.pitch + cell;
                const float *lower = work.lower.planes + list[i] * work.pitch + cell;
                const float left = upper[0] + ty * (lower[0] - upper[0]);
                const float right = upper[1] + ty * (lower[1] - upper[1]);
                const V value = fma(t, broadcast<V>(right - left), broadcast<V>(left));
                if (i == 0) {
                    best = value;
                    label = broadcast<M>(list[0]);
                    continue;
                }
                second = larger(second, smaller(best, value));
                label = select((M)(value > best), broadcast<M>(list[i]), label);
                best = max(value, best);
            }
            const V lead = best - second;
            finish(label, ~(lead > broadcast<V>(margin)), y, x);
        }
    }
}

// The candidates of every cell of a block as bits: classes that the prune of ops/labels.hpp leaves.
template <class L> void find_candidates(const Work<float, L> &work, std::int64_t block) {
    const std::int64_t pitch = work.pitch;
    const float *upper = work.upper.planes + block, *lower = work.lower.planes + block;
    F level = broadcast<F>(-__builtin_inff());
    for (std::int64_t c = 0; c < work.classes; ++c) {
        const float *p = upper + c * pitch, *q = lower + c * pitch;
        const F least =
            smaller(smaller(load<F>(p), load<F>(p + 1)), smaller(load<F>(q), load<F>(q + 1)));
        level = larger(least, level);
    }
    for (std::int64_t word = 0; word < work.words; ++word) {
        U bits{};
        const std::int64_t last = min<std::int64_t>(work.classes, 32 * (word + 1));
        for (std::int64_t c = 32 * word; c < last; ++c) {
            const float *p = upper + c * pitch, *q = lower + c * pitch;
            const F top =
                larger(larger(load<F>(p), load<F>(p + 1)), larger(load<F>(q), load<F>(q + 1)));
            bits |= top >= level ? broadcast<U>(1u << (c % 32)) : U{};
        }
        store(work.wanted + word * lanes, bits);
    }
}

template <class L> void find_candidates(const Work<double, L> &work, std::int64_t block) {
    const std::int64_t pitch = work.pitch;
    for (std::int64_t word = 0; word < work.words * lanes; ++word) work.wanted[word] = 0;
    for (std::int64_t x = 0; x < lanes; ++x) {
        const double *upper = work.upper.planes + block + x, *lower = work.lower.planes + block + x;
        double level = -__builtin_inf();
        for (std::int64_t c = 0; c < work.classes; ++c) {
            const double *p = upper + c * pitch, *q = lower + c * pitch;
            level = max(level, min(min(p[0], p[1]), min(q[0], q[1])));
        }
        if (level < -limit_float64) level = -__builtin_inf(); // sums may overflow
        for (std::int64_t c = 0; c < work.classes; ++c) {
            const double *p = upper + c * pitch, *q = lower + c * pitch;
            const double top = max(max(p[0], p[1]), max(q[0], q[1]));
            const double size = max(__builtin_fabs(top), __builtin_fabs(level));
            if (top >= level || level - top <= margin_float64 * size)
                work.wanted[c / 32 * lanes + x] |= 1u << (c % 32);
        }
    }
}

// How many candidates the cells of a block have that were not filled.
template <class T, class L>
std::int64_t count_candidates(const Work<T, L> &work, std::int64_t block, std::int64_t last) {
    std::int64_t total = 0;
    for (std::int64_t word = 0; word < work.words; ++word)
        for (std::int64_t x = block; x < last; ++x)
            if (work.uniform[x] == undecided)
                total += __builtin_popcount(work.wanted[word * lanes + x - block]);
    return total;
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
