// How jobs are split into tasks. Only included by launchers.
#pragma once

#include <algorithm>
#include <vector>

#include "cpu/runtime/launch.hpp"
#include "cpu/runtime/memory.hpp"
#include "cpu/runtime/mutex.hpp"
#include "cpu/runtime/pool.hpp"

namespace segpost {
namespace {

// A task is long enough to be worth a thread and short enough to answer Ctrl-C between two of them.
constexpr std::int64_t work_per_task = 4 << 20;     // values computed
constexpr std::int64_t pixels_per_task = 512 << 10; // whose labels may have to be kept
constexpr std::int64_t bytes_per_task = 512 << 10;
constexpr std::int64_t least_work = 640 << 10, most_tasks = 4; // of a thread

inline std::int64_t per_task(std::int64_t budget, std::int64_t row) {
    return std::max<std::int64_t>(1, budget / std::max<std::int64_t>(row, 1));
}

// The budget of a task where all of them compute so many values: as many tasks for each thread, of
// which none is much shorter.
inline std::int64_t share_of_work(std::int64_t values) {
    const std::int64_t threads = num_threads();
    if (threads == 1) return work_per_task;
    std::int64_t tasks = std::clamp<std::int64_t>(values / least_work, 1, most_tasks * threads);
    if (tasks > threads) tasks -= tasks % threads;
    const std::int64_t rounding = values / 16; // rows are whole
    return std::min(values / tasks + rounding / tasks, work_per_task);
}

// Parts of about one length, none longer than `step`.
inline std::int64_t even_step(std::int64_t length, std::int64_t step) {
    const std::int64_t parts = std::max<std::int64_t>(1, (length + step - 1) / step);
    return std::max<std::int64_t>(1, (length + parts - 1) / parts);
}

inline std::vector<Tile> split(std::int64_t n, std::int64_t rows, std::int64_t columns,
                               std::int64_t row_step, std::int64_t column_step) {
    std::vector<Tile> tiles;
    row_step = even_step(rows, row_step);
    for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t y = 0; y < rows; y += row_step)
            for (std::int64_t x = 0; x < columns; x += column_step)
                tiles.push_back({i, y, std::min(y + row_step, rows), x,
                                 std::min(x + column_step, columns), y,
                                 std::min(y + row_step, rows)});
    return tiles;
}

// The same for rows of cells: row_budget output rows a tile, less than one row of cells where those
// are large.
inline std::vector<Tile> split_cells(std::int64_t n, const Axis &y, std::int64_t columns,
                                     std::int64_t row_budget, std::int64_t column_step) {
    const std::int64_t rows_of_cell = std::max<std::int64_t>(1, y.n_out / y.cells());
    const std::int64_t row_step = std::max<std::int64_t>(1, row_budget / rows_of_cell);
    std::vector<Tile> tiles;
    for (Tile tile : split(n, y.cells(), columns, row_step, column_step)) {
        const std::int64_t first = y.start[tile.y0], last = y.start[tile.y1];
        const std::int64_t step = tile.y1 - tile.y0 > 1 ? last - first : row_budget;
        tile.row0 = first;
        do {
            tile.row1 = std::min(tile.row0 + step, last);
            tiles.push_back(tile);
            tile.row0 = tile.row1;
        } while (tile.row0 < last);
    }
    return tiles;
}

// Places in 0..length from one on which a thread may work alone: every so many, or where `between`
// says so after them.
template <class Between> std::vector<std::int64_t>
split_points(std::int64_t length, std::int64_t step, const Between &between) {
    std::vector<std::int64_t> at{0};
    while (at.back() < length) {
        std::int64_t end = std::min(at.back() + std::max<std::int64_t>(step, 1), length);
        while (end < length && !between(static_cast<std::size_t>(end))) ++end;
        at.push_back(end);
    }
    return at;
}

template <class Work> bool parallel_parts(const std::vector<std::int64_t> &split_points,
                                          const CancelToken &cancelled, const Work &work) {
    return run_tasks(
        static_cast<std::int64_t>(split_points.size()) - 1,
        [&](std::int64_t i) {
            work(split_points[static_cast<std::size_t>(i)],
                 split_points[static_cast<std::size_t>(i) + 1]);
        },
        cancelled);
}

// For kernels that find nothing.
struct NoErrors {
    void merge(const NoErrors &) {}
};

// Runs one kernel over its items; bad values of all of them end up in `errors`.
template <class WorkItem, class Errors, class Kernel, class Size>
bool run(const std::vector<WorkItem> &items, const CancelToken &cancelled, Errors &errors,
         const Size &size, const Kernel &kernel) {
    Mutex mutex;
    return run_tasks(
        static_cast<std::int64_t>(items.size()),
        [&](std::int64_t i) {
            const WorkItem &item = items[static_cast<std::size_t>(i)];
            const Memory memory = allocate(size(item));
            Errors own;
            kernel(item, memory.get(), own);
            std::lock_guard lock(mutex);
            errors.merge(own);
        },
        cancelled);
}

// Lets a sink add to a vector, whose size is then the capacity of the sink.
template <class T> void append(Sink<T> &sink, std::vector<T> &items) {
    sink.owner = &items;
    sink.grow = [](Sink<T> &full, std::int64_t capacity) {
        auto &memory = *static_cast<std::vector<T> *>(full.owner);
        memory.resize(static_cast<std::size_t>(std::max(capacity, 2 * full.capacity)));
        full.items = memory.data();
        full.capacity = static_cast<std::int64_t>(memory.size());
    };
}

// What a kernel adds to a sink, in a vector.
template <class T, class Kernel>
void collect(Sink<T> &sink, std::vector<T> &items, const Kernel &kernel) {
    append(sink, items);
    kernel();
    items.resize(static_cast<std::size_t>(sink.count));
}

inline std::vector<Rows> split_rows(const LabelView &map, std::int64_t row_cost) {
    std::vector<Rows> items;
    const std::int64_t step = per_task(bytes_per_task, map.w * row_cost);
    for (std::int64_t n = 0; n < map.n; ++n)
        for (std::int64_t y = 0; y < map.h; y += step)
            items.push_back({n, y, std::min(y + step, map.h)});
    return items;
}

// argmax in tiles of so much work: what launch_argmax and everything that counts labels on the way
// are made of.
inline std::vector<Tile> argmax_tiles(const ArgmaxJob &job, std::int64_t work) {
    const std::int64_t classes = job.classes();
    if (!job.resample)
        return split(job.logits.n, job.logits.h, job.logits.w,
                     per_task(std::min(work, classes * pixels_per_task), classes * job.logits.w),
                     job.logits.w);
    // Two rows of a tile stay in the second-level cache; rows are enough to make the shared one
    // cheap.
    const std::int64_t column_step = std::max<std::int64_t>(64, (128 << 10) / classes);
    const std::int64_t columns = std::min(job.x.n_out, (column_step + 1) * job.x.widest);
    return split_cells(job.logits.n, job.y, job.x.cells(), per_task(work, classes * columns),
                       column_step);
}

// The same, for results that do not depend on the tiles.
inline std::vector<Tile> shared_argmax_tiles(const ArgmaxJob &job) {
    const std::int64_t pixels =
        job.resample ? job.y.n_out * job.x.n_out : job.logits.h * job.logits.w;
    return argmax_tiles(job, share_of_work(job.logits.n * job.classes() * pixels));
}

// Tiles of volumes of which `channels` are in memory at once.
inline std::vector<Tile3D> volume_tiles(const VolumeJob &job, std::int64_t channels) {
    // Two slices of a tile stay in the second-level cache.
    constexpr std::int64_t cached = 128 << 10;
    const std::int64_t row = channels * job.logits.w;
    const std::int64_t rows = std::max<std::int64_t>(2, per_task(cached / 2, row)) - 1;
    const std::int64_t scale = std::max<std::int64_t>(1, job.z.widest * job.y.widest);
    const std::int64_t slices =
        std::max<std::int64_t>(4, per_task(work_per_task, rows * job.x.n_out * scale + rows * row));
    std::vector<Tile3D> tiles;
    for (std::int64_t n = 0; n < job.logits.n; ++n)
        for (std::int64_t z = 0; z < job.z.cells(); z += slices)
            for (std::int64_t y = 0; y < job.y.cells(); y += rows)
                tiles.push_back({n, z, std::min(z + slices, job.z.cells()), y,
                                 std::min(y + rows, job.y.cells())});
    return tiles;
}

inline std::int64_t argmax_scratch(const ArgmaxJob &job, const Tile &tile) {
    const KernelTable &table = kernels();
    return job.resample ? table.argmax_cells_scratch(job, tile) : table.argmax_pixels_scratch(job);
}

inline void argmax_tile(const ArgmaxJob &job, const Tile &tile, CellRule rule, char *memory,
                        LogitErrors &errors) {
    const KernelTable &table = kernels();
    if (job.resample)
        table.argmax_cells(job, tile, rule, memory, errors);
    else
        table.argmax_pixels(job, tile, memory, errors);
}

} // namespace
} // namespace segpost
