// COCO's compressed strings, as segpost/_core/rle.py documents them.
#include "cpu/runtime/launch.hpp"

namespace segpost {
namespace {

constexpr std::size_t most_characters = 13; // of 5 bits: a number of 64

std::uint8_t *write_number(std::int64_t value, std::uint8_t *to) {
    for (bool has_more = true; has_more;) {
        const std::int64_t digits = value & 0x1f;
        value >>= 5;
        has_more = digits & 0x10 ? value != -1 : value != 0;
        *to++ = static_cast<std::uint8_t>(48 + digits + (has_more ? 0x20 : 0));
    }
    return to;
}

} // namespace

bool launch_count_runs(const RegionRuns &runs, std::int64_t height, std::int64_t width,
                       const CancelToken &cancelled, MaskRuns &out) {
    const std::int64_t pixels = height * width;
    out.counts.reserve(static_cast<std::size_t>(2 * runs.offsets[runs.regions] + runs.regions));
    for (std::int64_t region = 0; region < runs.regions; ++region) {
        if (cancelled()) return false;
        std::int64_t end = 0; // of the run before
        for (std::int64_t i = runs.offsets[region]; i < runs.offsets[region + 1]; ++i) {
            const std::int64_t start = runs.column[i] * height + runs.top[i];
            const std::int64_t length = runs.bottom[i] - runs.top[i];
            if (i > runs.offsets[region] && start == end) {
                out.counts.back() += length;
            } else {
                out.counts.push_back(start - end);
                out.counts.push_back(length);
            }
            end = start + length;
        }
        if (end < pixels) out.counts.push_back(pixels - end);
        out.ends.push_back(static_cast<std::int64_t>(out.counts.size()));
    }
    return true;
}

bool launch_compress_counts(const std::int64_t *counts, const std::int64_t *ends,
                            std::int64_t masks, const CancelToken &cancelled, MaskCodes &out) {
    std::vector<std::uint8_t> &characters = out.characters;
    std::size_t used = 0;
    out.ends.clear();
    for (std::int64_t mask = 0, begin = 0; mask < masks; begin = ends[mask++]) {
        for (std::int64_t i = begin; i < ends[mask]; ++i) {
            if (i % (1 << 20) == 0 && cancelled()) return false;
            if (characters.size() - used < most_characters)
                characters.resize(2 * characters.size() + 4096);
            std::uint8_t *const to = characters.data() + used;
            const std::int64_t before = i - begin > 2 ? counts[i - 2] : 0;
            used += static_cast<std::size_t>(write_number(counts[i] - before, to) - to);
        }
        out.ends.push_back(static_cast<std::int64_t>(used));
    }
    characters.resize(used);
    return true;
}

} // namespace segpost
