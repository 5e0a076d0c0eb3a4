// An RGB image of bytes as a network's input, row by row of the result: the rows of the image that
// it needs are summed first, the columns then.
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/read_pixels.hpp"
#include "cpu/spatial/letterbox_rows.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

using P = Vec < lanes<8 ? 4 : 8>::f32;     // pixels side by side: wider loads cross more lines
constexpr int step_taps = lanes_of<P> / 4; // those of a vector
constexpr int few_taps = 2;

struct Work {
    const LetterboxJob &job;
    const Image image;
    std::int64_t bytes;          // in a row of the image
    const std::uint8_t **source; // [y.width] rows of the image
    std::uint8_t *pixels;        // [y.width][bytes] where its rows are not packed
    float *line;                 // [bytes + slack] their sum
    float *next;                 // as much of the line of the row after it
    std::int64_t begun = -1;     // the row that `next` is of
    std::int64_t tap_pitch;      // taps of a column, in whole steps
    float *weights;              // [x.n_out][tap_pitch] of columns of many taps
    float *planes;               // [3][pitch] a row of the result
    float *blank;                // [3][pitch] one of padding
    std::int64_t pitch;

    Work(const LetterboxJob &input_job, Scratch &scratch)
        : job(input_job), image(input_job.image.rgb()) {
        constexpr std::int64_t slack =
            2 * lanes_of<P>; // floats that are read behind the last pixel
        bytes = 3 * image.w;
        pitch = round_up(job.width + 4, lanes);
        tap_pitch = job.x.width > few_taps ? round_up(job.x.width, step_taps) : 0;
        source = scratch.take<const std::uint8_t *>(job.y.width);
        pixels = scratch.take<std::uint8_t>(image.packed() ? 0 : job.y.width * bytes);
        line = scratch.take<float>(bytes + slack);
        next = scratch.take<float>(bytes + slack);
        weights = scratch.take<float>(job.x.n_out * tap_pitch + lanes_of<P>);
        planes = scratch.take<float>(3 * pitch);
        blank = scratch.take<float>(3 * pitch);
        if (scratch.counting()) return;
        for (int c = 0; c < 3; ++c)
            for (std::int64_t x = 0; x < pitch; ++x)
                blank[c * pitch + x] = planes[c * pitch + x] = job.padding[c];
        for (std::int64_t i = 0; i < slack; ++i) line[bytes + i] = next[bytes + i] = 0.0f;
        for (std::int64_t x = 0; x < job.x.n_out; ++x)
            for (std::int64_t k = 0; k < tap_pitch; ++k)
                weights[x * tap_pitch + k] =
                    k < job.x.width ? job.x.weights[x * job.x.width + k] : 0.0f;
        for (int i = 0; i < lanes_of<P>; ++i) weights[job.x.n_out * tap_pitch + i] = 0.0f;
    }
};

// Rows of the image that have a weight in one of the resized image, and their weights.
struct RowTaps {
    std::int64_t first, last;
    const float *weights; // of `first`

    RowTaps(const Taps &taps, std::int64_t y)
        : first(taps.first[y]), last(first + taps.width), weights(taps.weights + y * taps.width) {
        while (last > first + 1 && weights[last - first - 1] == 0.0f) --last;
        while (last > first + 1 && weights[0] == 0.0f) ++first, ++weights;
    }
};

// Rows of the image that are added to a line, the last of them to the next line too.
struct RowSum {
    const std::uint8_t *const *source;
    std::int64_t count, alone; // rows, and the first of them that the next line has not
    const float *weights, *next_weights;
    float *line, *next;
    bool is_begun; // whether the line has a part of the sum
    // Rows that the next line reads first, and the bytes between them.
    const std::uint8_t *later;
    std::int64_t later_count, stride;

    // Asks for 64 bytes of each of these rows.
    void fetch_later(std::int64_t i) const {
        for (std::int64_t k = 0; k < later_count; ++k) __builtin_prefetch(later + k * stride + i);
    }
};

