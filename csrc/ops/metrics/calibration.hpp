// What pixels say of the probabilities of a network: arguments and sums.
//
// Exponents, powers and their sums are those of confidence (ops/labels/labels.hpp), so that a
// probability is within 1e-6 of float64. Its logarithm is taken of the sum of the powers of the
// other classes, and of the exponent of the target: what is small keeps its digits.
#pragma once

#include "ops/metrics/confusion.hpp"

namespace segpost {

constexpr int temperatures = 5; // 8, 4, 2, 1, 1/2: a power is the square of the one before
constexpr double largest_temperature = 8.0;
constexpr double most_nll = 1048576.0; // nats, from which on a target is impossible

struct CalibrationJob : ArgmaxJob { // labels are those of argmax; resampled, without threshold
    LabelView target;
    TargetRule rule;
    std::int64_t intervals = 1;    // of the confidence
    std::int64_t bins = 0;         // of the probability of each class; 0: without classes
    bool with_temperature = false; // sums at every temperature
};

// What a task adds.
struct CalibrationSums {
    std::int64_t *counts = nullptr;       // [intervals, 2] pixels, right ones
    double *confidence = nullptr;         // [intervals]
    std::int64_t *class_counts = nullptr; // [classes, bins, 2] pixels, those of the class
    double *class_confidence = nullptr;   // [classes, bins]
    double loss[2] = {};                  // Brier scores, NLL
    double curve[temperatures][3] = {};   // NLL, derivatives by 1 / temperature
    std::int64_t pixels[4] = {};          // measured, ignored, invalid, with an impossible target
};

// The caller's tables, to which tasks are added; a fraction is two integers: whole, 2^-40.
struct CalibrationTables {
    std::int64_t *counts = nullptr, *confidence = nullptr;
    std::int64_t *class_counts = nullptr, *class_confidence = nullptr;
    std::int64_t *loss = nullptr, *curve = nullptr, *pixels = nullptr;
};

} // namespace segpost
