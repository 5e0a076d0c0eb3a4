// Connected components of runs: runs of neighboring columns are joined where they touch.
#include "cpu/runtime/launch.hpp"
#include "cpu/runtime/poll.hpp"

#include <algorithm>

namespace segpost {
namespace {

// From a column to one that follows it: dz planes and dx columns on. Runs touch where rows overlap,
// or also where one ends in the row before the other, which is a reach of 1.
struct Direction {
    std::int64_t dz, dx;
    std::int32_t reach;
};

std::vector<Direction> directions_of(Connectivity connectivity) {
    switch (connectivity) {
    case Connectivity::sides_2d: return {{0, 1, 0}};
    case Connectivity::corners_2d: return {{0, 1, 1}};
    case Connectivity::sides_3d: return {{0, 1, 0}, {1, 0, 0}};
    case Connectivity::edges_3d: return {{0, 1, 1}, {1, 0, 1}, {1, -1, 0}, {1, 1, 0}};
    case Connectivity::corners_3d: return {{0, 1, 1}, {1, 0, 1}, {1, -1, 1}, {1, 1, 1}};
    }
    return {};
}

// The first run of the component of every run so far: trees whose roots are their first runs.
class Forest {
  public:
    Forest(std::int32_t *parent, std::int64_t count) : parent_(parent) {
        for (std::int64_t i = 0; i < count; ++i) parent[i] = static_cast<std::int32_t>(i);
    }

    void join(std::int64_t first, std::int64_t second) {
        const std::int32_t a = root(static_cast<std::int32_t>(first));
        const std::int32_t b = root(static_cast<std::int32_t>(second));
        if (a < b)
            parent_[b] = a;
        else
            parent_[a] = b;
    }

  private:
    std::int32_t root(std::int32_t run) {
        while (parent_[run] != run) run = parent_[run] = parent_[parent_[run]];
        return run;
    }

    std::int32_t *parent_;
};

// Joins the runs from a on, which end where `end_a` is, with those of b to end_b, of two columns.
void join_columns(const RegionRuns &runs, std::int64_t a, std::int64_t end_a, std::int64_t b,
                  std::int64_t end_b, std::int32_t reach, Forest &forest) {
    const std::int32_t *top = runs.top, *bottom = runs.bottom;
    while (a < end_a && b < end_b) {
        if (top[a] < bottom[b] + reach && top[b] < bottom[a] + reach) forest.join(a, b);
        const bool ends_together = bottom[a] == bottom[b];
        if (ends_together && a + 1 < end_a && top[a + 1] < bottom[b] + reach)
            forest.join(a + 1, b); // they share a corner
        if (bottom[a] < bottom[b])
            ++a;
        else
            ++b;
    }
}

void join_region(const RegionRuns &runs, std::int64_t first, std::int64_t last, std::int64_t width,
                 const Direction &direction, Forest &forest) {
    const std::int32_t *column = runs.column;
    const std::int64_t step = direction.dz * width + direction.dx;
    const auto end_of_column = [&](std::int64_t run) {
        std::int64_t end = run + 1;
        while (end < last && column[end] == column[run]) ++end;
        return end;
    };
    std::int64_t before = first, previous = first;
    std::int64_t plane_end = width; // columns ascend
    for (std::int64_t begin = first; begin < last;) {
        const std::int64_t end = end_of_column(begin);
        const std::int64_t wanted = column[begin] - step;
        if (step == 1)
            before = previous;
        else
            while (before < begin && column[before] < wanted) before = end_of_column(before);
        if (column[begin] >= plane_end) plane_end = (column[begin] / width + 1) * width;
        const std::int64_t x = column[begin] - (plane_end - width);
        const bool is_in_plane = direction.dx > 0 ? x > 0 : direction.dx < 0 ? x + 1 < width : true;
        if (before < begin && column[before] == wanted && is_in_plane) {
            const std::int64_t before_end = step == 1 ? begin : end_of_column(before);
            join_columns(runs, before, before_end, begin, end, direction.reach, forest);
        }
        previous = begin;
        begin = end;
    }
}

} // namespace

bool launch_label_components(const RegionRuns &runs, std::int64_t width, Connectivity connectivity,
                             const CancelToken &cancelled, std::int32_t *out) {
    const std::int64_t count = runs.offsets[runs.regions];
    const std::vector<Direction> directions = directions_of(connectivity);
    Forest forest(out, count);
    Poll poll(cancelled);
    for (std::int64_t region = 0; region < runs.regions; ++region) {
        const std::int64_t first = runs.offsets[region], last = runs.offsets[region + 1];
        for (const Direction &direction : directions) {
            join_region(runs, first, last, width, direction, forest);
            if (poll(last - first)) return false;
        }
    }
    std::int32_t components = 0;
    for (std::int64_t i = 0; i < count; ++i) // parents precede their children
        out[i] = out[i] == i ? components++ : out[out[i]];
    return true;
}

bool launch_count_contacts(const RegionRuns &runs, const CancelToken &cancelled,
                           std::int64_t *contacts) {
    Poll poll(cancelled);
    for (std::int64_t region = 0; region < runs.regions; ++region) {
        const std::int64_t first = runs.offsets[region], last = runs.offsets[region + 1];
        if (poll(last - first)) return false;
        std::int64_t total = 0;
        for (std::int64_t a = first, b = first; a < last && b < last;) {
            if (runs.column[b] <= runs.column[a]) {
                ++b;
            } else if (runs.column[b] > runs.column[a] + 1) {
                ++a;
            } else {
                const std::int32_t shared =
                    std::min(runs.bottom[a], runs.bottom[b]) - std::max(runs.top[a], runs.top[b]);
                total += std::max(shared, 0);
                if (runs.bottom[a] < runs.bottom[b])
                    ++a;
                else
                    ++b;
            }
        }
        contacts[region] = total;
    }
    return true;
}

bool launch_complement_runs(const RegionRuns &runs, const std::int64_t *boxes,
                            const CancelToken &cancelled, RunVectors &out) {
    Poll poll(cancelled);
    out.offsets.assign(1, 0);
    for (std::int64_t region = 0; region < runs.regions; ++region) {
        const std::int64_t *box = boxes + 4 * region; // x, y, width, height
        const std::int64_t last = runs.offsets[region + 1];
        std::int64_t run = runs.offsets[region];
        for (std::int64_t x = box[0]; x < box[0] + box[2]; ++x) {
            const auto put = [&](std::int64_t from, std::int64_t to) {
                if (from >= to) return;
                out.column.push_back(static_cast<std::int32_t>(x));
                out.top.push_back(static_cast<std::int32_t>(from));
                out.bottom.push_back(static_cast<std::int32_t>(to));
            };
            std::int64_t y = box[1];
            for (; run < last && runs.column[run] == x; y = runs.bottom[run++])
                put(y, runs.top[run]);
            put(y, box[1] + box[3]);
        }
        if (poll(box[2] + last - runs.offsets[region])) return false;
        out.offsets.push_back(static_cast<std::int64_t>(out.column.size()));
    }
    return true;
}

} // namespace segpost
