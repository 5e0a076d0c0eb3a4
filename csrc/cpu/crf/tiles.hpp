// Pixels of an image, tile by tile, and their unary.
#pragma once

#include <vector>

#include "cpu/runtime/launch.hpp"
#include "cpu/runtime/memory.hpp"

namespace segpost {

// Tiles for lattices of simplices with up to `corners` corners.
std::vector<CrfTile> crf_tiles(std::int64_t rows, std::int64_t columns, std::int64_t corners);

// logs: log softmax of minus the unary energies, in the order of visits, and room for a vector
// more. offset: what normalising took away, over all pixels. False: cancelled.
bool read_unary(const UnaryView &, const std::vector<CrfTile> &, float *logs,
                std::vector<float> *largest, double &offset, UnaryErrors &, const CancelToken &);

} // namespace segpost
