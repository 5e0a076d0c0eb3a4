#include "cpu/crf/tiles.hpp"

#include "cpu/runtime/tiling.hpp"

#include <cmath>

namespace segpost {

// Tiles of a multiple of 16, which every step of a grid divides, and small enough that vertices of
// a tile are counted in 16 bits even where no two pixels share one.
std::vector<CrfTile> crf_tiles(std::int64_t rows, std::int64_t columns, std::int64_t corners) {
    const std::int64_t most = 65535 / std::max<std::int64_t>(corners, 4);
    std::int64_t side = 16;
    while ((side + 16) * (side + 16) <= most) side += 16;
    std::int64_t height = side;
    if (rows < side) height = rows;
    std::int64_t width =
        std::max<std::int64_t>(16, most / std::max<std::int64_t>(height, 1) / 16 * 16);
    const std::int64_t across = (columns + width - 1) / width;
    width = (columns + across - 1) / std::max<std::int64_t>(across, 1);
    width = (width + 15) / 16 * 16;
    std::vector<CrfTile> tiles;
    std::int64_t first = 0;
    for (std::int64_t y = 0; y < rows; y += height)
        for (std::int64_t x = 0; x < columns; x += width) {
            const CrfTile tile{y,     std::min(y + height, rows),
                               x,     std::min(x + width, columns),
                               first, static_cast<std::int64_t>(tiles.size())};
            first += tile.pixels();
            tiles.push_back(tile);
        }
    return tiles;
}

bool read_unary(const UnaryView &unary, const std::vector<CrfTile> &tiles, float *logs,
                std::vector<float> *largest, double &offset, UnaryErrors &errors,
                const CancelToken &cancelled) {
    const std::int64_t labels = unary.labels;
    errors = UnaryErrors();
    std::vector<double> offsets(tiles.size(), 0.0);
    std::vector<float> most(tiles.size() * static_cast<std::size_t>(labels), -INFINITY);
    const bool finished = run(
        tiles, cancelled, errors,
        [&](const CrfTile &tile) { return kernels().crf_unary_scratch(unary, tile); },
        [&](const CrfTile &tile, char *memory, UnaryErrors &here) {
            const auto t = static_cast<std::size_t>(tile.index);
            kernels().crf_unary(unary, tile, memory, logs + tile.first * labels,
                                most.data() + tile.index * labels, offsets[t], here);
        });
    offset = 0;
    for (const double part : offsets) offset += part;
    if (largest) {
        largest->assign(static_cast<std::size_t>(labels), -INFINITY);
        for (std::size_t i = 0; i < most.size(); ++i) {
            float &to = (*largest)[i % static_cast<std::size_t>(labels)];
            to = std::max(to, most[i]);
        }
    }
    return finished;
}

} // namespace segpost
