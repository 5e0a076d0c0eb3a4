// Matches of the detections of an image with its true masks, as COCO's code makes them.
#include "cpu/runtime/launch.hpp"
#include "cpu/runtime/poll.hpp"

#include <algorithm>
#include <numeric>

namespace segpost {
namespace {

// The runs of a mask, its columns left to right - 1, and its pixels.
struct Extent {
    std::int64_t first, last, pixels;
    std::int32_t left, right;
};

std::vector<Extent> measure(const RegionRuns &runs) {
    std::vector<Extent> extents;
    extents.reserve(static_cast<std::size_t>(runs.regions));
    for (std::int64_t region = 0; region < runs.regions; ++region) {
        Extent extent{runs.offsets[region], runs.offsets[region + 1], 0, 0, 0};
        if (extent.first < extent.last) {
            extent.left = runs.column[extent.first];
            extent.right = runs.column[extent.last - 1] + 1;
        }
        for (std::int64_t i = extent.first; i < extent.last; ++i)
            extent.pixels += runs.bottom[i] - runs.top[i];
        extents.push_back(extent);
    }
    return extents;
}

// The first run of a mask that is in a column or behind it.
std::int64_t find_column(const RegionRuns &runs, const Extent &mask, std::int32_t column) {
    const std::int32_t *const begin = runs.column;
    return std::lower_bound(begin + mask.first, begin + mask.last, column) - begin;
}

std::int64_t count_shared(const RegionRuns &masks, const Extent &mask, const RegionRuns &others,
                          const Extent &other) {
    if (std::max(mask.left, other.left) >= std::min(mask.right, other.right)) return 0;
    std::int64_t a = find_column(masks, mask, other.left);
    std::int64_t b = find_column(others, other, mask.left);
    std::int64_t total = 0;
    while (a < mask.last && b < other.last) {
        const std::int32_t x = masks.column[a], other_x = others.column[b];
        const std::int32_t end = masks.bottom[a], other_end = others.bottom[b];
        const std::int32_t shared =
            std::min(end, other_end) - std::max(masks.top[a], others.top[b]);
        total += x == other_x && shared > 0 ? shared : 0;
        const bool is_first = x < other_x || (x == other_x && end < other_end);
        a += is_first;
        b += !is_first;
    }
    return total;
}

std::uint64_t low_bits(std::int64_t count) {
    return count < 64 ? (std::uint64_t{1} << count) - 1 : ~std::uint64_t{0};
}

// The bits of the ranges that an area is outside of.
std::uint64_t outside(const DetectionJob &job, double area) {
    std::uint64_t bits = 0;
    for (std::int64_t a = 0; a < job.range_count; ++a)
        if (area < job.ranges[2 * a] || area > job.ranges[2 * a + 1])
            bits |= low_bits(job.limit_count) << a * job.limit_count;
    return bits;
}

using Numbers = std::vector<std::int64_t>; // of masks

// Masks by class, then in their order.
Numbers by_class(const std::int64_t *classes, std::int64_t count) {
    Numbers order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int64_t a, std::int64_t b) { return classes[a] < classes[b]; });
    return order;
}

// The predicted masks that can count, by class, then in descending order of scores.
Numbers rank_detections(const DetectionJob &job) {
    Numbers order = by_class(job.classes, job.preds.regions);
    const auto count = job.preds.regions;
    std::int64_t kept = 0;
    for (std::int64_t begin = 0, end = 0; begin < count; begin = end) {
        const std::int64_t label = job.classes[order[static_cast<std::size_t>(begin)]];
        while (end < count && job.classes[order[static_cast<std::size_t>(end)]] == label) ++end;
        std::stable_sort(
            order.begin() + begin, order.begin() + end,
            [&](std::int64_t a, std::int64_t b) { return job.scores[a] > job.scores[b]; });
        const std::int64_t taken = std::min(end - begin, job.most);
        std::copy_n(order.begin() + begin, taken, order.begin() + kept);
        kept += taken;
    }
    order.resize(static_cast<std::size_t>(kept));
    return order;
}

// A true mask that a detection may match, at the limits that their IoU reaches.
struct Option {
    double iou;
    std::int64_t mask;
    std::uint64_t reached;
};

class Matcher {
  public:
    explicit Matcher(const DetectionJob &job)
        : job_(job), preds_(measure(job.preds)), target_(measure(job.target)),
          free_(target_.size(), every()), ignored_(target_.size()) {
        for (std::size_t k = 0; k < target_.size(); ++k)
            ignored_[k] = job.is_crowd[k] ? every() : outside(job, job.true_areas[k]);
    }

