#include "cpu/runtime/tiling.hpp"

namespace segpost {

namespace {

// The output pixels of a tile.
Rect rect_of(const ArgmaxJob &job, const Tile &tile) {
    if (!job.resample) return {tile.n, tile.y0, tile.y1, tile.x0, tile.x1};
    return {tile.n, std::max<std::int64_t>(job.y.start[tile.y0], tile.row0),
            std::min<std::int64_t>(job.y.start[tile.y1], tile.row1), job.x.start[tile.x0],
            job.x.start[tile.x1]};
}

// The overlay of a tile whose labels have just been made.
void draw_overlay(const ArgmaxJob &job, const Tile &tile, char *memory) {
    const Rect rect = rect_of(job, tile);
    OverlayJob part = job.overlay;
    for (LabelView *map : {&part.labels, static_cast<LabelView *>(&part.image),
                           static_cast<LabelView *>(&part.out)}) {
        map->data += rect.x0 * map->stride_w;
        map->w = rect.x1 - rect.x0;
    }
    LabelErrors none; // every label has a color
    kernels().overlay(part, {rect.n, rect.y0, rect.y1}, memory, none);
}

} // namespace

// A pixel that has a label but no confidence is undefined where confidence is wanted.
bool launch_argmax(const ArgmaxJob &job, CellRule rule, const CancelToken &cancelled,
                   LogitErrors &errors) {
    const KernelTable &table = kernels();
    const bool cells = job.resample && job.confidence.data, has_overlay = job.overlay.out.data;
    return run(
        shared_argmax_tiles(job), cancelled, errors,
        [&](const Tile &tile) {
            return std::max({argmax_scratch(job, tile),
                             cells ? table.confidence_cells_scratch(job, tile) : 0,
                             has_overlay ? table.overlay_scratch(job.overlay) : 0});
        },
        [&](const Tile &tile, char *memory, LogitErrors &here) {
            argmax_tile(job, tile, rule, memory, here);
            if (has_overlay) draw_overlay(job, tile, memory);
            if (!cells) return;
            here.undefined_count = 0, here.undefined_first = -1;
            table.confidence_cells(job, tile, memory, here);
        });
}

// A tile's logits come from memory for the labels, and from a cache for the probabilities.
bool launch_argmax_softmax(const ArgmaxJob &job, const SoftmaxJob &softmax,
                           const CancelToken &cancelled, LogitErrors &errors) {
    const KernelTable &table = kernels();
    constexpr std::int64_t cached = 64 << 10; // values
    const std::int64_t column_step = std::max<std::int64_t>(128, cached / job.logits.c);
    const std::int64_t row = job.logits.c * std::min(column_step, job.logits.w);
    const bool has_overlay = job.overlay.out.data;
    return run(
        split(job.logits.n, job.logits.h, job.logits.w, per_task(cached, row), column_step),
        cancelled, errors,
        [&](const Tile &tile) {
            return std::max({table.argmax_pixels_scratch(job), table.softmax_scratch(softmax, tile),
                             has_overlay ? table.overlay_scratch(job.overlay) : 0});
        },
        [&](const Tile &tile, char *memory, LogitErrors &here) {
            table.argmax_pixels(job, tile, memory, here);
            if (has_overlay) draw_overlay(job, tile, memory);
            here.undefined_count = 0, here.undefined_first = -1;
            table.softmax(softmax, tile, memory, here);
        });
}

bool launch_ranking(const RankingJob &job, const CancelToken &cancelled, LogitErrors &errors) {
    const KernelTable &table = kernels();
    const bool ranks = job.entropy.data || job.margin.data || job.top; // else confidence alone
    return run(
        shared_argmax_tiles(job), cancelled, errors,
        [&](const Tile &tile) {
            return ranks ? table.ranking_cells_scratch(job, tile)
                         : table.confidence_cells_scratch(job, tile);
        },
        [&](const Tile &tile, char *memory, LogitErrors &here) {
            ranks ? table.ranking_cells(job, tile, memory, here)
                  : table.confidence_cells(job, tile, memory, here);
        });
}

bool launch_argmax_volume(const VolumeJob &job, const CancelToken &cancelled, LogitErrors &errors) {
    const KernelTable &table = kernels();
    return run(
        volume_tiles(job, job.logits.c), cancelled, errors,
        [&](const Tile3D &tile) { return table.argmax_volume_scratch(job, tile); },
        [&](const Tile3D &tile, char *memory, LogitErrors &here) {
            table.argmax_volume(job, tile, memory, here);
        });
}

bool launch_softmax(const SoftmaxJob &job, const CancelToken &cancelled, LogitErrors &errors) {
    const KernelTable &table = kernels();
    const std::int64_t classes = job.logits.c;
    const std::int64_t column_step = std::max<std::int64_t>(64, (16 << 10) / classes);
    const std::int64_t columns = std::min(column_step, job.width());
    const std::int64_t row_budget = per_task(work_per_task / 4, classes * columns);
    const auto tiles =
        job.resample ? split_cells(job.logits.n, job.y, job.width(), row_budget, column_step)
                     : split(job.logits.n, job.logits.h, job.width(), row_budget, column_step);
    return run(
        tiles, cancelled, errors,
        [&](const Tile &tile) { return table.softmax_scratch(job, tile); },
        [&](const Tile &tile, char *memory, LogitErrors &here) {
            table.softmax(job, tile, memory, here);
        });
}

bool launch_add_resized(const AddResizedJob &job, const CancelToken &cancelled) {
    const KernelTable &table = kernels();
    const std::int64_t rows = per_task(work_per_task / 4, job.logits.c * job.width());
    const auto tiles = job.resample ? split_cells(1, job.y, job.width(), rows, job.width())
                                    : split(1, job.logits.h, job.width(), rows, job.width());
    NoErrors no_errors;
    return run(
        tiles, cancelled, no_errors, [&](const Tile &) { return table.add_resized_scratch(job); },
        [&](const Tile &tile, char *memory, NoErrors &) { table.add_resized(job, tile, memory); });
}

bool launch_colorize(const ColorizeJob &job, const CancelToken &cancelled, LabelErrors &errors) {
    const KernelTable &table = kernels();
    return run(
        split_rows(job.labels, 4), cancelled, errors,
        [&](const Rows &) { return table.colorize_scratch(job); },
        [&](const Rows &rows, char *memory, LabelErrors &here) {
            table.colorize(job, rows, memory, here);
        });
}

bool launch_overlay(const OverlayJob &job, const CancelToken &cancelled, LabelErrors &errors) {
    const KernelTable &table = kernels();
    return run(
        split_rows(job.labels, 7 + 32 * job.contour), cancelled, errors,
        [&](const Rows &) { return table.overlay_scratch(job); },
        [&](const Rows &rows, char *memory, LabelErrors &here) {
            table.overlay(job, rows, memory, here);
        });
}

bool launch_labels_from_colors(const LabelsFromColorsJob &job, const CancelToken &cancelled,
                               LabelErrors &errors) {
    const KernelTable &table = kernels();
    return run(
        split_rows(job.image, 16), cancelled, errors,
        [&](const Rows &) { return table.labels_from_colors_scratch(job); },
        [&](const Rows &rows, char *memory, LabelErrors &here) {
            table.labels_from_colors(job, rows, memory, here);
        });
}

bool launch_letterbox(const LetterboxJob &job, const CancelToken &cancelled) {
    const KernelTable &table = kernels();
    const bool is_rgb = job.image.is_rgb_bytes();
    const auto scratch = is_rgb ? table.letterbox_scratch : table.letterbox_bands_scratch;
    const auto kernel = is_rgb ? table.letterbox : table.letterbox_bands;
    const std::int64_t row =
        job.image.bands * (job.y.width * job.image.w + job.x.width * job.x.n_out + job.width);
    const std::int64_t step = per_task(work_per_task / 4, row);
    std::vector<Rows> pieces;
    for (std::int64_t n = 0; n < job.image.n; ++n)
        for (std::int64_t y = 0; y < job.height; y += step)
            pieces.push_back({n, y, std::min(y + step, job.height)});
    NoErrors no_errors;
    return run(
        pieces, cancelled, no_errors, [&](const Rows &) { return scratch(job); },
        [&](const Rows &rows, char *memory, NoErrors &) { kernel(job, rows, memory); });
}

} // namespace segpost
