// Vertices without pixels, through which others reach each other.
#include "cpu/crf/vertices.hpp"

#include "cpu/runtime/tiling.hpp"

#include <array>

namespace segpost {

// Names in from..from + length that are no vertices, though they are neighbours of at least so many
// of them: each with the first of those and the way from there. Names that are not unique may be
// taken for one another: then a vertex is added that fewer have met, which does no harm.
void Vertices::add_missing(const std::vector<Beside> &beside, std::uint64_t from,
                           std::uint64_t length, std::int64_t least, Count &count) const {
    struct Share {
        std::size_t begin, end;
    };
    std::array<std::array<Share, 2>, 2 * (most_features + 1)> shares{};
    std::size_t most = 0, size = 0;
    for (std::uint32_t way = 0; way < ways(); ++way) {
        const std::uint64_t begin = from - change_to(way), end = begin + length;
        const bool around = end < begin; // there names begin at zero again
        shares[way][0] = {place(begin), around ? this->size() : place(end)};
        if (around) shares[way][1] = {0, place(end)};
        for (const Share &share : shares[way]) most += share.end - share.begin;
    }
    Missing *candidates = count.missing.reserve(most + 1);
    for (std::uint32_t way = 0; way < ways(); ++way) {
        const Beside &along = beside[way / 2];
        for (const Share &share : shares[way])
            for (std::size_t i = share.begin; i < share.end; ++i) {
                candidates[size] = {names_[i] + change_to(way), row_[i] * ways() + way, 0};
                size += way % 2 ? !along.follows[i] : along.after[i] == nobody; // hard to guess
            }
    }
    const auto bits_for = [](std::size_t number) {
        int bits = 6;
        while ((std::size_t{1} << bits) < number) ++bits;
        return bits;
    };
    int bits = bits_for(size);
    const auto hash = [&](const Missing &one) {
        return static_cast<std::size_t>((one.name * 0x9e3779b97f4a7c15u) >> (64 - bits));
    };
    // Most are met by few: what adds up to too little under the same hash is not looked at again.
    count.rough.assign(std::size_t{1} << bits, 0);
    for (std::size_t i = 0; i < size; ++i) ++count.rough[hash(candidates[i])];
    std::size_t left = 0;
    for (std::size_t i = 0; i < size; ++i) {
        candidates[left] = candidates[i];
        left += count.rough[hash(candidates[i])] >= least;
    }
    bits = bits_for(2 * left);
    count.slots.assign(std::size_t{1} << bits, Missing{0, 0, 0});
    const std::size_t mask = count.slots.size() - 1;
    for (std::size_t i = 0; i < left; ++i) {
        std::size_t at = hash(candidates[i]);
        while (count.slots[at].count && count.slots[at].name != candidates[i].name)
            at = (at + 1) & mask;
        if (!count.slots[at].count) count.slots[at] = candidates[i];
        if (++count.slots[at].count == least) count.often.push_back(count.slots[at]);
    }
}

bool Vertices::add_bridges(std::int64_t least, const CancelToken &cancelled) {
    const std::int64_t before = size();
    if (rows_ >= nobody / ways()) return true; // no numbers for so many
    std::vector<Beside> all_beside(static_cast<std::size_t>(corners_));
    if (!run_tasks(
            corners_,
            [&](std::int64_t axis) { all_beside[static_cast<std::size_t>(axis)] = beside(axis); },
            cancelled))
        return false;
    // Names in shares: what is counted of one stays in a cache.
    constexpr std::int64_t share = 1 << 11, together = 16;
    const std::int64_t shares = 2 + before / share, tasks = (shares + together - 1) / together;
    const auto begin = [&](std::int64_t i) {
        return i % shares ? names_[static_cast<std::size_t>(i * before / shares)] + 1 : 0;
    };
    std::vector<std::vector<Missing>> missing(static_cast<std::size_t>(tasks));
    if (!run_tasks(
            tasks,
            [&](std::int64_t task) {
                Count count;
                const std::int64_t end = std::min((task + 1) * together, shares);
                for (std::int64_t i = task * together; i < end; ++i)
                    add_missing(all_beside, begin(i), begin(i + 1) - begin(i), least, count);
                missing[static_cast<std::size_t>(task)] = std::move(count.often);
            },
            cancelled))
        return false;
    std::vector<Missing> all;
    for (const auto &part : missing) all.insert(all.end(), part.begin(), part.end());
    std::vector<Named> order, bridges, both; // order: near those that miss them
    for (const Missing &one : all)
        order.push_back({one.number, static_cast<std::uint32_t>(order.size())});
    sort(order);
    for (const Named &next : order) {
        const Missing &one = all[next.row];
        const std::int64_t row = one.number / ways(), way = one.number % ways();
        bridges.push_back({one.name, rows_++});
        for (std::int64_t i = 0; i < width_; ++i)
            keys_.push_back(
                keys_[static_cast<std::size_t>(row * width_ + i)] +
                static_cast<std::int32_t>((way % 2 ? -1 : 1) * (i == way / 2 ? -width_ : 1)));
    }
    sort(bridges);
    both.reserve(size() + bridges.size());
    std::size_t i = 0;
    for (const Named &bridge : bridges) {
        for (; i < size() && names_[i] < bridge.name; ++i) both.push_back({names_[i], row_[i]});
        both.push_back(bridge);
    }
    for (; i < size(); ++i) both.push_back({names_[i], row_[i]});
    keep(both);
    return true;
}

} // namespace segpost
