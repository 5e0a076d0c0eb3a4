// colorize, overlay and labels_from_colors: arguments. All arithmetic is on integers, so every
// backend gives the same bytes: overlay is (image * (256 - a) + color * a + 128) >> 8 with a in
// 0..256.
#pragma once

#include "ops/view.hpp"

namespace segpost {

// Labels are valid in [0, classes) and where they equal ignore_index; the row `classes` of each
// table is void's.
struct LabelRange {
    std::int64_t classes = 0;
    bool has_ignore = false;
    std::int64_t ignore_index = 0;
};

// Pixels with a label or color that is not allowed; `first` is a flat pixel index, -1 for none.
struct LabelErrors {
    std::int64_t count = 0, first = -1;

    void add(std::int64_t place) {
        if (first < 0 || place < first) first = place;
        ++count;
    }
    void merge(const LabelErrors &other) {
        count += other.count;
        if (other.first >= 0 && (first < 0 || other.first < first)) first = other.first;
    }
};

struct ColorizeJob {
    LabelView labels;
    LabelRange range;
    const std::uint32_t *lut = nullptr; // [classes + 1] 0x00bbggrr
    Image out;
};

struct OverlayJob {
    Image image;
    LabelView labels;
    LabelRange range;
    const std::uint32_t *lut = nullptr;   // [classes + 1] 0x00bbggrr
    const std::uint16_t *alpha = nullptr; // [classes + 1] 0..256
    std::int64_t contour = 0;             // width of opaque lines
    Image out;
};

struct LabelsFromColorsJob {
    Image image;
    const std::uint32_t *keys = nullptr;  // [count], sorted
    const std::int32_t *values = nullptr; // [count]
    std::int64_t count = 0;
    LabelView out; // u8 or i32
};

// Rows [y0, y1) of image n.
struct Rows {
    std::int64_t n, y0, y1;
};

} // namespace segpost
