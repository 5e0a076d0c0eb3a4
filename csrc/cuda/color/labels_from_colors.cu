// labels_from_colors: a warp reads a span of one row, each lane four pixels, whose colors are
// searched among the sorted ones; neighbors mostly share theirs.
#include "cuda/color/spans.hpp"

#include "ops/color/palette.hpp"

#include <stdexcept>

namespace segpost::gpu {
namespace {

constexpr int pixels = 4;
constexpr unsigned length = warp_size * pixels, most_shared_keys = 8192;

struct Search {
    Image image;
    LabelView out;
    const std::uint32_t *keys;
    const std::int32_t *values;
    unsigned count, shared; // shared: how many keys are in shared memory, all or none
    std::int64_t spans_of_row, spans;
    ErrorCount *errors;
};

// The last color that a thread looked for.
struct Last {
    const Search &job;
    unsigned color = ~0u;
    std::int32_t label = 0;
    bool known = false;

    __device__ void look_up(unsigned wanted) {
        if (wanted == color) return;
        const unsigned *shared = dynamic_shared<unsigned>();
        const auto key = [&](unsigned i) { return job.shared ? shared[i] : __ldg(job.keys + i); };
        unsigned place = 0;
        for (unsigned left = job.count; left > 1;) {
            const unsigned half = left / 2;
            place = key(place + half) <= wanted ? place + half : place;
            left -= half;
        }
        color = wanted;
        known = key(place) == wanted;
        label = known ? __ldg(job.values + place) : 0;
    }
};

__device__ void put(char *to, const std::uint8_t (&label)[pixels]) {
    *reinterpret_cast<unsigned *>(to) =
        label[0] | label[1] << 8 | label[2] << 16 | static_cast<unsigned>(label[3]) << 24;
}
__device__ void put(char *to, const std::int32_t (&label)[pixels]) {
    *reinterpret_cast<uint4 *>(to) =
        make_uint4(static_cast<unsigned>(label[0]), static_cast<unsigned>(label[1]),
                   static_cast<unsigned>(label[2]), static_cast<unsigned>(label[3]));
}

template <class L> __device__ void search_span(const Search &job, std::int64_t n, std::int64_t y,
                                               std::int64_t x, unsigned count, Stage<pixels> &stage,
                                               Last &last, ThreadErrors &bad) {
    const unsigned lane = lane_index();
    const char *image = job.image.row(n, y) + x * job.image.stride_w;
    L *out = reinterpret_cast<L *>(job.out.row(n, y)) + x;
    const std::int64_t place = (n * job.image.h + y) * job.image.w + x;
    const bool packed = job.image.packed();
    const auto pixel = [&](unsigned i) {
        return pixel_at(image + i * job.image.stride_w, job.image.channel);
    };
    // Without whole words of pixels there is nothing to begin at but the words of labels.
    const Cut cut = packed ? Cut::of<pixels>(image, count) : Cut{0, count / pixels, count % pixels};
    unsigned words[3] = {};
    if (packed) stage.read(image + 3 * cut.head, cut.groups, lane, words);
    if (lane < cut.groups) {
        const unsigned first = cut.head + lane * pixels;
        unsigned color[pixels];
        if (packed)
            unpack(words, color);
        else
            for (unsigned i = 0; i < pixels; ++i) color[i] = pixel(first + i);
        L label[pixels];
        for (unsigned i = 0; i < pixels; ++i) {
            last.look_up(color[i]);
            label[i] = static_cast<L>(last.label);
            if (!last.known) bad.add(1, place + first + i);
        }
        if (misaligned(out + cut.head, sizeof(label)) == 0)
            put(reinterpret_cast<char *>(out + first), label);
        else
            for (unsigned i = 0; i < pixels; ++i) out[first + i] = label[i];
    }
    if (lane < cut.rest) {
        const unsigned i = cut.left_over<pixels>(lane);
        last.look_up(pixel(i));
        out[i] = static_cast<L>(last.label);
        if (!last.known) bad.add(1, place + i);
    }
}

template <class L> __global__ void __launch_bounds__(block_size) search(const Search job) {
    __shared__ Stage<pixels> stages[warps_of_block];
    for (unsigned i = threadIdx.x; i < job.shared; i += block_size)
        dynamic_shared<unsigned>()[i] = job.keys[i];
    __syncthreads();
    ThreadErrors bad;
    Last last{job};
    const unsigned warp = warp_index();
    const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * warps_of_block;
    for (std::int64_t span = static_cast<std::int64_t>(blockIdx.x) * warps_of_block + warp;
         span < job.spans; span += step) {
        const std::int64_t row = divide(span, job.spans_of_row);
        const std::int64_t x = (span - row * job.spans_of_row) * length, rest = job.image.w - x;
        const std::int64_t n = divide(row, job.image.h);
        search_span<L>(job, n, row - n * job.image.h, x,
                       rest < length ? static_cast<unsigned>(rest) : length, stages[warp], last,
                       bad);
    }
    add_errors(job.errors, bad);
}

} // namespace

void launch_labels_from_colors(const LabelsFromColorsJob &job, std::uintptr_t stream,
                               ErrorCount *errors) {
    if (job.image.n <= 0 || job.image.h <= 0 || job.image.w <= 0) return;
    if (job.count <= 0 || job.count > 1 << 24) throw std::invalid_argument("keys");
    Search work{};
    work.image = job.image;
    work.out = job.out;
    const bool bytes = job.out.dtype == DType::u8;
    work.out.stride_w = bytes ? 1 : 4; // anything where a row is one pixel
    merge_rows(work.image, work.out);
    work.keys = job.keys;
    work.values = job.values;
    work.count = static_cast<unsigned>(job.count);
    work.shared = work.count <= most_shared_keys ? work.count : 0;
    work.spans_of_row = (work.image.w + length - 1) / length;
    work.spans = work.image.n * work.image.h * work.spans_of_row;
    work.errors = errors;
    launch(stream_of(stream), blocks_for(work.spans, warps_of_block), dim3(block_size),
           work.shared * sizeof(unsigned), bytes ? search<std::uint8_t> : search<std::int32_t>,
           work);
}

} // namespace segpost::gpu
