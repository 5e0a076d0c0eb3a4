#include "cuda/crf/vertices.hpp"

#include "cuda/crf/features.hpp"
#include "cuda/runtime/grid_1d.hpp"
#include "cuda/runtime/sorting.hpp"

#include <algorithm>
#include <cmath>

namespace segpost::gpu {

// Names that are not unique are 64 random bits: of a million vertices two have the same in one
// image of ten million.

Features::Features(const PairwiseJob &job, const Shape &image_shape)
    : shape(image_shape), guide(job.guide) {
    const std::int64_t extent[] = {shape.d, shape.h, shape.w};
    for (int i = 0; i < 3 && job.has_places; ++i) {
        if (extent[i] == 1) continue;
        axis[places] = i;
        sigma[places++] = job.sigma[i];
    }
    count = places + static_cast<int>(guide.channels);
    for (std::int64_t c = 0; c < guide.channels; ++c) {
        origin[c] = job.guide_range ? job.guide_range[c] : 0.0;
        inverse[c] = static_cast<float>(1.0 / job.guide_sigma[c]);
    }
}

namespace {

constexpr unsigned embed_block = 128;

struct Embedding {
    Features features;
    float factor[most_features]; // of features, to coordinates
    Name name[most_features];    // factors of coordinates
    Name all, origin;            // of one step along all of them; of a vertex at the origin
    Name *names;                 // [pixels, corners]
    unsigned *entries;           // 0, 1, ...
    float *weight;               // [pixels, corners]
};

// Corners and barycentric weights of one pixel (Adams, Baek & Davis 2010).
template <int fixed> __global__ void __launch_bounds__(embed_block) embed(Embedding job) {
    const std::int64_t p = thread_index();
    if (p >= job.features.shape.pixels()) return;
    const int d = fixed ? fixed : job.features.count, n = d + 1;
    constexpr int most = (fixed ? fixed : most_features) + 1;
    const Place place(job.features.shape, p);
    float delta[most];
    int corner[most], rank[most];
    float sum = 0;
#pragma unroll
    for (int i = d; i > 0; --i) { // the orthogonal basis of Adams et al., a triangular matrix
        const float scaled = feature(job.features, place, i - 1) * job.factor[i - 1];
        delta[i] = sum - scaled * static_cast<float>(i);
        sum += scaled;
    }
    delta[0] = sum;
    int total = 0;
#pragma unroll
    for (int i = 0; i < n; ++i) {
        const float near = rintf(delta[i] * (1.0f / static_cast<float>(n)));
        delta[i] -= near * static_cast<float>(n);
        const int whole = static_cast<int>(near);
        corner[i] = whole * n;
        total += whole;
        rank[i] = 0;
    }
#pragma unroll
    for (int i = 0; i < n; ++i)
#pragma unroll
        for (int j = i + 1; j < n; ++j) {
            const bool less = delta[i] < delta[j];
            rank[i] += less;
            rank[j] += !less;
        }
    // Coordinates of corner 0 have to sum to zero: those with the largest error move on.
    Name name = job.origin;
#pragma unroll
    for (int i = 0; i < n; ++i) {
        rank[i] += total;
        const int step = rank[i] < 0 ? n : rank[i] > d ? -n : 0;
        rank[i] += step;
        corner[i] += step;
        delta[i] -= static_cast<float>(step);
        if (i < d) name += job.name[i] * static_cast<Name>(static_cast<std::int64_t>(corner[i]));
    }
    const float unit = 1.0f / static_cast<float>(n);
    const std::int64_t first = p * n;
    float before = 0.0f; // of the rank above
#pragma unroll
    for (int k = 0; k < n; ++k) {
        // By falling rank a coordinate stays d behind as the others go one on.
        float here = 0.0f;
        Name back = 0;
#pragma unroll
        for (int i = 0; i < n; ++i) {
            if (rank[i] != d - k) continue;
            here = delta[i];
            back = i < d ? job.name[i] * static_cast<Name>(n) : 0;
        }
        if (k == 0) {
            float lowest = 0.0f;
#pragma unroll
            for (int i = 0; i < n; ++i)
                if (rank[i] == 0) lowest = delta[i];
            job.weight[first] = (here - lowest) * unit + 1.0f;
        } else {
            job.weight[first + k] = (here - before) * unit;
        }
        before = here;
        job.names[first + k] = name;
        job.entries[first + k] = static_cast<unsigned>(first + k);
        name += job.all - back;
    }
}

__global__ void mark_first(const Name *names, unsigned *first, std::int64_t count) {
    const std::int64_t i = thread_index();
    if (i < count) first[i] = i == 0 || names[i] != names[i - 1];
}

// `number` counts the vertices up to each entry.
__global__ void number_vertices(const Name *names, const unsigned *entry, const unsigned *number,
                                std::int64_t count, Name *vertices, unsigned *start,
                                unsigned *vertex) {
    const std::int64_t i = thread_index();
    if (i >= count) return;
    const unsigned v = number[i] - 1;
    vertex[entry[i]] = v;
    if (i == 0 || number[i - 1] != number[i]) {
        vertices[v] = names[i];
        start[v] = static_cast<unsigned>(i);
    }
    if (i + 1 == count) start[v + 1] = static_cast<unsigned>(count);
}

// The place of a name among sorted ones plus one; 0: it is not there.
__device__ unsigned place_of(const Name *names, unsigned count, Name name) {
    unsigned low = 0, high = count;
    while (low < high) {
        const unsigned middle = low + (high - low) / 2;
        if (names[middle] < name)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && names[low] == name ? low + 1 : 0;
}

struct Links {
    const Name *names; // of vertices met, then of bridges
    unsigned met;
    const unsigned *bridges; // how many; null: none yet
    std::int64_t length;
    int corners;
    Name change[most_features + 1];
    unsigned *next, *previous;
};

__global__ void link(Links job) {
    const std::int64_t at = thread_index();
    if (at >= job.length * job.corners) return;
    const std::int64_t axis = divide(at, job.length), v = at - axis * job.length;
    const unsigned bridges = job.bridges ? *job.bridges : 0;
    if (v >= static_cast<std::int64_t>(job.met) + bridges) return;
    const Name wanted = job.names[v] + job.change[axis];
    unsigned to = place_of(job.names, job.met, wanted);
    if (!to && bridges) {
        to = place_of(job.names + job.met, bridges, wanted);
        if (to) to += job.met;
    }
    job.next[at] = to;
    if (to) job.previous[axis * job.length + to - 1] = static_cast<unsigned>(v) + 1;
}

struct Gaps {
    Links links;
    unsigned *met_by; // [1 << bits] how many have looked for a name of this hash
    int bits;
    unsigned least;
    Name *names;     // those that enough may have looked for, in any order
    unsigned *count; // of them
};

__device__ unsigned hash(Name name, int bits) {
    return static_cast<unsigned>((name * 0x9e3779b97f4a7c15ull) >> (64 - bits));
}

// Names of neighbours that are not there, both ways along every axis.
template <class Use> __device__ void each_gap(const Gaps &job, const Use &use) {
    const std::int64_t at = thread_index();
    const Links &links = job.links;
    if (at >= links.length * links.corners) return;
    const std::int64_t axis = divide(at, links.length), v = at - axis * links.length;
    const Name name = links.names[v], change = links.change[axis];
    if (!links.next[at]) use(name + change);
    if (!links.previous[at]) use(name - change);
}

__global__ void count_gaps(Gaps job) {
    each_gap(job, [&](Name name) { atomicAdd(job.met_by + hash(name, job.bits), 1u); });
}

__global__ void collect_gaps(Gaps job) {
    each_gap(job, [&](Name name) {
        if (job.met_by[hash(name, job.bits)] >= job.least)
            job.names[atomicAdd(job.count, 1u)] = name;
    });
}

// Of sorted names the first of every `least` or more.
__device__ bool bridges_here(const Name *names, std::int64_t count, std::int64_t i,
                             unsigned least) {
    return (i == 0 || names[i] != names[i - 1]) && i + least <= count &&
           names[i + least - 1] == names[i];
}
__global__ void mark_bridges(const Name *names, std::int64_t count, unsigned least,
                             unsigned *marks) {
    const std::int64_t i = thread_index();
    if (i < count) marks[i] = bridges_here(names, count, i, least);
}
__global__ void keep_bridges(const Name *names, const unsigned *number, std::int64_t count,
                             unsigned least, Name *bridges, unsigned *total) {
    const std::int64_t i = thread_index();
    if (i >= count) return;
    if (bridges_here(names, count, i, least)) bridges[number[i] - 1] = names[i];
    if (i + 1 == count) *total = number[i];
}

void launch_embed(const Embedding &job, Stream stream) {
    const auto with = [&](auto kernel) {
        launch(stream, blocks_of(job.features.shape.pixels(), embed_block), dim3(embed_block), 0,
               kernel, job);
    };
    switch (job.features.count) {
    case 2: return with(embed<2>);
    case 3: return with(embed<3>);
    case 5: return with(embed<5>);
    case 6: return with(embed<6>);
    default: return with(embed<0>);
    }
}

} // namespace

Vertices make_vertices(const PairwiseJob &job, const Shape &shape, const LatticeShape &lattice,
                       const LatticeConfig &config, const Workspace &workspace) {
    const Stream stream = workspace.stream();
    Vertices vertices;
    vertices.corners = static_cast<int>(lattice.corners);
    const std::int64_t d = lattice.corners - 1, entries = shape.pixels() * lattice.corners;
    if (entries >= std::int64_t{1} << 31)
        throw std::invalid_argument("an image of " + std::to_string(shape.pixels()) +
                                    " pixels is too large for a lattice on a device: cut it into "
                                    "overlapping tiles");
    const CoordinateRanges ranges(lattice.largest(job), lattice.factors);
    const std::vector<double> counts(ranges.count.begin(), ranges.count.end() - 1);
    const Naming naming(counts);
    int bits = 64;
    if (naming.unique) {
        double product = 1;
        for (const double count : counts) product *= count;
        bits = std::max(1, static_cast<int>(std::ceil(std::log2(product) + 1e-9)));
    }

    Embedding embedding{Features(job, shape), {}, {}, 0, 0, nullptr, nullptr, nullptr};
    for (std::int64_t i = 0; i < d; ++i) {
        const auto at = static_cast<std::size_t>(i);
        embedding.factor[i] = lattice.factors[at];
        embedding.name[i] = naming.factor[at];
        embedding.all += naming.factor[at];
        // Names count from the least coordinate on, so that they are short.
        embedding.origin +=
            naming.factor[at] * static_cast<Name>(static_cast<std::int64_t>(ranges.least[at]));
    }
    vertices.weight = workspace.alloc<float>(entries);
    vertices.vertex = workspace.alloc<unsigned>(entries);
    vertices.entry = workspace.alloc<unsigned>(entries);
    Name *names = workspace.alloc<Name>(entries), *sorted = workspace.alloc<Name>(entries);
    unsigned *number = workspace.alloc<unsigned>(entries);
    std::size_t size = sorting_workspace(entries);
    void *work = workspace.alloc<char>(static_cast<std::int64_t>(size));
    embedding.names = names, embedding.entries = number, embedding.weight = vertices.weight;
    launch_embed(embedding, stream);
    sort_pairs(stream, work, size, names, sorted, number, vertices.entry, entries, bits);
    launch(stream, blocks_of(entries), dim3(block_size), 0, mark_first, sorted, vertices.vertex,
           entries);
    inclusive_sum(stream, work, size, vertices.vertex, number, entries);
    unsigned met;
    workspace.download(&met, number + entries - 1, 1);
    vertices.met = met;
    vertices.start = workspace.alloc<unsigned>(vertices.met + 1);
    // The names of pixels are not needed any more: those of vertices take their place.
    launch(stream, blocks_of(entries), dim3(block_size), 0, number_vertices, sorted, vertices.entry,
           number, entries, names, vertices.start, vertices.vertex);

    Links links{};
    links.names = names, links.met = met, links.corners = vertices.corners;
    for (std::int64_t axis = 0; axis < lattice.corners; ++axis)
        links.change[axis] = naming.change(axis, lattice.corners);
    const auto linked = [&](std::int64_t length) {
        vertices.length = links.length = length;
        vertices.next = links.next = workspace.alloc_zeros<unsigned>(length * vertices.corners);
        vertices.previous = links.previous =
            workspace.alloc_zeros<unsigned>(length * vertices.corners);
        launch(stream, blocks_of(length * vertices.corners), dim3(block_size), 0, link, links);
    };
    linked(vertices.met);
    const std::int64_t bridged = vertices_bridged(config, vertices.met);
    if (!bridged) return vertices;

    Gaps gaps{};
    gaps.links = links;
    gaps.least = static_cast<unsigned>(bridged);
    gaps.bits = 8;
    const std::int64_t most_gaps = vertices.met * vertices.corners * 2;
    while (gaps.bits < 31 && std::int64_t{1} << gaps.bits < most_gaps) ++gaps.bits;
    gaps.met_by = workspace.alloc_zeros<unsigned>(std::int64_t{1} << gaps.bits);
    gaps.names = workspace.alloc<Name>(most_gaps);
    gaps.count = workspace.alloc_zeros<unsigned>(2);
    const dim3 grid = blocks_of(vertices.met * vertices.corners), block(block_size);
    launch(stream, grid, block, 0, count_gaps, gaps);
    launch(stream, grid, block, 0, collect_gaps, gaps);
    unsigned gap_count;
    workspace.download(&gap_count, gaps.count, 1);
    const std::int64_t most = gap_count / gaps.least;
    if (!most) return vertices;
    // Workspace for as many bridges as there may be: how many there are stays on the device.
    Name *all = workspace.alloc<Name>(vertices.met + most);
    Name *in_order = workspace.alloc<Name>(gap_count);
    unsigned *marks = workspace.alloc<unsigned>(2 * static_cast<std::int64_t>(gap_count));
    size = sorting_workspace(gap_count);
    work = workspace.alloc<char>(static_cast<std::int64_t>(size));
    copy_across(stream, all, names, static_cast<std::size_t>(vertices.met) * sizeof(Name));
    sort_names(stream, work, size, gaps.names, in_order, gap_count, bits);
    launch(stream, blocks_of(gap_count), block, 0, mark_bridges, in_order, gap_count, gaps.least,
           marks);
    inclusive_sum(stream, work, size, marks, marks + gap_count, gap_count);
    launch(stream, blocks_of(gap_count), block, 0, keep_bridges, in_order, marks + gap_count,
           gap_count, gaps.least, all + vertices.met, gaps.count + 1);
    links.names = all, links.bridges = gaps.count + 1;
    linked(vertices.met + most);
    return vertices;
}

} // namespace segpost::gpu
