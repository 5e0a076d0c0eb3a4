// What the terms of a dense CRF are computed on, made once an image.
#pragma once

#include <cmath>
#include <vector>

#include "cpu/runtime/launch.hpp"
#include "cpu/runtime/memory.hpp"
#include "ops/crf/lattice.hpp"

namespace segpost {

// A Gaussian of any features.
struct Lattice {
    CrfLattice view;
    std::vector<std::uint16_t> corner;
    std::vector<float> weight, before, after, self_message;
    std::vector<std::int64_t> start;
    std::vector<std::uint32_t> vertex;
    std::vector<CrfJoint> joints;
    std::vector<std::vector<std::uint32_t>> chains; // an axis
    Floats sums, rows;                              // of whatever they are stored as
    std::int64_t passes = 1;
    float blur_weight = 0.5f;
    double scale = 1.0; // of its kernel to exp(-d^2 / 2), where it is not normalised
    std::vector<double> paths;
    double reach = 0.0;        // bound on the sum of a row of the kernel
    double mass = 0.0;         // bound on what a vertex has where every pixel sends 1
    std::int64_t vertices = 0; // that pixels have

    // False: cancelled. Features must span less than 2^20 standard deviations.
    bool build(const PairwiseJob &, const UnaryView &shape, const std::vector<CrfTile> &,
               const LatticeConfig &, bool include_self, const CancelToken &);
    // The pass of number i, of passes * corners: the axis it goes along.
    std::int64_t axis(std::int64_t i) const { return axis_of_pass(i, view.corners); }

    // Vertices of the chains of an axis.
    std::int64_t chain_length(std::int64_t axis) const {
        return static_cast<std::int64_t>(chains[static_cast<std::size_t>(axis)].size()) -
               chain_margin;
    }
    // Where chains of an axis may be cut into tasks of about so many vertices.
    std::vector<std::int64_t> chain_split_points(std::int64_t axis, std::int64_t step) const;

    // Makes room for rows of so many floats: float16 unless messages are differences of much larger
    // ones.
    void reserve(std::int64_t labels, std::int64_t row, bool are_differences);

  private:
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
