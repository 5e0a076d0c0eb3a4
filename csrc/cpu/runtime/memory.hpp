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

// Uninitialised values, aligned to cache lines.
template <class T> class Values {
  public:
    T *reserve(std::int64_t count) {
        if (count > size_) {
            memory_ = allocate((size_ = count) * static_cast<std::int64_t>(sizeof(T)));
            advise_large_pages(memory_.get(), static_cast<std::size_t>(size_) * sizeof(T));
        }
        return data();
    }
    T *data() const { return reinterpret_cast<T *>(memory_.get()); }

  private:
    Memory memory_;
    std::int64_t size_ = 0;
};
using Floats = Values<float>;

} // namespace segpost
