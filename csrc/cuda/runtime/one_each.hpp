// A thread for each of so many things. Only included by *.cu.
#pragma once

#include "gpu.hpp"

namespace segpost::gpu {
namespace {

constexpr unsigned block_size = 256;

inline dim3 blocks_of(std::int64_t count, unsigned size = block_size) {
    return dim3(static_cast<unsigned>((count + size - 1) / size));
}
__device__ inline std::int64_t here() {
    return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

// The largest that a thread of the warp has; all of them have to ask.
template <class T> __device__ T most_of_warp(T value) {
    for (int by = 16; by; by /= 2) {
        const T other = __shfl_xor_sync(0xffffffffu, value, by);
        if (other > value) value = other;
    }
    return value;
}

} // namespace
} // namespace segpost::gpu
