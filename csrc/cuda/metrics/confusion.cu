// Counts of (target, prediction) pairs. A thread reads up to 16 bytes of each map at a time, merges
// runs of equal pairs and adds them to counters in shared memory, of which there are several
// copies, each for some lanes of every warp: neighboring lanes mostly add to the same cell.
#include "gpu.hpp"

#include "cuda/runtime/division.hpp"
#include "cuda/runtime/launch.hpp"
#include "cuda/runtime/load.hpp"
#include "cuda/runtime/warp.hpp"

#include <algorithm>
#include <cstring>

namespace segpost::gpu {
namespace {

constexpr unsigned counting_block = 512; // threads
constexpr int small = 256;               // labels below it have their row in a table
constexpr std::size_t most_shared = 96 << 10, shared_of_copies = 64 << 10;
constexpr unsigned most_copies = 32;

struct Labels {
    const char *data;
    std::int64_t stride_n, stride_h, stride_w;
    bool is_signed, wide; // wide: a chunk that is complete may be read at once
};

struct Pairs {
    Labels target, pred;
    TargetRule rule;
    std::int64_t images, rows, columns;
    std::int64_t chunks_of_row, chunks; // a chunk is what a thread reads at a time
    unsigned size, pitch, copies; // of the counters in shared memory; 0 copies: there are none
    unsigned long long *counts;
};

template <int bytes> struct Unsigned;
template <> struct Unsigned<1> {
    using type = std::uint8_t;
};
template <> struct Unsigned<2> {
    using type = std::uint16_t;
};
template <> struct Unsigned<4> {
    using type = std::uint32_t;
};
template <> struct Unsigned<8> {
    using type = std::uint64_t;
};

// Bits as a label. Beyond int64 a uint64 is its largest value, which is neither class nor void.
template <class U> __device__ std::int64_t label_of(U bits, bool is_signed) {
    if (is_signed) return static_cast<std::make_signed_t<U>>(bits);
    if constexpr (sizeof(U) == 8)
        return static_cast<std::int64_t>(bits < (U{1} << 63) ? bits : (U{1} << 63) - 1);
    else
        return static_cast<std::int64_t>(bits);
}

template <int bytes> struct Words; // that are read at once
template <> struct Words<16> {
    using type = uint4;
};
template <> struct Words<8> {
    using type = uint2;
};
template <> struct Words<4> {
    using type = unsigned;
};
template <> struct Words<2> {
    using type = unsigned short;
};

// `count` of N pixels; zero beyond them.
template <class U, int N>
__device__ void read_chunk(U (&to)[N], const Labels &labels, const char *from, int count) {
    if (labels.wide && count == N) {
        using Part = typename Words<(sizeof(to) < 16 ? sizeof(to) : 16)>::type;
        constexpr int parts = (N * sizeof(U)) / sizeof(Part);
        Part part[parts];
        for (int i = 0; i < parts; ++i) part[i] = __ldcs(reinterpret_cast<const Part *>(from) + i);
        memcpy(to, part, sizeof(to));
        return;
    }
    for (int i = 0; i < N; ++i)
        to[i] = i < count ? *reinterpret_cast<const U *>(from + i * labels.stride_w) : U{};
}

// Where a thread counts.
class Counter {
  public:
    __device__ Counter(const Pairs &pairs, const int *rows)
        : pairs_(pairs), rows_(rows), side_(pairs.rule.classes + 1) {
        if (pairs.copies) mine_ = (threadIdx.x & (pairs.copies - 1)) * pairs.pitch;
    }
    template <class T, class P> __device__ void add(T target, P pred, unsigned times) const {
        const std::int64_t t = label_of(target, pairs_.target.is_signed);
        const std::int64_t p = label_of(pred, pairs_.pred.is_signed);
        const std::int64_t row = t >= 0 && t < small ? rows_[t] : pairs_.rule.row(t);
        const std::int64_t cell = row * side_ + pairs_.rule.column(p);
        if (pairs_.copies)
            atomicAdd(dynamic_shared<unsigned>() + mine_ + static_cast<unsigned>(cell), times);
        else
            atomicAdd(pairs_.counts + cell, static_cast<unsigned long long>(times));
    }

