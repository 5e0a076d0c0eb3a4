// Channels-last rows to planes, in registers. Only included by load.hpp.
#pragma once

#include "cpu/simd/vector.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// Pixels from the first on, as many as full vectors hold; how many those are. The last four classes
// may be some of the four before them.
inline std::int64_t transpose_pixels(const char *from, std::int64_t stride_w, std::int64_t classes,
                                     std::int64_t count, float *planes, std::int64_t pitch) {
    constexpr std::int64_t ahead = 4096; // bytes: one stream is too few for the memory
    if (classes < 4 || stride_w % 4) return 0;
    const std::int64_t step = stride_w / 4;
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        const char *pixels = from + i * stride_w;
        for (std::int64_t byte = 0; byte < lanes * stride_w; byte += 64)
            __builtin_prefetch(pixels + ahead + byte);
        for (std::int64_t k = 0; k < classes; k += 4) {
            const std::int64_t c = min(k, classes - 4);
            transpose_classes<F>(reinterpret_cast<const float *>(pixels) + c, step,
                                 planes + c * pitch + i, pitch);
        }
    }
    return i;
}

// The bytes of two vectors in turns: those of the lower halves, or of the upper ones.
using Bytes16 = Vec<16>::i8;
inline Bytes16 alternate_lower(Bytes16 a, Bytes16 b) {
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
inline Bytes16 alternate_upper(Bytes16 a, Bytes16 b) {
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                   31);
}

// Four times each row and the one eight rows below alternate: then rows are columns.
inline void transpose_square(Bytes16 (&rows)[16]) {
    for (int step = 0; step < 2; ++step) {
        Bytes16 half[16];
        for (int k = 0; k < 8; ++k) {
            half[2 * k] = alternate_lower(rows[k], rows[k + 8]);
            half[2 * k + 1] = alternate_upper(rows[k], rows[k + 8]);
        }
        for (int k = 0; k < 8; ++k) {
            rows[2 * k] = alternate_lower(half[k], half[k + 8]);
            rows[2 * k + 1] = alternate_upper(half[k], half[k + 8]);
        }
    }
}

// planes[c * pitch + i] = from[i * stride_w + c], of bytes. Sixteen pixels and classes at once, as
// long as nothing behind the row is read; the last ones may be some of those before them.
inline void transpose_bytes(const std::int8_t *from, std::int64_t stride_w, std::int64_t classes,
                            std::int64_t count, std::int8_t *planes, std::int64_t pitch) {
    constexpr std::int64_t n = 16;
    const std::int64_t end = (count - 1) * stride_w + classes;
    std::int64_t i = 0;
    while (i < count) {
        const std::int64_t last = max<std::int64_t>(min(i, count - n), 0);
        if (last + n > count || (last + n - 1) * stride_w + max(classes, n) > end) break;
        for (std::int64_t k = 0; k < classes; k += n) {
            const std::int64_t c = max<std::int64_t>(min(k, classes - n), 0);
            Bytes16 rows[n];
            for (std::int64_t r = 0; r < n; ++r)
                rows[r] = load<Bytes16>(from + (last + r) * stride_w + c);
            transpose_square(rows);
            for (std::int64_t r = 0; r < min(classes, n); ++r)
                store(planes + (c + r) * pitch + last, rows[r]);
        }
        i = last + n;
    }
    for (; i < count; ++i)
        for (std::int64_t c = 0; c < classes; ++c) planes[c * pitch + i] = from[i * stride_w + c];
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
