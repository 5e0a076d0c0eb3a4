// Sums of counts, each with those before it, in a workspace that begins with the counts.
#pragma once

#include "cuda/runtime/sorting.hpp"

namespace segpost::gpu {

inline std::size_t bytes_of_counts(std::int64_t count) {
    constexpr std::size_t alignment = 256;
    return (static_cast<std::size_t>(count) * sizeof(unsigned) + alignment - 1) / alignment *
           alignment;
}
inline std::size_t scan_workspace(std::int64_t count) {
    return bytes_of_counts(count) + sorting_workspace(count);
}
inline void scan_counts(Stream stream, void *workspace, unsigned *ends, std::int64_t count) {
    inclusive_sum(stream, static_cast<char *>(workspace) + bytes_of_counts(count),
                  sorting_workspace(count), static_cast<const unsigned *>(workspace), ends, count);
}

} // namespace segpost::gpu
