// softmax of every pixel, interpolated in float64 where the job resamples; the largest probability
// as confidence. Differences to the pixel's maximum are taken in float64, exp in float32.
#include "load.hpp"
#include "table.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr int wide = lanes / 2; // float64 lanes
using D = Vec<wide>::f64;

// exp(x) for x <= 0 within 1.2e-7 relative; 0 below -87; NaN stays.
inline float exp_negative(float x) {
    const float clamped = x < -87.0f ? -87.0f : x;
    const float shifted = clamped * 1.44269504f + 12582912.0f; // round to an integer
    const float n = shifted - 12582912.0f;
    const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f; // ln 2 in two parts
    float p =
        1.39464473e-3f; // (exp(r) - 1 - r) / r^2, least squares on Chebyshev nodes: 7e-8 relative
    p = p * r + 8.36915895e-3f;
    p = p * r + 4.16662619e-2f;
    p = p * r + 1.66665167e-1f;
    p = p * r + 0.5f;
    p = (p * r * r + r) + 1.0f;
    std::int32_t bits;
    __builtin_memcpy(&bits, &shifted, 4);
    bits = static_cast<std::int32_t>(static_cast<std::uint32_t>(bits + 127) << 23);
    float power;
    __builtin_memcpy(&power, &bits, 4);
    return x < -87.0f ? 0.0f : p * power;
}

constexpr std::int64_t block = 64; // pixels whose classes are looked at together

struct Work {
    double *upper, *lower; // [C][cell_pitch] rows of the grid; without resampling upper is the row
    double *blend;         // the row between them
    double *values;        // [C][column_pitch]
    float *power;          // [C][block]
    std::int64_t cell_pitch, column_pitch;

    Work(const SoftmaxJob &job, const Tile &tile, Scratch &scratch) {
        const std::int64_t columns = tile.x1 - tile.x0;
        std::int64_t cells = columns;
        if (job.resample) cells = job.x.cell[tile.x1 - 1] - job.x.cell[tile.x0] + 2;
        cell_pitch = round_up(cells + 1, wide) + wide;
        column_pitch = round_up(columns, block) + block;
        const std::int64_t c = job.logits.c;
        upper = scratch.take<double>(c * cell_pitch);
        lower = scratch.take<double>(c * cell_pitch);
        blend = scratch.take<double>(c * cell_pitch);
        values = scratch.take<double>(c * column_pitch);
        power = scratch.take<float>(c * block);
    }
};

// A weight of zero wins over an infinity or a NaN.
inline double weigh(double weight, double value) { return weight == 0.0 ? 0.0 : weight * value; }

// One output row of all classes from two rows of the grid.
void interpolate(const SoftmaxJob &job, const Tile &tile, const Work &work, std::int64_t y) {
    const std::int64_t first = job.x.cell[tile.x0];
    const std::int64_t cells = job.x.cell[tile.x1 - 1] - first + 2;
    const double scale = 1.0 / (job.y.den * job.x.den), w0 = job.y.w0[y], w1 = job.y.w1[y];
    for (std::int64_t c = 0; c < job.logits.c; ++c) {
        const double *upper = work.upper + c * work.cell_pitch,
                     *lower = work.lower + c * work.cell_pitch;
        double *blend = work.blend + c * work.cell_pitch,
               *out = work.values + c * work.column_pitch;
        for (std::int64_t i = 0; i < cells; ++i)
            blend[i] = (weigh(w0, upper[i]) + weigh(w1, lower[i])) * scale;
        for (std::int64_t x = tile.x0;
             x < tile.x1;) { // cell by cell; a store past it is overwritten
            const std::int64_t cell = job.x.cell[x];
            const std::int64_t end = smaller<std::int64_t>(job.x.start[cell + 1], tile.x1);
            const double a = blend[cell - first], b = blend[cell - first + 1];
            const bool finite =
                __builtin_fabs(a) < __builtin_inf() && __builtin_fabs(b) < __builtin_inf();
            if (finite && end + wide <= job.x.n_out) {
                const D from = splat<D>(a), to = splat<D>(b);
                for (std::int64_t i = x; i < end; i += wide)
                    store(out + i - tile.x0,
                          load<D>(job.x.w0 + i) * from + load<D>(job.x.w1 + i) * to);
            } else {
                for (std::int64_t i = x; i < end; ++i)
                    out[i - tile.x0] = weigh(job.x.w0[i], a) + weigh(job.x.w1[i], b);
            }
            x = end;
        }
    }
}

