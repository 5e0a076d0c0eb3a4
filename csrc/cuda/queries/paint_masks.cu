// Maps of masks over one another, and of other numbers for labels.
#include "cuda/queries/counts.hpp"
#include "cuda/runtime/division.hpp"
#include "cuda/runtime/grid_1d.hpp"
#include "cuda/runtime/launch.hpp"

namespace segpost::gpu {
namespace {

// The last mask of a pixel, in their order, or -1.
__device__ std::int64_t last_mask(const PaintMasksJob &job, std::int64_t y, std::int64_t x) {
    const std::int32_t row = job.row[y], column = job.column[x];
    for (std::int64_t i = job.count; i-- > 0;) {
        const std::uint8_t *bits = job.bits + (job.masks[i] * job.rows + row) * job.row_bytes;
        if (bits[column / 8] >> column % 8 & 1) return i;
    }
    return -1;
}

__global__ void __launch_bounds__(block_size) paint_pixels(const PaintMasksJob job) {
    __shared__ SharedCounts shared;
    const PixelTile tile(blockIdx.x, job.labels.h, job.labels.w);
    std::int64_t mask[pixels_of_thread];
    bool is_labeled[pixels_of_thread];
    for (int i = 0; i < pixels_of_thread; ++i) {
        mask[i] = -1, is_labeled[i] = true;
        if (!tile.has(i)) continue;
        mask[i] = last_mask(job, tile.row(i), tile.column());
        write_label(job.labels, tile.row(i), tile.column(), mask[i] < 0 ? 0 : job.values[mask[i]]);
    }
    count_pixels(shared, tile, job.labels, job.count, mask, is_labeled, job.counts);
}

__global__ void replace(const LabelView labels, const std::int32_t *values, const LabelView out) {
    const std::int64_t place = thread_index();
    if (place >= labels.h * labels.w) return;
    const std::int64_t y = divide(place, labels.w), x = place - y * labels.w;
    const char *row = labels.row(0, y);
    const std::int64_t label = labels.dtype == DType::u8
                                   ? reinterpret_cast<const std::uint8_t *>(row)[x]
                                   : reinterpret_cast<const std::int32_t *>(row)[x];
    write_label(out, y, x, values[label]);
}

} // namespace

void launch_paint_masks(const PaintMasksJob &job, std::uintptr_t stream) {
    launch(stream_of(stream), dim3(static_cast<unsigned>(tiles_of(job.labels.h, job.labels.w))),
           dim3(block_size), 0, paint_pixels, job);
}

void launch_replace_labels(const LabelView &labels, const std::int32_t *values,
                           const LabelView &out, std::uintptr_t stream) {
    launch(stream_of(stream), blocks_of(labels.h * labels.w), dim3(block_size), 0, replace, labels,
           values, out);
}

} // namespace segpost::gpu
