// Channels-last rows of float32 to planes, in registers. Only included by load.hpp.
#pragma once

#include "cpu/simd/vec.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

#if defined(__SSE4_1__)
// Four classes of `lanes` pixels that are `step` floats apart. A quarter of a vector is a pixel
// until the halves of two vectors are exchanged twice.
inline void transpose(const float *from, std::int64_t step, float *to, std::int64_t pitch) {
    const auto four = [&](int pixel) { return _mm_loadu_ps(from + pixel * step); };
#if defined(__AVX512BW__)
    const auto row = [&](int pixel) {
        const __m256 low =
            _mm256_insertf128_ps(_mm256_castps128_ps256(four(pixel)), four(pixel + 4), 1);
        const __m256 high =
            _mm256_insertf128_ps(_mm256_castps128_ps256(four(pixel + 8)), four(pixel + 12), 1);
        return _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
    };
    const __m512 a = row(0), b = row(1), c = row(2), d = row(3);
    const __m512 p = _mm512_unpacklo_ps(a, b), q = _mm512_unpacklo_ps(c, d);
    const __m512 r = _mm512_unpackhi_ps(a, b), s = _mm512_unpackhi_ps(c, d);
    store(to, _mm512_shuffle_ps(p, q, 0x44));
    store(to + pitch, _mm512_shuffle_ps(p, q, 0xee));
    store(to + 2 * pitch, _mm512_shuffle_ps(r, s, 0x44));
    store(to + 3 * pitch, _mm512_shuffle_ps(r, s, 0xee));
#elif defined(__AVX2__)
    const auto row = [&](int pixel) {
        return _mm256_insertf128_ps(_mm256_castps128_ps256(four(pixel)), four(pixel + 4), 1);
    };
    const __m256 a = row(0), b = row(1), c = row(2), d = row(3);
    const __m256 p = _mm256_unpacklo_ps(a, b), q = _mm256_unpacklo_ps(c, d);
    const __m256 r = _mm256_unpackhi_ps(a, b), s = _mm256_unpackhi_ps(c, d);
    store(to, _mm256_shuffle_ps(p, q, 0x44));
    store(to + pitch, _mm256_shuffle_ps(p, q, 0xee));
    store(to + 2 * pitch, _mm256_shuffle_ps(r, s, 0x44));
    store(to + 3 * pitch, _mm256_shuffle_ps(r, s, 0xee));
#else
    const __m128 a = four(0), b = four(1), c = four(2), d = four(3);
    const __m128 p = _mm_unpacklo_ps(a, b), q = _mm_unpacklo_ps(c, d);
    const __m128 r = _mm_unpackhi_ps(a, b), s = _mm_unpackhi_ps(c, d);
    store(to, _mm_shuffle_ps(p, q, 0x44));
    store(to + pitch, _mm_shuffle_ps(p, q, 0xee));
    store(to + 2 * pitch, _mm_shuffle_ps(r, s, 0x44));
    store(to + 3 * pitch, _mm_shuffle_ps(r, s, 0xee));
#endif
}

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
            const std::int64_t c = smaller(k, classes - 4);
            transpose(reinterpret_cast<const float *>(pixels) + c, step, planes + c * pitch + i,
                      pitch);
        }
    }
    return i;
}
#else
inline std::int64_t transpose_pixels(const char *, std::int64_t, std::int64_t, std::int64_t,
                                     float *, std::int64_t) {
    return 0;
}
#endif

} // namespace
} // namespace segpost::SEGPOST_LEVEL
