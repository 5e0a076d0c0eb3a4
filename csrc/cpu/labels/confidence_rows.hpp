// Rows of the low-resolution grid as differences to the largest logit, which classes of a block of
// cells matter, and cells that take float64. Only included by *_cells.simd.cpp.
#pragma once

#include "cpu/labels/confidence.hpp"
#include "cpu/simd/load.hpp"
#include "ops/exact.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr float nowhere = -1e30f; // a logit of -inf, seen from the largest
constexpr float nothing = -1e29f; // level below which the definition has to say what is there

template <class T> struct Row {
    T *planes;    // [C][pitch] logits
    T *behind;    // [C][pitch] those of the next slice, for an image between slices
    float *below; // [C + 1][pitch] differences to the largest, as exponents of two; then a class
                  // that is nowhere
    std::int32_t *open; // [pitch], true where the largest is a NaN or infinite
};

template <class T> struct Work {
    const ArgmaxJob &job;
    const Tile &tile;
    std::int64_t classes, cells, pitch, columns, first_column;
    Row<T> upper, lower;
    T *best[2];          // [pitch] the largest logits of a row, and of that behind it
    float *f0, *f1;      // [columns + lanes] weights
    double *w0, *w1;     // [columns + lanes] the same, integers
    std::int32_t *index; // [columns + lanes] number of the cell in its block
    SlicePair slices;    // of the image
    double *values;      // [2][C][narrow]

    // Of a block of cells: a bound on the largest exponent of any pixel, and the classes that
    // count.
    float *level;       // [lanes]
    std::int32_t *list; // [C + 3], the rest of the last four is nowhere
    std::int64_t listed = 0;

    static constexpr int narrow = lanes < 8 ? lanes : 8; // columns in float64 at once

    Work(const ArgmaxJob &j, const Tile &area, Scratch &scratch) : job(j), tile(area) {
        classes = job.logits.c;
        cells = tile.x1 - tile.x0;
        pitch = round_up(cells + 1, lanes) + lanes;
        first_column = job.x.start[tile.x0];
        columns = job.x.start[tile.x1] - first_column;
        slices = job.logits.slices_of(tile.n);
        upper = take_row(scratch);
        lower = take_row(scratch);
        for (T *&largest : best) largest = scratch.take<T>(pitch);
        f0 = scratch.take<float>(columns + lanes);
        f1 = scratch.take<float>(columns + lanes);
        w0 = scratch.take<double>(columns + lanes);
        w1 = scratch.take<double>(columns + lanes);
        index = scratch.take<std::int32_t>(columns + lanes);
        values = scratch.take<double>(2 * classes * narrow);
        level = scratch.take<float>(lanes);
        list = scratch.take<std::int32_t>(classes + 3);
    }
    Row<T> take_row(Scratch &scratch) const {
        Row<T> row;
        row.planes = scratch.take<T>(classes * pitch);
        row.behind = scratch.take<T>(slices.blends() ? classes * pitch : 0);
        row.below = scratch.take<float>((classes + 1) * pitch);
        row.open = scratch.take<std::int32_t>(pitch);
        return row;
    }

    void prepare() const {
        for (std::int64_t i = 0; i < columns + lanes; ++i) {
            const std::int64_t x = first_column + min(i, columns - 1);
            w0[i] = job.x.w0[x];
            w1[i] = job.x.w1[x];
            f0[i] = static_cast<float>(w0[i] / job.x.den);
            f1[i] = static_cast<float>(w1[i] / job.x.den);
            index[i] = static_cast<std::int32_t>((job.x.cell[x] - tile.x0) % lanes);
        }
        for (std::int64_t i = 0; i < pitch; ++i)
            upper.below[classes * pitch + i] = lower.below[classes * pitch + i] = nowhere;
    }
    std::int64_t begin(std::int64_t cell) const {
        return job.x.start[tile.x0 + cell] - first_column;
    }
    char *out(std::int64_t y) const { return job.confidence.row(tile.n, y); }
};

