// Runs of pixels with one pair of segments.
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/label_rows.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// The values of a row side by side; of colors, the step is known to the compiler.
template <class L>
inline const L *as_row(const char *row, std::int64_t step, std::int64_t count, L *copy) {
    const L *values = reinterpret_cast<const L *>(row);
    constexpr std::int64_t size = sizeof(L);
    if (step == size) return values;
    if (step == 3 * size)
        for (std::int64_t x = 0; x < count; ++x) copy[x] = values[3 * x];
    else
        for (std::int64_t x = 0; x < count; ++x)
            copy[x] = *reinterpret_cast<const L *>(row + x * step);
    return copy;
}

// Bit k: whether bit 2 k or 2 k + 1 is set.
inline std::uint64_t join_bits(std::uint64_t bits) {
    bits = (bits | bits >> 1) & 0x5555555555555555u;
    bits = (bits | bits >> 1) & 0x3333333333333333u;
    bits = (bits | bits >> 2) & 0x0F0F0F0F0F0F0F0Fu;
    bits = (bits | bits >> 4) & 0x00FF00FF00FF00FFu;
    bits = (bits | bits >> 8) & 0x0000FFFF0000FFFFu;
    return (bits | bits >> 16) & 0x00000000FFFFFFFFu;
}

// Bit k: whether pixels here[k] and before[k] differ, of one value each, or of two side by side.
template <int values, class L>
inline std::uint64_t differing_pixels(const L *here, const L *before, std::int64_t pixels) {
    if constexpr (values == 1) return differing_labels(here, before, pixels);
    const std::int64_t low = min<std::int64_t>(2 * pixels, word);
    const std::uint64_t first = differing_labels(here, before, low);
    const std::uint64_t second = differing_labels(here + low, before + low, 2 * pixels - low);
    return join_bits(first) | join_bits(second) << (word / 2);
}

constexpr std::int64_t line = 64;      // bytes
constexpr std::int64_t rows_ahead = 2; // that are read into the caches meanwhile

// Reads what lies `ahead` bytes behind a word of pixels into the caches.
template <int values, class L> inline void read_ahead(const L *here, std::int64_t ahead) {
    const char *from = reinterpret_cast<const char *>(here) + ahead;
    for (std::int64_t k = 0; k < values * word * static_cast<std::int64_t>(sizeof(L)); k += line)
        __builtin_prefetch(from + k, 0, 2);
}

// Sets bit x where pixel x is not like the one before it.
template <int values, class L> inline void
mark_changes(const L *row, std::int64_t count, std::int64_t ahead, std::uint64_t *changes) {
    if (ahead) read_ahead<values>(row, ahead);
    changes[0] |= differing_pixels<values>(row + values, row, min<std::int64_t>(count, word) - 1)
                  << 1;
    for (std::int64_t x = word; x < count; x += word) {
        const L *here = row + values * x;
        if (ahead) read_ahead<values>(here, ahead);
        changes[x / word] |= differing_pixels<values>(here, here - values, min(count - x, word));
    }
}

template <class L> inline void mark_map_changes(const LabelView &map, std::int64_t y,
                                                std::int64_t *copy, std::uint64_t *changes) {
    constexpr std::int64_t size = sizeof(L);
    const std::int64_t ahead = y + rows_ahead < map.h ? rows_ahead * map.stride_h : 0;
    if (map.n == 2 && map.stride_n == size && map.stride_w == 2 * size) { // an array of pairs
        mark_changes<2>(reinterpret_cast<const L *>(map.row(0, y)), map.w, ahead, changes);
        return;
    }
    for (std::int64_t k = 0; k < map.n; ++k) {
        const L *row = as_row(map.row(k, y), map.stride_w, map.w, reinterpret_cast<L *>(copy));
        const bool is_copy = row == reinterpret_cast<L *>(copy);
        mark_changes<1>(row, map.w, is_copy ? 0 : ahead, changes);
    }
}

inline void mark_row(const LabelView &map, std::int64_t y, std::int64_t *copy,
                     std::uint64_t *changes) {
#define SEGPOST_MARK(L) mark_map_changes<L>(map, y, copy, changes)
    SEGPOST_EACH_LABEL(map.dtype, SEGPOST_MARK)
#undef SEGPOST_MARK
}

template <class L> inline void read_values(const char *row, std::int64_t step,
                                           const std::int32_t *starts, std::int64_t runs,
                                           std::int64_t width, std::int64_t *values) {
    for (std::int64_t k = 0; k < runs; ++k)
        values[k * width] = wide(*reinterpret_cast<const L *>(row + starts[k] * step));
}

inline void read_plane_values(const LabelView &map, std::int64_t plane, std::int64_t y,
                              const std::int32_t *starts, std::int64_t runs, std::int64_t width,
                              std::int64_t *values) {
    const char *row = map.row(plane, y);
#define SEGPOST_READ(L) read_values<L>(row, map.stride_w, starts, runs, width, values)
    SEGPOST_EACH_LABEL(map.dtype, SEGPOST_READ)
#undef SEGPOST_READ
}

} // namespace

std::int64_t pair_runs_scratch(const OverlapJob &job) {
    return round_up(8 * (job.preds.w + word), 64) + round_up(8 * (job.preds.w / word + 1), 64);
}

// Returns the number of runs of row y.
std::int64_t pair_runs(const OverlapJob &job, std::int64_t y, char *memory, const PairRuns &out) {
    Scratch scratch(memory);
    const std::int64_t w = job.preds.w, words = (w + word - 1) / word;
    std::int64_t *copy = scratch.take<std::int64_t>(w + word);
    std::uint64_t *changes = scratch.take<std::uint64_t>(words);
    for (std::int64_t i = 0; i < words; ++i) changes[i] = 0;
    changes[0] = 1;
    mark_row(job.preds, y, copy, changes);
    mark_row(job.target, y, copy, changes);
    std::int64_t runs = 0;
    for (std::int64_t i = 0; i < words; ++i)
        for (std::uint64_t bits = changes[i]; bits; bits &= bits - 1)
            out.starts[runs++] = static_cast<std::int32_t>(i * word + __builtin_ctzll(bits));
    for (std::int64_t k = 0; k < job.preds.n; ++k)
        read_plane_values(job.preds, k, y, out.starts, runs, job.width(), out.values + k);
    for (std::int64_t k = 0; k < job.target.n; ++k)
        read_plane_values(job.target, k, y, out.starts, runs, job.width(),
                          out.values + job.preds.n + k);
    return runs;
}

} // namespace segpost::SEGPOST_LEVEL
