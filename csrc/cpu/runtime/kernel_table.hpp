// The kernels of one SIMD level. Every *.simd.cpp is compiled once a level, in the namespace
// SEGPOST_LEVEL; levels.cpp picks one table at run time.
#pragma once

#include "cpu/crf/plan.hpp"
#include "ops/color/palette.hpp"
#include "ops/labels/labels.hpp"
#include "ops/labels/volumes.hpp"
#include "ops/metrics/boundary.hpp"
#include "ops/metrics/confusion.hpp"
#include "ops/metrics/instances.hpp"
#include "ops/spatial/letterbox.hpp"

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
    std::int64_t (*argmax_volume_scratch)(const VolumeJob &, const Brick &);
    void (*argmax_volume)(const VolumeJob &, const Brick &, char *scratch, Report &);
    std::int64_t (*confidence_cells_scratch)(const ArgmaxJob &, const Tile &);
    void (*confidence_cells)(const ArgmaxJob &, const Tile &, char *scratch, Report &);
    std::int64_t (*softmax_scratch)(const SoftmaxJob &, const Tile &);
    void (*softmax)(const SoftmaxJob &, const Tile &, char *scratch, Report &);
    std::int64_t (*colorize_scratch)(const ColorizeJob &);
    void (*colorize)(const ColorizeJob &, const Rows &, char *scratch, Bad &);
    std::int64_t (*overlay_scratch)(const OverlayJob &);
    void (*overlay)(const OverlayJob &, const Rows &, char *scratch, Bad &);
    std::int64_t (*labels_from_colors_scratch)(const LabelsFromColorsJob &);
    void (*labels_from_colors)(const LabelsFromColorsJob &, const Rows &, char *scratch, Bad &);
    std::int64_t (*letterbox_scratch)(const LetterboxJob &);
    void (*letterbox)(const LetterboxJob &, const Rows &, char *scratch);
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
    std::int64_t (*crf_row)(std::int64_t labels);
    std::int64_t (*crf_unary_scratch)(const UnaryView &, const CrfTile &);
    void (*crf_unary)(const UnaryView &, const CrfTile &, char *scratch, float *out, float *largest,
                      double &offset, BadUnary &);
    void (*crf_pack)(float *logs, std::int64_t pixels, std::int64_t labels,
                     const std::int32_t *kept, std::int64_t kept_count, const std::int32_t *dropped,
                     std::int64_t dropped_count);
    void (*crf_spread)(const UnaryView &, const CrfTile &, const float *unary,
                       const std::int32_t *dropped, std::int64_t count, const ProbabilityView &);
    void (*crf_embed)(const PairwiseJob &, const double *origin, const float *scale, std::int64_t h,
                      std::int64_t y, std::int64_t x, std::int64_t count, std::int32_t *simplex,
                      float *weight, std::int64_t pitch);
    std::int64_t (*crf_pixels_scratch)(const CrfPass &, const CrfTile &);
    void (*crf_pixels)(const CrfPass &, const CrfTile &, char *scratch, CrfSums &);
    void (*crf_write)(const CrfPass &, const CrfTile &);
    void (*crf_join)(const CrfLattice &, std::int64_t row, std::int64_t lane0, std::int64_t lane1,
                     std::int64_t begin, std::int64_t end);
    void (*crf_mix)(const CrfLattice &, const CrfWeights &, std::int64_t row, std::int64_t begin,
                    std::int64_t end, char *scratch);
    void (*crf_blur)(const CrfLattice &, std::int64_t row, std::int64_t lane0, std::int64_t lane1,
                     const std::uint32_t *chain, std::int64_t begin, std::int64_t end, float side);
    std::int64_t (*crf_grid_scratch)(const CrfGrid &, std::int64_t row);
    void (*crf_grid)(const CrfGrid &, const CrfWeights &, std::int64_t row, std::int64_t y0,
                     std::int64_t y1, char *scratch);
    std::int64_t (*crf_exact_scratch)();
    void (*crf_exact)(const CrfExactTerm &, std::int64_t row, std::int64_t to, char *scratch);
    void (*crf_exact_update)(const CrfExactUpdate &, std::int64_t first, std::int64_t last,
                             float *line, CrfSums &);
};

} // namespace segpost

namespace segpost SEGPOST_EXPORT {

const KernelTable &kernels();                 // the level in use
bool use_level(const char *name);             // false: unknown, or this processor cannot run it
const KernelTable *const *available_levels(); // null-terminated, slowest first

} // namespace segpost SEGPOST_EXPORT
