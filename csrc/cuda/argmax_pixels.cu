// The first maximum of every pixel of logits: a thread has as many pixels as lie in 16 bytes, or
// one, and the reads of several classes are under way at a time. Where the classes of a pixel are
// neighbors, lanes read classes and exchange them for pixels.
#include "argmax.hpp"
#include "label_rows.hpp"
#include "load.hpp"
#include "tally.hpp"

namespace segpost::gpu {
namespace {

constexpr unsigned block_size = 256;

enum class Purpose { label, corner, count }; // what is made of the pixels

struct Ranking {
    Purpose purpose;
    Logits logits; // with their rows joined where memory allows that
    bool has_threshold;
    double threshold;
    LabelOutput out;
    int *corners;           // [n, h, w], for Purpose::corner
    unsigned blocks_of_row; // a row is shared out among blocks
    Tallies *found;
};

// One pixel after the rule of numpy.argmax: the first NaN wins, then the first maximum.
struct Ranked {
    int label;
    unsigned nan;   // how many
    bool undefined; // no answer
    bool finite;    // no NaN, and the maximum is finite
};
template <class S> __device__ Ranked define(const Ranking &job, const char *pixel) {
    double best = job.has_threshold ? static_cast<Widened<S>>(job.threshold) : -INFINITY;
    Ranked ranked{0, 0, false, false};
    bool nan = best != best;
    for (int c = 0; c < static_cast<int>(job.logits.c); ++c) {
        const double value = load<S>(pixel + c * job.logits.stride_c, job.logits.dtype);
        if (value != value) {
            if (!nan) ranked.label = c + job.has_threshold;
            nan = true;
            ++ranked.nan;
        } else if (!nan && value > best) {
            best = value;
            ranked.label = c + job.has_threshold;
        }
    }
    ranked.undefined = nan || best == -INFINITY;
    ranked.finite = !ranked.undefined && best < INFINITY;
    return ranked;
}

// N pixels of one class as they lie in memory.
template <class S, int N> struct Piece {
    uint4 words;
    __device__ void read(const char *from, DType) {
        words = __ldcs(reinterpret_cast<const uint4 *>(from));
    }
    __device__ void values(float (&to)[N]) const { unpack<S>(words, to); }
};
template <class S> struct Piece<S, 1> {
    Widened<S> value;
    __device__ void read(const char *from, DType dtype) { value = load<S>(from, dtype); }
    __device__ void values(Widened<S> (&to)[1]) const { to[0] = value; }
};

// Best labels of N pixels; false where some of them need `define`.
template <class S, int N>
__device__ bool rank(const Ranking &job, const char *pixel, int (&label)[N]) {
    using T = Widened<S>;
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

constexpr int span = 32, pitch = span + 1; // classes in shared memory, without bank conflicts

// The best label of a pixel a lane, of `count` neighbors that begin at `first_pixel`; all lanes
// together. False where the lane's pixel needs `define`.
template <class S> __device__ bool rank_across(const Ranking &job, const char *first_pixel,
                                               int count, int lane, float *values, int &label) {
    constexpr int batch = 8;
    const int classes = static_cast<int>(job.logits.c);
    int width = 1; // lanes for the classes of a pixel
    while (width < span && width < classes) width *= 2;
    const int pixels = 32 / width; // at a time
    const int mine = lane / width, here = lane % width;
    float best = job.has_threshold ? static_cast<float>(job.threshold) : -INFINITY;
    bool plain = lane < count;
    label = 0;
    for (int first = 0; first < classes; first += span) {
        const char *from = first_pixel + (first + here) * job.logits.stride_c;
        const int end = first + here < classes ? count : 0;
        for (int p = mine; p < end; p += batch * pixels) {
            float value[batch];
            for (int k = 0; k < batch; ++k) {
                const int at = p + k * pixels;
                if (at < end) value[k] = load<S>(from + at * job.logits.stride_w, job.logits.dtype);
            }
            for (int k = 0; k < batch; ++k) {
                const int at = p + k * pixels;
                if (at < end) values[at * pitch + here] = value[k];
            }
        }
        __syncwarp();
        const int last = first + span < classes ? first + span : classes;
        for (int c = first; c < last && lane < count; ++c) {
            const float value = values[lane * pitch + c - first];
            plain &= value == value;
            if (value > best) {
                best = value;
                label = c + job.has_threshold;
            }
        }
        __syncwarp();
    }
    return plain && best > -INFINITY && best < INFINITY;
}

// With `pixels` zero one by one, but whose classes are neighbors.
template <class S, int pixels> __global__ void __launch_bounds__(block_size)
    rank_pixels(const Ranking job) {
    constexpr int N = pixels ? pixels : 1;
    __shared__ int staged[block_size * N];
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x - lane;
    const Logits &logits = job.logits;
    const unsigned row = blockIdx.x / job.blocks_of_row;
    const unsigned height = static_cast<unsigned>(logits.h);
    const std::int64_t image = row / height, y = row % height;
    const std::int64_t begin =
        (static_cast<std::int64_t>(blockIdx.x % job.blocks_of_row) * block_size + warp) * N;
    const std::int64_t x = begin + lane * N;
    int *labels = staged + warp * N; // of the warp
    const std::int64_t left = logits.w - begin;
    const int count = static_cast<int>(left < 32 * N ? left : 32 * N);
    BadValues nan, undefined;
    int label[N];
    bool plain = false;
    if constexpr (pixels == 0) {
        __shared__ float values[block_size * pitch];
        if (count > 0)
            plain = rank_across<S>(job, logits.row(image, y) + begin * logits.stride_w, count,
                                   static_cast<int>(lane), values + warp * pitch, label[0]);
    }
    if (x < logits.w) {
        const char *pixel = logits.row(image, y) + x * logits.stride_w;
        if constexpr (pixels > 0)
            if (N == 1 || x + N <= logits.w) plain = rank<S, N>(job, pixel, label);
        if (plain) {
            for (int i = 0; i < N; ++i) labels[lane * N + i] = label[i];
        } else {
            const std::int64_t place = static_cast<std::int64_t>(row) * logits.w + x;
            for (int i = 0; i < N && x + i < logits.w; ++i) {
                const Ranked ranked = define<S>(job, pixel + i * logits.stride_w);
                nan.add(ranked.nan, place + i);
                undefined.add(ranked.undefined, place + i);
                labels[lane * N + i] =
                    job.purpose == Purpose::corner && !ranked.finite ? undecided : ranked.label;
            }
        }
    }
    __syncwarp();
    if (job.purpose == Purpose::label && count > 0)
        write_pixels(job.out, image, y, begin, labels, count, lane);
    if (job.purpose == Purpose::corner)
        for (int i = static_cast<int>(lane); i < count; i += 32)
            job.corners[static_cast<std::int64_t>(row) * logits.w + begin + i] = labels[i];
    report(job.found ? &job.found->nan : nullptr, nan);
    if (job.purpose == Purpose::label)
        report(job.found ? &job.found->undefined : nullptr, undefined);
}

// Rows of an image that follow each other without a gap everywhere are one row.
void join_rows(Ranking &job) {
    Logits &logits = job.logits;
    const Map &labels = job.out.labels;
    bool joined = logits.stride_h == logits.w * logits.stride_w;
    if (job.purpose == Purpose::label) {
        joined &= labels.stride_h == logits.w * (job.out.narrow ? 1 : 4);
        joined &= !job.out.lut || job.out.color.stride_h == 3 * logits.w;
    }
    if (logits.h > 1 && !joined) return;
    logits.w *= logits.h;
    logits.h = 1;
}

// Whether every pixel whose index in its row is a multiple of so many lies at 16 bytes.
bool is_wide(const Logits &logits) {
    const auto fits = [](std::int64_t extent, std::int64_t stride) {
        return extent < 2 || stride % 16 == 0;
    };
    return logits.w >= 16 && logits.stride_w == bytes_of(logits.dtype) &&
           reinterpret_cast<std::uintptr_t>(logits.data) % 16 == 0 &&
           fits(logits.n, logits.stride_n) && fits(logits.c, logits.stride_c) &&
           fits(logits.h, logits.stride_h);
}

template <class S, int pixels> void start(Ranking &job, std::uintptr_t stream) {
    const std::int64_t of_block = block_size * (pixels ? pixels : 1),
                       rows = job.logits.n * job.logits.h;
    const std::int64_t blocks = (job.logits.w + of_block - 1) / of_block;
    job.blocks_of_row = static_cast<unsigned>(blocks);
    launch(stream_of(stream), dim3(static_cast<unsigned>(blocks * rows)), dim3(block_size), 0,
           rank_pixels<S, pixels>, job);
}

void start(const ArgmaxJob &given, Purpose purpose, int *corners, Tallies *found,
           std::uintptr_t stream) {
    Ranking job{
        purpose, given.logits, given.has_threshold, given.threshold, LabelOutput(given), corners,
        0,       found};
    join_rows(job);
    const std::int64_t element = bytes_of(job.logits.dtype);
    const bool wide = is_wide(job.logits);
    const bool across =
        job.logits.c > 1 && job.logits.stride_c == element && job.logits.stride_w != element;
    with_element(job.logits.dtype, [&](auto type) {
        using S = decltype(type);
        if constexpr (sizeof(Widened<S>) == 4)
            wide     ? start<S, wide_count<S>>(job, stream)
            : across ? start<S, 0>(job, stream)
                     : start<S, 1>(job, stream);
        else
            start<S, 1>(job, stream);
    });
}

} // namespace

void argmax_pixels(const ArgmaxJob &job, std::uintptr_t stream, Tallies *found) {
    start(job, Purpose::label, nullptr, found, stream);
}
void count_nan(const ArgmaxJob &job, std::uintptr_t stream, Tallies *found) {
    start(job, Purpose::count, nullptr, found, stream);
}
void rank_logits(const ArgmaxJob &job, std::uintptr_t stream, Tallies *found, int *corners) {
    start(job, Purpose::corner, corners, found, stream);
}

} // namespace segpost::gpu
