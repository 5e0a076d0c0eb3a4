// argmax and softmax of logits, with or without bilinear upsampling: arguments and precision
// policy.
//
// Labels are exact. The value of class c at an output pixel is, by definition,
//     ((w0y w0x v00 + w0y w1x v01) + w1y w0x v10) + w1y w1x v11      in float64,
// with integer weights, and the label is the first index of the maximum. Products of a float32 and
// the weights are exact while den_y den_x <= 2^29, so a fused multiply-add could not change them;
// fused multiply-adds are switched off all the same, which covers larger sizes and float64 logits.
// A corner of weight zero contributes nothing, not even an infinity or a NaN.
//
// Fill. If class k is the first maximum at all four corners of a cell and the values are finite,
// the definition gives k everywhere in the cell. For c > k: v_k >= v_c at every corner, weights are
// not negative and rounding is monotone, so k wins or ties, and a tie goes to k. For c < k: v_k >
// v_c at every corner; distinct float32 differ by at least 2^-24 max(|v_k|, |v_c|), so the exact
// sums differ by 2^-24 sum w max(|v_k|, |v_c|), while each computed sum is off by at most 2^-51 sum
// w |v|: they cannot collapse to a tie. float64 logits can be closer than that, so a corner whose
// runner-up of smaller index is within 2^-46 relative is treated as undecided and its cells are
// computed; so is one beyond 1e280, where products with a weight could overflow into ties.
//
// Prune. With L = max_k min_corners v_k, a class whose largest corner is below L can neither win
// nor tie, by the same two arguments (float64: below L by the 2^-46 margin).
//
// Filter. What remains is compared in float32 first. With u = 2^-24 and M the largest |corner|: a
// vertical lerp a + ty (d - a) is off by at most 7uM (difference 2uM, its product with ty 2uM +
// 2uM, sum uM), the difference of two of them adds 2uM, its product with tx 4uM, the last sum uM:
// one value is off by at most 14uM and two by 28uM = 1.7e-6 M (with or without fused
// multiply-adds, and as much if it is lerped horizontally first). The two-class form lerps the
// difference of the classes, at most 2M in size: 2uM + 28uM. Where the two best are closer than
// 3e-6 M + 1e-36 (the second term covers rounding among denormals) the pixel is decided by the
// definition. Above M = 1e37 differences could overflow: such cells go to the definition at once.
//
// Keys. Where every class is compared, values are integers, so that an output costs one addition:
// a key is the value in units of q = uM, times 32, plus the number of its class. Of up to 8 evenly
// spaced rows and columns of a cell, float32 makes the first key (off by 15uM), what a column adds
// (all of them by 6uM), a row (18uM), and a row to what a column adds (20uM): 59uM, or 65uM without
// fused multiply-adds. Each of these four is rounded to a unit, which moves a key by less than
// 0.6q (1 + 7 + 7 + 49) = 39q. Two keys are off by 2 (65uM + 39q) and their numbers by q: where the
// two largest are within 2^-16 M = 256uM the definition decides. For M below 1e-30, M = 1e-30.
//
// Probabilities interpolate in float64 and take exp in float32 of differences to the pixel's
// maximum.
//
// Confidence is the largest power over the sum of powers. A relative error e of the powers of all
// classes but the largest changes it by p (1 - p) e, at most e / 4, so exponents are taken in
// float32, but never as differences of large values: at every grid point the largest logit is
// subtracted first (softmax does not see that a bilinear function is subtracted from all classes).
// What is left is <= 0 at all corners, so that its interpolation cancels nothing and an exponent x
// is off by 7u|x|, weights included. In a cell with one class ahead at all corners its power is
// exactly 1 and that of another is off by 2^x 7u|x| ln 2 < 4u. In others x of the class that wins
// may be far below 0: where it could be below `lowest` of cpu/confidence.hpp the cell is
// interpolated in float64. Down a column of a cell powers are a geometric sequence, which up to 7
// products make of the first, unless rows of the grid are further apart than `steep`: its error is
// that of the first exponent, at most 7u (|lowest| + steep), and as much for the ratio. Were all
// these roundings as large as can be and of one sign, `exact` could be off by 4e-6 where two
// classes meet; they are independent, and the largest error seen in 4 10^6 pixels of noise as steep
// as this allows is 3e-7 (`fast`, where the polynomial's 3e-6 / 4 matters, 2e-6). Classes below all
// that could win by more than 2^24 C (`fast`: 2^20 C) are left out: 6e-8 (1e-6) of the sum.
//
// Images between the slices of a volume have one linear step more. What is subtracted are the
// largest logits of each slice, so that the differences of both are <= 0, and an exponent x is off
// by 11u|x|.
#pragma once

#include "ops/color/palette.hpp"
#include "ops/portable.hpp"

