// argmax and binarize of trilinearly resampled volumes: arguments.
//
// The definition, the fill and the prune are those of labels.hpp with eight corners: the value of a
// class is the sum of
//     ((w_z w_y) w_x) v      in float64, in the order 000, 001, 010, 011, 100, 101, 110, 111
// of (z, y, x), and each computed sum is off by at most 2^-50 sum w |v|. The float32 filter has one
// linear step more: with u = 2^-24 and M the largest |corner|, a corner of the slice between two
// others is off by 7uM, so that a value is off by at most 21uM and two by 42uM = 2.5e-6 M, which
// the margin of labels.hpp, 3e-6 M + 1e-36, still covers. A value of a mask is compared with one
// number, so that masks.hpp holds with 21uM in place of 14uM.
#pragma once

#include "ops/labels/masks.hpp"

namespace segpost {

struct VolumeJob {
    Logits logits; // of the first slice
    std::int64_t depth = 0, stride_d = 0;
    Axis z, y, x;
    char *labels = nullptr; // [n, D, H, W] u8 or i32, pixels adjacent
    bool narrow = true;     // u8
    std::int64_t out_n = 0, out_d = 0, out_h = 0;

    Logits slice(std::int64_t at) const {
        Logits one = logits;
        one.data += at * stride_d;
        return one;
    }
};

// The slices of one volume as images.
inline ArgmaxJob slices_of(const VolumeJob &job) {
    ArgmaxJob slices;
    slices.logits = job.logits;
    slices.logits.n = job.depth, slices.logits.stride_n = job.stride_d;
    return slices;
}

// Images [first, first + images) between slices, in float64: out is [images, C, h, w].
struct BlendJob {
    Logits logits;
    std::int64_t first = 0, images = 0;
    double *out = nullptr;
};

// Cells [z0, z1) x [y0, y1) of one volume, as wide as it is.
struct Tile3D {
    std::int64_t n, z0, z1, y0, y1;
};

// Masks [n, C, D, H, W] of 0 and 1, or labels [n, D, H, W] of masks.
struct BinarizeVolumeJob : VolumeJob {
    const double *cutoffs = nullptr;      // [C]
    const MaskLevel *levels = nullptr;    // [C] of these, which launchers compute
    const std::int32_t *values = nullptr; // [C] the labels of the channels; null: masks
    std::int64_t out_c = 0;               // of masks

    std::int32_t value(std::int64_t c) const { return values ? values[c] : 1; }
    char *row(std::int64_t n, std::int64_t c, std::int64_t z, std::int64_t y) const {
        return labels + n * out_n + c * out_c + z * out_d + y * out_h;
    }
};

// A tile of channels [c0, c1).
struct MaskTile3D {
    Tile3D tile;
    std::int64_t c0, c1;
};

} // namespace segpost
