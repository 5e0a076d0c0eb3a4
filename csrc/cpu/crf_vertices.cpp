#include "crf_vertices.hpp"

#include "tasks.hpp"

namespace segpost {

Keys embed_tile(const PairwiseJob &job, const std::vector<double> &origin,
                const std::vector<float> &scale, const Naming &naming, std::int64_t h,
                const CrfTile &tile, Lattice &lattice) {
    const std::int64_t n = lattice.view.corners, d = n - 1, pitch = (tile.width() + 15) / 16 * 16;
    const Memory memory = allocate(8 * pitch * n);
    std::int32_t *simplex = reinterpret_cast<std::int32_t *>(memory.get());
    float *weight = reinterpret_cast<float *>(simplex + pitch * n);
    Keys vertices(d, naming.unique), simplices(n, naming.unique);
    simplices.reserve(static_cast<std::size_t>(tile.pixels()) / 4);
    std::vector<std::uint16_t> corner_of; // [simplices, n]
    std::vector<std::int32_t> name(static_cast<std::size_t>(n)), key(name), by_rank(name);
    std::uint64_t all = 0;
    for (std::int64_t i = 0; i < d; ++i) all += naming.factor[i];
    // Corner 0, then one coordinate after the other, by falling rank, stays d behind as the others
    // go one on.
    const auto new_simplex = [&] {
        for (std::int64_t i = 0; i < n; ++i) {
            const std::int32_t rest = name[i] % static_cast<std::int32_t>(n);
            const std::int32_t rank = rest < 0 ? rest + static_cast<std::int32_t>(n) : rest;
            key[i] = name[i] - rank;
            by_rank[rank] = static_cast<std::int32_t>(i);
        }
        std::uint64_t vertex = naming.of(key.data(), d);
        for (std::int64_t k = 0; k < n; ++k) {
            corner_of.push_back(static_cast<std::uint16_t>(vertices.add(vertex, key.data())));
            const std::int32_t last = by_rank[d - k];
            vertex += all;
            if (last < d) vertex -= naming.factor[last] * static_cast<std::uint64_t>(n);
            if (naming.unique) continue;
            for (std::int64_t i = 0; i < n; ++i) ++key[i];
            key[last] -= static_cast<std::int32_t>(n);
        }
    };
    for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
        kernels().crf_embed(job, origin.data(), scale.data(), h, y, tile.x0, tile.width(), simplex,
                            weight, pitch);
        const std::int64_t first = tile.first + (y - tile.y0) * tile.width();
        for (std::int64_t x = 0; x < tile.width(); ++x) {
            for (std::int64_t i = 0; i < n; ++i) name[i] = simplex[i * pitch + x];
            const std::uint32_t known = simplices.size();
            const std::uint32_t id = simplices.add(naming.of(name.data(), n), name.data());
            if (id == known) new_simplex();
            const std::int64_t at = (first + x) * n;
            for (std::int64_t k = 0; k < n; ++k) {
                lattice.corner[at + k] = corner_of[id * n + k];
                lattice.weight[at + k] = weight[k * pitch + x];
            }
        }
    }
    return vertices;
}

void join_tiles(const std::vector<Keys> &tiles, Lattice &lattice, Keys &all) {
    lattice.start.assign(1, 0);
    for (const Keys &tile : tiles) lattice.start.push_back(lattice.start.back() + tile.size());
    const std::size_t total = static_cast<std::size_t>(lattice.start.back());
    all.reserve(total);
    lattice.vertex.resize(total);
    std::size_t at = 0;
    for (const Keys &tile : tiles)
        for (std::uint32_t i = 0; i < tile.size(); ++i) {
            if (i + 8 < tile.size()) all.prefetch(tile.name(i + 8));
            lattice.vertex[at++] = all.add(tile.name(i), tile.key(i));
        }
}

namespace {

// Neighbours of vertices by number: of the vertex, and the way that leads there.
struct Ways {
    const Keys &keys;
    std::vector<Neighbour> along;
    std::uint32_t count;