// The planes of a row, the largest of every pixel, and which of these are not finite.
template <class T> void read_planes(const Work<T> &work, std::int64_t slice, std::int64_t y,
                                    T *planes, T *best, std::int32_t *open) {
    const ArgmaxJob &job = work.job;
    const std::int64_t pitch = work.pitch;
    const std::int64_t count = min(work.cells + 1, job.x.n_in - work.tile.x0);
    load_image_row(planes, pitch, job.logits, slice, y, work.tile.x0, count);
    repeat_last(planes, pitch, work.classes, count, pitch);
    for (std::int64_t i = 0; i < pitch; ++i) best[i] = planes[i];
    for (std::int64_t c = 0; c < work.classes; ++c) {
        const T *plane = planes + c * pitch;
        for (std::int64_t i = 0; i < pitch; ++i) {
            open[i] |= plane[i] != plane[i];
            best[i] = plane[i] > best[i] ? plane[i] : best[i];
        }
    }
    const T limit = static_cast<T>(sizeof(T) == 4 ? 3.4028235e38 : limit_float64);
    for (std::int64_t i = 0; i < pitch; ++i) open[i] |= !(best[i] <= limit && best[i] >= -limit);
}

// Between slices what is subtracted are the largest of each, interpolated as the logits are: one
// number of all classes, which softmax does not see. A difference is rounded once in T.
template <class T> void read_row(const Work<T> &work, const Row<T> &row, std::int64_t y) {
    const std::int64_t pitch = work.pitch;
    const SlicePair &slices = work.slices;
    for (std::int64_t i = 0; i < pitch; ++i) row.open[i] = 0;
    read_planes(work, slices.first, y, row.planes, work.best[0], row.open);
    if (slices.blends()) read_planes(work, slices.first + 1, y, row.behind, work.best[1], row.open);
    const double unit = work.job.scale * log2_e;
    const T front = static_cast<T>(unit * slices.front), back = static_cast<T>(unit * slices.back);
    const T *first = work.best[0], *second = work.best[1];
    for (std::int64_t c = 0; c < work.classes; ++c) {
        const T *plane = row.planes + c * pitch;
        float *below = row.below + c * pitch;
        if (slices.blends()) {
            const T *behind = row.behind + c * pitch;
            for (std::int64_t i = 0; i < pitch; ++i) {
                const float difference = static_cast<float>(front * (plane[i] - first[i]) +
                                                            back * (behind[i] - second[i]));
                below[i] = difference > nowhere ? difference : nowhere;
            }
            continue;
        }
        for (std::int64_t i = 0; i < pitch; ++i) {
            const float difference = static_cast<float>(
                unit * (static_cast<double>(plane[i]) - static_cast<double>(first[i])));
            below[i] = difference > nowhere ? difference : nowhere;
        }
    }
}

// The logit of a class and a grid point, `at` = class * pitch + place.
template <class T> inline double logit_at(const Work<T> &work, const Row<T> &row, std::int64_t at) {
    const double first = row.planes[at];
    if (!work.slices.blends()) return first;
    return work.slices.front * first + work.slices.back * static_cast<double>(row.behind[at]);
}

// The interpolated logit of a class, times the weights of the plane.
template <class T> inline double weighted_logit(const Work<T> &work,
                                                const CornerWeights<4> &weights, std::int64_t c,
                                                std::int64_t cell) {
    const std::int64_t at = c * work.pitch + cell;
    return weights.sum({logit_at(work, work.upper, at), logit_at(work, work.upper, at + 1),
                        logit_at(work, work.lower, at), logit_at(work, work.lower, at + 1)});
}

