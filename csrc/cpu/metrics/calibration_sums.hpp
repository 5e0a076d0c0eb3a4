// The sums of a task while its pixels are measured, a vector at a time. Only included by
// calibration_cells.simd.cpp.
#pragma once

#include "cpu/labels/confidence.hpp"
#include "ops/metrics/calibration.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr float ln_2 = 0.6931471806f;
constexpr float lowest_exponent = -1000.0f; // whose power is 0 at every temperature

// log(1 + t) for t > -1, within 3e-7 of it and absolutely: a small t keeps its digits.
template <class V> inline V logarithm_of_more(V t) {
    using W = IntOf<V>;
    const W bits = (W)((UIntOf<V>)(t + 1.0f) - 0x3f3504f3u);
    const W n = bits >> 23;
    const V m = (V)((bits & 0x7fffff) + 0x3f3504f3);
    const V more = n == 0 ? t : m - 1.0f;
    const V s = more / (more + 2.0f), z = s * s;
    V p = broadcast<V>(2.0f / 9);
    p = fma(p, z, broadcast<V>(2.0f / 7));
    p = fma(p, z, broadcast<V>(2.0f / 5));
    p = fma(p, z, broadcast<V>(2.0f / 3));
    p = fma(p * z, s, s + s);
    const V e = __builtin_convertvector(n, V);
    return fma(e, broadcast<V>(0.693359375f), fma(e, broadcast<V>(-2.12194440e-4f), p));
}

template <class V> inline void add_wide(double *sums, V values) {
    using D = typename Vec<lanes_of<V>>::f64;
    store(sums, load<D>(sums) + __builtin_convertvector(values, D));
}
inline double sum_lanes(const double *sums) {
    double total = 0.0;
    for (int i = 0; i < lanes; ++i) total += sums[i];
    return total;
}

// A vector of pixels: powers are those of two below a largest exponent.
template <class V> struct MeasuredPixels {
    V others;  // the sum of the powers, less one
    V most;    // the largest power
    V squares; // the sum of the squares of the powers
    V target;  // the exponent of the target's class
    IntOf<V> code, label, valid;
};

class PixelSums {
  public:
    PixelSums(const CalibrationJob &job, Scratch &scratch)
        : intervals_(job.intervals), bins_(job.bins), classes_(job.logits.c),
          both_(scratch.take<std::uint64_t>(intervals_)),
          confidence_(scratch.take<double>(intervals_)),
          class_both_(scratch.take<std::uint64_t>(classes_ * bins_)),
          class_confidence_(scratch.take<double>(classes_ * bins_)),
          class_totals_(scratch.take<double>(bins_ ? classes_ * lanes : 0)),
          targets_(scratch.take<std::int64_t>(classes_)), loss_(scratch.take<double>(2 * lanes)),
          curve_(scratch.take<double>(3 * temperatures * lanes)),
          top_(scratch.take<double>(lanes)) {
        if (scratch.counting()) return;
        clear(both_, intervals_), clear(confidence_, intervals_);
        clear(class_both_, classes_ * bins_), clear(class_confidence_, classes_ * bins_);
        clear(class_totals_, bins_ ? classes_ * lanes : 0), clear(targets_, classes_);
        clear(loss_, 2 * lanes), clear(curve_, 3 * temperatures * lanes), clear(top_, lanes);
    }

    void add_targets(std::int32_t c, std::int64_t count) { targets_[c] += count; }

