// softmax of every pixel and the largest probability as confidence. What exp gets is a difference
// to the pixel's largest logit, never a difference of rounded float32 values:
// - Where one class is the largest at all four corners of a cell, the differences to it are taken
// at the
//   corners, in float64. They are <= 0, so their interpolation in float32 cancels nothing: a result
//   d is off by at most 6 * 2^-24 |d|, which exp(d) |d| <= 0.37 makes less than 1.4e-7.
// - Other cells are interpolated in float64 and subtracted there.
#include "cpu/labels/confidence.hpp"
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/exp_negative.hpp"
#include "cpu/simd/load.hpp"
#include "ops/exact.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr int wide = lanes / 2; // float64 lanes
using D = Vec<wide>::f64;

constexpr std::int64_t block = 64; // pixels whose classes are looked at together

constexpr int narrow = lanes < 8 ? lanes : 8; // columns of a cell at once, in float32
constexpr float nowhere = -1e30f;             // a logit of -inf, seen from the largest

// A row of the grid: its logits, their differences to the largest, and whose that is.
struct Row {
    double *planes;      // [C][cell_pitch]
    float *below;        // [C][cell_pitch]
    std::int32_t *label; // [cell_pitch], -1 where infinities or NaN leave it open
};

struct Work {
    Row upper, lower;    // without resampling upper is the row itself
    float *blend;        // [C][cell_pitch] differences between the two rows
    double *values;      // [C][column_pitch] real logits
    float *differences;  // [C][column_pitch] to the largest
    double *cell_values; // [C][wide]
    double *w0, *w1;     // [column_pitch] weights of the tile's columns
    float *f0, *f1;      // [column_pitch] the same over their sum
    float *power;        // [C][block]
    std::int64_t classes, cell_pitch, column_pitch;

    Work(const SoftmaxJob &job, const Tile &tile, Scratch &scratch) {
        const std::int64_t columns = tile.x1 - tile.x0;
        std::int64_t cells = columns;
        if (job.resample) cells = job.x.cell[tile.x1 - 1] - job.x.cell[tile.x0] + 2;
        classes = job.logits.c;
        cell_pitch = round_up(cells + 1, lanes) + lanes;
        column_pitch = round_up(columns, block) + block;
        upper = take_row(scratch);
        lower = take_row(scratch);
        blend = scratch.take<float>(classes * cell_pitch);
        values = scratch.take<double>(classes * column_pitch);
        differences = scratch.take<float>(classes * column_pitch);
        cell_values = scratch.take<double>(classes * wide);
        w0 = scratch.take<double>(column_pitch);
        w1 = scratch.take<double>(column_pitch);
        f0 = scratch.take<float>(column_pitch);
        f1 = scratch.take<float>(column_pitch);
        power = scratch.take<float>(classes * block);
    }
    Row take_row(Scratch &scratch) const {
        Row row;
        row.planes = scratch.take<double>(classes * cell_pitch);
        row.below = scratch.take<float>(classes * cell_pitch);
        row.label = scratch.take<std::int32_t>(cell_pitch);
        return row;
    }
};

// A weight of zero wins over an infinity or a NaN.
inline double weigh(double weight, double value) { return weight == 0.0 ? 0.0 : weight * value; }

// The interpolated logit of one class.
double interpolate(const SoftmaxJob &job, const Work &work, std::int64_t c, std::int64_t cell,
                   std::int64_t y, std::int64_t x) {
    const double *upper = work.upper.planes + c * work.cell_pitch + cell;
    const double *lower = work.lower.planes + c * work.cell_pitch + cell;
    const double w0 = job.y.w0[y], w1 = job.y.w1[y];
    const double left = weigh(w0, upper[0]) + weigh(w1, lower[0]);
    const double right = weigh(w0, upper[1]) + weigh(w1, lower[1]);
    return (weigh(job.x.w0[x], left) + weigh(job.x.w1[x], right)) / (job.y.den * job.x.den);
}

// The differences of one pixel, in column x of the tile, to its largest logit.
void interpolate_pixel(const SoftmaxJob &job, const Tile &tile, const Work &work, std::int64_t cell,
                       std::int64_t y, std::int64_t x) {
    double most = interpolate(job, work, 0, cell, y, tile.x0 + x);
    for (std::int64_t c = 1; c < work.classes; ++c) {
        const double value = interpolate(job, work, c, cell, y, tile.x0 + x);
        most = value > most ? value : most;
    }
    for (std::int64_t c = 0; c < work.classes; ++c) {
        const double value = interpolate(job, work, c, cell, y, tile.x0 + x);
        work.differences[c * work.column_pitch + x] =
            static_cast<float>(job.scale * (value - most));
    }
}

