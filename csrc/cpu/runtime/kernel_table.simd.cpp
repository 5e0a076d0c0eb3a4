// The table of one SIMD level.
#include "cpu/runtime/kernel_table.hpp"

#define SEGPOST_TEXT(x) #x
#define SEGPOST_NAME(x) SEGPOST_TEXT(x)

namespace segpost::SEGPOST_LEVEL {

std::int64_t argmax_cells_scratch(const ArgmaxJob &, const Tile &);
void argmax_cells(const ArgmaxJob &, const Tile &, CellRule, char *, Report &);
std::int64_t argmax_pixels_scratch(const ArgmaxJob &);
void argmax_pixels(const ArgmaxJob &, const Tile &, char *, Report &);
std::int64_t argmax_volume_scratch(const VolumeJob &, const Brick &);
void argmax_volume(const VolumeJob &, const Brick &, char *, Report &);
std::int64_t confidence_cells_scratch(const ArgmaxJob &, const Tile &);
void confidence_cells(const ArgmaxJob &, const Tile &, char *, Report &);
std::int64_t softmax_scratch(const SoftmaxJob &, const Tile &);
void softmax(const SoftmaxJob &, const Tile &, char *, Report &);
std::int64_t colorize_scratch(const ColorizeJob &);
void colorize(const ColorizeJob &, const Rows &, char *, Bad &);
std::int64_t overlay_scratch(const OverlayJob &);
void overlay(const OverlayJob &, const Rows &, char *, Bad &);
std::int64_t labels_from_colors_scratch(const LabelsFromColorsJob &);
void labels_from_colors(const LabelsFromColorsJob &, const Rows &, char *, Bad &);
std::int64_t letterbox_scratch(const LetterboxJob &);
void letterbox(const LetterboxJob &, const Rows &, char *);
std::int64_t confusion_scratch(const ConfusionJob &);
void confusion(const ConfusionJob &, const Area &, char *, const CellSink &);
std::int64_t bands_scratch(const BandsJob &, const Rows &);
void bands(const BandsJob &, const Rows &, char *);
std::int64_t boundary_pixels_scratch(const BoundaryPixelsJob &);
void boundary_pixels(const BoundaryPixelsJob &, const Rows &, char *);
void boundary_counts(const BoundaryMatchesJob &, const Rows &, std::int64_t *);
void boundary_matches(const BoundaryMatchesJob &, const Rows &, std::int64_t *);
std::int64_t instance_counts_scratch(const InstanceJob &);
void instance_counts(const InstanceJob &, const Rows &, char *);
std::int64_t crf_row(std::int64_t labels);
std::int64_t crf_unary_scratch(const UnaryView &, const CrfTile &);
void crf_unary(const UnaryView &, const CrfTile &, char *scratch, float *out, float *largest,
               double &offset, BadUnary &);
void crf_pack(float *logs, std::int64_t pixels, std::int64_t labels, const std::int32_t *kept,
              std::int64_t kept_count, const std::int32_t *dropped, std::int64_t dropped_count);
void crf_spread(const UnaryView &, const CrfTile &, const float *unary, const std::int32_t *dropped,
                std::int64_t count, const ProbabilityView &);
void crf_embed(const PairwiseJob &, const double *origin, const float *scale, std::int64_t h,
               std::int64_t y, std::int64_t x, std::int64_t count, std::int32_t *simplex,
               float *weight, std::int64_t pitch);
std::int64_t crf_pixels_scratch(const CrfPass &, const CrfTile &);
void crf_pixels(const CrfPass &, const CrfTile &, char *scratch, CrfSums &);
void crf_write(const CrfPass &, const CrfTile &);
void crf_join(const CrfLattice &, std::int64_t row, std::int64_t lane0, std::int64_t lane1,
              std::int64_t begin, std::int64_t end);
void crf_mix(const CrfLattice &, const CrfWeights &, std::int64_t row, std::int64_t begin,
             std::int64_t end, char *scratch);
void crf_blur(const CrfLattice &, std::int64_t row, std::int64_t lane0, std::int64_t lane1,
              const std::uint32_t *chain, std::int64_t begin, std::int64_t end, float side);
std::int64_t crf_grid_scratch(const CrfGrid &, std::int64_t row);
void crf_grid(const CrfGrid &, const CrfWeights &, std::int64_t row, std::int64_t y0,
              std::int64_t y1, char *scratch);
std::int64_t crf_exact_scratch();
void crf_exact(const CrfExactTerm &, std::int64_t row, std::int64_t to, char *scratch);
void crf_exact_update(const CrfExactUpdate &, std::int64_t first, std::int64_t last, float *line,
                      CrfSums &);

extern const KernelTable table;
const KernelTable table = {
    SEGPOST_NAME(SEGPOST_LEVEL),
    argmax_cells_scratch,
    argmax_cells,
    argmax_pixels_scratch,
    argmax_pixels,
    argmax_volume_scratch,
    argmax_volume,
    confidence_cells_scratch,
    confidence_cells,
    softmax_scratch,
    softmax,
    colorize_scratch,
    colorize,
    overlay_scratch,
    overlay,
    labels_from_colors_scratch,
    labels_from_colors,
    letterbox_scratch,
    letterbox,
    confusion_scratch,
    confusion,
    bands_scratch,
    bands,
    boundary_pixels_scratch,
    boundary_pixels,
    boundary_counts,
    boundary_matches,
    instance_counts_scratch,
    instance_counts,
    crf_row,
    crf_unary_scratch,
    crf_unary,
    crf_pack,
    crf_spread,
    crf_embed,
    crf_pixels_scratch,
    crf_pixels,
    crf_write,
    crf_join,
    crf_mix,
    crf_blur,
    crf_grid_scratch,
    crf_grid,
    crf_exact_scratch,
    crf_exact,
    crf_exact_update,
};

} // namespace segpost::SEGPOST_LEVEL