// `size` vectors of a line, from byte i on.
template <bool shares, int size> inline void add_rows_at(const RowSum rows, std::int64_t i) {
    F sum[size] = {};
    if (rows.is_begun)
        for (int j = 0; j < size; ++j) sum[j] = load<F>(rows.line + i + j * lanes);
    std::int64_t k = 0;
    for (; k < rows.alone; ++k)
        for (int j = 0; j < size; ++j)
            sum[j] = fma(broadcast<F>(rows.weights[k]),
                         widen_bytes<F>(rows.source[k] + i + j * lanes), sum[j]);
    if constexpr (shares) {
        F next[size] = {};
        for (; k < rows.count; ++k)
            for (int j = 0; j < size; ++j) {
                const F value = widen_bytes<F>(rows.source[k] + i + j * lanes);
                sum[j] = fma(broadcast<F>(rows.weights[k]), value, sum[j]);
                next[j] = fma(broadcast<F>(rows.next_weights[k]), value, next[j]);
            }
        for (int j = 0; j < size; ++j) store(rows.next + i + j * lanes, next[j]);
    }
    for (int j = 0; j < size; ++j) store(rows.line + i + j * lanes, sum[j]);
}

// The whole line.
template <bool shares> inline void add_rows_of(const RowSum rows, std::int64_t bytes) {
    constexpr int together = 4; // vectors
    std::int64_t i = 0;
    for (; i + together * lanes <= bytes; i += together * lanes) {
        if (i % 64 == 0) rows.fetch_later(i);
        add_rows_at<shares, together>(rows, i);
    }
    for (; i + lanes <= bytes; i += lanes) add_rows_at<shares, 1>(rows, i);
    for (; i < bytes; ++i) {
        float sum = rows.is_begun ? rows.line[i] : 0.0f, next = 0.0f;
        for (std::int64_t k = 0; k < rows.count; ++k) {
            const float value = static_cast<float>(rows.source[k][i]);
            sum += rows.weights[k] * value;
            if (k >= rows.alone) next += rows.next_weights[k] * value;
        }
        rows.line[i] = sum;
        if (shares) rows.next[i] = next;
    }
}

// The rows that make row y of the resized image, summed. Those that the next row has too are read
// once for both.
void add_rows(Work &work, std::int64_t n, std::int64_t y) {
    const LetterboxJob &job = work.job;
    const RowTaps here(job.y, y), after(job.y, min(y + 1, job.y.n_out - 1));
    const bool is_begun = work.begun == y;
    const std::int64_t first = is_begun ? RowTaps(job.y, y - 1).last : here.first;
    const bool shares = y + 1 < job.y.n_out && after.first >= first && after.first < here.last &&
                        after.last >= here.last;
    work.begun = shares ? y + 1 : -1;
    if (is_begun) {
        float *const line = work.line;
        work.line = work.next, work.next = line;
    }
    RowSum rows;
    rows.source = work.source, rows.line = work.line, rows.next = work.next;
    rows.is_begun = is_begun;
    rows.count = here.last - first;
    rows.alone = shares ? after.first - first : rows.count;
    rows.weights = here.weights + (first - here.first);
    rows.next_weights = after.weights - rows.alone;
    for (std::int64_t k = 0; k < rows.count; ++k) {
        work.source[k] = reinterpret_cast<const std::uint8_t *>(work.image.row(n, first + k));
        if (work.image.packed()) continue;
        std::uint8_t *to = work.pixels + k * work.bytes;
        read_pixels(work.image, n, first + k, to);
        work.source[k] = to;
    }
    rows.later = reinterpret_cast<const std::uint8_t *>(work.image.row(n, here.last));
    rows.later_count = work.image.packed() ? after.last - here.last : 0;
    rows.stride = work.image.stride_h;
    if (shares)
        add_rows_of<true>(rows, work.bytes);
    else
        add_rows_of<false>(rows, work.bytes);
}

// Pixels of four columns, the fourth lane of each being anything, to planes.
inline void put_columns(const Vec<4>::f32 (&pixel)[4], float *to, std::int64_t pitch) {
    Vec<4>::f32 a = pixel[0], b = pixel[1], c = pixel[2], d = pixel[3];
    transpose(a, b, c, d);
    store(to, a);
    store(to + pitch, b);
    store(to + 2 * pitch, c);
}

// The weights of as many taps as a vector has pixels, three times each.
template <class V> inline V load_weights(const float *from) {
    if constexpr (lanes_of<V> == 4)
        return broadcast<V>(*from);
    else
        return permute(load<V>(from), IntOf<V>{0, 0, 0, 1, 1, 1, 1, 1});
}

