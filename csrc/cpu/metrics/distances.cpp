// Distances of surfaces: most elements have a site within a few pixels, which is looked up in the
// map of marks; the others search the tree of all sites of their class.
#include "cpu/metrics/distances.hpp"
#include "cpu/metrics/surfaces.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

namespace segpost {
namespace {

constexpr std::int64_t pixels_per_strip = 256 << 10;
constexpr std::int64_t queries_per_task = 8 << 10;
constexpr double not_found = -1;

struct Offset {
    std::int64_t step; // in a grid
    double square, distance;
};

// The steps to pixels within the margin of a grid, the nearest first. No pixel beyond the margin is
// nearer than one of them.
std::vector<Offset> near_offsets(const Grid &grid, const SquaredDistance &squared) {
    const std::int64_t m = grid.margin, mz = grid.margin_z();
    const auto beyond = static_cast<double>(m + 1);
    double limit = std::min(squared(0, beyond, 0), squared(0, 0, beyond));
    if (grid.volume) limit = std::min(limit, squared(beyond, 0, 0));
    std::vector<Offset> offsets;
    for (std::int64_t z = -mz; z <= mz; ++z)
        for (std::int64_t y = -m; y <= m; ++y)
            for (std::int64_t x = -m; x <= m; ++x) {
                const double square =
                    squared(static_cast<double>(z), static_cast<double>(y), static_cast<double>(x));
                if (square <= limit)
                    offsets.push_back(
                        {z * grid.plane() + y * grid.pitch() + x, square, std::sqrt(square)});
            }
    std::sort(offsets.begin(), offsets.end(),
              [](const Offset &a, const Offset &b) { return a.square < b.square; });
    return offsets;
}

// Elements, class after class, of each in the order of z, y and x.
class ElementTable {
  public:
    ElementTable(std::int64_t classes, std::size_t strips)
        : offsets_(static_cast<std::size_t>(classes) + 1, 0), strips_(strips) {}

    std::vector<Element> &strip(std::size_t i) { return strips_[i]; }
    const std::vector<Element> &strip(std::size_t i) const { return strips_[i]; }
    const std::vector<std::int64_t> &offsets() const { return offsets_; }
    std::int64_t begin(std::size_t label) const { return offsets_[label]; }
    std::int64_t count(std::size_t label) const { return offsets_[label + 1] - offsets_[label]; }
    const Point *points() const { return points_.data(); }

    // Where the elements of a strip go: of every class the first place.
    std::vector<std::int64_t> places(std::size_t strip) const { return firsts_[strip]; }
    void set_point(std::int64_t place, const Point &at) {
        points_[static_cast<std::size_t>(place)] = at;
    }

    // Once all strips are filled.
    void count_strips() {
        const std::size_t classes = offsets_.size() - 1;
        firsts_.assign(strips_.size(), std::vector<std::int64_t>(classes, 0));
        for (std::size_t i = 0; i < strips_.size(); ++i)
            for (const Element &element : strips_[i])
                ++firsts_[i][static_cast<std::size_t>(element.label)];
        std::int64_t place = 0;
        for (std::size_t label = 0; label < classes; ++label) {
            offsets_[label] = place;
            for (auto &first : firsts_) place += std::exchange(first[label], place);
        }
        offsets_[classes] = place;
        points_.resize(static_cast<std::size_t>(place));
    }

