// Labels that maximise the expected Dice or IoU of an image: the arguments of the passes, which
// segpost._backends.decoding calls and defines.
//
// A level is a probability in units of 2^-30 as float32, which holds it exactly. It is made by a
// fixed sequence of operations, none of them fused, so that its bits are those of the definition:
// the interpolated logits of ops/labels/labels.hpp in float64, their differences to the largest
// times `unit` rounded to float32, exp of these in float32, the sum in float64 in order of the
// classes, and powers times the reciprocal of the sum in float32, rounded to an integer.
//
// A class is left out of a block of pixels where its difference is below `lowest_difference` at
// every pixel, because its level is 0 then: in a cell, the interpolated largest logits of the
// corners exceed those of the class by at least the least difference at a corner, and those of the
// class that is nearest to them by at most its largest.
#pragma once

#include "ops/labels/labels.hpp"

namespace segpost {

constexpr float level_unit = 1073741824.0f;
constexpr float lowest_difference = -21.6f;
constexpr std::int64_t decoding_block = 64; // pixels of a row that have one mark

// The marks of blocks; 0 where all labels are written.
enum class BlockMark : std::uint8_t { done = 0, undecided = 1, open = 2 };

struct DecodingJob {
    Logits logits;
    Axis y, x;
    double unit = 1.0;              // real logits are sums of weighted logits times `unit`
    std::uint8_t *blocks = nullptr; // [N, H, blocks of a row]

    std::int64_t width() const { return x.n_out; }
    std::uint8_t *marks(std::int64_t n, std::int64_t row) const {
        const std::int64_t count = (x.n_out + decoding_block - 1) / decoding_block;
        return blocks + (n * y.n_out + row) * count;
    }
};

struct CountLevelsJob : DecodingJob {
    const std::int32_t *first = nullptr; // [N, C] first bins
    int shift = 0;
    std::int64_t bins = 0;
};

// Of one image.
struct LevelSums {
    std::int64_t *counts = nullptr, *sums = nullptr; // [C, bins]
    std::int64_t *mass = nullptr;                    // [C]
};

struct SettleLabelsJob : DecodingJob {
    const float *lower = nullptr, *upper = nullptr; // [N, C] edges of the threshold's bins
    LabelView labels;
};

// Pixels that one class selects, of one image.
struct SingleSums {
    std::int64_t *counts = nullptr, *sums = nullptr; // [C]
};

struct ResolveLabelsJob : SettleLabelsJob {
    const std::uint8_t *candidates = nullptr; // [N, C]
    const double *gains = nullptr;            // [N, C, 2] ratio, size
    bool is_iou = false;
};

} // namespace segpost
