// The exact mean field: every pixel hears every other that is near enough to be heard in float32.
#pragma once

#include <vector>

#include "cpu/crf/inference.hpp"
#include "cpu/runtime/memory.hpp"

namespace segpost {

class SEGPOST_EXPORT CrfExact : public CrfInference {
  public:
    CrfExact(const UnaryView &unary, std::vector<PairwiseJob> terms, bool include_self)
        : unary_(unary), jobs_(std::move(terms)), include_self_(include_self) {}

    bool prepare(const CancelToken &) override;
    bool infer(const ProbabilityView &out, std::int64_t iterations, const ProbabilityView *start,
               double tolerance, bool trace, const CancelToken &,
               std::vector<CrfStep> &steps) override;

  private:
    struct Term {
        CrfExactTerm view;
        std::vector<std::int64_t> order; // pixels, in the order of visits, by feature
        Floats values, boxes, groups, q, messages;
        std::vector<float> in, out; // [pixels] normalisation
    };
    void sort(const PairwiseJob &, Term &) const;
    bool pass(Term &, std::int64_t row, const CancelToken &) const;
    bool normalize(const PairwiseJob &, Term &, const CancelToken &) const;
    bool send(std::int64_t row, const CancelToken &);

    UnaryView unary_;
    std::vector<PairwiseJob> jobs_;
    bool include_self_;
    std::vector<CrfTile> tiles_;
    std::vector<Term> terms_;
    double offset_ = 0;
    Floats logs_, q_, messages_;
};

} // namespace segpost
