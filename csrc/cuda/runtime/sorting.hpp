// Sorts and sums of whole arrays.
#pragma once

#include "gpu.hpp"

namespace segpost::gpu {

using Name = unsigned long long;

// Memory that each of these works in, for so many.
std::size_t sorting_workspace(std::int64_t count);
// By the last `bits` of their names; equal ones keep their order.
void sort_pairs(Stream, void *workspace, std::size_t size, const Name *names, Name *sorted,
                const unsigned *values, unsigned *moved, std::int64_t count, int bits);
void sort_names(Stream, void *workspace, std::size_t size, const Name *names, Name *sorted,
                std::int64_t count, int bits);
// to[i] = from[0] + ... + from[i]
void inclusive_sum(Stream, void *workspace, std::size_t size, const unsigned *from, unsigned *to,
                   std::int64_t count);

} // namespace segpost::gpu
