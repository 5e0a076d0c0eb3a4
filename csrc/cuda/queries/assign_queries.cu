// The query with the largest weighted mask of every pixel. A block has a tile of the result: the
// points of the score grid around it are computed once, in shared memory, some queries at a time.
#include "cuda/queries/counts.hpp"
#include "cuda/runtime/launch.hpp"

namespace segpost::gpu {
namespace {

constexpr double slack = 1e-4, tiny = 1e-30; // more than the errors of a sigmoid in float32
constexpr float log2_e = 1.44269504f;

// A sigmoid within slack / 8 of itself and tiny.
__device__ float near_sigmoid(double value) {
    const float power = fminf(-static_cast<float>(value) * log2_e, 120.0f);
    return 1.0f / (1.0f + fast_exp2(power));
}

// A pixel: its best query so far, and whether it is in the mask of that one.
class AssignedPixel {
  public:
    // Returns whether the pixel is in the mask of the query.
    __device__ bool add(std::int32_t query, double weight, double threshold) {
        const bool is_in = weight >= threshold;
        if (weight > best_) best_ = weight, query_ = query, is_in_ = is_in;
        return is_in;
    }
    // The same of a late mask, whose sigmoid is only computed where float32 does not decide.
    __device__ bool add_late(std::int32_t query, double score, double value, double threshold) {
        const double near = score * static_cast<double>(near_sigmoid(value));
        const double low = near - (slack * near + tiny), high = near + (slack * near + tiny);
        if (high < best_ && (low > threshold || high < threshold)) return low > threshold;
        return add(query, score * exact_sigmoid(value), threshold);
    }
    __device__ std::int32_t query() const { return query_; }
    __device__ bool is_in() const { return is_in_; }

  private:
    double best_ = -INFINITY;
    std::int32_t query_ = 0;
    bool is_in_ = false;
};

template <class S> __global__ void __launch_bounds__(block_size, 2)
    assign_pixels(const AssignQueriesJob job, int together) {
    __shared__ SharedCounts shared;
    __shared__ unsigned areas[most_together];
    double *points = dynamic_shared<double>();
    const PixelTile tile(blockIdx.x, job.y.n_out, job.x.n_out);
    const TileSamples samples(job, tile);
    AssignedPixel pixels[pixels_of_thread];
    for (std::int64_t first = 0; first < job.count; first += together) {
        const int count =
            job.count - first < together ? static_cast<int>(job.count - first) : together;
        const double *scores = job.scores + first, *thresholds = job.thresholds + first;
        const bool is_mine = static_cast<int>(threadIdx.x) < count;
        if (is_mine) areas[threadIdx.x] = 0;
        samples.write_points<S>(job, job.queries + first, count, points, [&](int k, double value) {
            if (job.is_late) return value;
            return scores[k] * (job.is_logit ? value : exact_sigmoid(value));
        });
        __syncthreads();
        for (int k = 0; k < count; ++k) {
            const auto query = static_cast<std::int32_t>(first + k);
            int area = 0;
            for (int i = 0; i < pixels_of_thread; ++i) {
                bool is_in = false;
                if (tile.has(i)) {
                    const double value = samples.value(points, k, i);
                    is_in = job.is_late ? pixels[i].add_late(query, scores[k], value, thresholds[k])
                                        : pixels[i].add(query, value, thresholds[k]);
                }
                area += __popc(__ballot_sync(all_lanes, is_in));
            }
            if (lane_index() == 0 && area) atomicAdd(&areas[k], static_cast<unsigned>(area));
        }
        __syncthreads();
        if (is_mine && areas[threadIdx.x])
            add_to(job.counts[first + threadIdx.x].mask_area, areas[threadIdx.x]);
    }
    std::int64_t query[pixels_of_thread];
    bool is_labeled[pixels_of_thread];
    for (int i = 0; i < pixels_of_thread; ++i) {
        query[i] = -1, is_labeled[i] = false;
        if (!tile.has(i)) continue;
        query[i] = pixels[i].query();
        is_labeled[i] = pixels[i].is_in() || !job.cuts;
        write_label(job.labels, tile.row(i), tile.column(), is_labeled[i] ? query[i] : job.count);
    }
    count_pixels(shared, tile, job.labels, job.count, query, is_labeled, job.counts);
}

} // namespace

void launch_assign_queries(const AssignQueriesJob &job, std::uintptr_t stream) {
    const std::int64_t blocks = tiles_of(job.y.n_out, job.x.n_out);
    const SharedPoints memory(job);
    with_element(job.masks.dtype, [&](auto element) {
        launch(stream_of(stream), dim3(static_cast<unsigned>(blocks)), dim3(block_size),
               memory.bytes, assign_pixels<decltype(element)>, job, memory.together);
    });
}

} // namespace segpost::gpu
