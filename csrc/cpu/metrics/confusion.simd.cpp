// Counts of (target, prediction) pairs. Label maps are made of runs: the ends of runs of equal
// pairs are found 64 pixels at a time and every run is one addition. Where the runs are short the
// pixels are counted one by one, in several tables in turn: additions to one cell would wait for
// each other.
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/label_rows.hpp"
#include "cpu/simd/narrow.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr std::int64_t most_classes = 255;  // whose labels are bytes here
constexpr std::int64_t piece = 4096;        // pixels that are narrowed or widened at once
constexpr std::int64_t most_ends = 4096;    // ends of runs that are kept before they are counted
constexpr int many_ends = 16;               // of 64 pixels: counting them one by one is faster
constexpr std::int64_t most_rest = 15;      // blocks that are counted so without another look
constexpr std::int64_t table_bytes = 32768; // for which there are several tables
constexpr int most_tables = 8;
constexpr int most_voids = 4; // void values outside the classes

// The ends of runs among pixels [0, 64): bit i says that the pair of pixel i + 1 is another one.
inline std::uint64_t ends_of_runs(const std::uint8_t *t, const std::uint8_t *p) {
    return differing_bytes(t, t + 1, p, p + 1);
}

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
// the tables are bytes clamped to `classes`.
struct Bytes {
    std::int64_t side, size; // of one table
    std::uint8_t cap;        // = classes
    std::int64_t tables;
    std::uint32_t *table;
    std::uint32_t *ends; // [most_ends + 64]
    std::uint16_t *cells;
    std::uint8_t *targets, *preds;  // [piece + 64]
    std::uint8_t voids[most_voids]; // bytes of cap or more that are void; all others are odd
    std::int64_t void_count = 0;    // 0: nothing is void, nothing odd
    bool odd = false;

    Bytes(const TargetRule &rule, Scratch &scratch) {
        side = rule.classes + 1;
        size = round_up(side * side, 16);
        cap = static_cast<std::uint8_t>(rule.classes);
        tables = 1;
        while (tables < most_tables && 2 * tables * size * 4 <= table_bytes) tables *= 2;
        table = scratch.take<std::uint32_t>(tables * size);
        ends = scratch.take<std::uint32_t>(most_ends + 64);
        cells = scratch.take<std::uint16_t>(64);
        targets = scratch.take<std::uint8_t>(piece + 64);
        preds = scratch.take<std::uint8_t>(piece + 64);
    }

    std::int64_t index(std::uint8_t t, std::uint8_t p) const {
        return min(t, cap) * side + min(p, cap);
    }

    void count_pixels(const std::uint8_t *t, const std::uint8_t *p, std::int64_t count) const {
        tables == 1 ? count_pixels_in<1>(t, p, count) : count_pixels_in<most_tables>(t, p, count);
    }

    template <int Turns>
    void count_pixels_in(const std::uint8_t *t, const std::uint8_t *p, std::int64_t count) const {
        std::uint32_t *at[Turns];
        for (std::int64_t k = 0; k < Turns; ++k) at[k] = table + (k & (tables - 1)) * size;
        const std::uint16_t width = static_cast<std::uint16_t>(side);
        std::int64_t i = 0;
        for (; i + 64 <= count; i += 64) {
            for (std::int64_t k = 0; k < 64; ++k)
                cells[k] =
                    static_cast<std::uint16_t>(min(t[i + k], cap) * width + min(p[i + k], cap));
            for (std::int64_t k = 0; k < 64; k += 8) {
                std::uint64_t four[2];
                __builtin_memcpy(four, cells + k, 16);
                ++at[0][four[0] & 0xffff], ++at[1 % Turns][four[0] >> 16 & 0xffff];
                ++at[2 % Turns][four[0] >> 32 & 0xffff], ++at[3 % Turns][four[0] >> 48];
                ++at[4 % Turns][four[1] & 0xffff], ++at[5 % Turns][four[1] >> 16 & 0xffff];
                ++at[6 % Turns][four[1] >> 32 & 0xffff], ++at[7 % Turns][four[1] >> 48];
            }
        }
        for (; i < count; ++i) ++at[i % Turns][index(t[i], p[i])];
    }

    // Runs that end at `ends`, the first of them from `start` on; returns where the next begins.
    std::int64_t count_runs(const std::uint8_t *t, const std::uint8_t *p, std::int64_t start,
                            std::int64_t count) const {
        const std::int64_t turn = tables - 1;
        for (std::int64_t k = 0; k < count; ++k) {
            const std::int64_t end = ends[k];
            table[(k & turn) * size + index(t[end], p[end])] +=
                static_cast<std::uint32_t>(end + 1 - start);
            start = end + 1;
        }
        return start;
    }

