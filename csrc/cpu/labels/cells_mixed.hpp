// Cells with several candidates: which classes those are, and the definition. Only included by
// cells_compare.hpp.
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

// The candidates of every cell of a block as bits: classes that the prune of ops/labels.hpp leaves.
template <class L> void find_candidates(const Work<float, L> &work, std::int64_t block) {
    F level = broadcast<F>(-__builtin_inff());
    for (std::int64_t c = 0; c < work.classes; ++c) {
        const float *upper = work.upper.planes + c * work.pitch + block;
        const float *lower = work.lower.planes + c * work.pitch + block;
        const F a = load<F>(upper), b = load<F>(upper + 1);
        const F d = load<F>(lower), e = load<F>(lower + 1);
        level = larger(smaller(smaller(a, b), smaller(d, e)), level);
        store(work.tops + c * lanes, larger(larger(a, b), larger(d, e)));
    }
    for (std::int64_t word = 0; word < work.words; ++word) {
        U bits{}, bit = broadcast<U>(1u);
        const std::int64_t last = min<std::int64_t>(work.classes, 32 * (word + 1));
        for (std::int64_t c = 32 * word; c < last; ++c, bit += bit)
            bits |= load<F>(work.tops + c * lanes) >= level ? bit : U{};
        store(work.wanted + word * lanes, bits);
    }
}

// The same of one cell whose corners are no NaN, as a list; how many.
template <class L> std::int64_t find_candidates_of(const Work<float, L> &work, std::int64_t cell) {
    using Four = typename Vec<4>::f32;
    using Two = typename Vec<2>::f32;
    const auto corners = [&](std::int64_t c) {
        const std::int64_t at = min(c, work.classes - 1) * work.pitch + cell;
        return __builtin_shufflevector(load<Two>(work.upper.planes + at),
                                       load<Two>(work.lower.planes + at), 0, 1, 2, 3);
    };
    Four levels = broadcast<Four>(-__builtin_inff());
    for (std::int64_t c = 0; c < work.classes; c += 4) {
        Four a = corners(c), b = corners(c + 1), d = corners(c + 2), e = corners(c + 3);
        transpose(a, b, d, e);
        levels = larger(smaller(smaller(a, b), smaller(d, e)), levels);
        store(work.tops + c, larger(larger(a, b), larger(d, e)));
    }
    const F level = broadcast<F>(max(max(levels[0], levels[1]), max(levels[2], levels[3])));
    std::int64_t count = 0;
    for (std::int64_t c = 0; c < work.classes; c += lanes) {
        std::uint32_t bits = mask_bits((I)(load<F>(work.tops + c) >= level));
        if (work.classes - c < lanes) bits &= (1u << (work.classes - c)) - 1;
        for (; bits; bits &= bits - 1)
            work.list[count++] = static_cast<std::int32_t>(c + __builtin_ctz(bits));
    }
    return count;
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
