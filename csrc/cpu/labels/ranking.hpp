// The largest classes of as many pixels as a vector has lanes. Only included by *.simd.cpp.
//
// Classes are kept as keys: an exponent of two whose lowest bits are the class, so that a key takes
// two instructions a rank. That moves the exponent by less than 2^(bits - 23) of it; interpolation
// and up to 7 additions of steps of at most `steep` move it by 20u(|x| + steep), u = 2^-24. Where
// neighbors in the order, the first that is not wanted included, are closer than that, the pixel is
// ranked by the definition. Exponents are never above 0 but by rounding, and keys have the sign
// of -0: of equal exponents the first class is the largest key.
#pragma once

#include "cpu/labels/confidence_rows.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// The ranks that a kernel keeps: their number, or 0 for `count`, which is at most the number of the
// classes; whether with labels; and whether entropy is wanted.
template <int fixed, bool labels, bool entropy> struct Kept {
    static constexpr int most = fixed ? fixed : most_ranks;
    static constexpr bool with_labels = labels, with_entropy = entropy;
    static constexpr bool with_second = labels ? fixed == 0 : fixed > 1;
    std::int64_t count;

    std::int64_t ranks() const { return fixed ? fixed : count; }
};

class Keys {
  public:
    explicit Keys(std::int64_t classes) { // a class that is nowhere is one more
        const int bits = 64 - __builtin_clzll(static_cast<unsigned long long>(classes));
        mask_ = static_cast<std::int32_t>((std::int64_t{1} << min(bits, 22)) - 1);
        relative_ = static_cast<float>(mask_ + 1) * 0x1p-23f + 3e-6f;
    }

    template <class V> V key(V exponent, std::int32_t c) const {
        const auto low = broadcast<IntOf<V>>(c | sign);
        return (V)(((IntOf<V>)exponent & ~mask_) | low);
    }
    template <class V> IntOf<V> label(V key) const { return (IntOf<V>)key & mask_; }
    template <class V> V exponent(V key) const {
        return (V)(((IntOf<V>)key & ~mask_) | (mask_ / 2 + 1));
    }
    // Whether a key and the next in order may belong the other way round; `slack` is what the
    // definition may round. Classes at -inf are equal, their keys are not.
    template <class V> IntOf<V> is_close(V key, V next, float slack) const {
        const V limit = fma(next, broadcast<V>(-relative_), broadcast<V>(absolute + slack));
        return (key - next <= limit) | (key < broadcast<V>(infinite));
    }
    // Whether the exponent of a key is too coarse for a probability.
    bool is_coarse() const { return mask_ > 255; }

  private:
    static constexpr std::int32_t sign = static_cast<std::int32_t>(0x80000000u);
    static constexpr float infinite = -1e18f; // `nowhere`, even by the smallest weight
    static constexpr float absolute = 20 * 0x1p-23f * Confidence<false>::steep;

    std::int32_t mask_;
    float relative_;
};

template <class V> inline void put_in_order(V &a, V &b) {
    const V least = smaller(a, b);
    a = larger(a, b);
    b = least;
}

// What is known of the classes of a vector of pixels. Powers are of two. Classes are in order of
// their exponents, because small powers are all the same.
template <class V, class Keep> struct Ranking {
    static constexpr float none = -3e38f;

    V sum{}, weighted{};    // of the powers, and of the powers times their exponents
    V first{}, second{};    // the largest powers
    V best[Keep::most + 1]; // keys, the last is of a class that is not wanted

    void clear(const Keep &keep) {
        sum = weighted = first = second = V{};
        for (std::int64_t j = 0; Keep::with_labels && j <= keep.ranks(); ++j)
            best[j] = broadcast<V>(none);
    }

    void add_power(V exponent, V power) {
        sum += power;
        add_beside_sum(exponent, power);
    }
    // The exponent is used for entropy alone.
    void add_beside_sum(V exponent, V power) {
        if (Keep::with_entropy)
            weighted = fma(power, max(exponent, broadcast<V>(-126.0f)), weighted);
        if (Keep::with_second) second = larger(second, smaller(first, power));
        first = larger(first, power);
    }

    void insert(const Keep &keep, V key) {
        for (std::int64_t j = 0; j <= keep.ranks(); ++j) put_in_order(best[j], key);
    }
    // The least that the last key is at any of some pixels, less the rounding of an exponent.
    static V least(const Keep &keep, const Ranking *rankings, std::int64_t count) {
        V bound = rankings[0].best[keep.ranks()];
        for (std::int64_t k = 1; k < count; ++k) bound = min(bound, rankings[k].best[keep.ranks()]);
        return fma(bound, broadcast<V>(1.00001f), broadcast<V>(-2e-5f));
    }

    // Four keys, which are sorted; of two sorted lists the larger of a rank and of the opposite
    // rank are the largest of both.
    void insert_four(const Keep &keep, V (&key)[4]) {
        if constexpr (Keep::most == 3) {
            put_in_order(key[0], key[1]);
            put_in_order(key[2], key[3]);
            put_in_order(key[0], key[2]);
            put_in_order(key[1], key[3]);
            put_in_order(key[1], key[2]);
            for (int j = 0; j < 4; ++j) best[j] = larger(best[j], key[3 - j]);
            put_in_order(best[0], best[2]);
            put_in_order(best[1], best[3]);
            put_in_order(best[0], best[1]);
            put_in_order(best[2], best[3]);
        } else {
            for (int i = 0; i < 4; ++i) insert(keep, key[i]);
        }
    }
};

