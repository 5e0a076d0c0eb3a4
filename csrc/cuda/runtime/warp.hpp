// What the threads of a warp, its lanes, know of themselves and do together.
#pragma once

#include "gpu.hpp"

namespace segpost::gpu {
namespace {

constexpr LaneMask all_lanes = ~LaneMask{0};
constexpr unsigned block_size = 256; // threads, where a kernel has no number of its own
constexpr unsigned warps_of_block = block_size / warp_size;

__device__ inline unsigned lane_index() { return threadIdx.x % warp_size; }
__device__ inline unsigned warp_index() { return threadIdx.x / warp_size; } // in its block

// The largest value and the sum of `lanes` neighboring lanes, a power of two; every lane of the
// warp has to call, and each gets the result. The order of the additions is always the same.
template <class T> __device__ T warp_max(T value, int lanes = warp_size) {
    for (int by = lanes / 2; by; by /= 2) {
        const T other = __shfl_xor_sync(all_lanes, value, by);
        if (other > value) value = other;
    }
    return value;
}
__device__ inline float warp_max(float value, int lanes = warp_size) {
    for (int by = lanes / 2; by; by /= 2)
        value = fmaxf(value, __shfl_xor_sync(all_lanes, value, by));
    return value;
}
template <class T> __device__ T warp_sum(T value, int lanes = warp_size) {
    for (int by = lanes / 2; by; by /= 2) value += __shfl_xor_sync(all_lanes, value, by);
    return value;
}

} // namespace
} // namespace segpost::gpu
