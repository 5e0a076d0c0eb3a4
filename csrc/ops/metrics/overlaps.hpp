// Pixels that pairs of a predicted and a true segment share: arguments. Counts are int64 sums of
// integers, so that neither the order of additions nor the number of threads changes them.
#pragma once

#include "ops/view.hpp"

namespace segpost {

// The segment of a pixel is its values in the planes of a map: the images of its view.
struct OverlapJob {
    static constexpr std::int64_t most_planes = 3; // as MAX_PLANES of the contract

    LabelView preds, target; // of one size

    std::int64_t width() const { return preds.n + target.n; } // values of a pair
};

// The runs of a row: pixels side by side with one pair of segments.
struct PairRuns {
    std::int32_t *starts = nullptr; // [w]
    std::int64_t *values = nullptr; // [w, width]
};

} // namespace segpost
