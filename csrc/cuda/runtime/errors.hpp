// Bad values: each thread counts its own, and a warp adds them to an ErrorCount at once.
#pragma once

#include "cuda/runtime/launch.hpp"
#include "cuda/runtime/warp.hpp"

namespace segpost::gpu {

// Those of one thread.
struct ThreadErrors {
    unsigned count = 0;
    unsigned long long first = 0; // as in ErrorCount

    __device__ void add(unsigned times, std::int64_t place) {
        const unsigned long long candidate = ~static_cast<unsigned long long>(place);
        count += times;
        if (times && candidate > first) first = candidate;
    }
};

// For every lane of a warp to call; `to` is null where nothing is counted.
__device__ inline void add_errors(ErrorCount *to, const ThreadErrors &errors) {
    if (!to || !__any_sync(all_lanes, errors.count != 0)) return;
    const unsigned long long count = warp_sum<unsigned long long>(errors.count);
    const unsigned long long first = warp_max(errors.first);
    if (lane_index() == 0) {
        atomicAdd(&to->count, count);
        atomicMax(&to->first, first);
    }
}

} // namespace segpost::gpu
