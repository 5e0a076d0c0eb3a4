// Labels of any type as bytes: what is not in 0..254 becomes 255. Only included by *.simd.cpp.
#pragma once

#include "cpu/simd/label_rows.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// The compiler's own code is slow; these do a multiple of 16 labels and return how
// many.
#if defined(__AVX512BW__)
inline std::int64_t narrow_blocks(const std::int64_t *labels, std::int64_t count, bool has_void,
                                  std::int64_t void_value, std::uint8_t *to, bool &odd) {
    const __m512i most = _mm512_set1_epi64(254), nothing = _mm512_set1_epi64(void_value);
    const __mmask8 asked = has_void ? 0xff : 0;
    __mmask8 found = 0;
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const __m512i a = _mm512_loadu_si512(labels + i), b = _mm512_loadu_si512(labels + i + 8);
        const __mmask8 high_a = _mm512_mask_cmpgt_epu64_mask(asked, a, most);
        const __mmask8 high_b = _mm512_mask_cmpgt_epu64_mask(asked, b, most);
        found |= _mm512_mask_cmpneq_epi64_mask(high_a, a, nothing) |
                 _mm512_mask_cmpneq_epi64_mask(high_b, b, nothing);
        _mm_storeu_si128(reinterpret_cast<__m128i *>(to + i),
                         _mm_unpacklo_epi64(_mm512_cvtusepi64_epi8(a), _mm512_cvtusepi64_epi8(b)));
    }
    odd |= found != 0;
    return i;
}
inline std::int64_t narrow_blocks(const std::int32_t *labels, std::int64_t count, bool has_void,
                                  std::int64_t void_value, std::uint8_t *to, bool &odd) {
    const __m512i most = _mm512_set1_epi32(254);
    const __m512i nothing = _mm512_set1_epi32(static_cast<std::int32_t>(void_value));
    const __mmask16 asked = has_void ? 0xffff : 0;
    __mmask16 found = 0;
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const __m512i a = _mm512_loadu_si512(labels + i);
        const __mmask16 high = _mm512_mask_cmpgt_epu32_mask(asked, a, most);
        found |= _mm512_mask_cmpneq_epi32_mask(high, a, nothing);
        _mm_storeu_si128(reinterpret_cast<__m128i *>(to + i), _mm512_cvtusepi32_epi8(a));
    }
    odd |= found != 0;
    return i;
}
#elif defined(__AVX2__)
inline std::int64_t narrow_blocks(const std::int32_t *labels, std::int64_t count, bool has_void,
                                  std::int64_t void_value, std::uint8_t *to, bool &odd) {
    const __m256i most = _mm256_set1_epi32(255);
    const __m256i nothing = _mm256_set1_epi32(static_cast<std::int32_t>(void_value));
    __m256i found = _mm256_setzero_si256();
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        __m256i low[2];
        for (int k = 0; k < 2; ++k) {
            const __m256i a =
                _mm256_loadu_si256(reinterpret_cast<const __m256i *>(labels + i + 8 * k));
            low[k] = _mm256_min_epu32(a, most);
            if (has_void)
                found =
                    _mm256_or_si256(found, _mm256_andnot_si256(_mm256_cmpeq_epi32(a, nothing),
                                                               _mm256_cmpeq_epi32(low[k], most)));
        }
        const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(low[0], low[1]), 0xd8);
        _mm_storeu_si128(
            reinterpret_cast<__m128i *>(to + i),
            _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
    }
    odd |= !_mm256_testz_si256(found, found);
    return i;
}
inline std::int64_t narrow_blocks(const std::int64_t *labels, std::int64_t count, bool has_void,
                                  std::int64_t void_value, std::uint8_t *to, bool &odd) {
    const __m256i zero = _mm256_setzero_si256(), most = _mm256_set1_epi32(255);
    const __m256i nothing = _mm256_set1_epi64x(void_value);
    __m256i found = zero;
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        __m256i low[2];
        for (int k = 0; k < 2; ++k) {
            const __m256i *from = reinterpret_cast<const __m256i *>(labels + i + 8 * k);
            const __m256 a = _mm256_castsi256_ps(_mm256_loadu_si256(from));
            const __m256 b = _mm256_castsi256_ps(_mm256_loadu_si256(from + 1));
            const __m256i halves = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88));
            const __m256i signs = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd));
            const __m256i small = _mm256_cmpeq_epi32(signs, zero);
            // What has a high half is 2^32 - 1, and 255 like all above it.
            low[k] = _mm256_min_epu32(
                _mm256_or_si256(halves, _mm256_andnot_si256(small, _mm256_set1_epi32(-1))), most);
            if (!has_void) continue;
            const __m256i other = _mm256_castps_si256(_mm256_shuffle_ps(
                _mm256_castsi256_ps(_mm256_cmpeq_epi64(_mm256_castps_si256(a), nothing)),
                _mm256_castsi256_ps(_mm256_cmpeq_epi64(_mm256_castps_si256(b), nothing)), 0x88));
            found = _mm256_or_si256(found,
                                    _mm256_andnot_si256(other, _mm256_cmpeq_epi32(low[k], most)));
        }
        const __m256i words = _mm256_packus_epi32(low[0], low[1]);
        const __m256i bytes = _mm256_packus_epi16(words, words);
        // Pairs of labels ended in the order 0 2 4 6 | 1 3 5 7 of the lanes.
        const __m128i even = _mm256_castsi256_si128(bytes);
        const __m128i later = _mm256_extracti128_si256(bytes, 1);
        _mm_storeu_si128(reinterpret_cast<__m128i *>(to + i), _mm_unpacklo_epi16(even, later));
    }
    odd |= !_mm256_testz_si256(found, found);
    return i;
}
#else
template <class L> inline std::int64_t narrow_blocks(const L *, std::int64_t, bool, std::int64_t,
                                                     std::uint8_t *, bool &) {
    return 0;
}
#endif

