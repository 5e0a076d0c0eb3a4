// The runs of regions, as operations take them.
#pragma once

#include "bindings/convert.hpp"
#include "ops/objects/regions.hpp"

namespace segpost::bindings {

constexpr std::int64_t most_runs = std::int64_t{1}
                                   << 29; // four vertices each are numbered in int32

inline RegionRuns region_runs(const py::array &offsets, const py::array &column,
                              const py::array &top, const py::array &bottom) {
    RegionRuns job;
    job.regions = static_cast<std::int64_t>(offsets.size()) - 1;
    require(job.regions >= 0, "offsets");
    job.offsets = checked_pointer<std::int64_t>(offsets, job.regions + 1);
    for (std::int64_t i = 0; i <= job.regions; ++i)
        require(job.offsets[i] >= (i ? job.offsets[i - 1] : 0), "offsets");
    const std::int64_t runs = job.offsets[job.regions];
    require(runs < most_runs, "runs");
    job.column = checked_pointer<std::int32_t>(column, runs);
    job.top = checked_pointer<std::int32_t>(top, runs);
    job.bottom = checked_pointer<std::int32_t>(bottom, runs);
    return job;
}

} // namespace segpost::bindings
