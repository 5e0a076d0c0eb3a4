// Labels and the sum of powers of a block of pixels, whose logits are read once and then come from
// the first cache. Only included by argmax_pixels.simd.cpp.
#pragma once

#include "cpu/labels/confidence.hpp"
#include "cpu/simd/load.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr std::int64_t block = 128; // pixels whose classes are looked at together

// The largest logit and its class; a NaN may be passed over. Logits are copied to `kept`,
// [C][block], unless they are there.
template <bool there> void rank_and_keep(const float *planes, std::int64_t pitch,
                                         std::int64_t classes, float *kept, float *best,
                                         std::int32_t *label) {
    constexpr int n = 4; // vectors in flight
    for (std::int64_t x = 0; x < block; x += n * lanes) {
        F most[n];
        I index[n];
        for (int k = 0; k < n; ++k) {
            most[k] = load<F>(planes + x + k * lanes);
            index[k] = I{};
            if (!there) store(kept + x + k * lanes, most[k]);
        }
        for (std::int64_t c = 1; c < classes; ++c) {
            const float *plane = planes + c * pitch + x;
            const I here = broadcast<I>(static_cast<std::int32_t>(c));
            for (int k = 0; k < n; ++k) {
                const F value = load<F>(plane + k * lanes);
                if (!there) store(kept + c * block + x + k * lanes, value);
                index[k] = select((I)(value > most[k]), here, index[k]);
                most[k] = max(value, most[k]);
            }
        }
        for (int k = 0; k < n; ++k) {
            store(best + x + k * lanes, most[k]);
            store(label + x + k * lanes, index[k]);
        }
    }
}

template <bool there> void rank_and_keep(const double *planes, std::int64_t pitch,
                                         std::int64_t classes, double *kept, double *best,
                                         std::int32_t *label) {
    for (std::int64_t x = 0; x < block; ++x) {
        best[x] = planes[x];
        label[x] = 0;
    }
    for (std::int64_t c = 0; c < classes; ++c)
        for (std::int64_t x = 0; x < block; ++x) {
            const double value = kept[c * block + x] = planes[c * pitch + x];
            label[x] = value > best[x] ? static_cast<std::int32_t>(c) : label[x];
            best[x] = value > best[x] ? value : best[x];
        }
}

// Exponents of two: differences to the largest logits, of `lanes` pixels.
inline F exponents(const float *values, F best, float unit) {
    return (load<F>(values) - best) * unit;
}
inline F exponents(const double *values, const double *best, double unit) {
    float lane[lanes];
    for (int i = 0; i < lanes; ++i) lane[i] = static_cast<float>((values[i] - best[i]) * unit);
    return load<F>(lane);
}

// One over the sum of powers; true where that is NaN. The largest power is 1: sums begin at -1, so
// that what is small beside it is not lost. The next block of planes is fetched meanwhile.
template <bool fast, class T> bool sum_powers(const T *kept, const T *best, std::int64_t classes,
                                              double scale, float *confidence, const T *planes,
                                              std::int64_t pitch) {
    constexpr int degree = Confidence<fast>::degree;
    const T unit = static_cast<T>(scale * log2_e);
    I special{};
    for (std::int64_t x = 0; x < block; x += lanes) {
        const T *from = kept + x;
        const auto power = [&](std::int64_t c) {
            __builtin_prefetch(planes + c * pitch + block + x);
            if constexpr (sizeof(T) == 4)
                return power_of_two<degree>(exponents(from + c * block, load<F>(best + x), unit));
            else
                return power_of_two<degree>(exponents(from + c * block, best + x, unit));
        };
        F sum = broadcast<F>(-1.0f);
        std::int64_t c = 0;
        for (; c + 4 <= classes; c += 4)
            sum += (power(c) + power(c + 1)) + (power(c + 2) + power(c + 3));
        for (; c < classes; ++c) sum += power(c);
        const F sure = broadcast<F>(1.0f) / (sum + 1.0f);
        special |= sure != sure;
        store(confidence + x, sure);
    }
    return any(special);
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
