// Sorts and sums of whole arrays on the CPU: what csrc/cuda/runtime/platform/nvidia/sorting.cu does
// by cub.
#include "cuda/runtime/sorting.hpp"

#include "launches.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace segpost::gpu {
namespace {

Name last_bits(Name name, int bits) { return bits >= 64 ? name : name & ((Name{1} << bits) - 1); }

} // namespace

std::size_t sorting_workspace(std::int64_t) { return 1; }

void sort_pairs(Stream, void *, std::size_t, const Name *names, Name *sorted,
                const unsigned *values, unsigned *moved, std::int64_t count, int bits) {
    record_work("sort pairs", count);
    std::vector<std::int64_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
        return last_bits(names[a], bits) < last_bits(names[b], bits);
    });
    for (std::int64_t i = 0; i < count; ++i) {
        sorted[i] = names[order[static_cast<std::size_t>(i)]];
        moved[i] = values[order[static_cast<std::size_t>(i)]];
    }
}

void sort_names(Stream, void *, std::size_t, const Name *names, Name *sorted, std::int64_t count,
                int bits) {
    record_work("sort", count);
    std::copy_n(names, count, sorted);
    std::stable_sort(sorted, sorted + count,
                     [&](Name a, Name b) { return last_bits(a, bits) < last_bits(b, bits); });
}

void inclusive_sum(Stream, void *, std::size_t, const unsigned *from, unsigned *to,
                   std::int64_t count) {
    record_work("sums", count);
    std::partial_sum(from, from + count, to);
}

} // namespace segpost::gpu
