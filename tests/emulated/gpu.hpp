// CUDA's threads on the CPU, for tests: what csrc/cuda/runtime/platform/nvidia/gpu.hpp gives the
// kernels, and as much of CUDA itself as they use.
//
// A thread is a fiber that runs until it has to wait: for its block at a barrier, for its warp
// where lanes exchange values. Blocks run one after the other, in the order that
// SEGPOST_EMULATED_ORDER=reversed turns round. Waiting for what never comes is an error.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <tuple>
#include <type_traits>

#include "launches.hpp"

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __shared__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(n) alignas(n)
#define __launch_bounds__(...)

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) float2 {
    float x, y;
};
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

namespace segpost::gpu {

constexpr int warp_size = 32;
using LaneMask = unsigned;

using Stream = std::uintptr_t;
inline Stream stream_of(std::uintptr_t handle) { return handle; }
inline std::uintptr_t handle_of(Stream stream) { return stream; }

struct Position {
    dim3 thread, block, threads, blocks;
};
const Position &position();

void run_grid(dim3 grid, dim3 block, std::size_t shared, const std::function<void()> &kernel);
void *shared_memory();
void wait_for_block();
// Values of all lanes of the mask, once all of them are here.
const std::uint64_t *exchange(unsigned mask, std::uint64_t value);
unsigned current_lane();

template <class... Parameters, class... Arguments>
void launch(Stream, dim3 grid, dim3 block, std::size_t shared, void (*kernel)(Parameters...),
            const Arguments &...arguments) {
    if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
    const std::tuple<std::decay_t<Parameters>...> values(static_cast<Parameters>(arguments)...);
    begin_kernel(reinterpret_cast<const void *>(kernel), grid, block, shared);
    run_grid(grid, block, shared, [&] { std::apply(kernel, values); });
    end_kernel();
}

inline void fill_zero(Stream, void *to, std::size_t bytes) {
    record_work("memset", static_cast<std::int64_t>(bytes));
    std::memset(to, 0, bytes);
}

inline void upload(Stream, void *to, const void *from, std::size_t bytes) {
    record_work("upload", static_cast<std::int64_t>(bytes));
    if (bytes) std::memcpy(to, from, bytes);
}
inline void copy_across(Stream, void *to, const void *from, std::size_t bytes) {
    record_work("copy", static_cast<std::int64_t>(bytes));
    if (bytes) std::memcpy(to, from, bytes);
}

constexpr std::size_t workspace_chunk = 0; // a sanitizer sees the end of every array

// A small device, so that a small job has more than one block and every code path is taken.
struct Limits {
    int processors;
    std::size_t shared;     // bytes, of a block
    std::size_t all_shared; // of a processor
};
Limits limits();

template <class T> T *dynamic_shared() { return static_cast<T *>(shared_memory()); }

inline float bfloat_value(std::uint16_t bits) {
    const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    return value;
}
inline float half_value(std::uint16_t bits) {
    const unsigned sign = bits >> 15, exponent = bits >> 10 & 31, fraction = bits & 1023;
    float size;
    if (exponent == 31)
        size = fraction ? NAN : INFINITY;
    else if (exponent == 0)
        size = std::ldexp(static_cast<float>(fraction), -24);
    else
        size = std::ldexp(static_cast<float>(fraction + 1024), static_cast<int>(exponent) - 25);
    return sign ? -size : size;
}
inline float fast_exp2(float x) { return std::exp2(x); }

template <class T> std::uint64_t to_bits(T value) {
    static_assert(sizeof(T) <= 8);
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    return bits;
}
template <class T> T from_bits(std::uint64_t bits) {
    T value;
    std::memcpy(&value, &bits, sizeof(T));
    return value;
}

} // namespace segpost::gpu

#define threadIdx (::segpost::gpu::position().thread)
#define blockIdx (::segpost::gpu::position().block)
#define blockDim (::segpost::gpu::position().threads)
#define gridDim (::segpost::gpu::position().blocks)

