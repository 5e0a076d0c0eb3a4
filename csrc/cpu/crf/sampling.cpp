// Whether a part of the pixels may stand for all in early iterations.
#include "cpu/crf/solver.hpp"

#include <algorithm>
#include <cmath>

namespace segpost {

// Whether the best labels of pixels beside each other often differ. Only before labels are packed.
bool CrfOnLattice::is_rough() const {
    constexpr std::int64_t rows_apart = 16, pairs_per_difference = 8;
    const std::int64_t labels = unary_.labels;
    std::int64_t pairs = 0, differences = 0;
    for (const CrfTile &tile : tiles_)
        for (std::int64_t y = tile.y0; y < tile.y1; y += rows_apart) {
            const float *row = logs_.data() + (tile.first + (y - tile.y0) * tile.width()) * labels;
            const auto best = [&](std::int64_t x) {
                return std::max_element(row + x * labels, row + (x + 1) * labels) - row -
                       x * labels;
            };
            for (std::int64_t x = 0; x + 1 < tile.width(); x += 2, ++pairs)
                differences += best(x) != best(x + 1);
        }
    return differences * pairs_per_difference > pairs;
}

// Whether a quarter of the pixels says enough of the others for an iteration that is not among the
// last: where terms attract, as those that repel would go on to and fro between the quarters;
// where several pixels share a vertex, and none has a node of its own; where pixels are like those
// beside them; and where it is worth it.
bool CrfOnLattice::may_sample() const {
    constexpr std::int64_t pixels_per_vertex = 2, many_pixels = 1 << 15;
    if (!std::isfinite(reach_) || unary_.d != 1 || unary_.pixels() < many_pixels) return false;
    return std::all_of(lattices_.begin(), lattices_.end(),
                       [&](const auto &lattice) {
                           return lattice->vertices * pixels_per_vertex <= unary_.pixels();
                       }) &&
           std::all_of(
               grids_.begin(), grids_.end(),
               [](const auto &grid) { return grid->view.step_y > 1 && grid->view.step_x > 1; }) &&
           !is_rough();
}

} // namespace segpost
