// binarize: where the interpolated logits of sigmoid heads exceed a cutoff. Arguments and proofs.
//
// Masks are exact. The value of a channel at an output pixel is the sum that ops/labels/labels.hpp
// defines, and the pixel is set where it exceeds the cutoff: den (ln(t / (1 - t)) / scale +
// zero_point), rounded down to float64, for a threshold t. So the real logit of the pixel, which is
// rounded nowhere but in the sum, is compared with the real number ln(t / (1 - t)). NaN exceeds
// nothing.
//
// Fill. Let L be the level, cutoff / den as a real number. If all corners of a cell are above
// L + 2^-46 |L|, the definition sets every pixel of it: for each corner v - L >= 2^-47 max(|v|,
// |L|), so the exact sum of weights times v exceeds den L by 2^-47 sum w max(|v|, |L|), while the
// computed one is off by at most 2^-51 sum w |v|. If all are at most L - 2^-46 |L| it sets none, by
// the same argument; a float64 below den L is at most den L rounded down. At L = 0 no margin is
// needed: sums of numbers of one sign have it. `sides` in segpost/_core/thresholds.py adds 1e-290
// to the margin, against denormals, and rounds outwards. Corners between are undecided, and so are
// those of float64 from 1e280 on, whose products could overflow, and infinities where the cutoff is
// one: they could meet.
//
// Filter. In the other cells float32 decides where it can. A value is off by at most 14uM (see
// ops/labels/labels.hpp), the level by uM, and their difference by 2uM, with M the largest of the
// corners' sizes and the level's. Where the difference is at most 3e-6 M + 1e-36 the definition
// decides. Above M = 1e37 differences could overflow: all pixels go to the definition.
#pragma once

#include "ops/labels/labels.hpp"
#include "ops/sink.hpp"

namespace segpost {

// The cutoff of a channel, and what follows from it.
struct MaskLevel {
    double cutoff;       // a weighted sum is set where it exceeds this
    double lower, upper; // corners up to `lower`, or above `upper`, are on one side
    double limit;        // corners of at least this size are on none; infinite: all may be
    double last;         // the largest number of the type up to the cutoff: without resampling
    float level;         // cutoff / den, for the filter
};

enum class MaskEncoding : int { bytes, bits, labels };

struct BinarizeJob {
    Logits logits; // transposed if `swapped`
    bool resample = false;
    Axis y, x; // exchanged if `swapped`
    bool swapped = false;
    const double *cutoffs = nullptr;   // [C]
    const MaskLevel *levels = nullptr; // [C] of these, which launchers compute
    MaskEncoding encoding = MaskEncoding::bytes;
    char *out = nullptr; // rows contiguous
    std::int64_t out_n = 0, out_c = 0, out_h = 0;
    bool narrow = true;                   // labels are uint8, else int32
    const std::int32_t *values = nullptr; // [C] the labels of the channels

    SEGPOST_HOST_DEVICE std::int64_t height() const { return resample ? y.n_out : logits.h; }
    SEGPOST_HOST_DEVICE std::int64_t width() const { return resample ? x.n_out : logits.w; }

    // The flat index of a pixel of a mask in (N, C, H, W), in the order of the image.
    SEGPOST_HOST_DEVICE std::int64_t place(std::int64_t n, std::int64_t c, std::int64_t row,
                                           std::int64_t column) const {
        const std::int64_t plane = (n * logits.c + c) * height() * width();
        return plane + (swapped ? column * height() + row : row * width() + column);
    }
    // The flat index of a logit in (N, h, w), in the order of the image.
    SEGPOST_HOST_DEVICE std::int64_t logit_place(std::int64_t n, std::int64_t row,
                                                 std::int64_t column) const {
        const std::int64_t plane = n * logits.h * logits.w;
        return plane + (swapped ? column * logits.h + row : row * logits.w + column);
    }
};

// A tile of channels [c0, c1).
struct MaskTile {
    Tile tile;
    std::int64_t c0, c1;
};

// The flat indices, in a mask, at which its value changes.
struct RunSink : Sink<std::int64_t> {
    // A place that comes twice is none. Memory has been reserved.
    void add(std::int64_t place) {
        if (count > 0 && items[count - 1] == place)
            --count;
        else
            items[count++] = place;
    }
};

} // namespace segpost
