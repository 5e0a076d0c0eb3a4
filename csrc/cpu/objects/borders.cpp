#include "cpu/objects/borders.hpp"

#include <algorithm>

namespace segpost {
namespace {

using Vertices = std::vector<BorderVertex>;

// Where the region changes in a column: at row `y`, from the region above to that below.
struct Change {
    std::int32_t y, above, below, vertex;
};

// The changes of the runs [first, last) of a column.
void list_changes(const RingJob &job, std::int64_t first, std::int64_t last,
                  std::vector<Change> &changes) {
    changes.clear();
    std::int32_t above = -1, end = -1;
    for (std::int64_t run = first; run < last; ++run) {
        if (end >= 0 && end < job.top[run]) { // nothing between
            changes.push_back({end, above, -1, -1});
            above = -1;
        }
        if (job.owner[run] != above) changes.push_back({job.top[run], above, job.owner[run], -1});
        above = job.owner[run], end = job.bottom[run];
    }
    if (above >= 0) changes.push_back({end, above, -1, -1});
}

// Lists the vertices at the left side of column x, and links each with its neighbors.
void link_vertices(const std::vector<Change> &before, std::vector<Change> &after, std::int32_t x,
                   Vertices &vertices) {
    std::int32_t left = -1, right = -1;
    for (std::size_t i = 0, j = 0; i < before.size() || j < after.size();) {
        const bool is_left = i < before.size() && (j >= after.size() || before[i].y <= after[j].y);
        const auto number = static_cast<std::int32_t>(vertices.size());
        BorderVertex vertex{{x, is_left ? before[i].y : after[j].y},
                            {-1, -1, -1, -1},
                            {left, right, -1, -1},
                            false};
        if (left != right) {
            vertex.neighbor[3] = number - 1;
            vertices.back().neighbor[1] = number;
        }
        if (i < before.size() && before[i].y == vertex.at.y) {
            left = before[i].below;
            vertex.neighbor[2] = before[i].vertex;
            vertices[static_cast<std::size_t>(before[i].vertex)].neighbor[0] = number;
            ++i;
        }
        if (j < after.size() && after[j].y == vertex.at.y) {
            right = after[j].below;
            after[j].vertex = number;
            ++j;
        }
        vertex.quadrant[2] = left, vertex.quadrant[3] = right;
        vertices.push_back(vertex);
    }
}

bool is_corner(const RingJob &job, const BorderPoint &at) {
    return (at.x == 0 || at.x == job.columns) && (at.y == 0 || at.y == job.height);
}

void list_vertices(const RingJob &job, Poll &poll, Vertices &vertices) {
    std::vector<Change> before, after;
    std::int64_t run = 0;
    for (std::int64_t x = 0; x <= job.columns; ++x) {
        const std::int64_t first = run;
        while (run < job.runs && job.column[run] == x) ++run;
        list_changes(job, first, run, after);
        link_vertices(before, after, static_cast<std::int32_t>(x), vertices);
        before.swap(after);
        if (poll(1 + run - first)) return;
    }
    for (BorderVertex &vertex : vertices)
        vertex.is_node = vertex.degree() > 2 || (job.keeps_corners && is_corner(job, vertex.at));
}

// Where a half arc ends, and the direction there.
struct HalfEnd {
    std::int32_t vertex = -1, direction = -1;
};

class Tracer {
  public:
    Tracer(const Vertices &vertices, Poll &poll, Arcs &arcs)
        : vertices_(vertices), poll_(poll), arcs_(arcs), leaves_(vertices.size(), {-1, -1, -1, -1}),
          is_passed_(vertices.size(), 0) {}

    // Follows the borders from every junction to the next, then rings without junctions.
    void follow() {
        for (std::int32_t start = 0; start < count() && !poll_(1); ++start)
            if (here(start).is_node)
                for (int direction = 0; direction < 4; ++direction)
                    if (here(start).neighbor[index(direction)] >= 0 &&
                        leaves_[index(start)][index(direction)] < 0)
                        follow_from(start, direction);
        for (std::int32_t start = 0; start < count() && !poll_(1); ++start)
            if (!here(start).is_node && !is_passed_[index(start)]) {
                int direction = 0;
                while (here(start).neighbor[index(direction)] < 0) ++direction;
                follow_from(start, direction);
            }
    }

