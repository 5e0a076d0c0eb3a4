// The table of one SIMD level.
#include "table.hpp"

#define SEGPOST_TEXT(x) #x
#define SEGPOST_NAME(x) SEGPOST_TEXT(x)

namespace segpost::SEGPOST_LEVEL {

std::int64_t argmax_cells_scratch(const ArgmaxJob &, const Tile &);
void argmax_cells(const ArgmaxJob &, const Tile &, CellRule, char *, Report &);
std::int64_t argmax_pixels_scratch(const ArgmaxJob &);
void argmax_pixels(const ArgmaxJob &, const Tile &, char *, Report &);
std::int64_t softmax_scratch(const SoftmaxJob &, const Tile &);
void softmax(const SoftmaxJob &, const Tile &, char *, Report &);
std::int64_t colorize_scratch(const ColorizeJob &);
void colorize(const ColorizeJob &, const Rows &, char *, Bad &);
std::int64_t overlay_scratch(const OverlayJob &);
void overlay(const OverlayJob &, const Rows &, char *, Bad &);
std::int64_t labels_from_colors_scratch(const LabelsFromColorsJob &);
void labels_from_colors(const LabelsFromColorsJob &, const Rows &, char *, Bad &);
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

extern const KernelTable table;
const KernelTable table = {
    SEGPOST_NAME(SEGPOST_LEVEL),
    argmax_cells_scratch,
    argmax_cells,
    argmax_pixels_scratch,
    argmax_pixels,
    softmax_scratch,
    softmax,
    colorize_scratch,
    colorize,
    overlay_scratch,
    overlay,
    labels_from_colors_scratch,
    labels_from_colors,
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
};

} // namespace segpost::SEGPOST_LEVEL
