// What a device would be asked to do, in order: kernels, copies, and what cub does.
#pragma once

#include <cstddef>
#include <cstdint>

struct dim3;

namespace segpost::gpu {

// Of a kernel; in a grid of `blocks` blocks of `threads` threads.
void record_kernel(const void *kernel, const dim3 &blocks, const dim3 &threads, std::size_t shared);
// Of anything else: a word, and its bytes or numbers.
void record_work(const char *name, std::int64_t size);

} // namespace segpost::gpu