    // A ring that meets a junction again becomes two.
    void close(ArcRings &rings) {
        is_used_.assign(2 * arcs_.owner.size(), 0);
        place_.assign(vertices_.size(), -1);
        for (std::int32_t half = 0; half < static_cast<std::int32_t>(is_used_.size()); ++half) {
            const std::int32_t region = arcs_.owner[index(half / 2)][index(half % 2)];
            if (is_used_[index(half)] || region < 0) continue;
            if (poll_(1)) return;
            if (ends_[index(half)].vertex < 0) { // a ring without a junction
                is_used_[index(half)] = 1;
                rings.halves.push_back(half);
                end_ring(rings, region);
            } else {
                close_from(half, region, rings);
            }
        }
    }

  private:
    static std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }
    std::int32_t count() const { return static_cast<std::int32_t>(vertices_.size()); }
    const BorderVertex &here(std::int64_t vertex) const { return vertices_[index(vertex)]; }

    void follow_from(std::int32_t start, int direction) {
        static constexpr std::array<std::size_t, 4> at_left{1, 3, 2, 0}, at_right{3, 2, 0, 1};
        const auto arc = static_cast<std::int32_t>(arcs_.owner.size());
        const auto &quadrant = here(start).quadrant;
        arcs_.owner.push_back(
            {quadrant[at_left[index(direction)]], quadrant[at_right[index(direction)]]});
        arcs_.points.push_back(here(start).at);
        int heading = direction;
        std::int32_t vertex = start;
        for (;;) {
            vertex = here(vertex).neighbor[index(heading)];
            if (here(vertex).is_node || vertex == start) break;
            is_passed_[index(vertex)] = 1;
            if (here(vertex).neighbor[index(heading)] < 0) {
                arcs_.points.push_back(here(vertex).at);
                const int turn = (heading + 1) % 4;
                heading = here(vertex).neighbor[index(turn)] >= 0 ? turn : (heading + 3) % 4;
            }
        }
        arcs_.points.push_back(here(vertex).at);
        arcs_.offsets.push_back(static_cast<std::int64_t>(arcs_.points.size()));
        const int back = (heading + 2) % 4;
        if (here(start).is_node) {
            leaves_[index(start)][index(direction)] = 2 * arc;
            leaves_[index(vertex)][index(back)] = 2 * arc + 1;
            ends_.push_back({vertex, heading});
            ends_.push_back({start, (direction + 2) % 4});
        } else {
            is_passed_[index(start)] = 1;
            ends_.resize(ends_.size() + 2);
        }
    }

    void close_from(std::int32_t half, std::int32_t region, ArcRings &rings) {
        for (;;) {
            std::int32_t &place = place_[index(ends_[index(half ^ 1)].vertex)];
            if (place >= 0 || is_used_[index(half)]) {
                const auto bottom = index(place);
                for (std::size_t i = bottom; i < stack_.size(); ++i) {
                    place_[index(ends_[index(stack_[i] ^ 1)].vertex)] = -1;
                    rings.halves.push_back(stack_[i]);
                }
                stack_.resize(bottom);
                end_ring(rings, region);
            }
            if (is_used_[index(half)]) break;
            is_used_[index(half)] = 1;
            place = static_cast<std::int32_t>(stack_.size());
            stack_.push_back(half);
            const HalfEnd end = ends_[index(half)];
            for (const int turn : {3, 0, 1}) { // to the left first: pixels that share a corner are
                                               // apart
                half = leaves_[index(end.vertex)][index((end.direction + turn) % 4)];
                if (half >= 0) break;
            }
        }
    }

    static void end_ring(ArcRings &rings, std::int32_t region) {
        rings.owner.push_back(region);
        rings.offsets.push_back(static_cast<std::int64_t>(rings.halves.size()));
    }

    const Vertices &vertices_;
    Poll &poll_;
    Arcs &arcs_;
    std::vector<std::array<std::int32_t, 4>> leaves_; // the half arc of a junction, by direction
    std::vector<std::uint8_t> is_passed_;             // vertices without a junction
    std::vector<HalfEnd> ends_;                       // of half arcs; none of a ring
    std::vector<std::uint8_t> is_used_;               // half arcs
    std::vector<std::int32_t> place_;                 // of a junction in the ring so far
    std::vector<std::int32_t> stack_;                 // the half arcs of the ring so far
};

} // namespace

void trace_arcs(const RingJob &job, Poll &poll, Arcs &arcs, ArcRings &rings) {
    Vertices vertices;
    list_vertices(job, poll, vertices);
    if (poll(0)) return;
    Tracer tracer(vertices, poll, arcs);
    tracer.follow();
    if (!poll(0)) tracer.close(rings);
}

} // namespace segpost
