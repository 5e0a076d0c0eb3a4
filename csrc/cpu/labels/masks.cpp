// Launchers of binarize.
#include "cpu/runtime/tiling.hpp"

#include <cmath>
#include <limits>
#include <utility>

namespace segpost {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Rounded to a number of the type, and then away from it by one where it is on the wrong side.
template <class T> double round_towards(double value, double end) {
    const T nearest = static_cast<T>(value);
    const double wide = static_cast<double>(nearest);
    if (end < 0 ? wide <= value : wide >= value) return wide;
    return static_cast<double>(std::nextafter(nearest, static_cast<T>(end)));
}

// What segpost/_core/thresholds.py documents as `sides`.
template <class T> MaskLevel level_of(double cutoff, double den) {
    const double level = cutoff / den;
    const bool infinite = std::isinf(level);
    const double margin =
        infinite || cutoff == 0.0 ? 0.0 : margin_float64 * std::fabs(level) + 1e-290;
    MaskLevel result;
    result.cutoff = cutoff;
    result.lower = round_towards<T>(level - margin, -infinity);
    result.upper = round_towards<T>(level + margin, infinity);
    result.limit = sizeof(T) == 8 ? limit_float64 : infinity;
    if (sizeof(T) == 4 && infinite)
        result.limit = static_cast<double>(std::numeric_limits<float>::max());
    result.last = round_towards<T>(level, -infinity);
    result.level = static_cast<float>(level);
    return result;
}

std::vector<MaskLevel> levels_of(const Logits &logits, const double *cutoffs, double den) {
    const auto level = fits_float(logits.dtype) ? level_of<float> : level_of<double>;
    std::vector<MaskLevel> levels;
    for (std::int64_t c = 0; c < logits.c; ++c) levels.push_back(level(cutoffs[c], den));
    return levels;
}

std::vector<MaskLevel> levels_of(const BinarizeJob &job) {
    return levels_of(job.logits, job.cutoffs, job.resample ? job.y.den * job.x.den : 1.0);
}

// Tiles of all columns: of single channels, or of all of them where labels are written.
std::vector<MaskTile> mask_tiles(const BinarizeJob &job) {
    const bool apart = job.encoding != MaskEncoding::labels;
    const std::int64_t channels = apart ? 1 : job.logits.c, width = job.width();
    // Rows of a tile stay in the second-level cache.
    const std::int64_t rows =
        std::min(per_task(bytes_per_task, width), per_task(work_per_task, width * channels));
    const auto tiles = job.resample
                           ? split_cells(job.logits.n, job.y, job.x.cells(), rows, job.x.cells())
                           : split(job.logits.n, job.logits.h, width, rows, width);
    std::vector<MaskTile> result;
    for (const Tile &tile : tiles)
        for (std::int64_t c = 0; c < job.logits.c; c += channels)
            result.push_back({tile, c, c + channels});
    return result;
}

// The same image with its axes exchanged.
BinarizeJob transposed(const BinarizeJob &job) {
    BinarizeJob result = job;
    result.swapped = true;
    std::swap(result.logits.h, result.logits.w);
    std::swap(result.logits.stride_h, result.logits.stride_w);
    std::swap(result.y, result.x);
    return result;
}

// Tiles of single channels, mask after mask, each from left to right.
std::vector<MaskTile> run_tiles(const BinarizeJob &job) {
    std::vector<MaskTile> result;
    constexpr std::int64_t strip = 64;
    for (std::int64_t n = 0; n < job.logits.n; ++n)
        for (std::int64_t c = 0; c < job.logits.c; ++c) {
            auto tiles = job.resample
                             ? split_cells(1, job.y, job.x.cells(),
                                           per_task(work_per_task, job.width()), job.x.cells())
                             : split(1, job.logits.h, job.logits.w, job.logits.h, strip);
            for (Tile &tile : tiles) {
                tile.n = n;
                result.push_back({tile, c, c + 1});
            }
        }
    return result;
}

// Appends the counts of a mask; places that stand twice, where tiles meet, are none.
void add_counts(const std::vector<std::vector<std::int64_t>> &parts, std::int64_t area,
                MaskRuns &runs) {
    const std::size_t first = runs.counts.size();
    for (const auto &part : parts)
        for (std::int64_t place : part) {
            if (runs.counts.size() > first && runs.counts.back() == place)
                runs.counts.pop_back();
            else
                runs.counts.push_back(place);
        }
    if (runs.counts.size() == first || runs.counts.back() != area) runs.counts.push_back(area);
    for (std::size_t i = runs.counts.size() - 1; i > first; --i)
        runs.counts[i] -= runs.counts[i - 1];
    runs.ends.push_back(static_cast<std::int64_t>(runs.counts.size()));
}

} // namespace

