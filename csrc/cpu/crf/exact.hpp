// The exact mean field: every pixel hears every other that is near enough to be heard in float32.
#pragma once

#include <vector>

#include "cpu/crf/inference.hpp"
#include "cpu/runtime/memory.hpp"

namespace segpost {

class SEGPOST_EXPORT CrfExact : public CrfInference {
  public:
    CrfExact(const UnaryView &unary, std::vector<PairwiseJob> terms, bool own)
        : unary_(unary), jobs_(std::move(terms)), own_(own) {}

    bool prepare(const Interrupted &) override;
    bool infer(const ProbabilityView &out, std::int64_t iterations, const ProbabilityView *start,
               double tolerance, bool trace, const Interrupted &,
               std::vector<CrfStep> &steps) override;

  private:
    struct Term {
        CrfExactTerm view;
        std::vector<std::int64_t> order; // pixels, in the order of visits, by feature
        Floats values, boxes, groups, q, messages;
        std::vector<float> in, out; // [pixels] normalisation
    };
    void sort(const PairwiseJob &, Term &) const;
    bool pass(Term &, std::int64_t row, const Interrupted &) const;
    bool normalize(const PairwiseJob &, Term &, const Interrupted &) const;
    bool send(std::int64_t row, const Interrupted &);

    UnaryView unary_;
    std::vector<PairwiseJob> jobs_;
    bool own_;
    std::vector<CrfTile> tiles_;
    std::vector<Term> terms_;
    double offset_ = 0;
    Floats logs_, q_, messages_;
};

} // namespace segpost
