// Sorts and sums by cub.
#include "cuda/runtime/sorting.hpp"

#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_scan.cuh>

#include <algorithm>

namespace segpost::gpu {

std::size_t sorting_workspace(std::int64_t count) {
    std::size_t pairs = 0, keys = 0, sums = 0;
    const Name *names = nullptr;
    const unsigned *numbers = nullptr;
    check(cub::DeviceRadixSort::SortPairs(nullptr, pairs, names, const_cast<Name *>(names), numbers,
                                          const_cast<unsigned *>(numbers), count),
          "sort");
    check(cub::DeviceRadixSort::SortKeys(nullptr, keys, names, const_cast<Name *>(names), count),
          "sort");
    check(cub::DeviceScan::InclusiveSum(nullptr, sums, numbers, const_cast<unsigned *>(numbers),
                                        count),
          "sums");
    return std::max({pairs, keys, sums});
}

void sort_pairs(Stream stream, void *workspace, std::size_t size, const Name *names, Name *sorted,
                const unsigned *values, unsigned *moved, std::int64_t count, int bits) {
    check(cub::DeviceRadixSort::SortPairs(workspace, size, names, sorted, values, moved, count, 0,
                                          bits, stream),
          "sort");
}

void sort_names(Stream stream, void *workspace, std::size_t size, const Name *names, Name *sorted,
                std::int64_t count, int bits) {
    check(cub::DeviceRadixSort::SortKeys(workspace, size, names, sorted, count, 0, bits, stream),
          "sort");
}

void inclusive_sum(Stream stream, void *workspace, std::size_t size, const unsigned *from,
                   unsigned *to, std::int64_t count) {
    check(cub::DeviceScan::InclusiveSum(workspace, size, from, to, count, stream), "sums");
}

} // namespace segpost::gpu
