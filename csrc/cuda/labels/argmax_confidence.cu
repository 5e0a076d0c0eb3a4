// Labels and confidence of every pixel in one pass over the logits: the first maximum, and the sum
// of powers beside it.
#include "cuda/labels/argmax.hpp"
#include "cuda/labels/power_sum.hpp"
#include "cuda/labels/ranking.hpp"

namespace segpost::gpu {
namespace {

// What is known of a pixel after some of its classes. Its confidence is NaN if a logit is, if the
// largest is +inf and if all are -inf: just where the label takes more than finding a maximum.
struct Rating {
    PowerSum<float> powers;
    int label = 0;

    template <int K> __device__ void add(const float (&values)[K], int first) {
        const float before = powers.most;
        powers.add(values);
        int at = first + K - 1;
        for (int k = K - 2; k >= 0; --k) at = values[k] == powers.most ? first + k : at;
        label = powers.most > before ? at : label;
    }
};

template <class S, int given_pixels> struct Confidence {
    using element = S;
    static constexpr int pixels = given_pixels, N = pixels ? pixels : 1;
    float confidence[N] = {};
    ThreadErrors undefined;

    // The labels, and whether all pixels have a confidence.
    __device__ bool rate(const Rating (&ratings)[N], int (&label)[N]) {
        bool plain = true;
        for (int i = 0; i < N; ++i) {
            label[i] = ratings[i].label;
            confidence[i] = ratings[i].powers.confidence();
            plain &= confidence[i] == confidence[i];
        }
        return plain;
    }
    __device__ bool rank(const Ranking &job, const char *pixel, int (&label)[N]) {
        constexpr int batch = N == 1 ? 8 : 4; // classes
        const int classes = static_cast<int>(job.logits.c);
        Rating ratings[N];
        for (int first = 0; first < classes; first += batch) {
            Piece<S, N> piece[batch];
            for (int k = 0; k < batch; ++k) {
                piece[k].clear();
                if (first + k < classes)
                    piece[k].read(pixel + (first + k) * job.logits.stride_c, job.logits.dtype);
            }
            float values[batch][N];
            for (int k = 0; k < batch; ++k) piece[k].values(values[k]);
            for (int i = 0; i < N; ++i) {
                float column[batch];
                for (int k = 0; k < batch; ++k) column[k] = values[k][i];
                ratings[i].add(column, first);
            }
        }
        return rate(ratings, label);
    }
    __device__ bool rank_across(const Ranking &job, const char *first_pixel, int count, int lane,
                                uint4 *words, int &label) {
        constexpr int batch = 4;
        Rating ratings[1];
        across<S>(job, first_pixel, count, lane, words,
                  [&](const auto &value_of, int first, int last) {
                      for (int c = first; c < last; c += batch) {
                          float column[batch];
                          for (int k = 0; k < batch; ++k)
                              column[k] = c + k < last ? value_of(c + k) : -INFINITY;
                          ratings[0].add(column, c);
                      }
                  });
        int labels[1];
        const bool plain = rate(ratings, labels);
        label = labels[0];
        return plain && lane < count;
    }
    // The confidence of pixels that are there, also counted if it is none.
    __device__ void finish(const Ranking &job, std::int64_t image, std::int64_t y, std::int64_t x,
                           std::int64_t place) {
        float *to = reinterpret_cast<float *>(job.confidence.row(image, y)) + x;
        if (N > 1 && x + N > job.logits.w) {
            const char *pixel = job.logits.row(image, y) + x * job.logits.stride_w;
            for (int i = 0; x + i < job.logits.w; ++i) {
                Confidence<S, 1> one;
                int label[1];
                one.rank(job, pixel + i * job.logits.stride_w, label);
                to[i] = one.confidence[0];
                undefined.add(to[i] != to[i], place + i);
            }
            return;
        }
        for (int i = 0; i < N; ++i) undefined.add(confidence[i] != confidence[i], place + i);
        if (N % 4 == 0 && reinterpret_cast<std::uintptr_t>(to) % 16 == 0) {
            for (int i = 0; i + 3 < N; i += 4)
                __stcs(reinterpret_cast<float4 *>(to + i),
                       make_float4(confidence[i], confidence[i + 1], confidence[i + 2],
                                   confidence[i + 3]));
        } else {
            for (int i = 0; i < N; ++i) to[i] = confidence[i];
        }
    }
    __device__ void report(const Ranking &job) {
        gpu::add_errors(job.errors ? &job.errors->undefined_confidence : nullptr, undefined);
    }
};

// Blocks that a processor is to have at a time: their reads are what keeps memory busy.
template <class S, int pixels> constexpr unsigned least_blocks =
    sizeof(S) == 4 || pixels < 2 ? 4 : 2;

template <class S, int pixels>
__global__ void __launch_bounds__(block_size, least_blocks<S, pixels>)
    rate_pixels(const Ranking job) {
    rank_block<Confidence<S, pixels>>(job);
}

} // namespace

void argmax_confidence(const ArgmaxJob &argmax_job, std::uintptr_t stream, ErrorCounts *errors) {
    Ranking job(argmax_job, Purpose::label, nullptr, errors);
    dispatch_layout(job.logits, [&](auto element, auto pixels) {
        using S = decltype(element);
        if constexpr (!std::is_same_v<S, Any>)
            launch_ranking(job, pixels, stream, rate_pixels<S, pixels()>);
    });
}

} // namespace segpost::gpu
