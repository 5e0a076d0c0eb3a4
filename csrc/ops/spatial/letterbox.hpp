// An image as a network's input, resized, padded and normalized: arguments.
//
// A value is the weighted sum of a column's pixels, then of a row's sums, in float32; both have
// weights that are not negative and add up to 1, so that with T taps in all it is off by at most
// (T + 2) 2^-24 of the largest pixel: 255 of bytes.
#pragma once

#include "ops/view.hpp"

namespace segpost {

// One axis of a resize; sampling.py makes and documents these tables.
struct Taps {
    std::int64_t n_out = 0, width = 0;
    const std::int32_t *first = nullptr; // [n_out]
    const float *weights = nullptr;      // [n_out][width]
};

struct LetterboxJob {
    BandImage image;
    Taps y, x;
    std::int64_t top = 0, left = 0; // of the resized image
    // out = gain * value + shift, or padding: [bands]
    const float *gain = nullptr, *shift = nullptr, *padding = nullptr;
    char *out = nullptr;
    bool half = false; // float16, not float32
    std::int64_t height = 0, width = 0;
    std::int64_t out_n = 0, out_c = 0, out_h = 0, out_w = 0; // byte strides
};

} // namespace segpost