// Largest logit, its class, and the differences to it, of `cells` pixels of a row.
void rank(const SoftmaxJob &job, const Work &work, const Row &row, std::int64_t cells) {
    for (std::int64_t i = 0; i < cells; ++i) {
        double best = row.planes[i];
        std::int32_t label = 0;
        bool nan = is_nan(best);
        for (std::int64_t c = 1; c < work.classes; ++c) {
            const double value = row.planes[c * work.cell_pitch + i];
            nan |= is_nan(value);
            if (value > best) {
                best = value;
                label = static_cast<std::int32_t>(c);
            }
        }
        row.label[i] = nan || !(__builtin_fabs(best) < limit_float64) ? -1 : label;
        for (std::int64_t c = 0; c < work.classes; ++c) {
            const double value = row.planes[c * work.cell_pitch + i];
            const float difference = static_cast<float>(job.scale * (value - best));
            row.below[c * work.cell_pitch + i] = difference > nowhere ? difference : nowhere;
        }
    }
}

// One output row of all classes, as differences to each pixel's largest; column x0 of the tile
// first.
void interpolate_row(const SoftmaxJob &job, const Tile &tile, const Work &work, std::int64_t y) {
    using V = Vec<narrow>::f32;
    const std::int64_t first = job.x.cell[tile.x0], last = job.x.cell[tile.x1 - 1];
    const double w0 = job.y.w0[y], w1 = job.y.w1[y];
    const float up = static_cast<float>(w0 / job.y.den), down = static_cast<float>(w1 / job.y.den);
    for (std::int64_t c = 0; c < work.classes; ++c) {
        const float *upper = work.upper.below + c * work.cell_pitch;
        const float *lower = work.lower.below + c * work.cell_pitch;
        float *blend = work.blend + c * work.cell_pitch;
        for (std::int64_t i = 0; i <= last - first + 1; ++i)
            blend[i] = up * upper[i] + down * lower[i];
    }
    const double unit = job.scale / (job.y.den * job.x.den);
    for (std::int64_t cell = 0; cell <= last - first; ++cell) {
        const std::int64_t x0 = max<std::int64_t>(job.x.start[first + cell], tile.x0) - tile.x0;
        const std::int64_t x1 = min<std::int64_t>(job.x.start[first + cell + 1], tile.x1) - tile.x0;
        const std::int32_t a = work.upper.label[cell], b = work.upper.label[cell + 1];
        const std::int32_t d = work.lower.label[cell], e = work.lower.label[cell + 1];
        if (a >= 0 && a == b && a == d &&
            a == e) { // a store past the cell is overwritten by the next
            for (std::int64_t x = x0; x < x1; x += narrow) {
                const V left = load<V>(work.f0 + x), right = load<V>(work.f1 + x);
                const float *blend = work.blend + cell;
                float *to = work.differences + x;
                for (std::int64_t c = 0; c < work.classes; ++c) {
                    store(to, fma(right, broadcast<V>(blend[1]), left * broadcast<V>(blend[0])));
                    blend += work.cell_pitch;
                    to += work.column_pitch;
                }
            }
        } else if (a >= 0 && b >= 0 && d >= 0 && e >= 0) {
            for (std::int64_t x = x0; x < x1; x += wide) {
                const D left = load<D>(work.w0 + x), right = load<D>(work.w1 + x);
                D most = broadcast<D>(-__builtin_inf());
                for (std::int64_t c = 0; c < work.classes; ++c) {
                    const double *upper = work.upper.planes + c * work.cell_pitch + cell;
                    const double *lower = work.lower.planes + c * work.cell_pitch + cell;
                    const double p = weigh(w0, upper[0]) + weigh(w1, lower[0]);
                    const double q = weigh(w0, upper[1]) + weigh(w1, lower[1]);
                    // A logit of -inf is as low as a weight of zero allows.
                    const D from = left * broadcast<D>(max(p, -limit_float64));
                    const D value = from + right * broadcast<D>(max(q, -limit_float64));
                    store(work.cell_values + c * wide, value);
                    most = max(value, most);
                }
                bool is_open = false; // every class may be -inf at a corner that has a weight
                for (int i = 0; i < wide; ++i) is_open |= most[i] < -limit_float64 / 2;
                if (__builtin_expect(is_open, 0)) {
                    for (std::int64_t i = x; i < min<std::int64_t>(x + wide, x1); ++i)
                        interpolate_pixel(job, tile, work, cell, y, i);
                    continue;
                }
                for (std::int64_t c = 0; c < work.classes; ++c) {
                    const D value =
                        (load<D>(work.cell_values + c * wide) - most) * broadcast<D>(unit);
                    float *to = work.differences + c * work.column_pitch + x;
                    for (int i = 0; i < wide; ++i) to[i] = static_cast<float>(value[i]);
                }
            }
        } else { // infinities or NaN at a corner
            for (std::int64_t x = x0; x < x1; ++x) interpolate_pixel(job, tile, work, cell, y, x);
        }
    }
}

