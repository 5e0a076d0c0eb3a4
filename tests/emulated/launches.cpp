// A list that Python reads by ctypes, see launches.py.
#include "launches.hpp"

#include "gpu.hpp"

#include <cstdio>
#include <string>

namespace {

bool recording = false;
std::string lines; // of words apart by tabs
segpost::gpu::Limits device = {2, 64 << 10, 64 << 10};

void add_number(std::size_t value) { lines += "\t" + std::to_string(value); }

void exported() {} // a place in this library that Python knows too

} // namespace

namespace segpost::gpu {

void begin_kernel(const void *kernel, const dim3 &blocks, const dim3 &threads, std::size_t shared) {
    if (!recording) return;
    const auto offset = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(kernel)) -
                        static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(&exported));
    lines += "kernel\t" + std::to_string(offset);
    add_number(std::size_t{blocks.x} * blocks.y * blocks.z);
    add_number(std::size_t{threads.x} * threads.y * threads.z);
    add_number(shared);
    begin_traffic();
}

void end_kernel() {
    if (!recording) return;
    const Traffic traffic = end_traffic();
    for (const std::int64_t value :
         {traffic.read, traffic.written, traffic.touched_by_blocks, traffic.atomics})
        add_number(static_cast<std::size_t>(value));
    lines += "\n";
}

void record_work(const char *name, std::int64_t size) {
    if (recording) lines += std::string(name) + "\t" + std::to_string(size) + "\n";
}

Limits limits() { return device; }

} // namespace segpost::gpu

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED void emulated_start_recording() {
    lines.clear();
    recording = true;
}
EXPORTED const char *emulated_stop_recording() {
    recording = false;
    return lines.c_str();
}
EXPORTED void emulated_set_limits(int processors, std::size_t shared, std::size_t all_shared) {
    device = {processors, shared, all_shared};
}
