// The sums of a task while its pixels are measured, a vector at a time. Only included by
// calibration_cells.simd.cpp.
#pragma once

#include "cpu/labels/confidence.hpp"
#include "ops/metrics/calibration.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr float ln_2 = 0.6931471806f;
constexpr float lowest_exponent = -1000.0f; // whose power is 0 at every temperature

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
    V total;   // the sum of the powers
    V most;    // the largest power
    V squares; // the sum of the squares of the powers
    V target;  // the exponent of the target's class
    IntOf<V> code, label, valid;
};

// The moments of the exponents of a vector of pixels at every temperature.
template <class V> struct Moments {
    V total[temperatures] = {}, first[temperatures] = {}, second[temperatures] = {};

    // `power` is that at the largest temperature.
    void add(V exponent, V power) {
        for (int k = 0; k < temperatures; ++k) {
            const V weighted = power * exponent;
            total[k] += power;
            first[k] += weighted;
            second[k] = fma(weighted, exponent, second[k]);
            power *= power;
        }
    }
    void add(V exponent) { add(exponent, power_at_largest(exponent)); }

    static V power_at_largest(V exponent) {
        return power_of_two<Confidence<false>::ratio_degree>(
            exponent * static_cast<float>(1 / largest_temperature));
    }

    // Adds the NLL and its derivatives.
    void write(V target, IntOf<V> possible, V *sums) const {
        float inverse = static_cast<float>(1 / largest_temperature);
        for (int k = 0; k < temperatures; ++k, inverse *= 2) {
            const V unit = broadcast<V>(1.0f) / total[k], mean = first[k] * unit;
            const V nll = logarithm(total[k]) - (ln_2 * inverse) * target;
            const V slope = ln_2 * (mean - target);
            const V curvature = (ln_2 * ln_2) * (second[k] * unit - mean * mean);
            sums[3 * k] += possible ? nll : V{};
            sums[3 * k + 1] += possible ? slope : V{};
            sums[3 * k + 2] += possible ? curvature : V{};
        }
    }
};

// Of some vectors, at most as many as a span has rows: the NLL is the logarithm of the product of
// the totals less the exponents of the targets.
template <class V> struct Losses {
    V totals = broadcast<V>(1.0f), targets{}, brier{};
};

// Pixels and the sum of their values, of equal intervals of 0..1. Both are fields of one integer,
// so that a pixel is one addition: the number above 44 bits, the sum in units of 2^-24.
class Packed {
  public:
    static constexpr int bits = 44;
    static constexpr float unit = 0x1p24f;
    static constexpr std::int64_t most = 1 << 19; // pixels until the fields are emptied

    Packed(std::int64_t count, Scratch &scratch)
        : count_(count), fields_(scratch.take<std::uint64_t>(count)),
          wrong_(scratch.take<std::uint32_t>(count)), pixels_(scratch.take<std::int64_t>(count)),
          sums_(scratch.take<double>(count)) {
        if (scratch.counting()) return;
        for (std::int64_t i = 0; i < count; ++i) {
            fields_[i] = 0, wrong_[i] = 0, pixels_[i] = 0;
            sums_[i] = 0.0;
        }
    }

    void add(std::int64_t at, std::int32_t units) {
        fields_[at] += (std::uint64_t{1} << bits) + static_cast<std::uint64_t>(units);
    }
    void add_wrong(std::int64_t at) { ++wrong_[at]; }
    void add_one(std::int64_t at, double value, bool hit) {
        ++pixels_[at];
        wrong_[at] += !hit;
        sums_[at] += value;
    }
    void empty() {
        for (std::int64_t i = 0; i < count_; ++i) {
            pixels_[i] += static_cast<std::int64_t>(fields_[i] >> bits);
            const auto units = fields_[i] & ((std::uint64_t{1} << bits) - 1);
            sums_[i] += static_cast<double>(units) / static_cast<double>(unit);
            fields_[i] = 0;
        }
    }
    std::int64_t pixels(std::int64_t at) const { return pixels_[at]; }
    std::int64_t hits(std::int64_t at) const { return pixels_[at] - wrong_[at]; }
    double sum(std::int64_t at) const { return sums_[at]; }

