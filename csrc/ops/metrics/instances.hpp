// Pixels of every instance and how many of them are right: arguments.
#pragma once

#include "ops/metrics/confusion.hpp"

namespace segpost {

struct InstanceJob {
    LabelView preds, target, instances; // instances in [0, instance_count)
    TargetRule rule;
    const std::int64_t *groups = nullptr; // [classes]
    std::int64_t instance_count = 0;
    std::int64_t *counts = nullptr; // [instance_count, 4]: pixels, right, right group, class + 1
};

} // namespace segpost
