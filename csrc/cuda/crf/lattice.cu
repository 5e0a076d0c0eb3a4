// A Gaussian of any features on the permutohedral lattice: what the pixels of a vertex send is
// gathered, blurred along every axis, and gathered again by pixels.
#include "cuda/crf/rows.hpp"
#include "cuda/crf/vertices.hpp"
#include "cuda/runtime/grid_1d.hpp"
#include "cuda/runtime/sorting.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace segpost::gpu {
namespace {

constexpr unsigned piece = 64; // entries that one row of threads adds up

// Entries of a vertex, in pieces: a vertex may have one pixel, or a sky of them.
struct Splat {
    const unsigned *start;     // [met + 1] entries
    const unsigned *piece_end; // [met] pieces up to and with each vertex
    const unsigned *vertex;    // [pieces] whose they are
    const unsigned *pixel;     // [entries]
    const float *share;        // [entries]
    std::int64_t met, length, pieces;
};

__global__ void count_pieces(const unsigned *start, std::int64_t met, unsigned *pieces) {
    const std::int64_t v = thread_index();
    if (v < met) pieces[v] = (start[v + 1] - start[v] + piece - 1) / piece;
}
__global__ void name_pieces(const unsigned *end, std::int64_t met, unsigned *vertex) {
    const std::int64_t v = thread_index();
    if (v >= met) return;
    for (unsigned p = v ? end[v - 1] : 0; p < end[v]; ++p) vertex[p] = static_cast<unsigned>(v);
}
__global__ void name_pixels(const unsigned *entry, std::int64_t count, unsigned corners,
                            unsigned *pixel) {
    const std::int64_t i = thread_index();
    if (i < count) pixel[i] = entry[i] / corners;
}
// What a pixel gives to a vertex: its weight there, times a factor of the pixel.
__global__ void share_out(const unsigned *entry, const unsigned *pixel, const float *weight,
                          const float *factor, std::int64_t count, float *share) {
    const std::int64_t i = thread_index();
    if (i < count) share[i] = weight[entry[i]] * (factor ? factor[pixel[i]] : 1.0f);
}

// Of a vertex with one piece the sum is its row, of others they are added up afterwards.
__global__ void __launch_bounds__(block_size)
    splat(Splat job, const float *q, Quads rows, float *to, float *parts) {
    const std::int64_t p = row_here(rows);
    if (p >= job.piece_end[job.met - 1]) return;
    const unsigned v = job.vertex[p], before = v ? job.piece_end[v - 1] : 0;
    const unsigned first = job.start[v] + (static_cast<unsigned>(p) - before) * piece;
    const unsigned end = job.start[v + 1];
    const unsigned last = first + piece < end ? first + piece : end;
    const bool alone = job.piece_end[v] - before == 1;
    for (int quad = lane_here(rows); quad < rows.quads; quad += rows.lanes()) {
        float4 sum = zero4();
#pragma unroll 4
        for (unsigned i = first; i < last; ++i)
            sum = fma4(job.share[i], q ? quad_of(q, job.pixel[i], rows, quad) : one4(), sum);
        if (alone)
            quad_of(to, v, rows, quad) = sum;
        else
            quad_of(parts, p, rows, quad) = sum;
    }
}

__global__ void __launch_bounds__(block_size)
    join(Splat job, const float *parts, Quads rows, float *to) {
    const std::int64_t v = row_here(rows);
    if (v >= job.length) return;
    const bool met = v < job.met;
    const unsigned first = met && v ? job.piece_end[v - 1] : 0;
    const unsigned last = met ? job.piece_end[v] : 0;
    if (met && last - first == 1) return;
    for (int quad = lane_here(rows); quad < rows.quads; quad += rows.lanes()) {
        float4 sum = zero4();
        for (unsigned p = first; p < last; ++p) sum = add4(sum, quad_of(parts, p, rows, quad));
        quad_of(to, v, rows, quad) = sum;
    }
}

__global__ void __launch_bounds__(block_size)
    blur(const float *from, const unsigned *next, const unsigned *previous, float blur_weight,
         std::int64_t length, Quads rows, float *to) {
    const std::int64_t v = row_here(rows);
    if (v >= length) return;
    const unsigned after = next[v], before = previous[v];
    for (int quad = lane_here(rows); quad < rows.quads; quad += rows.lanes()) {
        float4 beside = zero4();
        if (before) beside = quad_of(from, before - 1, rows, quad);
        if (after) beside = add4(beside, quad_of(from, after - 1, rows, quad));
        quad_of(to, v, rows, quad) = fma4(blur_weight, beside, quad_of(from, v, rows, quad));
    }
}

__global__ void __launch_bounds__(block_size)
    mix_rows(const float *matrix, const float *from, std::int64_t count, Quads rows, float *to) {
    const std::int64_t v = row_here(rows);
    if (v >= count) return;
    for (int quad = lane_here(rows); quad < rows.quads; quad += rows.lanes())
        quad_of(to, v, rows, quad) = mixed(matrix, from + v * rows.length(), rows, quad);
}

struct Normalizing {
    const float *rows; // of one quad: what vertices got of pixels that all send 1
    const unsigned *vertex;
    float *weight;
    int corners;
    std::int64_t pixels;
    Normalization kind;
    float *factor; // of what pixels send, where it is not 1
    float *own;    // what a pixel sends itself, where that is left out
    float paths[most_features + 2];
    unsigned *extremes; // bits: of the largest sum, of the largest inverse, of the sums after that
};

__device__ float sum_at(const Normalizing &job, std::int64_t p) {
    float sum = 0;
    for (int k = 0; k < job.corners; ++k)
        sum = __fmaf_rn(job.weight[p * job.corners + k],
                        job.rows[4 * static_cast<std::int64_t>(job.vertex[p * job.corners + k])],
                        sum);
    return sum;
}

// The largest of all threads, none of which is negative, once a warp.
__device__ void raise(unsigned *to, float value) {
    const unsigned bits = warp_max(__float_as_uint(fmaxf(value, 0.0f)));
    if (lane_index() == 0) atomicMax(to, bits);
}

__device__ float normalize_pixel(const Normalizing &job, std::int64_t p) {
    float *b = job.weight + p * job.corners;
    double total = sum_at(job, p), alone = 0;
    if (job.own) {
        for (int k = 0; k < job.corners; ++k)
            for (int m = 0; m < job.corners; ++m)
                alone += static_cast<double>(b[k]) * b[m] * job.paths[k < m ? m - k : k - m];
        total = total - alone > 1e-4 * total ? total - alone : 0.0;
    }
    const bool both = job.kind == Normalization::symmetric;
    const double one = both ? root(total) : reciprocal(total);
    if (job.factor) job.factor[p] = static_cast<float>(one);
    if (both || job.kind == Normalization::row)
        for (int k = 0; k < job.corners; ++k) b[k] *= static_cast<float>(one);
    if (job.own) job.own[p] = static_cast<float>(alone * both_ways(job.kind, one));
    return static_cast<float>(total);
}

__global__ void normalize(Normalizing job) {
    const std::int64_t p = thread_index();
    const float total = p < job.pixels ? normalize_pixel(job, p) : 0.0f;
    raise(job.extremes, total);
    raise(job.extremes + 1, total > 0 ? 1 / total : 0.0f);
}

__global__ void largest_sum(Normalizing job) {
    const std::int64_t p = thread_index();
    raise(job.extremes + 2, p < job.pixels ? sum_at(job, p) : 0.0f);
}

class OnLattice : public Term {
  public:
    OnLattice(const PairwiseJob &job, const Shape &shape, const LatticeConfig &quality, bool own,
              const Workspace &workspace)
        : config_(recipe_for(job, shape, quality, workspace)),
          lattice_(job, shape.d, shape.h, shape.w, config_), workspace_(workspace) {
        made_ = make_vertices(job, shape, lattice_, config_, workspace);
        const std::int64_t entries = shape.pixels() * lattice_.corners;
        const Stream stream = workspace.stream();
        // A vertex has at least one piece, and one more for every so many entries.
        splat_.pieces = made_.met + entries / piece;
        unsigned *pixel = workspace.alloc<unsigned>(entries),
                 *end = workspace.alloc<unsigned>(2 * made_.met);
        unsigned *vertex = workspace.alloc<unsigned>(splat_.pieces);
        share_ = workspace.alloc<float>(entries);
        splat_.met = made_.met, splat_.length = made_.length;
        splat_.start = made_.start, splat_.piece_end = end, splat_.vertex = vertex;
        splat_.pixel = pixel, splat_.share = share_;
        const std::size_t size = sorting_workspace(made_.met);
        void *work = workspace.alloc<char>(static_cast<std::int64_t>(size));
        const dim3 block(block_size), of_vertices = blocks_of(made_.met);
        launch(stream, of_vertices, block, 0, count_pieces, made_.start, made_.met,
               end + made_.met);
        inclusive_sum(stream, work, size, end + made_.met, end, made_.met);
        launch(stream, of_vertices, block, 0, name_pieces, end, made_.met, vertex);
        launch(stream, blocks_of(entries), block, 0, name_pixels, made_.entry, entries,
               static_cast<unsigned>(made_.corners), pixel);
        messages.corners = made_.corners;
        messages.vertex = made_.vertex, messages.weight = made_.weight;
        share(nullptr, entries);
        normalize_sums(job, shape.pixels(), own);
    }