  private:
    std::int64_t count_;
    std::uint64_t *fields_;
    std::uint32_t *wrong_;
    std::int64_t *pixels_;
    double *sums_;
};

// The interval of every value, of `count`.
template <class V> inline IntOf<V> intervals_of(V values, std::int64_t count) {
    const auto last = broadcast<IntOf<V>>(static_cast<std::int32_t>(count - 1));
    const IntOf<V> number = __builtin_convertvector(values * static_cast<float>(count), IntOf<V>);
    return number < last ? number : last;
}

// Adds the values of some lanes to their intervals, from `first` on.
template <class V> inline void add_to_intervals(Packed &packed, std::int64_t first, IntOf<V> place,
                                                V values, std::uint32_t bits,
                                                std::uint32_t wrong_bits) {
    constexpr int n = lanes_of<V>;
    std::int32_t index[n], units[n];
    store(index, place);
    store(units, __builtin_convertvector(values * Packed::unit + 0.5f, IntOf<V>));
    if (bits == (n == 32 ? ~0u : (1u << n) - 1)) {
        for (int i = 0; i < n; ++i) packed.add(first + index[i], units[i]);
    } else {
        for (; bits; bits &= bits - 1) {
            const int i = __builtin_ctz(bits);
            packed.add(first + index[i], units[i]);
        }
    }
    for (; wrong_bits; wrong_bits &= wrong_bits - 1)
        packed.add_wrong(first + index[__builtin_ctz(wrong_bits)]);
}

class PixelSums {
  public:
    PixelSums(const CalibrationJob &job, Scratch &scratch)
        : intervals_(job.intervals), bins_(job.bins), classes_(job.logits.c),
          confidence_(intervals_, scratch), of_class_(classes_ * bins_, scratch),
          class_totals_(scratch.take<double>(bins_ ? classes_ * lanes : 0)),
          targets_(scratch.take<std::int64_t>(classes_)), loss_(scratch.take<double>(2 * lanes)),
          curve_(scratch.take<double>(3 * temperatures * lanes)),
          last_memory_(scratch.take<double>(lanes)) {
        if (scratch.counting()) return;
        clear(class_totals_, bins_ ? classes_ * lanes : 0), clear(targets_, classes_);
        clear(loss_, 2 * lanes), clear(curve_, 3 * temperatures * lanes);
        clear(last_memory_, lanes);
    }

    void add_targets(std::int32_t c, std::int64_t count) { targets_[c] += count; }

    // Returns one over the sum of the powers, 0 for pixels that are not measured; `possible` are
    // those whose target is.
    template <class V>
    V add(const MeasuredPixels<V> &pixels, IntOf<V> &possible, Losses<V> &losses) {
        constexpr float impossible_exponent = static_cast<float>(-most_nll / 0.6931471805599453);
        const V inverse = broadcast<V>(1.0f) / pixels.total;
        const V of_target = power_of_two<Confidence<false>::degree>(pixels.target) * inverse;
        const V brier = fma(pixels.squares * inverse, inverse, 1.0f - 2.0f * of_target);
        const IntOf<V> valid = pixels.valid;
        possible = valid & (IntOf<V>)(pixels.target > impossible_exponent);
        losses.totals *= possible ? pixels.total : broadcast<V>(1.0f);
        losses.targets += possible ? pixels.target : V{};
        losses.brier += valid ? brier : V{};
        const std::uint32_t bits = mask_bits(valid);
        measured += __builtin_popcount(bits);
        impossible += __builtin_popcount(bits & ~mask_bits(possible));
        const std::uint32_t wrong = mask_bits(valid & (IntOf<V>)(pixels.label != pixels.code));
        add_confidence(valid ? pixels.most * inverse : V{}, valid, bits, wrong);
        return valid ? inverse : V{};
    }
    template <class V> void add_losses(const Losses<V> &losses) {
        add_wide(loss_, losses.brier);
        add_wide(loss_ + lanes, logarithm(losses.totals) - ln_2 * losses.targets);
    }