bool launch_binarize(const BinarizeJob &input_job, const CancelToken &cancelled,
                     LogitErrors &errors) {
    const KernelTable &table = kernels();
    const std::vector<MaskLevel> levels = levels_of(input_job);
    BinarizeJob job = input_job;
    job.levels = levels.data();
    return run(
        mask_tiles(job), cancelled, errors,
        [&](const MaskTile &) { return table.binarize_scratch(job); },
        [&](const MaskTile &tile, char *memory, LogitErrors &here) {
            table.binarize(job, tile, memory, here);
        });
}

bool launch_binarize_volume(const BinarizeVolumeJob &input_job, const CancelToken &cancelled,
                            LogitErrors &errors) {
    const KernelTable &table = kernels();
    const std::vector<MaskLevel> levels = levels_of(
        input_job.logits, input_job.cutoffs, input_job.z.den * input_job.y.den * input_job.x.den);
    BinarizeVolumeJob job = input_job;
    job.levels = levels.data();
    const std::int64_t channels = job.values ? job.logits.c : 1;
    std::vector<MaskTile3D> tiles;
    for (const Tile3D &tile : volume_tiles(job, 1))
        for (std::int64_t c = 0; c < job.logits.c; c += channels)
            tiles.push_back({tile, c, c + channels});
    return run(
        tiles, cancelled, errors,
        [&](const MaskTile3D &tile) { return table.binarize_volume_scratch(job, tile); },
        [&](const MaskTile3D &tile, char *memory, LogitErrors &here) {
            table.binarize_volume(job, tile, memory, here);
        });
}

bool launch_binarize_runs(const BinarizeJob &input_job, const CancelToken &cancelled,
                          MaskRuns &runs, LogitErrors &errors) {
    const KernelTable &table = kernels();
    const std::vector<MaskLevel> levels = levels_of(input_job);
    BinarizeJob job = input_job.resample ? transposed(input_job) : input_job;
    job.levels = levels.data();
    const auto tiles = run_tiles(job);
    const std::int64_t masks = job.logits.n * job.logits.c;
    const std::int64_t parts = masks ? static_cast<std::int64_t>(tiles.size()) / masks : 0;
    std::vector<std::vector<std::int64_t>> changes(tiles.size());
    std::vector<std::int64_t> order(tiles.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
    const bool done = run(
        order, cancelled, errors, [&](std::int64_t) { return table.binarize_scratch(job); },
        [&](std::int64_t i, char *memory, LogitErrors &here) {
            RunSink sink;
            std::vector<std::int64_t> &places = changes[static_cast<std::size_t>(i)];
            collect(sink, places, [&] {
                table.binarize_runs(job, tiles[static_cast<std::size_t>(i)], memory, sink, here);
            });
            places.shrink_to_fit();
        });
    if (!done) return false;
    const std::int64_t area = job.height() * job.width();
    for (std::int64_t mask = 0; mask < masks; ++mask) {
        const auto begin = changes.begin() + mask * parts;
        add_counts({std::make_move_iterator(begin), std::make_move_iterator(begin + parts)}, area,
                   runs);
    }
    return true;
}

} // namespace segpost
