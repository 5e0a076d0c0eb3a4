// What the terms of a dense CRF are computed on, made once an image.
#pragma once

#include <cmath>
#include <vector>

#include "cpu/runtime/launch.hpp"
#include "cpu/runtime/memory.hpp"
#include "ops/crf/lattice.hpp"

namespace segpost {

class Vertices;

// Vertices in the order in which a blur along an axis meets them.
struct Chains {
    Values<std::uint32_t> rows;             // and chain_margin more
    std::vector<std::int64_t> split_points; // between parts of the vertices
};

// A part of the vertices is blurred along all of these axes, one after the other, before the next.
struct AxisGroup {
    std::vector<std::int64_t> axes;
    std::int64_t parts = 0;
};

// A Gaussian of any features.
struct Lattice {
    CrfLattice view;
    Values<std::uint16_t> corner;
    Floats weight;
    std::vector<float> before, after, self_message;
    std::vector<std::int64_t> start;
    std::vector<std::uint32_t> vertex;
    std::vector<CrfJoint> joints;
    std::vector<Chains> chains; // an axis
    std::vector<AxisGroup> groups;
    Floats sums, rows; // of whatever they are stored as
    float blur_weight = 0.5f;
    double scale = 1.0; // of its kernel to exp(-d^2 / 2), where it is not normalised
    std::vector<double> paths;
    double reach = 0.0;        // bound on the sum of a row of the kernel
    double mass = 0.0;         // bound on what a vertex has where every pixel sends 1
    std::int64_t vertices = 0; // that pixels have

    // False: cancelled. Features must span less than 2^20 standard deviations.
    bool build(const PairwiseJob &, const UnaryView &shape, const std::vector<CrfTile> &,
               const LatticeConfig &, bool include_self, const CancelToken &);
    // Calls blur(chains, begin, end) for the axes of a group, in order, with the chains of a part.
    template <class Blur>
    void blur_part(const AxisGroup &group, std::int64_t part, const Blur &blur) const {
        for (const std::int64_t axis : group.axes) {
            const Chains &along = chains[static_cast<std::size_t>(axis)];
            const auto at = static_cast<std::size_t>(part);
            blur(along.rows.data(), along.split_points[at], along.split_points[at + 1]);
        }
    }

    // Makes room for rows of so many floats: float16 unless messages are differences of much larger
    // ones.
    void reserve(std::int64_t labels, std::int64_t row, bool are_differences);

  private:
    bool chain(const Vertices &, std::int64_t passes, const CancelToken &);
    bool sums_of_rows(const std::vector<CrfTile> &, std::vector<float> &values,
                      const CancelToken &) const;
    bool normalize(const PairwiseJob &, const std::vector<CrfTile> &, std::int64_t pixels,
                   bool include_self, const CancelToken &);
};

// A Gaussian of places in an image.
struct Grid {
    CrfGrid view;
    std::vector<float> taps_y, taps_x, in_y, in_x, out_y, out_x, before, after, self_message;
    std::vector<std::int64_t> strip_at;
    Floats strip, sums, rows;
    double reach = 0.0;

    void build(const PairwiseJob &, std::int64_t h, std::int64_t w, const std::vector<CrfTile> &,
               bool include_self);
    void reserve(std::int64_t row, const std::vector<CrfTile> &, std::int64_t h, std::int64_t w);
    void join_strips(const std::vector<CrfTile> &, std::int64_t h, std::int64_t w,
                     std::int64_t row) const;
};

} // namespace segpost