    void reserve(Quads rows) override {
        rows_ = workspace_.alloc<float>(made_.length * rows.length());
        spare_ = workspace_.alloc<float>(made_.length * rows.length());
        parts_ = workspace_.alloc<float>(splat_.pieces * rows.length());
    }

    void filter(const float *q, Quads rows) override {
        const Stream stream = workspace_.stream();
        const dim3 block(block_size), grid = blocks_of_rows(made_.length, rows);
        launch(stream, blocks_of_rows(splat_.pieces, rows), block, 0, splat, splat_, q, rows, rows_,
               parts_);
        launch(stream, grid, block, 0, join, splat_, parts_, rows, rows_);
        float *from = rows_, *to = spare_;
        if (messages.matrix && q) {
            mix(messages.matrix, from, to, made_.length, rows, workspace_);
            std::swap(from, to);
        }
        for (std::int64_t i = 0; i < lattice_.passes * lattice_.corners; ++i) {
            const std::int64_t along = axis_of_pass(i, lattice_.corners) * made_.length;
            launch(stream, grid, block, 0, blur, from, made_.next + along, made_.previous + along,
                   static_cast<float>(lattice_.blur_weight), made_.length, rows, to);
            std::swap(from, to);
        }
        messages.rows = from;
    }

  private:
    void share(const float *factor, std::int64_t entries) {
        launch(workspace_.stream(), blocks_of(entries), dim3(block_size), 0, share_out, made_.entry,
               splat_.pixel, made_.weight, factor, entries, share_);
    }