namespace segpost {

constexpr float filter_relative = 3e-6f;
constexpr float filter_absolute = 1e-36f;
constexpr float filter_limit = 1e37f;
constexpr double margin_float64 = 0x1p-46;
constexpr double limit_float64 = 1e280;

// One axis of a resampling; sampling.py makes and documents these tables.
struct Axis {
    std::int64_t n_in = 0, n_out = 0;
    double den = 1.0;
    const std::int32_t *cell = nullptr;  // [n_out]
    const double *w0 = nullptr;          // [n_out]
    const double *w1 = nullptr;          // [n_out]
    const float *t = nullptr;            // [n_out]
    const std::int32_t *start = nullptr; // [cells() + 1]
    std::int64_t widest = 1;
    double step = 0.0; // the most inputs between neighboring outputs

    std::int64_t cells() const { return n_in > 1 ? n_in - 1 : 1; }
};

// Bad values that a kernel met; `first` is the smallest flat index, -1 for none.
struct LogitErrors {
    std::int64_t nan_count = 0, nan_first = -1;
    std::int64_t undefined_count = 0, undefined_first = -1;

    void add_nan(std::int64_t count, std::int64_t first) {
        add(nan_count, nan_first, count, first);
    }
    void add_undefined(std::int64_t count, std::int64_t first) {
        add(undefined_count, undefined_first, count, first);
    }
    void merge(const LogitErrors &other) {
        if (other.nan_count) add_nan(other.nan_count, other.nan_first);
        if (other.undefined_count) add_undefined(other.undefined_count, other.undefined_first);
    }

  private:
    static void add(std::int64_t &total, std::int64_t &place, std::int64_t count,
                    std::int64_t first) {
        total += count;
        if (place < 0 || first < place) place = first;
    }
};

struct ArgmaxJob {
    Logits logits;
    bool resample = false;
    Axis y, x;
    bool has_threshold = false; // one-channel head: class 0 is the constant `threshold`
    double threshold = 0.0;
    LabelView labels; // u8 or i32, pixels adjacent
    Image color;
    const std::uint32_t *lut = nullptr;   // [classes() + 1] 0x00bbggrr; null: no color
    OverlayJob overlay;                   // over `overlay.image`; without an `out` there is none
    LabelView confidence;                 // f32 or u8, pixels adjacent; null: none
    bool fast = false;                    // confidence within 1e-5, not 1e-6
    double scale = 1.0, zero_point = 0.0; // a real logit is scale * (value - zero_point)

    std::int64_t classes() const { return has_threshold ? 2 : logits.c; }
    std::int64_t height() const { return resample ? y.n_out : logits.h; }
    std::int64_t width() const { return resample ? x.n_out : logits.w; }
};

constexpr int most_ranks = 16;

// Confidence, and what else is known of the probabilities of the classes; a view without data is
// not wanted. Logits are resampled; on the CPU they have no threshold. Entropy (in nats) and margin
// are within 1e-5 of the definition: the classes that are left out have 6e-8 of the probability,
// and add less than 2e-6 to the entropy. `labels` are those of argmax, or none.
struct RankingJob : ArgmaxJob {
    LabelView entropy, margin;   // f32
    std::int64_t top = 0;        // the largest probabilities of a pixel, at most most_ranks
    LabelView top_labels;        // [N * top, H, W] u8 or i32
    LabelView top_probabilities; // [N * top, H, W] f32
};

struct SoftmaxJob {
    Logits logits;
    bool resample = false;
    Axis y, x;
    double scale = 1.0, zero_point = 0.0; // a real logit is scale * (value - zero_point)
    bool has_threshold = false;
    double threshold = 0.0;
    char *probabilities = nullptr; // float32
    std::int64_t prob_n = 0, prob_c = 0, prob_h = 0, prob_w = 0;
    char *confidence = nullptr; // float32, or uint8 where conf_bytes
    bool conf_bytes = false;
    std::int64_t conf_n = 0, conf_h = 0, conf_w = 0;

    SEGPOST_HOST_DEVICE std::int64_t height() const { return resample ? y.n_out : logits.h; }
    SEGPOST_HOST_DEVICE std::int64_t width() const { return resample ? x.n_out : logits.w; }
};

// Sums over windows: weight * value is added where the weight is positive.
struct AddResizedJob {
    Logits logits; // of one image
    bool resample = false;
    Axis y, x;
    const char *weights = nullptr; // float32 [H, W]
    std::int64_t weight_h = 0, weight_w = 0;
    char *sums = nullptr; // float32 [C, H, W]
    std::int64_t sum_c = 0, sum_h = 0, sum_w = 0;

    std::int64_t height() const { return resample ? y.n_out : logits.h; }
    std::int64_t width() const { return resample ? x.n_out : logits.w; }
};

// A rectangle of one image: cells [y0, y1) x [x0, x1) where the job resamples, else pixels. Of the
// output rows in it those of [row0, row1) are meant: a single row of large cells is shared out.
struct Tile {
    std::int64_t n, y0, y1, x0, x1, row0, row1;
};

} // namespace segpost