    std::uint64_t ignored(std::int64_t mask) const { return ignored_[index(mask)]; }

    // Matches a detection with the true masks first to last - 1 of its class.
    void match(std::int64_t pred, const std::int64_t *first, const std::int64_t *last,
               DetectionMatches &out) {
        const Extent &own = preds_[index(pred)];
        find_options(own, first, last);
        std::uint64_t rest = every(), skipped = 0;
        for (const Option &option : options_) rest ^= take(option, rest, ~ignored(option.mask));
        for (const Option &option : options_) {
            const std::uint64_t bits = take(option, rest, ignored(option.mask));
            rest ^= bits;
            skipped |= bits;
        }
        const std::uint64_t matched = every() ^ rest;
        out.classes.push_back(job_.classes[pred]);
        out.scores.push_back(job_.scores[pred]);
        out.matched.push_back(matched);
        out.ignored.push_back(skipped |
                              (outside(job_, static_cast<double>(own.pixels)) & ~matched));
    }

  private:
    static std::size_t index(std::int64_t mask) { return static_cast<std::size_t>(mask); }

    std::uint64_t every() const { return low_bits(job_.limit_count * job_.range_count); }

    // In descending order of IoU, of equal ones the last first.
    void find_options(const Extent &own, const std::int64_t *first, const std::int64_t *last) {
        options_.clear();
        for (const std::int64_t *at = first; at < last; ++at) {
            const Extent &other = target_[index(*at)];
            const std::int64_t shared = count_shared(job_.preds, own, job_.target, other);
            const std::int64_t pixels =
                job_.is_crowd[*at] ? own.pixels : own.pixels + other.pixels - shared;
            const double iou = static_cast<double>(shared) /
                               static_cast<double>(std::max(pixels, std::int64_t{1}));
            const std::int64_t passed =
                std::upper_bound(job_.limits, job_.limits + job_.limit_count, iou) - job_.limits;
            if (passed == 0) continue;
            std::uint64_t reached = 0;
            for (std::int64_t a = 0; a < job_.range_count; ++a)
                reached |= low_bits(passed) << a * job_.limit_count;
            options_.push_back({iou, *at, reached});
        }
        std::sort(options_.begin(), options_.end(), [](const Option &a, const Option &b) {
            return a.iou > b.iou || (a.iou == b.iou && a.mask > b.mask);
        });
    }

    std::uint64_t take(const Option &option, std::uint64_t rest, std::uint64_t wanted) {
        std::uint64_t &free = free_[index(option.mask)];
        const std::uint64_t bits = option.reached & rest & free & wanted;
        if (!job_.is_crowd[option.mask]) free ^= bits;
        return bits;
    }

    const DetectionJob &job_;
    const std::vector<Extent> preds_, target_;
    std::vector<std::uint64_t> free_, ignored_; // bits of true masks
    std::vector<Option> options_;
};

} // namespace

bool launch_match_masks(const DetectionJob &job, const CancelToken &cancelled,
                        DetectionMatches &out) {
    Matcher matcher(job);
    Poll poll(cancelled);
    const Numbers truth = by_class(job.true_classes, job.target.regions);
    const std::int64_t *const begin = truth.data(), *const end = begin + truth.size();
    const std::int64_t *first = begin, *last = begin;
    for (const std::int64_t pred : rank_detections(job)) {
        const std::int64_t label = job.classes[pred];
        while (first < end && job.true_classes[*first] < label) ++first;
        last = std::max(last, first);
        while (last < end && job.true_classes[*last] == label) ++last;
        matcher.match(pred, first, last, out);
        if (poll((last - first + 1) * (1 << 10))) return false;
    }
    for (const std::int64_t *at = begin; at < end; ++at) {
        if (at == begin || job.true_classes[*at] != job.true_classes[at[-1]]) {
            out.target_classes.push_back(job.true_classes[*at]);
            out.targets.resize(out.targets.size() + static_cast<std::size_t>(job.range_count));
        }
        std::int64_t *const counts = out.targets.data() + out.targets.size() - job.range_count;
        for (std::int64_t a = 0; a < job.range_count; ++a)
            counts[a] += !(matcher.ignored(*at) >> a * job.limit_count & 1);
    }
    return true;
}

} // namespace segpost
