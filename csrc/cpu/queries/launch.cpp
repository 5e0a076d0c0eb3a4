// Launchers of the kernels of query heads, and what these kernels' results need.
#include "cpu/runtime/tiling.hpp"

#include <cstring>

namespace segpost {
namespace {

constexpr std::int64_t cells_per_band = 7; // rows of cells of a tile, see cpu/queries/cells.hpp

// Bands of all columns.
std::vector<QueryTile> bands(std::int64_t n, std::int64_t rows, std::int64_t columns,
                             std::int64_t step) {
    std::vector<QueryTile> items;
    for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t y = 0; y < rows; y += step)
            items.push_back({i, y, std::min(y + step, rows), 0, columns});
    return items;
}

void add(QueryCounts &total, const QueryCounts &part) {
    total.largest_area += part.largest_area;
    total.label_area += part.label_area;
    total.mask_area += part.mask_area;
    total.x0 = std::min(total.x0, part.x0), total.x1 = std::max(total.x1, part.x1);
    total.y0 = std::min(total.y0, part.y0), total.y1 = std::max(total.y1, part.y1);
}

// Runs of one value in a row of the score grid, as columns of the result.
template <class L> void paint_row(const PaintMasksJob &job, std::int64_t grid_row, std::int64_t y0,
                                  std::int64_t y1, std::vector<std::int32_t> &place,
                                  std::vector<QueryCounts> &counts) {
    std::fill(place.begin(), place.end(), -1);
    for (std::int64_t i = 0; i < job.count; ++i) {
        const std::uint8_t *bits = job.bits + (job.masks[i] * job.rows + grid_row) * job.row_bytes;
        for (std::int64_t byte = 0; byte < job.row_bytes; byte += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, bits + byte,
                        static_cast<std::size_t>(std::min<std::int64_t>(8, job.row_bytes - byte)));
            if (word == 0) continue;
            std::int32_t *to = place.data() + 8 * byte;
            const auto value = static_cast<std::int32_t>(i);
            if (word == ~std::uint64_t{0})
                std::fill(to, to + 64, value);
            else
                for (; word; word &= word - 1) to[__builtin_ctzll(word)] = value;
        }
    }
    L *row = reinterpret_cast<L *>(job.labels.row(0, y0));
    const std::int64_t width = job.labels.w;
    for (std::int64_t x = 0; x < width;) {
        const std::int32_t i = place[static_cast<std::size_t>(job.column[x])];
        std::int64_t end = x + 1;
        while (end < width && place[static_cast<std::size_t>(job.column[end])] == i) ++end;
        std::fill(row + x, row + end, static_cast<L>(i < 0 ? 0 : job.values[i]));
        if (i >= 0)
            add(counts[static_cast<std::size_t>(i)],
                {(end - x) * (y1 - y0), (end - x) * (y1 - y0), 0, x, y0, end, y1});
        x = end;
    }
    for (std::int64_t y = y0 + 1; y < y1; ++y)
        std::memcpy(job.labels.row(0, y), row, static_cast<std::size_t>(width) * sizeof(L));
}

} // namespace

bool launch_bound_masks(const BoundMasksJob &job, const CancelToken &cancelled,
                        LogitErrors &errors) {
    const KernelTable &table = kernels();
    std::vector<Rows> items;
    const std::int64_t step = per_task(work_per_task, job.masks.c * job.masks.w * block_rows);
    for (std::int64_t n = 0; n < job.masks.n; ++n)
        for (std::int64_t y = 0; y < job.bounds.rows; y += step)
            items.push_back({n, y, std::min(y + step, job.bounds.rows)});
    return run(
        items, cancelled, errors, [&](const Rows &) { return table.bound_masks_scratch(job); },
        [&](const Rows &rows, char *memory, LogitErrors &here) {
            table.bound_masks(job, rows, memory, here);
        });
}

bool launch_query_classes(const QueryClassesJob &job, const CancelToken &cancelled) {
    const KernelTable &table = kernels();
    NoErrors no_errors;
    return run(
        bands(job.masks.n, job.y.cells(), job.x.cells(), cells_per_band), cancelled, no_errors,
        [&](const QueryTile &) { return table.query_classes_scratch(job); },
        [&](const QueryTile &band, char *memory, NoErrors &) {
            table.query_classes(job, band, memory);
        });
}