    // Returns one over the sum of the powers, 0 for pixels that are not measured; `possible` are
    // those whose target is.
    template <class V> V add(const MeasuredPixels<V> &pixels, IntOf<V> &possible) {
        const V inverse = broadcast<V>(1.0f) / (pixels.others + 1.0f);
        const V of_target = power_of_two<Confidence<false>::degree>(pixels.target) * inverse;
        const V brier = fma(pixels.squares * inverse, inverse, 1.0f - 2.0f * of_target);
        const V nll = logarithm_of_more(pixels.others) - ln_2 * pixels.target;
        const IntOf<V> valid = pixels.valid;
        possible = valid & (IntOf<V>)(nll < static_cast<float>(most_nll));
        add_wide(loss_, valid ? brier : V{});
        add_wide(loss_ + lanes, possible ? nll : V{});
        const std::uint32_t bits = mask_bits(valid);
        measured += __builtin_popcount(bits);
        impossible += __builtin_popcount(bits & ~mask_bits(possible));
        add_confidence(valid ? pixels.most * inverse : V{}, valid, bits,
                       mask_bits(valid & (IntOf<V>)(pixels.label == pixels.code)));
        return valid ? inverse : V{};
    }

    // The probabilities of a class, of pixels whose bin is not the first; `hits` are those of the
    // class.
    template <class V>
    void add_class(std::int32_t c, V probability, std::uint32_t bits, std::uint32_t hits) {
        constexpr int n = lanes_of<V>;
        float value[n];
        std::int32_t index[n];
        store(value, probability);
        store(index, __builtin_convertvector(probability * static_cast<float>(bins_), IntOf<V>));
        const std::int64_t first = c * bins_;
        for (; bits; bits &= bits - 1) {
            const int i = __builtin_ctz(bits);
            const std::int64_t at = first + min<std::int64_t>(index[i], bins_ - 1);
            class_both_[at] += 1 + (static_cast<std::uint64_t>(hits >> i & 1) << 32);
            class_confidence_[at] += value[i];
        }
    }
    template <class V> void add_class_total(std::int32_t c, V probability) {
        add_wide(class_totals_ + c * lanes, probability);
    }
    float second_bin() const { return 1.0f / static_cast<float>(bins_); }

    template <class V> void add_curve(const V *values) {
        for (std::int64_t i = 0; i < 3 * temperatures; ++i) add_wide(curve_ + i * lanes, values[i]);
    }

    // A pixel by the definition: powers of e below the largest logit.
    template <class Below>
    void add_exactly(const Below &below, std::int32_t code, std::int32_t label) {
        double sum = 0.0, squares = 0.0, most = 0.0;
        for (std::int64_t c = 0; c < classes_; ++c) {
            const double power = __builtin_exp(below(c));
            sum += power, squares += power * power;
            most = max(most, power);
        }
        ++targets_[code], ++measured;
        add_one(both_, confidence_, intervals_, most / sum, label == code);
        for (std::int64_t c = 0; bins_ && c < classes_; ++c) {
            const double probability = __builtin_exp(below(c)) / sum;
            class_totals_[c * lanes] += probability;
            if (probability * static_cast<double>(bins_) >= 1.0)
                add_one(class_both_ + c * bins_, class_confidence_ + c * bins_, bins_, probability,
                        code == c);
        }
        const double target = below(code), nll = __builtin_log(sum) - target;
        loss_[0] += squares / (sum * sum) - 2.0 * __builtin_exp(target) / sum + 1.0;
        if (!(nll < most_nll)) {
            ++impossible;
            return;
        }
        loss_[lanes] += nll;
        double temperature = largest_temperature;
        for (std::int64_t k = 0; k < temperatures; ++k, temperature /= 2) {
            double total = 0.0, first = 0.0, second = 0.0;
            for (std::int64_t c = 0; c < classes_; ++c) {
                const double exponent = max(below(c), -1e6); // where its power is 0
                const double power = __builtin_exp(exponent / temperature);
                total += power, first += power * exponent, second += power * exponent * exponent;
            }
            const double mean = first / total;
            curve_[3 * k * lanes] += __builtin_log(total) - target / temperature;
            curve_[(3 * k + 1) * lanes] += mean - target;
            curve_[(3 * k + 2) * lanes] += second / total - mean * mean;
        }
    }

