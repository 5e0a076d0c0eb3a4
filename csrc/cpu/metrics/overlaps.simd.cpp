// Runs of pixels with one pair of segments.
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/label_rows.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// Of pairs and colors, whose planes lie in turns, the step is known to the compiler.
template <class L>
inline const L *as_row(const char *row, std::int64_t step, std::int64_t count, L *copy) {
    const L *values = reinterpret_cast<const L *>(row);
    constexpr std::int64_t size = sizeof(L);
    if (step == size) return values;
    if (step == 2 * size)
        for (std::int64_t x = 0; x < count; ++x) copy[x] = values[2 * x];
    else if (step == 3 * size)
        for (std::int64_t x = 0; x < count; ++x) copy[x] = values[3 * x];
    else
        for (std::int64_t x = 0; x < count; ++x)
            copy[x] = *reinterpret_cast<const L *>(row + x * step);
    return copy;
}

// Sets bit x where label x is not the one before it.
template <class L>
inline void mark_changes(const L *row, std::int64_t count, std::uint64_t *changes) {
    changes[0] |= differing_labels(row + 1, row, min<std::int64_t>(count, word) - 1) << 1;
    for (std::int64_t x = word; x < count; x += word)
        changes[x / word] |= differing_labels(row + x, row + x - 1, min(count - x, word));
}

inline void mark_plane_changes(const LabelView &map, std::int64_t plane, std::int64_t y,
                               std::int64_t *copy, std::uint64_t *changes) {
    const char *row = map.row(plane, y);
#define SEGPOST_MARK(L)                                                                            \
    mark_changes(as_row(row, map.stride_w, map.w, reinterpret_cast<L *>(copy)), map.w, changes)
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
    for (std::int64_t k = 0; k < job.preds.n; ++k)
        mark_plane_changes(job.preds, k, y, copy, changes);
    for (std::int64_t k = 0; k < job.target.n; ++k)
        mark_plane_changes(job.target, k, y, copy, changes);
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
