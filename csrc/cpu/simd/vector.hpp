// The vocabulary of kernels: vectors of one SIMD level and what it can do with them. The header of
// the level has the primitives; this file is the same for all. Only included by *.simd.cpp.
//
// A level is a row in cmake/levels.cmake and a header that defines `lanes`, `float16_lanes` and
// what its processors do better than generic.hpp. Kernels contain no #if.
#pragma once

#include SEGPOST_LEVEL_HEADER

namespace segpost::SEGPOST_LEVEL {
namespace {

using F = Vec<lanes>::f32;
using I = Vec<lanes>::i32;
using U = Vec<lanes>::u32;

// W numbers from memory, as often as they fit into a vector.
template <int W> inline F repeat(const float *from) {
    const auto v = load<typename Vec<W>::f32>(from);
    if constexpr (W == lanes)
        return v;
    else if constexpr (2 * W == lanes)
        return twice(v);
    else
        return twice(twice(v));
}

inline std::int64_t round_up(std::int64_t n, std::int64_t multiple) {
    return (n + multiple - 1) / multiple * multiple;
}
inline bool is_nan(double v) { return v != v; }

// Hands out aligned pieces of a task's scratch memory. With a null base it only counts.
class Scratch {
  public:
    explicit Scratch(char *base) : base_(base) {}

    template <class T> T *take(std::int64_t count) {
        char *piece = base_ ? base_ + used_ : nullptr;
        used_ += round_up(count * static_cast<std::int64_t>(sizeof(T)), 64);
        return reinterpret_cast<T *>(piece);
    }
    std::int64_t used() const { return used_; }
    bool counting() const { return !base_; } // there is no memory yet

  private:
    char *base_;
    std::int64_t used_ = 0;
};

} // namespace
} // namespace segpost::SEGPOST_LEVEL
