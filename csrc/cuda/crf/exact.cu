// Sums over all pairs of pixels. Pixels are sorted so that neighbours in that order are neighbours
// in features; what two tiles send each other that are further apart than a limit is less than
// rounding.
#include "cuda/crf/features.hpp"
#include "cuda/crf/rows.hpp"
#include "cuda/crf/stages.hpp"
#include "cuda/runtime/grid_1d.hpp"
#include "cuda/runtime/sorting.hpp"

#include <algorithm>
#include <cmath>

namespace segpost::gpu {
namespace {

constexpr double neglected = 1e-6; // what all pixels beyond the limit may weigh together
constexpr int tile = 64;           // pixels
constexpr int most_quads = 8;      // that a block takes of a row
constexpr int own_pixels = 4;      // of a thread

struct Sorting {
    Features features;
    int bits; // of each coordinate
    Name *codes;
    unsigned *pixels; // 0, 1, ...
};

// Bits of coordinates in turn, in halves of a standard deviation.
__global__ void code_pixels(Sorting job) {
    const std::int64_t p = thread_index();
    if (p >= job.features.shape.pixels()) return;
    const Place place(job.features.shape, p);
    const float most = static_cast<float>((1 << job.bits) - 1);
    Name code = 0;
    for (int i = 0; i < job.features.count; ++i) {
        const auto cell = static_cast<unsigned>(fminf(2 * feature(job.features, place, i), most));
        for (int bit = 0; bit < job.bits; ++bit)
            code |= static_cast<Name>(cell >> bit & 1)
                    << (bit * job.features.count + job.features.count - 1 - i);
    }
    job.codes[p] = code;
    job.pixels[p] = static_cast<unsigned>(p);
}

// Features in this order: [tiles, features, tile]; the last tile repeats the last pixel.
__global__ void list_features(Features features, const unsigned *order, float *values,
                              unsigned *place_of_pixel) {
    const std::int64_t i = thread_index(), pixels = features.shape.pixels();
    const std::int64_t whole = (pixels + tile - 1) / tile * tile;
    if (i >= whole) return;
    const unsigned p = order[i < pixels ? i : pixels - 1];
    if (i < pixels) place_of_pixel[p] = static_cast<unsigned>(i);
    const Place place(features.shape, p);
    for (int f = 0; f < features.count; ++f)
        values[(i / tile * features.count + f) * tile + i % tile] = feature(features, place, f);
}

__global__ void box_tiles(const float *values, std::int64_t rows, float2 *boxes) {
    const std::int64_t r = thread_index(); // a tile and a feature
    if (r >= rows) return;
    float least = values[r * tile], most = least;
    for (int i = 1; i < tile; ++i) {
        least = fminf(least, values[r * tile + i]);
        most = fmaxf(most, values[r * tile + i]);
    }
    boxes[r] = make_float2(least, most);
}

struct Pairs {
    int features;
    std::int64_t pixels, tiles;
    bool own; // whether a pixel sends a message to itself
    float limit;
    const float *values;   // [tiles, features, tile]
    const float2 *boxes;   // [tiles, features]
    const unsigned *order; // [pixels]
    const float *in;       // [pixels] what Q is multiplied with; null: 1
};

// Half the squared distance between two boxes.
__device__ float apart(const float2 *a, const float2 *b, int features) {
    float sum = 0;
    for (int f = 0; f < features; ++f) {
        const float over = fmaxf(a[f].x - b[f].y, b[f].x - a[f].y);
        if (over > 0) sum = __fmaf_rn(over, over, sum);
    }
    return 0.5f * sum;
}

// A block sums up what one tile receives, some quads of its rows: a thread has one quad of four
// pixels.
__global__ void send(Pairs job, const float *q, Quads rows, int quads, float *to) {
    float *kernel = dynamic_shared<float>(); // [from, to]
    float4 *values = reinterpret_cast<float4 *>(kernel + tile * tile);
    float *received = reinterpret_cast<float *>(values + tile * quads); // features of the tile
    float *sent = received + tile * job.features;
    int *near = reinterpret_cast<int *>(sent + tile * job.features);
    const std::int64_t mine = blockIdx.x;
    const int first_quad = static_cast<int>(blockIdx.y) * quads, threads = blockDim.x;
    const int thread = threadIdx.x, quad = thread % quads;
    const int first = thread / quads * own_pixels;
    const float2 *box = job.boxes + mine * job.features;
    for (int i = thread; i < tile * job.features; i += threads)
        received[i] = job.values[mine * tile * job.features + i];
    float4 sum[own_pixels];
    for (int i = 0; i < own_pixels; ++i) sum[i] = zero4();
    for (std::int64_t base = 0; base < job.tiles; base += threads) {
        __syncthreads();
        const std::int64_t look = base + thread;
        near[thread] = look < job.tiles &&
                       apart(box, job.boxes + look * job.features, job.features) <= job.limit;
        __syncthreads();
        for (int n = 0; n < threads; ++n) {
            if (!near[n]) continue; // the same for all threads
            const std::int64_t from = base + n;
            for (int i = thread; i < tile * job.features; i += threads)
                sent[i] = job.values[from * tile * job.features + i];
            for (int i = thread; i < tile * quads; i += threads) {
                const std::int64_t at = from * tile + i / quads;
                const int which = first_quad + i % quads;
                float4 value = zero4();
                if (at < job.pixels && which < rows.quads)
                    value = times4(job.in ? job.in[at] : 1.0f,
                                   q ? quad_of(q, job.order[at], rows, which) : one4());
                values[i] = value;
            }
            __syncthreads();
            for (int i = thread; i < tile * tile; i += threads) {
                const int a = i % tile, b = i / tile;
                float square = 0;
                for (int f = 0; f < job.features; ++f) {
                    const float by = sent[f * tile + b] - received[f * tile + a];
                    square = __fmaf_rn(by, by, square);
                }
                const bool self = !job.own && from == mine && a == b;
                kernel[i] = self ? 0.0f : fast_exp2(square * -0.721347520f);
            }
            __syncthreads();
            for (int b = 0; b < tile; ++b) {
                const float4 value = values[b * quads + quad];
                const float4 k = *reinterpret_cast<const float4 *>(kernel + b * tile + first);
                sum[0] = fma4(k.x, value, sum[0]);
                sum[1] = fma4(k.y, value, sum[1]);
                sum[2] = fma4(k.z, value, sum[2]);
                sum[3] = fma4(k.w, value, sum[3]);
            }
            __syncthreads();
        }
    }
    if (first_quad + quad >= rows.quads) return;
    for (int i = 0; i < own_pixels; ++i)
        if (mine * tile + first + i < job.pixels)
            quad_of(to, mine * tile + first + i, rows, first_quad + quad) = sum[i];
}

// What pixels of value 1 sent, as factors; one that receives nothing gets none.
__global__ void normalize(const float *sums, const unsigned *order, std::int64_t pixels,
                          Normalization kind, float *in, float *out) {
    const std::int64_t i = thread_index();
    if (i >= pixels) return;
    const double sum = sums[4 * i], one = sum > neglected ? 1 / sum : 0;
    const bool both = kind == Normalization::symmetric;
    const bool before = both || kind == Normalization::column;
    const bool after = both || kind == Normalization::row;
    const auto factor = static_cast<float>(both ? sqrt(one) : one);
    in[i] = before ? factor : 1.0f;
    out[order[i]] = after ? factor : 1.0f;
}

class Exactly : public Term {
  public:
    Exactly(const PairwiseJob &job, const Shape &shape, bool own, const Workspace &workspace)
        : workspace_(workspace) {
        const Features features(job, shape);
        const std::int64_t pixels = shape.pixels(), tiles = (pixels + tile - 1) / tile;
        const Stream stream = workspace.stream();
        if (pixels >= std::int64_t{1} << 31)
            throw std::invalid_argument("an image of 2^31 pixels or more");
        Name *codes = workspace.alloc<Name>(2 * pixels);
        unsigned *order = workspace.alloc<unsigned>(2 * pixels),
                 *place = workspace.alloc<unsigned>(pixels);
        const std::size_t size = sorting_workspace(pixels);
        void *work = workspace.alloc<char>(static_cast<std::int64_t>(size));
        const int bits = std::min(16, 64 / std::max(features.count, 1));
        launch(stream, blocks_of(pixels), dim3(block_size), 0, code_pixels,
               Sorting{features, bits, codes, order + pixels});
        sort_pairs(stream, work, size, codes, codes + pixels, order + pixels, order, pixels,
                   std::max(1, std::min(64, bits * features.count)));
        float *values = workspace.alloc<float>(tiles * features.count * tile);
        float2 *boxes = workspace.alloc<float2>(tiles * features.count);
        launch(stream, blocks_of(tiles * tile), dim3(block_size), 0, list_features, features, order,
               values, place);
        launch(stream, blocks_of(tiles * features.count), dim3(block_size), 0, box_tiles, values,
               tiles * features.count, boxes);
        const auto limit = static_cast<float>(std::log(static_cast<double>(pixels) / neglected));
        pairs_ = {features.count, pixels, tiles, own, limit, values, boxes, order, nullptr};
        float *in = workspace.alloc<float>(pixels), *out = workspace.alloc<float>(pixels);
        reserve(Quads(1));
        send_all(nullptr, Quads(1));
        launch(stream, blocks_of(pixels), dim3(block_size), 0, normalize, messages.rows, order,
               pixels, job.normalization, in, out);
        pairs_.in = in;
        messages.corners = 1, messages.vertex = place, messages.weight = out;
    }

