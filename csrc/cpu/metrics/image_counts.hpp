// The counts of one image, and the bytes in which many images are kept.
#pragma once

#include <vector>

#include "cpu/runtime/launch.hpp"

namespace segpost {

// The cells of an image that are not zero, ascending, and their counts: uint16 places (uint32 where
// a table has more than 2^16 cells of classes and void), and uint32 counts.
struct ImageBytes {
    bool is_valid = false; // all labels are classes or ignored; else there are no bytes
    std::vector<char> cells, counts;
};

// counts: [classes + 2, classes + 1], added to.
SEGPOST_EXPORT bool launch_image_counts(const ConfusionJob &, const CancelToken &,
                                        std::int64_t *counts, ImageBytes &);

} // namespace segpost