constexpr std::int64_t staged_columns = 128; // of rows that are copied when they are complete

// What a kernel knows of a block of cells.
template <class T> struct RankedWork : Work<T> {
    RankedWork(const RankingJob &job, const Tile &tile, Scratch &scratch)
        : Work<T>(job, tile, scratch), rest(scratch.take<std::int32_t>(job.logits.c)),
          strength(scratch.take<float>(job.logits.c)),
          staged_bytes(staged_columns * 4 * (3 + 2 * job.top)),
          staged(scratch.take<char>(most_rows * staged_bytes)) {}

    std::int32_t *rest;        // [C] listed classes that are not among the largest
    float *strength;           // [C] of those that may be
    std::int64_t staged_bytes; // of a row of all maps
    char *staged;              // [most_rows][staged_bytes]
    std::int64_t ranked = 0;   // the first of the list may be
    float slack = 0.0f;        // of exponents: what the definition may round
};

// What is written of a vector of pixels.
template <class V, class Keep> struct Ranked {
    V confidence, entropy{}, margin{};
    V probability[Keep::most];
    IntOf<V> label[Keep::most];
    IntOf<V> is_close{},
        is_cut_close{}; // whether the order is not sure; or which classes these are

    Ranked() = default;
    Ranked(const Keep &keep, const Keys &keys, const Ranking<V, Keep> &ranking, float slack) {
        const V unit = broadcast<V>(1.0f) / ranking.sum;
        const auto share = [&](V exponent) {
            return power_of_two<Confidence<false>::degree>(exponent) * unit;
        };
        confidence = ranking.first * unit;
        if (Keep::with_entropy) {
            constexpr float ln_2 = 0.6931471806f;
            const V nats = logarithm(ranking.sum) - broadcast<V>(ln_2) * ranking.weighted * unit;
            entropy = max(V{}, nats); // in this order a NaN stays
        }
        if (Keep::with_second) margin = confidence - ranking.second * unit;
        for (std::int64_t j = 0; Keep::with_labels && j < keep.ranks(); ++j) {
            probability[j] = j ? share(keys.exponent(ranking.best[j])) : confidence;
            label[j] = keys.label(ranking.best[j]);
            const IntOf<V> close = keys.is_close(ranking.best[j], ranking.best[j + 1], slack);
            if (j < keep.count - 1) is_close |= close;
            if (j == keep.count - 1) is_cut_close = close;
        }
        if (Keep::with_labels && !Keep::with_second) margin = confidence - probability[1];
    }
};

// The classes of a pixel in order, by the definition: a NaN is above all numbers, and of equal
// values the first class is first.
class ExactRanks {
  public:
    explicit ExactRanks(std::int64_t ranks) : ranks_(ranks) {}

    void add(std::int32_t c, double value) {
        std::int64_t at = min(count_, ranks_ - 1);
        if (count_ == ranks_ && !precedes(value, c, at)) return;
        for (; at > 0 && precedes(value, c, at - 1); --at) {
            value_[at] = value_[at - 1];
            label_[at] = label_[at - 1];
        }
        value_[at] = value;
        label_[at] = c;
        count_ = min(count_ + 1, ranks_);
    }
    std::int32_t label(std::int64_t rank) const { return label_[rank]; }
    double value(std::int64_t rank) const { return value_[rank]; }

  private:
    bool precedes(double value, std::int32_t c, std::int64_t rank) const {
        const double other = value_[rank];
        if (is_nan(value) != is_nan(other)) return is_nan(value);
        return value > other || (!(value < other) && c < label_[rank]);
    }

    std::int64_t ranks_, count_ = 0;
    double value_[most_ranks] = {};
    std::int32_t label_[most_ranks] = {};
};

} // namespace
} // namespace segpost::SEGPOST_LEVEL
