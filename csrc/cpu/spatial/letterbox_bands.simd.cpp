// An image of any bands and element type as a network's input, band by band of a row of the result:
// the rows of the image that it needs are summed first, the columns then.
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/spatial/letterbox_rows.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

struct Work {
    const LetterboxJob &job;
    float *line;   // [w] the sum of the image's rows
    float *planes; // [bands][pitch] a row of the result
    float *blank;  // [bands][pitch] one of padding
    std::int64_t pitch;

    Work(const LetterboxJob &input_job, Scratch &scratch) : job(input_job) {
        pitch = round_up(job.width, lanes);
        line = scratch.take<float>(job.image.w);
        planes = scratch.take<float>(job.image.bands * pitch);
        blank = scratch.take<float>(job.image.bands * pitch);
        if (scratch.counting()) return;
        for (std::int64_t b = 0; b < job.image.bands; ++b)
            for (std::int64_t x = 0; x < pitch; ++x)
                blank[b * pitch + x] = planes[b * pitch + x] = job.padding[b];
    }
};

// line[x] += weight * value of a row, or line[x] = for the first row.
template <class S> void add_row(float *line, const char *from, std::int64_t stride,
                                std::int64_t count, float weight, bool is_first) {
    const auto value = [&](std::int64_t x) {
        return widen<float>(*reinterpret_cast<const S *>(from + x * stride));
    };
    if (is_first)
        for (std::int64_t x = 0; x < count; ++x) line[x] = weight * value(x);
    else
        for (std::int64_t x = 0; x < count; ++x) line[x] += weight * value(x);
}

// The rows that make row y of the resized image, summed, of one band.
void add_rows(const Work &work, std::int64_t n, std::int64_t y, std::int64_t band) {
    const BandImage &image = work.job.image;
    const Taps &taps = work.job.y;
    for (std::int64_t k = 0; k < taps.width; ++k) {
        const char *from = image.row(n, taps.first[y] + k) + band * image.stride_b;
        const float weight = taps.weights[y * taps.width + k];
#define SEGPOST_ADD(S) add_row<S>(work.line, from, image.stride_w, image.w, weight, k == 0)
        switch (image.dtype) {
        case DType::f32: SEGPOST_ADD(float); break;
        case DType::f64: SEGPOST_ADD(double); break;
        case DType::f16: SEGPOST_ADD(Float16); break;
        case DType::bf16: SEGPOST_ADD(BFloat16); break;
        case DType::i8: SEGPOST_ADD(std::int8_t); break;
        case DType::u8: SEGPOST_ADD(std::uint8_t); break;
        case DType::i16: SEGPOST_ADD(std::int16_t); break;
        case DType::u16: SEGPOST_ADD(std::uint16_t); break;
        case DType::i32: SEGPOST_ADD(std::int32_t); break;
        case DType::u32: SEGPOST_ADD(std::uint32_t); break;
        case DType::i64: SEGPOST_ADD(std::int64_t); break;
        case DType::u64: SEGPOST_ADD(std::uint64_t); break;
        }
#undef SEGPOST_ADD
    }
}

// The columns of the line, summed and normalized. `known_taps` is their number, or 0.
template <int known_taps> void add_columns(const Work &work, std::int64_t band) {
    const LetterboxJob &job = work.job;
    const std::int64_t taps = known_taps ? known_taps : job.x.width;
    const float gain = job.gain[band], shift = job.shift[band];
    float *to = work.planes + band * work.pitch + job.left;
    for (std::int64_t x = 0; x < job.x.n_out; ++x) {
        const float *from = work.line + job.x.first[x], *weight = job.x.weights + x * taps;
        float sum = weight[0] * from[0];
        for (std::int64_t k = 1; k < taps; ++k) sum += weight[k] * from[k];
        to[x] = gain * sum + shift;
    }
}

} // namespace

std::int64_t letterbox_bands_scratch(const LetterboxJob &job) {
    Scratch scratch(nullptr);
    const Work work(job, scratch);
    return scratch.used();
}

void letterbox_bands(const LetterboxJob &job, const Rows &rows, char *memory) {
    Scratch scratch(memory);
    const Work work(job, scratch);
    write_rows(work, rows, [&](std::int64_t y) {
        for (std::int64_t band = 0; band < job.image.bands; ++band) {
            add_rows(work, rows.n, y, band);
            if (job.x.width == 1)
                add_columns<1>(work, band);
            else if (job.x.width == 2)
                add_columns<2>(work, band);
            else
                add_columns<0>(work, band);
        }
    });
}

} // namespace segpost::SEGPOST_LEVEL
