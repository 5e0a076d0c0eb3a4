// Runs of a label map: pixels of one label that are adjacent in a column.
#pragma once

#include "ops/metrics/confusion.hpp"
#include "ops/sink.hpp"

namespace segpost {

struct FindRunsJob {
    LabelView labels;
    LabelView values; // of every pixel, f32 or u8, for the sum of each run; without data: none
};

// A run begins at (x, y). `sum` is of the values of the run above it.
struct LabelChange {
    std::int32_t x, y;
    std::int64_t label;
    double sum;
};
using ChangeSink = Sink<LabelChange>;

} // namespace segpost