bool launch_assign_queries(const AssignQueriesJob &job, const CancelToken &cancelled) {
    const KernelTable &table = kernels();
    NoErrors no_errors;
    Mutex mutex;
    for (std::int64_t k = 0; k < job.count; ++k)
        job.counts[k] = {0, 0, 0, job.x.n_out, job.y.n_out, 0, 0};
    return run(
        bands(1, job.y.cells(), job.x.cells(), cells_per_band), cancelled, no_errors,
        [&](const QueryTile &) { return table.assign_queries_scratch(job); },
        [&](const QueryTile &band, char *memory, NoErrors &) {
            std::vector<QueryCounts> counts(static_cast<std::size_t>(job.count));
            table.assign_queries(job, band, memory, counts.data());
            std::lock_guard lock(mutex);
            for (std::int64_t k = 0; k < job.count; ++k)
                add(job.counts[k], counts[static_cast<std::size_t>(k)]);
        });
}

// Sums are added in the order of bands, so that they do not depend on the threads.
bool launch_measure_masks(const MeasureMasksJob &job, const CancelToken &cancelled) {
    const KernelTable &table = kernels();
    constexpr std::int64_t rows_per_band = 16;
    const auto items = bands(1, job.rows, job.columns, rows_per_band);
    const auto count = static_cast<std::size_t>(job.count);
    std::vector<std::int64_t> areas(items.size() * count);
    std::vector<double> sums(items.size() * count);
    NoErrors no_errors;
    const bool done = run(
        items, cancelled, no_errors,
        [&](const QueryTile &) { return table.measure_masks_scratch(job); },
        [&](const QueryTile &band, char *memory, NoErrors &) {
            const std::size_t first = static_cast<std::size_t>(band.y0 / rows_per_band) * count;
            table.measure_masks(job, band, memory, areas.data() + first, sums.data() + first);
        });
    for (std::size_t k = 0; k < count; ++k) {
        job.areas[k] = 0, job.sums[k] = 0.0;
        for (std::size_t i = 0; i < items.size(); ++i) {
            job.areas[k] += areas[i * count + k];
            job.sums[k] += sums[i * count + k];
        }
    }
    return done;
}

bool launch_paint_masks(const PaintMasksJob &job, const CancelToken &cancelled) {
    for (std::int64_t i = 0; i < job.count; ++i)
        job.counts[i] = {0, 0, 0, job.labels.w, job.labels.h, 0, 0};
    Mutex mutex;
    const std::int64_t step = per_task(pixels_per_task, job.labels.w);
    const auto between = [&](std::size_t y) { return job.row[y] != job.row[y - 1]; };
    return parallel_parts(
        split_points(job.labels.h, step, between), cancelled,
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<std::int32_t> place(static_cast<std::size_t>(8 * job.row_bytes + 64));
            std::vector<QueryCounts> counts(static_cast<std::size_t>(job.count));
            for (QueryCounts &one : counts) one = {0, 0, 0, job.labels.w, job.labels.h, 0, 0};
            for (std::int64_t y = begin; y < end;) {
                std::int64_t next = y + 1;
                while (next < end && job.row[next] == job.row[y]) ++next;
                if (job.labels.dtype == DType::u8)
                    paint_row<std::uint8_t>(job, job.row[y], y, next, place, counts);
                else
                    paint_row<std::int32_t>(job, job.row[y], y, next, place, counts);
                y = next;
            }
            std::lock_guard lock(mutex);
            for (std::size_t i = 0; i < counts.size(); ++i) add(job.counts[i], counts[i]);
        });
}

bool launch_replace_labels(const LabelView &labels, const std::int32_t *values,
                           const LabelView &out, const CancelToken &cancelled) {
    const std::int64_t step = per_task(pixels_per_task, labels.w);
    return parallel_parts(split_points(labels.h, step, [](std::size_t) { return true; }), cancelled,
                          [&](std::int64_t begin, std::int64_t end) {
                              const auto replace = [&](auto from, auto to) {
                                  using From = decltype(from);
                                  using To = decltype(to);
                                  for (std::int64_t y = begin; y < end; ++y) {
                                      const From *row =
                                          reinterpret_cast<const From *>(labels.row(0, y));
                                      To *result = reinterpret_cast<To *>(out.row(0, y));
                                      for (std::int64_t x = 0; x < labels.w; ++x)
                                          result[x] = static_cast<To>(values[row[x]]);
                                  }
                              };
                              const bool narrow = labels.dtype == DType::u8;
                              if (out.dtype == DType::u8)
                                  narrow ? replace(std::uint8_t{}, std::uint8_t{})
                                         : replace(std::int32_t{}, std::uint8_t{});
                              else
                                  narrow ? replace(std::uint8_t{}, std::int32_t{})
                                         : replace(std::int32_t{}, std::int32_t{});
                          });
}

} // namespace segpost