inline void __syncthreads() { segpost::gpu::wait_for_block(); }
inline void __syncwarp(unsigned mask = ~segpost::gpu::LaneMask{0}) {
    segpost::gpu::exchange(mask, 0);
}
inline int __syncthreads_or(int value) {
    static int any; // of this block: every thread passes both barriers
    any = 0;
    segpost::gpu::wait_for_block();
    any |= value != 0;
    segpost::gpu::wait_for_block();
    const int result = any;
    segpost::gpu::wait_for_block();
    return result;
}
template <class T>
T __shfl_sync(unsigned mask, T value, int from, int width = segpost::gpu::warp_size) {
    const unsigned lane = segpost::gpu::current_lane();
    const std::uint64_t *all = segpost::gpu::exchange(mask, segpost::gpu::to_bits(value));
    const unsigned at = (lane & ~static_cast<unsigned>(width - 1)) |
                        (static_cast<unsigned>(from) & static_cast<unsigned>(width - 1));
    return segpost::gpu::from_bits<T>(all[at]);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int by, int = segpost::gpu::warp_size) {
    const unsigned lane = segpost::gpu::current_lane();
    const std::uint64_t *all = segpost::gpu::exchange(mask, segpost::gpu::to_bits(value));
    return segpost::gpu::from_bits<T>(all[lane ^ static_cast<unsigned>(by)]);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int = segpost::gpu::warp_size) {
    const unsigned lane = segpost::gpu::current_lane();
    const std::uint64_t *all = segpost::gpu::exchange(mask, segpost::gpu::to_bits(value));
    return segpost::gpu::from_bits<T>(all[lane + by < segpost::gpu::warp_size ? lane + by : lane]);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int = segpost::gpu::warp_size) {
    const unsigned lane = segpost::gpu::current_lane();
    const std::uint64_t *all = segpost::gpu::exchange(mask, segpost::gpu::to_bits(value));
    return segpost::gpu::from_bits<T>(all[lane >= by ? lane - by : lane]);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
    const std::uint64_t *all = segpost::gpu::exchange(mask, predicate != 0);
    unsigned result = 0;
    for (unsigned i = 0; i < segpost::gpu::warp_size; ++i)
        if (mask >> i & 1 && all[i]) result |= 1u << i;
    return result;
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) {
    return __ballot_sync(mask, predicate) == mask;
}
inline unsigned __activemask() { return ~segpost::gpu::LaneMask{0}; }

inline unsigned __brev(unsigned v) {
    unsigned reversed = 0;
    for (int i = 0; i < 32; ++i) reversed |= (v >> i & 1) << (31 - i);
    return reversed;
}
inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline int __ffs(int v) { return __builtin_ffs(v); }
inline int __clz(int v) { return v ? __builtin_clz(static_cast<unsigned>(v)) : 32; }
inline float __uint_as_float(unsigned v) {
    return segpost::gpu::from_bits<float>(segpost::gpu::to_bits(v));
}
inline unsigned __float_as_uint(float v) { return static_cast<unsigned>(segpost::gpu::to_bits(v)); }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }
template <class T> T __ldcs(const T *from) { return *from; }
template <class T> T __ldg(const T *from) { return *from; }
template <class T> void __stcs(T *to, T value) { *to = value; }

template <class T> T atomicAdd(T *to, std::common_type_t<T> value) {
    segpost::gpu::see_atomic(to);
    const T old = *to;
    *to = static_cast<T>(old + value);
    return old;
}
template <class T> T atomicMax(T *to, std::common_type_t<T> value) {
    segpost::gpu::see_atomic(to);
    const T old = *to;
    if (value > old) *to = value;
    return old;
}
template <class T> T atomicMin(T *to, std::common_type_t<T> value) {
    segpost::gpu::see_atomic(to);
    const T old = *to;
    if (value < old) *to = value;
    return old;
}
template <class T> T atomicOr(T *to, std::common_type_t<T> value) {
    segpost::gpu::see_atomic(to);
    const T old = *to;
    *to = old | value;
    return old;
}
inline void __threadfence() {}
