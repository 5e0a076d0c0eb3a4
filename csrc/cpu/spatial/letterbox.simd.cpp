// An RGB image of bytes as a network's input, row by row of the result: the rows of the image that
// it needs are summed first, the columns then.
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/read_pixels.hpp"
#include "cpu/spatial/letterbox_rows.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

struct Work {
    const LetterboxJob &job;
    const Image image;
    std::int64_t bytes;          // in a row of the image
    const std::uint8_t **source; // [y.width] rows of the image
    std::uint8_t *pixels;        // [y.width][bytes] where its rows are not packed
    float *line;                 // [bytes + 4] their sum
    float *planes;               // [3][pitch] a row of the result
    float *blank;                // [3][pitch] one of padding
    std::int64_t pitch;

    Work(const LetterboxJob &input_job, Scratch &scratch)
        : job(input_job), image(input_job.image.rgb()) {
        bytes = 3 * image.w;
        pitch = round_up(job.width + 4, lanes);
        source = scratch.take<const std::uint8_t *>(job.y.width);
        pixels = scratch.take<std::uint8_t>(image.packed() ? 0 : job.y.width * bytes);
        line = scratch.take<float>(bytes + 4);
        planes = scratch.take<float>(3 * pitch);
        blank = scratch.take<float>(3 * pitch);
        if (scratch.counting()) return;
        for (int c = 0; c < 3; ++c)
            for (std::int64_t x = 0; x < pitch; ++x)
                blank[c * pitch + x] = planes[c * pitch + x] = job.padding[c];
        for (std::int64_t i = 0; i < 4; ++i) line[bytes + i] = 0.0f;
    }
};

// The rows that make row y of the resized image, summed.
void add_rows(const Work &work, std::int64_t n, std::int64_t y) {
    const LetterboxJob &job = work.job;
    const std::int64_t taps = job.y.width, first = job.y.first[y];
    const float *weights = job.y.weights + y * taps;
    for (std::int64_t k = 0; k < taps; ++k) {
        work.source[k] = reinterpret_cast<const std::uint8_t *>(work.image.row(n, first + k));
        if (work.image.packed()) continue;
        std::uint8_t *to = work.pixels + k * work.bytes;
        read_pixels(work.image, n, first + k, to);
        work.source[k] = to;
    }
    constexpr int together = 4; // vectors
    std::int64_t i = 0;
    for (; i + together * lanes <= work.bytes; i += together * lanes) {
        F sum[together] = {};
        for (std::int64_t k = 0; k < taps; ++k)
            for (int j = 0; j < together; ++j)
                sum[j] = fma(broadcast<F>(weights[k]),
                             widen_bytes<F>(work.source[k] + i + j * lanes), sum[j]);
        for (int j = 0; j < together; ++j) store(work.line + i + j * lanes, sum[j]);
    }
    for (; i < work.bytes; ++i) {
        float sum = 0.0f;
        for (std::int64_t k = 0; k < taps; ++k)
            sum += weights[k] * static_cast<float>(work.source[k][i]);
        work.line[i] = sum;
    }
}

// Pixels of four columns, the fourth lane of each being anything, to planes.
inline void put_columns(const Vec<4>::f32 (&pixel)[4], float *to, std::int64_t pitch) {
    Vec<4>::f32 a = pixel[0], b = pixel[1], c = pixel[2], d = pixel[3];
    transpose(a, b, c, d);
    store(to, a);
    store(to + pitch, b);
    store(to + 2 * pitch, c);
}

// The columns of the line, summed and normalized. A pixel is read with the float after it.
template <int known_taps> void add_columns(const Work &work) {
    using Pixel = Vec<4>::f32;
    const LetterboxJob &job = work.job;
    const std::int64_t taps = known_taps ? known_taps : job.x.width, count = job.x.n_out;
    const Pixel gain = {job.gain[0], job.gain[1], job.gain[2], 0.0f};
    const Pixel shift = {job.shift[0], job.shift[1], job.shift[2], 0.0f};
    float *to = work.planes + job.left;
    for (std::int64_t x = 0; x < count; x += 4) {
        Pixel sum[4];
        for (int j = 0; j < 4; ++j) {
            const std::int64_t at = min(x + j, count - 1);
            const float *from = work.line + 3 * job.x.first[at],
                        *weight = job.x.weights + at * taps;
            sum[j] = broadcast<Pixel>(weight[0]) * load<Pixel>(from);
            for (std::int64_t k = 1; k < taps; ++k)
                sum[j] += broadcast<Pixel>(weight[k]) * load<Pixel>(from + 3 * k);
            sum[j] = gain * sum[j] + shift;
        }
        put_columns(sum, to + x, work.pitch);
    }
    for (int c = 0; c < 3; ++c) // what the last four were too many
        for (std::int64_t x = job.left + count; x < round_up(count, 4) + job.left; ++x)
            work.planes[c * work.pitch + x] = job.padding[c];
}

} // namespace

std::int64_t letterbox_scratch(const LetterboxJob &job) {
    Scratch scratch(nullptr);
    const Work work(job, scratch);
    return scratch.used();
}

void letterbox(const LetterboxJob &job, const Rows &rows, char *memory) {
    Scratch scratch(memory);
    const Work work(job, scratch);
    write_rows(work, rows, [&](std::int64_t y) {
        add_rows(work, rows.n, y);
        if (job.x.width == 1)
            add_columns<1>(work);
        else if (job.x.width == 2)
            add_columns<2>(work);
        else
            add_columns<0>(work);
    });
}

} // namespace segpost::SEGPOST_LEVEL
