// Bands along the boundaries of label maps, and boundaries that lie near each other: arguments.
//
// In a band of width d are the pixels whose square of 2 d + 1 pixels, clipped to the image, holds
// more than one label. The square holds one label only if no two neighbors to the left and right in
// it differ, in any of its rows, and no two neighbors above and below in its middle column: with
// the rows even, one column stands for all. Both are questions about bits, 64 pixels a word.
#pragma once

#include "ops/color/palette.hpp"
#include "ops/metrics/confusion.hpp"

namespace segpost {

// Codes of the pixels: their class in the band and `classes` outside; void is classes + 1 and what
// is neither class nor void classes + 2 everywhere.
struct BoundaryBandsJob {
    LabelView labels;
    std::int64_t width = 1;
    bool frame = false; // whether the end of the image is a boundary
    TargetRule rule;
    LabelView out; // u8 or i32
};

// A boundary pixel has a neighbor to the left, right, top or bottom with another label. Pixels that
// are void in the target are as if they were outside the image. The marks are the class of every
// boundary pixel and `all bits` elsewhere, uint8 for up to 255 classes and int32 beyond.
struct BoundaryPixelsJob {
    LabelView preds, target;
    TargetRule rule;
    char *pred_marks = nullptr, *target_marks = nullptr; // [h, w]

    bool narrow() const { return rule.classes <= 255; }
};

// Boundary pixels with one of the same class within the offsets in the other map.
struct BoundaryMatchesJob {
    std::int64_t h = 0, w = 0, classes = 0;
    bool narrow = true;
    const char *own = nullptr, *other = nullptr;
    const std::int64_t *there = nullptr;   // [classes], boundary pixels that `other` has
    const std::int32_t *offsets = nullptr; // [count, 2] (dy, dx), nearest first
    std::int64_t offset_count = 0, reach_y = 0, reach_x = 0; // the largest |dy| and |dx|
    // Which classes the marks of every square of `square` pixels have, as bits of class % 64: where
    // no square within reach has the bit there is nothing to search for.
    std::uint64_t *own_squares = nullptr, *other_squares = nullptr;

    static constexpr std::int64_t square = 16;
    std::int64_t squares_across() const { return (w + square - 1) / square; }
};

} // namespace segpost
