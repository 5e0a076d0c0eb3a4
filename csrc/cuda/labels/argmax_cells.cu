// argmax of upsampled logits, a tile of the output at a time. Cells whose four corners agree are
// filled; of each other cell a warp finds the classes that can win and compares those. The theorems
// that allow it are in ops/labels.hpp.
#include "cuda/labels/argmax.hpp"
#include "cuda/labels/corners.hpp"
#include "cuda/labels/label_rows.hpp"
#include "cuda/runtime/errors.hpp"

#include <algorithm>

namespace segpost::gpu {
namespace {

constexpr int tile_width = 256, most_rows = 16;

__device__ int smaller(int a, int b) { return a < b ? a : b; }
__device__ int larger(int a, int b) { return a > b ? a : b; }

template <class S> struct Scene {
    Classes<S> classes;
    Axis y, x;
    LabelOutput out;
    const int *corners; // from rank_logits
    ErrorCounts *errors;
    unsigned tiles_x, tiles_y;
    int tile_rows, most_cells; // of a tile
};

// Output pixels [x0, x1) x [y0, y1) of an image and the cells that they lie in.
struct OutputTile {
    std::int64_t image;
    int x0, x1, y0, y1;
    int cell_x, cells_x, cell_y, cells_y;

    template <class S> __device__ explicit OutputTile(const Scene<S> &scene) {
        const unsigned row = blockIdx.x / scene.tiles_x;
        image = row / scene.tiles_y;
        x0 = static_cast<int>(blockIdx.x % scene.tiles_x) * tile_width;
        y0 = static_cast<int>(row % scene.tiles_y) * scene.tile_rows;
        const int width = static_cast<int>(scene.x.n_out), height = static_cast<int>(scene.y.n_out);
        x1 = width - x0 < tile_width ? width : x0 + tile_width;
        y1 = height - y0 < scene.tile_rows ? height : y0 + scene.tile_rows;
        cell_x = scene.x.cell[x0];
        cells_x = scene.x.cell[x1 - 1] + 1 - cell_x;
        cell_y = scene.y.cell[y0];
        cells_y = scene.y.cell[y1 - 1] + 1 - cell_y;
    }
};

// The label of a cell that can be filled, or undecided; `special` where a corner is.
template <class S> __device__ int label_of_cell(const Scene<S> &scene, std::int64_t image, int y,
                                                int x, bool &special) {
    const std::int64_t w = scene.x.n_in;
    const int *upper = scene.corners + (image * scene.y.n_in + y) * w + x;
    const int *lower = y + 1 < scene.y.n_in ? upper + w : upper;
    const int right = x + 1 < w ? 1 : 0;
    const int a = upper[0], b = upper[right], c = lower[0], d = lower[right];
    special = a == undecided || b == undecided || c == undecided || d == undecided;
    return a == b && a == c && a == d ? a : undecided;
}

// The classes of a cell, one a lane, as many turns as it takes. Where a warp has a lane for every
// class they are read once.
template <class S> struct CellClasses {
    const Classes<S> &classes;
    const CellCorners<S> &corners;
    const int lane;
    int turn = -1; // the one that `own` is of
    float own[4];
    float level = -INFINITY; // a class that does not reach it anywhere cannot win

    __device__ CellClasses(const CellCorners<S> &at, unsigned me)
        : classes(at.classes), corners(at), lane(static_cast<int>(me)) {}

    __device__ int turns() const { return (classes.count + warp_size - 1) / warp_size; }
    __device__ void take(int next) {
        if (next == turn) return;
        turn = next;
        const int c = warp_size * turn + lane;
        if (c >= classes.count) {
            own[0] = own[1] = own[2] = own[3] = -INFINITY;
            return;
        }
        Widened<S> corner[4];
        corners.load_class(c, corner);
        for (int i = 0; i < 4; ++i) own[i] = static_cast<float>(corner[i]);
    }
    // Whether the lane's class can win.
    __device__ bool wanted() const {
        const float top = fmaxf(fmaxf(own[0], own[1]), fmaxf(own[2], own[3]));
        return warp_size * turn + lane < classes.count && top >= level;
    }
    // Sets `level`; returns the largest magnitude among the classes that can win.
    __device__ float prune() {
        for (int next = 0; next < turns(); ++next) {
            take(next);
            level = fmaxf(level, fminf(fminf(own[0], own[1]), fminf(own[2], own[3])));
        }
        level = warp_max(level);
        float most = 0.0f;
        for (int next = 0; next < turns(); ++next) {
            take(next);
            if (wanted())
                for (int i = 0; i < 4; ++i) most = fmaxf(most, fabsf(own[i]));
        }
        return warp_max(most);
    }
    // Calls `use` with each class that can win, in order, and its corners.
    template <class Use> __device__ void each(const Use &use) {
        for (int next = 0; next < turns(); ++next) {
            take(next);
            for (unsigned left = __ballot_sync(all_lanes, wanted()); left; left &= left - 1) {
                const int from = __ffs(static_cast<int>(left)) - 1;
                float corner[4];
                for (int i = 0; i < 4; ++i) corner[i] = __shfl_sync(all_lanes, own[i], from);
                use(warp_size * turn + from, corner);
            }
        }
    }
};

// Labels of pixels of a cell, one a lane, over the classes that can win. True where a
// pixel is too close to tell.
template <class S>
__device__ bool compare(CellClasses<S> &cell, float ty, float tx, float margin, int &label) {
    float best = -INFINITY, second = -INFINITY;
    cell.each([&](int c, const float (&corner)[4]) {
        const float left = fmaf(ty, corner[2] - corner[0], corner[0]);
        const float right = fmaf(ty, corner[3] - corner[1], corner[1]);
        const float value = fmaf(tx, right - left, left);
        second = fmaxf(second, fminf(best, value));
        if (value > best) {
            best = value;
            label = c;
        }
    });
    return !(best - second > margin);
}
template <class S>
__device__ int resolve_exactly(CellClasses<S> &cell, const CornerWeights<4> &weights) {
    ExactLabel exact;
    cell.each([&](int c, const float (&corner)[4]) { exact.add(c, weights.sum(corner)); });
    return exact.label();
}

// The pixels of a cell that lie in the tile, by a warp.
template <class S> __device__ void make_cell(const Scene<S> &scene, const OutputTile &tile,
                                             int cell_y, int cell_x, int *labels, unsigned lane,
                                             ThreadErrors &undefined) {
    const int x0 = larger(scene.x.start[cell_x], tile.x0),
              x1 = smaller(scene.x.start[cell_x + 1], tile.x1);
    const int y0 = larger(scene.y.start[cell_y], tile.y0),
              y1 = smaller(scene.y.start[cell_y + 1], tile.y1);
    const unsigned width = static_cast<unsigned>(x1 - x0);
    const int count = (x1 - x0) * (y1 - y0);
    bool special;
    label_of_cell(scene, tile.image, cell_y, cell_x, special);
    const CellCorners<S> corners(scene.classes, scene.y, scene.x, tile.image, cell_y, cell_x);
    CellClasses<S> cell(corners, lane);
    float most = INFINITY;
    if (!special) most = cell.prune();
    const float margin = most * filter_relative + filter_absolute;
    for (int first = 0; first < count; first += warp_size) {
        // Lanes beyond the last pixel repeat it.
        const unsigned pixel =
            static_cast<unsigned>(smaller(first + static_cast<int>(lane), count - 1));
        const int y = y0 + static_cast<int>(pixel / width),
                  x = x0 + static_cast<int>(pixel % width);
        int label = 0;
        if (!(most < filter_limit)) {
            const ExactLabel exact = evaluate_exact(corners, corner_weights(scene.y, y, scene.x, x),
                                                    {nullptr, scene.classes.count});
            label = exact.label();
            undefined.add(exact.is_undefined() && first + static_cast<int>(lane) < count,
                          (tile.image * scene.y.n_out + y) * scene.x.n_out + x);
        } else {
            const bool close = compare(cell, scene.y.t[y], scene.x.t[x], margin, label);
            if (__any_sync(all_lanes, close))
                label = resolve_exactly(cell, corner_weights(scene.y, y, scene.x, x));
        }
        labels[(y - tile.y0) * tile_width + x - tile.x0] = label;
    }
}

template <class S> __global__ void __launch_bounds__(block_size, 3)
    make_tiles(const Scene<S> scene) {
    __shared__ int labels[most_rows * tile_width];
    __shared__ unsigned mixed_count;
    int *uniform = dynamic_shared<int>();    // [cells_y][cells_x]
    int *mixed = uniform + scene.most_cells; // cells to be made
    const unsigned lane = lane_index(), warp = warp_index();
    const OutputTile tile(scene);
    if (threadIdx.x == 0) mixed_count = 0;
    __syncthreads();
    const int cells = tile.cells_x * tile.cells_y;
    for (int i = static_cast<int>(threadIdx.x); i < cells; i += block_size) {
        bool special;
        uniform[i] = label_of_cell(scene, tile.image, tile.cell_y + i / tile.cells_x,
                                   tile.cell_x + i % tile.cells_x, special);
        if (uniform[i] == undecided) mixed[atomicAdd(&mixed_count, 1u)] = i;
    }
    __syncthreads();
    const int x = tile.x0 + static_cast<int>(threadIdx.x);
    if (x < tile.x1) {
        const int *column = uniform + scene.x.cell[x] - tile.cell_x;
        for (int y = tile.y0; y < tile.y1; ++y) {
            const int label = column[(scene.y.cell[y] - tile.cell_y) * tile.cells_x];
            if (label != undecided)
                labels[(y - tile.y0) * tile_width + static_cast<int>(threadIdx.x)] = label;
        }
    }
    ThreadErrors undefined;
    for (unsigned i = warp; i < mixed_count; i += warps_of_block)
        make_cell(scene, tile, tile.cell_y + mixed[i] / tile.cells_x,
                  tile.cell_x + mixed[i] % tile.cells_x, labels, lane, undefined);
    __syncthreads();
    for (int y = tile.y0 + static_cast<int>(warp); y < tile.y1; y += warps_of_block)
        write_pixels(scene.out, tile.image, y, tile.x0, labels + (y - tile.y0) * tile_width,
                     tile.x1 - tile.x0, lane);
    add_errors(scene.errors ? &scene.errors->undefined : nullptr, undefined);
}

// The most cells that `outputs` neighbors lie in. Rounding may hide one only where whole steps
// leave one to spare.
std::int64_t most_cells(const Axis &axis, std::int64_t outputs) {
    const double reach = static_cast<double>(outputs - 1) * axis.step;
    return std::min(static_cast<std::int64_t>(reach) + 2, axis.cells());
}

} // namespace

void argmax_cells(const ArgmaxJob &job, std::uintptr_t stream, ErrorCounts *errors,
                  const int *corners) {
    // Higher tiles cut fewer of the large cells.
    const int rows = job.y.n_out >= 4 * job.y.n_in ? most_rows : most_rows / 2;
    const std::int64_t tiles_x = (job.x.n_out + tile_width - 1) / tile_width;
    const std::int64_t tiles_y = (job.y.n_out + rows - 1) / rows;
    const std::int64_t cells = most_cells(job.x, tile_width) * most_cells(job.y, rows);
    with_element(job.logits.dtype, [&](auto element) {
        using S = decltype(element);
        const Scene<S> scene{Classes<S>(job),
                             job.y,
                             job.x,
                             LabelOutput(job),
                             corners,
                             errors,
                             static_cast<unsigned>(tiles_x),
                             static_cast<unsigned>(tiles_y),
                             rows,
                             static_cast<int>(cells)};
        launch(stream_of(stream), dim3(static_cast<unsigned>(tiles_x * tiles_y * job.logits.n)),
               dim3(block_size), static_cast<std::size_t>(2 * cells) * sizeof(int), make_tiles<S>,
               scene);
    });
}

} // namespace segpost::gpu
