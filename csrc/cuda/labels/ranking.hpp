// What the kernels of logits that are not resampled have in common. A thread has as many pixels as
// lie in 16 bytes, or one; where the classes of a pixel are neighbors, lanes read classes and
// exchange them for pixels. Only included by *.cu.
#pragma once

#include "gpu.hpp"

#include "cuda/labels/argmax.hpp"
#include "cuda/labels/label_rows.hpp"
#include "cuda/runtime/errors.hpp"
#include "cuda/runtime/load.hpp"
#include "ops/exact.hpp"

#include <type_traits>

namespace segpost::gpu {
namespace {

constexpr int most_pieces = 256; // of 16 bytes, of a stretch

// Whether rows begin at multiples of 16 bytes.
inline bool lies_at_words(const Logits &logits) {
    return reinterpret_cast<std::uintptr_t>(logits.data) % 16 == 0 &&
           (logits.n < 2 || logits.stride_n % 16 == 0) &&
           (logits.h < 2 || logits.stride_h % 16 == 0);
}

enum class Purpose { label, corner, count }; // what is made of the pixels

struct Ranking {
    Purpose purpose;
    Logits logits; // with their rows joined where memory allows that
    bool has_threshold;
    double threshold;
    LabelOutput out;
    LabelView confidence;   // no data: none
    int *corners;           // [n, h, w], for Purpose::corner
    bool stretch;           // the classes of a warp's pixels lie in one stretch of memory
    unsigned blocks_of_row; // a row is shared out among blocks
    ErrorCounts *errors;

    Ranking(const ArgmaxJob &job, Purpose wanted, int *to, ErrorCounts *counts)
        : purpose(wanted), logits(job.logits), has_threshold(job.has_threshold),
          threshold(job.threshold), out(job), confidence(job.confidence), corners(to),
          stretch(false), blocks_of_row(0), errors(counts) {
        join_rows();
        const std::int64_t element = bytes_of(logits.dtype), pixel = logits.c * element;
        stretch = logits.stride_c == element && logits.stride_w == pixel &&
                  warp_size * pixel <= 16 * most_pieces && lies_at_words(logits);
    }

