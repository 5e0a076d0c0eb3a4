// Bands along boundaries, and the boundary pixels of two maps that lie near each other.
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/label_rows.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

using Word = std::uint64_t;

// Codes of a row: see BoundaryBandsJob.
template <class C> void code_row(const BoundaryBandsJob &job, std::int64_t n, std::int64_t y,
                                 std::int64_t *buffer, C *code) {
    const std::int64_t classes = job.rule.classes, w = job.labels.w;
    const C none = static_cast<C>(classes + 2), nothing = static_cast<C>(classes + 1);
    if (sizeof(C) == 1 && job.labels.dtype == DType::u8 && job.labels.stride_w == 1) {
        const std::uint8_t *label = reinterpret_cast<const std::uint8_t *>(job.labels.row(n, y));
        const C count = static_cast<C>(classes);
        for (std::int64_t x = 0; x < w; ++x) code[x] = label[x] < count ? label[x] : none;
        for (std::int64_t i = 0; i < job.rule.ignored_count; ++i) {
            const std::int64_t value = job.rule.ignored[i];
            if (value < 0 || value > 255) continue;
            const std::uint8_t byte = static_cast<std::uint8_t>(value);
            for (std::int64_t x = 0; x < w; ++x) code[x] = label[x] == byte ? nothing : code[x];
        }
        return;
    }
    widen_labels(job.labels, n, y, 0, w, buffer);
    for (std::int64_t x = 0; x < w; ++x) {
        const std::int64_t row = job.rule.row(buffer[x]);
        code[x] = static_cast<C>(row < classes ? row : row + 1);
    }
}

// Bit x of `to`, from bit `first` of it on: where a[x] and b[x] differ.
template <class C>
void differences(const C *a, const C *b, std::int64_t count, Word *to, std::int64_t first) {
    for (std::int64_t x = 0; x < count; x += 64) {
        Word bits = 0;
        const std::int64_t last = min<std::int64_t>(count - x, 64);
        if (last == 64)
            bits = differing_bytes(a + x, b + x);
        else
            for (std::int64_t k = 0; k < last; ++k)
                bits |= static_cast<Word>(a[x + k] != b[x + k]) << k;
        const std::int64_t word = (first + x) / 64, shift = (first + x) % 64;
        to[word] |= bits << shift;
        if (shift) to[word + 1] |= bits >> (64 - shift);
    }
}

// x |= x >> shift, over a row of words; bits beyond it are zero.
void or_shifted(Word *row, std::int64_t words, std::int64_t shift) {
    const std::int64_t step = shift / 64, bits = shift % 64;
    for (std::int64_t i = 0; i + step < words; ++i) {
        Word from = row[i + step] >> bits;
        if (bits && i + step + 1 < words) from |= row[i + step + 1] << (64 - bits);
        row[i] |= from;
    }
}

// Bit x: the OR of bits [x, x + length).
void or_window(Word *row, std::int64_t words, std::int64_t length) {
    std::int64_t done = 1;
    for (; 2 * done <= length; done *= 2) or_shifted(row, words, done);
    if (done < length) or_shifted(row, words, length - done);
}

// Row r: the OR of rows [r, r + length), of those that there are.
void or_rows(Word *rows, std::int64_t count, std::int64_t words, std::int64_t length) {
    const auto add = [&](std::int64_t step) {
        for (std::int64_t i = 0; i + step * words < count * words; ++i)
            rows[i] |= rows[i + step * words];
    };
    std::int64_t done = 1;
    for (; 2 * done <= length; done *= 2) add(done);
    if (done < length) add(length - done);
}

// Bits of the rows that the windows of a task reach; there are none outside the image.
template <class C> struct BandWork {
    std::int64_t across, down; // the width, as far as the image goes
    std::int64_t left;         // bit of pixel 0: windows begin before it
    std::int64_t words, rows;
    Word *flat;  // [rows][words]: edges between left and right, then those of the whole window
    Word *steep; // edges to the row above, with those of `flat`
    C *code, *before;
    std::int64_t *buffer;

    BandWork(const BoundaryBandsJob &job, const Rows &part, Scratch &scratch) {
        across = min(job.width, job.labels.w);
        down = min(job.width, job.labels.h);
        left = round_up(across, 64);
        words = (left + job.labels.w) / 64 + 2;
        rows = part.y1 - part.y0 + 2 * down;
        flat = scratch.take<Word>(rows * words);
        steep = scratch.take<Word>(rows * words);
        code = scratch.take<C>(job.labels.w + 64);
        before = scratch.take<C>(job.labels.w + 64);
        buffer = scratch.take<std::int64_t>(job.labels.w);
    }
    std::int64_t first() const { return left - across + 1; } // bit of pixel 0's window
};

