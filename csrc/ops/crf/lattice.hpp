// A permutohedral lattice before any pixel is seen: where its vertices are, and what their names.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "ops/crf/crf.hpp"

namespace segpost {

// Bridges of many vertices would cost more than they are worth: only the busiest are built. Those
// of few vertices cost nothing that counts: all are.
constexpr std::int64_t few_vertices = 1 << 14, many_vertices = 1 << 16;
constexpr std::int64_t many_bridged = 6;

// How many vertices a missing one has to join.
inline std::int64_t vertices_bridged(const LatticeConfig &config, std::int64_t vertices) {
    if (config.bridge_min < 2) return config.bridge_min;
    if (vertices <= few_vertices) return 1;
    return vertices > many_vertices ? many_bridged : config.bridge_min;
}

// Factors of a normalisation; a pixel that nobody reaches gets none.
SEGPOST_HOST_DEVICE inline double root(double sum) { return sum > 0 ? 1.0 / std::sqrt(sum) : 0.0; }
SEGPOST_HOST_DEVICE inline double reciprocal(double sum) { return sum > 0 ? 1.0 / sum : 0.0; }

// Whether what pixels send, and what they get, is divided.
inline bool normalizes_before(Normalization kind) {
    return kind == Normalization::symmetric || kind == Normalization::column;
}
inline bool normalizes_after(Normalization kind) {
    return kind == Normalization::symmetric || kind == Normalization::row;
}

// What normalising by `factor` makes of what a pixel sends to itself.
SEGPOST_HOST_DEVICE inline double both_ways(Normalization kind, double factor) {
    if (kind == Normalization::none) return 1;
    return kind == Normalization::symmetric ? factor * factor : factor;
}

// A bound on the sum of a row of the normalised kernel, whose sums before that are in low..high.
inline double row_bound(Normalization kind, double low, double high) {
    if (kind == Normalization::row) return 1;
    if (kind == Normalization::none || high <= 0) return high;
    return kind == Normalization::symmetric ? std::sqrt(high / low) : high / low;
}

// The axis that step i of a blur goes along: every other pass over the axes is backwards.
inline std::int64_t axis_of_pass(std::int64_t i, std::int64_t corners) {
    return (i / corners) % 2 ? corners - 1 - i % corners : i % corners;
}

struct LatticeShape {
    std::int64_t corners = 0; // of a simplex: features + 1
    std::int64_t passes = 1;
    double blur_weight = 0.5;
    double sigma[3] = {0, 0, 0}; // along D, H, W; 0: no feature
    std::vector<float> factors;  // of features, to coordinates
    double scale = 1.0;          // of its kernel to exp(-d^2 / 2), where it is not normalised
    std::vector<double> paths;   // see response

    LatticeShape(const PairwiseJob &job, std::int64_t d, std::int64_t h, std::int64_t w,
                 const LatticeConfig &config)
        : passes(config.passes), blur_weight(config.blur_weight) {
        const std::int64_t extent[] = {d, h, w};
        std::int64_t features = job.guide.channels;
        for (int i = 0; i < 3 && job.has_places; ++i) {
            if (extent[i] == 1) continue;
            last[i] = static_cast<double>(extent[i] - 1);
            sigma[i] = job.sigma[i];
            ++features;
        }
        corners = features + 1;
        const double n = static_cast<double>(corners);
        // Variances, in steps of an axis: 2 blur_weight / (1 + 2 blur_weight) a blur, 1/6 for going
        // there and back.
        const double step = config.scale * std::sqrt(static_cast<double>(passes) * 2 * blur_weight /
                                                         (1 + 2 * blur_weight) +
                                                     1.0 / 6);
        for (std::int64_t i = 0; i < features; ++i)
            factors.push_back(
                static_cast<float>(step * n / std::sqrt(static_cast<double>((i + 1) * (i + 2)))));
        // Its mass to that of exp(-x^2 / 2).
        constexpr double pi = 3.14159265358979323846; // M_PI is not in every standard library
        scale = std::pow(std::sqrt(2 * pi) * step, static_cast<double>(features)) * std::sqrt(n) /
                std::pow(1.0 + 2 * blur_weight, n * static_cast<double>(passes));
        for (std::int64_t m = 0; m <= corners; ++m) paths.push_back(response(m));
    }