  private:
    // Rows of an image that follow each other without a gap everywhere are one row.
    void join_rows() {
        bool joined = logits.stride_h == logits.w * logits.stride_w;
        if (purpose == Purpose::label) {
            joined &= out.labels.stride_h == logits.w * (out.narrow ? 1 : 4);
            joined &= !out.lut || out.color.stride_h == 3 * logits.w;
            joined &= !confidence.data || confidence.stride_h == 4 * logits.w;
        }
        if (logits.h > 1 && !joined) return;
        logits.w *= logits.h;
        logits.h = 1;
    }
};

// One pixel by the definition, whatever its values are.
struct Ranked {
    ExactLabel exact;
    unsigned nan_count = 0;
};
template <class S> __device__ Ranked label_exactly(const Ranking &job, const char *pixel) {
    Ranked ranked;
    if (job.has_threshold) ranked.exact.add(0, static_cast<Widened<S>>(job.threshold));
    for (int c = 0; c < static_cast<int>(job.logits.c); ++c) {
        const double value = load<S>(pixel + c * job.logits.stride_c, job.logits.dtype);
        ranked.nan_count += value != value;
        ranked.exact.add(c + job.has_threshold, value);
    }
    return ranked;
}

// N pixels of one class as they lie in memory.
template <class S, int N> struct Piece {
    uint4 words;
    __device__ void read(const char *from, DType) {
        words = __ldcs(reinterpret_cast<const uint4 *>(from));
    }
    __device__ void clear() { words = make_uint4(nothing<S>, nothing<S>, nothing<S>, nothing<S>); }
    __device__ void values(float (&to)[N]) const { unpack<S>(words, to); }
};
template <class S> struct Piece<S, 1> {
    Widened<S> value;
    __device__ void read(const char *from, DType dtype) { value = load<S>(from, dtype); }
    __device__ void clear() { value = static_cast<Widened<S>>(-INFINITY); }
    __device__ void values(Widened<S> (&to)[1]) const { to[0] = value; }
};

// Where a warp exchanges classes for pixels. Classes in shared memory have an odd pitch or, where
// they lie as they came, a gap of 16 bytes after every 128: lanes that read a class of pixels of
// their own shall meet in few banks.
constexpr int span = warp_size, pitch = span + 1;           // classes
constexpr int staged_words = most_pieces + most_pieces / 8; // of 16 bytes, of a warp
static_assert(warp_size * pitch <= 4 * staged_words);

// Reads all classes of a pixel for every lane, or fewer at the end of a row: one stretch of memory.
template <class S>
__device__ void read_stretch(const char *from, int elements, int lane, uint4 *to) {
    const int pieces = elements / wide_count<S>;
    constexpr int batch = most_pieces / warp_size;
    uint4 piece[batch];
    for (int k = 0; k < batch; ++k)
        if (lane + warp_size * k < pieces)
            piece[k] = __ldcs(reinterpret_cast<const uint4 *>(from) + lane + warp_size * k);
    for (int k = 0; k < batch; ++k) {
        const int at = lane + warp_size * k;
        if (at < pieces) to[at + at / 8] = piece[k];
    }
    const int rest = pieces * wide_count<S> + lane;
    if (rest < elements) {
        S *last = reinterpret_cast<S *>(to + pieces + pieces / 8);
        last[lane] = reinterpret_cast<const S *>(from)[rest];
    }
}
template <class S> __device__ float element_of_stretch(const uint4 *words, int at) {
    constexpr int of_line = 8 * wide_count<S>;
    return widen(reinterpret_cast<const S *>(words + at / of_line)[at]);
}

// Reads classes [first, first + span) of `count` neighboring pixels.
template <class S> __device__ void read_span(const Ranking &job, const char *first_pixel, int first,
                                             int count, int lane, float *to) {
    constexpr int batch = 8;
    const int classes = static_cast<int>(job.logits.c);
    int width = 1; // lanes for the classes of a pixel
    while (width < span && width < classes) width *= 2;
    const int pixels = warp_size / width; // at a time
    const int mine = lane / width, here = lane % width;
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
            if (at < end) to[at * pitch + here] = value[k];
        }
    }
}

// Each of the first `count` lanes calls `use` with the classes of its pixel, of neighbors that
// begin at `first_pixel`: with a function from class to value, the first class that it knows, and
// the one after the last. For all lanes of a warp.
template <class S, class Use> __device__ void across(const Ranking &job, const char *first_pixel,
                                                     int count, int lane, uint4 *words,
                                                     const Use &use) {
    const int classes = static_cast<int>(job.logits.c);
    if (job.stretch) {
        read_stretch<S>(first_pixel, count * classes, lane, words);
        __syncwarp();
        if (lane < count)
            use([&](int c) { return element_of_stretch<S>(words, lane * classes + c); }, 0,
                classes);
        return;
    }
    float *values = reinterpret_cast<float *>(words);
    for (int first = 0; first < classes; first += span) {
        read_span<S>(job, first_pixel, first, count, lane, values);
        __syncwarp();
        const int last = first + span < classes ? first + span : classes;
        if (lane < count) use([&](int c) { return values[lane * pitch + c - first]; }, first, last);
        __syncwarp();
    }
}