  private:
    std::vector<std::int64_t> offsets_;
    std::vector<std::vector<Element>> strips_;
    std::vector<std::vector<std::int64_t>> firsts_;
    std::vector<Point> points_;
};

template <class Code> class SurfaceSearch {
  public:
    SurfaceSearch(const SurfaceJob &job, const CancelToken &cancelled, SurfaceDistances (&out)[2])
        : job_(job), cancelled_(cancelled), out_(out),
          squared_{{job.spacing[0], job.spacing[1], job.spacing[2]}},
          grid_{job.target.n, job.target.h, job.target.w, job.volume ? 2 : 3, job.volume},
          maps_{CodeMap<Code>(grid_), CodeMap<Code>(grid_)} {}

    bool run() {
        if (!read()) return false;
        const bool has_marks = job_.elements == SurfaceElements::surfaces;
        if (has_marks && !mark()) return false;
        const bool has_sites = !has_marks && job_.elements != SurfaceElements::corners;
        if (!find(elements_, [&](int side, std::int64_t first, std::int64_t last, auto &points) {
                find_elements(maps_[side], maps_[1 - side], job_.elements, first, last, points);
            }))
            return false;
        if (has_sites &&
            !find(sites_, [&](int side, std::int64_t first, std::int64_t last, auto &points) {
                find_sites(maps_[side], job_.elements, first, last, points);
            }))
            return false;
        if (!place(elements_, true) || (has_sites && !place(sites_, false))) return false;
        return search(has_sites ? sites_ : elements_);
    }

  private:
    using Tables = std::vector<ElementTable>;

    template <class Work> bool each_strip(std::int64_t rows, const Work &work) const {
        const std::int64_t step =
            std::max<std::int64_t>(1, pixels_per_strip / std::max<std::int64_t>(grid_.width, 1));
        return run_tasks((rows + step - 1) / step,
                         [&](std::int64_t i) { work(i, i * step, std::min((i + 1) * step, rows)); },
                         cancelled_);
    }

    bool read() {
        return each_strip(grid_.depth * grid_.height,
                          [&](std::int64_t, std::int64_t first, std::int64_t last) {
                              read_codes(job_, first, last, maps_[0], maps_[1]);
                          });
    }

    bool mark() {
        for (CodeMap<Code> &map : maps_) map.marks.assign(map.codes.size(), CodeMap<Code>::none);
        return each_strip(grid_.depth * grid_.height,
                          [&](std::int64_t, std::int64_t first, std::int64_t last) {
                              for (CodeMap<Code> &map : maps_) mark_surfaces(map, first, last);
                          });
    }

    template <class Find> bool find(Tables &tables, const Find &find) {
        const std::int64_t rows = element_rows(grid_, job_.elements);
        const std::int64_t step =
            std::max<std::int64_t>(1, pixels_per_strip / std::max<std::int64_t>(grid_.width, 1));
        const auto strips = static_cast<std::size_t>((rows + step - 1) / step);
        tables.assign(2, ElementTable(job_.rule.classes, strips));
        if (!each_strip(rows, [&](std::int64_t i, std::int64_t first, std::int64_t last) {
                for (int side = 0; side < 2; ++side)
                    find(side, first, last,
                         tables[static_cast<std::size_t>(side)].strip(static_cast<std::size_t>(i)));
            }))
            return false;
        for (ElementTable &table : tables) table.count_strips();
        return true;
    }

    // Sorts elements by class; of surfaces, looks for a near site of each.
    bool place(Tables &tables, bool are_elements) {
        const bool has_codes = job_.elements == SurfaceElements::corners;
        const bool has_marks = job_.elements == SurfaceElements::surfaces;
        if (are_elements)
            for (std::size_t side = 0; side < 2; ++side) {
                const auto count = static_cast<std::size_t>(tables[side].offsets().back());
                out_[side].offsets = tables[side].offsets();
                out_[side].distances.assign(count, not_found);
                out_[side].codes.resize(has_codes ? count : 0);
            }
        const std::vector<Offset> offsets =
            has_marks ? near_offsets(grid_, squared_) : std::vector<Offset>();
        return each_strip(
            element_rows(grid_, job_.elements), [&](std::int64_t i, std::int64_t, std::int64_t) {
                for (std::size_t side = 0; side < 2; ++side) {
                    const auto strip = static_cast<std::size_t>(i);
                    std::vector<std::int64_t> places = tables[side].places(strip);
                    const Code *marks = has_marks ? maps_[1 - side].marks.data() : nullptr;
                    for (const Element &element : tables[side].strip(strip)) {
                        const std::int64_t to = places[static_cast<std::size_t>(element.label)]++;
                        tables[side].set_point(to, element.at);
                        if (has_codes)
                            out_[side].codes[static_cast<std::size_t>(to)] = element.code;
                        if (has_marks)
                            out_[side].distances[static_cast<std::size_t>(to)] =
                                near_distance(marks, element, offsets);
                    }
                    std::vector<Element>().swap(tables[side].strip(strip));
                }
            });
    }

    double near_distance(const Code *marks, const Element &element,
                         const std::vector<Offset> &offsets) const {
        const Code *at = marks + grid_.index(element.at.z, element.at.y, element.at.x);
        const auto label = static_cast<Code>(element.label);
        for (const Offset &offset : offsets)
            if (at[offset.step] == label) return offset.distance;
        return not_found;
    }

    // The elements without a near site.
    bool search(const Tables &sites) {
        struct Task {
            std::size_t side, label;
            std::int64_t begin, end;
        };
        std::vector<Task> builds, queries;
        const auto classes = static_cast<std::size_t>(job_.rule.classes);
        for (std::size_t side = 0; side < 2; ++side)
            for (std::size_t label = 0; label < classes; ++label) {
                const std::int64_t begin = elements_[side].begin(label);
                const std::int64_t end = begin + elements_[side].count(label);
                double *const distances = out_[side].distances.data();
                if (std::find(distances + begin, distances + end, not_found) == distances + end)
                    continue;
                if (!sites[1 - side].count(label)) {
                    std::fill(distances + begin, distances + end,
                              std::numeric_limits<double>::infinity());
                    continue;
                }
                builds.push_back({side, label, 0, 0});
                for (std::int64_t i = begin; i < end; i += queries_per_task)
                    queries.push_back({side, label, i, std::min(i + queries_per_task, end)});
            }
        std::vector<std::unique_ptr<NearestSites>> trees(2 * classes);
        const auto tree_of = [&](const Task &task) -> std::unique_ptr<NearestSites> & {
            return trees[task.side * classes + task.label];
        };
        if (!run_tasks(
                static_cast<std::int64_t>(builds.size()),
                [&](std::int64_t i) {
                    const Task &task = builds[static_cast<std::size_t>(i)];
                    const ElementTable &there = sites[1 - task.side];
                    tree_of(task) =
                        std::make_unique<NearestSites>(there.points() + there.begin(task.label),
                                                       there.count(task.label), squared_);
                },
                cancelled_))
            return false;
        return run_tasks(
            static_cast<std::int64_t>(queries.size()),
            [&](std::int64_t i) {
                const Task &task = queries[static_cast<std::size_t>(i)];
                const NearestSites &tree = *tree_of(task);
                double *const distances = out_[task.side].distances.data();
                const Point *points = elements_[task.side].points();
                std::int64_t hint = 0;
                for (std::int64_t k = task.begin; k < task.end; ++k)
                    if (distances[k] == not_found)
                        distances[k] = std::sqrt(tree.squared_distance(points[k], hint));
            },
            cancelled_);
    }

    const SurfaceJob &job_;
    const CancelToken &cancelled_;
    SurfaceDistances (&out_)[2];
    SquaredDistance squared_;
    Grid grid_;
    CodeMap<Code> maps_[2];
    Tables elements_, sites_;
};

} // namespace

bool launch_surface_distances(const SurfaceJob &job, const CancelToken &cancelled,
                              SurfaceDistances (&out)[2]) {
    return job.rule.classes <= 255 ? SurfaceSearch<std::uint8_t>(job, cancelled, out).run()
                                   : SurfaceSearch<std::uint16_t>(job, cancelled, out).run();
}

} // namespace segpost
