// Precision and recall of all classes, area ranges and IoU limits, from the matches of detections.
#include "cpu/runtime/launch.hpp"
#include "cpu/runtime/poll.hpp"

#include <algorithm>
#include <limits>

namespace segpost {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double spacing = std::numeric_limits<double>::epsilon();

// One class after the other.
class ClassCurves {
  public:
    explicit ClassCurves(const PrecisionJob &job)
        : job_(job), needed_(size(job.recall_count)),
          curves_(size(job.limits * job.recall_count * cells())) {}

    void compute(std::int64_t label) {
        const std::int64_t first = job_.bounds[label];
        const std::int64_t count = job_.bounds[label + 1] - first;
        wrong_.resize(size(count + 1));
        const std::int64_t *const rank = job_.rank + first;
        const std::int64_t largest = count ? *std::max_element(rank, rank + count) : 0;
        for (std::int64_t a = 0; a < job_.ranges; ++a) {
            const std::int64_t targets = job_.targets[label * job_.ranges + a];
            find_needed(targets);
            for (std::int64_t t = 0; t < job_.limits; ++t) {
                std::int64_t hits = 0;
                for (std::int64_t m = 0; m < job_.most_count; ++m) {
                    const bool has_more = m == 0 || largest >= job_.most[m - 1]; // than before
                    if (targets && has_more)
                        hits = count_hits(first, count, a * job_.limits + t, job_.most[m]);
                    const std::int64_t cell = a * job_.most_count + m;
                    job_.recall[(t * job_.classes + label) * cells() + cell] =
                        targets ? static_cast<double>(hits) / static_cast<double>(targets) : nan;
                    write_curve(curves_.data() + t * job_.recall_count * cells() + cell, hits,
                                targets == 0);
                }
            }
        }
        for (std::int64_t row = 0; row < job_.limits * job_.recall_count; ++row)
            std::copy_n(curves_.data() + row * cells(), cells(),
                        job_.precision + (row * job_.classes + label) * cells());
    }

  private:
    static std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }

    std::int64_t cells() const { return job_.ranges * job_.most_count; }

    // How many true masks reach each recall.
    void find_needed(std::int64_t targets) {
        std::int64_t count = 0;
        for (std::int64_t r = 0; r < job_.recall_count; ++r) {
            while (count <= targets &&
                   static_cast<double>(count) /
                           static_cast<double>(std::max<std::int64_t>(targets, 1)) <
                       job_.recalls[r])
                ++count;
            needed_[size(r)] = count;
        }
    }

    // The detections that are right, and before each of them the number of those that are wrong.
    std::int64_t count_hits(std::int64_t first, std::int64_t count, std::int64_t bit,
                            std::int64_t most) {
        std::int64_t hits = 0, wrong = 0;
        for (std::int64_t i = first; i < first + count; ++i) {
            const auto matched = static_cast<std::int64_t>(job_.matched[i] >> bit & 1);
            const auto counts = static_cast<std::int64_t>(~job_.ignored[i] >> bit & 1) &
                                static_cast<std::int64_t>(job_.rank[i] < most);
            wrong_[size(hits)] = wrong;
            hits += matched & counts;
            wrong += (matched ^ 1) & counts;
        }
        return hits;
    }

    // The largest precision from the hit on that reaches each recall.
    void write_curve(double *curve, std::int64_t hits, bool is_undefined) {
        precision_.resize(size(hits));
        double largest = 0;
        for (std::int64_t k = hits - 1; k >= 0; --k) {
            const auto right = static_cast<double>(k + 1);
            const auto wrong = static_cast<double>(wrong_[size(k)]);
            largest = std::max(largest, right / (wrong + right + spacing));
            precision_[size(k)] = largest;
        }
        for (std::int64_t r = 0; r < job_.recall_count; ++r) {
            const std::int64_t hit = std::max<std::int64_t>(needed_[size(r)], 1);
            const double value = hit <= hits ? precision_[size(hit - 1)] : 0.0;
            curve[r * cells()] = is_undefined ? nan : value;
        }
    }

    const PrecisionJob &job_;
    std::vector<std::int64_t> needed_; // [recall_count]
    std::vector<std::int64_t> wrong_;  // of every hit
    std::vector<double> precision_;    // of every hit
    std::vector<double> curves_;       // [limits, recall_count, ranges, most_count]
};

} // namespace

bool launch_compute_precision(const PrecisionJob &job, const CancelToken &cancelled) {
    ClassCurves curves(job);
    Poll poll(cancelled);
    for (std::int64_t label = 0; label < job.classes; ++label) {
        curves.compute(label);
        const std::int64_t detections = job.bounds[label + 1] - job.bounds[label];
        if (poll((detections + job.recall_count) * job.limits * job.ranges * job.most_count))
            return false;
    }
    return true;
}

} // namespace segpost