template <class C>
void put_row(const C *code, const Word *band, std::int64_t first, std::int64_t w, C inside, C *to) {
    for (std::int64_t x = 0; x < w; x += 64) {
        const std::int64_t last = min<std::int64_t>(w - x, 64), word = (first + x) / 64;
        const std::int64_t shift = (first + x) % 64;
        Word bits = band[word] >> shift;
        if (shift) bits |= band[word + 1] << (64 - shift);
        if (bits == 0) {
            for (std::int64_t k = 0; k < last; ++k) to[x + k] = max(code[x + k], inside);
        } else if (~bits == 0) {
            __builtin_memcpy(to + x, code + x, static_cast<std::size_t>(last) * sizeof(C));
        } else {
            for (std::int64_t k = 0; k < last; ++k)
                to[x + k] = bits >> k & 1 ? code[x + k] : max(code[x + k], inside);
        }
    }
}

template <class C> void fill_bands(const BoundaryBandsJob &job, const Rows &part, char *memory) {
    Scratch scratch(memory);
    BandWork<C> work(job, part, scratch);
    const std::int64_t w = job.labels.w, h = job.labels.h, words = work.words;
    const std::int64_t first = work.first();
    for (std::int64_t i = 0; i < work.rows * words; ++i) work.flat[i] = work.steep[i] = 0;
    const std::int64_t top = part.y0 - work.down;
    const std::int64_t begin = max<std::int64_t>(top, 0), end = min(top + work.rows, h);
    for (std::int64_t y = begin; y < end; ++y) {
        code_row(job, part.n, y, work.buffer, work.code);
        Word *flat = work.flat + (y - top) * words, *steep = work.steep + (y - top) * words;
        // The edge between x - 1 and x is bit x; the window of x has those of [x - d + 1, x + d].
        differences(work.code, work.code + 1, w - 1, flat, work.left + 1);
        or_window(flat, words, 2 * work.across);
        if (y > begin) differences(work.before, work.code, w, steep, first);
        for (std::int64_t i = 0; i < words; ++i) steep[i] |= flat[i];
        C *const spare = work.before;
        work.before = work.code;
        work.code = spare;
    }
    or_rows(work.steep, work.rows, words, 2 * work.down);
    const C inside = static_cast<C>(job.rule.classes);
    for (std::int64_t y = part.y0; y < part.y1; ++y) {
        code_row(job, part.n, y, work.buffer, work.code);
        C *to = reinterpret_cast<C *>(job.out.row(part.n, y));
        // Rows [y - d + 1, y + d] with the edges between them, and row y - d, which begins them.
        Word *band = work.flat + (y - part.y0) * words;
        const Word *rest = band - work.flat + work.steep + words;
        for (std::int64_t i = 0; i < words; ++i) band[i] |= rest[i];
        put_row(work.code, band, first, w, inside, to);
        if (!job.frame) continue;
        const bool all = y < job.width || y >= h - job.width || w <= 2 * job.width;
        const std::int64_t ends = all ? w : job.width;
        __builtin_memcpy(to, work.code, static_cast<std::size_t>(ends) * sizeof(C));
        for (std::int64_t x = w - ends; x < w; ++x) to[x] = work.code[x];
    }
}

bool has_narrow_codes(const BoundaryBandsJob &job) { return job.out.dtype == DType::u8; }

// Labels of one row of both maps, a pixel of nothing at either end.
struct BoundaryRow {
    std::int64_t *preds, *target; // [w + 2]
    std::int64_t *valid;          // [w + 2], all bits where the target is not void