// The labels of a block's pixels. A Way computes those of a lane where they are plain (otherwise
// `label_exactly` does), and what else is wanted of the pixels:
//     element, pixels            the type S, and how many a lane has; zero: one, whose classes are
//                                neighbors
//     rank(job, pixel, label)    labels of that many pixels; false: not plain
//     rank_across(job, first_pixel, count, lane, words, label)    of one, all lanes together
//     finish(job, image, y, x, place)    for lanes that have a pixel
//     report(job)                for all lanes
template <class Way> __device__ void rank_block(const Ranking &job) {
    using S = typename Way::element;
    constexpr int N = Way::pixels ? Way::pixels : 1;
    __shared__ int staged[block_size * N];
    const unsigned lane = lane_index(), warp = threadIdx.x - lane;
    const Logits &logits = job.logits;
    const unsigned row = blockIdx.x / job.blocks_of_row;
    const unsigned height = static_cast<unsigned>(logits.h);
    const std::int64_t image = row / height, y = row % height;
    const std::int64_t begin =
        (static_cast<std::int64_t>(blockIdx.x % job.blocks_of_row) * block_size + warp) * N;
    const std::int64_t x = begin + lane * N;
    int *labels = staged + warp * N; // of the warp
    const std::int64_t left = logits.w - begin;
    const int count = static_cast<int>(left < warp_size * N ? left : warp_size * N);
    ThreadErrors nan, undefined;
    int label[N];
    bool plain = false;
    Way way;
    if constexpr (Way::pixels == 0) {
        __shared__ uint4 words[warps_of_block * staged_words];
        if (count > 0)
            plain = way.rank_across(job, logits.row(image, y) + begin * logits.stride_w, count,
                                    static_cast<int>(lane), words + warp_index() * staged_words,
                                    label[0]);
    }
    if (x < logits.w) {
        const std::int64_t place = static_cast<std::int64_t>(row) * logits.w + x;
        const char *pixel = logits.row(image, y) + x * logits.stride_w;
        if constexpr (Way::pixels > 0)
            if (N == 1 || x + N <= logits.w) plain = way.rank(job, pixel, label);
        way.finish(job, image, y, x, place);
        if (plain) {
            for (int i = 0; i < N; ++i) labels[lane * N + i] = label[i];
        } else {
            for (int i = 0; i < N && x + i < logits.w; ++i) {
                const Ranked ranked = label_exactly<S>(job, pixel + i * logits.stride_w);
                nan.add(ranked.nan_count, place + i);
                undefined.add(ranked.exact.is_undefined(), place + i);
                labels[lane * N + i] = job.purpose == Purpose::corner && !ranked.exact.is_finite()
                                           ? undecided
                                           : ranked.exact.label();
            }
        }
    }
    __syncwarp();
    if (job.purpose == Purpose::label && count > 0)
        write_pixels(job.out, image, y, begin, labels, count, lane);
    if (job.purpose == Purpose::corner)
        for (int i = static_cast<int>(lane); i < count; i += warp_size)
            job.corners[static_cast<std::int64_t>(row) * logits.w + begin + i] = labels[i];
    add_errors(job.errors ? &job.errors->nan : nullptr, nan);
    if (job.purpose == Purpose::label)
        add_errors(job.errors ? &job.errors->undefined : nullptr, undefined);
    way.report(job);
}

// Whether every pixel whose index in its row is a multiple of so many lies at 16 bytes.
inline bool is_wide(const Logits &logits) {
    return logits.w >= 16 && logits.stride_w == bytes_of(logits.dtype) && lies_at_words(logits) &&
           (logits.c < 2 || logits.stride_c % 16 == 0);
}

// `pixels` of a thread, as a Way has them.
inline void launch_ranking(Ranking &job, int pixels, std::uintptr_t stream,
                           void (*kernel)(Ranking)) {
    const std::int64_t of_block = block_size * (pixels ? pixels : 1),
                       rows = job.logits.n * job.logits.h;
    const std::int64_t blocks = (job.logits.w + of_block - 1) / of_block;
    job.blocks_of_row = static_cast<unsigned>(blocks);
    launch(stream_of(stream), dim3(static_cast<unsigned>(blocks * rows)), dim3(block_size), 0,
           kernel, job);
}

// Calls `use` with the element and the pixels of a thread that suit the logits, both as types.
template <class Use> void dispatch_layout(const Logits &logits, const Use &use) {
    const std::int64_t element = bytes_of(logits.dtype);
    const bool wide = is_wide(logits);
    const bool across = logits.c > 1 && logits.stride_c == element && logits.stride_w != element;
    with_element(logits.dtype, [&](auto type) {
        using S = decltype(type);
        if constexpr (sizeof(Widened<S>) == 4)
            wide     ? use(type, std::integral_constant<int, wide_count<S>>{})
            : across ? use(type, std::integral_constant<int, 0>{})
                     : use(type, std::integral_constant<int, 1>{});
        else
            use(type, std::integral_constant<int, 1>{});
    });
}

} // namespace
} // namespace segpost::gpu
