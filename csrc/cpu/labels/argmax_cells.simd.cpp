// argmax of bilinearly resampled logits, cell by cell of the low-resolution grid. The theorems that
// let most cells be filled, classes be pruned and float32 decide are in ops/labels.hpp.
#include "cpu/labels/cells_walk.hpp"
#include "cpu/runtime/kernel_table.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

struct EveryPixel {
    static bool take_pair(std::int64_t, std::int64_t, std::int64_t, const std::int32_t *) {
        return false;
    }
    static void mark_written(std::int64_t, std::int64_t) {}
};

template <class T, class L> void resample(const ArgmaxJob &job, const Tile &tile, CellRule rule,
                                          char *memory, LogitErrors &errors) {
    Scratch scratch(memory);
    Work<T, L> work(job, tile, scratch);
    EveryPixel every_pixel;
    walk_rows(work, errors, [&](std::int64_t y0, std::int64_t y1) {
        for (std::int64_t y = y0; y < y1; ++y) {
            __builtin_memcpy(work.labels(y), work.fill, work.columns * sizeof(L));
            if (job.lut) __builtin_memcpy(work.color(y), work.fill_color, 3 * work.columns);
        }
        for (std::int64_t block = 0; block < work.cells; block += lanes)
            mixed_cells(work, block, y0, y1, rule, every_pixel, errors);
    });
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
