// argmax of a trilinearly resampled volume: a thread makes a voxel. Where the eight corners of its
// cell have one label the voxel has it too (ops/volumes.hpp); the others go by the definition.
#include "cuda/labels/argmax.hpp"
#include "cuda/labels/corners.hpp"
#include "cuda/runtime/errors.hpp"

#include "ops/labels/volumes.hpp"

namespace segpost::gpu {
namespace {

constexpr unsigned voxel_block = 128; // threads

template <class S> struct Volume {
    Classes<S> classes; // of the slices
    Axis z, y, x;
    char *labels;
    std::int64_t out_d, out_h;
    bool narrow;
    const int *corners; // [d, h, w] from rank_logits; null: all by the definition
    unsigned blocks_of_row;
};

// The label of all eight corners of a cell, or undecided.
template <class S>
__device__ int label_of_cell(const Volume<S> &volume, int cell_z, int cell_y, int cell_x) {
    if (!volume.corners) return undecided;
    const std::int64_t w = volume.x.n_in, plane = volume.y.n_in * w;
    const int *first = volume.corners + cell_z * plane + cell_y * w + cell_x;
    const std::int64_t back = cell_z + 1 < volume.z.n_in ? plane : 0;
    const std::int64_t below = cell_y + 1 < volume.y.n_in ? w : 0;
    const std::int64_t right = cell_x + 1 < w ? 1 : 0;
    const int label = first[0];
    for (int i = 1; i < 8; ++i)
        if (first[(i & 4 ? back : 0) + (i & 2 ? below : 0) + (i & 1 ? right : 0)] != label)
            return undecided;
    return label;
}

// The eight corners of a cell.
template <class S> struct VoxelCorners {
    static constexpr int corners = 8;
    using Value = Widened<S>;
    const CellCorners<S> front, back;

    __device__ void load_class(int c, Value *to) const {
        front.load_class(c, to);
        back.load_class(c, to + 4);
    }
};

template <class S> __device__ ExactLabel label_voxel(const Volume<S> &volume, std::int64_t z,
                                                     std::int64_t y, std::int64_t x) {
    const int cell_z = volume.z.cell[z], cell_y = volume.y.cell[y], cell_x = volume.x.cell[x];
    const int behind = cell_z + 1 < volume.z.n_in ? cell_z + 1 : cell_z;
    const VoxelCorners<S> corners{{volume.classes, volume.y, volume.x, cell_z, cell_y, cell_x},
                                  {volume.classes, volume.y, volume.x, behind, cell_y, cell_x}};
    return evaluate_exact(corners, corner_weights(volume.z, z, volume.y, y, volume.x, x),
                          {nullptr, volume.classes.count});
}

template <class S> __global__ void __launch_bounds__(voxel_block)
    label_voxels(const Volume<S> volume, ErrorCounts *errors) {
    const std::int64_t height = volume.y.n_out;
    const std::int64_t row = blockIdx.x / volume.blocks_of_row;
    const std::int64_t z = row / height, y = row % height;
    const std::int64_t x =
        static_cast<std::int64_t>(blockIdx.x % volume.blocks_of_row) * voxel_block + threadIdx.x;
    ThreadErrors undefined;
    if (x < volume.x.n_out) {
        int label = label_of_cell(volume, volume.z.cell[z], volume.y.cell[y], volume.x.cell[x]);
        if (label == undecided) {
            const ExactLabel exact = label_voxel(volume, z, y, x);
            label = exact.label();
            undefined.add(exact.is_undefined(), (z * height + y) * volume.x.n_out + x);
        }
        char *to = volume.labels + z * volume.out_d + y * volume.out_h;
        if (volume.narrow)
            reinterpret_cast<std::uint8_t *>(to)[x] = static_cast<std::uint8_t>(label);
        else
            reinterpret_cast<std::int32_t *>(to)[x] = label;
    }
    add_errors(errors ? &errors->undefined : nullptr, undefined);
}

} // namespace

// As in argmax.cu: float64 sums of wider types can tie where their corners do not.
std::size_t argmax_volume_workspace(const VolumeJob &job) {
    if (!fits_float(job.logits.dtype)) return 0;
    return static_cast<std::size_t>(job.depth * job.logits.h * job.logits.w) * sizeof(int);
}

void launch_argmax_volume(const VolumeJob &job, std::uintptr_t stream, ErrorCounts *errors,
                          void *workspace) {
    const ArgmaxJob slices = slices_of(job);
    int *corners = fits_float(job.logits.dtype) ? static_cast<int *>(workspace) : nullptr;
    if (corners)
        rank_logits(slices, stream, errors, corners);
    else if (errors && has_nan(job.logits.dtype))
        count_nan(slices, stream, errors);
    const std::int64_t blocks_of_row = (job.x.n_out + voxel_block - 1) / voxel_block;
    const std::int64_t blocks = blocks_of_row * job.y.n_out * job.z.n_out;
    with_element(job.logits.dtype, [&](auto element) {
        using S = decltype(element);
        const Volume<S> volume{Classes<S>(slices),
                               job.z,
                               job.y,
                               job.x,
                               job.labels,
                               job.out_d,
                               job.out_h,
                               job.narrow,
                               corners,
                               static_cast<unsigned>(blocks_of_row)};
        launch(stream_of(stream), dim3(static_cast<unsigned>(blocks)), dim3(voxel_block), 0,
               label_voxels<S>, volume, errors);
    });
}

} // namespace segpost::gpu
