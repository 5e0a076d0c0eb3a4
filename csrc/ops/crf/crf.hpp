// The dense CRF of Kraehenbuehl & Koltun (arXiv:1210.5644): arguments.
//
// Q(i, l) <- softmax over l of (log p(i, l) + sum over terms of A K^ Q), where K^ is a Gaussian of
// the pixels' features between all pairs of pixels, normalised, and A is a small matrix of labels.
#pragma once

#include "ops/view.hpp"

namespace segpost {

enum class UnaryKind : int { probabilities, logits, energies };

// [L, D, H, W]
struct UnaryView {
    const char *data = nullptr;
    DType dtype = DType::f32;
    UnaryKind unary_kind = UnaryKind::probabilities;
    double clamp = 0.0; // of probabilities, from below
    std::int64_t labels = 0, d = 0, h = 0, w = 0;
    std::int64_t stride_l = 0, stride_d = 0, stride_h = 0, stride_w = 0;

    std::int64_t rows() const { return d * h; }
    std::int64_t pixels() const { return d * h * w; }
    const char *row(std::int64_t y) const { return data + (y / h) * stride_d + (y % h) * stride_h; }
};

constexpr double probability_slack = 1e-3; // what rounding may add to a probability

// Unary values that are none; `first` is the smallest flat index, -1 for none.
struct UnaryErrors {
    std::int64_t count = 0, first = -1;                     // NaN or infinite, into (L, D, H, W)
    std::int64_t out_of_range = 0, out_of_range_first = -1; // no probabilities
    std::int64_t infeasible = 0,
                 infeasible_first = -1; // pixels without a possible label, into (D, H, W)

    bool any() const { return count || out_of_range || infeasible; }
    static void add(std::int64_t &count, std::int64_t &first, std::int64_t place) {
        ++count;
        if (first < 0 || place < first) first = place;
    }
    static void join(std::int64_t &count, std::int64_t &first, std::int64_t n, std::int64_t place) {
        count += n;
        if (place >= 0 && (first < 0 || place < first)) first = place;
    }
    void merge(const UnaryErrors &other) {
        join(count, first, other.count, other.first);
        join(out_of_range, out_of_range_first, other.out_of_range, other.out_of_range_first);
        join(infeasible, infeasible_first, other.infeasible, other.infeasible_first);
    }
};

// [D, H, W, G], uint8 or float32; no channels: places alone.
struct GuideView {
    const char *data = nullptr;
    DType dtype = DType::u8;
    std::int64_t channels = 0;
    std::int64_t stride_d = 0, stride_h = 0, stride_w = 0, stride_c = 0;
};

constexpr int most_features = 32; // of a term

enum class CompatibilityKind : int { scalar, vector, matrix };
enum class Normalization : int { symmetric, row, column, none };

struct PairwiseJob {
    bool has_places = true;
    double sigma[3] = {1, 1, 1}; // along D, H, W
    GuideView guide;
    const double *guide_sigma = nullptr;   // [G]
    const double *guide_range = nullptr;   // [2, G] least and largest; null: 0 and 255
    const double *compatibility = nullptr; // [1], [L] or [L, L]
    CompatibilityKind kind = CompatibilityKind::scalar;
    Normalization normalization = Normalization::symmetric;
};

// How the lattice is made; see quality in crf.py.
struct LatticeConfig {
    std::int64_t passes = 1;  // blurs along every axis, the second backwards
    double blur_weight = 0.5; // weight of a neighbour, whose own is 1
    double scale = 1.0;       // vertices are this much closer than variances say
    double wide_blur_weight = 0.5, wide_scale = 1.0; // the same where few pixels share a vertex
    std::int64_t small_passes = 1;                   // and of small images in which many do
    double small_blur_weight = 0.5, small_scale = 1.0;
    std::int64_t bridge_min = 0; // vertices that one without pixels has to join; 0: there are none
    double prune_bound = 1e-5;   // bound on what labels without a chance may weigh together
};

// [L, D, H, W] float32
struct ProbabilityView {
    char *data = nullptr;
    std::int64_t stride_l = 0, stride_d = 0, stride_h = 0, stride_w = 0;
};

struct CrfStep {
    double entropy, unary, pairwise, change;
};

} // namespace segpost
