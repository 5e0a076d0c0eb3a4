// The kernels of one SIMD level. Every *.simd.cpp is compiled once a level, in the namespace
// SEGPOST_LEVEL; levels.cpp picks one table at run time.
#pragma once

#include "../ops/boundary.hpp"
#include "../ops/confusion.hpp"
#include "../ops/instances.hpp"
#include "../ops/labels.hpp"
#include "../ops/palette.hpp"

namespace segpost {

// How argmax resamples: cells that can be filled are filled, or every pixel is computed (the worst
// case, kept callable so that it can be measured).
enum class CellRule : int { fill, dense };

struct KernelTable {
    const char *level;
    std::int64_t (*argmax_cells_scratch)(const ArgmaxJob &, const Tile &);
    void (*argmax_cells)(const ArgmaxJob &, const Tile &, CellRule, char *scratch, Report &);
    std::int64_t (*argmax_pixels_scratch)(const ArgmaxJob &);
    void (*argmax_pixels)(const ArgmaxJob &, const Tile &, char *scratch, Report &);
    std::int64_t (*softmax_scratch)(const SoftmaxJob &, const Tile &);
    void (*softmax)(const SoftmaxJob &, const Tile &, char *scratch, Report &);
    std::int64_t (*colorize_scratch)(const ColorizeJob &);
    void (*colorize)(const ColorizeJob &, const Rows &, char *scratch, Bad &);
    std::int64_t (*overlay_scratch)(const OverlayJob &);
    void (*overlay)(const OverlayJob &, const Rows &, char *scratch, Bad &);
    std::int64_t (*labels_from_colors_scratch)(const LabelsFromColorsJob &);
    void (*labels_from_colors)(const LabelsFromColorsJob &, const Rows &, char *scratch, Bad &);
    std::int64_t (*confusion_scratch)(const ConfusionJob &);
    void (*confusion)(const ConfusionJob &, const Area &, char *scratch, const CellSink &);
    std::int64_t (*bands_scratch)(const BandsJob &, const Rows &);
    void (*bands)(const BandsJob &, const Rows &, char *scratch);
    std::int64_t (*boundary_pixels_scratch)(const BoundaryPixelsJob &);
    void (*boundary_pixels)(const BoundaryPixelsJob &, const Rows &, char *scratch);
    void (*boundary_counts)(const BoundaryMatchesJob &, const Rows &, std::int64_t *counts);
    void (*boundary_matches)(const BoundaryMatchesJob &, const Rows &, std::int64_t *counts);
    std::int64_t (*instance_counts_scratch)(const InstanceJob &);
    void (*instance_counts)(const InstanceJob &, const Rows &, char *scratch);
};

const KernelTable &kernels();                 // the level in use
bool use_level(const char *name);             // false: unknown, or this processor cannot run it
const KernelTable *const *available_levels(); // null-terminated, slowest first

} // namespace segpost
