// One update of Q: what pixels get from all terms, on top of their unary, and its softmax. A few
// neighbouring threads share a pixel, each with some quads of its labels.
#include "cuda/crf/rows.hpp"

namespace segpost::gpu {
namespace {

__device__ float4 from_term(const Messages &term, const Update &job, std::int64_t p, int quad) {
    const Quads rows = job.rows;
    float4 sum = zero4();
    if (term.corners) {
        const unsigned *vertex = term.vertex + p * term.corners;
        const float *weight = term.weight + p * term.corners;
#pragma unroll 3
        for (int k = 0; k < term.corners; ++k)
            sum = fma4(weight[k], quad_of(term.rows, vertex[k], rows, quad), sum);
    } else { // nodes above and below, left and right
        const std::int64_t y = divide(p, job.shape.w), x = p - y * job.shape.w;
        const std::int64_t node = divide(y, term.step_y) * term.width + divide(x, term.step_x);
        for (int below = 0; below < 2; ++below) {
            const float along_y = term.out_y[2 * y + below];
            if (along_y == 0.0f) continue;
            for (int right = 0; right < 2; ++right) {
                const float factor = along_y * term.out_x[2 * x + right];
                if (factor != 0.0f)
                    sum = fma4(factor,
                               quad_of(term.rows, node + below * term.width + right, rows, quad),
                               sum);
            }
        }
        if (term.after) sum = times4(term.after[p], sum);
    }
    if (term.own) {
        // A matrix has been applied to what came, so it is to what goes too.
        const float4 q = term.matrix ? mixed(term.matrix, job.q + p * rows.length(), rows, quad)
                                     : quad_of(static_cast<const float *>(job.q), p, rows, quad);
        sum = fma4(-term.own[p], q, sum);
    }
    if (!term.label) return sum;
    const float4 by = quad_of(term.label, 0, rows, quad);
    return make_float4(by.x * sum.x, by.y * sum.y, by.z * sum.z, by.w * sum.w);
}

__device__ float4 sum_at(const Update &job, std::int64_t p, int quad) {
    float4 sum = quad_of(job.base, p, job.rows, quad);
    for (int t = 0; t < job.count; ++t) sum = add4(sum, from_term(job.term[t], job, p, quad));
    return sum;
}

__device__ float4 powers(float4 v, float most) {
    return make_float4(expf(v.x - most), expf(v.y - most), expf(v.z - most), expf(v.w - most));
}
__device__ float most4(float4 v) { return fmaxf(fmaxf(v.x, v.y), fmaxf(v.z, v.w)); }
__device__ float total4(float4 v) { return (v.x + v.y) + (v.z + v.w); }

// Where a thread has one quad the sums stay in registers.
__global__ void __launch_bounds__(block_size) softmax_rows(Update job) {
    const std::int64_t at = row_here(job.rows), pixels = job.shape.pixels();
    const std::int64_t p = at < pixels ? at : pixels - 1; // all lanes of a warp stay
    const int quad = lane_here(job.rows);
    const bool used = quad < job.rows.quads;
    const float4 sum = used ? sum_at(job, p, quad) : make_float4(-1e30f, -1e30f, -1e30f, -1e30f);
    const float most = warp_max(most4(sum), job.rows.lanes());
    const float4 power = powers(sum, most);
    const float total = warp_sum(used ? total4(power) : 0.0f, job.rows.lanes());
    if (used && at < pixels) quad_of(job.q, p, job.rows, quad) = times4(1.0f / total, power);
}

__global__ void __launch_bounds__(block_size) add_rows(Update job, float *messages) {
    const std::int64_t p = row_here(job.rows);
    if (p >= job.shape.pixels()) return;
    for (int quad = lane_here(job.rows); quad < job.rows.quads; quad += job.rows.lanes())
        quad_of(messages, p, job.rows, quad) = sum_at(job, p, quad);
}

// Energies of one quad of Q: entropy, unary, pairwise.
__device__ void add_energies(float4 q, float4 sum, float4 unary, double (&energies)[3]) {
    const float qs[] = {q.x, q.y, q.z, q.w}, sums[] = {sum.x, sum.y, sum.z, sum.w};
    const float us[] = {unary.x, unary.y, unary.z, unary.w};
    for (int i = 0; i < 4; ++i) {
        if (!(qs[i] > 0)) continue;
        energies[0] += static_cast<double>(qs[i]) * logf(fmaxf(qs[i], 1e-37f));
        energies[1] -= static_cast<double>(qs[i]) * us[i];
        energies[2] -= static_cast<double>(qs[i]) * (sums[i] - us[i]);
    }
}

__device__ float apart4(float4 a, float4 b) {
    return fmaxf(fmaxf(fabsf(a.x - b.x), fabsf(a.y - b.y)),
                 fmaxf(fabsf(a.z - b.z), fabsf(a.w - b.w)));
}

__global__ void __launch_bounds__(block_size)
    softmax_messages(const float *messages, float *q, std::int64_t pixels, Quads rows,
                     SoftmaxOptions how) {
    __shared__ double sums[warps_of_block];
    const int lane = lane_here(rows);
    const std::int64_t together = block_size >> rows.lanes_log2; // pixels
    double energies[3] = {0, 0, 0};
    float change = 0;
    for (std::int64_t first = blockIdx.x * together; first < pixels;
         first += gridDim.x * together) {
        const std::int64_t at = first + (threadIdx.x >> rows.lanes_log2);
        const std::int64_t p = at < pixels ? at : pixels - 1;
        const bool mine = at < pixels;
        if (how.energies && mine)
            for (int quad = lane; quad < rows.quads; quad += rows.lanes())
                add_energies(quad_of(static_cast<const float *>(q), p, rows, quad),
                             quad_of(messages, p, rows, quad), quad_of(how.unary, p, rows, quad),
                             energies);
        if (how.measure) continue;
        float most = -3e38f, total = 0;
        for (int quad = lane; quad < rows.quads; quad += rows.lanes())
            most = fmaxf(most, most4(quad_of(messages, p, rows, quad)));
        most = warp_max(most, rows.lanes());
        for (int quad = lane; quad < rows.quads; quad += rows.lanes())
            total += total4(powers(quad_of(messages, p, rows, quad), most));
        total = warp_sum(total, rows.lanes());
        for (int quad = lane; quad < rows.quads && mine; quad += rows.lanes()) {
            const float4 now = times4(1.0f / total, powers(quad_of(messages, p, rows, quad), most));
            float4 &to = quad_of(q, p, rows, quad);
            change = fmaxf(change, how.change ? apart4(now, to) : 0.0f);
            to = now;
        }
    }
    if (how.change) {
        change = warp_max(change);
        if (lane_index() == 0) atomicMax(how.change, __float_as_uint(change));
    }
    if (!how.energies) return;
    for (int i = 0; i < 3; ++i) {
        double sum = warp_sum(energies[i]);
        if (lane_index() == 0) sums[warp_index()] = sum;
        __syncthreads();
        if (threadIdx.x == 0) {
            sum = 0;
            for (unsigned w = 0; w < warps_of_block; ++w) sum += sums[w];
            how.energies[3 * blockIdx.x + i] = sum;
        }
        __syncthreads();
    }
}

} // namespace

void softmax_of_sums(const Update &job, const Workspace &workspace) {
    launch(workspace.stream(), blocks_of_rows(job.shape.pixels(), job.rows), dim3(block_size), 0,
           softmax_rows, job);
}

void add_sums(const Update &job, float *messages, const Workspace &workspace) {
    launch(workspace.stream(), blocks_of_rows(job.shape.pixels(), job.rows), dim3(block_size), 0,
           add_rows, job, messages);
}

void softmax_of_messages(const float *messages, float *q, std::int64_t pixels, Quads rows,
                         const SoftmaxOptions &how, const Workspace &workspace) {
    launch(workspace.stream(), dim3(softmax_blocks), dim3(block_size), 0, softmax_messages,
           messages, q, pixels, rows, how);
}

} // namespace segpost::gpu
