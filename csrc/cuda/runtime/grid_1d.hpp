// Grids with a thread for each of so many things. Only included by *.cu.
#pragma once

#include "cuda/runtime/warp.hpp"

namespace segpost::gpu {
namespace {

inline dim3 blocks_of(std::int64_t count, unsigned size = block_size) {
    return dim3(static_cast<unsigned>((count + size - 1) / size));
}
// Which of them this thread has.
__device__ inline std::int64_t thread_index() {
    return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

} // namespace
} // namespace segpost::gpu