    void reserve(Quads rows) override {
        rows_ = workspace_.alloc<float>(pairs_.pixels * rows.length());
        spare_ = messages.matrix ? workspace_.alloc<float>(pairs_.pixels * rows.length()) : nullptr;
    }

    void filter(const float *q, Schedule &schedule) override {
        schedule.begin_term();
        send_all(q, schedule.rows);
        if (!messages.matrix) return;
        Stage stage{StageKind::mix, pairs_.pixels, rows_, spare_, {}};
        stage.matrix = messages.matrix;
        schedule.add(stage);
        messages.rows = spare_;
    }

  private:
    void send_all(const float *q, Quads rows) {
        const int quads = std::min(rows.quads, most_quads);
        const auto threads = static_cast<unsigned>(tile / own_pixels * quads);
        const auto tiles = static_cast<unsigned>(pairs_.tiles);
        const auto parts = static_cast<unsigned>((rows.quads + quads - 1) / quads);
        const std::size_t shared =
            (tile * tile + tile * quads * 4 + 2 * tile * pairs_.features + threads) * 4;
        launch(workspace_.stream(), dim3(tiles, parts), dim3(threads), shared, send, pairs_, q,
               rows, quads, rows_);
        messages.rows = rows_;
    }

    const Workspace &workspace_;
    Pairs pairs_{};
    float *rows_ = nullptr, *spare_ = nullptr;
};

} // namespace

std::unique_ptr<Term> exact_term(const PairwiseJob &job, const Shape &shape, bool own,
                                 const Workspace &workspace) {
    return std::make_unique<Exactly>(job, shape, own, workspace);
}

} // namespace segpost::gpu
