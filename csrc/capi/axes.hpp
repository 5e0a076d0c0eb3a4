// The tables of a resampling, as segpost._core.sampling makes them; see there for the formulas.
#pragma once

#include <vector>

#include "ops/labels/labels.hpp"
#include "segpost/capi.h"

namespace segpost::capi {

class AxisTables {
  public:
    AxisTables(std::int64_t n_in, std::int64_t n_out, segpost_grid grid);
    Axis view() const;

  private:
    std::int64_t n_in_, n_out_, den_ = 1, widest_ = 0, step_ = 0;
    std::vector<std::int32_t> cell_, start_;
    std::vector<double> w0_, w1_;
    std::vector<float> t_;
};

} // namespace segpost::capi
