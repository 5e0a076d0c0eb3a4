// A Gaussian of places in an image: separable, on a grid with a node every `step` pixels.
#include "cuda/crf/rows.hpp"

#include "cuda/runtime/grid_1d.hpp"
#include "ops/crf/grid.hpp"

namespace segpost::gpu {
namespace {

struct GridJob {
    std::int64_t h, w, height, width; // pixels, nodes
    int step_y, step_x, radius_y, radius_x;
    const float *taps_y, *taps_x; // [radius + 1], from the middle
    const float *in_y, *in_x;     // [h, 2], [w, 2]
    const float *before;          // [pixels], or null
};

// What the pixels around a node give to it.
__global__ void __launch_bounds__(block_size)
    gather(GridJob job, const float *q, Quads rows, float *to) {
    const std::int64_t node = row_here(rows);
    if (node >= job.height * job.width) return;
    const std::int64_t ky = divide(node, job.width), kx = node - ky * job.width;
    const std::int64_t y0 = ky ? (ky - 1) * job.step_y + 1 : 0;
    const std::int64_t x0 = kx ? (kx - 1) * job.step_x + 1 : 0;
    const std::int64_t y1 = (ky + 1) * job.step_y < job.h ? (ky + 1) * job.step_y : job.h;
    const std::int64_t x1 = (kx + 1) * job.step_x < job.w ? (kx + 1) * job.step_x : job.w;
    for (int quad = lane_here(rows); quad < rows.quads; quad += rows.lanes()) {
        float4 sum = zero4();
        for (std::int64_t y = y0; y < y1; ++y) {
            const float along_y = job.in_y[2 * y + (y < ky * job.step_y)];
            for (std::int64_t x = x0; x < x1; ++x) {
                float factor = along_y * job.in_x[2 * x + (x < kx * job.step_x)];
                const std::int64_t p = y * job.w + x;
                if (job.before) factor *= job.before[p];
                sum = fma4(factor, quad_of(q, p, rows, quad), sum);
            }
        }
        quad_of(to, node, rows, quad) = sum;
    }
}

// Sums over nodes at most `radius` away, `count` of them in line, `stride` apart.
__global__ void __launch_bounds__(block_size)
    convolve(const float *from, const float *taps, int radius, std::int64_t total,
             std::int64_t count, std::int64_t stride, Quads rows, float *to) {
    const std::int64_t node = row_here(rows);
    if (node >= total) return;
    const std::int64_t line = divide(node, stride);
    const std::int64_t at = line - divide(line, count) * count; // place in its line
    const std::int64_t first = at > radius ? at - radius : 0;
    const std::int64_t last = at + radius < count - 1 ? at + radius : count - 1;
    for (int quad = lane_here(rows); quad < rows.quads; quad += rows.lanes()) {
        float4 sum = zero4();
        for (std::int64_t k = first; k <= last; ++k)
            sum = fma4(taps[k < at ? at - k : k - at],
                       quad_of(from, node + (k - at) * stride, rows, quad), sum);
        quad_of(to, node, rows, quad) = sum;
    }
}

struct Alone {
    std::int64_t h, w;
    const double *sums_y, *sums_x, *self_y, *self_x; // of pixels along one axis
    Normalization kind;
    float *before, *after, *own; // [pixels]; null: 1
};

// Without its own term the normalisation of a pixel is not separable.
__global__ void leave_out(Alone job) {
    const std::int64_t p = thread_index();
    if (p >= job.h * job.w) return;
    const std::int64_t y = divide(p, job.w), x = p - y * job.w;
    const double all = job.sums_y[y] * job.sums_x[x], self = job.self_y[y] * job.self_x[x];
    const double sum = all - self > 1e-6 * all ? all - self : 0.0;
    const double factor = job.kind == Normalization::symmetric ? root(sum) : reciprocal(sum);
    if (job.before) job.before[p] = static_cast<float>(factor);
    if (job.after) job.after[p] = static_cast<float>(factor);
    job.own[p] = static_cast<float>(self * both_ways(job.kind, factor));
}

class OnGrid : public Term {
  public:
    OnGrid(const PairwiseJob &job, const Shape &shape, bool own_term, const Workspace &workspace)
        : workspace_(workspace) {
        const GridAxis y(shape.h, job.sigma[1]), x(shape.w, job.sigma[2]);
        const Normalization kind = job.normalization;
        const GridWeights weights(y, x, kind, own_term);
        job_.h = shape.h, job_.w = shape.w, job_.height = y.nodes, job_.width = x.nodes;
        job_.step_y = static_cast<int>(y.step), job_.step_x = static_cast<int>(x.step);
        job_.radius_y = static_cast<int>(y.radius), job_.radius_x = static_cast<int>(x.radius);
        job_.taps_y = workspace.upload(y.taps), job_.taps_x = workspace.upload(x.taps);
        job_.in_y = workspace.upload(weights.in_y), job_.in_x = workspace.upload(weights.in_x);
        messages.out_y = workspace.upload(weights.out_y),
        messages.out_x = workspace.upload(weights.out_x);
        messages.step_y = job_.step_y, messages.step_x = job_.step_x, messages.width = job_.width;
        if (own_term) {
            const auto [low_y, high_y] = std::minmax_element(y.sums.begin(), y.sums.end());
            const auto [low_x, high_x] = std::minmax_element(x.sums.begin(), x.sums.end());
            reach = row_bound(kind, *low_y * *low_x, *high_y * *high_x);
            return;
        }
        float *own = workspace.alloc<float>(shape.pixels()), *before = nullptr, *after = nullptr;
        if (normalizes_before(kind)) before = workspace.alloc<float>(shape.pixels());
        if (normalizes_after(kind)) after = workspace.alloc<float>(shape.pixels());
        const Alone work{shape.h,
                         shape.w,
                         workspace.upload(y.sums),
                         workspace.upload(x.sums),
                         workspace.upload(y.self),
                         workspace.upload(x.self),
                         kind,
                         before,
                         after,
                         own};
        launch(workspace.stream(), blocks_of(shape.pixels()), dim3(block_size), 0, leave_out, work);
        job_.before = before, messages.after = after, messages.own = own;
    }

    void reserve(Quads rows) override {
        const std::int64_t size = job_.height * job_.width * rows.length();
        rows_ = workspace_.alloc<float>(size), spare_ = workspace_.alloc<float>(size);
    }

    void filter(const float *q, Quads rows) override {
        const std::int64_t nodes = job_.height * job_.width;
        const Stream stream = workspace_.stream();
        const dim3 grid = blocks_of_rows(nodes, rows), block(block_size);
        launch(stream, grid, block, 0, gather, job_, q, rows, rows_);
        launch(stream, grid, block, 0, convolve, rows_, job_.taps_y, job_.radius_y, nodes,
               job_.height, job_.width, rows, spare_);
        launch(stream, grid, block, 0, convolve, spare_, job_.taps_x, job_.radius_x, nodes,
               job_.width, std::int64_t{1}, rows, rows_);
        messages.rows = rows_;
        if (!messages.matrix) return;
        mix(messages.matrix, rows_, spare_, nodes, rows, workspace_);
        messages.rows = spare_;
    }

  private:
    const Workspace &workspace_;
    GridJob job_{};
    float *rows_ = nullptr, *spare_ = nullptr;
};

} // namespace

std::unique_ptr<Term> grid_term(const PairwiseJob &job, const Shape &shape, bool own,
                                const Workspace &workspace) {
    return std::make_unique<OnGrid>(job, shape, own, workspace);
}

} // namespace segpost::gpu
