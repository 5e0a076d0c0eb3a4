// Where the bits of masks change, in column-major order, which is what run lengths are. A thread
// has a part of a column: it counts changes, and writes them once the sums of these counts say
// where to.
#include "gpu.hpp"

#include "cuda/objects/scan.hpp"
#include "cuda/runtime/division.hpp"
#include "cuda/runtime/grid_1d.hpp"
#include "cuda/runtime/launch.hpp"

namespace segpost::gpu {
namespace {

constexpr std::int64_t word_rows = 32, part_rows = 4 * word_rows;

// A column of a mask, and its byte before.
struct BitColumn {
    const std::uint8_t *bytes;
    std::int64_t x, height, row_bytes;

    __device__ BitColumn(const MaskBits &masks, std::int64_t column)
        : bytes(masks.bits + column * masks.row_bytes), x(column % masks.width),
          height(masks.height), row_bytes(masks.row_bytes) {}

    // 32 rows, the first one in the highest bit.
    __device__ unsigned word(std::int64_t y) const {
        unsigned result = 0;
        for (std::int64_t i = y / 8; i < y / 8 + 4; ++i)
            result = result << 8 | (i < row_bytes ? bytes[i] : 0u);
        return result;
    }
    // The bit of the pixel before row y, in the column before if y is 0; the first pixel has 0.
    __device__ unsigned bit_before(std::int64_t y) const {
        if (y > 0) return bytes[y / 8 - 1] & 1u;
        if (x == 0) return 0;
        const std::int64_t last = height - 1;
        return (bytes - row_bytes)[last / 8] >> (7 - last % 8) & 1u;
    }
    // Rows from y on whose bit is not the one before, the first one in the highest bit.
    __device__ unsigned changes(std::int64_t y) const {
        const unsigned here = word(y), before = here >> 1 | bit_before(y) << 31;
        const std::int64_t rows = height - y;
        return (here ^ before) & (rows < word_rows ? ~(~0u >> rows) : ~0u);
    }
};

__global__ void count_changes(const MaskBits masks, std::int64_t parts, std::int64_t threads,
                              unsigned *counts) {
    const std::int64_t thread = thread_index();
    if (thread >= threads) return;
    const std::int64_t at = divide(thread, parts), y0 = (thread - at * parts) * part_rows;
    const BitColumn column(masks, at);
    unsigned count = 0;
    for (std::int64_t y = y0; y < y0 + part_rows && y < masks.height; y += word_rows)
        count += static_cast<unsigned>(__popc(column.changes(y)));
    counts[thread] = count;
}

__global__ void write_changes(const MaskBits masks, std::int64_t parts, std::int64_t threads,
                              const unsigned *ends, unsigned *places) {
    const std::int64_t thread = thread_index();
    if (thread >= threads) return;
    const std::int64_t at = divide(thread, parts), y0 = (thread - at * parts) * part_rows;
    const BitColumn column(masks, at);
    std::int64_t to = thread > 0 ? ends[thread - 1] : 0;
    for (std::int64_t y = y0; y < y0 + part_rows && y < masks.height; y += word_rows)
        for (unsigned left = column.changes(y); left;) {
            const int row = __clz(static_cast<int>(left));
            places[to++] = static_cast<unsigned>(column.x * masks.height + y + row);
            left &= ~(0x80000000u >> row);
        }
}

} // namespace

std::int64_t bit_parts(const MaskBits &masks) { return (masks.height + part_rows - 1) / part_rows; }

std::size_t count_bit_changes_workspace(const MaskBits &masks) {
    return scan_workspace(masks.count * masks.width * bit_parts(masks));
}

void launch_count_bit_changes(const MaskBits &masks, std::uintptr_t stream, unsigned *ends,
                              void *workspace) {
    const std::int64_t parts = bit_parts(masks), threads = masks.count * masks.width * parts;
    launch(stream_of(stream), blocks_of(threads), dim3(block_size), 0, count_changes, masks, parts,
           threads, static_cast<unsigned *>(workspace));
    scan_counts(stream_of(stream), workspace, ends, threads);
}

void launch_write_bit_changes(const MaskBits &masks, const unsigned *ends, unsigned *places,
                              std::uintptr_t stream) {
    const std::int64_t parts = bit_parts(masks), threads = masks.count * masks.width * parts;
    launch(stream_of(stream), blocks_of(threads), dim3(block_size), 0, write_changes, masks, parts,
           threads, ends, places);
}

} // namespace segpost::gpu
