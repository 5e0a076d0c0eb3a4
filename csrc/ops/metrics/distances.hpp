// Distances from the elements of classes in one map to their sites in the other: arguments. The
// words are those of segpost._core.distance_contract.
#pragma once

#include "ops/metrics/confusion.hpp"

namespace segpost {

enum class SurfaceElements : int { surfaces, corners, contours, regions };

struct SurfaceJob {
    LabelView preds, target; // n is the depth
    TargetRule rule;
    double spacing[3] = {1, 1, 1}; // z, y, x
    bool volume = false;
    SurfaceElements elements = SurfaceElements::surfaces;
};

} // namespace segpost
