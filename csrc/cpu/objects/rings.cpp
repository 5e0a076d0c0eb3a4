// Rings of corners of pixels: the arcs between regions, simplified, and the points of every ring.
#include "cpu/objects/borders.hpp"

#include <algorithm>
#include <utility>

namespace segpost {
namespace {

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

// The point between a and b that is farthest from the line between them, and the square of its
// distance; a where there is none.
std::pair<std::int64_t, double> farthest_point(const std::vector<BorderPoint> &points,
                                               std::int64_t a, std::int64_t b) {
    const double x = points[index(a)].x, y = points[index(a)].y;
    const double dx = points[index(b)].x - x, dy = points[index(b)].y - y;
    const double squared = dx * dx + dy * dy;
    double farthest = -1.0;
    std::int64_t at = a;
    for (std::int64_t i = a + 1; i < b; ++i) {
        double px = points[index(i)].x - x, py = points[index(i)].y - y;
        const double along =
            squared > 0.0 ? std::min(std::max((px * dx + py * dy) / squared, 0.0), 1.0) : 0.0;
        px -= along * dx;
        py -= along * dy;
        const double distance = px * px + py * py;
        if (distance > farthest) farthest = distance, at = i;
    }
    return {at, farthest};
}

void leave_out(const Arcs &arcs, double tolerance, Poll &poll, std::vector<std::uint8_t> &is_kept) {
    std::vector<std::pair<std::int64_t, std::int64_t>> stack;
    for (std::int64_t arc = 0; arc < arcs.count(); ++arc) {
        stack.assign(1, {arcs.first(arc), arcs.last(arc)});
        for (std::int64_t i = arcs.first(arc) + 1; i < arcs.last(arc); ++i) is_kept[index(i)] = 0;
        while (!stack.empty()) {
            const auto [a, b] = stack.back();
            stack.pop_back();
            if (poll(1 + b - a)) return;
            const auto [at, farthest] = farthest_point(arcs.points, a, b);
            const BorderPoint &from = arcs.points[index(a)], &to = arcs.points[index(b)];
            const bool is_closed = from.x == to.x && from.y == to.y;
            if (farthest > tolerance * tolerance || (is_closed && at > a)) {
                is_kept[index(at)] = 1;
                stack.emplace_back(a, at);
                stack.emplace_back(at, b);
            }
        }
    }
}

int sign(std::int64_t value) { return (value > 0) - (value < 0); }

} // namespace

// Arcs whose rings would collapse or turn over keep their points.
void simplify_arcs(const Arcs &arcs, const ArcRings &rings, double tolerance, Poll &poll,
                   std::vector<std::uint8_t> &is_kept) {
    const auto area = [&](std::int64_t ring) {
        return walk_ring(arcs, rings, is_kept, ring, [](const BorderPoint &) {});
    };
    std::vector<int> signs(index(rings.count()));
    std::vector<std::int64_t> ring_of(2 * index(arcs.count()), -1); // of half arcs
    std::vector<std::int64_t> rings_left(index(rings.count()));
    for (std::int64_t ring = 0; ring < rings.count(); ++ring) {
        signs[index(ring)] = sign(area(ring));
        rings_left[index(ring)] = ring;
        for (std::int64_t i = rings.offsets[index(ring)]; i < rings.offsets[index(ring) + 1]; ++i)
            ring_of[index(rings.halves[index(i)])] = ring;
    }
    leave_out(arcs, tolerance, poll, is_kept);
    std::vector<std::uint8_t> is_free(index(arcs.count()), 1);
    while (!rings_left.empty() && !poll(static_cast<std::int64_t>(rings_left.size()))) {
        std::vector<std::int64_t> restored;
        for (const std::int64_t ring : rings_left) {
            if (sign(area(ring)) == signs[index(ring)]) continue;
            for (std::int64_t i = rings.offsets[index(ring)]; i < rings.offsets[index(ring) + 1];
                 ++i) {
                const std::int32_t arc = rings.halves[index(i)] / 2;
                if (is_free[index(arc)]) restored.push_back(arc);
                is_free[index(arc)] = 0;
            }
        }
        rings_left.clear();
        for (const std::int64_t arc : restored) {
            std::fill(is_kept.begin() + arcs.first(arc), is_kept.begin() + arcs.last(arc) + 1,
                      std::uint8_t{1});
            for (const std::int64_t ring : {ring_of[index(2 * arc)], ring_of[index(2 * arc + 1)]})
                if (ring >= 0) rings_left.push_back(ring);
        }
        std::sort(rings_left.begin(), rings_left.end());
        rings_left.erase(std::unique(rings_left.begin(), rings_left.end()), rings_left.end());
    }
}

bool launch_trace_rings(const RingJob &job, const CancelToken &cancelled, Rings &out) {
    Poll poll(cancelled);
    Arcs arcs;
    ArcRings rings;
    trace_arcs(job, poll, arcs, rings);
    if (poll(0)) return false;
    std::vector<std::uint8_t> is_kept(arcs.points.size(), 1);
    if (job.tolerance > 0.0) simplify_arcs(arcs, rings, job.tolerance, poll, is_kept);
    out.points.reserve(4 * arcs.points.size()); // x and y, in two rings
    out.offsets.assign(1, 0);
    for (std::int64_t ring = 0; ring < rings.count(); ++ring) {
        const std::int64_t twice =
            walk_ring(arcs, rings, is_kept, ring, [&](const BorderPoint &point) {
                out.points.push_back(point.x);
                out.points.push_back(point.y);
            });
        const auto end = static_cast<std::int64_t>(out.points.size() / 2);
        if (poll(end - out.offsets.back())) return false;
        out.offsets.push_back(end);
        out.areas.push_back(static_cast<double>(twice) / 2.0);
    }
    out.owner = std::move(rings.owner);
    return !poll(0);
}

} // namespace segpost
