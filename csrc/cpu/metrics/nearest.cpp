#include "cpu/metrics/nearest.hpp"

#include <algorithm>
#include <limits>

namespace segpost {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// The lowest 21 bits, each followed by two zeros.
std::uint64_t spread_by_three(std::uint64_t v) {
    v &= 0x1fffff;
    v = (v | v << 32) & 0x1f00000000ffff;
    v = (v | v << 16) & 0x1f0000ff0000ff;
    v = (v | v << 8) & 0x100f00f00f00f00f;
    v = (v | v << 4) & 0x10c30c30c30c30c3;
    return (v | v << 2) & 0x1249249249249249;
}

// The bits of a 32-bit number, each followed by a zero.
std::uint64_t spread_by_two(std::uint64_t v) {
    v &= 0xffffffff;
    v = (v | v << 16) & 0x0000ffff0000ffff;
    v = (v | v << 8) & 0x00ff00ff00ff00ff;
    v = (v | v << 4) & 0x0f0f0f0f0f0f0f0f;
    v = (v | v << 2) & 0x3333333333333333;
    return (v | v << 1) & 0x5555555555555555;
}

struct Place {
    std::uint64_t key;
    std::int64_t site;
};

// Places along a Z-curve; of volumes larger than 2^21 only the order is a worse one.
std::vector<Place> sort_places(const Point *sites, std::int64_t count) {
    std::vector<Place> places(static_cast<std::size_t>(count)), other(places.size());
    const bool is_flat =
        std::all_of(sites, sites + count, [&](const Point &p) { return p.z == sites[0].z; });
    std::uint64_t all = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const auto z = static_cast<std::uint64_t>(sites[i].z);
        const auto y = static_cast<std::uint64_t>(sites[i].y);
        const auto x = static_cast<std::uint64_t>(sites[i].x);
        const std::uint64_t key =
            is_flat ? spread_by_two(y) << 1 | spread_by_two(x)
                    : spread_by_three(z) << 2 | spread_by_three(y) << 1 | spread_by_three(x);
        places[static_cast<std::size_t>(i)] = {key, i};
        all |= key;
    }
    constexpr int digit = 11;
    for (int shift = 0; shift < 64 && all >> shift; shift += digit) { // a radix sort
        std::size_t first[(1 << digit) + 1] = {};
        const auto digit_of = [&](const Place &place) {
            return static_cast<std::size_t>(place.key >> shift & ((1 << digit) - 1));
        };
        for (const Place &place : places) ++first[digit_of(place) + 1];
        for (std::size_t d = 1; d <= 1 << digit; ++d) first[d] += first[d - 1];
        for (const Place &place : places) other[first[digit_of(place)]++] = place;
        places.swap(other);
    }
    return places;
}

} // namespace

NearestSites::NearestSites(const Point *sites, std::int64_t count, const SquaredDistance &squared)
    : squared_(squared) {
    while (leaves_ * per_leaf < count) leaves_ *= 2;
    for (auto &axis : site_) axis.assign(static_cast<std::size_t>(leaves_ * per_leaf), infinity);
    boxes_.assign(static_cast<std::size_t>(2 * leaves_),
                  {{infinity, infinity, infinity}, {-infinity, -infinity, -infinity}});
    const std::vector<Place> places = sort_places(sites, count);
    for (std::int64_t i = 0; i < count; ++i) {
        const auto to = static_cast<std::size_t>(i);
        const Point &point = sites[places[to].site];
        const double at[3] = {double(point.z), double(point.y), double(point.x)};
        Box &box = boxes_[static_cast<std::size_t>(leaves_ + i / per_leaf)];
        for (int axis = 0; axis < 3; ++axis) {
            site_[axis][to] = at[axis];
            box.low[axis] = std::min(box.low[axis], at[axis]);
            box.high[axis] = std::max(box.high[axis], at[axis]);
        }
    }
    for (std::size_t node = static_cast<std::size_t>(leaves_) - 1; node > 0; --node)
        for (int axis = 0; axis < 3; ++axis) {
            const Box &first = boxes_[2 * node], &second = boxes_[2 * node + 1];
            boxes_[node].low[axis] = std::min(first.low[axis], second.low[axis]);
            boxes_[node].high[axis] = std::max(first.high[axis], second.high[axis]);
        }
}

double NearestSites::bound(const Box &box, const double (&at)[3]) const {
    double step[3];
    for (int axis = 0; axis < 3; ++axis)
        step[axis] = std::max(std::max(box.low[axis] - at[axis], at[axis] - box.high[axis]), 0.0);
    return squared_(step[0], step[1], step[2]);
}

void NearestSites::search_leaf(std::int64_t leaf, const double (&at)[3], double &best,
                               std::int64_t &hint) const {
    const std::int64_t first = leaf * per_leaf;
    const double *z = site_[0].data() + first, *y = site_[1].data() + first,
                 *x = site_[2].data() + first;
    double squares[per_leaf];
    for (std::int64_t i = 0; i < per_leaf; ++i)
        squares[i] = squared_(z[i] - at[0], y[i] - at[1], x[i] - at[2]);
    for (std::int64_t i = 0; i < per_leaf; ++i)
        if (squares[i] < best) {
            best = squares[i];
            hint = first + i;
        }
}

double NearestSites::squared_distance(const Point &point, std::int64_t &hint) const {
    const double at[3] = {double(point.z), double(point.y), double(point.x)};
    const auto start = static_cast<std::size_t>(hint);
    double best =
        squared_(site_[0][start] - at[0], site_[1][start] - at[1], site_[2][start] - at[2]);
    struct Branch {
        std::int64_t node;
        double bound;
    };
    Branch stack[64]; // no more than one a level
    int waiting = 0;
    stack[waiting++] = {1, 0.0};
    while (waiting) {
        Branch branch = stack[--waiting];
        if (branch.bound >= best) continue;
        while (branch.node < leaves_) {
            const std::int64_t child = 2 * branch.node;
            Branch near{child, bound(boxes_[static_cast<std::size_t>(child)], at)};
            Branch far{child + 1, bound(boxes_[static_cast<std::size_t>(child + 1)], at)};
            if (far.bound < near.bound) std::swap(near, far);
            if (far.bound < best) stack[waiting++] = far;
            branch = near;
            if (branch.bound >= best) break;
        }
        if (branch.bound < best) search_leaf(branch.node - leaves_, at, best, hint);
    }
    return best;
}

} // namespace segpost