// True where a value other than `void_value` became 255 and there is one to be told from.
template <class L> inline bool narrow_labels(const char *from, std::int64_t step,
                                             std::int64_t count, bool has_void,
                                             std::int64_t void_value, std::uint8_t *to) {
    using Wide = std::uint64_t;
    bool odd = false;
    if (step == static_cast<std::int64_t>(sizeof(L))) {
        const L *labels = reinterpret_cast<const L *>(from);
        std::int64_t done = 0;
        // A void value that the type cannot hold must not be cut down to one that it can.
        constexpr bool is_signed = static_cast<L>(-1) < static_cast<L>(0);
        if constexpr (sizeof(L) >= 4 && is_signed)
            if (void_value == static_cast<std::int64_t>(static_cast<L>(void_value)))
                done = narrow_blocks(labels, count, has_void, void_value, to, odd);
        for (std::int64_t i = done; i < count; ++i) {
            const Wide value = static_cast<Wide>(wide(labels[i]));
            to[i] = static_cast<std::uint8_t>(value < 255 ? value : 255);
        }
        if (has_void)
            for (std::int64_t i = done; i < count; ++i)
                odd |= (to[i] == 255) & (wide(labels[i]) != void_value);
        return odd;
    }
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t label = wide(*reinterpret_cast<const L *>(from + i * step));
        const bool high = static_cast<Wide>(label) >= 255;
        to[i] = static_cast<std::uint8_t>(high ? 255 : label);
        odd |= high & has_void & (label != void_value);
    }
    return odd;
}

inline bool narrow(const LabelView &map, const char *from, std::int64_t count, bool has_void,
                   std::int64_t void_value, std::uint8_t *to) {
    bool odd = false;
#define SEGPOST_NARROW(L)                                                                          \
    odd = narrow_labels<L>(from, map.stride_w, count, has_void, void_value, to)
    SEGPOST_EACH_LABEL(map.dtype, SEGPOST_NARROW)
#undef SEGPOST_NARROW
    return odd;
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