    // The largest value of every feature, the least being 0.
    std::vector<double> largest(const PairwiseJob &job) const {
        std::vector<double> features;
        for (int i = 0; i < 3; ++i)
            if (sigma[i] > 0) features.push_back(last[i] / sigma[i]);
        const std::int64_t channels = job.guide.channels;
        for (std::int64_t c = 0; c < channels; ++c) {
            const double range =
                job.guide_range ? job.guide_range[channels + c] - job.guide_range[c] : 255.0;
            features.push_back(range / job.guide_sigma[c]);
        }
        return features;
    }

  private:
    double last[3] = {0, 0, 0}; // place along D, H, W

    // What a blur of all axes carries from a vertex to another of its simplex, m corners away,
    // where no vertex is missing: m axes have one step more than the others, and equal steps along
    // all lead nowhere.
    double response(std::int64_t m) const {
        const double once[] = {0, blur_weight, 1, blur_weight, 0};
        const double twice[] = {blur_weight * blur_weight, 2 * blur_weight,
                                1 + 2 * blur_weight * blur_weight, 2 * blur_weight,
                                blur_weight * blur_weight};
        double sum = 0;
        for (int t = -3; t <= 2; ++t) {
            const auto step = [&](int by) {
                return by < -2 || by > 2 ? 0.0 : (passes > 1 ? twice : once)[by + 2];
            };
            sum += std::pow(step(t + 1), static_cast<double>(m)) *
                   std::pow(step(t), static_cast<double>(corners - m));
        }
        return sum;
    }
};

// Coordinates of vertices and simplices: from -least on, so many, neighbours included. `features`
// are the largest values of features that are never negative.
struct CoordinateRanges {
    std::vector<double> least, count;

    CoordinateRanges(const std::vector<double> &features, const std::vector<float> &factors)
        : least(features.size() + 1, 0.0), count(features.size() + 1, 0.0) {
        const double margin = 4 * static_cast<double>(count.size()) + 8;
        double sum = 0;
        for (std::size_t i = features.size();; --i) {
            const double scaled = i ? features[i - 1] * static_cast<double>(factors[i - 1]) : 0.0;
            least[i] = std::ceil(scaled * static_cast<double>(i)) + margin;
            count[i] = least[i] + std::ceil(sum) + margin;
            sum += scaled;
            if (i == 0) break;
        }
    }
};

// An odd number (splitmix64).
inline std::uint64_t random_factor(std::size_t i) {
    std::uint64_t z = (i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) | 1;
}

// Names of vertices and simplices: integer coordinates times a factor each, added up modulo 2^64. A
// neighbour's name is that of the vertex plus a constant. Where the coordinates' ranges multiply to
// less than 2^63 no two have the same name; else names are random.
struct Naming {
    std::vector<std::uint64_t> factor;
    bool unique = true;

    explicit Naming(const std::vector<double> &ranges) {
        double product = 1;
        for (const double range : ranges) product *= range;
        unique = product < 0x1p63;
        std::uint64_t step = 1;
        for (std::size_t i = 0; i < ranges.size(); ++i) {
            factor.push_back(unique ? step : random_factor(i));
            step *= static_cast<std::uint64_t>(unique ? ranges[i] : 1);
        }
    }
    std::uint64_t of(const std::int32_t *key, std::int64_t count) const {
        std::uint64_t name = 0;
        for (std::int64_t i = 0; i < count; ++i)
            name += factor[i] * static_cast<std::uint64_t>(key[i]);
        return name;
    }
    // What one step along an axis adds to the name of a vertex, which has all coordinates but the
    // last.
    std::uint64_t change(std::int64_t axis, std::int64_t corners) const {
        std::uint64_t sum = 0;
        for (std::int64_t i = 0; i < corners - 1; ++i)
            sum += factor[i] * static_cast<std::uint64_t>(i == axis ? 1 - corners : 1);
        return sum;
    }
};

} // namespace segpost