    void check(const std::uint8_t *t, std::int64_t count) {
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

    void count(const std::uint8_t *t, const std::uint8_t *p, std::int64_t pixels) {
        std::int64_t start = 0, end_count = 0, i = 0;
        std::int64_t busy = 0; // how often in a row runs were short
        for (; i + 65 <= pixels; i += 64) {
            const std::uint64_t bits = ends_of_runs(t + i, p + i);
            const int number = __builtin_popcountll(bits);
            if (number > many_ends) {
                if (start < i || end_count) { // the run that goes on into these pixels
                    ends[end_count++] = static_cast<std::uint32_t>(i - 1);
                    if (end_count > 1 && ends[end_count - 2] == ends[end_count - 1]) --end_count;
                    count_runs(t, p, start, end_count);
                    end_count = 0;
                }
                // Where runs are short they are for a while.
                const std::int64_t blocks = min(busy++, most_rest) + 1;
                const std::int64_t length = min(64 * blocks, (pixels - i - 1) / 64 * 64);
                count_pixels(t + i, p + i, length);
                if (void_count) check(t + i, length);
                start = i + length;
                i += length - 64;
                continue;
            }
            busy = 0;
            if (void_count) check(t + i, 64);
            std::uint64_t left = bits;
            for (int k = 0; k < number; k += 4) // four at a time: few branches to guess
                for (int j = 0; j < 4; ++j) {
                    ends[end_count + k + j] =
                        static_cast<std::uint32_t>(i + __builtin_ctzll(left | 1ull << 63));
                    left &= left - 1;
                }
            end_count += number;
            if (end_count > most_ends - 64) {
                start = count_runs(t, p, start, end_count);
                end_count = 0;
            }
        }
        start = count_runs(t, p, start, end_count);
        if (void_count) check(t + i, pixels - i);
        if (start < i) { // the run that is open, up to where the blocks end
            ends[0] = static_cast<std::uint32_t>(i - 1);
            start = count_runs(t, p, start, 1);
        }
        for (; i < pixels; ++i) ++table[index(t[i], p[i])];
    }

    void flush(const TargetRule &rule, const CountSink &sink) const {
        const std::int64_t classes = rule.classes;
        for (std::int64_t r = 0; r < side; ++r) {
            std::uint32_t *sum = table + r * side;
            for (std::int64_t k = 1; k < tables; ++k)
                for (std::int64_t c = 0; c < side; ++c) sum[c] += table[k * size + r * side + c];
            const std::int64_t row = r < classes ? rule.row(r) : void_count ? classes : classes + 1;
            sink.add_row(sink.self, row * side, sum, side);
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

// False where bytes cannot tell the targets apart.
bool count_bytes(const ConfusionJob &job, const Rect &rect, Bytes &bytes, const CountSink &sink) {
    const bool plain_target = is_bytes(job.target), plain_preds = is_bytes(job.preds);
    bool has_wide;
    std::int64_t wide = 0;
    if (!find_voids(job.rule, !plain_target, bytes, has_wide, wide)) return false;
    for (std::int64_t i = 0; i < bytes.tables * bytes.size; ++i) bytes.table[i] = 0;
    const std::int64_t width = rect.x1 - rect.x0;
    const bool whole =
        plain_target && plain_preds && job.target.stride_h == width && job.preds.stride_h == width;
    const std::int64_t rows = whole ? 1 : rect.y1 - rect.y0;
    const std::int64_t length = whole ? (rect.y1 - rect.y0) * width : width;
    for (std::int64_t y = rect.y0; y < rect.y0 + rows; ++y) {
        const std::int64_t step = plain_target && plain_preds ? length : piece;
        for (std::int64_t x = 0; x < length; x += step) {
            const std::int64_t count = min(step, length - x);
            const char *from = job.target.row(rect.n, y) + (rect.x0 + x) * job.target.stride_w;
            const std::uint8_t *t = reinterpret_cast<const std::uint8_t *>(from);
            if (!plain_target) {
                bytes.odd |= narrow(job.target, from, count, bytes.void_count > 0,
                                    has_wide ? wide : 0, bytes.targets);
                t = bytes.targets;
            }
            from = job.preds.row(rect.n, y) + (rect.x0 + x) * job.preds.stride_w;
            const std::uint8_t *p = reinterpret_cast<const std::uint8_t *>(from);
            if (!plain_preds) {
                narrow(job.preds, from, count, false, 0, bytes.preds);
                p = bytes.preds;
            }
            bytes.count(t, p, count);
        }
        if (bytes.odd) return false;
    }
    bytes.flush(job.rule, sink);
    return true;
}

// Any number of classes, any values: pair by pair, equal neighbors at once.
void count_pairs(const ConfusionJob &job, const Rect &rect, std::int64_t *targets,
                 std::int64_t *preds, CountBuffer &buffer) {
    for (std::int64_t y = rect.y0; y < rect.y1; ++y)
        for (std::int64_t x = rect.x0; x < rect.x1; x += piece) {
            const std::int64_t count = min(piece, rect.x1 - x);
            widen_labels(job.target, rect.n, y, x, count, targets);
            widen_labels(job.preds, rect.n, y, x, count, preds);
            std::int64_t start = 0;
            for (std::int64_t i = 1; i <= count; ++i)
                if (i == count || targets[i] != targets[start] || preds[i] != preds[start]) {
                    buffer.add(job.rule.cell(targets[start], preds[start]), i - start);
                    start = i;
                }
        }
}

} // namespace

std::int64_t confusion_scratch(const ConfusionJob &job) {
    Scratch scratch(nullptr);
    scratch.take<std::int64_t>(2 * CountBuffer::capacity);
    scratch.take<std::int64_t>(2 * piece);
    if (job.rule.classes <= most_classes) Bytes bytes(job.rule, scratch);
    return scratch.used();
}

void confusion(const ConfusionJob &job, const Rect &rect, char *memory, const CountSink &sink) {
    Scratch scratch(memory);
    CountBuffer buffer(sink, scratch.take<std::int64_t>(2 * CountBuffer::capacity));
    std::int64_t *pairs = scratch.take<std::int64_t>(2 * piece);
    bool in_bytes = false;
    if (job.rule.classes <= most_classes) {
        Bytes bytes(job.rule, scratch);
        in_bytes = count_bytes(job, rect, bytes, sink);
    }
    if (!in_bytes) count_pairs(job, rect, pairs, pairs + piece, buffer);
    buffer.flush();
}

} // namespace segpost::SEGPOST_LEVEL
