// Borders between regions as a graph: see segpost/_backends/reference/rings.py.
//
// Vertices are corners of pixels. An arc is the border between two regions, from one junction,
// where three or more regions or two pairs of pixels meet, to the next. A half arc is an arc in one
// direction; 2 * arc is forward. Directions are 0 right, 1 down, 2 left, 3 up, and a half arc
// belongs to the region on its left.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "cpu/runtime/launch.hpp"
#include "cpu/runtime/poll.hpp"

namespace segpost {

struct BorderPoint {
    std::int32_t x, y;
};

// A corner at which a border turns or is met; -1: no neighbor, or no region.
struct BorderVertex {
    BorderPoint at;
    std::array<std::int32_t, 4> neighbor; // the next vertex, by direction
    std::array<std::int32_t, 4> quadrant; // regions: up left, down left, up right, down right
    bool is_node;

    int degree() const {
        int count = 0;
        for (const std::int32_t next : neighbor) count += next >= 0;
        return count;
    }
};

struct Arcs {
    std::vector<BorderPoint> points; // without those on straight lines
    std::vector<std::int64_t> offsets{0};
    std::vector<std::array<std::int32_t, 2>> owner; // on the left, on the right

    std::int64_t count() const { return static_cast<std::int64_t>(owner.size()); }
    std::int64_t first(std::int64_t arc) const { return offsets[static_cast<std::size_t>(arc)]; }
    std::int64_t last(std::int64_t arc) const {
        return offsets[static_cast<std::size_t>(arc) + 1] - 1;
    }
};

// The half arcs of closed rings; none passes a junction twice.
struct ArcRings {
    std::vector<std::int32_t> halves;
    std::vector<std::int64_t> offsets{0};
    std::vector<std::int32_t> owner;

    std::int64_t count() const { return static_cast<std::int64_t>(owner.size()); }
};

// Empty where the call is cancelled.
void trace_arcs(const RingJob &, Poll &, Arcs &, ArcRings &);

// Leaves points of arcs out by Douglas and Peucker, 1973: is_kept, of every point.
void simplify_arcs(const Arcs &, const ArcRings &, double tolerance, Poll &,
                   std::vector<std::uint8_t> &is_kept);

// Twice the area of a ring by the shoelace formula: put(point) sees its points.
template <class Put> std::int64_t walk_ring(const Arcs &arcs, const ArcRings &rings,
                                            const std::vector<std::uint8_t> &is_kept,
                                            std::int64_t ring, const Put &put) {
    const auto at = static_cast<std::size_t>(ring);
    std::int64_t twice = 0;
    BorderPoint first{}, before{};
    bool is_first = true;
    const auto add = [&](const BorderPoint &to) {
        twice += std::int64_t{before.x} * to.y - std::int64_t{to.x} * before.y;
        before = to;
    };
    for (std::int64_t i = rings.offsets[at]; i < rings.offsets[at + 1]; ++i) {
        const std::int32_t half = rings.halves[static_cast<std::size_t>(i)];
        const std::int64_t begin = arcs.first(half / 2), end = arcs.last(half / 2);
        const std::int64_t step = half % 2 == 0 ? 1 : -1;
        std::int64_t point = step > 0 ? begin : end;
        for (std::int64_t k = begin; k < end; ++k, point += step) {
            if (!is_kept[static_cast<std::size_t>(point)]) continue;
            const BorderPoint &here = arcs.points[static_cast<std::size_t>(point)];
            if (is_first) first = before = here;
            is_first = false;
            add(here);
            put(here);
        }
    }
    add(first);
    return twice;
}

} // namespace segpost