    BoundaryRow(std::int64_t w, Scratch &scratch) {
        preds = scratch.take<std::int64_t>(w + 2);
        target = scratch.take<std::int64_t>(w + 2);
        valid = scratch.take<std::int64_t>(w + 2);
    }
    void read(const BoundaryPixelsJob &job, std::int64_t n, std::int64_t y) const {
        const std::int64_t w = job.target.w;
        const bool inside = y >= 0 && y < job.target.h;
        for (std::int64_t x = 0; x < w + 2; ++x) valid[x] = inside && x > 0 && x <= w ? -1 : 0;
        if (!inside) return;
        preds[0] = target[0] = preds[w + 1] = target[w + 1] = 0;
        widen_labels(job.preds, n, y, 0, w, preds + 1);
        widen_labels(job.target, n, y, 0, w, target + 1);
        for (std::int64_t i = 0; i < job.rule.ignored_count; ++i) {
            const std::int64_t value = job.rule.ignored[i];
            for (std::int64_t x = 1; x <= w; ++x) valid[x] &= target[x] == value ? 0 : -1;
        }
    }
};

// The marks of the middle row.
template <class M> void mark_row(const std::int64_t *const label[3], const BoundaryRow *row,
                                 std::int64_t w, std::int64_t classes, M *__restrict to) {
    const std::int64_t *above = label[0] + 1, *own = label[1] + 1, *below = label[2] + 1;
    const std::int64_t *on_above = row[0].valid + 1, *on = row[1].valid + 1;
    const std::int64_t *on_below = row[2].valid + 1;
    for (std::int64_t x = 0; x < w; ++x) {
        const std::int64_t edge =
            ((own[x - 1] ^ own[x]) & on[x - 1]) | ((own[x + 1] ^ own[x]) & on[x + 1]) |
            ((above[x] ^ own[x]) & on_above[x]) | ((below[x] ^ own[x]) & on_below[x]);
        const bool marked = ((edge & on[x]) != 0) & (static_cast<std::uint64_t>(own[x]) <
                                                     static_cast<std::uint64_t>(classes));
        to[x] = static_cast<M>(marked ? own[x] : -1);
    }
}

template <class M> void mark(const BoundaryPixelsJob &job, const Rows &part, char *memory) {
    const std::int64_t w = job.target.w, classes = job.rule.classes;
    M *pred_marks = reinterpret_cast<M *>(job.pred_marks);
    M *target_marks = reinterpret_cast<M *>(job.target_marks);
    Scratch scratch(memory);
    const BoundaryRow rows[3] = {{w, scratch}, {w, scratch}, {w, scratch}};
    rows[0].read(job, part.n, part.y0 - 1);
    rows[1].read(job, part.n, part.y0);
    for (std::int64_t y = part.y0; y < part.y1; ++y) { // the row above, this one, the one below
        const std::int64_t turn = y - part.y0;
        const BoundaryRow row[3] = {rows[turn % 3], rows[(turn + 1) % 3], rows[(turn + 2) % 3]};
        row[2].read(job, part.n, y + 1);
        const std::int64_t *const preds[3] = {row[0].preds, row[1].preds, row[2].preds};
        const std::int64_t *const target[3] = {row[0].target, row[1].target, row[2].target};
        mark_row(preds, row, w, classes, pred_marks + y * w);
        mark_row(target, row, w, classes, target_marks + y * w);
    }
}

// The first pixel from x on that has a mark, or w.
template <class M> std::int64_t next_mark(const M *row, std::int64_t x, std::int64_t w) {
    constexpr std::int64_t step = 8 / sizeof(M);
    for (std::uint64_t word; x + step <= w; x += step) {
        __builtin_memcpy(&word, row + x, 8);
        if (~word) break;
    }
    while (x < w && row[x] == static_cast<M>(-1)) ++x;
    return x;
}

// The rows of a part begin with a row of squares.
template <class M>
void count_marks(const BoundaryMatchesJob &job, const Rows &part, std::int64_t *counts) {
    const M *own = reinterpret_cast<const M *>(job.own);
    for (std::int64_t y = part.y0; y < part.y1; ++y) {
        const M *row = own + y * job.w;
        std::uint64_t *squares = job.own_squares + y / job.square * job.squares_across();
        if (y % job.square == 0)
            for (std::int64_t i = 0; i < job.squares_across(); ++i) squares[i] = 0;
        for (std::int64_t x = 0; (x = next_mark(row, x, job.w)) < job.w; ++x) {
            ++counts[row[x]];
            squares[x / job.square] |= std::uint64_t{1} << row[x] % 64;
        }
    }
}

