// Confidence of bilinearly resampled logits, cell by cell of the low-resolution grid. What is
// interpolated are differences to the largest logit of every grid point; why that is exact enough,
// and where it is not, is in ops/labels.hpp.
#include "cpu/labels/confidence_narrow.hpp"
#include "cpu/runtime/kernel_table.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// Sums of powers of two, and the largest of them where that is not always 1, of `lanes` columns.
struct Sums {
    F all[most_rows], most[most_rows];
};

// Four classes of a span. Down the rows of a cell 2^x is a geometric sequence, unless its first
// terms are too small to say anything of the last.
template <bool fast, bool mixed, class T>
inline void add_classes(const Work<T> &work, std::int64_t block, const std::int32_t *list,
                        const Columns &at, const Span &span, Sums &sums) {
    using Mode = Confidence<fast>;
    F upper[together], lower[together], height = F{};
    for (int i = 0; i < together; ++i) {
        const std::int64_t from = list[i] * work.pitch + block;
        upper[i] = at.spread(work.upper.below + from);
        lower[i] = at.spread(work.lower.below + from);
        height = max(height, abs(lower[i] - upper[i]));
    }
    F power[together], ratio[together];
    if (__builtin_expect(any((I)(height > broadcast<F>(Mode::steep))), 0)) {
        for (std::int64_t k = 0; k < span.count; ++k) {
            for (int i = 0; i < together; ++i)
                power[i] = power_of_two<Mode::degree>(
                    fma(broadcast<F>(span.w1[k]), lower[i], broadcast<F>(span.w0[k]) * upper[i]));
            sums.all[k] += (power[0] + power[1]) + (power[2] + power[3]);
            for (int i = 0; mixed && i < together; ++i) sums.most[k] = max(sums.most[k], power[i]);
        }
        return;
    }
    for (int i = 0; i < together; ++i) {
        power[i] = power_of_two<Mode::degree>(
            fma(broadcast<F>(span.w1[0]), lower[i], broadcast<F>(span.w0[0]) * upper[i]));
        ratio[i] =
            power_of_two<Mode::ratio_degree>(broadcast<F>(span.step) * (lower[i] - upper[i]));
    }
    for (std::int64_t k = 0; k < span.count; ++k) {
        sums.all[k] += (power[0] + power[1]) + (power[2] + power[3]);
        for (int i = 0; mixed && i < together; ++i) sums.most[k] = max(sums.most[k], power[i]);
        for (int i = 0; i < together; ++i) power[i] *= ratio[i];
    }
}

// What sums of powers begin at.
inline F sums_begin(const I &agreed) { return (F)(agreed & (I)broadcast<F>(-1.0f)); }

// A span of one vector of columns. Where all four corners agree the largest power is 1: sums begin
// at -1 there, so that what is small beside it is not lost.
template <bool fast, bool mixed, class T>
void put_span(const Work<T> &work, std::int64_t block, const Columns &at, const Span &span, F begin,
              std::int64_t x, std::int64_t count) {
    Sums sums;
    for (std::int64_t k = 0; k < span.count; ++k) {
        sums.all[k] = begin;
        sums.most[k] = broadcast<F>(mixed ? 0.0f : 1.0f);
    }
    for (std::int64_t i = 0; i < work.listed; i += together)
        add_classes<fast, mixed>(work, block, work.list + i, at, span, sums);
    const LabelView &map = work.job.confidence;
    for (std::int64_t k = 0; k < span.count; ++k)
        put_confidence(map, map.row(work.tile.n, span.y + k), work.first_column + x,
                       sums.most[k] / (sums.all[k] - begin), count);
}

// Columns [begin, end) of a block.
template <bool fast, class T> void fill_columns(const Work<T> &work, std::int64_t block,
                                                std::int64_t y0, std::int64_t y1,
                                                std::int64_t begin, std::int64_t end) {
    const F levels = load<F>(work.level);
    for (std::int64_t y = y0; y < y1;) {
        const Span span(work.job.y, y, y1);
        for (std::int64_t x = begin; x < end; x += lanes) {
            const Columns at{load<I>(work.index + x), load<F>(work.f0 + x), load<F>(work.f1 + x)};
            const F level = permute(levels, at.index);
            if (!any((I)(level >= broadcast<F>(Confidence<fast>::lowest)))) continue;
            const std::int64_t count = min<std::int64_t>(lanes, end - x);
            const I agreed = (I)(level == F{});
            const F first = sums_begin(agreed);
            if (any(~agreed))
                put_span<fast, true>(work, block, at, span, first, x, count);
            else
                put_span<fast, false>(work, block, at, span, first, x, count);
        }
        y += span.count;
    }
}

// A block of cells of a few pixels; those that do not fit column by column.
template <bool fast, class T> void fill_narrow(const NarrowCells<T> &cells, std::int64_t block,
                                               std::int64_t y0, std::int64_t y1) {
    const Work<T> &work = cells.work;
    const F level = load<F>(work.level);
    const I agreed = (I)(level == F{}), fits = load<I>(cells.fits + block);
    if (any(fits & (level >= broadcast<F>(Confidence<fast>::lowest)))) {
        if (any(~agreed & fits))
            fill_cells<fast, true>(cells, block, y0, y1, sums_begin(agreed));
        else
            fill_cells<fast, false>(cells, block, y0, y1, sums_begin(agreed));
    }
    for (std::int64_t cell = block; cell < min<std::int64_t>(block + lanes, work.cells); ++cell)
        if (!cells.fits[cell])
            fill_columns<fast>(work, block, y0, y1, work.begin(cell), work.begin(cell + 1));
}

template <bool fast, class T>
void resample(const ArgmaxJob &job, const Tile &tile, char *memory, LogitErrors &errors) {
    Scratch scratch(memory);
    Work<T> work(job, tile, scratch);
    NarrowCells<T> cells(work, scratch);
    work.prepare();
    cells.prepare();
    const bool narrow = cells.are_useful();
    walk_blocks(work, [&](std::int64_t block, std::int64_t y0, std::int64_t y1) {
        list_classes(work, block, Confidence<fast>::negligible);
        if (narrow)
            fill_narrow<fast>(cells, block, y0, y1);
        else
            fill_columns<fast>(work, block, y0, y1, work.begin(block),
                               work.begin(min<std::int64_t>(block + lanes, work.cells)));
        walk_low_cells(work, block, Confidence<fast>::lowest, [&](std::int64_t cell, bool defined) {
            if (defined)
                put_cell<Confidence<fast>::degree>(work, cell, y0, y1);
            else
                rate_cell_exactly(work, cell, y0, y1, errors);
        });
    });
}

} // namespace

std::int64_t confidence_cells_scratch(const ArgmaxJob &job, const Tile &tile) {
    Scratch scratch(nullptr);
    Work<double> work(job, tile, scratch);
    NarrowCells<double> cells(work, scratch);
    return scratch.used();
}

void confidence_cells(const ArgmaxJob &job, const Tile &tile, char *memory, LogitErrors &errors) {
    if (fits_float(job.logits.dtype))
        job.fast ? resample<true, float>(job, tile, memory, errors)
                 : resample<false, float>(job, tile, memory, errors);
    else
        job.fast ? resample<true, double>(job, tile, memory, errors)
                 : resample<false, double>(job, tile, memory, errors);
}

} // namespace segpost::SEGPOST_LEVEL
