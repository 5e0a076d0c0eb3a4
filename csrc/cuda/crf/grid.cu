// A Gaussian of places in an image: separable, on a grid with a node every `step` pixels.
#include "cuda/crf/stages.hpp"

#include "cuda/runtime/division.hpp"
#include "cuda/runtime/grid_1d.hpp"
#include "ops/crf/grid.hpp"

namespace segpost::gpu {
namespace {

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
        nodes_ = y.nodes * x.nodes;
        gather_ = Gather{shape.h,
                         shape.w,
                         x.nodes,
                         static_cast<int>(y.step),
                         static_cast<int>(x.step),
                         workspace.upload(weights.in_y),
                         workspace.upload(weights.in_x),
                         nullptr};
        along_y_ =
            Convolution{workspace.upload(y.taps), static_cast<int>(y.radius), y.nodes, x.nodes};
        along_x_ = Convolution{workspace.upload(x.taps), static_cast<int>(x.radius), x.nodes, 1};
        messages.out_y = workspace.upload(weights.out_y),
        messages.out_x = workspace.upload(weights.out_x);
        messages.step_y = gather_.step_y, messages.step_x = gather_.step_x,
        messages.width = x.nodes;
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
        gather_.before = before, messages.after = after, messages.own = own;
    }

    void reserve(Quads rows) override {
        rows_ = workspace_.alloc<float>(nodes_ * rows.length());
        spare_ = workspace_.alloc<float>(nodes_ * rows.length());
    }

    void filter(const float *q, Schedule &schedule) override {
        schedule.begin_term();
        Stage stage{StageKind::gather, nodes_, q, rows_, {}};
        stage.gather = gather_;
        schedule.add(stage);
        stage.kind = StageKind::convolve, stage.from = rows_, stage.to = spare_;
        stage.convolution = along_y_;
        schedule.add(stage);
        stage.from = spare_, stage.to = rows_, stage.convolution = along_x_;
        schedule.add(stage);
        messages.rows = rows_;
        if (!messages.matrix) return;
        stage.kind = StageKind::mix, stage.from = rows_, stage.to = spare_;
        stage.matrix = messages.matrix;
        schedule.add(stage);
        messages.rows = spare_;
    }

  private:
    const Workspace &workspace_;
    std::int64_t nodes_ = 0;
    Gather gather_{};
    Convolution along_y_{}, along_x_{};
    float *rows_ = nullptr, *spare_ = nullptr;
};

} // namespace

std::unique_ptr<Term> grid_term(const PairwiseJob &job, const Shape &shape, bool own,
                                const Workspace &workspace) {
    return std::make_unique<OnGrid>(job, shape, own, workspace);
}

} // namespace segpost::gpu