    void normalize_sums(const PairwiseJob &job, std::int64_t pixels, bool own_term) {
        const Quads one(1);
        const Stream stream = workspace_.stream();
        const dim3 grid = blocks_of(pixels), block(block_size);
        const Normalization kind = job.normalization;
        reserve(one);
        filter(nullptr, one);
        Normalizing work{};
        work.rows = messages.rows;
        work.vertex = made_.vertex, work.weight = made_.weight, work.corners = made_.corners;
        work.pixels = pixels, work.kind = kind;
        if (normalizes_before(kind)) work.factor = workspace_.alloc<float>(pixels);
        if (!own_term) work.own = workspace_.alloc<float>(pixels);
        for (std::size_t m = 0; m < lattice_.paths.size(); ++m)
            work.paths[m] = static_cast<float>(lattice_.paths[m]);
        work.extremes = workspace_.alloc_zeros<unsigned>(3);
        messages.own = work.own;
        // Shares hold the weights as they were: symmetric is divided twice, by what is in both.
        launch(stream, grid, block, 0, normalize, work);
        const std::int64_t entries = pixels * made_.corners;
        if (kind == Normalization::symmetric)
            share(nullptr, entries);
        else if (kind == Normalization::column)
            share(work.factor, entries);
        // Of a kernel without negative values the sums after that are far below their bound.
        const bool again = kind == Normalization::symmetric && own_term;
        if (again) {
            filter(nullptr, one);
            work.rows = messages.rows;
            launch(stream, grid, block, 0, largest_sum, work);
        }
        unsigned extremes[3];
        workspace_.download(extremes, work.extremes, 3);
        const auto value = [](unsigned bits) {
            float number;
            std::memcpy(&number, &bits, 4);
            return static_cast<double>(number);
        };
        reach = row_bound(kind, 1 / value(extremes[1]), value(extremes[0]));
        if (again) reach = std::min(reach, 1.001 * value(extremes[2]));
        if (kind == Normalization::none) {
            scale = lattice_.scale;
            reach *= scale;
        }
    }

    LatticeConfig config_;
    LatticeShape lattice_;
    const Workspace &workspace_;
    Vertices made_;
    Splat splat_{};
    float *share_ = nullptr, *rows_ = nullptr, *spare_ = nullptr, *parts_ = nullptr;
};

} // namespace

void mix(const float *matrix, const float *from, float *to, std::int64_t count, Quads rows,
         const Workspace &workspace) {
    launch(workspace.stream(), blocks_of_rows(count, rows), dim3(block_size), 0, mix_rows, matrix,
           from, count, rows, to);
}

std::unique_ptr<Term> lattice_term(const PairwiseJob &job, const Shape &shape,
                                   const LatticeConfig &config, bool own,
                                   const Workspace &workspace) {
    return std::make_unique<OnLattice>(job, shape, config, own, workspace);
}

} // namespace segpost::gpu
