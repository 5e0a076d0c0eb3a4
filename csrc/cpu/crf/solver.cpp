#include "cpu/crf/solver.hpp"

#include "cpu/crf/tiles.hpp"
#include "cpu/runtime/tiling.hpp"
#include "ops/crf/labels.hpp"

#include <cmath>

namespace segpost {
namespace {

constexpr std::int64_t work_per_filter = 1 << 17; // floats: steps are short
constexpr std::int64_t many_rows = 1 << 12;
constexpr std::int64_t most_around = 4; // nodes one way that are summed as pixels are visited

// One block of labels alone.
CrfLattice block_of(CrfLattice lattice, std::int64_t block) {
    lattice.sums += block * lattice.block_bytes();
    return lattice;
}

std::int64_t lanes_of_block(std::int64_t row, std::int64_t block) {
    return std::min(block_labels, row - block * block_labels);
}

// Nothing has been sent to vertices that no pixel has.
void clear_bridges(const Lattice &lattice, const CrfLattice &block) {
    const std::int64_t row = block.storage.row_bytes();
    std::fill(block.sums + lattice.start.back() * row, block.sums + block.length * row, char{0});
}

} // namespace

bool CrfOnLattice::prepare(const CancelToken &cancelled) {
    std::int64_t corners = 1;
    const bool image = unary_.d == 1;
    const auto on_grid = [&](const PairwiseJob &job) { return image && !job.guide.channels; };
    for (const PairwiseJob &job : jobs_)
        if (!on_grid(job))
            corners = std::max(corners, (job.has_places ? 4 : 1) + job.guide.channels);
    tiles_ = crf_tiles(unary_.rows(), unary_.w, corners);
    if (!read(cancelled)) return false;
    if (errors_.any()) return true;
    for (const bool grids : {false, true})
        for (std::size_t t = 0; t < jobs_.size(); ++t) {
            const PairwiseJob &job = jobs_[t];
            if (on_grid(job) != grids) continue;
            order_.push_back(t);
            double bound;
            if (grids) {
                grids_.push_back(std::make_unique<Grid>());
                grids_.back()->build(job, unary_.h, unary_.w, tiles_, include_self_);
                bound = grids_.back()->reach;
            } else {
                lattices_.push_back(std::make_unique<Lattice>());
                if (!lattices_.back()->build(job, unary_, tiles_, config_, include_self_,
                                             cancelled))
                    return false;
                bound = lattices_.back()->reach;
            }
            // Without its own term a message is a difference, which rounding may leave below 0.
            const Bound labels(job, unary_.labels);
            reach_ += include_self_ && labels.attracts ? bound * labels.strongest : INFINITY;
        }
    return true;
}

bool CrfOnLattice::read(const CancelToken &cancelled) {
    packed_ = false;
    logs_.reserve(unary_.pixels() * unary_.labels + 64);
    return read_unary(unary_, tiles_, logs_.data(), &largest_, offset_, errors_, cancelled);
}

// One inference: what its passes share.
struct CrfOnLattice::Run {
    CrfOnLattice &solver;
    const CancelToken &cancelled;
    const KernelTable &table = kernels();
    CrfPass pass;
    std::vector<CrfLattice> lattices;
    std::vector<CrfGrid> grids;
    std::vector<CrfWeights> weights;
    std::vector<std::vector<float>> factors;
    std::vector<const float *> self_messages;
    std::vector<std::int32_t> label_of;
    Floats kept;

    Run(CrfOnLattice &s, const CancelToken &i) : solver(s), cancelled(i) {}

