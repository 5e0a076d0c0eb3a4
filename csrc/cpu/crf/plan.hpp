// What the kernels of the dense CRF share: pixels in tiles, lattices and grids in memory.
//
// A row of values holds one float a label, padded to whole vectors. Pixels are visited tile by
// tile; what a tile adds to a lattice goes to rows of its own, summed up afterwards in the order of
// the tiles, so that the result does not depend on who computed what.
//
// Vertices have rows too: of float16 where the processor converts them, for a vertex is then one
// line of a cache, and of many labels in blocks, one after the other, for a block of all vertices
// is then not much more than a cache.
#pragma once

#include "ops/crf/crf.hpp"

namespace segpost {

struct CrfTile {
    std::int64_t y0, y1, x0, x1; // y counts the rows of all slices
    std::int64_t first;          // pixel of the tile, in the order of visits
    std::int64_t index;

    std::int64_t width() const { return x1 - x0; }
    std::int64_t pixels() const { return (y1 - y0) * (x1 - x0); }
};

// The row of a vertex is that of the first tile that has it; what others have is added to it.
struct CrfJoint {
    std::uint32_t to, from;
};

constexpr std::int64_t block_labels = 32; // at most

// Rows of vertices in memory.
struct CrfStorage {
    bool is_float16 = false;
    std::int64_t pitch = 0;  // values from one row of a block to the next
    std::int64_t blocks = 1; // of labels

    std::int64_t value_bytes() const { return is_float16 ? 2 : 4; }
    std::int64_t row_bytes() const { return pitch * value_bytes(); }
};

// A Gaussian of features on the permutohedral lattice (Adams, Baek & Davis 2010).
struct CrfLattice {
    std::int64_t corners = 0;        // of a simplex: features + 1
    std::uint16_t *corner = nullptr; // [pixels, corners] vertices of the tile
    float *weight = nullptr;         // [pixels, corners], normalisation included where symmetric
    const float *before = nullptr;   // [pixels] what Q is multiplied with, if not in the weights
    const float *after = nullptr;    // [pixels] the same for messages
    const std::int64_t *start = nullptr;   // [tiles + 1] first row of the tile
    const std::uint32_t *vertex = nullptr; // [start[tiles]] the row of its vertex in the lattice
    const CrfJoint *joints = nullptr;
    std::int64_t length = 0; // rows: those of the tiles, then vertices that no pixel has
    CrfStorage storage;
    float scale = 1.0f, unscale = 1.0f; // powers of two: rows hold sums times the first
    char *rows = nullptr; // [blocks, length + 1, pitch] messages; the last row is zero
    char *sums = nullptr; // the next ones, as they are made

    std::int64_t block_bytes() const { return (length + 1) * storage.row_bytes(); }
};

constexpr std::uint32_t chain_start = 0x80000000u;
constexpr std::int64_t chain_margin = 32; // starts behind the last chain, which are read

constexpr int grid_rows = 4; // of nodes that are computed at a time, for they read the same ones

// A Gaussian of places: separable, on a grid with a node every `step` pixels. Up(x, k) spreads a
// pixel over its two nodes; K = Up G Up^T.
struct CrfGrid {
    std::int64_t step_y = 1, step_x = 1, height = 0, width = 0; // in nodes
    std::int64_t radius_y = 0, radius_x = 0;
    const float *taps_y = nullptr, *taps_x = nullptr; // [radius + 1], from the middle
    const float *in_y = nullptr, *in_x = nullptr;     // [h, 2], [w, 2] pixel to its nodes
    const float *out_y = nullptr, *out_x = nullptr;   // nodes to their pixel
    const float *before = nullptr, *after = nullptr;  // [pixels], if not in the above
    bool every_pixel() const { return step_y == 1 && step_x == 1; } // is a node
    bool direct = false; // every pixel is one, and sums what it gets from `rows`: what was sent

