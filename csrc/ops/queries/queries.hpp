// Heads of queries, each with a class and a mask: arguments and precision policy.
//
// Definition, in float64. Mask logits are resized to the score grid: the value at a grid point is
// the sum of ops/exact.hpp over den_y den_x. A query has sigmoid(value) = 1 / (1 + exp(-value))
// there. The score of a class is the sum, in the order of the queries, of its weight times the
// sigmoid; the weighted mask of a query is its score times the sigmoid, or times the value. Both
// are resized to the result by the sum of ops/exact.hpp, and the label is the first maximum. Late
// masks are resized to the result as values, and become weighted masks of each pixel. Labels are
// those of the definition but where two float64 sums are within their own rounding.
//
// Bounds. The sigmoid rises with the value, and a value lies between the smallest and the largest
// logit of the blocks that it reads. So every query has an interval in a tile of the score grid,
// and every class, whose weights are not negative, a sum of intervals. A class or a query whose
// lower end is above the upper ends of all others has the whole tile. One whose upper end is below
// the largest lower end has no pixel of it.
//
// Filter. Elsewhere float32 decides where it can. Let u = 2^-24, M the largest |logit| that the
// tile reads of a query, and R the largest difference between two of them. A lerp a + t (b - a) is
// off by uM + 5uR, its t included, so a value at a grid point by 2uM + 10uR; the exponential
// adds 1.5u (1 + M) relative. Both change the sigmoid s by s (1 - s) of that, `logit_error`, which
// is at most all of it relative, and in the tile at most the largest s (1 - s) of it. The
// polynomial and the quotient add 8u relative. A sum over n queries in blocks of 16 adds (n / 16 +
// 18)u, as no term is negative. Sigmoids below 2e-28 may be off by that much, which `tiny_sigmoid`
// covers. The resize to the result adds 14u of the largest corner. Where two candidates differ by
// less than both errors, and where a weighted mask is that close to its threshold, the definition
// decides, for these candidates alone.
//
// Queries whose weighted sigmoid is below 1e-6 / Q of the best class's lower end in all of a tile,
// for all classes that can win there, are left out; the sum of their upper ends is added to the
// error.
#pragma once

#include "ops/labels/labels.hpp"

namespace segpost {

constexpr float tiny_sigmoid = 4e-28f; // the error of a sigmoid that is smaller

namespace { // every object file has a copy of its own
// The largest error of a value at a grid point, and with it of the exponent of its sigmoid.
constexpr float logit_error(float size, float range) {
    return 0x1p-24f * (4.0f * size + 10.0f * range + 2.0f);
}
// The largest relative error of a sum over `queries` sigmoids at a pixel, but for that.
constexpr float sum_error(std::int64_t queries) {
    return 0x1p-24f * (static_cast<float>(queries) / 16.0f + 46.0f);
}
// The bytes of a row of so many bits; an even number.
constexpr std::int64_t bytes_of_bits(std::int64_t columns) { return (columns + 15) / 16 * 2; }
} // namespace

// Blocks of mask logits, and the least and the largest of each.
constexpr std::int64_t block_rows = 4, block_columns = 8;

struct MaskBounds { // [N, rows, columns, pitch] float32, queries adjacent; numbers after them are 0
    float *low = nullptr, *high = nullptr;
    std::int64_t rows = 0, columns = 0, pitch = 0; // pitch: a multiple of 16

    MaskBounds() = default;
    explicit MaskBounds(const Logits &masks)
        : rows((masks.h + block_rows - 1) / block_rows),
          columns((masks.w + block_columns - 1) / block_columns), pitch((masks.c + 15) / 16 * 16) {}

    std::int64_t place(std::int64_t n, std::int64_t row, std::int64_t column) const {
        return ((n * rows + row) * columns + column) * pitch;
    }
};

struct BoundMasksJob {
    Logits masks; // (N, Q, h, w)
    MaskBounds bounds;
};

// The way of masks to the score grid, and from a region of it to the result.
struct QueryGrids {
    Logits masks;
    MaskBounds bounds;
    Axis grid_y, grid_x;
    std::int64_t top = 0, left = 0; // of the region, in grid points
    Axis y, x;                      // from the region to the result
};

// The class with the largest sum of weighted masks.
struct QueryClassesJob : QueryGrids {
    std::int64_t classes = 0;
    const double *weights = nullptr; // [N, Q, C], not negative
    LabelView labels;                // u8 or i32
};

// The sums of weighted masks of one image at the points of the region, on devices.
struct ClassScoresJob {
    Logits masks;                                          // (1, Q, h, w)
    Axis y, x;                                             // to the score grid
    std::int64_t top = 0, left = 0, height = 0, width = 0; // the region
    std::int64_t classes = 0;
    const double *weights = nullptr; // [Q, C]
    double *scores = nullptr;        // [C, height, width]
};

// Pixels of a query.
struct QueryCounts {
    std::int64_t largest_area; // where it is the largest
    std::int64_t label_area;   // that have its label
    std::int64_t mask_area;
    std::int64_t x0, y0, x1, y1; // around those that have its label; x1 = 0: there is none
};

// The query with the largest weighted mask.
struct AssignQueriesJob : QueryGrids { // of one image
    std::int64_t count = 0;
    const std::int32_t *queries = nullptr;
    const double *scores = nullptr;     // [count] positive
    const double *thresholds = nullptr; // [count] of weighted masks: a pixel at it is in the mask
    bool is_logit = false;              // weighted masks are score times value
    bool is_late = false;
    bool cuts = false; // a pixel out of its query's mask has the label `count`
    LabelView labels;  // u8 or i32
    QueryCounts *counts = nullptr;
};

// Where masks exceed a level: at the grid points, or if late at the pixels of the result.
struct MeasureMasksJob : QueryGrids { // of one image
    std::int64_t count = 0;
    const std::int32_t *queries = nullptr;
    double level = 0.0;
    bool is_late = false;
    std::uint8_t *bits = nullptr; // [count, rows, row_bytes]: bit x % 8 of byte x / 8
    std::int64_t rows = 0, columns = 0, row_bytes = 0;
    std::int64_t *areas = nullptr; // [count] set bits
    double *sums = nullptr;        // [count] of the sigmoids there
};

// Masks of bits over one another, the later ones on top, each row and column of them repeated.
struct PaintMasksJob {
    const std::uint8_t *bits = nullptr;
    std::int64_t rows = 0, columns = 0, row_bytes = 0;
    std::int64_t count = 0;
    const std::int32_t *masks = nullptr;  // [count], in order
    const std::int32_t *values = nullptr; // [count]
    const std::int32_t *row = nullptr;    // [H] of every row of the result, not descending
    const std::int32_t *column = nullptr; // [W] of every column, not descending
    LabelView labels;                     // u8 or i32: 0 where no mask is
    QueryCounts *counts = nullptr;        // [count], by place in the order
};

// Cells [y0, y1) x [x0, x1) of the region, or points of a grid.
struct QueryTile {
    std::int64_t n, y0, y1, x0, x1;
};

} // namespace segpost
