#include "cpu/runtime/poll.hpp"
#include "cpu/runtime/tiling.hpp"

#include <numeric>

namespace segpost {
namespace {

constexpr std::int64_t columns_per_task = 1024; // pages are few, and a row is read ahead
constexpr std::int64_t pixels_per_block = 16 << 10;
constexpr std::int64_t values_per_band = 64 << 20; // of classes, where all are compared

} // namespace

// Every task reads some columns of an image from top to bottom, so that sums are of whole runs.
bool launch_find_changes(const FindRunsJob &job, const CancelToken &cancelled,
                         std::vector<ChangedColumns> &parts) {
    const KernelTable &table = kernels();
    const LabelView &labels = job.labels;
    parts.clear();
    for (std::int64_t n = 0; n < labels.n; ++n)
        for (std::int64_t x = 0; x < labels.w; x += columns_per_task) {
            parts.emplace_back();
            parts.back().rect = {n, 0, labels.h, x, std::min(x + columns_per_task, labels.w)};
        }
    return run_tasks(
        static_cast<std::int64_t>(parts.size()),
        [&](std::int64_t i) {
            ChangedColumns &part = parts[static_cast<std::size_t>(i)];
            const std::int64_t columns = part.rect.x1 - part.rect.x0;
            const std::int64_t rows = per_task(pixels_per_block, columns);
            const Memory scratch = allocate(table.label_changes_scratch(job, part.rect));
            const Memory memory =
                allocate(rows * columns * static_cast<std::int64_t>(sizeof(LabelChange)));
            LabelChange *block = reinterpret_cast<LabelChange *>(memory.get());
            if (job.values.data) part.sums.assign(static_cast<std::size_t>(columns), 0.0);
            double *sums = job.values.data ? part.sums.data() : nullptr;
            for (std::int64_t y = 0; y < labels.h; y += rows) {
                Rect rect = part.rect;
                rect.y0 = y, rect.y1 = std::min(y + rows, labels.h);
                const std::int64_t count =
                    table.label_changes(job, rect, scratch.get(), sums, block);
                part.changes.insert(part.changes.end(), block, block + count);
            }
        },
        cancelled);
}

// The same of the labels of logits that are resized, which are not written. Every task reads some
// columns of a band of rows; the last row of a band stays in the memory of its columns.
bool launch_find_logit_changes(const ArgmaxJob &job, const CancelToken &cancelled,
                               std::vector<ChangedColumns> &parts, LogitErrors &errors) {
    const KernelTable &table = kernels();
    const std::int64_t cells = job.x.cells();
    const std::int64_t step = std::max<std::int64_t>(64, per_task(columns_per_task, job.x.widest));
    std::vector<Tile> tiles;
    std::vector<Memory> memory;
    parts.clear();
    for (std::int64_t n = 0; n < job.logits.n; ++n)
        for (std::int64_t x = 0; x < cells; x += step) {
            tiles.push_back({n, 0, job.y.cells(), x, std::min(x + step, cells), 0, job.y.n_out});
            memory.push_back(allocate(table.argmax_changes_scratch(job, tiles.back())));
            parts.emplace_back();
            parts.back().rect = {n, 0, job.y.n_out, job.x.start[x], job.x.start[tiles.back().x1]};
        }
    std::vector<ChangeSink> sinks(tiles.size());
    std::vector<std::size_t> order(tiles.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const std::int64_t values = job.classes() * std::min(job.x.n_out, (step + 1) * job.x.widest);
    Poll poll(cancelled);
    for (const Tile &band : split_cells(1, job.y, 1, per_task(values_per_band, values), 1)) {
        if (band.row0 > 0 && poll((band.row1 - band.row0) * values)) return false;
        const auto no_memory = [](std::size_t) { return std::int64_t{0}; };
        const bool is_done =
            run(order, cancelled, errors, no_memory, [&](std::size_t i, char *, LogitErrors &here) {
                Tile tile = tiles[i];
                tile.y0 = band.y0, tile.y1 = band.y1, tile.row0 = band.row0, tile.row1 = band.row1;
                append(sinks[i], parts[i].changes);
                table.argmax_changes(job, tile, memory[i].get(), sinks[i], here);
            });
        if (!is_done) return false;
    }
    for (std::size_t i = 0; i < parts.size(); ++i)
        parts[i].changes.resize(static_cast<std::size_t>(sinks[i].count));
    return true;
}

bool launch_write_runs(const FindRunsJob &job, const std::vector<ChangedColumns> &parts,
                       const CancelToken &cancelled, const RunArrays &out) {
    std::vector<std::int64_t> first(parts.size(), 0);
    for (std::size_t i = 1; i < parts.size(); ++i)
        first[i] = first[i - 1] + static_cast<std::int64_t>(parts[i - 1].changes.size());
    const LabelView &labels = job.labels;
    return run_tasks(
        static_cast<std::int64_t>(parts.size()),
        [&](std::int64_t i) {
            const ChangedColumns &part = parts[static_cast<std::size_t>(i)];
            const std::int64_t x0 = part.rect.x0, columns = part.rect.x1 - x0;
            std::vector<std::int64_t> next(static_cast<std::size_t>(columns) + 1, 0);
            for (const LabelChange &change : part.changes)
                ++next[static_cast<std::size_t>(change.x - x0) + 1];
            next[0] = first[static_cast<std::size_t>(i)];
            std::partial_sum(next.begin(), next.end(), next.begin());
            for (const LabelChange &change : part.changes) {
                const std::int64_t at = next[static_cast<std::size_t>(change.x - x0)]++;
                out.column[at] = static_cast<std::int32_t>(part.rect.n * labels.w + change.x);
                out.top[at] = change.y;
                out.label[at] = change.label;
                if (change.y == 0) continue;
                out.bottom[at - 1] = change.y;
                if (out.sum) out.sum[at - 1] = change.sum;
            }
            if (labels.h == 0) return;
            for (std::int64_t x = 0; x < columns; ++x) { // the last run of every column
                const std::int64_t at = next[static_cast<std::size_t>(x)] - 1;
                out.bottom[at] = static_cast<std::int32_t>(labels.h);
                if (out.sum) out.sum[at] = part.sums[static_cast<std::size_t>(x)];
            }
        },
        cancelled);
}

} // namespace segpost
