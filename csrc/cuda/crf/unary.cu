// The unary of a dense CRF: logs of probabilities, which sum to one at every pixel. A thread has a
// pixel.
#include "cuda/crf/crf.hpp"
#include "cuda/runtime/division.hpp"
#include "cuda/runtime/errors.hpp"
#include "cuda/runtime/grid_1d.hpp"
#include "cuda/runtime/load.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace segpost::gpu {
namespace {

constexpr std::int64_t most_blocks = 1024;
constexpr std::int64_t most_shared = 8192; // labels
constexpr float nothing = -1e30f;          // log of no probability

// Floats in the order of unsigned numbers, 0 below all of them.
__device__ unsigned ordered_key(float value) {
    const unsigned bits = __float_as_uint(value);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}
float value_of_key(unsigned key) {
    if (!key) return -INFINITY;
    const unsigned bits = key >> 31 ? key & 0x7fffffffu : ~key;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

// One pixel's values.
template <class S> struct Pixel {
    const UnaryView &view;
    const char *at;
    float floor;

    __device__ Pixel(const UnaryView &v, std::int64_t p)
        : view(v), floor(v.clamp > 1e-37 ? static_cast<float>(v.clamp) : 1e-37f) {
        const std::int64_t y = divide(p, v.w), z = divide(y, v.h);
        at = v.data + z * v.stride_d + (y - z * v.h) * v.stride_h + (p - y * v.w) * v.stride_w;
    }
    __device__ float input(std::int64_t label) const {
        return static_cast<float>(load<S>(at + label * view.stride_l, view.dtype));
    }
    __device__ bool probabilities() const { return view.unary_kind == UnaryKind::probabilities; }
    // Its log, not normalised.
    __device__ float raw(float value) const {
        if (probabilities())
            return value > 0 || view.clamp > 0 ? logf(fmaxf(value, floor)) : nothing;
        return view.unary_kind == UnaryKind::energies ? -value : value;
    }
};

// What makes the exponentials of a pixel's logs sum to one.
struct Normalizer {
    float best = 0.0f, divided = 0.0f;

    template <class S> __device__ explicit Normalizer(const Pixel<S> &pixel) {
        float sum = 0;
        if (pixel.probabilities()) {
            for (std::int64_t l = 0; l < pixel.view.labels; ++l)
                sum += fmaxf(pixel.input(l), pixel.floor);
        } else {
            best = -3e38f;
            for (std::int64_t l = 0; l < pixel.view.labels; ++l)
                best = fmaxf(best, pixel.raw(pixel.input(l)));
            for (std::int64_t l = 0; l < pixel.view.labels; ++l)
                sum += expf(fmaxf(pixel.raw(pixel.input(l)) - best, nothing));
        }
        divided = logf(sum);
    }
    __device__ float log(float raw) const { return fmaxf(raw - best, nothing) - divided; }
};

// Counts what is bad, as counted on the CPU.
struct PixelErrors {
    ThreadErrors count, out_of_range, infeasible;

    template <class S> __device__ void look(const Pixel<S> &pixel, std::int64_t p) {
        const UnaryView &view = pixel.view;
        const float slack = static_cast<float>(probability_slack);
        const std::int64_t pixels = view.d * view.h * view.w;
        bool hope = false, fine = true;
        for (std::int64_t l = 0; l < view.labels; ++l) {
            const float v = pixel.input(l);
            const bool low = v < -3e38f, high = v > 3e38f;
            if (v != v || (high && view.unary_kind != UnaryKind::energies) ||
                (low && view.unary_kind != UnaryKind::logits)) {
                count.add(1, l * pixels + p);
                fine = false;
            } else if (pixel.probabilities()) {
                if (v < -slack || v > 1 + slack) out_of_range.add(1, l * pixels + p);
                hope |= v > 0 || view.clamp > 0;
            } else {
                hope |= !(low || high);
            }
        }
        if (fine && !hope) infeasible.add(1, p);
    }
};

struct SummaryMemory {
    ErrorCount *bad;   // [3]: not finite, no probabilities, infeasible
    unsigned *largest; // [labels], as ordered_key
    double *offsets;   // [blocks]
};

template <class S> __global__ void summarize_pixels(UnaryView view, SummaryMemory summary) {
    const bool shared = view.labels <= most_shared;
    unsigned *best = shared ? dynamic_shared<unsigned>() : summary.largest;
    if (shared)
        for (std::int64_t l = threadIdx.x; l < view.labels; l += block_size) best[l] = 0;
    __shared__ double sums[warps_of_block];
    __syncthreads();
    const unsigned lane = lane_index();
    const std::int64_t pixels = view.d * view.h * view.w;
    double offset = 0;
    PixelErrors bad;
    for (std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * block_size; at < pixels;
         at += static_cast<std::int64_t>(gridDim.x) * block_size) {
        // Threads beyond the end look at the last pixel again, and count nothing.
        const std::int64_t p = at + threadIdx.x, mine = p < pixels ? p : pixels - 1;
        const Pixel<S> pixel(view, mine);
        const Normalizer normalizer(pixel);
        if (p < pixels) {
            bad.look(pixel, p);
            if (view.unary_kind != UnaryKind::logits) {
                const float energy =
                    view.unary_kind == UnaryKind::energies ? normalizer.best : 0.0f;
                offset += normalizer.divided + energy;
            }
        }
        for (std::int64_t l = 0; l < view.labels; ++l) {
            const unsigned key = warp_max(ordered_key(normalizer.log(pixel.raw(pixel.input(l)))));
            if (lane == 0) atomicMax(best + l, key);
        }
    }
    add_errors(summary.bad, bad.count);
    add_errors(summary.bad + 1, bad.out_of_range);
    add_errors(summary.bad + 2, bad.infeasible);
    offset = warp_sum(offset);
    if (lane == 0) sums[warp_index()] = offset;
    __syncthreads();
    if (threadIdx.x == 0) {
        double sum = 0;
        for (unsigned i = 0; i < warps_of_block; ++i) sum += sums[i];
        summary.offsets[blockIdx.x] = sum;
    }
    if (shared)
        for (std::int64_t l = threadIdx.x; l < view.labels; l += block_size)
            atomicMax(summary.largest + l, best[l]);
}

struct Choice {
    const std::int32_t *kept, *dropped;
    std::int64_t kept_count, dropped_count;
};

template <class S>
__global__ void pack_pixels(UnaryView view, Choice choice, Quads rows, float *logs) {
    const std::int64_t p = thread_index();
    if (p >= view.d * view.h * view.w) return;
    const Pixel<S> pixel(view, p);
    const Normalizer normalizer(pixel);
    const auto log_of = [&](std::int64_t label) {
        return normalizer.log(pixel.raw(pixel.input(label)));
    };
    float rest = 0;
    for (std::int64_t i = 0; i < choice.dropped_count; ++i) rest += expf(log_of(choice.dropped[i]));
    float4 *to = reinterpret_cast<float4 *>(logs + p * rows.length());
    for (int quad = 0; quad < rows.quads; ++quad) {
        float four[4];
        for (int j = 0; j < 4; ++j) {
            const std::int64_t l = 4 * quad + j;
            four[j] = l < choice.kept_count ? log_of(choice.kept[l]) : nothing;
            if (l == choice.kept_count && choice.dropped_count) four[j] = logf(rest);
        }
        to[quad] = make_float4(four[0], four[1], four[2], four[3]);
    }
}

// Where labels were dropped their sum is shared out as the unary has it.
template <class S> __global__ void write_pixels(UnaryView view, Choice choice, Quads rows,
                                                const float *q, ProbabilityView out) {
    const std::int64_t p = thread_index();
    if (p >= view.d * view.h * view.w) return;
    const Pixel<S> pixel(view, p);
    const std::int64_t y = divide(p, view.w), z = divide(y, view.h);
    char *to = out.data + z * out.stride_d + (y - z * view.h) * out.stride_h +
               (p - y * view.w) * out.stride_w;
    const auto at = [&](std::int64_t label) {
        return reinterpret_cast<float *>(to + label * out.stride_l);
    };
    const float *from = q + p * rows.length();
    for (std::int64_t i = 0; i < choice.kept_count; ++i) *at(choice.kept[i]) = from[i];
    if (!choice.dropped_count) return;
    const Normalizer normalizer(pixel);
    float total = 0;
    for (std::int64_t i = 0; i < choice.dropped_count; ++i)
        total += expf(normalizer.log(pixel.raw(pixel.input(choice.dropped[i]))));
    const float share = total > 0 ? from[choice.kept_count] / total : 0.0f;
    for (std::int64_t i = 0; i < choice.dropped_count; ++i)
        *at(choice.dropped[i]) =
            share * expf(normalizer.log(pixel.raw(pixel.input(choice.dropped[i]))));
}

__global__ void load_start(ProbabilityView from, Shape shape, std::int64_t labels, Quads rows,
                           float *q) {
    const std::int64_t p = thread_index();
    if (p >= shape.pixels()) return;
    const std::int64_t y = divide(p, shape.w), z = divide(y, shape.h);
    const char *at = from.data + z * from.stride_d + (y - z * shape.h) * from.stride_h +
                     (p - y * shape.w) * from.stride_w;
    for (std::int64_t l = 0; l < rows.length(); ++l)
        q[p * rows.length() + l] =
            l < labels ? *reinterpret_cast<const float *>(at + l * from.stride_l) : 0.0f;
}

// `from` is a stack of images, whose number is `out.n`.
__global__ void reduce_max(ProbabilityView from, std::int64_t labels, LabelView out) {
    const std::int64_t p = thread_index();
    if (p >= out.n * out.h * out.w) return;
    const std::int64_t row = divide(p, out.w), x = p - row * out.w;
    const std::int64_t n = divide(row, out.h), y = row - n * out.h;
    const char *at = from.data + n * from.stride_d + y * from.stride_h + x * from.stride_w;
    float most = *reinterpret_cast<const float *>(at);
    for (std::int64_t l = 1; l < labels; ++l)
        most = fmaxf(most, *reinterpret_cast<const float *>(at + l * from.stride_l));
    *reinterpret_cast<float *>(out.row(n, y) + x * out.stride_w) = most;
}

// Energies of labels: those that a label map stands for.
__global__ void label_energies(LabelUnary job, ErrorCount *errors) {
    const std::int64_t p = thread_index();
    const LabelView &labels = job.labels;
    const bool here = p < labels.n * labels.h * labels.w;
    ThreadErrors bad;
    if (here) {
        const std::int64_t row = divide(p, labels.w), x = p - row * labels.w;
        const std::int64_t z = divide(row, labels.h), y = row - z * labels.h;
        const char *at = labels.row(z, y) + x * labels.stride_w;
        const double label = load<Any>(at, labels.dtype);
        const bool unsure = job.has_unsure && label == static_cast<double>(job.unsure);
        if (!unsure && (label < 0 || label >= static_cast<double>(job.classes))) bad.add(1, p);
        for (std::int64_t l = 0; l < job.classes; ++l) {
            const bool it = label == static_cast<double>(l);
            job.out[l * labels.n * labels.h * labels.w + p] = unsure ? job.unsure_energy
                                                              : it   ? job.label_energy
                                                                     : job.other_energy;
        }
    }
    add_errors(errors, bad);
}

} // namespace

UnarySummary summarize(const UnaryView &view, const Workspace &workspace) {
    const std::int64_t blocks = std::min<std::int64_t>(most_blocks, blocks_of(view.pixels()).x);
    const std::int64_t counts = 3 * static_cast<std::int64_t>(sizeof(ErrorCount));
    const std::int64_t size = counts + 8 * blocks + 4 * view.labels;
    char *memory = workspace.alloc_zeros<char>(size);
    SummaryMemory summary;
    summary.bad = reinterpret_cast<ErrorCount *>(memory);
    summary.offsets = reinterpret_cast<double *>(memory + counts);
    summary.largest = reinterpret_cast<unsigned *>(memory + counts + 8 * blocks);
    const std::size_t shared =
        view.labels <= most_shared ? static_cast<std::size_t>(view.labels) * 4 : 0;
    with_element(view.dtype, [&](auto element) {
        launch(workspace.stream(), dim3(static_cast<unsigned>(blocks)), dim3(block_size), shared,
               summarize_pixels<decltype(element)>, view, summary);
    });
    std::vector<char> host(static_cast<std::size_t>(size));
    workspace.download(host.data(), memory, size);
    UnarySummary result;
    ErrorCount bad[3];
    std::memcpy(bad, host.data(), sizeof(bad));
    const auto place = [](const ErrorCount &errors) {
        return errors.count ? static_cast<std::int64_t>(~errors.first) : -1;
    };
    result.bad.count = static_cast<std::int64_t>(bad[0].count), result.bad.first = place(bad[0]);
    result.bad.out_of_range = static_cast<std::int64_t>(bad[1].count);
    result.bad.out_of_range_first = place(bad[1]);
    result.bad.infeasible = static_cast<std::int64_t>(bad[2].count);
    result.bad.infeasible_first = place(bad[2]);
    for (std::int64_t i = 0; i < blocks; ++i) { // in order
        double offset;
        std::memcpy(&offset, host.data() + counts + 8 * i, 8);
        result.offset += offset;
    }
    for (std::int64_t l = 0; l < view.labels; ++l) {
        unsigned key;
        std::memcpy(&key, host.data() + counts + 8 * blocks + 4 * l, 4);
        result.largest.push_back(value_of_key(key));
    }
    return result;
}

void pack(const UnaryView &view, const std::vector<std::int32_t> &kept,
          const std::vector<std::int32_t> &dropped, Quads rows, float *logs,
          const Workspace &workspace) {
    const Choice choice{workspace.upload(kept), workspace.upload(dropped),
                        static_cast<std::int64_t>(kept.size()),
                        static_cast<std::int64_t>(dropped.size())};
    with_element(view.dtype, [&](auto element) {
        launch(workspace.stream(), blocks_of(view.pixels()), dim3(block_size), 0,
               pack_pixels<decltype(element)>, view, choice, rows, logs);
    });
}

void write(const UnaryView &view, const std::vector<std::int32_t> &kept,
           const std::vector<std::int32_t> &dropped, Quads rows, const float *q,
           const ProbabilityView &out, const Workspace &workspace) {
    const Choice choice{workspace.upload(kept), workspace.upload(dropped),
                        static_cast<std::int64_t>(kept.size()),
                        static_cast<std::int64_t>(dropped.size())};
    with_element(view.dtype, [&](auto element) {
        launch(workspace.stream(), blocks_of(view.pixels()), dim3(block_size), 0,
               write_pixels<decltype(element)>, view, choice, rows, q, out);
    });
}

void read_start(const ProbabilityView &from, const Shape &shape, std::int64_t labels, Quads rows,
                float *q, const Workspace &workspace) {
    launch(workspace.stream(), blocks_of(shape.pixels()), dim3(block_size), 0, load_start, from,
           shape, labels, rows, q);
}

void launch_reduce_max(const ProbabilityView &from, std::int64_t labels, const LabelView &out,
                       std::uintptr_t stream) {
    launch(stream_of(stream), blocks_of(out.n * out.h * out.w), dim3(block_size), 0, reduce_max,
           from, labels, out);
}

void launch_label_energies(const LabelUnary &job, std::uintptr_t stream, ErrorCount *errors) {
    launch(stream_of(stream), blocks_of(job.labels.n * job.labels.h * job.labels.w),
           dim3(block_size), 0, label_energies, job, errors);
}

} // namespace segpost::gpu
