// Confidence, entropy, margin and the largest probabilities of resampled logits. A thread has one
// pixel and reads its classes twice: first for the largest values, then for the sum of powers.
// Values are those of the definition in float64, so the order of the classes is exact.
#include "cuda/labels/corners.hpp"
#include "cuda/labels/power_sum.hpp"
#include "cuda/runtime/division.hpp"
#include "cuda/runtime/errors.hpp"
#include "cuda/runtime/grid_1d.hpp"
#include "cuda/runtime/launch.hpp"

namespace segpost::gpu {
namespace {

constexpr unsigned rank_block_size = 128; // threads

// The largest values of a pixel, and their classes.
template <int most> struct TopValues {
    double value[most];
    int label[most]; // -1: none yet

    __device__ TopValues() {
        for (int j = 0; j < most; ++j) {
            value[j] = -INFINITY;
            label[j] = -1;
        }
    }
    // A NaN is above all numbers; of equal values the first class stays first.
    __device__ void insert(double inserted, int c) {
        double value_here = inserted;
        int label_here = c;
        for (int j = 0; j < most; ++j) {
            const bool is_above = label[j] < 0 || inserted > value[j] ||
                                  (inserted != inserted && value[j] == value[j]);
            const double next_value = is_above ? value[j] : value_here;
            const int next_label = is_above ? label[j] : label_here;
            value[j] = is_above ? value_here : value[j];
            label[j] = is_above ? label_here : label[j];
            value_here = next_value;
            label_here = next_label;
        }
    }
    // Where the rounding of probabilities has made classes equal, the label is the first of them.
    __device__ void put_first(int first) {
        int moved = label[0];
        label[0] = first;
        for (int j = 1; j < most; ++j) {
            if (moved == first) continue;
            const int next = label[j];
            label[j] = moved;
            moved = next;
        }
    }
};

struct Pixel {
    std::int64_t n, y, x;
};

__device__ void put_probability(const LabelView &map, const Pixel &at, float probability) {
    char *to = map.row(at.n, at.y) + at.x * map.stride_w;
    if (map.dtype == DType::f32)
        *reinterpret_cast<float *>(to) = probability;
    else
        *reinterpret_cast<std::uint8_t *>(to) =
            probability == probability ? static_cast<std::uint8_t>(rintf(255.0f * probability)) : 0;
}
__device__ void put_label(const LabelView &map, const Pixel &at, int label) {
    char *to = map.row(at.n, at.y) + at.x * map.stride_w;
    if (map.dtype == DType::u8)
        *reinterpret_cast<std::uint8_t *>(to) = static_cast<std::uint8_t>(label);
    else
        *reinterpret_cast<std::int32_t *>(to) = label;
}
__device__ int label_at(const LabelView &map, const Pixel &at) {
    const char *from = map.row(at.n, at.y) + at.x * map.stride_w;
    if (map.dtype == DType::u8) return *reinterpret_cast<const std::uint8_t *>(from);
    return *reinterpret_cast<const std::int32_t *>(from);
}

template <class S, int most> __global__ void __launch_bounds__(rank_block_size)
    rank_pixels(const RankingJob job, const Classes<S> classes, ErrorCount *errors) {
    const std::int64_t height = job.y.n_out, width = job.x.n_out, place = thread_index();
    ThreadErrors undefined;
    if (place < job.logits.n * height * width) {
        const std::int64_t row = divide(place, width), n = divide(row, height);
        const Pixel at{n, row - n * height, place - row * width};
        const CornerWeights<4> weights = corner_weights(job.y, at.y, job.x, at.x);
        const CellCorners<S> corners(classes, job.y, job.x, n, job.y.cell[at.y], job.x.cell[at.x]);
        const auto value_of = [&](int c) {
            Widened<S> corner[4];
            corners.load_class(c, corner);
            return weights.sum(corner);
        };
        TopValues<most> top;
        for (int c = 0; c < classes.count; ++c) top.insert(value_of(c), c);
        const double unit = job.scale / (job.y.den * job.x.den);
        const auto below_most = [&](double value) { return (value - top.value[0]) * unit; };
        double sum = 0.0, weighted = 0.0; // of powers, and of powers times their exponents
        for (int c = 0; c < classes.count; ++c) {
            const double exponent = below_most(value_of(c));
            const float term = power(static_cast<float>(exponent));
            sum += static_cast<double>(term);
            if (term > 0.0f) weighted += static_cast<double>(term) * exponent;
        }
        undefined.add(sum != sum, place);
        float probability[most];
        for (int j = 0; j < most; ++j)
            probability[j] = static_cast<float>(
                static_cast<double>(power(static_cast<float>(below_most(top.value[j])))) / sum);
        if (job.confidence.data) put_probability(job.confidence, at, probability[0]);
        if (job.entropy.data) {
            const double entropy = log(sum) - weighted / sum;
            put_probability(job.entropy, at, static_cast<float>(entropy < 0.0 ? 0.0 : entropy));
        }
        if (job.margin.data) put_probability(job.margin, at, probability[0] - probability[1]);
        if (job.labels.data) top.put_first(label_at(job.labels, at));
        for (int j = 0; j < most; ++j) {
            if (j >= job.top) continue;
            const Pixel rank{n * job.top + j, at.y, at.x};
            put_label(job.top_labels, rank, top.label[j]);
            put_probability(job.top_probabilities, rank, probability[j]);
        }
    }
    add_errors(errors, undefined);
}

template <class S, int most>
void start(const RankingJob &job, std::uintptr_t stream, ErrorCount *errors) {
    const std::int64_t pixels = job.logits.n * job.y.n_out * job.x.n_out;
    launch(stream_of(stream), blocks_of(pixels, rank_block_size), dim3(rank_block_size), 0,
           rank_pixels<S, most>, job, Classes<S>(job), errors);
}

} // namespace

void launch_rank_classes(const RankingJob &input_job, std::uintptr_t stream, ErrorCount *errors) {
    RankingJob job = input_job;
    job.threshold = job.zero_point; // the value of class 0 of a one-channel head: its logit is 0
    with_element(job.logits.dtype, [&](auto element) {
        using S = decltype(element);
        if (job.top <= 2)
            start<S, 2>(job, stream, errors);
        else if (job.top <= 4)
            start<S, 4>(job, stream, errors);
        else
            start<S, most_ranks>(job, stream, errors);
    });
}

} // namespace segpost::gpu
