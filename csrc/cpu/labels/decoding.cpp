#include "cpu/runtime/tiling.hpp"

namespace segpost {
namespace {

std::vector<Tile> decoding_tiles(const DecodingJob &job) {
    const std::int64_t blocks = (16 << 10) / (job.logits.c * decoding_block);
    const std::int64_t column_step = std::max<std::int64_t>(blocks, 4) * decoding_block;
    const std::int64_t columns = std::min(column_step, job.width());
    return split_cells(job.logits.n, job.y, job.width(),
                       per_task(work_per_task, job.logits.c * columns), column_step);
}

// Integers of a task, before the scratch memory of its kernel.
std::int64_t *clear(char *memory, std::int64_t count) {
    auto *const values = reinterpret_cast<std::int64_t *>(memory);
    std::fill(values, values + count, 0);
    return values;
}
std::int64_t bytes_of(std::int64_t count) { return (8 * count + 63) / 64 * 64; }

void add(std::int64_t *sums, const std::int64_t *values, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) sums[i] += values[i];
}

} // namespace

bool launch_count_levels(const CountLevelsJob &job, const CancelToken &cancelled,
                         const LevelSums &sums, LogitErrors &errors) {
    const KernelTable &table = kernels();
    const std::int64_t classes = job.logits.c, cells = classes * job.bins;
    const std::int64_t count = 2 * cells + classes;
    Mutex mutex;
    return run(
        decoding_tiles(job), cancelled, errors,
        [&](const Tile &tile) { return bytes_of(count) + table.decoding_scratch(job, tile); },
        [&](const Tile &tile, char *memory, LogitErrors &here) {
            std::int64_t *const own = clear(memory, count);
            table.count_levels(job, tile, memory + bytes_of(count),
                               {own, own + cells, own + 2 * cells}, here);
            std::lock_guard lock(mutex);
            add(sums.counts + tile.n * cells, own, cells);
            add(sums.sums + tile.n * cells, own + cells, cells);
            add(sums.mass + tile.n * classes, own + 2 * cells, classes);
        });
}

bool launch_settle_labels(const SettleLabelsJob &job, const CancelToken &cancelled,
                          const SingleSums &sums) {
    const KernelTable &table = kernels();
    const std::int64_t classes = job.logits.c;
    Mutex mutex;
    NoErrors no_errors;
    return run(
        decoding_tiles(job), cancelled, no_errors,
        [&](const Tile &tile) { return bytes_of(2 * classes) + table.decoding_scratch(job, tile); },
        [&](const Tile &tile, char *memory, NoErrors &) {
            std::int64_t *const own = clear(memory, 2 * classes);
            table.settle_labels(job, tile, memory + bytes_of(2 * classes), {own, own + classes});
            std::lock_guard lock(mutex);
            add(sums.counts + tile.n * classes, own, classes);
            add(sums.sums + tile.n * classes, own + classes, classes);
        });
}

bool launch_resolve_labels(const ResolveLabelsJob &job, const CancelToken &cancelled) {
    const KernelTable &table = kernels();
    NoErrors no_errors;
    return run(
        decoding_tiles(job), cancelled, no_errors,
        [&](const Tile &tile) { return table.decoding_scratch(job, tile); },
        [&](const Tile &tile, char *memory, NoErrors &) {
            table.resolve_labels(job, tile, memory);
        });
}

} // namespace segpost
