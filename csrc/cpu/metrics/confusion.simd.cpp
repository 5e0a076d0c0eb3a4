// Counts of (target, prediction) pairs. Label maps are made of runs: the ends of runs of equal
// pairs are found 64 pixels at a time and every run is one addition. Where the runs are short the
// pixels are counted one by one, in several counters of a cell in turn: additions to one cell would
// wait for each other.
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/label_rows.hpp"
#include "cpu/simd/narrow.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr std::int64_t most_classes = 255;    // whose labels are bytes here
constexpr std::int64_t piece = 4096;          // pixels that are narrowed or widened at once
constexpr std::int64_t most_ends = 1024;      // ends of runs that are kept before they are counted
constexpr int many_ends = 10;                 // of 64 pixels: counting them one by one is faster
constexpr std::int64_t most_rest = 15;        // blocks that are counted so without another look
constexpr std::int64_t table_bytes = 1 << 18; // up to which a cell has several counters
constexpr int most_counters = 8;              // of a cell, side by side
constexpr int most_voids = 4;                 // void values outside the classes
constexpr std::int64_t most_cells = 1 << 18;  // of a table that bytes are counted in

// Targets and predictions that are bytes.
struct BytePairs {
    const std::uint8_t *target, *pred;

    // Pixels [0, 64) that end a run: bit i says that pixel i + 1 is another pair.
    std::uint64_t ends_of_runs() const {
        return differing_bytes(target, target + 1, pred, pred + 1);
    }
    BytePairs operator+(std::int64_t pixels) const { return {target + pixels, pred + pixels}; }
};

// The same with their strata.
struct ByteTriples {
    const std::uint8_t *target, *pred, *stratum;

    std::uint64_t ends_of_runs() const {
        return differing_bytes(target, target + 1, pred, pred + 1) |
               differing_bytes(stratum, stratum + 1);
    }
    ByteTriples operator+(std::int64_t pixels) const {
        return {target + pixels, pred + pixels, stratum + pixels};
    }
};

// Cells on their way to the sink.
class CountBuffer {
  public:
    CountBuffer(const CountSink &sink, std::int64_t *memory) : sink_(sink), cells_(memory) {}
    void add(std::int64_t cell, std::int64_t times) {
        cells_[count_] = cell;
        cells_[capacity + count_] = times;
        if (++count_ == capacity) flush();
    }
    void flush() {
        if (count_) sink_.add(sink_.self, cells_, cells_ + capacity, count_);
        count_ = 0;
    }
    static constexpr std::int64_t capacity = 1024;

  private:
    const CountSink &sink_;
    std::int64_t *cells_;
    std::int64_t count_ = 0;
};

// Counting bytes. A target of `classes` or more is void (or, where nothing is ignored there,
// neither); which it is has to be the same for all of them, or `odd` says so. Rows and columns of
// the tables are bytes clamped to `classes`, strata are clamped to their number, which is void.
struct Bytes {
    std::int64_t side, depth, size;         // of one table: depth of side * side
    std::uint8_t cap, stratum_cap;          // = classes, strata
    std::int64_t counters;                  // of a cell, taken in turn
    std::uint32_t *table;                   // [size, counters]
    std::uint32_t *ends;                    // [most_ends + 64]
    std::uint16_t *cells;                   // [128], of 64 pixels in turn
    std::uint8_t *targets, *preds, *strata; // [piece + 64]
    std::uint8_t voids[most_voids];         // bytes of cap or more that are void; others are odd
    std::int64_t void_count = 0;            // 0: nothing is void, nothing odd
    bool odd = false;

    Bytes(const ConfusionJob &job, Scratch &scratch) {
        side = job.rule.classes + 1;
        depth = job.stratum.count ? job.stratum.count + 1 : 1;
        size = round_up(depth * side * side, 16);
        cap = static_cast<std::uint8_t>(job.rule.classes);
        stratum_cap = static_cast<std::uint8_t>(job.stratum.count);
        counters = most_counters * size * 4 <= table_bytes ? most_counters : 1;
        table = scratch.take<std::uint32_t>(counters * size);
        ends = scratch.take<std::uint32_t>(most_ends + 64);
        cells = scratch.take<std::uint16_t>(128);
        targets = scratch.take<std::uint8_t>(piece + 64);
        preds = scratch.take<std::uint8_t>(piece + 64);
        strata = scratch.take<std::uint8_t>(job.stratum.count ? piece + 64 : 0);
    }
    // Whether they count a job: labels are bytes, and the table fits the cache.
    static bool fit(const ConfusionJob &job) {
        const std::int64_t side = job.rule.classes + 1;
        return job.rule.classes <= most_classes &&
               (job.stratum.count + 1) * side * side <= most_cells;
    }

