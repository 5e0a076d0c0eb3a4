#include "cpu/runtime/system.hpp"

#include <cstdint>
#include <pthread.h>
#include <sys/mman.h>

namespace segpost {

void call_in_forked_children(void (*function)()) { pthread_atfork(nullptr, nullptr, function); }

void advise_large_pages([[maybe_unused]] void *memory, [[maybe_unused]] std::size_t bytes) {
#if defined(MADV_HUGEPAGE)
    constexpr std::uintptr_t page = 4096, worth_it = 4 << 20;
    const auto first = reinterpret_cast<std::uintptr_t>(memory);
    const std::uintptr_t start = (first + page - 1) / page * page;
    const std::uintptr_t end = (first + bytes) / page * page;
    if (end > start + worth_it)
        madvise(reinterpret_cast<void *>(start), end - start, MADV_HUGEPAGE);
#endif
}

void stay_loaded() {} // the linker's -z nodelete

} // namespace segpost
