// The exact label of an interpolated pixel, which ops/labels/labels.hpp defines: the one place
// where the value of a class is computed in float64, for every backend.
//
// A backend says where the logits around a pixel come from. Its Source has
//     corners                 how many there are: 4 of a cell, 8 of a cell of a volume
//     Value                   their type: float where float32 holds the logits, else double
//     load_class(c, to)       copies those of class c to an array of `corners` values
//
// All is in an unnamed namespace: every object file has a copy of its own, compiled for its own
// instructions.
#pragma once

#include "ops/labels/labels.hpp"

namespace segpost {
namespace {

// Weights of the corners of one output pixel, in the order in which the definition adds them.
template <int corners> struct CornerWeights {
    double of[corners];

    // The value of a class. A corner of weight zero contributes nothing, not even a NaN.
    template <class T> SEGPOST_HOST_DEVICE double sum(const T (&corner)[corners]) const {
        double total = of[0] == 0 ? 0.0 : of[0] * static_cast<double>(corner[0]);
        for (int i = 1; i < corners; ++i)
            total += of[i] == 0 ? 0.0 : of[i] * static_cast<double>(corner[i]);
        return total;
    }
};

// Corners 00, 01, 10, 11 of (y, x).
SEGPOST_HOST_DEVICE inline CornerWeights<4> corner_weights(const Axis &y, std::int64_t row,
                                                           const Axis &x, std::int64_t column) {
    return {{y.w0[row] * x.w0[column], y.w0[row] * x.w1[column], y.w1[row] * x.w0[column],
             y.w1[row] * x.w1[column]}};
}

// Corners 000, 001, 010, 011, 100, 101, 110, 111 of (z, y, x).
SEGPOST_HOST_DEVICE inline CornerWeights<8> corner_weights(const Axis &z, std::int64_t slice,
                                                           const Axis &y, std::int64_t row,
                                                           const Axis &x, std::int64_t column) {
    CornerWeights<8> weights;
    for (int i = 0; i < 8; ++i) {
        const double along_z = i & 4 ? z.w1[slice] : z.w0[slice];
        const double along_y = i & 2 ? y.w1[row] : y.w0[row];
        const double along_x = i & 1 ? x.w1[column] : x.w0[column];
        weights.of[i] = along_z * along_y * along_x;
    }
    return weights;
}

// The label of a pixel from the values of its classes, in the order of the classes: the first NaN,
// or else the first maximum.
class ExactLabel {
  public:
    SEGPOST_HOST_DEVICE explicit ExactLabel(std::int32_t first_class = 0) : label_(first_class) {}

    SEGPOST_HOST_DEVICE void add(std::int32_t c, double value) {
        if (is_nan_) return;
        is_nan_ = value != value;
        if (is_nan_ || value > best_) {
            best_ = value;
            label_ = c;
        }
    }
    SEGPOST_HOST_DEVICE std::int32_t label() const { return label_; }
    SEGPOST_HOST_DEVICE bool is_nan() const { return is_nan_; }
    // Whether there is no answer: a NaN, or nothing but -inf.
    SEGPOST_HOST_DEVICE bool is_undefined() const { return is_nan_ || best_ == -__builtin_inf(); }

    // Whether there is one, of a value that is not infinite.
    SEGPOST_HOST_DEVICE bool is_finite() const {
        return !is_undefined() && best_ < __builtin_inf();
    }

  private:
    double best_ = -__builtin_inf();
    std::int32_t label_;
    bool is_nan_ = false;
};

// Classes to compare: those of `list`, or all of them where it is null.
struct Candidates {
    const std::int32_t *list;
    std::int32_t count;

    SEGPOST_HOST_DEVICE std::int32_t operator[](std::int32_t i) const { return list ? list[i] : i; }
};

// In the caller's loop over pixels the compiler sees weights and corners, and keeps what does not
// change.
template <class Source> SEGPOST_HOST_DEVICE __attribute__((always_inline)) inline ExactLabel
evaluate_exact(const Source &source, const CornerWeights<Source::corners> &weights,
               const Candidates &candidates) {
    ExactLabel result(candidates[0]);
    for (std::int32_t i = 0; i < candidates.count; ++i) {
        const std::int32_t c = candidates[i];
        typename Source::Value corner[Source::corners];
        source.load_class(c, corner);
        result.add(c, weights.sum(corner));
    }
    return result;
}

} // namespace
} // namespace segpost