    std::int64_t index(const BytePairs &at, std::int64_t i) const {
        return min(at.target[i], cap) * side + min(at.pred[i], cap);
    }
    std::int64_t index(const ByteTriples &at, std::int64_t i) const {
        return (min(at.stratum[i], stratum_cap) * side + min(at.target[i], cap)) * side +
               min(at.pred[i], cap);
    }

    template <class Maps> void count_pixels(const Maps &maps, std::int64_t count) const {
        if (size > 65536)
            for (std::int64_t i = 0; i < count; ++i) ++table[index(maps, i)];
        else if (counters == 1)
            count_pixels_in<1>(maps, count);
        else
            count_pixels_in<most_counters>(maps, count);
    }

    template <int Turns, class Maps>
    void count_pixels_in(const Maps &maps, std::int64_t count) const {
        std::int64_t i = 0;
        if (count >= 64) write_cells(maps, cells);
        for (; i + 64 <= count; i += 64) {
            // The next cells first: what has just been stored wide is slow to read one by one.
            if (i + 128 <= count) write_cells(maps + i + 64, cells + (i + 64) % 128);
            for (std::int64_t k = i % 128; k < i % 128 + 64; k += 8) {
                std::uint64_t four[2];
                __builtin_memcpy(four, cells + k, 16);
                for (int j = 0; j < 8; ++j)
                    ++table[(four[j / 4] >> (16 * (j % 4)) & 0xffff) * Turns + j % Turns];
            }
        }
        for (; i < count; ++i) ++table[index(maps, i) * Turns + i % Turns];
    }

    // The cells of 64 pixels, which fit 16 bits.
    void write_cells(const BytePairs &at, std::uint16_t *to) const {
        const std::uint16_t width = static_cast<std::uint16_t>(side);
        for (std::int64_t k = 0; k < 64; ++k)
            to[k] =
                static_cast<std::uint16_t>(min(at.target[k], cap) * width + min(at.pred[k], cap));
    }
    void write_cells(const ByteTriples &at, std::uint16_t *to) const {
        const std::uint16_t width = static_cast<std::uint16_t>(side);
        for (std::int64_t k = 0; k < 64; ++k) {
            const std::uint16_t row = static_cast<std::uint16_t>(
                min(at.stratum[k], stratum_cap) * width + min(at.target[k], cap));
            to[k] = static_cast<std::uint16_t>(row * width + min(at.pred[k], cap));
        }
    }

    // Runs that end at `ends`, the first of them from `start` on; returns where the next begins.
    template <class Maps>
    std::int64_t count_runs(const Maps &maps, std::int64_t start, std::int64_t count) const {
        for (std::int64_t k = 0; k < count; ++k) {
            const std::int64_t end = ends[k];
            table[index(maps, end) * counters + (k & (counters - 1))] +=
                static_cast<std::uint32_t>(end + 1 - start);
            start = end + 1;
        }
        return start;
    }

    void check(const BytePairs &at, std::int64_t count) {
        if (void_count) check_targets(at.target, count);
    }
    void check(const ByteTriples &at, std::int64_t count) {
        if (void_count) check_targets(at.target, count);
        std::uint8_t outside = 0;
        for (std::int64_t i = 0; i < count; ++i)
            outside |=
                static_cast<std::uint8_t>((at.stratum[i] >= stratum_cap) & (at.stratum[i] != 255));
        odd |= outside != 0;
    }
    void check_targets(const std::uint8_t *t, std::int64_t count) {
        std::uint8_t outside = 0;
        if (void_count == 1) {
            for (std::int64_t i = 0; i < count; ++i)
                outside |= static_cast<std::uint8_t>((t[i] >= cap) & (t[i] != voids[0]));
        } else {
            std::uint8_t v[most_voids];
            for (int k = 0; k < most_voids; ++k) v[k] = voids[k < void_count ? k : 0];
            for (std::int64_t i = 0; i < count; ++i)
                outside |=
                    static_cast<std::uint8_t>((t[i] >= cap) & (t[i] != v[0]) & (t[i] != v[1]) &
                                              (t[i] != v[2]) & (t[i] != v[3]));
        }
        odd |= outside != 0;
    }

