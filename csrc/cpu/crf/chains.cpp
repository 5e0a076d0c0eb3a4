// The order in which vertices are blurred.
#include "cpu/crf/vertices.hpp"

#include <iterator>

namespace segpost {

namespace {

constexpr std::size_t least_vertices = 1 << 10; // of a part

} // namespace

// Vertices that share what no step along an axis of the half changes are one part, for no chain
// leads out of it; small parts are joined.
VertexParts Vertices::parts(bool second_half) const {
    VertexParts parts;
    const std::size_t count = size();
    parts.split_points.assign(1, 0);
    if (!second_half) { // by a hash of that: a part may have several
        int bits = 0;
        while (bits < 11 && count >> bits > least_vertices / 2) ++bits;
        const auto bucket = [&](std::uint64_t name) {
            const std::uint64_t common = scheme_.common(name, false);
            return bits ? static_cast<std::size_t>((common * 0x9e3779b97f4a7c15u) >> (64 - bits))
                        : 0;
        };
        std::vector<std::uint32_t> ends((std::size_t{1} << bits) + 1, 0);
        for (std::size_t i = 0; i < count; ++i) ++ends[bucket(names_[i]) + 1];
        for (std::size_t b = 1; b < ends.size(); ++b) ends[b] += ends[b - 1];
        for (const std::uint32_t end : ends)
            if (end >= parts.split_points.back() + least_vertices)
                parts.split_points.push_back(end);
        parts.order.resize(count);
        for (std::size_t i = 0; i < count; ++i)
            parts.order[ends[bucket(names_[i])]++] = static_cast<std::uint32_t>(i);
    } else {
        std::uint64_t common = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint64_t here = scheme_.common(names_[i], true);
            if (here != common && i >= parts.split_points.back() + least_vertices)
                parts.split_points.push_back(static_cast<std::uint32_t>(i));
            common = here;
        }
    }
    if (parts.split_points.back() < count)
        parts.split_points.push_back(static_cast<std::uint32_t>(count));
    return parts;
}

VertexParts Vertices::parts_by_row() const {
    std::vector<std::uint32_t> place(rows_, nobody);
    for (std::uint32_t i = 0; i < size(); ++i) place[row_[i]] = i;
    VertexParts parts;
    std::copy_if(place.begin(), place.end(), std::back_inserter(parts.order),
                 [](std::uint32_t i) { return i != nobody; });
    for (std::uint32_t i = 0; i < size(); i += least_vertices) parts.split_points.push_back(i);
    parts.split_points.push_back(size());
    return parts;
}

Chains Vertices::chains_along(std::int64_t axis, const VertexParts &parts) const {
    const Beside adjacent = beside(axis);
    Chains chains;
    std::uint32_t *rows = chains.rows.reserve(size() + chain_margin), *to = rows;
    chains.split_points.assign(1, 0);
    std::vector<std::uint32_t> starts(size() + 1);
    for (std::size_t part = 0; part + 1 < parts.split_points.size(); ++part) {
        std::size_t count = 0;
        for (std::uint32_t p = parts.split_points[part]; p < parts.split_points[part + 1]; ++p) {
            const std::uint32_t i = parts.order.empty() ? p : parts.order[p];
            starts[count] = i;
            count += int{!adjacent.follows[i]} & int{adjacent.after[i] != nobody}; // hard to guess
        }
        for (std::size_t k = 0; k < count; ++k) {
            std::uint32_t at = starts[k];
            *to++ = row_[at] | chain_start;
            while ((at = adjacent.after[at]) != nobody) *to++ = row_[at];
        }
        chains.split_points.push_back(to - rows);
    }
    std::fill_n(to, chain_margin, chain_start);
    return chains;
}

} // namespace segpost
