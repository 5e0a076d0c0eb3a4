// Runs of label maps. A thread has a part of a column, a band of rows: it counts where runs begin,
// and writes them once the sums of these counts say where to. The sums of values are added by one
// thread a column, row by row, as the definition has them.
#include "gpu.hpp"

#include "cuda/objects/scan.hpp"
#include "cuda/runtime/division.hpp"
#include "cuda/runtime/grid_1d.hpp"
#include "cuda/runtime/launch.hpp"
#include "cuda/runtime/load.hpp"

namespace segpost::gpu {
namespace {

constexpr std::int64_t band_rows = 64;

// The band of a thread; neighboring threads have neighboring columns.
struct ColumnBand {
    std::int64_t n, x, y0, y1;
    std::int64_t place; // in [N, W, bands]

    __device__ ColumnBand(const LabelView &labels, std::int64_t bands) {
        const std::int64_t rest = divide(thread_index(), labels.w);
        x = thread_index() - rest * labels.w;
        n = divide(rest, bands);
        const std::int64_t band = rest - n * bands;
        y0 = band * band_rows;
        y1 = labels.h - y0 < band_rows ? labels.h : y0 + band_rows;
        place = (n * labels.w + x) * bands + band;
    }
};

// Calls use(y, label) where runs begin; equal bits are equal labels.
template <class L, class Use>
__device__ void each_run(const LabelView &labels, const ColumnBand &band, const Use &use) {
    const char *at = labels.row(band.n, band.y0) + band.x * labels.stride_w;
    L above{};
    if (band.y0 > 0) above = *reinterpret_cast<const L *>(at - labels.stride_h);
    for (std::int64_t y = band.y0; y < band.y1; ++y, at += labels.stride_h) {
        const L label = *reinterpret_cast<const L *>(at);
        if (y == 0 || label != above) use(y, label);
        above = label;
    }
}

template <class L> __global__ void count_begins(const LabelView labels, std::int64_t bands,
                                                std::int64_t threads, unsigned *counts) {
    if (thread_index() >= threads) return;
    const ColumnBand band(labels, bands);
    unsigned count = 0;
    each_run<L>(labels, band, [&](std::int64_t, L) { ++count; });
    counts[band.place] = count;
}

template <class L> __global__ void write_begins(const LabelView labels, std::int64_t bands,
                                                std::int64_t threads, const unsigned *ends,
                                                std::int32_t *tops, L *run_labels) {
    if (thread_index() >= threads) return;
    const ColumnBand band(labels, bands);
    std::int64_t run = band.place > 0 ? ends[band.place - 1] : 0;
    each_run<L>(labels, band, [&](std::int64_t y, L label) {
        tops[run] = static_cast<std::int32_t>(y);
        run_labels[run++] = label;
    });
}

template <class V> __global__ void sum_values(const LabelView values, std::int64_t bands,
                                              const unsigned *ends, const std::int32_t *tops,
                                              double *totals) {
    const std::int64_t column = thread_index();
    if (column >= values.n * values.w) return;
    const std::int64_t n = divide(column, values.w), x = column - n * values.w;
    const char *at = values.row(n, 0) + x * values.stride_w;
    std::int64_t run = column > 0 ? ends[column * bands - 1] : 0;
    const std::int64_t last = ends[(column + 1) * bands - 1] - std::int64_t{1};
    double sum = 0.0;
    for (std::int64_t y = 0; y < values.h; ++y, at += values.stride_h) {
        if (run < last && tops[run + 1] == y) {
            totals[run++] = sum;
            sum = 0.0;
        }
        sum += static_cast<double>(*reinterpret_cast<const V *>(at));
    }
    totals[run] = sum;
}

// Calls `use` with a number of the size of the labels.
template <class Use> void with_label(DType dtype, const Use &use) {
    switch (bytes_of(dtype)) {
    case 1: return use(std::uint8_t{});
    case 2: return use(std::uint16_t{});
    case 4: return use(std::uint32_t{});
    default: return use(std::uint64_t{});
    }
}

std::int64_t counts_of(const LabelView &labels) { return labels.n * labels.w * run_bands(labels); }

} // namespace

std::int64_t run_bands(const LabelView &labels) { return (labels.h + band_rows - 1) / band_rows; }

std::size_t count_runs_workspace(const LabelView &labels) {
    return scan_workspace(counts_of(labels));
}

void launch_count_runs(const LabelView &labels, std::uintptr_t stream, unsigned *ends,
                       void *workspace) {
    const std::int64_t count = counts_of(labels);
    auto *counts = static_cast<unsigned *>(workspace);
    with_label(labels.dtype, [&](auto label) {
        launch(stream_of(stream), blocks_of(count), dim3(block_size), 0,
               count_begins<decltype(label)>, labels, run_bands(labels), count, counts);
    });
    scan_counts(stream_of(stream), workspace, ends, count);
}

void launch_write_runs(const FindRunsJob &job, const unsigned *ends, const DeviceRuns &runs,
                       std::uintptr_t stream) {
    const LabelView &labels = job.labels;
    const std::int64_t count = counts_of(labels), bands = run_bands(labels);
    with_label(labels.dtype, [&](auto label) {
        using L = decltype(label);
        launch(stream_of(stream), blocks_of(count), dim3(block_size), 0, write_begins<L>, labels,
               bands, count, ends, runs.top, reinterpret_cast<L *>(runs.label));
    });
    if (!runs.total) return;
    const auto sum = [&](auto kernel) {
        launch(stream_of(stream), blocks_of(labels.n * labels.w), dim3(block_size), 0, kernel,
               job.values, bands, ends, runs.top, runs.total);
    };
    job.values.dtype == DType::u8 ? sum(sum_values<std::uint8_t>) : sum(sum_values<float>);
}

} // namespace segpost::gpu
