#include "tasks.hpp"

namespace segpost {

// A pixel that has a label but no confidence is undefined where confidence is wanted.
bool run_argmax(const ArgmaxJob &job, CellRule rule, const Interrupted &interrupted,
                Report &report) {
    const KernelTable &table = kernels();
    const bool cells = job.resample && job.confidence.data;
    return run(
        argmax_tiles(job), interrupted, report,
        [&](const Tile &tile) {
            return std::max(argmax_scratch(job, tile),
                            cells ? table.confidence_cells_scratch(job, tile) : 0);
        },
        [&](const Tile &tile, char *memory, Report &here) {
            argmax_tile(job, tile, rule, memory, here);
            if (!cells) return;
            here.undefined_count = 0, here.undefined_first = -1;
            table.confidence_cells(job, tile, memory, here);
        });
}

bool run_argmax_volume(const VolumeJob &job, const Interrupted &interrupted, Report &report) {
    const KernelTable &table = kernels();
    // Two slices of a brick stay in the second-level cache.
    constexpr std::int64_t cached = 128 << 10;
    const std::int64_t row = job.logits.c * job.logits.w;
    const std::int64_t rows = std::max<std::int64_t>(2, per_task(cached / 2, row)) - 1;
    const std::int64_t scale = std::max<std::int64_t>(1, job.z.widest * job.y.widest);
    const std::int64_t slices =
        std::max<std::int64_t>(4, per_task(work_per_task, rows * job.x.n_out * scale + rows * row));
    std::vector<Brick> bricks;
    for (std::int64_t n = 0; n < job.logits.n; ++n)
        for (std::int64_t z = 0; z < job.z.cells(); z += slices)
            for (std::int64_t y = 0; y < job.y.cells(); y += rows)
                bricks.push_back({n, z, std::min(z + slices, job.z.cells()), y,
                                  std::min(y + rows, job.y.cells())});
    return run(
        bricks, interrupted, report,
        [&](const Brick &brick) { return table.argmax_volume_scratch(job, brick); },
        [&](const Brick &brick, char *memory, Report &here) {
            table.argmax_volume(job, brick, memory, here);
        });
}

bool run_softmax(const SoftmaxJob &job, const Interrupted &interrupted, Report &report) {
    const KernelTable &table = kernels();
    const std::int64_t classes = job.logits.c;
    const std::int64_t column_step = std::max<std::int64_t>(64, (16 << 10) / classes);
    const std::int64_t columns = std::min(column_step, job.width());
    const std::int64_t row_budget = per_task(work_per_task / 4, classes * columns);
    const auto tiles = job.resample
                           ? cut_cells(job.logits.n, job.y, job.width(), row_budget, column_step)
                           : cut(job.logits.n, job.logits.h, job.width(), row_budget, column_step);
    return run(
        tiles, interrupted, report,
        [&](const Tile &tile) { return table.softmax_scratch(job, tile); },
        [&](const Tile &tile, char *memory, Report &here) {
            table.softmax(job, tile, memory, here);
        });
}

bool run_colorize(const ColorizeJob &job, const Interrupted &interrupted, Bad &bad) {
    const KernelTable &table = kernels();
    return run(
        cut_rows(job.labels, 4), interrupted, bad,
        [&](const Rows &) { return table.colorize_scratch(job); },
        [&](const Rows &rows, char *memory, Bad &here) {
            table.colorize(job, rows, memory, here);
        });
}

bool run_overlay(const OverlayJob &job, const Interrupted &interrupted, Bad &bad) {
    const KernelTable &table = kernels();
    return run(
        cut_rows(job.labels, 7 + 32 * job.contour), interrupted, bad,
        [&](const Rows &) { return table.overlay_scratch(job); },
        [&](const Rows &rows, char *memory, Bad &here) { table.overlay(job, rows, memory, here); });
}

bool run_labels_from_colors(const LabelsFromColorsJob &job, const Interrupted &interrupted,
                            Bad &bad) {
    const KernelTable &table = kernels();
    return run(
        cut_rows(job.image, 16), interrupted, bad,
        [&](const Rows &) { return table.labels_from_colors_scratch(job); },
        [&](const Rows &rows, char *memory, Bad &here) {
            table.labels_from_colors(job, rows, memory, here);
        });
}

bool run_letterbox(const LetterboxJob &job, const Interrupted &interrupted) {
    const KernelTable &table = kernels();
    const std::int64_t row =
        3 * (job.y.width * job.image.w + job.x.width * job.x.n_out + job.width);
    const std::int64_t step = per_task(work_per_task / 4, row);
    std::vector<Rows> pieces;
    for (std::int64_t n = 0; n < job.image.n; ++n)
        for (std::int64_t y = 0; y < job.height; y += step)
            pieces.push_back({n, y, std::min(y + step, job.height)});
    Nothing nothing;
    return run(
        pieces, interrupted, nothing, [&](const Rows &) { return table.letterbox_scratch(job); },
        [&](const Rows &rows, char *memory, Nothing &) { table.letterbox(job, rows, memory); });
}

} // namespace segpost