// The level of every cell of a block, and the classes that are not negligible in one of them.
template <class T> void list_classes(Work<T> &work, std::int64_t block, double negligible) {
    const std::int64_t pitch = work.pitch;
    const float *upper = work.upper.below + block, *lower = work.lower.below + block;
    F level = broadcast<F>(-__builtin_inff());
    for (std::int64_t c = 0; c < work.classes; ++c) {
        const float *p = upper + c * pitch, *q = lower + c * pitch;
        const F least =
            smaller(smaller(load<F>(p), load<F>(p + 1)), smaller(load<F>(q), load<F>(q + 1)));
        level = larger(least, level);
    }
    const std::int32_t *p = work.upper.open + block, *q = work.lower.open + block;
    const I open = load<I>(p) | load<I>(p + 1) | load<I>(q) | load<I>(q + 1);
    level = open != 0 ? broadcast<F>(nowhere) : level;
    store(work.level, level);
    const float drop =
        static_cast<float>(negligible + __builtin_log2(static_cast<double>(work.classes)));
    const F least = open != 0 ? broadcast<F>(__builtin_inff()) : level - drop;
    work.listed = 0;
    for (std::int64_t c = 0; c < work.classes; ++c) {
        const float *p = upper + c * pitch, *q = lower + c * pitch;
        const F top =
            larger(larger(load<F>(p), load<F>(p + 1)), larger(load<F>(q), load<F>(q + 1)));
        if (any((I)(top >= least))) work.list[work.listed++] = static_cast<std::int32_t>(c);
    }
    for (std::int64_t i = work.listed; i < round_up(work.listed, 4); ++i)
        work.list[i] = static_cast<std::int32_t>(work.classes);
}

constexpr int most_rows = 8; // that follow from the first by multiplication
constexpr int together = 4;  // classes whose powers are added before they join the sum

// Output rows [y, y + count) of one row of cells, evenly spaced.
struct Span {
    std::int64_t y, count;
    float step;                         // from row to row, in cells
    float w0[most_rows], w1[most_rows]; // weights of the upper and of the lower row of the grid

    Span(const Axis &axis, std::int64_t first, std::int64_t end) : y(first), count(1) {
        const double *w = axis.w1 + y;
        const double even = y + 1 < end ? w[1] - w[0] : 0.0;
        while (count < most_rows && y + count < end && w[count] - w[count - 1] == even) ++count;
        step = static_cast<float>(even / axis.den);
        for (std::int64_t k = 0; k < count; ++k) {
            w0[k] = static_cast<float>(axis.w0[y + k] / axis.den);
            w1[k] = static_cast<float>(axis.w1[y + k] / axis.den);
        }
    }
};

// Where the columns of a vector lie in a block of cells.
struct Columns {
    I index;
    F left, right; // weights

    F spread(const float *corners) const {
        return fma(right, permute(load<F>(corners + 1), index),
                   left * permute(load<F>(corners), index));
    }
};

// Every pixel of a cell, interpolated in float64: put(y, x, count, exponent) has `count` columns
// from x on, and exponent(i) is the class listed at i, as exponent of two below the largest. No
// corner is open.
template <class T, class Put> inline void interpolate_cell(const Work<T> &work, std::int64_t cell,
                                                           std::int64_t y0, std::int64_t y1,
                                                           const Put &put) {
    constexpr int narrow = Work<T>::narrow;
    using D = typename Vec<narrow>::f64;
    using V = typename Vec<narrow>::f32;
    const ArgmaxJob &job = work.job;
    const std::int64_t end = work.begin(cell + 1), listed = work.listed * narrow;
    const D unit = broadcast<D>(job.scale * log2_e / (job.y.den * job.x.den));
    for (std::int64_t x = work.begin(cell); x < end; x += narrow) {
        const D left = load<D>(work.w0 + x), right = load<D>(work.w1 + x);
        for (std::int64_t i = 0; i < work.listed; ++i) {
            const std::int64_t from = work.list[i] * work.pitch + cell;
            const auto value = [&](const Row<T> &row) { // -inf is as low as a weight of 0 allows
                const double a = max(logit_at(work, row, from), -limit_float64);
                const double b = max(logit_at(work, row, from + 1), -limit_float64);
                return left * broadcast<D>(a) + right * broadcast<D>(b);
            };
            store(work.values + i * narrow, value(work.upper));
            store(work.values + listed + i * narrow, value(work.lower));
        }
        for (std::int64_t y = y0; y < y1; ++y) {
            const D up = broadcast<D>(job.y.w0[y]), down = broadcast<D>(job.y.w1[y]);
            const auto value = [&](std::int64_t i) {
                return up * load<D>(work.values + i) + down * load<D>(work.values + listed + i);
            };
            D most = value(0);
            for (std::int64_t i = narrow; i < listed; i += narrow) most = max(value(i), most);
            put(y, x, min<std::int64_t>(narrow, end - x), [&](std::int64_t i) {
                return __builtin_convertvector(
                    max((value(i * narrow) - most) * unit, broadcast<D>(nowhere)), V);
            });
        }
    }
}

