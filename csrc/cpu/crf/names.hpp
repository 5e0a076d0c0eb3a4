// Names of the vertices of a lattice, by which they are found and brought into order.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "ops/crf/lattice.hpp"

namespace segpost {

// A vertex is differences of coordinates: (x_i - x_{i+1}) / corners, which are integers. A step
// along axis i adds one to the difference before i and takes one from that of i. So its name is a
// sum of multiples, a step adds a constant, and axes of one half leave differences as they are that
// belong to the other. Where all differences fit 62 bits the name holds each in bits of its own,
// the first ones in front; else names are random.
struct VertexNames {
    bool unique = true;
    std::vector<std::uint64_t> factor; // of differences
    std::uint64_t origin = 0;          // added, so that no difference is negative

    // `features` are the largest values of features that are never negative.
    VertexNames(const std::vector<double> &features, const std::vector<float> &factors)
        : corners_(static_cast<std::int64_t>(features.size()) + 1) {
        constexpr double margin = 6; // a simplex, a neighbour of it without pixels, and its own
        constexpr int most_bits = 62;
        std::vector<double> least, count;
        double before = 0; // of the feature before, in steps
        for (std::size_t i = 0; i < features.size(); ++i) {
            const double here =
                features[i] * static_cast<double>(factors[i]) / static_cast<double>(corners_);
            least.push_back(std::ceil(static_cast<double>(i) * before) + margin);
            count.push_back(least[i] + std::ceil(static_cast<double>(i + 2) * here) + margin);
            before = here;
        }
        shift_.resize(features.size() + 1, 0);
        for (std::size_t i = features.size(); i-- > 0;) {
            while (std::ldexp(1.0, shift_[i] - shift_[i + 1]) < count[i] && shift_[i] <= most_bits)
                ++shift_[i];
            if (i) shift_[i - 1] = shift_[i];
        }
        unique = shift_[0] <= most_bits;
        for (std::size_t i = 0; i < features.size(); ++i) {
            factor.push_back(unique ? std::uint64_t{1} << shift_[i + 1] : random_factor(i));
            if (unique) origin += factor[i] * static_cast<std::uint64_t>(least[i]);
        }
    }
    // Of corner 0 of a simplex, whose coordinates are multiples of the number of corners.
    std::uint64_t of(const std::int32_t *key, std::int32_t corners) const {
        std::uint64_t name = origin;
        for (std::int32_t i = 0; i + 1 < corners; ++i) {
            const std::int32_t difference = (key[i] - key[i + 1]) / corners;
            name += factor[static_cast<std::size_t>(i)] * static_cast<std::uint64_t>(difference);
        }
        return name;
    }
    // What one step along an axis adds to the name of a vertex.
    std::uint64_t change(std::int64_t axis) const {
        const auto i = static_cast<std::size_t>(axis);
        return (i ? factor[i - 1] : 0) - (i < factor.size() ? factor[i] : 0);
    }
    // What no step along an axis of the half changes, where names are unique.
    std::uint64_t common(std::uint64_t name, bool second_half) const {
        const std::int64_t half = first_half(corners_);
        if (!second_half) return name & ((std::uint64_t{1} << shift_[half]) - 1);
        return half > 1 ? name >> shift_[half - 1] : 0;
    }

    // How many axes are the first half.
    static std::int64_t first_half(std::int64_t corners) { return corners / 2; }

  private:
    std::int64_t corners_;
    std::vector<int> shift_; // where bits of a difference end
};

} // namespace segpost
