// The pixels that pairs of regions share, from their runs.
#include "cpu/runtime/launch.hpp"
#include "cpu/runtime/poll.hpp"

#include <algorithm>

namespace segpost {
namespace {

// Runs first to last - 1 of a region.
struct RunRange {
    std::int64_t first, last;
};

RunRange runs_of(const RegionRuns &runs, std::int64_t region) {
    return {runs.offsets[region], runs.offsets[region + 1]};
}

// The first run of a range that is in a column or behind it.
std::int64_t find_column(const RegionRuns &runs, const RunRange &range, std::int32_t column) {
    const std::int32_t *const begin = runs.column;
    return std::lower_bound(begin + range.first, begin + range.last, column) - begin;
}

std::int64_t count_shared(const RegionRuns &regions, const RunRange &region,
                          const RegionRuns &others, const RunRange &other) {
    std::int64_t a = find_column(regions, region, others.column[other.first]);
    std::int64_t b = find_column(others, other, regions.column[region.first]);
    std::int64_t total = 0;
    while (a < region.last && b < other.last) {
        const std::int32_t x = regions.column[a], other_x = others.column[b];
        const std::int32_t end = regions.bottom[a], other_end = others.bottom[b];
        const std::int32_t shared =
            std::min(end, other_end) - std::max(regions.top[a], others.top[b]);
        total += x == other_x && shared > 0 ? shared : 0;
        const bool is_first = x < other_x || (x == other_x && end < other_end);
        a += is_first;
        b += !is_first;
    }
    return total;
}

} // namespace

bool launch_count_shared_pixels(const RegionPairs &job, const RegionRuns &regions,
                                const RegionRuns &others, const CancelToken &cancelled,
                                std::int64_t *pixels) {
    Poll poll(cancelled);
    for (std::int64_t i = 0; i < job.count; ++i) {
        const RunRange region = runs_of(regions, job.region[i]);
        const RunRange other = runs_of(others, job.other[i]);
        pixels[i] = 0;
        if (region.first == region.last || other.first == other.last) continue;
        if (regions.column[region.last - 1] < others.column[other.first] ||
            others.column[other.last - 1] < regions.column[region.first])
            continue;
        pixels[i] = count_shared(regions, region, others, other);
        if (poll(region.last - region.first + other.last - other.first)) return false;
    }
    return true;
}

} // namespace segpost
