#include "crf_lattice.hpp"

#include <cmath>

namespace segpost {
namespace {

// One axis of a grid: nodes, taps, and what a pixel has to do with its two nodes.
struct GridAxis {
    std::int64_t step = 1, nodes = 1, radius = 0;
    std::vector<float> taps;
    std::vector<double> up, sums, self; // [n, 2], [n], [n]

    GridAxis(std::int64_t n, double sigma) {
        while (step < 16 && static_cast<double>(2 * step) <= 0.7 * sigma) step *= 2;
        nodes = n < 2 ? 1 : (n - 2 + step) / step + 1;
        // Going to the nodes and back spreads by (step^2 - 1) / 3.
        const double s = static_cast<double>(step);
        const double width = std::sqrt((sigma * sigma - (s * s - 1) / 3) / (s * s));
        const double wanted = step == 1 ? 4 * width : 3.5 * width;
        radius = std::min(nodes - 1, static_cast<std::int64_t>(std::ceil(std::min(wanted, 1e9))));
        // A Gaussian of s width pixels, spread over s pixels, has the mass of one of sigma.
        const double mass = step == 1 ? 1.0 : sigma / (s * width);
        std::vector<double> exact;
        for (std::int64_t k = 0; k <= radius; ++k) {
            const double z = static_cast<double>(k) / width;
            exact.push_back(mass * std::exp(-0.5 * z * z));
            taps.push_back(static_cast<float>(exact.back()));
        }
        for (std::int64_t x = 0; x < n; ++x) {
            const double right = static_cast<double>(x % step) / s;
            up.push_back(1 - right);
            up.push_back(right);
        }
        std::vector<double> count(static_cast<std::size_t>(nodes) + 1, 0.0), around(count);
        for (std::int64_t x = 0; x < n; ++x)
            for (int side = 0; side < 2; ++side)
                count[static_cast<std::size_t>(x / step + side)] += up[2 * x + side];
        for (std::int64_t k = 0; k < nodes; ++k)
            for (std::int64_t j = std::max<std::int64_t>(0, k - radius);
                 j <= std::min(nodes - 1, k + radius); ++j)
                around[k] += exact[static_cast<std::size_t>(std::abs(j - k))] * count[j];
        const double beside = radius > 0 ? exact[1] : 0.0;
        for (std::int64_t x = 0; x < n; ++x) {
            const double a = up[2 * x], b = up[2 * x + 1];
            sums.push_back(a * around[x / step] + b * around[x / step + 1]);
            self.push_back((a * a + b * b) * exact[0] + 2 * a * b * beside);
        }
    }
    std::vector<float> weights(const std::vector<double> &factor) const {
        std::vector<float> out;
        for (std::size_t i = 0; i < up.size(); ++i)
            out.push_back(static_cast<float>(up[i] * factor[i / 2]));
        return out;
    }
};

} // namespace

void Grid::build(const PairwiseJob &job, std::int64_t h, std::int64_t w,
                 const std::vector<CrfTile> &tiles, bool own_term) {
    const GridAxis y(h, job.sigma[1]), x(w, job.sigma[2]);
    view.step_y = y.step, view.step_x = x.step;
    view.height = y.nodes, view.width = x.nodes;
    view.radius_y = y.radius, view.radius_x = x.radius;
    taps_y = y.taps, taps_x = x.taps;
    const std::vector<double> ones_y(y.sums.size(), 1.0), ones_x(x.sums.size(), 1.0);
    std::vector<double> in_fy = ones_y, in_fx = ones_x, out_fy = ones_y, out_fx = ones_x;
    const Normalization kind = job.normalization;
    if (own_term) {
        const auto fill = [&](std::vector<double> &factor, const std::vector<double> &sums) {
            for (std::size_t i = 0; i < sums.size(); ++i)
                factor[i] = kind == Normalization::symmetric ? root(sums[i]) : reciprocal(sums[i]);
        };
        if (kind == Normalization::symmetric || kind == Normalization::column)
            fill(in_fy, y.sums), fill(in_fx, x.sums);
        if (kind == Normalization::symmetric || kind == Normalization::row)
            fill(out_fy, y.sums), fill(out_fx, x.sums);
    } else { // its normalisation is not separable
        const std::size_t pixels = static_cast<std::size_t>(h * w);
        own.resize(pixels);
        if (kind == Normalization::symmetric || kind == Normalization::column)
            before.resize(pixels);
        if (kind == Normalization::symmetric || kind == Normalization::row) after.resize(pixels);
    }
    in_y = y.weights(in_fy), in_x = x.weights(in_fx);
    out_y = y.weights(out_fy), out_x = x.weights(out_fx);
    double low = INFINITY, high = 0;
    for (const CrfTile &tile : tiles) {
        std::int64_t p = tile.first;
        for (std::int64_t i = tile.y0; i < tile.y1; ++i)
            for (std::int64_t j = tile.x0; j < tile.x1; ++j, ++p) {
                double sum = y.sums[i] * x.sums[j];
                const double self = y.self[i] * x.self[j];
                if (!own_term) {
                    sum = sum - self > 1e-6 * sum ? sum - self : 0.0;
                    const double factor =
                        kind == Normalization::symmetric ? root(sum) : reciprocal(sum);
                    if (!before.empty()) before[p] = static_cast<float>(factor);
                    if (!after.empty()) after[p] = static_cast<float>(factor);
                    own[p] = static_cast<float>(self * both_ways(kind, factor));
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
