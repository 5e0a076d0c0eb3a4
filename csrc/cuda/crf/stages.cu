// The stages of all terms, a launch for each: see stages.hpp.
#include "cuda/crf/stages.hpp"

#include "cuda/crf/rows.hpp"

#include <algorithm>

namespace segpost::gpu {
namespace {

// Where a row of threads is: its row of values and one quad of it.
struct Here {
    std::int64_t row;
    int quad;
    Quads rows;
};

// Of a vertex with one piece the sum is its row, of others they are added up afterwards.
__device__ void splat_piece(const Stage &stage, const Here &here) {
    const Splat &job = stage.splat;
    const auto p = static_cast<unsigned>(here.row);
    if (p >= job.piece_end[job.met - 1]) return;
    const unsigned v = job.vertex[p], before = v ? job.piece_end[v - 1] : 0;
    const unsigned first = job.start[v] + (p - before) * piece;
    const unsigned end = job.start[v + 1];
    const unsigned last = first + piece < end ? first + piece : end;
    const bool alone = job.piece_end[v] - before == 1;
    const float *q = stage.from;
    float4 sum = zero4();
#pragma unroll 4
    for (unsigned i = first; i < last; ++i)
        sum = fma4(job.share[i], q ? quad_of(q, job.pixel[i], here.rows, here.quad) : one4(), sum);
    if (alone)
        quad_of(stage.to, v, here.rows, here.quad) = sum;
    else
        quad_of(job.parts, p, here.rows, here.quad) = sum;
}

// Vertices that bridge gaps have no pieces.
__device__ void join_pieces(const Stage &stage, const Here &here) {
    const Splat &job = stage.splat;
    const std::int64_t v = here.row;
    const bool met = v < job.met;
    const unsigned first = met && v ? job.piece_end[v - 1] : 0;
    const unsigned last = met ? job.piece_end[v] : 0;
    if (met && last - first == 1) return;
    float4 sum = zero4();
    for (unsigned p = first; p < last; ++p)
        sum = add4(sum, quad_of(static_cast<const float *>(job.parts), p, here.rows, here.quad));
    quad_of(stage.to, v, here.rows, here.quad) = sum;
}

__device__ float4 blur_along(const Stage &stage, int axis, std::int64_t v, const Here &here) {
    const unsigned after = stage.blur.next[axis][v], before = stage.blur.previous[axis][v];
    float4 beside = zero4();
    if (before) beside = quad_of(stage.from, before - 1, here.rows, here.quad);
    if (after) beside = add4(beside, quad_of(stage.from, after - 1, here.rows, here.quad));
    return fma4(stage.blur.weight, beside, quad_of(stage.from, v, here.rows, here.quad));
}

// Along two axes: what the neighbors along the second have after the first is computed again by
// each of them, which costs less than a launch.
__device__ void blur_vertex(const Stage &stage, const Here &here) {
    const std::int64_t v = here.row;
    float4 value = blur_along(stage, 0, v, here);
    if (stage.blur.next[1]) {
        const unsigned after = stage.blur.next[1][v], before = stage.blur.previous[1][v];
        float4 beside = zero4();
        if (before) beside = blur_along(stage, 0, before - 1, here);
        if (after) beside = add4(beside, blur_along(stage, 0, after - 1, here));
        value = fma4(stage.blur.weight, beside, value);
    }
    quad_of(stage.to, v, here.rows, here.quad) = value;
}

// What the pixels around a node give to it.
__device__ void gather_node(const Stage &stage, const Here &here) {
    const Gather &job = stage.gather;
    const std::int64_t ky = divide(here.row, job.width), kx = here.row - ky * job.width;
    const std::int64_t y0 = ky ? (ky - 1) * job.step_y + 1 : 0;
    const std::int64_t x0 = kx ? (kx - 1) * job.step_x + 1 : 0;
    const std::int64_t y1 = (ky + 1) * job.step_y < job.h ? (ky + 1) * job.step_y : job.h;
    const std::int64_t x1 = (kx + 1) * job.step_x < job.w ? (kx + 1) * job.step_x : job.w;
    float4 sum = zero4();
    for (std::int64_t y = y0; y < y1; ++y) {
        const float along_y = job.in_y[2 * y + (y < ky * job.step_y)];
        for (std::int64_t x = x0; x < x1; ++x) {
            float factor = along_y * job.in_x[2 * x + (x < kx * job.step_x)];
            const std::int64_t p = y * job.w + x;
            if (job.before) factor *= job.before[p];
            sum = fma4(factor, quad_of(stage.from, p, here.rows, here.quad), sum);
        }
    }
    quad_of(stage.to, here.row, here.rows, here.quad) = sum;
}

// Sums over nodes at most `radius` away.
__device__ void convolve_node(const Stage &stage, const Here &here) {
    const Convolution &job = stage.convolution;
    const std::int64_t line = divide(here.row, job.stride);
    const std::int64_t at = line - divide(line, job.count) * job.count; // place in its line
    const std::int64_t first = at > job.radius ? at - job.radius : 0;
    const std::int64_t last = at + job.radius < job.count - 1 ? at + job.radius : job.count - 1;
    float4 sum = zero4();
    for (std::int64_t k = first; k <= last; ++k)
        sum =
            fma4(job.taps[k < at ? at - k : k - at],
                 quad_of(stage.from, here.row + (k - at) * job.stride, here.rows, here.quad), sum);
    quad_of(stage.to, here.row, here.rows, here.quad) = sum;
}

// One stage of several terms: each has the blocks from its `first` on.
struct Stages {
    Stage stage[terms_at_once];
    unsigned first[terms_at_once];
    int count;
    Quads rows = Quads(1);
};

__global__ void __launch_bounds__(block_size) run_stages(Stages job) {
    int t = 0;
    while (t + 1 < job.count && blockIdx.x >= job.first[t + 1]) ++t;
    const Stage &stage = job.stage[t];
    const std::int64_t thread =
        static_cast<std::int64_t>(blockIdx.x - job.first[t]) * block_size + threadIdx.x;
    Here here{thread >> job.rows.lanes_log2, lane_here(job.rows), job.rows};
    if (here.row >= stage.count) return;
    for (; here.quad < job.rows.quads; here.quad += job.rows.lanes()) {
        switch (stage.kind) {
        case StageKind::splat: splat_piece(stage, here); break;
        case StageKind::join: join_pieces(stage, here); break;
        case StageKind::blur: blur_vertex(stage, here); break;
        case StageKind::gather: gather_node(stage, here); break;
        case StageKind::convolve: convolve_node(stage, here); break;
        case StageKind::mix:
            quad_of(stage.to, here.row, here.rows, here.quad) = mixed(
                stage.matrix, stage.from + here.row * here.rows.length(), here.rows, here.quad);
        }
    }
}

} // namespace

void Schedule::run() const {
    for (const std::vector<Stage> &step : steps_)
        for (std::size_t begin = 0; begin < step.size(); begin += terms_at_once) {
            Stages job{};
            job.rows = rows;
            job.count = static_cast<int>(std::min<std::size_t>(step.size() - begin, terms_at_once));
            unsigned blocks = 0;
            for (int t = 0; t < job.count; ++t) {
                job.stage[t] = step[begin + static_cast<std::size_t>(t)];
                job.first[t] = blocks;
                blocks += blocks_of_rows(job.stage[t].count, rows).x;
            }
            launch(workspace_.stream(), dim3(blocks), dim3(block_size), 0, run_stages, job);
        }
}

} // namespace segpost::gpu