// Whether the definition of argmax gives class 1 at a pixel of a one-channel head.
bool above_threshold(const SoftmaxJob &job, const Tile &tile, const Work &work, std::int64_t y,
                     std::int64_t x) {
    const double level =
        fits_float(job.logits.dtype) ? static_cast<float>(job.threshold) : job.threshold;
    if (!job.resample) return work.upper[x - tile.x0] > level;
    const std::int64_t cell = job.x.cell[x] - job.x.cell[tile.x0];
    const double w[4] = {job.y.w0[y] * job.x.w0[x], job.y.w0[y] * job.x.w1[x],
                         job.y.w1[y] * job.x.w0[x], job.y.w1[y] * job.x.w1[x]};
    const double v[4] = {work.upper[cell], work.upper[cell + 1], work.lower[cell],
                         work.lower[cell + 1]};
    double value = 0.0, constant = 0.0;
    for (int i = 0; i < 4; ++i) {
        value += weigh(w[i], v[i]);
        constant += weigh(w[i], level);
    }
    return value > constant;
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
    float *confidence(std::int64_t x) const {
        return reinterpret_cast<float *>(job.confidence + n * job.conf_n + y * job.conf_h +
                                         x * job.conf_w);
    }
};

// The sigmoid of one row of a one-channel head, whose real logits are in work.values.
void finish_sigmoid(const Output &out, const Tile &tile, const Work &work, Report &report) {
    for (std::int64_t x = tile.x0; x < tile.x1; ++x) {
        const double p = 1.0 / (1.0 + __builtin_exp(-work.values[x - tile.x0]));
        if (is_nan(p)) report.add_undefined(1, out.place(x));
        if (out.job.probabilities) *out.probability(0, x) = static_cast<float>(p);
        if (out.job.confidence) {
            const bool one = above_threshold(out.job, tile, work, out.y, x);
            *out.confidence(x) = static_cast<float>(one ? p : 1.0 - p);
        }
    }
}

