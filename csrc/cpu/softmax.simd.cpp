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

struct Work {
    double *upper,
        *lower;     // [C][cells + 1 + wide] rows of the grid; without resampling upper is the row
    double *blend;  // the row between them
    double *values; // [C][columns + wide]
    double *most, *sum; // [columns + wide]
    float *power;       // [C][columns + wide]
    std::int64_t cell_pitch, column_pitch;

    Work(const SoftmaxJob &job, const Tile &tile, Scratch &scratch) {
        const std::int64_t columns = tile.x1 - tile.x0;
        std::int64_t cells = columns;
        if (job.resample) cells = job.x.cell[tile.x1 - 1] - job.x.cell[tile.x0] + 2;
        cell_pitch = round_up(cells + 1, wide) + wide;
        column_pitch = round_up(columns, lanes) + lanes;
        const std::int64_t c = job.logits.c;
        upper = scratch.take<double>(c * cell_pitch);
        lower = scratch.take<double>(c * cell_pitch);
        blend = scratch.take<double>(c * cell_pitch);
        values = scratch.take<double>(c * column_pitch);
        most = scratch.take<double>(column_pitch);
        sum = scratch.take<double>(column_pitch);
        power = scratch.take<float>(c * column_pitch);
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

// Probabilities of one row whose real logits are in work.values.
void finish_row(const SoftmaxJob &job, const Tile &tile, const Work &work, std::int64_t y,
                Report &report) {
    const std::int64_t columns = tile.x1 - tile.x0, classes = job.logits.c;
    const double *values = work.values;
    const auto place = [&](std::int64_t i) {
        return (tile.n * job.height() + y) * job.width() + tile.x0 + i;
    };
    const auto probability = [&](std::int64_t c, std::int64_t i) {
        return reinterpret_cast<float *>(job.probabilities + tile.n * job.prob_n + c * job.prob_c +
                                         y * job.prob_h + (tile.x0 + i) * job.prob_w);
    };
    const auto confidence = [&](std::int64_t i) {
        return reinterpret_cast<float *>(job.confidence + tile.n * job.conf_n + y * job.conf_h +
                                         (tile.x0 + i) * job.conf_w);
    };
    if (job.has_threshold) {
        for (std::int64_t i = 0; i < columns; ++i) {
            const double p = 1.0 / (1.0 + __builtin_exp(-values[i]));
            if (is_nan(p)) report.add_undefined(1, place(i));
            if (job.probabilities) *probability(0, i) = static_cast<float>(p);
            if (job.confidence) {
                const bool one = above_threshold(job, tile, work, y, tile.x0 + i);
                *confidence(i) = static_cast<float>(one ? p : 1.0 - p);
            }
        }
        return;
    }
    for (std::int64_t i = 0; i < columns; ++i) work.most[i] = values[i];
    for (std::int64_t c = 1; c < classes; ++c) {
        const double *v = values + c * work.column_pitch;
        for (std::int64_t i = 0; i < columns; ++i)
            work.most[i] = v[i] > work.most[i] ? v[i] : work.most[i];
    }
    for (std::int64_t i = 0; i < columns; ++i) work.sum[i] = 0.0;
    for (std::int64_t c = 0; c < classes; ++c) {
        const double *v = values + c * work.column_pitch;
        float *power = work.power + c * work.column_pitch;
        for (std::int64_t i = 0; i < columns; ++i) {
            power[i] = exp_negative(static_cast<float>(v[i] - work.most[i]));
            work.sum[i] += static_cast<double>(power[i]);
        }
    }
    for (std::int64_t i = 0; i < columns; ++i) {
        if (__builtin_expect(is_nan(work.sum[i]), 0)) report.add_undefined(1, place(i));
        work.sum[i] = 1.0 / work.sum[i];
    }
    if (job.confidence)
        for (std::int64_t i = 0; i < columns; ++i) *confidence(i) = static_cast<float>(work.sum[i]);
    if (!job.probabilities) return;
    for (std::int64_t c = 0; c < classes; ++c) {
        const float *power = work.power + c * work.column_pitch;
        if (job.prob_w == 4) {
            float *out = probability(c, 0);
            for (std::int64_t i = 0; i < columns; ++i)
                out[i] = static_cast<float>(static_cast<double>(power[i]) * work.sum[i]);
        } else {
            for (std::int64_t i = 0; i < columns; ++i)
                *probability(c, i) =
                    static_cast<float>(static_cast<double>(power[i]) * work.sum[i]);
        }
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
        for (std::int64_t y = job.y.start[cell]; y < job.y.start[cell + 1]; ++y) {
            interpolate(job, tile, work, y);
            dequantize();
            finish_row(job, tile, work, y, report);
        }
    }
}

} // namespace segpost::SEGPOST_LEVEL
