// The tables of a resampling, as segpost._core.sampling makes them; see there for the formulas.
#pragma once

#include <optional>
#include <vector>

#include "ops/labels/labels.hpp"
#include "segpost/capi.h"

namespace segpost::capi {

// The interval that a resized and padded image covers on one padded axis.
struct Interval {
    std::int64_t start, length, total;
};

class AxisTables {
  public:
    AxisTables(std::int64_t n_in, std::int64_t n_out, segpost_grid grid);
    // Of coordinates numerator / den, which increase and lie in the grid.
    AxisTables(std::int64_t n_in, std::int64_t den, const std::vector<std::int64_t> &numerator);
    Axis view() const;

  private:
    void start_tables(std::int64_t n_out);
    void add(std::int64_t place, std::int64_t &last);
    void finish();

    std::int64_t n_in_, n_out_, den_ = 1, widest_ = 0, step_ = 0;
    std::vector<std::int32_t> cell_, start_;
    std::vector<double> w0_, w1_;
    std::vector<float> t_;
};

// The samples of a padded axis that show the image, and their resampling to it; none where the
// samples are the outputs.
struct CroppedAxis {
    std::int64_t first = 0, count = 0;
    std::optional<AxisTables> tables;

    CroppedAxis(std::int64_t n_in, std::int64_t n_out, segpost_grid grid, const Interval &interval);
};

} // namespace segpost::capi
