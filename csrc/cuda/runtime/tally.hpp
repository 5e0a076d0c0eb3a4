// Bad values that threads meet: each keeps its own, and a warp adds them to a Tally at once.
#pragma once

#include "gpu.hpp"

#include "cuda/runtime/run.hpp"

namespace segpost::gpu {

// What one thread met.
struct BadValues {
    unsigned count = 0;
    unsigned long long first = 0; // as in Tally

    __device__ void add(unsigned times, std::int64_t place) {
        const unsigned long long here = ~static_cast<unsigned long long>(place);
        count += times;
        if (times && here > first) first = here;
    }
};

// For every lane of a warp to call; `to` is null where nothing is counted.
__device__ inline void report(Tally *to, const BadValues &met) {
    constexpr unsigned all_lanes = 0xffffffffu;
    if (!to || !__any_sync(all_lanes, met.count != 0)) return;
    unsigned long long count = met.count, first = met.first;
    for (int by = 16; by; by /= 2) {
        count += __shfl_xor_sync(all_lanes, count, by);
        const unsigned long long other = __shfl_xor_sync(all_lanes, first, by);
        if (other > first) first = other;
    }
    if (threadIdx.x % 32 == 0) {
        atomicAdd(&to->count, count);
        atomicMax(&to->first, first);
    }
}

} // namespace segpost::gpu