  private:
    const Pairs &pairs_;
    const int *rows_;
    std::int64_t side_;
    unsigned mine_ = 0; // where the copy begins
};

// One bit for each of four bytes that are not zero.
__device__ unsigned bytes_set(unsigned word) {
    const unsigned high = (((word & 0x7f7f7f7fu) + 0x7f7f7f7fu) | word) & 0x80808080u;
    return (high >> 7) * 0x10204080u >> 28;
}

__device__ unsigned byte_of(const unsigned (&words)[4], int i) {
    const unsigned low = i & 4 ? words[1] : words[0], high = i & 4 ? words[3] : words[2];
    return (i & 8 ? high : low) >> 8 * (i & 3) & 255;
}

// Runs among the pixels of a chunk. Of bytes all ends are found at once.
__device__ void count_runs(const std::uint8_t (&target)[16], const std::uint8_t (&pred)[16],
                           int count, const Counter &counter) {
    unsigned t[4], p[4], ends = 0;
    memcpy(t, target, 16);
    memcpy(p, pred, 16);
    for (int i = 0; i < 4; ++i) {
        const unsigned after_t = t[i] >> 8 | t[i < 3 ? i + 1 : 3] << 24;
        const unsigned after_p = p[i] >> 8 | p[i < 3 ? i + 1 : 3] << 24;
        ends |= bytes_set((t[i] ^ after_t) | (p[i] ^ after_p)) << 4 * i;
    }
    const unsigned last = 1u << (count - 1);
    ends = (ends & (last - 1)) | last;
    for (int start = 0; ends; ends &= ends - 1) {
        const int end = __ffs(static_cast<int>(ends)) - 1;
        counter.add(static_cast<std::uint8_t>(byte_of(t, end)),
                    static_cast<std::uint8_t>(byte_of(p, end)),
                    static_cast<unsigned>(end + 1 - start));
        start = end + 1;
    }
}

template <class T, class P, int N> __device__ void
count_runs(const T (&target)[N], const P (&pred)[N], int count, const Counter &counter) {
    unsigned times = 0;
    for (int i = 0; i < N; ++i) {
        if (i >= count) break;
        ++times;
        const int next = i + 1 < N ? i + 1 : i;
        if (i + 1 == count || target[i] != target[next] || pred[i] != pred[next]) {
            counter.add(target[i], pred[i], times);
            times = 0;
        }
    }
}

template <class T, class P, int N>
__device__ bool one_pair(const T (&target)[N], const P (&pred)[N]) {
    bool same = true;
    for (int i = 1; i < N; ++i) same &= target[i] == target[0] && pred[i] == pred[0];
    return same;
}
__device__ bool one_pair(const std::uint8_t (&target)[16], const std::uint8_t (&pred)[16]) {
    unsigned t[4], p[4], other = 0;
    memcpy(t, target, 16);
    memcpy(p, pred, 16);
    const unsigned all_t = (t[0] & 255) * 0x01010101u, all_p = (p[0] & 255) * 0x01010101u;
    for (int i = 0; i < 4; ++i) other |= (t[i] ^ all_t) | (p[i] ^ all_p);
    return other == 0;
}

template <class T, class P> constexpr int chunk_size =
    16 / static_cast<int>(sizeof(T) > sizeof(P) ? sizeof(T) : sizeof(P));

// `turns` chunks a thread, counting_block * gridDim.x chunks apart.
template <class T, class P> __global__ void __launch_bounds__(counting_block, 2)
    count_pairs(const Pairs pairs, std::int64_t turns) {
    constexpr int n = chunk_size<T, P>;
    __shared__ int rows[small];
    for (unsigned i = threadIdx.x; i < small; i += counting_block)
        rows[i] = static_cast<int>(pairs.rule.row(i));
    unsigned *table = dynamic_shared<unsigned>();
    for (unsigned i = threadIdx.x; i < pairs.copies * pairs.pitch; i += counting_block)
        table[i] = 0;
    __syncthreads();
    const Counter counter(pairs, rows);
    std::int64_t chunk = static_cast<std::int64_t>(blockIdx.x) * counting_block + threadIdx.x;
    for (std::int64_t turn = 0; turn < turns; ++turn) {
        T target[n] = {};
        P pred[n] = {};
        int count = 0;
        if (chunk < pairs.chunks) {
            const std::int64_t row = divide(chunk, pairs.chunks_of_row);
            const std::int64_t x = (chunk - row * pairs.chunks_of_row) * n;
            const std::int64_t image = divide(row, pairs.rows), y = row - image * pairs.rows;
            const auto place = [&](const Labels &labels) {
                return labels.data + image * labels.stride_n + y * labels.stride_h +
                       x * labels.stride_w;
            };
            count = static_cast<int>(pairs.columns - x < n ? pairs.columns - x : n);
            read_chunk(target, pairs.target, place(pairs.target), count);
            read_chunk(pred, pairs.pred, place(pairs.pred), count);
        }
        chunk += static_cast<std::int64_t>(gridDim.x) * counting_block;
        // The inside of a large object: one addition for the warp.
        const T first_target = __shfl_sync(all_lanes, target[0], 0);
        const P first_pred = __shfl_sync(all_lanes, pred[0], 0);
        const bool same = count == n && target[0] == first_target && pred[0] == first_pred &&
                          one_pair(target, pred);
        if (__all_sync(all_lanes, same)) {
            if (lane_index() == 0) counter.add(target[0], pred[0], warp_size * n);
        } else if (count) {
            count_runs(target, pred, count, counter);
        }
    }
    if (!pairs.copies) return;
    __syncthreads();
    for (unsigned cell = threadIdx.x; cell < pairs.size; cell += counting_block) {
        unsigned long long sum = 0;
        for (unsigned k = 0; k < pairs.copies; ++k) sum += table[k * pairs.pitch + cell];
        if (sum) atomicAdd(pairs.counts + cell, sum);
    }
}

bool is_signed(DType dtype) {
    return dtype == DType::i8 || dtype == DType::i16 || dtype == DType::i32 || dtype == DType::i64;
}

// Rows and images that follow each other without a gap are one.
void merge_rows(const LabelView &target, const LabelView &pred, Pairs &pairs) {
    const auto follow = [&](std::int64_t LabelView::*outer, std::int64_t LabelView::*inner,
                            std::int64_t count) {
        return target.*outer == target.*inner * count && pred.*outer == pred.*inner * count;
    };
    pairs.images = target.n, pairs.rows = target.h, pairs.columns = target.w;
    if (pairs.rows > 1 && !follow(&LabelView::stride_h, &LabelView::stride_w, pairs.columns))
        return;
    const bool one =
        pairs.images == 1 ||
        (pairs.rows > 1 ? follow(&LabelView::stride_n, &LabelView::stride_h, pairs.rows)
                        : follow(&LabelView::stride_n, &LabelView::stride_w, pairs.columns));
    pairs.columns *= pairs.rows;
    pairs.rows = 1;
    if (!one) return;
    pairs.columns *= pairs.images;
    pairs.images = 1;
}

// Whether chunks of `bytes` lie where they can be read at once.
bool aligned(const Labels &labels, const Pairs &pairs, std::int64_t element, std::int64_t bytes) {
    bytes = std::min<std::int64_t>(bytes, 16);
    std::int64_t all = reinterpret_cast<std::intptr_t>(labels.data);
    if (pairs.rows > 1) all |= labels.stride_h;
    if (pairs.images > 1) all |= labels.stride_n;
    return labels.stride_w == element && all % bytes == 0;
}

template <class T, class P> void launch_pairs(const ConfusionJob &job, Stream stream, Pairs pairs) {
    constexpr std::int64_t n = chunk_size<T, P>;
    merge_rows(job.target, job.preds, pairs);
    pairs.target.wide = aligned(pairs.target, pairs, sizeof(T), n * sizeof(T));
    pairs.pred.wide = aligned(pairs.pred, pairs, sizeof(P), n * sizeof(P));
    pairs.chunks_of_row = (pairs.columns + n - 1) / n;
    pairs.chunks = pairs.images * pairs.rows * pairs.chunks_of_row;

    const Limits device = limits();
    const std::size_t most =
        std::min(most_shared, device.shared) - small * sizeof(int); // the rows take some
    const std::int64_t classes = job.rule.classes;
    std::size_t shared = 0;
    if (classes < 1000 && static_cast<std::size_t>((classes + 2) * (classes + 1)) * 4 <= most) {
        pairs.size = static_cast<unsigned>((classes + 2) * (classes + 1));
        pairs.pitch = pairs.size;
        pairs.copies = 1;
        while (pairs.copies < most_copies &&
               2 * pairs.copies * ((pairs.size | 1) * sizeof(unsigned)) <=
                   std::min(most, shared_of_copies)) {
            pairs.copies *= 2;
            pairs.pitch = pairs.size | 1; // a cell's copies are in as many banks
        }
        shared = pairs.copies * pairs.pitch * sizeof(unsigned);
    }
    const std::int64_t together = device.all_shared >= 2 * (shared + (2 << 10)) ? 2 : 1;
    std::int64_t blocks = together * device.processors;
    blocks = std::min(blocks, (pairs.chunks + counting_block - 1) / counting_block);
    // A block has to count less than 2^32 pixels.
    blocks = std::max(blocks, pairs.chunks / ((std::int64_t{1} << 31) / n) + 1);
    const std::int64_t step = blocks * counting_block;
    launch(stream, dim3(static_cast<unsigned>(blocks)), dim3(counting_block), shared,
           count_pairs<T, P>, pairs, (pairs.chunks + step - 1) / step);
}

template <class T> void choose_pred(const ConfusionJob &job, Stream stream, const Pairs &pairs) {
    switch (bytes_of(job.preds.dtype)) {
    case 1: return launch_pairs<T, std::uint8_t>(job, stream, pairs);
    case 2: return launch_pairs<T, std::uint16_t>(job, stream, pairs);
    case 4: return launch_pairs<T, std::uint32_t>(job, stream, pairs);
    default: return launch_pairs<T, std::uint64_t>(job, stream, pairs);
    }
}

Labels labels_of(const LabelView &map) {
    return {map.data, map.stride_n, map.stride_h, map.stride_w, is_signed(map.dtype), false};
}

} // namespace

void run_confusion(const ConfusionJob &job, std::uintptr_t stream, std::int64_t *counts) {
    if (job.target.n <= 0 || job.target.h <= 0 || job.target.w <= 0) return;
    Pairs pairs{};
    pairs.target = labels_of(job.target);
    pairs.pred = labels_of(job.preds);
    pairs.rule = job.rule;
    pairs.counts = reinterpret_cast<unsigned long long *>(counts);
    const Stream on = stream_of(stream);
    switch (bytes_of(job.target.dtype)) {
    case 1: return choose_pred<std::uint8_t>(job, on, pairs);
    case 2: return choose_pred<std::uint16_t>(job, on, pairs);
    case 4: return choose_pred<std::uint32_t>(job, on, pairs);
    default: return choose_pred<std::uint64_t>(job, on, pairs);
    }
}

void run_confusion_logits(const ConfusionLogitsJob &job, std::uintptr_t stream,
                          std::int64_t *counts, ErrorCounts *errors, void *workspace) {
    run_argmax(job.argmax, stream, errors, workspace);
    ConfusionJob part;
    part.preds = job.argmax.labels;
    part.target = job.target;
    part.rule = job.rule;
    run_confusion(part, stream, counts);
}

} // namespace segpost::gpu
