// Pixels of every instance, and how many of them are right.
#include "ops/metrics/instances.hpp"
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/label_rows.hpp"

namespace segpost::SEGPOST_LEVEL {

std::int64_t instance_counts_scratch(const InstanceJob &job) {
    return 3 * round_up(8 * job.target.w, 64);
}

void instance_counts(const InstanceJob &job, const Rows &part, char *memory) {
    Scratch scratch(memory);
    const std::int64_t w = job.target.w;
    std::int64_t *preds = scratch.take<std::int64_t>(w);
    std::int64_t *target = scratch.take<std::int64_t>(w);
    std::int64_t *instance = scratch.take<std::int64_t>(w);
    for (std::int64_t y = part.y0; y < part.y1; ++y) {
        widen_labels(job.preds, part.n, y, 0, w, preds);
        widen_labels(job.target, part.n, y, 0, w, target);
        widen_labels(job.instances, part.n, y, 0, w, instance);
        std::int64_t next = 0;
        for (std::int64_t x = 0; x < w; x = next) { // runs of pixels that are alike
            next = x + 1;
            while (next < w && target[next] == target[x] && preds[next] == preds[x] &&
                   instance[next] == instance[x])
                ++next;
            const std::int64_t c = job.rule.row(target[x]), p = preds[x];
            if (c >= job.rule.classes || instance[x] < 0 || instance[x] >= job.instance_count)
                continue;
            std::int64_t *row = job.counts + 4 * instance[x];
            row[0] += next - x;
            row[1] += p == c ? next - x : 0;
            row[2] += job.rule.in_range(p) && job.groups[p] == job.groups[c] ? next - x : 0;
            row[3] = row[3] == 0 || row[3] == c + 1 ? c + 1 : -1;
        }
    }
}

} // namespace segpost::SEGPOST_LEVEL