    float *strip = nullptr;                 // shared borders of tiles
    const std::int64_t *strip_at = nullptr; // [tiles]
    float *sums = nullptr, *rows = nullptr; // [height, width, row]
};

// Nodes between which the pixels of a tile lie: its own, and those at y1 and x1 that it may share.
struct CrfNodes {
    std::int64_t y0, y1, x0, x1;

    CrfNodes(const CrfGrid &grid, const CrfTile &tile, std::int64_t h, std::int64_t w)
        : y0(tile.y0 / grid.step_y), y1(tile.y1 == h ? grid.height : tile.y1 / grid.step_y),
          x0(tile.x0 / grid.step_x), x1(tile.x1 == w ? grid.width : tile.x1 / grid.step_x) {}
    std::int64_t height() const { return y1 - y0; }
    std::int64_t width() const { return x1 - x0; }
};

// How messages of one term are weighted: a row of floats, or a matrix.
struct CrfWeights {
    const float *label = nullptr;  // [row]
    const float *matrix = nullptr; // [row, row]: [from][to]
};

// Every pixel, or one of every 2 x 2, which stands for all four of them.
struct CrfSample {
    std::int64_t step = 1, y = 0, x = 0; // which: y and x are below step

    float weight() const { return static_cast<float>(step * step); }
};

struct CrfPass {
    std::int64_t h = 0, w = 0;      // rows of a slice, columns
    std::int64_t used = 0, row = 0; // labels, and the floats that hold them
    const float *unary = nullptr;   // [pixels, used] log of the probability, after normalising
    std::int64_t pitch = 0;         // of a tile in there, floats a pixel
    const CrfLattice *lattices = nullptr;
    const CrfGrid *grids = nullptr;
    std::int64_t lattice_count = 0, grid_count = 0;
    const CrfWeights *weights = nullptr; // of lattices, then grids
    const float *const *self_message =
        nullptr;        // of each term: [pixels] what a pixel sends to itself, or null
    float shift = 0.0f; // subtracted from exponents; NaN: their maximum is
    CrfSample sample;   // the pixels that go on; no others are visited, unless Q is kept
    bool first = false; // no messages yet
    bool splat = true;  // Q goes on
    bool trace = false, measure = false;    // energies of the Q before; nothing else
    float *kept = nullptr;                  // [pixels, used] Q before, and after
    const ProbabilityView *start = nullptr; // Q to begin with
    const ProbabilityView *out = nullptr;
    const std::int32_t *label_of = nullptr; // [used] lanes of `out`, -1: of none
};

// Pixels in the order of their features, in blocks that lie close together: what two blocks further
// apart than the limit send each other is less than rounding.
constexpr std::int64_t crf_block = 32;
constexpr std::int64_t crf_blocks = 32; // of a group

struct CrfExactTerm {
    std::int64_t features = 0, blocks = 0;
    bool include_self = true;      // whether a pixel hears itself
    const float *values = nullptr; // [blocks, features, crf_block]; the last block is padded
    const float *boxes = nullptr;  // [blocks, features, 2] least and largest
    const float *groups = nullptr; // the same of crf_blocks blocks
    float limit = 0.0f;            // of half the squared distance
    const float *q = nullptr;      // [blocks * crf_block, row] in this order; padding is zero
    float *messages = nullptr;     // the same shape
};

// One update of Q from messages, pixels in the order of visits.
struct CrfExactUpdate {
    std::int64_t labels = 0, row = 0;
    const float *unary = nullptr;    // [pixels, labels]
    const float *messages = nullptr; // [pixels, row]; null: none
    float *q = nullptr;              // [pixels, row] before and after
    bool trace = false, measure = false, first = false;
};

struct CrfSums {
    double entropy = 0, unary = 0, pairwise = 0, change = 0;

    void merge(const CrfSums &other) {
        entropy += other.entropy, unary += other.unary, pairwise += other.pairwise;
        change = other.change > change ? other.change : change;
    }
};

} // namespace segpost
