// Launcher of the distances between surfaces.
#pragma once

#include "cpu/runtime/pool.hpp"
#include "ops/metrics/distances.hpp"

#include <vector>

namespace segpost {

// The fields of distance_contract.SurfaceDistances.
struct SurfaceDistances {
    std::vector<std::int64_t> offsets;
    std::vector<double> distances;
    std::vector<std::uint8_t> codes;
};

// out: of the predictions, of the target. False: the call was cancelled.
SEGPOST_EXPORT bool launch_surface_distances(const SurfaceJob &, const CancelToken &,
                                             SurfaceDistances (&out)[2]);

} // namespace segpost
