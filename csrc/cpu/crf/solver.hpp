// Mean field on lattices and grids, made once an image.
#pragma once

#include <memory>
#include <vector>

#include "cpu/crf/inference.hpp"
#include "cpu/crf/lattice.hpp"

namespace segpost {

class SEGPOST_EXPORT CrfOnLattice : public CrfInference {
  public:
    CrfOnLattice(const UnaryView &unary, std::vector<PairwiseJob> terms, bool include_self,
                 const LatticeConfig &config)
        : unary_(unary), jobs_(std::move(terms)), include_self_(include_self), config_(config) {}

    bool prepare(const CancelToken &) override;
    bool infer(const ProbabilityView &out, std::int64_t iterations, const ProbabilityView *start,
               double tolerance, bool trace, const CancelToken &,
               std::vector<CrfStep> &steps) override;

  private:
    struct Run;
    bool read(const CancelToken &);
    bool may_sample() const;
    bool is_rough() const;

    UnaryView unary_;
    std::vector<PairwiseJob> jobs_;
    bool include_self_;
    LatticeConfig config_;
    std::vector<CrfTile> tiles_;
    std::vector<std::unique_ptr<Lattice>> lattices_;
    std::vector<std::unique_ptr<Grid>> grids_;
    std::vector<std::size_t> order_; // the job of each lattice, then of each grid
    Floats logs_;
    std::vector<float> largest_; // log of the largest probability of each label
    double offset_ = 0;          // what normalising took from the unary, summed over pixels
    double reach_ = 0;           // bound on a message
    std::vector<std::int32_t> kept_, dropped_;
    bool packed_ = false; // logs_ hold the labels kept, not all
};

} // namespace segpost
