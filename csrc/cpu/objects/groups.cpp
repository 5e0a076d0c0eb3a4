// The stable order of numbered groups, by counting.
#include "cpu/runtime/launch.hpp"
#include "cpu/runtime/poll.hpp"

#include <algorithm>

namespace segpost {

bool launch_sort_groups(const GroupsJob &job, const CancelToken &cancelled, std::int64_t *order,
                        std::int64_t *offsets) {
    Poll poll(cancelled);
    std::fill_n(offsets, job.groups + 1, 0);
    for (std::int64_t i = 0; i < job.count; ++i) ++offsets[job.numbers[i] + 1];
    std::vector<std::int64_t> next(static_cast<std::size_t>(job.groups));
    for (std::int64_t group = 0; group < job.groups; ++group) {
        next[static_cast<std::size_t>(group)] = offsets[group];
        offsets[group + 1] += offsets[group];
    }
    if (poll(job.count)) return false;
    for (std::int64_t i = 0; i < job.count; ++i)
        order[next[static_cast<std::size_t>(job.numbers[i])]++] = i;
    return true;
}

} // namespace segpost
