// One axis of the grid on which a Gaussian of places is computed.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "ops/crf/lattice.hpp"

namespace segpost {

// Nodes, taps, and what a pixel has to do with its two nodes.
struct GridAxis {
    std::int64_t step = 1, nodes = 1, radius = 0;
    std::vector<float> taps;            // [radius + 1], from the middle
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

// What pixels give to nodes and get from them; where a pixel hears itself the normalisation is
// separable, and part of it.
struct GridWeights {
    std::vector<float> in_y, in_x, out_y, out_x; // [h, 2], [w, 2]

    GridWeights(const GridAxis &y, const GridAxis &x, Normalization kind, bool own_term) {
        const std::vector<double> ones_y(y.sums.size(), 1.0), ones_x(x.sums.size(), 1.0);
        std::vector<double> in_fy = ones_y, in_fx = ones_x, out_fy = ones_y, out_fx = ones_x;
        const auto fill = [&](std::vector<double> &factor, const std::vector<double> &sums) {
            for (std::size_t i = 0; i < sums.size(); ++i)
                factor[i] = kind == Normalization::symmetric ? root(sums[i]) : reciprocal(sums[i]);
        };
        if (own_term && normalizes_before(kind)) fill(in_fy, y.sums), fill(in_fx, x.sums);
        if (own_term && normalizes_after(kind)) fill(out_fy, y.sums), fill(out_fx, x.sums);
        in_y = y.weights(in_fy), in_x = x.weights(in_fx);
        out_y = y.weights(out_fy), out_x = x.weights(out_fx);
    }
};

} // namespace segpost
