// softmax of every pixel and the largest probability as confidence. A thread has one pixel, or as
// many as 16 bytes hold where pixels are adjacent. It adds powers of all classes in one pass over
// the logits; probabilities need a second. What exp gets is a difference of two logits, subtracted
// before anything is rounded: in float32 where the logits are such and not interpolated, otherwise
// in float64.
#include "gpu.hpp"

#include "cuda/labels/power_sum.hpp"
#include "cuda/runtime/division.hpp"
#include "cuda/runtime/errors.hpp"
#include "cuda/runtime/launch.hpp"
#include "cuda/runtime/load.hpp"
#include "ops/exact.hpp"

#include <algorithm>

namespace segpost::gpu {
namespace {

constexpr unsigned softmax_block = 128; // threads
constexpr int group = 4;                // classes that are loaded together
constexpr std::size_t most_kept = 48u
                                  << 10; // bytes of a block's logits that wait for the second pass

// What threads share out: pixels [x0, x1) of rows of images, `step` of them at a time.
struct Span {
    std::int64_t images, rows, x0, x1, step;

    SEGPOST_HOST_DEVICE std::int64_t of_row() const { return (x1 - x0) / step; }
    SEGPOST_HOST_DEVICE std::int64_t count() const { return images * rows * of_row(); }
};

struct Spot {
    std::int64_t n, y, x;
};
__device__ Spot spot_of(const Span &span, std::int64_t index) {
    const std::int64_t row = divide(index, span.of_row()), n = divide(row, span.rows);
    return {n, row - n * span.rows, span.x0 + (index - row * span.of_row()) * span.step};
}

// Calls `use` with the spots of this thread.
template <class Use> __device__ void each_spot(const Span &span, const Use &use) {
    const std::int64_t count = span.count(), step = std::int64_t{gridDim.x} * softmax_block;
    for (std::int64_t i = std::int64_t{blockIdx.x} * softmax_block + threadIdx.x; i < count;
         i += step)
        use(spot_of(span, i));
}

__device__ const char *logit_at(const Logits &logits, const Spot &at) {
    return logits.row(at.n, at.y) + at.x * logits.stride_w;
}
__device__ char *probability_at(const SoftmaxJob &job, const Spot &at) {
    return job.probabilities + at.n * job.prob_n + at.y * job.prob_h + at.x * job.prob_w;
}
__device__ char *confidence_at(const SoftmaxJob &job, const Spot &at) {
    return job.confidence + at.n * job.conf_n + at.y * job.conf_h + at.x * job.conf_w;
}
__device__ void put(char *to, float value) { *reinterpret_cast<float *>(to) = value; }
template <int N> __device__ void put(char *to, const float (&values)[N]) {
    for (int i = 0; i < N; i += 4)
        __stcs(reinterpret_cast<float4 *>(to) + i / 4,
               make_float4(values[i], values[i + 1], values[i + 2], values[i + 3]));
}

// A pixel's answer, also counted if it is none.
__device__ void note(const SoftmaxJob &job, const Spot &at, float confidence, ThreadErrors &bad) {
    if (confidence != confidence) bad.add(1, (at.n * job.height() + at.y) * job.width() + at.x);
}

// 16 bytes of every class, for probabilities: confidence without them is made beside labels, by
// argmax_confidence.cu. With `keep` the block's logits stay in shared memory for the second pass.
template <class S> __global__ void __launch_bounds__(softmax_block, sizeof(S) == 4 ? 8 : 5)
    softmax_packs(const SoftmaxJob job, const Span span, bool keep, ErrorCount *undefined) {
    constexpr int n = wide_count<S>;
    const std::int64_t classes = job.logits.c, stride = job.logits.stride_c;
    ThreadErrors bad;
    each_spot(span, [&](const Spot &at) {
        const char *from = logit_at(job.logits, at);
        uint4 *kept = dynamic_shared<uint4>() + threadIdx.x;
        PowerSum<float> sums[n];
        for (std::int64_t c = 0; c < classes; c += group) {
            uint4 words[group];
            for (int k = 0; k < group; ++k) {
                const uint4 *next = reinterpret_cast<const uint4 *>(from + (c + k) * stride);
                words[k] = make_uint4(nothing<S>, nothing<S>, nothing<S>, nothing<S>);
                if (c + k < classes) words[k] = keep ? __ldcs(next) : __ldg(next);
            }
            if (keep)
                for (int k = 0; k < group; ++k)
                    if (c + k < classes) kept[(c + k) * softmax_block] = words[k];
            float values[group][n];
            for (int k = 0; k < group; ++k) unpack<S>(words[k], values[k]);
            for (int i = 0; i < n; ++i) {
                float column[group];
                for (int k = 0; k < group; ++k) column[k] = values[k][i];
                sums[i].add(column);
            }
        }
        float confidence[n];
        for (int i = 0; i < n; ++i) {
            confidence[i] = sums[i].confidence();
            note(job, {at.n, at.y, at.x + i}, confidence[i], bad);
        }
        if (job.confidence) put(confidence_at(job, at), confidence);
        char *to = probability_at(job, at);
        for (std::int64_t c = 0; c < classes; ++c) {
            float values[n];
            unpack<S>(keep ? kept[c * softmax_block]
                           : __ldcs(reinterpret_cast<const uint4 *>(from + c * stride)),
                      values);
            for (int i = 0; i < n; ++i) values[i] = sums[i].probability(values[i], confidence[i]);
            put(to + c * job.prob_c, values);
        }
    });
    add_errors(undefined, bad);
}

// Any strides, a pixel a thread.
template <class S> __global__ void __launch_bounds__(softmax_block, 8)
    softmax_pixels(const SoftmaxJob job, const Span span, ErrorCount *undefined) {
    using V = Widened<S>;
    const Logits &logits = job.logits;
    ThreadErrors bad;
    each_spot(span, [&](const Spot &at) {
        const char *from = logit_at(logits, at);
        const auto value_of = [&](std::int64_t c) {
            const V value = load<S>(from + c * logits.stride_c, logits.dtype);
            if constexpr (sizeof(V) == 8) return job.scale * value; // a zero point would cancel
            return value;
        };
        PowerSum<V> sum;
        std::int64_t c = 0;
        for (; c + group <= logits.c; c += group) {
            V values[group];
            for (int k = 0; k < group; ++k) values[k] = value_of(c + k);
            sum.add(values);
        }
        for (; c < logits.c; ++c) {
            const V values[1] = {value_of(c)};
            sum.add(values);
        }
        const float confidence = sum.confidence();
        note(job, at, confidence, bad);
        if (job.confidence) put(confidence_at(job, at), confidence);
        if (!job.probabilities) return;
        char *to = probability_at(job, at);
        for (c = 0; c < logits.c; ++c)
            put(to + c * job.prob_c, sum.probability(value_of(c), confidence));
    });
    add_errors(undefined, bad);
}

// The two inputs of an output column. A weight of zero must win over an infinity or a NaN, so a
// column that has one reads its only input twice.
struct Ends {
    std::int64_t at[2];
    double weight[2];
};
__device__ Ends ends_of(const Axis &axis, std::int64_t place) {
    const std::int64_t cell = axis.cell[place];
    const std::int64_t next = cell + 1 < axis.n_in ? cell + 1 : cell;
    const double w0 = axis.w0[place], w1 = axis.w1[place];
    if (w1 == 0.0) return {{cell, cell}, {0.5 * w0, 0.5 * w0}};
    if (w0 == 0.0) return {{next, next}, {0.5 * w1, 0.5 * w1}};
    return {{cell, next}, {w0, w1}};
}

constexpr int rows_together = 4;

// The real logits of up to `rows_together` rows of one column that lie in one cell: its corners are
// read and widened once for them.
template <class S> struct Column {
    const Logits &logits;
    const char *corner[2][2];
    double across[2], above[rows_together], below[rows_together];

    __device__ Column(const SoftmaxJob &job, const Spot &at, int count) : logits(job.logits) {
        const Ends x = ends_of(job.x, at.x);
        const std::int64_t upper = job.y.cell[at.y];
        const std::int64_t lower = upper + 1 < job.y.n_in ? upper + 1 : upper;
        for (int i = 0; i < 2; ++i)
            for (int k = 0; k < 2; ++k)
                corner[i][k] = logit_at(logits, {at.n, i ? lower : upper, x.at[k]});
        for (int k = 0; k < 2; ++k) across[k] = x.weight[k];
        const double unit = job.scale / (job.y.den * job.x.den);
        for (int k = 0; k < rows_together; ++k) {
            above[k] = k < count ? unit * job.y.w0[at.y + k] : 0.0;
            below[k] = k < count ? unit * job.y.w1[at.y + k] : 0.0;
        }
    }
    __device__ void read(std::int64_t c, double (&values)[rows_together]) const {
        double side[2];
        for (int i = 0; i < 2; ++i) {
            const double a = load<S>(corner[i][0] + c * logits.stride_c, logits.dtype);
            const double b = load<S>(corner[i][1] + c * logits.stride_c, logits.dtype);
            side[i] = across[0] * a + across[1] * b;
        }
        for (int k = 0; k < rows_together; ++k)
            values[k] = (above[k] == 0.0 ? 0.0 : above[k] * side[0]) +
                        (below[k] == 0.0 ? 0.0 : below[k] * side[1]);
    }
};

// Interpolated logits. The span's rows are `parts` of every cell.
template <class S> __global__ void __launch_bounds__(softmax_block, 4)
    softmax_cells(const SoftmaxJob job, const Span span, std::int64_t parts,
                  ErrorCount *undefined) {
    ThreadErrors bad;
    each_spot(span, [&](Spot at) {
        const std::int64_t cell = divide(at.y, parts), part = at.y - cell * parts;
        at.y = job.y.start[cell] + part * rows_together;
        const std::int64_t left = job.y.start[cell + 1] - at.y;
        const int count = static_cast<int>(left < rows_together ? left : rows_together);
        if (count <= 0) return;
        const Column<S> column(job, at, count);
        PowerSum<double> sums[rows_together];
        for (std::int64_t c = 0; c < job.logits.c; ++c) {
            double values[rows_together];
            column.read(c, values);
            for (int k = 0; k < rows_together; ++k) {
                const double one[1] = {values[k]};
                sums[k].add(one);
            }
        }
        float confidence[rows_together];
        for (int k = 0; k < rows_together; ++k) {
            confidence[k] = sums[k].confidence();
            if (k >= count) continue;
            note(job, {at.n, at.y + k, at.x}, confidence[k], bad);
            if (job.confidence) put(confidence_at(job, {at.n, at.y + k, at.x}), confidence[k]);
        }
        if (!job.probabilities) return;
        char *to = probability_at(job, at);
        for (std::int64_t c = 0; c < job.logits.c; ++c, to += job.prob_c) {
            double values[rows_together];
            column.read(c, values);
            for (int k = 0; k < rows_together; ++k)
                if (k < count)
                    put(to + k * job.prob_h, sums[k].probability(values[k], confidence[k]));
        }
    });
    add_errors(undefined, bad);
}

// A one-channel head: the sigmoid, and the probability of the side that argmax chooses.
__global__ void __launch_bounds__(softmax_block, 8)
    sigmoid_pixels(const SoftmaxJob job, const Span span, double level, ErrorCount *undefined) {
    const Logits &logits = job.logits;
    ThreadErrors bad;
    each_spot(span, [&](const Spot &at) {
        double value, constant = level, unit = 1.0;
        if (job.resample) { // in the order of the definition, which the choice has to follow
            const CornerWeights<4> weights = corner_weights(job.y, at.y, job.x, at.x);
            double corner[4], same[4];
            for (int i = 0; i < 4; ++i) {
                corner[i] = same[i] = level;
                if (weights.of[i] == 0.0) continue; // there may be no such corner
                const Spot spot{at.n, job.y.cell[at.y] + i / 2, job.x.cell[at.x] + i % 2};
                corner[i] = load<Any>(logit_at(logits, spot), logits.dtype);
            }
            value = weights.sum(corner), constant = weights.sum(same);
            unit = job.y.den * job.x.den;
        } else {
            value = load<Any>(logit_at(logits, at), logits.dtype);
        }
        const double real = job.scale * (value / unit - job.zero_point);
        const float probability = 1.0f / (1.0f + power(static_cast<float>(-real)));
        note(job, at, probability, bad);
        if (job.probabilities) put(probability_at(job, at), probability);
        if (job.confidence)
            put(confidence_at(job, at), value > constant ? probability : 1.0f - probability);
    });
    add_errors(undefined, bad);
}

// Enough blocks for a thread to have one step, up to what a grid takes.
dim3 blocks_for(const Span &span) {
    const std::int64_t blocks = (span.count() + softmax_block - 1) / softmax_block;
    return dim3(static_cast<unsigned>(std::min(blocks, std::int64_t{1} << 30)));
}

// Rows that follow each other without a gap are one, wherever the job has them.
void merge_rows(SoftmaxJob &job) {
    Logits &logits = job.logits;
    const std::int64_t w = logits.w;
    if (logits.h < 2 || logits.stride_h != w * logits.stride_w) return;
    if (job.probabilities && job.prob_h != w * job.prob_w) return;
    if (job.confidence && job.conf_h != w * job.conf_w) return;
    logits.w *= logits.h;
    logits.h = 1;
}

// Whether 16 bytes of logits, and the float32 results of their pixels, lie where they can be read
// and written at once.
template <class S> bool lies_in_packs(const SoftmaxJob &job) {
    const Logits &logits = job.logits;
    const auto address = [](const char *p) { return reinterpret_cast<std::intptr_t>(p); };
    const bool rates = job.confidence;
    if (!job.probabilities || logits.stride_w != sizeof(S) || job.prob_w != 4 ||
        (rates && job.conf_w != 4))
        return false;
    std::int64_t all = address(logits.data) | address(job.probabilities) | address(job.confidence);
    if (logits.c > 1) all |= logits.stride_c | job.prob_c;
    if (logits.h > 1) all |= logits.stride_h | job.prob_h | (rates ? job.conf_h : 0);
    if (logits.n > 1) all |= logits.stride_n | job.prob_n | (rates ? job.conf_n : 0);
    return all % 16 == 0;
}

template <class S> void launch_pixels(const SoftmaxJob &job, Stream stream, ErrorCount *undefined) {
    const Logits &logits = job.logits;
    std::int64_t x = 0; // up to which there are packs
    if constexpr (sizeof(Widened<S>) == 4) {
        if (lies_in_packs<S>(job)) {
            x = logits.w / wide_count<S> * wide_count<S>;
            const Span span{logits.n, logits.h, 0, x, wide_count<S>};
            const std::size_t all =
                static_cast<std::size_t>(logits.c) * softmax_block * sizeof(uint4);
            const bool keep = all <= most_kept;
            launch(stream, blocks_for(span), dim3(softmax_block), keep ? all : 0, softmax_packs<S>,
                   job, span, keep, undefined);
        }
    }
    const Span span{logits.n, logits.h, x, logits.w, 1};
    launch(stream, blocks_for(span), dim3(softmax_block), 0, softmax_pixels<S>, job, span,
           undefined);
}

template <class S> void launch_cells(const SoftmaxJob &job, Stream stream, ErrorCount *undefined) {
    const std::int64_t parts = (job.y.widest + rows_together - 1) / rows_together;
    const Span span{job.logits.n, job.y.cells() * parts, 0, job.x.n_out, 1};
    launch(stream, blocks_for(span), dim3(softmax_block), 0, softmax_cells<S>, job, span, parts,
           undefined);
}

void launch_sigmoid(const SoftmaxJob &job, Stream stream, ErrorCount *undefined) {
    const Span span{job.logits.n, job.height(), 0, job.width(), 1};
    // A threshold is rounded as the logits are.
    const double level =
        fits_float(job.logits.dtype) ? static_cast<float>(job.threshold) : job.threshold;
    launch(stream, blocks_for(span), dim3(softmax_block), 0, sigmoid_pixels, job, span, level,
           undefined);
}

} // namespace

void launch_softmax(const SoftmaxJob &input_job, std::uintptr_t stream, ErrorCount *undefined) {
    const Stream on = stream_of(stream);
    SoftmaxJob job = input_job;
    if (job.has_threshold) return launch_sigmoid(job, on, undefined);
    if (job.resample)
        return with_element(job.logits.dtype, [&](auto element) {
            launch_cells<decltype(element)>(job, on, undefined);
        });
    merge_rows(job);
    if (job.scale != 1.0) return launch_pixels<Any>(job, on, undefined);
    with_element(job.logits.dtype,
                 [&](auto element) { launch_pixels<decltype(element)>(job, on, undefined); });
}

} // namespace segpost::gpu