    void write(CalibrationSums &out) const {
        for (std::int64_t k = 0; k < intervals_; ++k) {
            unpack(both_[k], out.counts + 2 * k);
            out.confidence[k] = confidence_[k];
        }
        const std::int64_t last = intervals_ - 1;
        out.counts[2 * last] += top_pixels, out.counts[2 * last + 1] += top_hits;
        out.confidence[last] += sum_lanes(top_);
        for (std::int64_t c = 0; bins_ && c < classes_; ++c) {
            std::int64_t pixels = measured, hits = targets_[c], *counts = out.class_counts;
            double rest = sum_lanes(class_totals_ + c * lanes);
            counts += 2 * c * bins_;
            for (std::int64_t k = 1; k < bins_; ++k) {
                const std::int64_t at = c * bins_ + k;
                unpack(class_both_[at], counts + 2 * k);
                pixels -= counts[2 * k], hits -= counts[2 * k + 1];
                out.class_confidence[at] = class_confidence_[at];
                rest -= class_confidence_[at];
            }
            counts[0] = pixels, counts[1] = hits;
            out.class_confidence[c * bins_] = rest > 0.0 ? rest : 0.0;
        }
        for (std::int64_t i = 0; i < 2; ++i) out.loss[i] = sum_lanes(loss_ + i * lanes);
        for (std::int64_t i = 0; i < 3 * temperatures; ++i)
            out.curve[i / 3][i % 3] = sum_lanes(curve_ + i * lanes);
        out.pixels[0] = measured, out.pixels[1] = ignored;
        out.pixels[2] = invalid, out.pixels[3] = impossible;
    }

    std::int64_t measured = 0, ignored = 0, invalid = 0, impossible = 0;

  private:
    template <class N> static void clear(N *numbers, std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) numbers[i] = N{};
    }
    static void unpack(std::uint64_t both, std::int64_t *counts) {
        counts[0] = static_cast<std::int64_t>(both & 0xffffffffu);
        counts[1] = static_cast<std::int64_t>(both >> 32);
    }
    static void add_one(std::uint64_t *both, double *sums, std::int64_t count, double value,
                        bool hit) {
        const std::int64_t index = min<std::int64_t>(
            static_cast<std::int64_t>(value * static_cast<double>(count)), count - 1);
        both[index] += 1 + (static_cast<std::uint64_t>(hit) << 32);
        sums[index] += value;
    }

    template <class V>
    void add_confidence(V confidence, IntOf<V> valid, std::uint32_t bits, std::uint32_t hits) {
        constexpr int n = lanes_of<V>;
        const float scale = static_cast<float>(intervals_);
        const auto last = broadcast<IntOf<V>>(static_cast<std::int32_t>(intervals_ - 1));
        const IntOf<V> number = __builtin_convertvector(confidence * scale, IntOf<V>);
        const IntOf<V> place = number < last ? number : last;
        if (!any((IntOf<V>)(valid & (IntOf<V>)(place != last)))) { // most pixels of most networks
            add_wide(top_, confidence);
            top_pixels += __builtin_popcount(bits), top_hits += __builtin_popcount(hits);
            return;
        }
        float value[n];
        std::int32_t index[n];
        store(value, confidence);
        store(index, place);
        for (; bits; bits &= bits - 1) {
            const int i = __builtin_ctz(bits);
            both_[index[i]] += 1 + (static_cast<std::uint64_t>(hits >> i & 1) << 32);
            confidence_[index[i]] += value[i];
        }
    }

    std::int64_t intervals_, bins_, classes_;
    std::uint64_t *both_; // [intervals] pixels, and above 32 bits those that are right
    double *confidence_;
    std::uint64_t *class_both_; // [classes, bins], of which the first bin is empty: it is the rest
    double *class_confidence_;
    double *class_totals_; // [classes, lanes] of all bins
    std::int64_t *targets_;
    double *loss_, *curve_; // [.., lanes]
    double *top_;           // [lanes] confidence of vectors that lie in the last interval
    std::int64_t top_pixels = 0, top_hits = 0;
};

} // namespace
} // namespace segpost::SEGPOST_LEVEL