// Whether a square within reach has a mark that may be the one.
inline bool in_reach(const BoundaryMatchesJob &job, std::int64_t y, std::int64_t x,
                     std::uint64_t bit) {
    const std::int64_t top = max<std::int64_t>(y - job.reach_y, 0) / job.square;
    const std::int64_t bottom = min(y + job.reach_y, job.h - 1) / job.square;
    const std::int64_t left = max<std::int64_t>(x - job.reach_x, 0) / job.square;
    const std::int64_t right = min(x + job.reach_x, job.w - 1) / job.square;
    for (std::int64_t j = top; j <= bottom; ++j)
        for (std::int64_t i = left; i <= right; ++i)
            if (job.other_squares[j * job.squares_across() + i] & bit) return true;
    return false;
}

template <class M>
void match(const BoundaryMatchesJob &job, const Rows &part, std::int64_t *counts) {
    const M *own = reinterpret_cast<const M *>(job.own);
    const M *other = reinterpret_cast<const M *>(job.other);
    std::int64_t last = 0;
    if (job.offset_count == 0) return;
    for (std::int64_t y = part.y0; y < part.y1; ++y) {
        const M *row = own + y * job.w;
        for (std::int64_t x = 0; (x = next_mark(row, x, job.w)) < job.w; ++x) {
            const M mark = row[x];
            if (!job.there[mark]) continue;
            const auto hits = [&](std::int64_t k) {
                const std::int64_t yy = y + job.offsets[2 * k], xx = x + job.offsets[2 * k + 1];
                return yy >= 0 && yy < job.h && xx >= 0 && xx < job.w &&
                       other[yy * job.w + xx] == mark;
            };
            if (!hits(last)) { // neighbors mostly match at the same offset
                std::int64_t k = 0;
                const std::int64_t near = min<std::int64_t>(job.offset_count, 13);
                while (k < near && !hits(k)) ++k;
                if (k == near) {
                    if (!in_reach(job, y, x, std::uint64_t{1} << mark % 64)) continue;
                    while (k < job.offset_count && !hits(k)) ++k;
                }
                if (k == job.offset_count) continue;
                last = k;
            }
            ++counts[mark];
        }
    }
}

} // namespace

std::int64_t boundary_bands_scratch(const BoundaryBandsJob &job, const Rows &part) {
    Scratch scratch(nullptr);
    if (has_narrow_codes(job))
        BandWork<std::uint8_t> work(job, part, scratch);
    else
        BandWork<std::int32_t> work(job, part, scratch);
    return scratch.used();
}

void boundary_bands(const BoundaryBandsJob &job, const Rows &part, char *memory) {
    has_narrow_codes(job) ? fill_bands<std::uint8_t>(job, part, memory)
                          : fill_bands<std::int32_t>(job, part, memory);
}

std::int64_t boundary_pixels_scratch(const BoundaryPixelsJob &job) {
    Scratch scratch(nullptr);
    for (int k = 0; k < 3; ++k) BoundaryRow row(job.target.w, scratch);
    return scratch.used();
}

void boundary_pixels(const BoundaryPixelsJob &job, const Rows &part, char *memory) {
    job.narrow() ? mark<std::uint8_t>(job, part, memory) : mark<std::int32_t>(job, part, memory);
}

// counts: [classes] boundary pixels of `own`.
void boundary_counts(const BoundaryMatchesJob &job, const Rows &part, std::int64_t *counts) {
    job.narrow ? count_marks<std::uint8_t>(job, part, counts)
               : count_marks<std::int32_t>(job, part, counts);
}

// counts: [classes] those of them that have a match.
void boundary_matches(const BoundaryMatchesJob &job, const Rows &part, std::int64_t *counts) {
    job.narrow ? match<std::uint8_t>(job, part, counts) : match<std::int32_t>(job, part, counts);
}

} // namespace segpost::SEGPOST_LEVEL
