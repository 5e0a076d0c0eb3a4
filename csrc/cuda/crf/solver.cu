// Mean field on a device: all iterations are launched one after the other, and waited for only
// where a tolerance or a trace has to be read.
#include "cuda/crf/stages.hpp"

#include "ops/crf/labels.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace segpost::gpu {
namespace {

class Solver : public CrfSolver {
  public:
    Solver(const UnaryView &unary, std::vector<PairwiseJob> jobs, bool own,
           const LatticeConfig *config, std::uintptr_t stream, AllocateFn allocate)
        : unary_(unary), jobs_(std::move(jobs)), workspace_(std::move(allocate), stream_of(stream)),
          shape_{unary.d, unary.h, unary.w} {
        summary_ = summarize(unary_, workspace_);
        bad = summary_.bad;
        if (bad.any()) return;
        if (config) dropped_bound_ = config->prune_bound;
        for (const PairwiseJob &job : jobs_) {
            if (!config)
                terms_.push_back(exact_term(job, shape_, own, workspace_));
            else if (unary.d == 1 && !job.guide.channels)
                terms_.push_back(grid_term(job, shape_, own, workspace_));
            else
                terms_.push_back(lattice_term(job, shape_, *config, own, workspace_));
            const Bound bound(job, unary.labels);
            reach_ +=
                config && own && bound.attracts ? terms_.back()->reach * bound.strongest : INFINITY;
        }
    }

    std::vector<CrfStep> infer(const ProbabilityView &out, std::int64_t iterations,
                               const ProbabilityView *start, double tolerance,
                               bool trace) override {
        const LabelChoice labels(summary_.largest, reach_, dropped_bound_, trace || start);
        const Quads rows(static_cast<std::int64_t>(labels.used()));
        set_up(labels, rows);
        const std::int64_t size = shape_.pixels() * rows.length();
        float *unary = workspace_.alloc<float>(size), *q = workspace_.alloc<float>(size);
        // Sums of many labels do not stay in registers, nor do those of more terms than an update
        // takes.
        const bool watched = trace || tolerance >= 0;
        const bool apart = watched || rows.quads > warp_size || terms_.size() > terms_at_once;
        float *messages = apart ? workspace_.alloc<float>(size) : nullptr;
        pack(unary_, labels.kept, labels.dropped, rows, unary, workspace_);
        if (start)
            read_start(*start, shape_, unary_.labels, rows, q, workspace_);
        else
            first(unary, q, rows);
        std::vector<CrfStep> steps{{NAN, NAN, NAN, NAN}};
        for (std::int64_t done = 0; done < iterations; ++done) {
            filter(q, rows);
            if (!apart) {
                Update update = update_of(unary, q, rows);
                add_terms(update, 0, terms_.size());
                softmax_of_sums(update, workspace_);
                steps.push_back({NAN, NAN, NAN, NAN});
                continue;
            }
            gather(unary, q, messages, rows);
            const double change =
                update_all(messages, q, unary, rows, trace, false, watched, steps.back());
            steps.push_back({NAN, NAN, NAN, watched ? change : NAN});
            if (tolerance >= 0 && change <= tolerance) break;
        }
        if (trace) { // of the last Q
            filter(q, rows);
            gather(unary, q, messages, rows);
            update_all(messages, q, unary, rows, true, true, true, steps.back());
        }
        write(unary_, labels.kept, labels.dropped, rows, q, out, workspace_);
        return steps;
    }

