// The nearest of many sites: a tree of boxes over sites that are sorted along a Z-curve.
//
// The lower bound of a box is computed by the operations of a distance, from steps that are not
// larger than those to any site in it. Rounding is monotone, so that the bound is not above any of
// these distances as they are computed, and the smallest of all is found exactly.
#pragma once

#include <cstdint>
#include <vector>

namespace segpost {

struct Point {
    std::int32_t z, y, x;
};

// ((z * z) + (y * y)) + (x * x) of steps times their spacing, which is what the definition
// computes.
struct SquaredDistance {
    double spacing[3];

    double operator()(double z, double y, double x) const {
        z *= spacing[0], y *= spacing[1], x *= spacing[2];
        return ((z * z) + (y * y)) + (x * x);
    }
};

class NearestSites {
  public:
    NearestSites(const Point *sites, std::int64_t count, const SquaredDistance &squared);

    // The squared distance to the nearest site. `hint` is a site by its place in the tree, 0 or
    // what the last call left there: the nearest one.
    double squared_distance(const Point &, std::int64_t &hint) const;

  private:
    static constexpr std::int64_t per_leaf = 8;
    struct Box {
        double low[3], high[3];
    };

    double bound(const Box &, const double (&at)[3]) const;
    void search_leaf(std::int64_t leaf, const double (&at)[3], double &best,
                     std::int64_t &hint) const;

    SquaredDistance squared_;
    std::int64_t leaves_ = 1;     // a power of two
    std::vector<double> site_[3]; // [leaves * per_leaf]: z, y, x; infinite where there is none
    std::vector<Box> boxes_;      // a heap: the root is 1, leaves begin at `leaves_`
};

} // namespace segpost