    template <class Maps> void count(const Maps &maps, std::int64_t pixels) {
        std::int64_t start = 0, end_count = 0, i = 0;
        std::int64_t busy = 0; // how often in a row runs were short
        for (; i + 65 <= pixels; i += 64) {
            const std::uint64_t bits = (maps + i).ends_of_runs();
            const int number = __builtin_popcountll(bits);
            if (number > many_ends) {
                if (start < i || end_count) { // the run that goes on into these pixels
                    ends[end_count++] = static_cast<std::uint32_t>(i - 1);
                    if (end_count > 1 && ends[end_count - 2] == ends[end_count - 1]) --end_count;
                    count_runs(maps, start, end_count);
                    end_count = 0;
                }
                // Where runs are short they are for a while.
                const std::int64_t blocks = min(busy++, most_rest) + 1;
                const std::int64_t length = min(64 * blocks, (pixels - i - 1) / 64 * 64);
                count_pixels(maps + i, length);
                check(maps + i, length);
                start = i + length;
                i += length - 64;
                continue;
            }
            busy = 0;
            check(maps + i, 64);
            std::uint64_t left = bits;
            for (int k = 0; k < number; k += 4) // four at a time: few branches to guess
                for (int j = 0; j < 4; ++j) {
                    ends[end_count + k + j] =
                        static_cast<std::uint32_t>(i + __builtin_ctzll(left | 1ull << 63));
                    left &= left - 1;
                }
            end_count += number;
            if (end_count > most_ends - 64) {
                start = count_runs(maps, start, end_count);
                end_count = 0;
            }
        }
        start = count_runs(maps, start, end_count);
        check(maps + i, pixels - i);
        if (start < i) { // the run that is open, up to where the blocks end
            ends[0] = static_cast<std::uint32_t>(i - 1);
            start = count_runs(maps, start, 1);
        }
        for (; i < pixels; ++i) ++table[index(maps, i) * counters];
    }

    void flush(const TargetRule &rule, const CountSink &sink) const {
        const std::int64_t classes = rule.classes;
        for (std::int64_t r = 0; r < depth * side; ++r) {
            std::uint32_t *sum = table + r * side; // of the counters of cells at and behind it
            for (std::int64_t c = 0; c < side; ++c) {
                std::uint32_t total = 0;
                for (std::int64_t k = 0; k < counters; ++k)
                    total += table[(r * side + c) * counters + k];
                sum[c] = total;
            }
            const std::int64_t stratum = r / side, target = r % side;
            const std::int64_t row = target < classes ? rule.row(target)
                                     : void_count     ? classes
                                                      : classes + 1;
            sink.add_row(sink.self, (stratum * (side + 1) + row) * side, sum, side);
        }
    }
};

bool is_bytes(const LabelView &map) { return map.dtype == DType::u8 && map.stride_w == 1; }

// The ignored values that are no classes, as the bytes that they are or become; false where bytes
// cannot tell all of them. `wide` is the one that becomes 255.
bool find_voids(const TargetRule &rule, bool narrowed, Bytes &bytes, bool &has_wide,
                std::int64_t &wide) {
    has_wide = false;
    for (std::int64_t i = 0; i < rule.ignored_count; ++i) {
        const std::int64_t value = rule.ignored[i];
        if (rule.in_range(value)) continue;
        const bool byte = value >= 0 && value < (narrowed ? 255 : 256);
        if (!byte && !narrowed) continue; // no uint8 is that value
        if (bytes.void_count == most_voids || (!byte && has_wide)) return false;
        if (!byte) {
            has_wide = true;
            wide = value;
        }
        bytes.voids[bytes.void_count++] = byte ? static_cast<std::uint8_t>(value) : 255;
    }
    return true;
}

// `count` bytes of a map from pixel x of a row on: where they are, or narrowed in `memory`.
const std::uint8_t *read_bytes(const LabelView &map, const Rect &rect, std::int64_t y,
                               std::int64_t x, std::int64_t count, bool has_void,
                               std::int64_t void_value, std::uint8_t *memory, bool &odd) {
    const char *from = map.row(rect.n, y) + (rect.x0 + x) * map.stride_w;
    if (is_bytes(map)) return reinterpret_cast<const std::uint8_t *>(from);
    odd |= narrow(map, from, count, has_void, void_value, memory);
    return memory;
}