  private:
    // Weights of the labels in use, on the device.
    void set_up(const LabelChoice &labels, Quads rows) {
        const std::int64_t row = rows.length();
        const auto kept = static_cast<std::int64_t>(labels.kept.size());
        for (std::size_t t = 0; t < terms_.size(); ++t) {
            const PairwiseJob &job = jobs_[t];
            Messages &messages = terms_[t]->messages;
            const bool matrix = job.kind == CompatibilityKind::matrix;
            std::vector<float> factor(static_cast<std::size_t>(matrix ? row * row : row), 0.0f);
            for (std::int64_t l = 0; l < kept; ++l) {
                const std::int64_t to = labels.kept[static_cast<std::size_t>(l)];
                if (!matrix)
                    factor[static_cast<std::size_t>(l)] =
                        static_cast<float>(terms_[t]->scale * compatibility_of(job, to));
                for (std::int64_t m = 0; matrix && m < kept; ++m) {
                    const std::int64_t from = labels.kept[static_cast<std::size_t>(m)];
                    factor[static_cast<std::size_t>(m * row + l)] = static_cast<float>(
                        terms_[t]->scale * job.compatibility[to * unary_.labels + from]);
                }
            }
            (matrix ? messages.matrix : messages.label) = workspace_.upload(factor);
            terms_[t]->reserve(rows);
        }
    }
    static double compatibility_of(const PairwiseJob &job, std::int64_t label) {
        return job.compatibility[job.kind == CompatibilityKind::scalar ? 0 : label];
    }

    // What all terms send, each into its messages.
    void filter(const float *q, Quads rows) const {
        Schedule schedule(rows, workspace_);
        for (const auto &term : terms_) term->filter(q, schedule);
        schedule.run();
    }

    Update update_of(const float *base, float *q, Quads rows) const {
        Update update;
        update.shape = shape_, update.rows = rows;
        update.base = base, update.q = q;
        return update;
    }
    void add_terms(Update &update, std::size_t first, std::size_t last) const {
        for (std::size_t t = first; t < last; ++t)
            update.term[update.count++] = terms_[t]->messages;
    }
    void first(const float *unary, float *q, Quads rows) const {
        softmax_of_messages(unary, q, shape_.pixels(), rows, SoftmaxOptions(), workspace_);
    }
    // The unary and the messages of all terms.
    void gather(const float *unary, float *q, float *messages, Quads rows) const {
        std::size_t t = 0;
        do {
            Update update = update_of(t ? messages : unary, q, rows);
            const std::size_t last = std::min<std::size_t>(terms_.size(), t + terms_at_once);
            add_terms(update, t, last);
            add_sums(update, messages, workspace_);
            t = last;
        } while (t < terms_.size());
    }
    // Energies are those of the Q before. The largest change of a value, where it is watched.
    double update_all(const float *messages, float *q, const float *unary, Quads rows, bool trace,
                      bool measure, bool watched, CrfStep &step) const {
        constexpr std::int64_t sums = 3 * softmax_blocks;
        SoftmaxOptions how;
        how.unary = unary, how.measure = measure;
        if (!watched) {
            softmax_of_messages(messages, q, shape_.pixels(), rows, how, workspace_);
            return NAN;
        }
        char *memory = workspace_.alloc_zeros<char>(8 * sums + 8);
        how.change = reinterpret_cast<unsigned *>(memory + 8 * sums);
        if (trace) how.energies = reinterpret_cast<double *>(memory);
        softmax_of_messages(messages, q, shape_.pixels(), rows, how, workspace_);
        std::vector<double> host(sums + 1);
        workspace_.download(reinterpret_cast<char *>(host.data()), memory, 8 * sums + 8);
        if (trace) {
            double energies[3] = {0, 0, 0};
            for (std::int64_t i = 0; i < sums; ++i) // in order
                energies[i % 3] += host[static_cast<std::size_t>(i)];
            step.entropy = energies[0];
            step.unary = energies[1] - summary_.offset;
            step.pairwise = energies[2];
        }
        float change;
        std::memcpy(&change, &host[sums], 4);
        return static_cast<double>(change);
    }

    UnaryView unary_;
    std::vector<PairwiseJob> jobs_;
    double dropped_bound_ = 0.0, reach_ = 0.0;
    Workspace workspace_;
    Shape shape_;
    UnarySummary summary_;
    std::vector<std::unique_ptr<Term>> terms_;
};

} // namespace

std::unique_ptr<CrfSolver> crf_solver(const UnaryView &unary, std::vector<PairwiseJob> terms,
                                      bool own, const LatticeConfig *config, std::uintptr_t stream,
                                      AllocateFn allocate) {
    return std::make_unique<Solver>(unary, std::move(terms), own, config, stream,
                                    std::move(allocate));
}

} // namespace segpost::gpu
