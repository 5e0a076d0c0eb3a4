// argmax of bilinearly resampled logits, cell by cell of the low-resolution grid. The theorems that
// let most cells be filled, classes be pruned and float32 decide are in ops/labels.hpp.
#include "cpu/labels/cells_dense.hpp"
#include "cpu/runtime/kernel_table.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// The cells of a block that could not be filled.
template <class T, class L> void mixed_cells(const Work<T, L> &work, std::int64_t block,
                                             std::int64_t y0, std::int64_t y1, CellRule rule,
                                             LogitErrors &errors) {
    std::int64_t mixed = 0;
    const std::int64_t last = min<std::int64_t>(block + lanes, work.cells);
    for (std::int64_t x = block; x < last; ++x) mixed += work.uniform[x] == undecided;
    if (mixed == 0 && rule == CellRule::fill) return;
    if constexpr (sizeof(T) == 4) {
        bool small = true; // the dense kernel's float32 must not overflow
        for (std::int64_t x = block; x <= last; ++x)
            small &= work.upper.largest[x] < filter_limit && work.lower.largest[x] < filter_limit;
        if (small && rule == CellRule::dense) return dense_rows(work, block, y0, y1, errors);
        find_candidates(work, block);
        const std::int64_t candidates = count_candidates(work, block, last);
        // Vector steps of either way, as measured on scenes and on noise.
        const std::int64_t rows = y1 - y0, groups = (work.job.x.widest + group - 1) / group;
        const std::int64_t dense =
            rows * groups * (work.classes * (group * 5 / 2 + 4) + 12 * lanes);
        const std::int64_t sparse =
            mixed * (40 + 12 * rows) +
            (candidates - 2 * mixed) * rows * 10 * ((work.job.x.widest + lanes - 1) / lanes);
        if (small && dense < sparse) return dense_rows(work, block, y0, y1, errors);
    } else {
        find_candidates(work, block);
    }
    for (std::int64_t x = block; x < last; ++x) {
        if (work.uniform[x] != undecided) continue;
        if (work.begin(x) == work.begin(x + 1)) continue;
        const bool special =
            work.upper.label[x] == undecided || work.upper.label[x + 1] == undecided ||
            work.lower.label[x] == undecided || work.lower.label[x + 1] == undecided;
        if (special) {
            resolve_cell_exactly(work, x, y0, y1, nullptr, work.classes, errors);
            continue;
        }
        const std::int64_t count = list_candidates(work, x - block);
        if constexpr (sizeof(T) == 4) {
            if (work.job.x.widest <= 4 || lanes == 4)
                compare_cell<4>(work, x, y0, y1, work.list, count, errors);
            else if (work.job.x.widest <= 8 || lanes == 8)
                compare_cell < lanes<8 ? 4 : 8>(work, x, y0, y1, work.list, count, errors);
            else
                compare_cell<lanes>(work, x, y0, y1, work.list, count, errors);
        } else {
            resolve_cell_exactly(work, x, y0, y1, work.list, count, errors);
        }
    }
}

template <class T, class L> void resample(const ArgmaxJob &job, const Tile &tile, CellRule rule,
                                          char *memory, LogitErrors &errors) {
    Scratch scratch(memory);
    Work<T, L> work(job, tile, scratch);
    if (job.lut)
        for (std::int64_t c = 0; c < max<std::int64_t>(work.classes, 32); ++c)
            work.lut[c] = c < work.classes ? job.lut[c] : 0;
    for (std::int64_t i = 0; i < work.columns + lanes; ++i)
        work.t[i] = i < work.columns ? job.x.t[work.first_column + i] : 0.0f;
    std::int64_t read = -1; // the row that `lower` holds
    for (std::int64_t cell = tile.y0; cell < tile.y1; ++cell) {
        if (read == cell) {
            const Row<T> row = work.upper;
            work.upper = work.lower;
            work.lower = row;
        } else {
            read_row(work, work.upper, cell, errors);
        }
        const Row<T> spare = work.lower;
        if (job.y.n_in > 1)
            read_row(work, work.lower, cell + 1, errors);
        else
            work.lower = work.upper;
        read = cell + 1;
        const std::int64_t y0 = max<std::int64_t>(job.y.start[cell], tile.row0);
        const std::int64_t y1 = min<std::int64_t>(job.y.start[cell + 1], tile.row1);
        if (y0 < y1 && work.columns > 0) {
            fill_cells(work);
            for (std::int64_t y = y0; y < y1; ++y) {
                __builtin_memcpy(work.labels(y), work.fill, work.columns * sizeof(L));
                if (job.lut) __builtin_memcpy(work.color(y), work.fill_color, 3 * work.columns);
            }
            for (std::int64_t block = 0; block < work.cells; block += lanes)
                mixed_cells(work, block, y0, y1, rule, errors);
        }
        if (job.y.n_in == 1) work.lower = spare;
    }
}

} // namespace

std::int64_t argmax_cells_scratch(const ArgmaxJob &job, const Tile &tile) {
    Scratch scratch(nullptr);
    Work<double, std::int32_t> work(job, tile, scratch); // the largest of the four
    return scratch.used();
}

void argmax_cells(const ArgmaxJob &job, const Tile &tile, CellRule rule, char *memory,
                  LogitErrors &errors) {
    const bool narrow = job.labels.dtype == DType::u8;
    if (fits_float(job.logits.dtype))
        narrow ? resample<float, std::uint8_t>(job, tile, rule, memory, errors)
               : resample<float, std::int32_t>(job, tile, rule, memory, errors);
    else
        narrow ? resample<double, std::uint8_t>(job, tile, rule, memory, errors)
               : resample<double, std::int32_t>(job, tile, rule, memory, errors);
}

} // namespace segpost::SEGPOST_LEVEL