// False where bytes cannot tell the targets or the strata apart. A value of strata that is no byte
// is `void_stratum`.
bool count_bytes(const ConfusionJob &job, const Rect &rect, std::int64_t void_stratum, Bytes &bytes,
                 const CountSink &sink) {
    const bool has_strata = job.stratum.count > 0;
    const bool plain_target = is_bytes(job.target);
    const bool plain = plain_target && is_bytes(job.preds) && (!has_strata || is_bytes(job.strata));
    bool has_wide;
    std::int64_t wide = 0;
    bytes.void_count = 0, bytes.odd = false;
    if (!find_voids(job.rule, !plain_target, bytes, has_wide, wide)) return false;
    for (std::int64_t i = 0; i < bytes.counters * bytes.size; ++i) bytes.table[i] = 0;
    const std::int64_t width = rect.x1 - rect.x0;
    const bool whole = plain && job.target.stride_h == width && job.preds.stride_h == width &&
                       (!has_strata || job.strata.stride_h == width);
    const std::int64_t rows = whole ? 1 : rect.y1 - rect.y0;
    const std::int64_t length = whole ? (rect.y1 - rect.y0) * width : width;
    for (std::int64_t y = rect.y0; y < rect.y0 + rows; ++y) {
        const std::int64_t step = plain ? length : piece;
        for (std::int64_t x = 0; x < length; x += step) {
            const std::int64_t count = min(step, length - x);
            const BytePairs pairs{
                read_bytes(job.target, rect, y, x, count, bytes.void_count > 0, has_wide ? wide : 0,
                           bytes.targets, bytes.odd),
                read_bytes(job.preds, rect, y, x, count, false, 0, bytes.preds, bytes.odd)};
            if (has_strata)
                bytes.count(ByteTriples{pairs.target, pairs.pred,
                                        read_bytes(job.strata, rect, y, x, count, true,
                                                   void_stratum, bytes.strata, bytes.odd)},
                            count);
            else
                bytes.count(pairs, count);
        }
        if (bytes.odd) return false;
    }
    bytes.flush(job.rule, sink);
    return true;
}

// Any number of classes, any values: pair by pair, equal neighbors at once.
void count_pairs(const ConfusionJob &job, const Rect &rect, std::int64_t *memory,
                 CountBuffer &buffer) {
    std::int64_t *targets = memory, *preds = memory + piece, *strata = memory + 2 * piece;
    const std::int64_t table_size = (job.rule.classes + 2) * (job.rule.classes + 1);
    for (std::int64_t y = rect.y0; y < rect.y1; ++y)
        for (std::int64_t x = rect.x0; x < rect.x1; x += piece) {
            const std::int64_t count = min(piece, rect.x1 - x);
            widen_labels(job.target, rect.n, y, x, count, targets);
            widen_labels(job.preds, rect.n, y, x, count, preds);
            if (job.stratum.count)
                widen_labels(job.strata, rect.n, y, x, count, strata);
            else
                for (std::int64_t i = 0; i < count; ++i) strata[i] = 0;
            std::int64_t start = 0;
            for (std::int64_t i = 1; i <= count; ++i)
                if (i == count || targets[i] != targets[start] || preds[i] != preds[start] ||
                    strata[i] != strata[start]) {
                    const std::int64_t table =
                        job.stratum.count ? job.stratum.table(strata[start]) : 0;
                    buffer.add(table * table_size + job.rule.cell(targets[start], preds[start]),
                               i - start);
                    start = i;
                }
        }
}

} // namespace

std::int64_t confusion_scratch(const ConfusionJob &job) {
    Scratch scratch(nullptr);
    scratch.take<std::int64_t>(2 * CountBuffer::capacity);
    scratch.take<std::int64_t>(3 * piece);
    if (Bytes::fit(job)) Bytes bytes(job, scratch);
    return scratch.used();
}

void confusion(const ConfusionJob &job, const Rect &rect, char *memory, const CountSink &sink) {
    Scratch scratch(memory);
    CountBuffer buffer(sink, scratch.take<std::int64_t>(2 * CountBuffer::capacity));
    std::int64_t *labels = scratch.take<std::int64_t>(3 * piece);
    bool in_bytes = false;
    if (Bytes::fit(job)) {
        Bytes bytes(job, scratch);
        in_bytes = count_bytes(job, rect, -1, bytes, sink);
        if (!in_bytes && job.stratum.count && !is_bytes(job.strata))
            in_bytes = count_bytes(job, rect, 255, bytes, sink);
    }
    if (!in_bytes) count_pairs(job, rect, labels, buffer);
    buffer.flush();
}

} // namespace segpost::SEGPOST_LEVEL
