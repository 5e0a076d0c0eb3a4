// Memory of the caller's allocator, kept as long as a solver lives.
#pragma once

#include "gpu.hpp"

#include <algorithm>
#include <vector>

#include "cuda/runtime/launch.hpp"

namespace segpost::gpu {

// An allocation takes longer than many a kernel, so small arrays share a chunk.
class Workspace {
  public:
    Workspace(AllocateFn allocate, Stream stream)
        : allocate_(std::move(allocate)), stream_(stream) {}
    Workspace(const Workspace &) = delete;

    Stream stream() const { return stream_; }
    template <class T> T *alloc(std::int64_t count) const {
        constexpr std::size_t line = 256;
        const std::size_t used = static_cast<std::size_t>(count > 0 ? count : 1) * sizeof(T);
        const std::size_t size = workspace_chunk ? (used + line - 1) / line * line : used;
        if (left_ < size) {
            left_ = std::max(size, workspace_chunk);
            next_ = static_cast<char *>(allocate_(left_));
        }
        char *const memory = next_;
        next_ += size, left_ -= size;
        return reinterpret_cast<T *>(memory);
    }
    template <class T> T *alloc_zeros(std::int64_t count) const {
        T *memory = alloc<T>(count);
        fill_zero(stream_, memory, static_cast<std::size_t>(count) * sizeof(T));
        return memory;
    }
    template <class T> T *upload(const std::vector<T> &host) const {
        T *memory = alloc<T>(static_cast<std::int64_t>(host.size()));
        gpu::upload(stream_, memory, host.data(), host.size() * sizeof(T));
        return memory;
    }
    // This waits for the device.
    template <class T> void download(T *to, const T *from, std::int64_t count) const {
        copy_out(to, from, static_cast<std::size_t>(count) * sizeof(T), handle_of(stream_));
    }

  private:
    AllocateFn allocate_;
    Stream stream_;
    mutable char *next_ = nullptr;
    mutable std::size_t left_ = 0;
};

} // namespace segpost::gpu
