// What a dense CRF of one image can be asked, however its sums over pairs are made.
#pragma once

#include <vector>

#include "cpu/runtime/launch.hpp"

namespace segpost {

// Energies of a step; `offset` is what normalising took from the unary.
inline void describe(CrfStep &step, const CrfSums &sums, double offset) {
    step.entropy = sums.entropy;
    step.unary = sums.unary - offset;
    step.pairwise = sums.pairwise;
}

class SEGPOST_EXPORT CrfInference {
  public:
    virtual ~CrfInference() = default;
    virtual bool prepare(const CancelToken &) = 0; // false: cancelled
    // `tolerance` below 0 is none; `start` may be null. One step for every Q, the first included.
    virtual bool infer(const ProbabilityView &out, std::int64_t iterations,
                       const ProbabilityView *start, double tolerance, bool trace,
                       const CancelToken &, std::vector<CrfStep> &steps) = 0;
    const UnaryErrors &errors() const { return errors_; }

  protected:
    UnaryErrors errors_;
};

} // namespace segpost