    // The probabilities of a class, where `high`: their bin is not the first.
    template <class V> void add_class(std::int32_t c, V probability, IntOf<V> high, IntOf<V> code) {
        const std::uint32_t bits = mask_bits(high);
        if (!bits) return;
        const std::uint32_t wrong = mask_bits(high & (IntOf<V>)(code != broadcast<IntOf<V>>(c)));
        add_to_intervals(of_class_, c * bins_, intervals_of(probability, bins_), probability, bits,
                         wrong);
    }
    template <class V> void add_class_total(std::int32_t c, V probability) {
        add_wide(class_totals_ + c * lanes, probability);
    }
    float second_bin() const { return 1.0f / static_cast<float>(bins_); }

    template <class V> void add_curve(const V *values) {
        for (std::int64_t i = 0; i < 3 * temperatures; ++i) add_wide(curve_ + i * lanes, values[i]);
    }

    // Called often enough, it keeps the fields from overflowing.
    void empty_fields() {
        if (measured - emptied_ < Packed::most) return;
        confidence_.empty(), of_class_.empty();
        emptied_ = measured;
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
        confidence_.add_one(interval_of(most / sum, intervals_), most / sum, label == code);
        for (std::int64_t c = 0; bins_ && c < classes_; ++c) {
            const double probability = __builtin_exp(below(c)) / sum;
            class_totals_[c * lanes] += probability;
            const std::int64_t bin = interval_of(probability, bins_);
            if (bin) of_class_.add_one(c * bins_ + bin, probability, code == c);
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

    void write(CalibrationSums &out) {
        confidence_.empty(), of_class_.empty();
        for (std::int64_t k = 0; k < intervals_; ++k) {
            out.counts[2 * k] = confidence_.pixels(k), out.counts[2 * k + 1] = confidence_.hits(k);
            out.confidence[k] = confidence_.sum(k);
        }
        const std::int64_t last = intervals_ - 1;
        out.counts[2 * last] += last_pixels_,
            out.counts[2 * last + 1] += last_pixels_ - last_wrong_;
        out.confidence[last] += sum_lanes(last_memory_);
        for (std::int64_t c = 0; bins_ && c < classes_; ++c) {
            std::int64_t *const counts = out.class_counts + 2 * c * bins_;
            std::int64_t pixels = measured, hits = targets_[c];
            double rest = sum_lanes(class_totals_ + c * lanes); // of the first bin
            for (std::int64_t k = 1; k < bins_; ++k) {
                const std::int64_t at = c * bins_ + k;
                counts[2 * k] = of_class_.pixels(at), counts[2 * k + 1] = of_class_.hits(at);
                out.class_confidence[at] = of_class_.sum(at);
                pixels -= counts[2 * k], hits -= counts[2 * k + 1], rest -= of_class_.sum(at);
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
    static std::int64_t interval_of(double value, std::int64_t count) {
        return min<std::int64_t>(static_cast<std::int64_t>(value * static_cast<double>(count)),
                                 count - 1);
    }

    template <class V>
    void add_confidence(V confidence, IntOf<V> valid, std::uint32_t bits, std::uint32_t wrong) {
        const IntOf<V> place = intervals_of(confidence, intervals_);
        const auto last = broadcast<IntOf<V>>(static_cast<std::int32_t>(intervals_ - 1));
        if (any((IntOf<V>)(valid & (IntOf<V>)(place != last))))
            return add_to_intervals(confidence_, 0, place, confidence, bits, wrong);
        add_wide(last_memory_, confidence); // most pixels of most networks
        last_pixels_ += __builtin_popcount(bits), last_wrong_ += __builtin_popcount(wrong);
    }

    std::int64_t intervals_, bins_, classes_, emptied_ = 0;
    Packed confidence_, of_class_; // [intervals], [classes, bins] without those of the first bin
    double *class_totals_;         // [classes, lanes] of all bins
    std::int64_t *targets_;
    double *loss_, *curve_; // [.., lanes]
    double *last_memory_;   // [lanes] of vectors whose pixels all lie in the last interval
    std::int64_t last_pixels_ = 0, last_wrong_ = 0;
};

} // namespace
} // namespace segpost::SEGPOST_LEVEL
