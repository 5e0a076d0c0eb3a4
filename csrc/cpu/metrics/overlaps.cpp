// Counts of pairs of segments: the runs of rows go into tables, which are added up and sorted.
#include "cpu/runtime/tiling.hpp"

#include <array>
#include <new>

namespace segpost {
namespace {

constexpr std::size_t first_slots = 4096; // of a table

// Numbers of pixels by the values of a pair: an open-addressing hash, small enough to stay in the
// caches beside the rows of the maps.
template <std::size_t width> class PairTable {
  public:
    explicit PairTable(std::size_t slots = first_slots) : slots_(slots, -1) {}

    void add(const std::int64_t *pair, std::int64_t pixels) {
        std::size_t slot = home(pair);
        for (; slots_[slot] >= 0; slot = (slot + 1) & (slots_.size() - 1)) {
            Row &row = rows_[static_cast<std::size_t>(slots_[slot])];
            if (is_equal(pair, row)) {
                row[width] += pixels;
                return;
            }
        }
        if (rows_.size() == most_rows) throw std::bad_alloc();
        slots_[slot] = static_cast<std::int32_t>(rows_.size());
        rows_.emplace_back();
        std::copy_n(pair, width, rows_.back().begin());
        rows_.back()[width] = pixels;
        if (slots_of_row * rows_.size() > slots_.size()) grow();
    }

    void add(const PairTable &other) {
        for (const Row &row : other.rows_) add(row.data(), row[width]);
    }

    // In ascending order of the values; the table is of no use then.
    void write(Overlaps &out) {
        std::sort(rows_.begin(), rows_.end());
        out.values.clear();
        out.pixels.clear();
        out.values.reserve(rows_.size() * width);
        out.pixels.reserve(rows_.size());
        for (const Row &row : rows_) {
            out.values.insert(out.values.end(), row.begin(), row.end() - 1);
            out.pixels.push_back(row.back());
        }
    }

  private:
    using Row = std::array<std::int64_t, width + 1>; // values, then pixels

    static bool is_equal(const std::int64_t *pair, const Row &row) {
        std::int64_t differing = 0;
        for (std::size_t k = 0; k < width; ++k) differing |= pair[k] ^ row[k];
        return differing == 0;
    }

    std::size_t home(const std::int64_t *pair) const {
        std::uint64_t mixed = 0, factor = 0x9E3779B97F4A7C15u;
        for (std::size_t k = 0; k < width; ++k, factor *= 0xD1342543DE82EF95u)
            mixed += static_cast<std::uint64_t>(pair[k]) * factor;
        return static_cast<std::size_t>(mixed ^ mixed >> 32) & (slots_.size() - 1);
    }

    void grow() {
        slots_.assign(2 * slots_.size(), -1);
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            std::size_t slot = home(rows_[i].data());
            while (slots_[slot] >= 0) slot = (slot + 1) & (slots_.size() - 1);
            slots_[slot] = static_cast<std::int32_t>(i);
        }
    }

    static constexpr std::size_t slots_of_row = 3; // most are found at once
    static constexpr std::size_t most_rows = std::size_t{1} << 31;

    std::vector<std::int32_t> slots_; // the index of a row, or -1
    std::vector<Row> rows_;
};

template <std::size_t width>
bool count_pairs(const OverlapJob &job, const CancelToken &cancelled, Overlaps &out) {
    const KernelTable &table = kernels();
    const std::int64_t h = job.preds.h, w = job.preds.w;
    std::vector<Rows> parts; // whose tables are small beside their pixels
    const std::int64_t step = per_task(pixels_per_task / (num_threads() > 1 ? 4 : 1), w);
    for (std::int64_t y = 0; y < h && w > 0; y += step)
        parts.push_back({0, y, std::min(y + step, h)});
    PairTable<width> total;
    const bool is_alone = num_threads() == 1; // then tasks add to the total, one after the other
    Mutex mutex;
    NoErrors no_errors;
    if (!run(
            parts, cancelled, no_errors, [&](const Rows &) { return table.pair_runs_scratch(job); },
            [&](const Rows &part, char *memory, NoErrors &) {
                std::unique_lock lock(mutex, std::defer_lock);
                if (is_alone) lock.lock(); // the number of threads may have changed
                const Memory starts = allocate(4 * w), values = allocate(8 * w * width);
                const PairRuns runs{reinterpret_cast<std::int32_t *>(starts.get()),
                                    reinterpret_cast<std::int64_t *>(values.get())};
                PairTable<width> part_table(is_alone ? 0 : first_slots);
                PairTable<width> &own = is_alone ? total : part_table;
                for (std::int64_t y = part.y0; y < part.y1; ++y) {
                    const std::int64_t count = table.pair_runs(job, y, memory, runs);
                    for (std::int64_t k = 0; k < count; ++k) {
                        const std::int64_t end = k + 1 < count ? runs.starts[k + 1] : w;
                        own.add(runs.values + k * width, end - runs.starts[k]);
                    }
                }
                if (is_alone) return;
                lock.lock();
                total.add(own);
            }))
        return false;
    total.write(out);
    return true;
}

} // namespace

bool launch_count_overlaps(const OverlapJob &job, const CancelToken &cancelled, Overlaps &out) {
    switch (job.width()) {
    case 2: return count_pairs<2>(job, cancelled, out);
    case 3: return count_pairs<3>(job, cancelled, out);
    case 4: return count_pairs<4>(job, cancelled, out);
    case 5: return count_pairs<5>(job, cancelled, out);
    default: return count_pairs<6>(job, cancelled, out);
    }
}

} // namespace segpost
