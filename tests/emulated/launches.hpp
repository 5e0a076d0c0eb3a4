// What a device would be asked to do, in order: kernels, copies, and what cub does; and which
// memory it would move.
#pragma once

#include <cstddef>
#include <cstdint>

struct dim3;

namespace segpost::gpu {

// A kernel in a grid of `blocks` blocks of `threads` threads, until `end_kernel`.
void begin_kernel(const void *kernel, const dim3 &blocks, const dim3 &threads, std::size_t shared);
void end_kernel();
// Of anything else: a word, and its bytes or numbers.
void record_work(const char *name, std::int64_t size);

// Bytes that one launch reads and writes, each counted once, and those that its blocks touch, each
// counted once a block; atomics on global memory. All are 0 where kernels are not watched.
struct Traffic {
    std::int64_t read, written, touched_by_blocks, atomics;
};
void begin_traffic();
void begin_block();
void see_atomic(const void *address);
Traffic end_traffic();
void *watched_memory(std::size_t bytes); // null: memory is not watched
bool is_watched(const void *memory);

} // namespace segpost::gpu
