#include "cpu/runtime/tiling.hpp"

#include <cmath>

namespace segpost {
namespace {

constexpr std::int64_t one = std::int64_t{1} << 40;

// Adds float64 numbers to sums of integers, so that the order of the tasks does not matter.
void add_fractions(std::int64_t *sums, const double *values, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        const double whole = std::floor(values[i]);
        sums[2 * i] += static_cast<std::int64_t>(whole);
        sums[2 * i + 1] += std::llrint((values[i] - whole) * static_cast<double>(one));
    }
}

void add_counts(std::int64_t *sums, const std::int64_t *values, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) sums[i] += values[i];
}

// Where a task keeps its labels and its sums, before the scratch memory of kernels.
struct TaskMemory {
    Rect rect;
    std::int64_t element, labels, counts, class_counts;

    TaskMemory(const CalibrationJob &job, const Tile &tile)
        : rect{tile.n, tile.row0, tile.row1, job.x.start[tile.x0], job.x.start[tile.x1]},
          element(job.classes() <= 256 ? 1 : 4),
          labels(((rect.y1 - rect.y0) * (rect.x1 - rect.x0) * element + 127) / 64 * 64),
          counts((24 * job.intervals + 63) / 64 * 64),
          class_counts((24 * job.classes() * job.bins + 63) / 64 * 64) {}

    bool is_empty() const { return rect.y0 >= rect.y1 || rect.x0 >= rect.x1; }
    std::int64_t bytes() const { return labels + counts + class_counts; }

    LabelView label_view(const CalibrationJob &job, char *memory) const {
        LabelView view; // of the whole image, of which only the rectangle has memory
        view.dtype = element == 1 ? DType::u8 : DType::i32;
        view.n = job.target.n, view.h = job.target.h, view.w = job.target.w;
        view.stride_w = element;
        view.stride_h = (rect.x1 - rect.x0) * element;
        view.set_part(memory, rect.y0, rect.x0);
        return view;
    }
    CalibrationSums sums(const CalibrationJob &job, char *memory) const {
        CalibrationSums result;
        result.counts = reinterpret_cast<std::int64_t *>(memory + labels);
        result.confidence = reinterpret_cast<double *>(result.counts + 2 * job.intervals);
        result.class_counts = reinterpret_cast<std::int64_t *>(memory + labels + counts);
        result.class_confidence =
            reinterpret_cast<double *>(result.class_counts + 2 * job.classes() * job.bins);
        return result;
    }
};

} // namespace

bool launch_calibration(const CalibrationJob &job, const CancelToken &cancelled,
                        const CalibrationTables &tables, LogitErrors &errors) {
    const KernelTable &table = kernels();
    Mutex mutex;
    return run(
        argmax_tiles(job, work_per_task), cancelled, errors, // a sum is that of its tiles
        [&](const Tile &tile) {
            return TaskMemory(job, tile).bytes() +
                   std::max(argmax_scratch(job, tile), table.calibration_cells_scratch(job, tile));
        },
        [&](const Tile &tile, char *memory, LogitErrors &here) {
            const TaskMemory parts(job, tile);
            CalibrationJob part = job;
            part.labels = parts.label_view(job, memory);
            char *scratch = memory + parts.bytes();
            argmax_tile(part, tile, CellRule::fill, scratch, here);
            here.undefined_count = 0, here.undefined_first = -1; // those without a label
            if (parts.is_empty()) return;
            CalibrationSums sums = parts.sums(job, memory);
            table.calibration_cells(part, tile, scratch, sums, here);
            std::lock_guard lock(mutex);
            add_counts(tables.counts, sums.counts, 2 * job.intervals);
            add_fractions(tables.confidence, sums.confidence, job.intervals);
            if (job.bins) {
                const std::int64_t count = job.classes() * job.bins;
                add_counts(tables.class_counts, sums.class_counts, 2 * count);
                add_fractions(tables.class_confidence, sums.class_confidence, count);
            }
            add_fractions(tables.loss, sums.loss, 2);
            if (job.with_temperature) add_fractions(tables.curve, sums.curve[0], 3 * temperatures);
            add_counts(tables.pixels, sums.pixels, 4);
        });
}

} // namespace segpost