// The sum of the pixels of a vector.
template <class V> inline Vec<4>::f32 add_pixels(V v) {
    if constexpr (lanes_of<V> == 4)
        return v;
    else
        return __builtin_shufflevector(v, v, 0, 1, 2, 3) +
               __builtin_shufflevector(v, v, 3, 4, 5, 6);
}

// Columns of a line, of which stores into planes cannot change anything.
struct ColumnSum {
    const float *line;
    const std::int32_t *first;
    const float *weights;
    std::int64_t count, taps;
};

// Four columns of so many taps, which are few.
template <int taps>
inline void add_few_taps(const ColumnSum &columns, std::int64_t x, Vec<4>::f32 (&sum)[4]) {
    using Pixel = Vec<4>::f32;
    for (int j = 0; j < 4; ++j) {
        const std::int64_t at = min(x + j, columns.count - 1);
        const float *from = columns.line + 3 * columns.first[at],
                    *weights = columns.weights + at * taps;
        sum[j] = broadcast<Pixel>(weights[0]) * load<Pixel>(from);
        for (int k = 1; k < taps; ++k)
            sum[j] += broadcast<Pixel>(weights[k]) * load<Pixel>(from + 3 * k);
    }
}

// The same of any number of taps. Four sums wait less for each other than one for itself.
inline void add_many_taps(const ColumnSum &columns, std::int64_t x, Vec<4>::f32 (&sum)[4]) {
    const float *from[4], *weights[4];
    P part[4] = {};
    for (int j = 0; j < 4; ++j) {
        const std::int64_t at = min(x + j, columns.count - 1);
        from[j] = columns.line + 3 * columns.first[at];
        weights[j] = columns.weights + at * columns.taps;
    }
    for (std::int64_t k = 0; k < columns.taps; k += step_taps)
        for (int j = 0; j < 4; ++j)
            part[j] = fma(load_weights<P>(weights[j] + k), load<P>(from[j] + 3 * k), part[j]);
    for (int j = 0; j < 4; ++j) sum[j] = add_pixels(part[j]);
}

// The columns of the line, summed and normalized. A pixel is read with the floats after it.
template <class Add>
inline void add_columns(const Work &work, const ColumnSum columns, const Add &add) {
    using Pixel = Vec<4>::f32;
    const LetterboxJob &job = work.job;
    const Pixel gain = {job.gain[0], job.gain[1], job.gain[2], 0.0f};
    const Pixel shift = {job.shift[0], job.shift[1], job.shift[2], 0.0f};
    const std::int64_t pitch = work.pitch, end = job.left + columns.count;
    float *const to = work.planes + job.left;
    for (std::int64_t x = 0; x < columns.count; x += 4) {
        Pixel sum[4];
        add(columns, x, sum);
        for (int j = 0; j < 4; ++j) sum[j] = gain * sum[j] + shift;
        put_columns(sum, to + x, pitch);
    }
    for (int c = 0; c < 3; ++c) // what the last four were too many
        for (std::int64_t x = end; x < job.left + round_up(columns.count, 4); ++x)
            work.planes[c * pitch + x] = job.padding[c];
}

inline void add_columns(const Work &work) {
    const Taps &x = work.job.x;
    const ColumnSum columns{work.line, x.first, x.weights, x.n_out, x.width};
    if (x.width == 1)
        add_columns(work, columns, add_few_taps<1>);
    else if (x.width == 2)
        add_columns(work, columns, add_few_taps<2>);
    else
        add_columns(work, {work.line, x.first, work.weights, x.n_out, work.tap_pitch},
                    add_many_taps);
}

} // namespace

std::int64_t letterbox_scratch(const LetterboxJob &job) {
    Scratch scratch(nullptr);
    const Work work(job, scratch);
    return scratch.used();
}

void letterbox(const LetterboxJob &job, const Rows &rows, char *memory) {
    Scratch scratch(memory);
    Work work(job, scratch);
    write_rows(work, rows, [&](std::int64_t y) {
        add_rows(work, rows.n, y);
        add_columns(work);
    });
}

} // namespace segpost::SEGPOST_LEVEL
