// Counts of pairs of segments: the runs of rows go into tables, which are added up and sorted.
#include "cpu/runtime/tiling.hpp"

#include <array>

namespace segpost {
namespace {

// Numbers of pixels by the values of a pair: an open-addressing hash.
template <std::int64_t width> class PairTable {
  public:
    PairTable() : slots_(first_slots, -1) {}

    void add(const std::int64_t *pair, std::int64_t pixels) {
        std::size_t slot = home(pair);
        for (; slots_[slot] >= 0; slot = (slot + 1) & (slots_.size() - 1))
            if (is_equal(pair, slots_[slot])) {
                counts_[static_cast<std::size_t>(slots_[slot])] += pixels;
                return;
            }
        slots_[slot] = size();
        values_.insert(values_.end(), pair, pair + width);
        counts_.push_back(pixels);
        if (slots_of_pair * counts_.size() > slots_.size()) grow();
    }

    void add(const PairTable &other) {
        for (std::int64_t i = 0; i < other.size(); ++i)
            add(other.pair(i), other.counts_[static_cast<std::size_t>(i)]);
    }

    // In ascending order of the values.
    void write(Overlaps &out) const {
        std::vector<std::array<std::int64_t, width + 1>> rows(counts_.size());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            std::copy_n(pair(static_cast<std::int64_t>(i)), width, rows[i].begin());
            rows[i][width] = counts_[i];
        }
        std::sort(rows.begin(), rows.end());
        out.values.clear();
        out.pixels.clear();
        out.values.reserve(values_.size());
        out.pixels.reserve(rows.size());
        for (const auto &row : rows) {
            out.values.insert(out.values.end(), row.begin(), row.end() - 1);
            out.pixels.push_back(row.back());
        }
    }

  private:
    std::int64_t size() const { return static_cast<std::int64_t>(counts_.size()); }
    const std::int64_t *pair(std::int64_t i) const { return values_.data() + i * width; }

    bool is_equal(const std::int64_t *pair_values, std::int64_t i) const {
        const std::int64_t *known = pair(i);
        std::int64_t differing = 0;
        for (std::int64_t k = 0; k < width; ++k) differing |= pair_values[k] ^ known[k];
        return differing == 0;
    }

    std::size_t home(const std::int64_t *pair_values) const {
        std::uint64_t mixed = 0, factor = 0x9E3779B97F4A7C15u;
        for (std::int64_t k = 0; k < width; ++k, factor *= 0xD1342543DE82EF95u)
            mixed += static_cast<std::uint64_t>(pair_values[k]) * factor;
        mixed ^= mixed >> 32;
        return static_cast<std::size_t>(mixed) & (slots_.size() - 1);
    }

    void grow() {
        slots_.assign(2 * slots_.size(), -1);
        for (std::int64_t i = 0; i < size(); ++i) {
            std::size_t slot = home(pair(i));
            while (slots_[slot] >= 0) slot = (slot + 1) & (slots_.size() - 1);
            slots_[slot] = i;
        }
    }

    static constexpr std::size_t first_slots = 4096, slots_of_pair = 4; // most are found at once

    std::vector<std::int64_t> values_, counts_, slots_; // slots: the index of a pair, or -1
};

template <std::int64_t width>
bool count_pairs(const OverlapJob &job, const CancelToken &cancelled, Overlaps &out) {
    const KernelTable &table = kernels();
    const std::int64_t h = job.preds.h, w = job.preds.w;
    std::vector<Rows> parts; // whose tables are small beside their pixels
    const std::int64_t step = per_task(pixels_per_task / (num_threads() > 1 ? 4 : 1), w);
    for (std::int64_t y = 0; y < h && w > 0; y += step)
        parts.push_back({0, y, std::min(y + step, h)});
    PairTable<width> total;
    std::mutex mutex;
    NoErrors no_errors;
    if (!run(
            parts, cancelled, no_errors, [&](const Rows &) { return table.pair_runs_scratch(job); },
            [&](const Rows &part, char *memory, NoErrors &) {
                const Memory starts = allocate(4 * w), values = allocate(8 * w * width);
                const PairRuns runs{reinterpret_cast<std::int32_t *>(starts.get()),
                                    reinterpret_cast<std::int64_t *>(values.get())};
                PairTable<width> own;
                for (std::int64_t y = part.y0; y < part.y1; ++y) {
                    const std::int64_t count = table.pair_runs(job, y, memory, runs);
                    for (std::int64_t k = 0; k < count; ++k) {
                        const std::int64_t end = k + 1 < count ? runs.starts[k + 1] : w;
                        own.add(runs.values + k * width, end - runs.starts[k]);
                    }
                }
                std::lock_guard lock(mutex);
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
