// Memory aligned to cache lines.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>

#include "cpu/runtime/system.hpp"

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
        advise_large_pages(memory_.get(), static_cast<std::size_t>(size_) * 4);
    }
    float *data() const { return reinterpret_cast<float *>(memory_.get()); }

  private:
    Memory memory_;
    std::int64_t size_ = 0;
};

} // namespace segpost