    Ways(const Keys &all, const Naming &naming, std::int64_t corners)
        : keys(all), count(static_cast<std::uint32_t>(2 * corners)) {
        for (std::int64_t axis = 0; axis < corners; ++axis)
            along.emplace_back(naming, corners - 1, axis);
    }
    static int sign(std::uint32_t way) { return way % 2 ? -1 : 1; }
    std::uint64_t name(std::uint32_t number) const {
        const std::uint32_t way = number % count;
        return along[way / 2].name(keys.name(number / count), sign(way));
    }
    const std::int32_t *key(std::uint32_t number) {
        const std::uint32_t way = number % count;
        return along[way / 2].of(keys, number / count, sign(way));
    }
};

// Of missing neighbours those that `least` vertices have met, by the number of the first. Names
// that are not unique may be taken for one another here: then a vertex is added that fewer have
// met, which does no harm.
std::vector<std::uint32_t> met_often(const Ways &ways,
                                     const std::vector<const std::vector<std::uint32_t> *> &lists,
                                     std::int64_t least) {
    struct Slot {
        std::uint64_t name = 0;
        std::uint32_t first = nobody, count = 0;
    };
    std::size_t total = 0;
    for (const auto *list : lists) total += list->size();
    int bits = 6;
    while ((std::size_t{1} << bits) < total) ++bits;
    std::vector<Slot> slots(std::size_t{1} << bits);
    const std::size_t mask = slots.size() - 1;
    for (const auto *list : lists)
        for (const std::uint32_t number : *list) {
            const std::uint64_t name = ways.name(number);
            std::size_t at = static_cast<std::size_t>((name * 0x9e3779b97f4a7c15u) >> (64 - bits));
            while (slots[at].first != nobody && slots[at].name != name) at = (at + 1) & mask;
            if (slots[at].first == nobody) slots[at].name = name, slots[at].first = number;
            ++slots[at].count;
        }
    std::vector<std::uint32_t> often;
    for (const Slot &slot : slots)
        if (slot.count >= least) often.push_back(slot.first);
    return often;
}

} // namespace

bool add_bridges(Keys &keys, const Naming &naming, std::int64_t corners, std::int64_t least,
                 const Interrupted &interrupted) {
    const std::uint32_t before = keys.size();
    const Ways ways(keys, naming, corners);
    if (before >= nobody / ways.count) return true; // no numbers for so many
    const Sieve sieve(keys);
    constexpr int share_bits = 6; // of names: the table of one fits a cache
    constexpr std::int64_t shares = 1 << share_bits;
    constexpr std::uint32_t step = 1 << 14;
    const std::int64_t chunks = (before + step - 1) / step;
    std::vector<std::vector<std::uint32_t>> met(static_cast<std::size_t>(chunks * shares));
    const auto look_around = [&](std::int64_t chunk) {
        Ways here = ways;
        std::vector<std::uint32_t> *lists = met.data() + chunk * shares;
        const std::uint32_t first = static_cast<std::uint32_t>(chunk) * step;
        const std::uint32_t last = std::min(first + step, before);
        for (std::int64_t s = 0; s < shares; ++s)
            lists[s].reserve((last - first) * ways.count / shares * 5 / 4);
        for (std::uint32_t id = first; id < last; ++id)
            for (std::uint32_t way = 0; way < ways.count; ++way) {
                const std::uint32_t number = id * ways.count + way;
                const std::uint64_t name = here.along[way / 2].name(keys.name(id), Ways::sign(way));
                if (sieve.passes(name) && keys.find(name, here.key(number)) != nobody) continue;
                lists[(name * 0xd1342543de82ef95u) >> (64 - share_bits)].push_back(number);
            }
    };
    if (!run_tasks(chunks, look_around, interrupted)) return false;
    std::vector<std::vector<std::uint32_t>> found(shares);
    const auto count = [&](std::int64_t share) {
        std::vector<const std::vector<std::uint32_t> *> lists;
        for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
            lists.push_back(&met[static_cast<std::size_t>(chunk * shares + share)]);
        found[static_cast<std::size_t>(share)] = met_often(ways, lists, least);
    };
    if (!run_tasks(shares, count, interrupted)) return false;
    std::vector<std::uint32_t> all;
    for (const auto &list : found) all.insert(all.end(), list.begin(), list.end());
    std::sort(all.begin(), all.end());
    keys.reserve(before + all.size());
    Ways here = ways;
    for (const std::uint32_t number : all) {
        const std::uint64_t name = here.name(number);
        keys.add(name, here.key(number));
    }
    return true;
}

std::vector<std::uint32_t> chains_along(const Keys &keys, const Sieve &sieve, const Naming &naming,
                                        std::int64_t axis, std::int64_t corners) {
    Neighbour neighbour(naming, corners - 1, axis);
    const std::uint32_t count = keys.size();
    std::vector<std::uint32_t> next(count, nobody), chain;
    std::vector<bool> follows(count, false);
    constexpr std::uint32_t ahead = 16;
    for (std::uint32_t id = 0; id < count; ++id) {
        if (id + ahead < count) {
            const std::uint64_t soon = neighbour.name(keys.name(id + ahead), 1);
            if (sieve.passes(soon)) keys.prefetch(soon);
        }
        const std::uint64_t name = neighbour.name(keys.name(id), 1);
        if (!sieve.passes(name)) continue;
        next[id] = keys.find(name, neighbour.of(keys, id, 1));
        if (next[id] != nobody) follows[next[id]] = true;
    }
    for (std::uint32_t id = 0; id < count; ++id) {
        if (follows[id] || next[id] == nobody) continue;
        chain.push_back(id | chain_start);
        for (std::uint32_t at = next[id]; at != nobody; at = next[at]) chain.push_back(at);
    }
    return chain;
}

} // namespace segpost
