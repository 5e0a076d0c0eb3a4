// CUDA as the kernels use it. tests/emulated has a header of the same name that runs them on the
// CPU, so nothing here may be used that is not there too.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace segpost::gpu {

constexpr int warp_size = 32; // lanes
using LaneMask = unsigned;    // a bit a lane

using Stream = cudaStream_t;

inline Stream stream_of(std::uintptr_t handle) { return reinterpret_cast<Stream>(handle); }
inline std::uintptr_t handle_of(Stream stream) { return reinterpret_cast<std::uintptr_t>(stream); }

inline void check(cudaError_t error, const char *what) {
    if (error != cudaSuccess)
        throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}

// A kernel on a stream; the only place that launches any. The first error of a launch is thrown,
// those of earlier work are left to who waits for it.
template <class... Parameters, class... Arguments>
void launch(Stream stream, dim3 grid, dim3 block, std::size_t shared, void (*kernel)(Parameters...),
            const Arguments &...arguments) {
    if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
    if (shared > (48u << 10))
        check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   static_cast<int>(shared)),
              "shared memory");
    cudaLaunchConfig_t config{};
    config.gridDim = grid, config.blockDim = block;
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), "launch");
}

inline void fill_zero(Stream stream, void *to, std::size_t bytes) {
    check(cudaMemsetAsync(to, 0, bytes, stream), "memset");
}

// A little of the host's memory, which may change as soon as this returns.
inline void upload(Stream stream, void *to, const void *from, std::size_t bytes) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream), "upload");
}
inline void copy_across(Stream stream, void *to, const void *from, std::size_t bytes) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream), "copy");
}

// Bytes that a Workspace allocates at once.
constexpr std::size_t workspace_chunk = 16 << 20;

// What the current device offers to a grid.
struct Limits {
    int processors;
    std::size_t shared;     // bytes, of a block
    std::size_t all_shared; // of a processor
};
inline Limits limits() {
    int device, processors, shared, all_shared;
    check(cudaGetDevice(&device), "device");
    check(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device), "device");
    check(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
          "device");
    check(cudaDeviceGetAttribute(&all_shared, cudaDevAttrMaxSharedMemoryPerMultiprocessor, device),
          "device");
    return {processors, static_cast<std::size_t>(shared), static_cast<std::size_t>(all_shared)};
}

template <class T> __device__ __forceinline__ T *dynamic_shared() {
    extern __shared__ __align__(16) unsigned char segpost_shared[];
    return reinterpret_cast<T *>(segpost_shared);
}

__device__ __forceinline__ float half_value(std::uint16_t bits) {
    return __half2float(__ushort_as_half(bits));
}
__device__ __forceinline__ float bfloat_value(std::uint16_t bits) {
    return __uint_as_float(static_cast<unsigned>(bits) << 16);
}
// 2^x within 2 ulp, by the special function unit.
__device__ __forceinline__ float fast_exp2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

} // namespace segpost::gpu
