// Detections of an image and their matches with true masks; precision and recall of all images.
#pragma once

#include <vector>

#include "ops/objects/regions.hpp"

namespace segpost {

// Bit a * limit_count + t of a detection is of area range a and IoU limit t.
struct DetectionJob {
    static constexpr std::int64_t most_bits = 64; // as MOST_BITS of the rules

    RegionRuns preds, target;
    const std::int64_t *classes, *true_classes;  // of predicted, of true masks
    const double *scores;                        // of predicted masks
    const double *true_areas;                    // by which ranges choose
    const std::uint8_t *is_crowd;                // of true masks
    std::int64_t limit_count, range_count, most; // detections of a class
    const double *limits;                        // ascending
    const double *ranges;                        // [range_count, 2]: least and largest area
};

// Detections by class, then in descending order of scores.
struct DetectionMatches {
    std::vector<std::int64_t> classes;
    std::vector<double> scores;
    std::vector<std::uint64_t> matched, ignored;
    std::vector<std::int64_t> target_classes; // ascending, each once
    std::vector<std::int64_t> targets;        // [target_classes, range_count], that count
};

// Detections of all images by class, then in descending order of scores.
struct PrecisionJob {
    std::int64_t classes, ranges, limits, recall_count, most_count;
    const std::int64_t *bounds; // [classes + 1]: the detections of a class
    const std::int64_t *rank;   // of a detection, among those of its class and image
    const std::uint64_t *matched, *ignored;
    const std::int64_t *targets; // [classes, ranges]
    const double *recalls;       // [recall_count], ascending
    const std::int64_t *most;    // [most_count]
    double *precision;           // [limits, recall_count, classes, ranges, most_count]
    double *recall;              // [limits, classes, ranges, most_count]
};

} // namespace segpost
