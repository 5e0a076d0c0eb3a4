// Labels that no pixel has a chance of, which an inference need not carry along.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "ops/crf/crf.hpp"

namespace segpost {

// What labels may send one another at most.
struct Bound {
    bool attracts = false; // no message is negative
    double strongest = 0;

    Bound(const PairwiseJob &job, std::int64_t labels) {
        if (job.kind == CompatibilityKind::matrix) return;
        const double *end =
            job.compatibility + (job.kind == CompatibilityKind::scalar ? 1 : labels);
        attracts = std::all_of(job.compatibility, end, [](double a) { return a >= 0; });
        strongest = *std::max_element(job.compatibility, end);
    }
};

// A label of probability at most p everywhere stays below b = 2 p: where its messages are at most
// reach b, its Q is at most p exp(reach b), as those of the others only help the denominator. What
// is lost by sending none of its messages is then below b (exp(reach b) - 1) a label. Those for
// which that is less than `lost` in all are one lane, without messages.
struct LabelChoice {
    std::vector<std::int32_t> kept, dropped;

    // `largest` is the log of the largest probability of each label.
    LabelChoice(const std::vector<float> &largest, double reach, double lost, bool all) {
        const double labels = static_cast<double>(largest.size());
        for (std::size_t l = 0; l < largest.size(); ++l) {
            const double bound = 2 * std::exp(static_cast<double>(largest[l]));
            const double power = reach * bound;
            const bool infeasible = power < 0.6 && bound * std::expm1(power) * labels < lost;
            (infeasible && !all ? dropped : kept).push_back(static_cast<std::int32_t>(l));
        }
        if (dropped.size() < 2) { // a lane for one label saves nothing
            kept.insert(kept.end(), dropped.begin(), dropped.end());
            std::sort(kept.begin(), kept.end());
            dropped.clear();
        }
    }
    std::size_t used() const { return kept.size() + (dropped.empty() ? 0 : 1); }
};

} // namespace segpost
