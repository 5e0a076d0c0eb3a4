// Memory aligned to cache lines.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace segpost {

struct AlignedDelete {
    void operator()(char *p) const { ::operator delete[](p, std::align_val_t{64}); }
};
using Memory = std::unique_ptr<char[], AlignedDelete>;

inline Memory allocate(std::int64_t bytes) {
    const std::size_t size = static_cast<std::size_t>(std::max<std::int64_t>(bytes, 64));
    return Memory(static_cast<char *>(::operator new[](size, std::align_val_t{64})));
}

// Uninitialised floats, aligned to cache lines.
class Floats {
  public:
    void reserve(std::int64_t count) {
        if (count <= size_) return;
        memory_ = allocate((size_ = count) * 4);
#if defined(MADV_HUGEPAGE)
        constexpr std::uintptr_t page = 4096, worth_it = 4 << 20;
        const auto first = reinterpret_cast<std::uintptr_t>(memory_.get());
        const std::uintptr_t start = (first + page - 1) / page * page;
        const std::uintptr_t end = (first + static_cast<std::uintptr_t>(size_) * 4) / page * page;
        if (end > start + worth_it) // only advice
            madvise(reinterpret_cast<void *>(start), end - start, MADV_HUGEPAGE);
#endif
    }
    float *data() const { return reinterpret_cast<float *>(memory_.get()); }

  private:
    Memory memory_;
    std::int64_t size_ = 0;
};

} // namespace segpost
