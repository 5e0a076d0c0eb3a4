// Label maps of another size: the label of most of the area of a pixel.
#pragma once

#include "ops/metrics/confusion.hpp"

namespace segpost {

// Labels are u8 or i32 in 0..count - 1. An output pixel covers a rectangle of the input; sides are
// measured in units of which an input pixel has as many as there are output pixels, so that areas
// are integers. Of several labels with the largest area the smallest is taken.
struct MajorityJob {
    LabelView labels, out; // of one type
    std::int64_t count = 0;
};

} // namespace segpost
