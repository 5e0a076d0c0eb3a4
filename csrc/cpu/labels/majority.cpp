#include "cpu/runtime/tiling.hpp"

namespace segpost {

bool launch_resize_majority(const MajorityJob &job, const CancelToken &cancelled) {
    const KernelTable &table = kernels();
    const std::int64_t inputs =
        1 + job.labels.h * job.labels.w / std::max<std::int64_t>(1, job.out.h);
    const std::int64_t step = per_task(bytes_per_task, inputs + job.out.w);
    std::vector<Rows> parts;
    for (std::int64_t n = 0; n < job.out.n; ++n)
        for (std::int64_t y = 0; y < job.out.h; y += step)
            parts.push_back({n, y, std::min(y + step, job.out.h)});
    NoErrors none;
    return run(
        parts, cancelled, none, [&](const Rows &) { return table.resize_majority_scratch(job); },
        [&](const Rows &part, char *memory, NoErrors &) {
            table.resize_majority(job, part, memory);
        });
}

} // namespace segpost
