// Areas and boxes of the queries of a map. Only included by *.cu.
//
// A block adds its pixels up in shared memory, a warp at once, and what it has of a query to the
// device's counts. These begin at zero: x0 and y0 are stored as the width minus x0 and the height
// minus y0, so that an atomic maximum finds the smallest.
#pragma once

#include "cuda/queries/points.hpp"

namespace segpost::gpu {
namespace {

constexpr int counted_together = static_cast<int>(block_size); // a thread has one query

struct SharedCounts {
    unsigned largest_area[counted_together], label_area[counted_together];
    int x0[counted_together], y0[counted_together], x1[counted_together], y1[counted_together];
};

__device__ inline void add_to(std::int64_t &count, unsigned value) {
    atomicAdd(reinterpret_cast<unsigned long long *>(&count), value);
}
__device__ inline void raise_to(std::int64_t &count, int value) {
    atomicMax(reinterpret_cast<unsigned long long *>(&count),
              static_cast<unsigned long long>(value));
}

// The pixels of a row of the tile, those of a warp, that belong to a query from `first` on.
__device__ inline void add_row(SharedCounts &shared, std::int64_t first, std::int64_t query,
                               bool is_labeled, const LabelView &map, const PixelTile &tile,
                               std::int64_t y) {
    const std::int64_t place = query - first;
    const bool is_counted = query >= 0 && place >= 0 && place < counted_together;
    const int key = is_counted ? static_cast<int>(place) : -1;
    for (unsigned left = __ballot_sync(all_lanes, is_counted); left;) {
        const int leader = __ffs(static_cast<int>(left)) - 1;
        const int k = __shfl_sync(all_lanes, key, leader);
        const unsigned same = __ballot_sync(all_lanes, key == k);
        const unsigned labeled = __ballot_sync(all_lanes, key == k && is_labeled);
        if (static_cast<int>(lane_index()) == leader) {
            atomicAdd(&shared.largest_area[k], static_cast<unsigned>(__popc(same)));
            if (labeled) {
                const int x0 = static_cast<int>(tile.x0) + __ffs(static_cast<int>(labeled)) - 1;
                const int x1 = static_cast<int>(tile.x0) + 32 - __clz(static_cast<int>(labeled));
                atomicAdd(&shared.label_area[k], static_cast<unsigned>(__popc(labeled)));
                atomicMax(&shared.x0[k], static_cast<int>(map.w) - x0);
                atomicMax(&shared.y0[k], static_cast<int>(map.h - y));
                atomicMax(&shared.x1[k], x1);
                atomicMax(&shared.y1[k], static_cast<int>(y) + 1);
            }
        }
        left &= ~same;
    }
}

// For all threads of a block: the query of each of their pixels, -1 for none, and whether the map
// has it there.
__device__ inline void count_pixels(SharedCounts &shared, const PixelTile &tile,
                                    const LabelView &map, std::int64_t count,
                                    const std::int64_t (&query)[pixels_of_thread],
                                    const bool (&is_labeled)[pixels_of_thread],
                                    QueryCounts *counts) {
    const int me = static_cast<int>(threadIdx.x);
    for (std::int64_t first = 0; first < count; first += counted_together) {
        shared.largest_area[me] = shared.label_area[me] = 0;
        shared.x0[me] = shared.y0[me] = shared.x1[me] = shared.y1[me] = 0;
        __syncthreads();
        for (int i = 0; i < pixels_of_thread; ++i)
            add_row(shared, first, query[i], is_labeled[i], map, tile, tile.row(i));
        __syncthreads();
        if (shared.largest_area[me] == 0) continue; // the same thread clears it
        QueryCounts &total = counts[first + me];
        add_to(total.largest_area, shared.largest_area[me]);
        add_to(total.label_area, shared.label_area[me]);
        raise_to(total.x0, shared.x0[me]), raise_to(total.y0, shared.y0[me]);
        raise_to(total.x1, shared.x1[me]), raise_to(total.y1, shared.y1[me]);
    }
}

// One label of a map of uint8 or int32.
__device__ inline void write_label(const LabelView &map, std::int64_t y, std::int64_t x,
                                   std::int64_t label) {
    if (map.dtype == DType::u8)
        reinterpret_cast<std::uint8_t *>(map.row(0, y))[x] = static_cast<std::uint8_t>(label);
    else
        reinterpret_cast<std::int32_t *>(map.row(0, y))[x] = static_cast<std::int32_t>(label);
}

} // namespace
} // namespace segpost::gpu