// Whether the definition of argmax gives class 1 at a pixel of a one-channel head.
bool above_threshold(const SoftmaxJob &job, const Tile &tile, const Work &work, std::int64_t y,
                     std::int64_t x) {
    const double level =
        fits_float(job.logits.dtype) ? static_cast<float>(job.threshold) : job.threshold;
    if (!job.resample) return work.upper.planes[x - tile.x0] > level;
    const std::int64_t cell = job.x.cell[x] - job.x.cell[tile.x0];
    const double *upper = work.upper.planes + cell, *lower = work.lower.planes + cell;
    const CornerWeights<4> weights = corner_weights(job.y, y, job.x, x);
    return weights.sum({upper[0], upper[1], lower[0], lower[1]}) >
           weights.sum({level, level, level, level});
}

// Where results go.
struct Output {
    const SoftmaxJob &job;
    std::int64_t n, y;

    std::int64_t place(std::int64_t x) const { return (n * job.height() + y) * job.width() + x; }
    float *probability(std::int64_t c, std::int64_t x) const {
        return reinterpret_cast<float *>(job.probabilities + n * job.prob_n + c * job.prob_c +
                                         y * job.prob_h + x * job.prob_w);
    }
    void put_confidence(std::int64_t x, double value) const {
        char *to = job.confidence + n * job.conf_n + y * job.conf_h + x * job.conf_w;
        if (job.conf_bytes)
            *to = byte_of(value);
        else
            *reinterpret_cast<float *>(to) = static_cast<float>(value);
    }
};

// The sigmoid of one row of a one-channel head, whose real logits are in work.values.
void finish_sigmoid(const Output &out, const Tile &tile, const Work &work, LogitErrors &errors) {
    for (std::int64_t x = tile.x0; x < tile.x1; ++x) {
        const double p = 1.0 / (1.0 + __builtin_exp(-work.values[x - tile.x0]));
        if (is_nan(p)) errors.add_undefined(1, out.place(x));
        if (out.job.probabilities) *out.probability(0, x) = static_cast<float>(p);
        if (out.job.confidence) {
            const bool one = above_threshold(out.job, tile, work, out.y, x);
            out.put_confidence(x, one ? p : 1.0 - p);
        }
    }
}

// Probabilities of `count` pixels from x on; values has room for a whole block of every class. Four
// powers are added in float32, these sums in float64: small ones beside a large one are not lost.
// Ranked values are differences to the largest already.
template <class V> void finish_block(const Output &out, std::int64_t x, std::int64_t count,
                                     const V *values, std::int64_t pitch, bool ranked, float *power,
                                     LogitErrors &errors) {
    const std::int64_t classes = out.job.logits.c;
    V most[block];
    double sum[block];
    for (std::int64_t i = 0; i < block; ++i) {
        most[i] = ranked ? V{} : values[i];
        sum[i] = 0.0;
    }
    for (std::int64_t c = 1; !ranked && c < classes; ++c)
        for (std::int64_t i = 0; i < block; ++i)
            most[i] = values[c * pitch + i] > most[i] ? values[c * pitch + i] : most[i];
    for (std::int64_t c = 0; c < classes; c += 4) {
        float part[block] = {};
        const std::int64_t last = min<std::int64_t>(c + 4, classes);
        for (std::int64_t k = c; k < last; ++k) {
            const V *v = values + k * pitch;
            float *p = power + k * block;
            for (std::int64_t i = 0; i < block; ++i) {
                p[i] = exp_negative(static_cast<float>(v[i] - most[i]));
                part[i] += p[i];
            }
        }
        for (std::int64_t i = 0; i < block; ++i) sum[i] += static_cast<double>(part[i]);
    }
    float scale[block];
    bool undefined = false;
    for (std::int64_t i = 0; i < block; ++i) scale[i] = static_cast<float>(1.0 / sum[i]);
    for (std::int64_t i = 0; i < count; ++i) undefined |= is_nan(sum[i]);
    for (std::int64_t i = 0; undefined && i < count; ++i)
        if (is_nan(sum[i])) errors.add_undefined(1, out.place(x + i));
    if (out.job.confidence)
        for (std::int64_t i = 0; i < count; ++i) out.put_confidence(x + i, scale[i]);
    if (!out.job.probabilities) return;
    if (out.job.prob_w == 4 && count == block) {
        for (std::int64_t c = 0; c < classes; ++c) {
            float *to = out.probability(c, x);
            for (std::int64_t i = 0; i < block; ++i) to[i] = power[c * block + i] * scale[i];
        }
        return;
    }
    for (std::int64_t i = 0; i < count; ++i)
        for (std::int64_t c = 0; c < classes; ++c)
            *out.probability(c, x + i) = power[c * block + i] * scale[i];
}

