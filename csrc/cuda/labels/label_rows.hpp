// Labels and colors of neighboring pixels from shared memory to a row of the output, by a warp: in
// words wherever the row may begin.
#pragma once

#include "cuda/runtime/warp.hpp"

#include "ops/labels/labels.hpp"

namespace segpost::gpu {

struct LabelOutput {
    LabelView labels; // no data: no labels
    Image color;
    const std::uint32_t *lut; // null: no color
    bool narrow;

    explicit LabelOutput(const ArgmaxJob &job)
        : labels(job.labels), color(job.color), lut(job.lut),
          narrow(job.labels.dtype == DType::u8) {}
};

// Bytes [0, count) of `byte_at`, four at a time of `word_at`, which takes the first of them.
template <class ByteAt, class WordAt> __device__ void
write_words(char *to, int count, unsigned lane, const ByteAt &byte_at, const WordAt &word_at) {
    int head = static_cast<int>(-reinterpret_cast<std::uintptr_t>(to) & 3);
    if (head > count) head = count;
    const int words = (count - head) / 4, tail = head + 4 * words;
    const int mine = static_cast<int>(lane);
    if (mine < head) to[mine] = static_cast<char>(byte_at(mine));
    for (int i = mine; i < words; i += warp_size) {
        const int at = head + 4 * i;
        *reinterpret_cast<unsigned *>(to + at) = word_at(at);
    }
    if (tail + mine < count) to[tail + mine] = static_cast<char>(byte_at(tail + mine));
}

// Every label is a class. For all lanes of a warp.
__device__ inline void write_pixels(const LabelOutput &out, std::int64_t image, std::int64_t y,
                                    std::int64_t x, const int *labels, int count, unsigned lane) {
    if (out.narrow) {
        write_words(
            out.labels.row(image, y) + x, count, lane, [&](int i) { return labels[i]; },
            [&](int i) {
                return static_cast<unsigned>(labels[i]) |
                       static_cast<unsigned>(labels[i + 1]) << 8 |
                       static_cast<unsigned>(labels[i + 2]) << 16 |
                       static_cast<unsigned>(labels[i + 3]) << 24;
            });
    } else {
        int *to = reinterpret_cast<int *>(out.labels.row(image, y)) + x;
        for (int i = static_cast<int>(lane); i < count; i += warp_size) to[i] = labels[i];
    }
    if (!out.lut) return;
    // Four bytes are of two pixels.
    write_words(
        out.color.row(image, y) + 3 * x, 3 * count, lane,
        [&](int i) { return __ldg(out.lut + labels[i / 3]) >> 8 * (i % 3); },
        [&](int i) {
            const int pixel = i / 3, within = i % 3;
            return (__ldg(out.lut + labels[pixel]) & 0xffffffu) >> 8 * within |
                   __ldg(out.lut + labels[pixel + 1]) << (24 - 8 * within);
        });
}

} // namespace segpost::gpu
