// Runs of regions, as operations on objects take them.
#pragma once

#include <cstdint>

namespace segpost {

// Runs of regions, sorted by region, of each by column, then by row.
struct RegionRuns {
    std::int64_t regions;
    const std::int64_t *offsets; // [regions + 1]
    const std::int32_t *column, *top, *bottom;
};

} // namespace segpost