// One row of values or, ranked, of differences.
template <class V> void finish_row(const Output &out, const Tile &tile, const Work &work,
                                   const V *values, bool ranked, LogitErrors &errors) {
    for (std::int64_t x = tile.x0; x < tile.x1; x += block)
        finish_block(out, x, min(block, tile.x1 - x), values + x - tile.x0, work.column_pitch,
                     ranked, work.power, errors);
}

// Pixels that need no interpolation, of an element type that float32 holds.
void finish_pixels(const SoftmaxJob &job, const Tile &tile, char *memory, LogitErrors &errors) {
    Scratch scratch(memory);
    float *values = scratch.take<float>(job.logits.c * block);
    float *power = scratch.take<float>(job.logits.c * block);
    for (std::int64_t y = tile.y0; y < tile.y1; ++y)
        for (std::int64_t x = tile.x0; x < tile.x1; x += block) {
            const std::int64_t count = min(block, tile.x1 - x);
            if (count < block) // what lies behind the row is computed and thrown away
                for (std::int64_t i = 0; i < job.logits.c * block; ++i) values[i] = 0.0f;
            load_row(values, block, job.logits, tile.n, y, x, count, nullptr);
            finish_block(Output{job, tile.n, y}, x, count, values, block, false, power, errors);
        }
}

} // namespace

std::int64_t softmax_scratch(const SoftmaxJob &job, const Tile &tile) {
    Scratch scratch(nullptr);
    Work work(job, tile, scratch);
    return scratch.used();
}

// The tile's rows are rows of cells where the job resamples; its columns are output pixels always.
void softmax(const SoftmaxJob &job, const Tile &tile, char *memory, LogitErrors &errors) {
    const bool plain = !job.has_threshold && job.scale == 1.0 && job.zero_point == 0.0;
    if (!job.resample && plain && fits_float(job.logits.dtype))
        return finish_pixels(job, tile, memory, errors);
    Scratch scratch(memory);
    Work work(job, tile, scratch);
    const Logits &logits = job.logits;
    const std::int64_t columns = tile.x1 - tile.x0;
    if (!job.resample) {
        for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
            load_row(work.upper.planes, work.cell_pitch, logits, tile.n, y, tile.x0, columns,
                     nullptr);
            for (std::int64_t c = 0; c < logits.c; ++c)
                for (std::int64_t i = 0; i < columns; ++i)
                    work.values[c * work.column_pitch + i] =
                        job.scale * (work.upper.planes[c * work.cell_pitch + i] - job.zero_point);
            const Output out{job, tile.n, y};
            if (job.has_threshold)
                finish_sigmoid(out, tile, work, errors);
            else
                finish_row(out, tile, work, work.values, false, errors);
        }
        return;
    }
    for (std::int64_t i = 0; i < work.column_pitch; ++i) {
        const bool inside = i < columns;
        work.w0[i] = inside ? job.x.w0[tile.x0 + i] : 0.0;
        work.w1[i] = inside ? job.x.w1[tile.x0 + i] : 0.0;
        work.f0[i] = static_cast<float>(work.w0[i] / job.x.den);
        work.f1[i] = static_cast<float>(work.w1[i] / job.x.den);
    }
    const std::int64_t first = job.x.cell[tile.x0];
    const std::int64_t cells = job.x.cell[tile.x1 - 1] - first + 2;
    const std::int64_t count = min(cells, job.x.n_in - first);
    const auto read = [&](const Row &row, std::int64_t y) {
        load_row(row.planes, work.cell_pitch, logits, tile.n, y, first, count, nullptr);
        for (std::int64_t c = 0; count < cells && c < logits.c; ++c) { // one column serves as both
            double *plane = row.planes + c * work.cell_pitch;
            plane[count] = plane[count - 1];
        }
        if (!job.has_threshold) rank(job, work, row, cells);
    };
    for (std::int64_t cell = tile.y0; cell < tile.y1; ++cell) {
        read(work.upper, cell);
        read(work.lower, min(cell + 1, job.y.n_in - 1));
        const std::int64_t end = min<std::int64_t>(job.y.start[cell + 1], tile.row1);
        for (std::int64_t y = max<std::int64_t>(job.y.start[cell], tile.row0); y < end; ++y) {
            const Output out{job, tile.n, y};
            if (job.has_threshold) {
                for (std::int64_t x = tile.x0; x < tile.x1; ++x)
                    work.values[x - tile.x0] =
                        job.scale *
                        (interpolate(job, work, 0, job.x.cell[x] - first, y, x) - job.zero_point);
                finish_sigmoid(out, tile, work, errors);
            } else {
                interpolate_row(job, tile, work, y);
                finish_row(out, tile, work, work.differences, true, errors);
            }
        }
    }
}

} // namespace segpost::SEGPOST_LEVEL
