// colorize and overlay: a warp paints a span of one row, each lane a group of 16 or 4 pixels.
#include "cuda/color/colors.hpp"
#include "cuda/color/contour.hpp"

#include <stdexcept>

namespace segpost::gpu {
namespace {

struct Painting {
    LabelView labels;
    Image image, out; // no image: colorize
    Colors colors;
    int contour;
    std::int64_t spans_of_row, spans;
    ErrorCount *errors;
};

// Of labels of one byte a lane takes 16, which it reads at once; others need more registers.
template <class U> constexpr int group_size = sizeof(U) == 1 ? 16 : 4;

// (image * (256 - a) + color * a + 128) >> 8 in every byte: sums of two bytes' products stay
// within 16 bits, so red and blue fit one word.
__device__ unsigned blend(unsigned image, unsigned color, unsigned a) {
    const unsigned rest = 256 - a;
    const unsigned outer = (image & 0xff00ff) * rest + (color & 0xff00ff) * a + 0x800080;
    const unsigned inner = (image & 0xff00) * rest + (color & 0xff00) * a + 0x8000;
    return (outer >> 8 & 0xff00ff) | (inner >> 8 & 0xff00);
}

// A span of one row, as a warp sees it. `on` are the contour's bits, if it is drawn.
template <class U, int pixels, bool blends> struct Painter {
    using Word = typename WordOf<pixels>::type;
    const Painting &job;
    Stage<pixels> &stage;
    ThreadErrors &bad;

    __device__ void paint(std::int64_t n, std::int64_t y, std::int64_t x, unsigned count,
                          const unsigned *on) const {
        const unsigned lane = lane_index();
        const char *labels = job.labels.row(n, y) + x * job.labels.stride_w;
        const char *image = job.image.row(n, y) + x * job.image.stride_w;
        char *out = job.out.row(n, y) + 3 * x;
        const std::int64_t place = (n * job.labels.h + y) * job.labels.w + x;
        const Cut cut = Cut::of<pixels>(out, count);
        const bool mine = lane < cut.groups;
        const unsigned first = cut.head + lane * pixels;
        U label[pixels] = {};
        if (mine) {
            if (read_together<U, pixels>(labels + cut.head * sizeof(U), job.labels))
                read_labels(label, labels + first * sizeof(U));
            else
                for (unsigned i = 0; i < pixels; ++i) label[i] = label_at(labels, first + i);
        }
        Word words[3] = {};
        const bool joint =
            job.image.packed() && misaligned(image, pixels) == misaligned(out, pixels);
        if (blends && joint) stage.read(image + 3 * cut.head, cut.groups, lane, words);
        if (mine) {
            unsigned color[pixels], under[pixels];
            if (blends) {
                if (joint)
                    unpack(words, under);
                else
                    for (unsigned i = 0; i < pixels; ++i) under[i] = image_at(image, first + i);
            }
            unsigned all = 0;
            for (unsigned i = 0; i < pixels; ++i)
                color[i] = painted(label[i], blends ? under[i] : 0, on, first + i, all);
            if (all & Colors::wrong)
                for (unsigned i = 0; i < pixels; ++i) check(label[i], place + first + i);
            pack(color, words);
        }
        stage.write(out + 3 * cut.head, cut.groups, lane, words);
        if (lane < cut.rest) {
            const unsigned i = cut.left_over<pixels>(lane);
            const U label = label_at(labels, i);
            unsigned all = 0;
            put_pixel(out + 3 * i, painted(label, blends ? image_at(image, i) : 0, on, i, all));
            if (all & Colors::wrong) bad.add(1, place + i);
        }
    }

  private:
    __device__ U label_at(const char *labels, unsigned i) const {
        return *reinterpret_cast<const U *>(labels + i * job.labels.stride_w);
    }
    __device__ unsigned image_at(const char *image, unsigned i) const {
        return pixel_at(image + i * job.image.stride_w, job.image.channel);
    }
    __device__ void check(U label, std::int64_t place) const {
        if (job.colors.template color<U>(job.colors.key(label)) & Colors::wrong) bad.add(1, place);
    }
    __device__ unsigned painted(U label, unsigned under, const unsigned *on, unsigned i,
                                unsigned &all) const {
        const unsigned key = job.colors.key(label);
        const unsigned entry = job.colors.template color<U>(key), color = entry & 0xffffff;
        all |= entry;
        if (!blends || (on && on[i / word_bits] >> i % word_bits & 1)) return color;
        return blend(under, color, job.colors.template weight<U>(key));
    }
};

template <class U, bool blends> __global__ void __launch_bounds__(block_size)
    paint_spans(const Painting job) {
    constexpr int pixels = group_size<U>;
    constexpr unsigned length = warp_size * pixels;
    __shared__ Stage<pixels> stages[warps_of_block];
    job.colors.fill<U>();
    ThreadErrors bad;
    const unsigned warp = warp_index();
    const Painter<U, pixels, blends> painter{job, stages[warp], bad};
    const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * warps_of_block;
    for (std::int64_t span = static_cast<std::int64_t>(blockIdx.x) * warps_of_block + warp;
         span < job.spans; span += step) {
        const std::int64_t row = divide(span, job.spans_of_row);
        const std::int64_t x = (span - row * job.spans_of_row) * length, rest = job.labels.w - x;
        const std::int64_t n = divide(row, job.labels.h);
        painter.paint(n, row - n * job.labels.h, x,
                      rest < length ? static_cast<unsigned>(rest) : length, nullptr);
    }
    add_errors(job.errors, bad);
}

// With a contour a block takes a tile, and each warp of it some rows.
template <class U> __global__ void __launch_bounds__(block_size) paint_tiles(const Painting job) {
    __shared__ Stage<4> stages[warps_of_block];
    __shared__ Contour contour;
    job.colors.fill<U>();
    ThreadErrors bad;
    const unsigned warp = warp_index();
    const Painter<U, 4, true> painter{job, stages[warp], bad};
    const std::int64_t tiles_of_column = (job.labels.h + tile_rows - 1) / tile_rows;
    for (std::int64_t tile = blockIdx.x; tile < job.spans; tile += gridDim.x) {
        const std::int64_t row = divide(tile, job.spans_of_row);
        const std::int64_t x = (tile - row * job.spans_of_row) * tile_columns;
        const std::int64_t n = divide(row, tiles_of_column);
        const std::int64_t y = (row - n * tiles_of_column) * tile_rows;
        const std::int64_t rest = job.labels.w - x;
        contour.find<U>(job.labels, n, y, x, job.contour);
        for (unsigned i = warp; i < tile_rows && y + i < job.labels.h; i += warps_of_block)
            painter.paint(n, y + i, x,
                          rest < tile_columns ? static_cast<unsigned>(rest) : tile_columns,
                          contour.on[i]);
        __syncthreads(); // the next tile's contour comes where this one is
    }
    add_errors(job.errors, bad);
}

template <class U> void launch_painting(Painting job, bool blends, Stream stream) {
    if (job.contour > 0) {
        job.spans_of_row = (job.labels.w + tile_columns - 1) / tile_columns;
        job.spans = job.labels.n * ((job.labels.h + tile_rows - 1) / tile_rows) * job.spans_of_row;
        return launch(stream, blocks_for(job.spans, 1), dim3(block_size), job.colors.shared(),
                      paint_tiles<U>, job);
    }
    if (blends)
        merge_rows(job.labels, job.image, job.out);
    else
        merge_rows(job.labels, job.out);
    constexpr std::int64_t length = warp_size * group_size<U>;
    job.spans_of_row = (job.labels.w + length - 1) / length;
    job.spans = job.labels.n * job.labels.h * job.spans_of_row;
    launch(stream, blocks_for(job.spans, warps_of_block), dim3(block_size), job.colors.shared(),
           blends ? paint_spans<U, true> : paint_spans<U, false>, job);
}

void choose_label(const Painting &job, bool blends, Stream stream) {
    if (job.labels.n <= 0 || job.labels.h <= 0 || job.labels.w <= 0) return;
    switch (job.labels.dtype) {
    case DType::u8:
    case DType::i8: return launch_painting<std::uint8_t>(job, blends, stream);
    case DType::u16:
    case DType::i16: return launch_painting<std::uint16_t>(job, blends, stream);
    case DType::u32:
    case DType::i32: return launch_painting<std::uint32_t>(job, blends, stream);
    default: return launch_painting<std::uint64_t>(job, blends, stream);
    }
}

} // namespace

void launch_colorize(const ColorizeJob &job, std::uintptr_t stream, ErrorCount *errors) {
    Painting painting{};
    painting.labels = job.labels;
    painting.out = job.out;
    painting.colors = colors_of(job.range, job.labels.dtype, job.lut, nullptr);
    painting.errors = errors;
    choose_label(painting, false, stream_of(stream));
}

void launch_overlay(const OverlayJob &job, std::uintptr_t stream, ErrorCount *errors) {
    if (job.contour < 0 || job.contour > most_contour) throw std::invalid_argument("contour");
    Painting painting{};
    painting.labels = job.labels;
    painting.image = job.image;
    painting.out = job.out;
    painting.colors = colors_of(job.range, job.labels.dtype, job.lut, job.alpha);
    painting.contour = static_cast<int>(job.contour);
    painting.errors = errors;
    choose_label(painting, true, stream_of(stream));
}

} // namespace segpost::gpu
