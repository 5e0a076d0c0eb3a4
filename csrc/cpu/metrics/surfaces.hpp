// The classes of the pixels of two maps with a margin of no class, and the elements on surfaces.
#pragma once

#include "cpu/metrics/nearest.hpp"
#include "ops/metrics/distances.hpp"

#include <vector>

namespace segpost {

// A grid with a margin on all sides.
struct Grid {
    std::int64_t depth, height, width, margin;
    bool volume;

    std::int64_t margin_z() const { return volume ? margin : 0; }
    std::int64_t pitch() const { return width + 2 * margin; }
    std::int64_t plane() const { return (height + 2 * margin) * pitch(); }
    std::int64_t size() const { return (depth + 2 * margin_z()) * plane(); }
    std::int64_t index(std::int64_t z, std::int64_t y, std::int64_t x) const {
        return (z + margin_z()) * plane() + (y + margin) * pitch() + x + margin;
    }
};

struct Element {
    std::int32_t label;
    Point at;
    std::uint8_t code;
};

// `Code` is uint8 for up to 255 classes, and uint16 for more; all bits are no class.
template <class Code> struct CodeMap {
    static constexpr Code none = static_cast<Code>(~Code{0});

    Grid grid;
    std::vector<Code> codes, marks; // marks: those of surfaces alone, where they are needed

    explicit CodeMap(const Grid &in) : grid(in), codes(static_cast<std::size_t>(in.size()), none) {}
};

// Rows are z * height + y. Void targets are of no class in both maps.
template <class Code> void read_codes(const SurfaceJob &, std::int64_t first_row,
                                      std::int64_t last_row, CodeMap<Code> &preds,
                                      CodeMap<Code> &target);

template <class Code>
void mark_surfaces(CodeMap<Code> &, std::int64_t first_row, std::int64_t last_row);

// The number of rows in which elements lie: of corners one more along an axis than of pixels.
std::int64_t element_rows(const Grid &, SurfaceElements);

// Adds the elements of these rows, in the order of z, y and x.
template <class Code> void find_elements(const CodeMap<Code> &own, const CodeMap<Code> &other,
                                         SurfaceElements, std::int64_t first_row,
                                         std::int64_t last_row, std::vector<Element> &out);
// The same of sites, where they are no elements.
template <class Code> void find_sites(const CodeMap<Code> &, SurfaceElements,
                                      std::int64_t first_row, std::int64_t last_row,
                                      std::vector<Element> &out);

} // namespace segpost
