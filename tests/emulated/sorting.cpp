// Sorts and sums of whole arrays on the CPU: what csrc/cuda/runtime/platform/nvidia/sorting.cu does
// by cub.
#include "cuda/runtime/sorting.hpp"

#include "launches.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace segpost::gpu {
namespace {

Name last_bits(Name name, int bits) { return bits >= 64 ? name : name & ((Name{1} << bits) - 1); }

void record_sort(const char *what, int bits, std::int64_t count) {
    const std::string name = std::string(what) + " by " + std::to_string(bits) + " bits";
    record_work(name.c_str(), count);
}

} // namespace

std::size_t sorting_workspace(std::int64_t) { return 1; }

void sort_pairs(Stream, void *, std::size_t, const Name *names, Name *sorted,
                const unsigned *values, unsigned *moved, std::int64_t count, int bits) {
    record_sort("sort pairs", bits, count);
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
    record_sort("sort", bits, count);
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
