// How unlike the pixels of an image are to a term, seen before its lattice is built.
#pragma once

#include "ops/crf/crf.hpp"

namespace segpost {

// Pixels of a row that are compared with one another; every so many rows are looked at.
constexpr std::int64_t compared_pixels = 16, rows_apart = 8;

// Which pixels those are.
struct ComparedPixels {
    std::int64_t rows, groups,
        length; // rows looked at, groups of pixels of each, pixels of a group

    SEGPOST_HOST_DEVICE ComparedPixels(std::int64_t image_rows, std::int64_t width)
        : rows((image_rows + rows_apart - 1) / rows_apart),
          groups(width < compared_pixels ? 1 : width / compared_pixels),
          length(width < compared_pixels ? width : compared_pixels) {}
    SEGPOST_HOST_DEVICE std::int64_t count() const { return rows * groups; }
    SEGPOST_HOST_DEVICE std::int64_t row(std::int64_t group) const {
        return group / groups * rows_apart;
    }
    SEGPOST_HOST_DEVICE std::int64_t column(std::int64_t group) const {
        return group % groups * compared_pixels;
    }
};

// How many of the pixels of a group have a feature more than one standard deviation away from every
// pixel before them. value(i, c): of channel c of the guide at pixel i. Only comparisons: all
// backends count the same.
template <class Value>
SEGPOST_HOST_DEVICE std::int64_t count_unlike(std::int64_t length, double place_sigma,
                                              std::int64_t channels, const double *guide_sigma,
                                              const Value &value) {
    std::int64_t unlike = 0;
    for (std::int64_t i = 0; i < length; ++i) {
        bool is_like = false;
        for (std::int64_t j = i - 1; j >= 0 && !is_like; --j) {
            is_like = static_cast<double>(i - j) <= place_sigma;
            for (std::int64_t c = 0; c < channels && is_like; ++c) {
                const double a = value(i, c), b = value(j, c);
                is_like = (a < b ? b - a : a - b) <= guide_sigma[c];
            }
        }
        unlike += !is_like;
    }
    return unlike;
}

// The standard deviation of places along a row; without those no pixel is too far away.
inline double place_sigma_of(const PairwiseJob &job) {
    return job.has_places ? job.sigma[2] : static_cast<double>(compared_pixels);
}

// Where more pixels are unlike those before them a vertex has fewer pixels: the recipe goes from
// the one to the other as that share goes from the first to the second. Small images have another
// one below the third.
constexpr double narrow_share = 0.2, wide_share = 0.6, small_share = 0.4;
constexpr std::int64_t small_pixels = 1 << 15;

inline LatticeConfig recipe_of(const LatticeConfig &config, std::int64_t unlike,
                               const ComparedPixels &compared, std::int64_t pixels) {
    const double share =
        static_cast<double>(unlike) / static_cast<double>(compared.count() * compared.length);
    const double t = (share - narrow_share) / (wide_share - narrow_share);
    const double width = t < 0 ? 0.0 : t > 1 ? 1.0 : t;
    LatticeConfig recipe = config;
    if (pixels <= small_pixels && share < small_share) {
        recipe.passes = config.small_passes;
        recipe.blur_weight = config.small_blur_weight;
        recipe.scale = config.small_scale;
        return recipe;
    }
    recipe.blur_weight += width * (config.wide_blur_weight - config.blur_weight);
    recipe.scale += width * (config.wide_scale - config.scale);
    return recipe;
}

} // namespace segpost
