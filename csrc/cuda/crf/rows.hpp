// Quads of labels as quads, and who computes them. Only included by crf_*.cu.
#pragma once

#include "cuda/crf/crf.hpp"
#include "cuda/runtime/division.hpp"
#include "cuda/runtime/warp.hpp"

namespace segpost::gpu {
namespace {

__device__ inline float4 fma4(float factor, float4 a, float4 sum) {
    return make_float4(__fmaf_rn(factor, a.x, sum.x), __fmaf_rn(factor, a.y, sum.y),
                       __fmaf_rn(factor, a.z, sum.z), __fmaf_rn(factor, a.w, sum.w));
}
__device__ inline float4 add4(float4 a, float4 b) {
    return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}
__device__ inline float4 times4(float factor, float4 a) {
    return make_float4(factor * a.x, factor * a.y, factor * a.z, factor * a.w);
}
__device__ inline float4 zero4() { return make_float4(0, 0, 0, 0); }
__device__ inline float4 one4() { return make_float4(1, 1, 1, 1); }

__device__ inline float4 &quad_of(float *rows, std::int64_t row, Quads shape, int quad) {
    return reinterpret_cast<float4 *>(rows)[row * shape.quads + quad];
}
__device__ inline float4 quad_of(const float *rows, std::int64_t row, Quads shape, int quad) {
    return reinterpret_cast<const float4 *>(rows)[row * shape.quads + quad];
}

// The row that this thread and its neighbours have; its quads are lane, lane + lanes, ...
__device__ inline std::int64_t row_here(Quads rows) {
    return (static_cast<std::int64_t>(blockIdx.x) * block_size + threadIdx.x) >> rows.lanes_log2;
}
__device__ inline int lane_here(Quads rows) {
    return static_cast<int>(threadIdx.x) & (rows.lanes() - 1);
}
inline dim3 blocks_of_rows(std::int64_t count, Quads rows) {
    return dim3(static_cast<unsigned>(((count << rows.lanes_log2) + block_size - 1) / block_size));
}

// rows[to] = matrix^T from, one quad of it.
__device__ inline float4 mixed(const float *matrix, const float *from, Quads rows, int quad) {
    float4 sum = zero4();
    for (std::int64_t m = 0; m < rows.length(); ++m)
        sum = fma4(from[m], quad_of(matrix, m, rows, quad), sum);
    return sum;
}

} // namespace
} // namespace segpost::gpu
