// Which memory kernels read and write, where they were compiled with -fsanitize=thread: the
// compiler calls what is below at every access, and no library of that sanitizer is linked.
//
// Memory counts by sectors, as a device moves it: once a launch, and once a block of a launch.
#include "launches.hpp"

#include <sys/mman.h>

#include <initializer_list>

namespace segpost::gpu {
namespace {

char *arena = nullptr; // all memory of the device
std::size_t used = 0;

} // namespace

bool is_watched(const void *address) {
    return arena && static_cast<std::size_t>(static_cast<const char *>(address) - arena) < used;
}

namespace {

constexpr std::size_t reserved = std::size_t{8} << 30, sector = 32; // bytes
using Epoch = std::uint32_t;

// When each sector was last seen.
struct Seen {
    Epoch *of_sector = nullptr;
    Epoch now = 0;
    std::int64_t sectors = 0;

    void touch(std::size_t at) {
        if (of_sector[at] == now) return;
        of_sector[at] = now;
        ++sectors;
    }
    void begin() { ++now, sectors = 0; }
};

Seen read_by_launch, written_by_launch, touched_by_block;
std::int64_t touched_by_blocks = 0, atomics = 0;

template <class T> T *reserve(std::size_t bytes) {
    void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<T *>(memory);
}

template <class Use> void each_sector(const void *address, std::size_t size, const Use &use) {
    if (!is_watched(address)) return;
    const auto first = static_cast<std::size_t>(static_cast<const char *>(address) - arena);
    for (std::size_t at = first / sector; at <= (first + size - 1) / sector; ++at) {
        use(at);
        touched_by_block.touch(at);
    }
}

void see_read(const void *address, std::size_t size) {
    each_sector(address, size, [](std::size_t at) { read_by_launch.touch(at); });
}
void see_write(const void *address, std::size_t size) {
    each_sector(address, size, [](std::size_t at) { written_by_launch.touch(at); });
}

} // namespace

void *watched_memory(std::size_t bytes) {
    if (!arena) return nullptr;
    char *memory = arena + used;
    used += (bytes + 255) / 256 * 256 + 256;
    return used <= reserved ? memory : nullptr;
}

void begin_traffic() {
    if (!arena) return;
    for (Seen *seen : {&read_by_launch, &written_by_launch}) seen->begin();
    touched_by_blocks = atomics = 0;
}
void begin_block() {
    if (!arena) return;
    touched_by_blocks += touched_by_block.sectors;
    touched_by_block.begin();
}
void see_atomic(const void *address) { atomics += is_watched(address); }
Traffic end_traffic() {
    begin_block();
    const auto bytes = [](std::int64_t sectors) {
        return sectors * static_cast<std::int64_t>(sector);
    };
    return {bytes(read_by_launch.sectors), bytes(written_by_launch.sectors),
            bytes(touched_by_blocks), atomics};
}

} // namespace segpost::gpu

#define EXPORTED extern "C" __attribute__((visibility("default")))

// From now on the device's memory is watched; 0: there is not so much of it.
EXPORTED int emulated_watch_memory() {
    using namespace segpost::gpu;
    if (arena) return 1;
    for (Seen *seen : {&read_by_launch, &written_by_launch, &touched_by_block})
        if (!(seen->of_sector = reserve<Epoch>(reserved / sector * sizeof(Epoch)))) return 0;
    arena = reserve<char>(reserved);
    return arena != nullptr;
}
EXPORTED void *emulated_allocate(std::size_t bytes) { return segpost::gpu::watched_memory(bytes); }

#define SEE(size)                                                                                  \
    extern "C" void __tsan_read##size(void *address) { segpost::gpu::see_read(address, size); }    \
    extern "C" void __tsan_write##size(void *address) { segpost::gpu::see_write(address, size); }  \
    extern "C" void __tsan_unaligned_read##size(void *address) {                                   \
        segpost::gpu::see_read(address, size);                                                     \
    }                                                                                              \
    extern "C" void __tsan_unaligned_write##size(void *address) {                                  \
        segpost::gpu::see_write(address, size);                                                    \
    }
SEE(1)
SEE(2)
SEE(4)
SEE(8)
SEE(16)
extern "C" void __tsan_init() {}
extern "C" void __tsan_read_range(void *address, std::size_t size) {
    segpost::gpu::see_read(address, size);
}
extern "C" void __tsan_write_range(void *address, std::size_t size) {
    segpost::gpu::see_write(address, size);
}
extern "C" void __tsan_vptr_update(void *, void *) {}
extern "C" void __tsan_vptr_read(void *) {}
extern "C" void __tsan_func_entry(void *) {}
extern "C" void __tsan_func_exit() {}