template <int degree, class T>
void put_cell(const Work<T> &work, std::int64_t cell, std::int64_t y0, std::int64_t y1) {
    using V = typename Vec<Work<T>::narrow>::f32;
    interpolate_cell(work, cell, y0, y1,
                     [&](std::int64_t y, std::int64_t x, std::int64_t count, const auto &exponent) {
                         V sum = broadcast<V>(-1.0f); // the largest power is 1
                         for (std::int64_t i = 0; i < work.listed; ++i)
                             sum += power_of_two<degree>(exponent(i));
                         put_confidence(work.job.confidence, work.out(y), work.first_column + x,
                                        broadcast<V>(1.0f) / (sum + 1.0f), count);
                     });
}

// Every block of cells that has output pixels: put(block, y0, y1). `work` is prepared.
template <class T, class Put> inline void walk_blocks(Work<T> &work, const Put &put) {
    const Axis &axis = work.job.y;
    const Tile &tile = work.tile;
    std::int64_t read = -1; // the row that `lower` holds
    for (std::int64_t cell = tile.y0; cell < tile.y1; ++cell) {
        const std::int64_t y0 = max<std::int64_t>(axis.start[cell], tile.row0);
        const std::int64_t y1 = min<std::int64_t>(axis.start[cell + 1], tile.row1);
        if (y0 >= y1) continue;
        if (read == cell) {
            const Row<T> row = work.upper;
            work.upper = work.lower;
            work.lower = row;
        } else {
            read_row(work, work.upper, cell);
        }
        read = min(cell + 1, axis.n_in - 1);
        read_row(work, work.lower, read);
        for (std::int64_t block = 0; block < work.cells; block += lanes)
            if (work.begin(block) != work.begin(min(block + lanes, work.cells))) put(block, y0, y1);
    }
}

// The cells of a block whose level is below the lowest: put(cell, is_defined), where the definition
// has to say what is there if not.
template <class T, class Put>
inline void walk_low_cells(const Work<T> &work, std::int64_t block, float lowest, const Put &put) {
    for (std::int64_t i = 0; i < min<std::int64_t>(lanes, work.cells - block); ++i)
        if (!(work.level[i] >= lowest)) put(block + i, work.level[i] > nothing);
}

// Every pixel of a cell by the definition.
template <class T> void rate_cell_exactly(const Work<T> &work, std::int64_t cell, std::int64_t y0,
                                          std::int64_t y1, LogitErrors &errors) {
    const ArgmaxJob &job = work.job;
    const double unit = job.scale / (job.y.den * job.x.den);
    for (std::int64_t y = y0; y < y1; ++y)
        for (std::int64_t x = work.begin(cell); x < work.begin(cell + 1); ++x) {
            const std::int64_t column = work.first_column + x;
            const CornerWeights<4> weights = corner_weights(job.y, y, job.x, column);
            const auto value = [&](std::int64_t c) {
                return weighted_logit(work, weights, c, cell);
            };
            double most = value(0), sum = 0.0;
            for (std::int64_t c = 1; c < work.classes; ++c) most = max(value(c), most);
            for (std::int64_t c = 0; c < work.classes; ++c)
                sum += __builtin_exp((value(c) - most) * unit);
            if (is_nan(sum))
                errors.add_undefined(1, (work.tile.n * job.y.n_out + y) * job.x.n_out + column);
            put_confidence(job.confidence, work.out(y), column, 1.0 / sum);
        }
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