    void set_up(bool keep);
    bool pack();
    bool over_pixels(CrfSums &sums);
    bool filter();
    bool filter_wide(const Lattice &, const CrfLattice &, const CrfWeights &);
    void filter_block(const Lattice &, const CrfLattice &block, std::int64_t lanes);
    void blur_part(const Lattice &, const CrfLattice &block, std::int64_t lanes, const AxisGroup &,
                   std::int64_t part) const;
    bool spread(const ProbabilityView &out);
};

void CrfOnLattice::Run::set_up(bool keep) {
    const UnaryView &unary = solver.unary_;
    const std::int64_t labels = static_cast<std::int64_t>(solver.kept_.size());
    label_of = solver.kept_;
    if (!solver.dropped_.empty()) label_of.push_back(solver.dropped_.front());
    pass.h = unary.h, pass.w = unary.w;
    pass.used = static_cast<std::int64_t>(label_of.size());
    pass.row = table.crf_row(pass.used);
    pass.unary = solver.logs_.data();
    pass.pitch = unary.labels;
    pass.label_of = label_of.data();
    const std::int64_t row = pass.row;
    for (std::size_t i = 0; i < solver.order_.size(); ++i) {
        const PairwiseJob &job = solver.jobs_[solver.order_[i]];
        const bool lattice = i < solver.lattices_.size();
        const double scale = lattice ? solver.lattices_[i]->scale : 1.0;
        const bool matrix = job.kind == CompatibilityKind::matrix;
        factors.emplace_back(static_cast<std::size_t>(matrix ? row * row : row), 0.0f);
        std::vector<float> &factor = factors.back();
        for (std::int64_t l = 0; l < labels; ++l) {
            const std::int64_t to = solver.kept_[l];
            if (!matrix)
                factor[l] = static_cast<float>(
                    scale * job.compatibility[job.kind == CompatibilityKind::scalar ? 0 : to]);
            for (std::int64_t m = 0; matrix && m < labels; ++m)
                factor[m * row + l] = static_cast<float>(
                    scale * job.compatibility[to * unary.labels + solver.kept_[m]]);
        }
        CrfWeights weight;
        (matrix ? weight.matrix : weight.label) = factor.data();
        weights.push_back(weight);
        if (lattice) {
            Lattice &own_lattice = *solver.lattices_[i];
            own_lattice.reserve(pass.used, row, matrix || !solver.include_self_);
            lattices.push_back(own_lattice.view);
            self_messages.push_back(
                own_lattice.self_message.empty() ? nullptr : own_lattice.self_message.data());
        } else {
            Grid &own_grid = *solver.grids_[i - solver.lattices_.size()];
            own_grid.reserve(row, solver.tiles_, unary.h, unary.w);
            grids.push_back(own_grid.view);
            const CrfGrid &view = own_grid.view;
            grids.back().direct = view.every_pixel() && !matrix &&
                                  std::max(view.radius_y, view.radius_x) <= most_around;
            self_messages.push_back(own_grid.self_message.empty() ? nullptr
                                                                  : own_grid.self_message.data());
        }
    }
    pass.lattices = lattices.data(), pass.grids = grids.data();
    pass.lattice_count = static_cast<std::int64_t>(lattices.size());
    pass.grid_count = static_cast<std::int64_t>(grids.size());
    pass.weights = weights.data();
    if (!solver.include_self_) pass.self_message = self_messages.data();
    // The best label of a pixel alone has a log of at least -log L: exponents of e - shift stay in
    // float32 where messages are bounded.
    const double shift = std::max(0.0, solver.reach_ - 80);
    pass.shift = shift < 45 ? static_cast<float>(shift) : NAN;
    if (keep || !solver.include_self_) {
        kept.reserve(unary.pixels() * pass.used);
        pass.kept = kept.data();
    }
}

// Unary values of the labels that are left, and the sum of those that are not.
bool CrfOnLattice::Run::pack() {
    CrfOnLattice &s = solver;
    const std::int64_t labels = s.unary_.labels;
    if (s.dropped_.empty()) return true;
    s.packed_ = true;
    return run_tasks(
        static_cast<std::int64_t>(s.tiles_.size()),
        [&](std::int64_t i) {
            const CrfTile &tile = s.tiles_[static_cast<std::size_t>(i)];
            table.crf_pack(s.logs_.data() + tile.first * labels, tile.pixels(), labels,
                           s.kept_.data(), static_cast<std::int64_t>(s.kept_.size()),
                           s.dropped_.data(), static_cast<std::int64_t>(s.dropped_.size()));
        },
        cancelled);
}

bool CrfOnLattice::Run::over_pixels(CrfSums &sums) {
    std::vector<CrfSums> parts(solver.tiles_.size());
    NoErrors no_errors;
    if (!run(
            solver.tiles_, cancelled, no_errors,
            [&](const CrfTile &tile) { return table.crf_pixels_scratch(pass, tile); },
            [&](const CrfTile &tile, char *memory, NoErrors &) {
                table.crf_pixels(pass, tile, memory, parts[static_cast<std::size_t>(tile.index)]);
            }))
        return false;
    for (const CrfSums &part : parts) sums.merge(part); // in order
    return true;
}

// Small lattices are filtered by few threads, each a block of labels along all axes; of large ones,
// and where labels are mixed, all threads take one step after the other.
bool CrfOnLattice::Run::filter_wide(const Lattice &lattice, const CrfLattice &view,
                                    const CrfWeights &weight) {
    const std::int64_t row = pass.row, step = per_task(work_per_filter, row);
    const auto &joints = lattice.joints;
    const auto new_vertex = [&](std::size_t i) { return joints[i].to != joints[i - 1].to; };
    const auto anywhere = [](std::size_t) { return true; };
    const auto joint_count = static_cast<std::int64_t>(joints.size());
    const auto each_block = [&](const auto &work) {
        for (std::int64_t block = 0; block < view.storage.blocks; ++block)
            if (!work(block_of(view, block), lanes_of_block(row, block))) return false;
        return true;
    };
    if (!each_block([&](const CrfLattice &block, std::int64_t lanes) {
            clear_bridges(lattice, block);
            return parallel_parts(split_points(joint_count, step, new_vertex), cancelled,
                                  [&](std::int64_t begin, std::int64_t end) {
                                      table.crf_join(block, lanes, begin, end);
                                  });
        }))
        return false;
    if (weight.matrix && !parallel_parts(split_points(view.length, step / row, anywhere), cancelled,
                                         [&](std::int64_t begin, std::int64_t end) {
                                             const Memory memory = allocate(row * 4);
                                             table.crf_mix(view, weight, row, begin, end,
                                                           memory.get());
                                         }))
        return false;
    return each_block([&](const CrfLattice &block, std::int64_t lanes) {
        for (const AxisGroup &group : lattice.groups)
            if (!run_tasks(
                    group.parts,
                    [&](std::int64_t part) { blur_part(lattice, block, lanes, group, part); },
                    cancelled))
                return false;
        return true;
    });
}

void CrfOnLattice::Run::filter_block(const Lattice &lattice, const CrfLattice &block,
                                     std::int64_t lanes) {
    clear_bridges(lattice, block);
    table.crf_join(block, lanes, 0, static_cast<std::int64_t>(lattice.joints.size()));
    for (const AxisGroup &group : lattice.groups)
        for (std::int64_t part = 0; part < group.parts; ++part)
            blur_part(lattice, block, lanes, group, part);
}

void CrfOnLattice::Run::blur_part(const Lattice &lattice, const CrfLattice &block,
                                  std::int64_t lanes, const AxisGroup &group,
                                  std::int64_t part) const {
    lattice.blur_part(group, part,
                      [&](const std::uint32_t *chain, std::int64_t begin, std::int64_t end) {
                          table.crf_blur(block, lanes, chain, begin, end, lattice.blur_weight);
                      });
}

// Sums become messages: rows and sums change places.
bool CrfOnLattice::Run::filter() {
    struct Task {
        std::size_t term;
        std::int64_t first, last; // rows of nodes, or the block of labels alone
    };
    std::vector<Task> tasks;
    const std::int64_t row = pass.row;
    const auto wide = [&](std::size_t t) {
        return lattices[t].length >= many_rows || weights[t].matrix;
    };
    for (std::size_t t = 0; t < lattices.size(); ++t)
        for (std::int64_t block = 0; block < lattices[t].storage.blocks && !wide(t); ++block)
            tasks.push_back({t, block, block});
    for (std::size_t t = 0; t < grids.size(); ++t) {
        if (grids[t].direct) {
            std::swap(grids[t].sums, grids[t].rows);
            continue;
        }
        solver.grids_[t]->join_strips(solver.tiles_, pass.h, pass.w, row);
        const std::int64_t wanted = per_task(work_per_filter / 2, grids[t].width * row);
        const std::int64_t step = (wanted + grid_rows - 1) / grid_rows * grid_rows;
        for (std::int64_t y = 0; y < grids[t].height; y += step)
            tasks.push_back({lattices.size() + t, y, std::min(y + step, grids[t].height)});
    }
    if (!run_tasks(
            static_cast<std::int64_t>(tasks.size()),
            [&](std::int64_t i) {
                const Task &task = tasks[static_cast<std::size_t>(i)];
                if (task.term < lattices.size())
                    return filter_block(*solver.lattices_[task.term],
                                        block_of(lattices[task.term], task.first),
                                        lanes_of_block(row, task.first));
                const CrfGrid &grid = grids[task.term - lattices.size()];
                const Memory memory = allocate(table.crf_grid_scratch(grid, row));
                table.crf_grid(grid, weights[task.term], row, task.first, task.last, memory.get());
            },
            cancelled))
        return false;
    for (std::size_t t = 0; t < lattices.size(); ++t) {
        if (wide(t) && !filter_wide(*solver.lattices_[t], lattices[t], weights[t])) return false;
        std::swap(lattices[t].sums, lattices[t].rows);
    }
    return true;
}

bool CrfOnLattice::Run::spread(const ProbabilityView &out) {
    const CrfOnLattice &s = solver;
    return run_tasks(
        static_cast<std::int64_t>(s.tiles_.size()),
        [&](std::int64_t i) {
            const CrfTile &tile = s.tiles_[static_cast<std::size_t>(i)];
            const std::int64_t labels = s.unary_.labels;
            const Memory memory = allocate(tile.pixels() * labels * 4);
            const Memory scratch = allocate(table.crf_unary_scratch(s.unary_, tile));
            float *logs = reinterpret_cast<float *>(memory.get());
            std::vector<float> largest(static_cast<std::size_t>(labels), 0.0f);
            double offset = 0;
            UnaryErrors errors;
            table.crf_unary(s.unary_, tile, scratch.get(), logs, largest.data(), offset, errors);
            table.crf_spread(s.unary_, tile, logs, s.dropped_.data(),
                             static_cast<std::int64_t>(s.dropped_.size()), out);
        },
        cancelled);
}

bool CrfOnLattice::infer(const ProbabilityView &out, std::int64_t iterations,
                         const ProbabilityView *start, double tolerance, bool trace,
                         const CancelToken &cancelled, std::vector<CrfStep> &steps) {
    if (packed_ && !read(cancelled)) return false;
    LabelChoice labels(largest_, reach_, config_.prune_bound, start != nullptr);
    kept_ = std::move(labels.kept), dropped_ = std::move(labels.dropped);
    Run here(*this, cancelled);
    here.set_up(trace || tolerance >= 0);
    CrfPass &pass = here.pass;
    // The pixels of every 2 x 2 take turns, except in the last iteration; what changes from one
    // turn to the next would be more than a tolerance.
    constexpr CrfSample turns[] = {{2, 0, 0}, {2, 1, 1}, {2, 0, 1}, {2, 1, 0}};
    constexpr std::int64_t whole_passes = 1, most_sampled = 9;
    const std::int64_t sampled =
        tolerance < 0 && may_sample() ? std::min(iterations - whole_passes, most_sampled) : 0;
    if (!here.pack()) return false;
    pass.start = start;
    const float shift = pass.shift;
    bool written = false;
    for (std::int64_t done = 0;; ++done) {
        const bool last = done == iterations;
        pass.first = done == 0;
        pass.shift = pass.first ? 0.0f : shift;
        pass.trace = trace && !pass.first;
        pass.splat = !last || trace;
        pass.out = last ? &out : nullptr;
        const bool sample = done < sampled && !(pass.first && start);
        pass.sample = sample ? turns[done % 4] : CrfSample();
        CrfSums sums;
        if (!here.over_pixels(sums)) return false;
        if (pass.trace) describe(steps.back(), sums, offset_);
        const bool known = pass.kept && !pass.first;
        steps.push_back({NAN, NAN, NAN, known ? sums.change : NAN});
        written = last;
        if (last || (tolerance >= 0 && known && sums.change <= tolerance)) break;
        if (!here.filter()) return false;
    }
    if (trace) { // of the last Q
        if (!here.filter()) return false;
        pass.first = false, pass.measure = pass.trace = true, pass.out = nullptr;
        CrfSums sums;
        if (!here.over_pixels(sums)) return false;
        describe(steps.back(), sums, offset_);
    }
    if (!written) {
        pass.out = &out;
        if (!run_tasks(
                static_cast<std::int64_t>(tiles_.size()),
                [&](std::int64_t i) {
                    here.table.crf_write(pass, tiles_[static_cast<std::size_t>(i)]);
                },
                cancelled))
            return false;
    }
    return dropped_.empty() || here.spread(out);
}

} // namespace segpost
