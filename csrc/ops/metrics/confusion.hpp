// Counts of (target, prediction) pairs: arguments. Counts are int64 sums of integers, so the order
// of the additions, and with it the number of threads, cannot change them.
#pragma once

#include "ops/labels/labels.hpp"
#include "ops/portable.hpp"

namespace segpost {

// Which targets are classes, which are void. A value of `ignored` may be a class: then it is void.
struct TargetRule {
    std::int64_t classes = 0;
    const std::int64_t *ignored = nullptr; // sorted, each once
    std::int64_t ignored_count = 0;

    SEGPOST_HOST_DEVICE bool is_ignored(std::int64_t value) const {
        std::int64_t low = 0, high = ignored_count;
        while (low < high) {
            const std::int64_t middle = (low + high) / 2;
            (ignored[middle] < value ? low : high) = ignored[middle] < value ? middle + 1 : middle;
        }
        return low < ignored_count && ignored[low] == value;
    }
    SEGPOST_HOST_DEVICE bool in_range(std::int64_t value) const {
        return value >= 0 && value < classes;
    }
    // Rows of the counts: the classes, void, what is neither.
    SEGPOST_HOST_DEVICE std::int64_t row(std::int64_t target) const {
        if (ignored_count && is_ignored(target)) return classes;
        return in_range(target) ? target : classes + 1;
    }
    // Columns of the counts: the classes, what is none.
    SEGPOST_HOST_DEVICE std::int64_t column(std::int64_t pred) const {
        return in_range(pred) ? pred : classes;
    }
    SEGPOST_HOST_DEVICE std::int64_t cell(std::int64_t target, std::int64_t pred) const {
        return row(target) * (classes + 1) + column(pred);
    }
};

// Which values of a map of strata are one. Strata are at most `most`, so that a byte holds them.
struct StratumRule {
    static constexpr std::int64_t most = 128;
    std::int64_t count = 0; // 0: pixels are not counted apart

    // Tables of the counts: the strata, void, what is neither.
    SEGPOST_HOST_DEVICE std::int64_t table(std::int64_t value) const {
        if (value >= 0 && value < count) return value;
        return value == 255 || value == -1 ? count : count + 1;
    }
};

struct ConfusionJob {
    LabelView preds, target, strata; // strata only where there are some
    TargetRule rule;
    StratumRule stratum;
};

struct ConfusionLogitsJob {
    ArgmaxJob argmax; // without labels and color
    LabelView target;
    TargetRule rule;
};

// Where a kernel's counts go: [classes + 2, classes + 1], of strata one after another. `add` takes
// cells and what to add to each, `add_row` numbers for neighboring cells.
struct CountSink {
    void (*add)(void *self, const std::int64_t *cells, const std::int64_t *times,
                std::int64_t count) = nullptr;
    void (*add_row)(void *self, std::int64_t first, const std::uint32_t *times,
                    std::int64_t count) = nullptr;
    void *self = nullptr;
};

// Rows [y0, y1), columns [x0, x1) of image n.
struct Rect {
    std::int64_t n, y0, y1, x0, x1;
};

} // namespace segpost
