// The first maximum of every pixel of the logits. The reads of several classes are under way at a
// time.
#include "cuda/labels/argmax.hpp"
#include "cuda/labels/ranking.hpp"

namespace segpost::gpu {
namespace {

template <class S, int given_pixels> struct FirstMaximum {
    using element = S;
    using T = Widened<S>;
    static constexpr int pixels = given_pixels, N = pixels ? pixels : 1;

    __device__ bool rank(const Ranking &job, const char *pixel, int (&label)[N]) {
        constexpr int batch = sizeof(T) == 8 ? 2 : N == 1 ? 8 : 4; // classes
        const int classes = static_cast<int>(job.logits.c);
        const T lowest = static_cast<T>(-INFINITY);
        T best[N];
        bool plain = true;
        for (int i = 0; i < N; ++i) {
            best[i] = job.has_threshold ? static_cast<T>(job.threshold) : lowest;
            label[i] = 0;
        }
        for (int first = 0; first < classes; first += batch) {
            Piece<S, N> piece[batch];
            for (int k = 0; k < batch; ++k)
                if (first + k < classes)
                    piece[k].read(pixel + (first + k) * job.logits.stride_c, job.logits.dtype);
            for (int k = 0; k < batch; ++k)
                if (first + k < classes) {
                    T value[N];
                    piece[k].values(value);
                    for (int i = 0; i < N; ++i) {
                        plain &= value[i] == value[i];
                        const bool more = value[i] > best[i];
                        label[i] = more ? first + k + job.has_threshold : label[i];
                        best[i] = more ? value[i] : best[i];
                    }
                }
        }
        for (int i = 0; i < N; ++i) plain &= best[i] > lowest && best[i] < static_cast<T>(INFINITY);
        return plain;
    }
    __device__ bool rank_across(const Ranking &job, const char *first_pixel, int count, int lane,
                                uint4 *words, int &label) {
        float best = job.has_threshold ? static_cast<float>(job.threshold) : -INFINITY;
        bool plain = lane < count;
        label = 0;
        across<S>(job, first_pixel, count, lane, words,
                  [&](const auto &value_of, int first, int last) {
                      for (int c = first; c < last; ++c) {
                          const float value = value_of(c);
                          plain &= value == value;
                          if (value > best) {
                              best = value;
                              label = c + job.has_threshold;
                          }
                      }
                  });
        return plain && best > -INFINITY && best < INFINITY;
    }
    __device__ void finish(const Ranking &, std::int64_t, std::int64_t, std::int64_t,
                           std::int64_t) {}
    __device__ void report(const Ranking &) {}
};

// The compiler has its way, but where lanes exchange classes it would spill registers.
template <class S, int pixels> __global__ void __launch_bounds__(block_size, pixels ? 0 : 4)
    rank_pixels(const Ranking job) {
    rank_block<FirstMaximum<S, pixels>>(job);
}

void start(const ArgmaxJob &argmax_job, Purpose purpose, int *corners, ErrorCounts *errors,
           std::uintptr_t stream) {
    Ranking job(argmax_job, purpose, corners, errors);
    dispatch_layout(job.logits, [&](auto element, auto pixels) {
        launch_ranking(job, pixels, stream, rank_pixels<decltype(element), pixels()>);
    });
}

} // namespace

void argmax_pixels(const ArgmaxJob &job, std::uintptr_t stream, ErrorCounts *errors) {
    start(job, Purpose::label, nullptr, errors, stream);
}
void count_nan(const ArgmaxJob &job, std::uintptr_t stream, ErrorCounts *errors) {
    start(job, Purpose::count, nullptr, errors, stream);
}
void rank_logits(const ArgmaxJob &job, std::uintptr_t stream, ErrorCounts *errors, int *corners) {
    start(job, Purpose::corner, corners, errors, stream);
}

} // namespace segpost::gpu
