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
};

} // namespace segpost::SEGPOST_LEVEL
