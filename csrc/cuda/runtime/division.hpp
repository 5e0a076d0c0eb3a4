// Division of places. Only included by *.cu.
#pragma once

#include <cstdint>

namespace segpost::gpu {
namespace {

// a / b of numbers that are not negative. Few need a division of 64 bits, which is long.
__device__ inline std::int64_t divide(std::int64_t a, std::int64_t b) {
    if (a < b) return 0;
    return (a | b) >> 32 ? a / b : static_cast<unsigned>(a) / static_cast<unsigned>(b);
}

} // namespace
} // namespace segpost::gpu
