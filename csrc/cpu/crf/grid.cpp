#include "cpu/crf/lattice.hpp"

#include "ops/crf/grid.hpp"

namespace segpost {

void Grid::build(const PairwiseJob &job, std::int64_t h, std::int64_t w,
                 const std::vector<CrfTile> &tiles, bool include_self) {
    const GridAxis y(h, job.sigma[1]), x(w, job.sigma[2]);
    view.step_y = y.step, view.step_x = x.step;
    view.height = y.nodes, view.width = x.nodes;
    view.radius_y = y.radius, view.radius_x = x.radius;
    taps_y = y.taps, taps_x = x.taps;
    const Normalization kind = job.normalization;
    const GridWeights weights(y, x, kind, include_self);
    in_y = weights.in_y, in_x = weights.in_x, out_y = weights.out_y, out_x = weights.out_x;
    if (!include_self) { // its normalisation is not separable
        const std::size_t pixels = static_cast<std::size_t>(h * w);
        self_message.resize(pixels);
        if (normalizes_before(kind)) before.resize(pixels);
        if (normalizes_after(kind)) after.resize(pixels);
    }
    double low = INFINITY, high = 0;
    for (const CrfTile &tile : tiles) {
        std::int64_t p = tile.first;
        for (std::int64_t i = tile.y0; i < tile.y1; ++i)
            for (std::int64_t j = tile.x0; j < tile.x1; ++j, ++p) {
                double sum = y.sums[i] * x.sums[j];
                const double self = y.self[i] * x.self[j];
                if (!include_self) {
                    sum = sum - self > 1e-6 * sum ? sum - self : 0.0;
                    const double factor =
                        kind == Normalization::symmetric ? root(sum) : reciprocal(sum);
                    if (!before.empty()) before[p] = static_cast<float>(factor);
                    if (!after.empty()) after[p] = static_cast<float>(factor);
                    self_message[p] = static_cast<float>(self * both_ways(kind, factor));
                }
                if (sum > 0) low = std::min(low, sum);
                high = std::max(high, sum);
            }
    }
    reach = row_bound(kind, low, high);
    view.taps_y = taps_y.data(), view.taps_x = taps_x.data();
    view.in_y = in_y.data(), view.in_x = in_x.data();
    view.out_y = out_y.data(), view.out_x = out_x.data();
    view.before = before.empty() ? nullptr : before.data();
    view.after = after.empty() ? nullptr : after.data();
}

void Grid::reserve(std::int64_t row, const std::vector<CrfTile> &tiles, std::int64_t h,
                   std::int64_t w) {
    std::int64_t total = 0;
    strip_at.clear();
    for (const CrfTile &tile : tiles) {
        const CrfNodes part(view, tile, h, w);
        strip_at.push_back(total);
        total += (part.width() + 1 + part.height()) * row;
    }
    strip.reserve(total);
    sums.reserve(view.height * view.width * row);
    rows.reserve(view.height * view.width * row);
    view.strip = strip.data(), view.strip_at = strip_at.data();
    view.sums = sums.data(), view.rows = rows.data();
}

void Grid::join_strips(const std::vector<CrfTile> &tiles, std::int64_t h, std::int64_t w,
                       std::int64_t row) const {
    if (view.every_pixel()) return;
    const auto add = [&](std::int64_t y, std::int64_t x, const float *from) {
        float *to = view.sums + (y * view.width + x) * row;
        for (std::int64_t l = 0; l < row; ++l) to[l] += from[l];
    };
    for (const CrfTile &tile : tiles) {
        const CrfNodes part(view, tile, h, w);
        const float *bottom = view.strip + strip_at[static_cast<std::size_t>(tile.index)];
        const float *right = bottom + (part.width() + 1) * row;
        const bool shared_x = tile.x1 != w, shared_y = tile.y1 != h;
        if (shared_y)
            for (std::int64_t x = part.x0; x < part.x1 + (shared_x ? 1 : 0); ++x)
                add(part.y1, x, bottom + (x - part.x0) * row);
        if (shared_x)
            for (std::int64_t y = part.y0; y < part.y1; ++y)
                add(y, part.x1, right + (y - part.y0) * row);
    }
}

} // namespace segpost
