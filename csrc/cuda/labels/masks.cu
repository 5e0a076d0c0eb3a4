// binarize: a thread makes eight neighboring pixels of a row of one mask, or of the labels of all.
// Where the corners of a cell are on one side (ops/labels/masks.hpp) its pixels are too; the others
// go by the definition.
#include "cuda/labels/argmax.hpp"
#include "cuda/runtime/errors.hpp"
#include "cuda/runtime/load.hpp"

#include "ops/exact.hpp"
#include "ops/labels/masks.hpp"

#include <utility>

namespace segpost::gpu {
namespace {

constexpr unsigned mask_block = 128; // threads
constexpr int pixels = 8;            // of a thread

// The side of a corner: 1 set, 0 clear, 2 none.
__device__ int side_of(double value, const MaskLevel &level) {
    const double size = value < 0 ? -value : value;
    if (!(size < level.limit || level.limit == INFINITY)) return 2;
    return value > level.upper ? 1 : value <= level.lower ? 0 : 2;
}

// Eight pixels of a row from column x on, the first in the lowest bit.
template <class S> __device__ unsigned compare_pixels(const BinarizeJob &job, std::int64_t n,
                                                      std::int64_t c, std::int64_t y,
                                                      std::int64_t x, int count,
                                                      ThreadErrors &undefined) {
    const Logits &logits = job.logits;
    const MaskLevel &level = job.levels[c];
    unsigned bits = 0;
    if (!job.resample) {
        const char *from = logits.row(n, y) + c * logits.stride_c + x * logits.stride_w;
        for (int i = 0; i < count; ++i) {
            const double value = load<S>(from + i * logits.stride_w, logits.dtype);
            undefined.add(value != value, job.place(n, c, y, x + i));
            bits |= static_cast<unsigned>(value > level.cutoff) << i;
        }
        return bits;
    }
    const std::int64_t cell_y = job.y.cell[y],
                       below = cell_y + 1 < job.y.n_in ? cell_y + 1 : cell_y;
    const char *upper = logits.row(n, cell_y) + c * logits.stride_c;
    const char *lower = logits.row(n, below) + c * logits.stride_c;
    std::int64_t cell = -1;
    Widened<S> corner[4] = {};
    int side = 2;
    for (int i = 0; i < count; ++i) {
        const std::int64_t here = job.x.cell[x + i];
        if (here != cell) {
            cell = here;
            const std::int64_t right = cell + 1 < job.x.n_in ? cell + 1 : cell;
            corner[0] = load<S>(upper + cell * logits.stride_w, logits.dtype);
            const char *first = upper + right * logits.stride_w,
                       *second = lower + cell * logits.stride_w;
            corner[1] = load<S>(job.swapped ? second : first, logits.dtype);
            corner[2] = load<S>(job.swapped ? first : second, logits.dtype);
            corner[3] = load<S>(lower + right * logits.stride_w, logits.dtype);
            side = side_of(corner[0], level);
            for (int k = 1; k < 4; ++k)
                if (side_of(corner[k], level) != side) side = 2;
        }
        if (side != 2) {
            bits |= static_cast<unsigned>(side) << i;
            continue;
        }
        // The image's order: of swapped axes, the second and the third corner are exchanged.
        const CornerWeights<4> weights = job.swapped ? corner_weights(job.x, x + i, job.y, y)
                                                     : corner_weights(job.y, y, job.x, x + i);
        const double sum = weights.sum(corner);
        undefined.add(sum != sum, job.place(n, c, y, x + i));
        bits |= static_cast<unsigned>(sum > level.cutoff) << i;
    }
    return bits;
}

__device__ void write_mask(const BinarizeJob &job, char *row, std::int64_t x, int count,
                           unsigned bits) {
    if (job.encoding == MaskEncoding::bits) {
        row[x / pixels] = static_cast<char>(__brev(bits) >> 24);
        return;
    }
    for (int i = 0; i < count; ++i) row[x + i] = static_cast<char>(bits >> i & 1);
}

// One label for the pixels whose bits are set.
__device__ void write_label(const BinarizeJob &job, char *row, std::int64_t x, int count,
                            unsigned bits, std::int32_t label) {
    for (int i = 0; i < count; ++i) {
        if (!(bits >> i & 1)) continue;
        if (job.narrow)
            reinterpret_cast<std::uint8_t *>(row)[x + i] = static_cast<std::uint8_t>(label);
        else
            reinterpret_cast<std::int32_t *>(row)[x + i] = label;
    }
}

template <class S> __global__ void __launch_bounds__(mask_block)
    threshold_pixels(const BinarizeJob job, std::int64_t blocks_of_row, ErrorCounts *errors) {
    const bool labels = job.encoding == MaskEncoding::labels;
    const std::int64_t height = job.height(), width = job.width();
    const std::int64_t row = blockIdx.x / blocks_of_row, y = row % height;
    const std::int64_t plane = row / height;
    const std::int64_t x =
        ((blockIdx.x % blocks_of_row) * static_cast<std::int64_t>(mask_block) + threadIdx.x) *
        pixels;
    ThreadErrors undefined;
    if (x < width) {
        const int count = width - x < pixels ? static_cast<int>(width - x) : pixels;
        if (labels) {
            char *out = job.out + plane * job.out_n + y * job.out_h;
            write_label(job, out, x, count, ~0u, 0);
            for (std::int64_t c = 0; c < job.logits.c; ++c) { // later classes cover earlier ones
                const unsigned bits = compare_pixels<S>(job, plane, c, y, x, count, undefined);
                write_label(job, out, x, count, bits, job.values[c]);
            }
        } else {
            const std::int64_t n = plane / job.logits.c, c = plane % job.logits.c;
            const unsigned bits = compare_pixels<S>(job, n, c, y, x, count, undefined);
            write_mask(job, job.out + n * job.out_n + c * job.out_c + y * job.out_h, x, count,
                       bits);
        }
    }
    add_errors(errors ? &errors->undefined : nullptr, undefined);
}

} // namespace

void launch_binarize(const BinarizeJob &job, std::uintptr_t stream, ErrorCounts *errors) {
    if (errors && has_nan(job.logits.dtype)) {
        ArgmaxJob logits;
        logits.logits = job.logits;
        if (job.swapped) { // the image's order
            std::swap(logits.logits.h, logits.logits.w);
            std::swap(logits.logits.stride_h, logits.logits.stride_w);
        }
        count_nan(logits, stream, errors);
    }
    const std::int64_t of_thread = static_cast<std::int64_t>(mask_block) * pixels;
    const std::int64_t blocks_of_row = (job.width() + of_thread - 1) / of_thread;
    const std::int64_t planes =
        job.logits.n * (job.encoding == MaskEncoding::labels ? 1 : job.logits.c);
    const std::int64_t blocks = blocks_of_row * job.height() * planes;
    if (blocks == 0) return;
    with_element(job.logits.dtype, [&](auto element) {
        launch(stream_of(stream), dim3(static_cast<unsigned>(blocks)), dim3(mask_block), 0,
               threshold_pixels<decltype(element)>, job, blocks_of_row, errors);
    });
}

} // namespace segpost::gpu
