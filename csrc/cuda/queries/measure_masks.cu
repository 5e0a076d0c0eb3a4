// Where the masks of queries exceed a level, as bits, with areas and sums of sigmoids. A block has
// a tile of pixels of some queries. Sums are added in one order, whatever the order of the blocks.
#include "cuda/queries/counts.hpp"
#include "cuda/runtime/launch.hpp"

namespace segpost::gpu {
namespace {

// What a tile adds to a query, [count, tiles].
struct TilePart {
    double sum;
    long long area;
};

// The bits of the pixels of a warp.
__device__ void write_bits(const MeasureMasksJob &job, std::int64_t k, std::int64_t y,
                           std::int64_t x, unsigned bits) {
    std::uint8_t *row = job.bits + (k * job.rows + y) * job.row_bytes;
    const std::int64_t byte = x / 8 + lane_index();
    if (lane_index() < 4 && byte < job.row_bytes)
        row[byte] = static_cast<std::uint8_t>(bits >> 8 * lane_index());
}

template <class S> __global__ void __launch_bounds__(block_size, 2)
    measure_pixels(const MeasureMasksJob job, int together, std::int64_t tiles, TilePart *parts) {
    __shared__ TilePart of_warp[most_together][warps_of_block];
    double *points = dynamic_shared<double>();
    const PixelTile tile(blockIdx.x % tiles, job.rows, job.columns);
    const std::int64_t first = blockIdx.x / tiles * static_cast<std::int64_t>(together);
    const int count = job.count - first < together ? static_cast<int>(job.count - first) : together;
    const auto measure = [&](const auto &value) {
        for (int k = 0; k < count; ++k) {
            TilePart part{0.0, 0};
            for (int i = 0; i < pixels_of_thread; ++i) {
                bool is_in = false;
                if (tile.has(i)) {
                    const double here = value(k, i);
                    is_in = here > job.level;
                    if (is_in) part.sum += exact_sigmoid(here);
                }
                const unsigned bits = __ballot_sync(all_lanes, is_in);
                part.area += __popc(bits);
                if (tile.row(i) < tile.y1) write_bits(job, first + k, tile.row(i), tile.x0, bits);
            }
            if (part.area) part.sum = warp_sum(part.sum);
            if (lane_index() == 0) of_warp[k][warp_index()] = part;
        }
    };
    if (job.is_late) {
        const TileSamples samples(job, tile);
        samples.write_points<S>(job, job.queries + first, count, points,
                                [](int, double value) { return value; });
        __syncthreads();
        measure([&](int k, int i) { return samples.value(points, k, i); });
    } else {
        PointCorners<S> corners[pixels_of_thread];
        for (int i = 0; i < pixels_of_thread; ++i)
            if (tile.has(i))
                corners[i] =
                    PointCorners<S>(job.masks, job.grid_y, tile.row(i), job.grid_x, tile.column());
        measure([&](int k, int i) { return corners[i].value(job.masks, job.queries[first + k]); });
    }
    __syncthreads();
    if (static_cast<int>(threadIdx.x) >= count) return;
    TilePart total{0.0, 0};
    for (const TilePart &part : of_warp[threadIdx.x])
        total.sum += part.sum, total.area += part.area;
    parts[(first + threadIdx.x) * tiles + blockIdx.x % tiles] = total;
}

// A block has a query.
__global__ void __launch_bounds__(block_size)
    add_parts(const TilePart *parts, std::int64_t tiles, std::int64_t *areas, double *sums) {
    __shared__ TilePart of_warp[warps_of_block];
    TilePart total{0.0, 0};
    for (std::int64_t i = threadIdx.x; i < tiles; i += block_size) {
        const TilePart &part = parts[blockIdx.x * tiles + i];
        total.sum += part.sum, total.area += part.area;
    }
    total.sum = warp_sum(total.sum), total.area = warp_sum(total.area);
    if (lane_index() == 0) of_warp[warp_index()] = total;
    __syncthreads();
    if (threadIdx.x != 0) return;
    for (unsigned i = 1; i < warps_of_block; ++i)
        total.sum += of_warp[i].sum, total.area += of_warp[i].area;
    areas[blockIdx.x] = total.area, sums[blockIdx.x] = total.sum;
}

} // namespace

std::size_t measure_masks_workspace(const MeasureMasksJob &job) {
    return static_cast<std::size_t>(job.count * tiles_of(job.rows, job.columns)) * sizeof(TilePart);
}

void launch_measure_masks(const MeasureMasksJob &job, std::uintptr_t stream, void *workspace) {
    const std::int64_t tiles = tiles_of(job.rows, job.columns);
    const SharedPoints memory(job);
    const int together = job.is_late ? memory.together : most_together;
    const std::int64_t blocks = (job.count + together - 1) / together * tiles;
    auto *parts = static_cast<TilePart *>(workspace);
    with_element(job.masks.dtype, [&](auto element) {
        launch(stream_of(stream), dim3(static_cast<unsigned>(blocks)), dim3(block_size),
               job.is_late ? memory.bytes : 0, measure_pixels<decltype(element)>, job, together,
               tiles, parts);
    });
    launch(stream_of(stream), dim3(static_cast<unsigned>(job.count)), dim3(block_size), 0,
           add_parts, parts, tiles, job.areas, job.sums);
}

} // namespace segpost::gpu