// Probabilities of `count` pixels from x on; values has room for a whole block of every class. Four
// powers are added in float32, these sums in float64: small ones beside a large one are not lost.
template <class V> void finish_block(const Output &out, std::int64_t x, std::int64_t count,
                                     const V *values, std::int64_t pitch, float *power,
                                     Report &report) {
    const std::int64_t classes = out.job.logits.c;
    V most[block];
    double sum[block];
    for (std::int64_t i = 0; i < block; ++i) {
        most[i] = values[i];
        sum[i] = 0.0;
    }
    for (std::int64_t c = 1; c < classes; ++c)
        for (std::int64_t i = 0; i < block; ++i)
            most[i] = values[c * pitch + i] > most[i] ? values[c * pitch + i] : most[i];
    for (std::int64_t c = 0; c < classes; c += 4) {
        float part[block] = {};
        const std::int64_t last = smaller<std::int64_t>(c + 4, classes);
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
        if (is_nan(sum[i])) report.add_undefined(1, out.place(x + i));
    if (out.job.confidence)
        for (std::int64_t i = 0; i < count; ++i) *out.confidence(x + i) = scale[i];
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

// One row whose real logits are in work.values.
void finish_row(const SoftmaxJob &job, const Tile &tile, const Work &work, std::int64_t y,
                Report &report) {
    const Output out{job, tile.n, y};
    if (job.has_threshold) return finish_sigmoid(out, tile, work, report);
    for (std::int64_t x = tile.x0; x < tile.x1; x += block)
        finish_block(out, x, smaller(block, tile.x1 - x), work.values + x - tile.x0,
                     work.column_pitch, work.power, report);
}

// Pixels that need no interpolation, of an element type that float32 holds.
void finish_pixels(const SoftmaxJob &job, const Tile &tile, char *memory, Report &report) {
    Scratch scratch(memory);
    float *values = scratch.take<float>(job.logits.c * block);
    float *power = scratch.take<float>(job.logits.c * block);
    for (std::int64_t y = tile.y0; y < tile.y1; ++y)
        for (std::int64_t x = tile.x0; x < tile.x1; x += block) {
            const std::int64_t count = smaller(block, tile.x1 - x);
            if (count < block) // what lies behind the row is computed and thrown away
                for (std::int64_t i = 0; i < job.logits.c * block; ++i) values[i] = 0.0f;
            load_row(values, block, job.logits, tile.n, y, x, count, nullptr);
            finish_block(Output{job, tile.n, y}, x, count, values, block, power, report);
        }
}

} // namespace

std::int64_t softmax_scratch(const SoftmaxJob &job, const Tile &tile) {
    Scratch scratch(nullptr);
    Work work(job, tile, scratch);
    return scratch.used();
}

// The tile's rows are rows of cells where the job resamples; its columns are output pixels always.
void softmax(const SoftmaxJob &job, const Tile &tile, char *memory, Report &report) {
    const bool plain = !job.has_threshold && job.scale == 1.0 && job.zero_point == 0.0;
    if (!job.resample && plain && fits_float(job.logits.dtype))
        return finish_pixels(job, tile, memory, report);
    Scratch scratch(memory);
    Work work(job, tile, scratch);
    const Logits &logits = job.logits;
    const std::int64_t columns = tile.x1 - tile.x0;
    const auto read = [&](double *to, std::int64_t y, std::int64_t x, std::int64_t count) {
        load_row(to, work.cell_pitch, logits, tile.n, y, x, count, nullptr);
    };
    const auto dequantize = [&] {
        if (job.scale == 1.0 && job.zero_point == 0.0) return;
        for (std::int64_t c = 0; c < logits.c; ++c)
            for (std::int64_t i = 0; i < columns; ++i) {
                double &value = work.values[c * work.column_pitch + i];
                value = job.scale * (value - job.zero_point);
            }
    };
    if (!job.resample) {
        for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
            read(work.upper, y, tile.x0, columns);
            for (std::int64_t c = 0; c < logits.c; ++c)
                __builtin_memcpy(work.values + c * work.column_pitch,
                                 work.upper + c * work.cell_pitch, columns * sizeof(double));
            dequantize();
            finish_row(job, tile, work, y, report);
        }
        return;
    }
    const std::int64_t first = job.x.cell[tile.x0];
    const std::int64_t cells = job.x.cell[tile.x1 - 1] - first + 2;
    const std::int64_t count = smaller(cells, job.x.n_in - first);
    for (std::int64_t cell = tile.y0; cell < tile.y1; ++cell) {
        const std::int64_t below = smaller(cell + 1, job.y.n_in - 1);
        read(work.upper, cell, first, count);
        read(work.lower, below, first, count);
        for (std::int64_t c = 0; count < cells && c < logits.c; ++c) { // one column serves as both
            const std::int64_t last = c * work.cell_pitch + count - 1;
            work.upper[last + 1] = work.upper[last];
            work.lower[last + 1] = work.lower[last];
        }
        const std::int64_t end = smaller<std::int64_t>(job.y.start[cell + 1], tile.row1);
        for (std::int64_t y = larger<std::int64_t>(job.y.start[cell], tile.row0); y < end; ++y) {
            interpolate(job, tile, work, y);
            dequantize();
            finish_row(job, tile, work, y, report);
        }
    }
}

} // namespace segpost::SEGPOST_LEVEL
