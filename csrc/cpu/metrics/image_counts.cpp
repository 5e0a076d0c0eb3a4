#include "cpu/metrics/image_counts.hpp"

#include <cstring>
#include <limits>

namespace segpost {
namespace {

template <class T> char *put(char *to, T value) {
    std::memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

template <class Cell>
void pack(const std::int64_t *counts, std::int64_t size, std::int64_t used, ImageBytes &image) {
    image.cells.resize(static_cast<std::size_t>(used) * sizeof(Cell));
    image.counts.resize(static_cast<std::size_t>(used) * sizeof(std::uint32_t));
    char *cell = image.cells.data(), *count = image.counts.data();
    for (std::int64_t i = 0; i < size; ++i) {
        if (!counts[i]) continue;
        cell = put(cell, static_cast<Cell>(i));
        count = put(count, static_cast<std::uint32_t>(counts[i]));
    }
}

} // namespace

bool launch_image_counts(const ConfusionJob &job, const CancelToken &cancelled,
                         std::int64_t *counts, ImageBytes &image) {
    if (!launch_confusion(job, cancelled, counts)) return false;
    const std::int64_t side = job.rule.classes + 1, size = side * side;
    std::int64_t invalid = 0, used = 0;
    for (std::int64_t i = 0; i < side; ++i) invalid += counts[size + i];
    for (std::int64_t row = 0; row + 1 < side; ++row) invalid += counts[row * side + side - 1];
    const std::int64_t pixels = job.target.n * job.target.h * job.target.w;
    image.is_valid = !invalid && pixels <= std::numeric_limits<std::uint32_t>::max();
    if (!image.is_valid) return true;
    for (std::int64_t i = 0; i < size; ++i) used += counts[i] != 0;
    if (size <= 1 << 16)
        pack<std::uint16_t>(counts, size, used, image);
    else
        pack<std::uint32_t>(counts, size, used, image);
    return true;
}

} // namespace segpost
