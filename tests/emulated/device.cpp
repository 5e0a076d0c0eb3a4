// A device that is the CPU: its memory is the host's, and every copy is done at once.
#include "cuda/runtime/launch.hpp"

#include "launches.hpp"

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

namespace segpost::gpu {

int device_count(std::string &) { return 1; }

int capability(int) { return 0; } // no version of CUDA's

int device_of(const void *) { return 0; }

void use_device(int device, int &before) {
    before = 0;
    if (device != 0)
        throw std::runtime_error("there is one emulated device, not " + std::to_string(device));
}

// As little as was asked for, so that a sanitizer sees who goes beyond; aligned as cudaMalloc does.
void *allocate(std::size_t bytes) {
    void *memory = watched_memory(bytes);
    if (memory) return memory;
    if (posix_memalign(&memory, 256, bytes ? bytes : 1) != 0)
        throw std::runtime_error("allocating " + std::to_string(bytes) + " bytes on the device");
    std::memset(memory, 0xa5, bytes); // nobody may count on it
    return memory;
}

void release(void *memory) {
    if (!is_watched(memory)) std::free(memory);
}

void copy_in(void *to, const void *from, std::size_t bytes, std::uintptr_t) {
    record_work("upload", static_cast<std::int64_t>(bytes));
    if (bytes) std::memcpy(to, from, bytes);
}

void copy_out(void *to, const void *from, std::size_t bytes, std::uintptr_t) {
    record_work("download", static_cast<std::int64_t>(bytes));
    if (bytes) std::memcpy(to, from, bytes);
}

void clear(void *memory, std::size_t bytes, std::uintptr_t) {
    record_work("memset", static_cast<std::int64_t>(bytes));
    if (bytes) std::memset(memory, 0, bytes);
}

void copy_rows(Rows to, Rows from, std::size_t bytes, std::size_t rows, std::uintptr_t) {
    record_work("copy", static_cast<std::int64_t>(bytes * rows));
    for (std::size_t i = 0; i < rows; ++i)
        std::memcpy(static_cast<char *>(to.memory) + i * to.pitch,
                    static_cast<const char *>(from.memory) + i * from.pitch, bytes);
}

bool is_captured(std::uintptr_t) { return false; }
void wait_stream(std::uintptr_t, std::uintptr_t) {}
std::uintptr_t record_event(std::uintptr_t) { return 1; }
bool event_done(std::uintptr_t) { return true; }

} // namespace segpost::gpu
