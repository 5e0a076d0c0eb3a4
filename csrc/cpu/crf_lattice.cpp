#include "crf_lattice.hpp"

#include "tasks.hpp"

#include <cmath>
#include <cstring>

namespace segpost {
namespace {

constexpr std::uint32_t nobody = 0xffffffffu;
constexpr std::uint32_t many = 1 << 16; // vertices for which bridges are too many

// Names of vertices and simplices: integer coordinates times a factor each, added up modulo 2^64. A
// neighbour's name is that of the vertex plus a constant. Where the coordinates' ranges multiply to
// less than 2^64 no two have the same name; else names are random, and coordinates are compared.
struct Naming {
    std::vector<std::uint64_t> factor;
    bool unique = true;

    explicit Naming(const std::vector<double> &ranges) {
        double product = 1;
        for (const double range : ranges) product *= range;
        unique = product < 0x1p63;
        std::uint64_t step = 1;
        for (std::size_t i = 0; i < ranges.size(); ++i) {
            std::uint64_t z = (i + 1) * 0x9e3779b97f4a7c15u; // splitmix64
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
            z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
            factor.push_back(unique ? step : (z ^ (z >> 31)) | 1);
            step *= static_cast<std::uint64_t>(unique ? ranges[i] : 1);
        }
    }
    std::uint64_t of(const std::int32_t *key, std::int64_t count) const {
        std::uint64_t name = 0;
        for (std::int64_t i = 0; i < count; ++i)
            name += factor[i] * static_cast<std::uint64_t>(key[i]);
        return name;
    }
};

// A set of names, numbered in the order they were added.
class Keys {
  public:
    Keys(std::int64_t width, bool unique) : width_(unique ? 0 : width) {}

    std::uint32_t size() const { return static_cast<std::uint32_t>(names_.size()); }
    std::uint64_t name(std::uint32_t id) const { return names_[id]; }
    bool unique() const { return width_ == 0; }
    const std::int32_t *key(std::uint32_t id) const { return keys_.data() + id * width_; }

    std::uint32_t find(std::uint64_t name, const std::int32_t *key) const {
        for (std::size_t at = place(name);; at = (at + 1) & mask_)
            if (slots_[at].id == nobody || same(slots_[at], name, key)) return slots_[at].id;
    }
    std::uint32_t add(std::uint64_t name, const std::int32_t *key) {
        if (2 * (names_.size() + 1) > slots_.size()) grow();
        std::size_t at = place(name);
        for (; slots_[at].id != nobody; at = (at + 1) & mask_)
            if (same(slots_[at], name, key)) return slots_[at].id;
        slots_[at] = {name, size()};
        names_.push_back(name);
        if (width_) keys_.insert(keys_.end(), key, key + width_);
        return slots_[at].id;
    }
    void prefetch(std::uint64_t name) const { __builtin_prefetch(&slots_[place(name)]); }
    void reserve(std::size_t count) {
        while (slots_.size() < 2 * count) grow();
        names_.reserve(count);
        keys_.reserve(count * static_cast<std::size_t>(width_));
    }

  private:
    struct Slot {
        std::uint64_t name;
        std::uint32_t id;
    };
    std::int64_t width_;
    std::vector<std::uint64_t> names_;
    std::vector<std::int32_t> keys_; // only where names are not unique
    std::vector<Slot> slots_ = std::vector<Slot>(64, Slot{0, nobody});
    std::size_t mask_ = 63;
    int shift_ = 58;

    std::size_t place(std::uint64_t name) const {
        return static_cast<std::size_t>((name * 0x9e3779b97f4a7c15u) >> shift_);
    }
    bool same(const Slot &slot, std::uint64_t name, const std::int32_t *key) const {
        return slot.name == name && (!width_ || !std::memcmp(keys_.data() + slot.id * width_, key,
                                                             static_cast<std::size_t>(width_) * 4));
    }
    void grow() {
        slots_.assign(slots_.size() * 2, Slot{0, nobody});
        mask_ = slots_.size() - 1;
        --shift_;
        for (std::uint32_t id = 0; id < size(); ++id) {
            std::size_t at = place(names_[id]);
            while (slots_[at].id != nobody) at = (at + 1) & mask_;
            slots_[at] = {names_[id], id};
        }
    }
};

// The vertices of one tile, and where its pixels lie between them.
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

// Vertices of all tiles become vertices of the lattice, in the order of the tiles.
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

// The neighbours along an axis.
struct Neighbour {
    std::int64_t d, axis;
    std::uint64_t change = 0;
    std::vector<std::int32_t> key;

    Neighbour(const Naming &naming, std::int64_t features, std::int64_t along)
        : d(features), axis(along), key(static_cast<std::size_t>(features)) {
        for (std::int64_t i = 0; i < d; ++i)
            change += naming.factor[i] * static_cast<std::uint64_t>(i == axis ? -d : 1);
    }
    std::uint64_t name(std::uint64_t of, int sign) const {
        return sign > 0 ? of + change : of - change;
    }
    // Its coordinates, which nobody looks at where names are unique.
    const std::int32_t *of(const Keys &keys, std::uint32_t id, int sign) {
        if (keys.unique()) return nullptr;
        const std::int32_t *from = keys.key(id);
        for (std::int64_t i = 0; i < d; ++i)
            key[i] = from[i] + sign * static_cast<std::int32_t>(i == axis ? -d : 1);
        return key.data();
    }
};

// Most neighbours are missing: a bit a name, small enough for a cache, mostly says so.
class Sieve {
  public:
    explicit Sieve(const Keys &keys) {
        int bits = 10;
        while ((std::size_t{1} << bits) < 16 * static_cast<std::size_t>(keys.size())) ++bits;
        bits_.resize(std::size_t{1} << (bits - 6));
        shift_ = 64 - bits;
        for (std::uint32_t id = 0; id < keys.size(); ++id) {
            const std::size_t at = place(keys.name(id));
            bits_[at / 64] |= std::uint64_t{1} << (at % 64);
        }
    }
    bool passes(std::uint64_t name) const {
        const std::size_t at = place(name);
        return bits_[at / 64] >> (at % 64) & 1;
    }

  private:
    std::vector<std::uint64_t> bits_;
    int shift_;
    std::size_t place(std::uint64_t name) const {
        return static_cast<std::size_t>((name * 0xd1342543de82ef95u) >> shift_);
    }
};

// A missing vertex: who has met it first, on which way, and how many have.
struct Candidate {
    std::uint64_t name = 0;
    std::uint32_t from = nobody;
    std::uint16_t way = 0, count = 0;
};

// Those that `least` vertices have met. Names that are not unique may be taken for one another
// here: then a vertex is added that fewer have met, which does no harm.
std::vector<Candidate> met_often(const std::vector<const std::vector<Candidate> *> &lists,
                                 std::int64_t least) {
    std::size_t total = 0;
    for (const auto *list : lists) total += list->size();
    int bits = 6;
    while ((std::size_t{1} << bits) < total) ++bits;
    std::vector<Candidate> slots(std::size_t{1} << bits, Candidate{});
    const std::size_t mask = slots.size() - 1;
    const auto place = [&](std::uint64_t name) {
        return static_cast<std::size_t>((name * 0x9e3779b97f4a7c15u) >> (64 - bits));
    };
    for (const auto *list : lists)
        for (std::size_t i = 0; i < list->size(); ++i) {
            const Candidate &c = (*list)[i];
            if (i + 8 < list->size()) __builtin_prefetch(&slots[place((*list)[i + 8].name)]);
            std::size_t at = place(c.name);
            while (slots[at].from != nobody && slots[at].name != c.name) at = (at + 1) & mask;
            if (slots[at].from == nobody) slots[at] = c;
            ++slots[at].count;
        }
    std::vector<Candidate> often;
    for (const Candidate &c : slots)
        if (c.count >= least) often.push_back(c);
    return often;
}

// Vertices without pixels through which at least `least` others reach each other.
bool add_bridges(Keys &keys, const Naming &naming, std::int64_t corners, std::int64_t least,
                 const Interrupted &interrupted) {
    const std::uint32_t before = keys.size();
    const Sieve sieve(keys);
    constexpr std::int64_t shares = 16; // of names: the table of one fits a cache
    constexpr std::uint32_t step = 1 << 14;
    const std::int64_t chunks = (before + step - 1) / step;
    std::vector<std::vector<Candidate>> met(static_cast<std::size_t>(chunks * shares));
    const auto neighbours = [&] {
        std::vector<Neighbour> all;
        for (std::int64_t axis = 0; axis < corners; ++axis)
            all.emplace_back(naming, corners - 1, axis);
        return all;
    };
    const auto sign = [](std::int64_t way) { return way % 2 ? -1 : 1; };
    const auto look_around = [&](std::int64_t chunk) {
        std::vector<Neighbour> around = neighbours();
        std::vector<Candidate> *lists = met.data() + chunk * shares;
        const std::uint32_t first = static_cast<std::uint32_t>(chunk) * step;
        const std::uint32_t last = std::min(first + step, before);
        for (std::int64_t s = 0; s < shares; ++s)
            lists[s].reserve(static_cast<std::size_t>((last - first) * 2 * corners / shares));
        for (std::uint32_t id = first; id < last; ++id)
            for (std::int64_t way = 0; way < 2 * corners; ++way) {
                Neighbour &neighbour = around[static_cast<std::size_t>(way / 2)];
                const std::uint64_t name = neighbour.name(keys.name(id), sign(way));
                if (sieve.passes(name) &&
                    keys.find(name, neighbour.of(keys, id, sign(way))) != nobody)
                    continue;
                lists[(name * 0xd1342543de82ef95u) >> 60].push_back(
                    {name, id, static_cast<std::uint16_t>(way), 0});
            }
    };
    if (!run_tasks(chunks, look_around, interrupted)) return false;
    std::vector<std::vector<Candidate>> found(shares);
    const auto count = [&](std::int64_t share) {
        std::vector<const std::vector<Candidate> *> lists;
        for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
            lists.push_back(&met[static_cast<std::size_t>(chunk * shares + share)]);
        found[static_cast<std::size_t>(share)] = met_often(lists, least);
    };
    if (!run_tasks(shares, count, interrupted)) return false;
    std::vector<Candidate> all;
    for (const std::vector<Candidate> &list : found)
        all.insert(all.end(), list.begin(), list.end());
    std::sort(all.begin(), all.end(), [](const Candidate &a, const Candidate &b) {
        return a.from != b.from ? a.from < b.from : a.way < b.way;
    });
    keys.reserve(before + all.size());
    std::vector<Neighbour> around = neighbours();
    for (const Candidate &c : all)
        keys.add(c.name, around[c.way / 2].of(keys, c.from, sign(c.way)));
    return true;
}

// Vertices in the order in which a blur along the axis meets them.
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

// Where the tiles' vertices of each vertex are.
void collect_pieces(Lattice &lattice) {
    lattice.pieces.assign(static_cast<std::size_t>(lattice.view.vertices) + 1, 0);
    for (const std::uint32_t v : lattice.vertex) ++lattice.pieces[v + 1];
    for (std::size_t v = 1; v < lattice.pieces.size(); ++v)
        lattice.pieces[v] += lattice.pieces[v - 1];
    lattice.piece.resize(lattice.vertex.size());
    std::vector<std::uint32_t> at(lattice.pieces.begin(), lattice.pieces.end() - 1);
    for (std::size_t i = 0; i < lattice.vertex.size(); ++i)
        lattice.piece[at[lattice.vertex[i]]++] = static_cast<std::uint32_t>(i);
}

// What a blur of all axes carries from a vertex to another of its simplex, m corners away, where no
// vertex is missing: m axes have one step more than the others, and equal steps along all lead
// nowhere.
double response(std::int64_t m, std::int64_t n, std::int64_t rounds, double side) {
    const double once[] = {0, side, 1, side, 0};
    const double twice[] = {side * side, 2 * side, 1 + 2 * side * side, 2 * side, side * side};
    double sum = 0;
    for (int t = -3; t <= 2; ++t) {
        const auto step = [&](int by) {
            return by < -2 || by > 2 ? 0.0 : (rounds > 1 ? twice : once)[by + 2];
        };
        sum += std::pow(step(t + 1), static_cast<double>(m)) *
               std::pow(step(t), static_cast<double>(n - m));
    }
    return sum;
}

// The least value of each channel, and how far the largest is from it.
void guide_range(const GuideView &guide, const UnaryView &shape, std::vector<double> &origin,
                 std::vector<double> &range) {
    origin.assign(static_cast<std::size_t>(guide.channels), 0.0);
    range.assign(origin.size(), 255.0);
    if (guide.dtype == DType::u8) return;
    for (std::size_t c = 0; c < origin.size(); ++c) {
        float least = INFINITY, most = -INFINITY;
        for (std::int64_t y = 0; y < shape.rows(); ++y)
            for (std::int64_t x = 0; x < shape.w; ++x) {
                float value;
                std::memcpy(&value,
                            guide.data + (y / shape.h) * guide.stride_d +
                                (y % shape.h) * guide.stride_h + x * guide.stride_w +
                                static_cast<std::int64_t>(c) * guide.stride_c,
                            4);
                least = std::min(least, value), most = std::max(most, value);
            }
        origin[c] = least;
        range[c] = static_cast<double>(most) - least;
    }
}

// How many values the coordinates of vertices and simplices take at most, neighbours included.
std::vector<double> coordinate_ranges(const std::vector<double> &features,
                                      const std::vector<float> &scale) {
    std::vector<double> ranges(features.size() + 1, 0.0);
    double sum = 0;
    for (std::size_t i = features.size(); i > 0; --i) {
        const double scaled = features[i - 1] * static_cast<double>(scale[i - 1]);
        ranges[i] = sum + scaled * static_cast<double>(i);
        sum += scaled;
    }
    ranges[0] = sum;
    for (double &range : ranges)
        range = std::ceil(range) + 8 * static_cast<double>(ranges.size()) + 16;
    return ranges;
}

double root(double sum) { return sum > 0 ? 1.0 / std::sqrt(sum) : 0.0; }
double reciprocal(double sum) { return sum > 0 ? 1.0 / sum : 0.0; }

} // namespace

bool Lattice::build(const PairwiseJob &given, const UnaryView &shape,
                    const std::vector<CrfTile> &tiles, const LatticeRecipe &recipe, bool own_term,
                    const Interrupted &interrupted) {
    PairwiseJob job = given;
    const std::int64_t extent[] = {shape.d, shape.h, shape.w};
    std::int64_t d = job.guide.channels;
    for (int i = 0; i < 3 && job.has_places; ++i) {
        if (extent[i] == 1) job.sigma[i] = 0; // no feature
        d += extent[i] > 1;
    }
    rounds = recipe.rounds;
    side = static_cast<float>(recipe.side);
    view.corners = d + 1;
    const double n = static_cast<double>(d + 1);
    // Variances, in steps of an axis: 2 side / (1 + 2 side) a blur, 1/6 for going there and back.
    const double step =
        recipe.stretch *
        std::sqrt(static_cast<double>(rounds) * 2 * side / (1 + 2 * side) + 1.0 / 6);
    std::vector<float> factors;
    for (std::int64_t i = 0; i < d; ++i)
        factors.push_back(
            static_cast<float>(step * n / std::sqrt(static_cast<double>((i + 1) * (i + 2)))));
    // Its mass to that of exp(-x^2 / 2).
    scale = std::pow(std::sqrt(2 * M_PI) * step, static_cast<double>(d)) * std::sqrt(n) /
            std::pow(1.0 + 2 * side, n * static_cast<double>(rounds));

    const std::int64_t pixels = shape.pixels();
    corner.resize(static_cast<std::size_t>(pixels * view.corners));
    weight.resize(corner.size());
    std::vector<double> origin, guide, features;
    guide_range(job.guide, shape, origin, guide);
    for (int i = 0; i < 3 && job.has_places; ++i)
        if (extent[i] > 1) features.push_back(static_cast<double>(extent[i] - 1) / job.sigma[i]);
    for (std::size_t c = 0; c < guide.size(); ++c)
        features.push_back(guide[c] / job.guide_sigma[c]);
    const Naming naming(coordinate_ranges(features, factors));
    std::vector<Keys> local(tiles.size(), Keys(d, naming.unique));
    if (!run_tasks(
            static_cast<std::int64_t>(tiles.size()),
            [&](std::int64_t i) {
                const auto t = static_cast<std::size_t>(i);
                local[t] = embed_tile(job, origin, factors, naming, shape.h, tiles[t], *this);
            },
            interrupted))
        return false;
    Keys all(d, naming.unique);
    join_tiles(local, *this, all);
    local.clear();
    const std::int64_t bridged = recipe.bridged + (recipe.bridged > 1 && all.size() > many ? 1 : 0);
    if (bridged && !add_bridges(all, naming, view.corners, bridged, interrupted)) return false;
    view.vertices = all.size();
    const Sieve sieve(all);
    chains.resize(static_cast<std::size_t>(view.corners));
    if (!run_tasks(
            view.corners + 1,
            [&](std::int64_t i) {
                if (i == view.corners)
                    collect_pieces(*this);
                else
                    chains[static_cast<std::size_t>(i)] =
                        chains_along(all, sieve, naming, i, view.corners);
            },
            interrupted))
        return false;
    view.corner = corner.data(), view.weight = weight.data();
    view.start = start.data(), view.vertex = vertex.data();
    view.piece = piece.data(), view.pieces = pieces.data();
    return normalize(job, tiles, pixels, own_term, interrupted);
}

bool Lattice::normalize(const PairwiseJob &job, const std::vector<CrfTile> &tiles,
                        std::int64_t pixels, bool own_term, const Interrupted &interrupted) {
    const std::int64_t n = view.corners;
    std::vector<float> tile_sums(vertex.size(), 0.0f);
    std::vector<float> values(static_cast<std::size_t>(view.vertices), 0.0f);
    std::vector<double> paths;
    for (std::int64_t m = 0; m <= n; ++m) paths.push_back(response(m, n, rounds, side));
    const auto each_tile = [&](const auto &work) {
        return run_tasks(
            static_cast<std::int64_t>(tiles.size()),
            [&](std::int64_t i) { work(tiles[static_cast<std::size_t>(i)]); }, interrupted);
    };
    if (!each_tile([&](const CrfTile &tile) {
            float *to = tile_sums.data() + start[tile.index];
            for (std::int64_t at = tile.first * n; at < (tile.first + tile.pixels()) * n; ++at)
                to[corner[at]] += weight[at];
        }))
        return false;
    for (std::size_t i = 0; i < vertex.size(); ++i) values[vertex[i]] += tile_sums[i];
    for (std::int64_t i = 0; i < rounds * n; ++i) {
        const std::vector<std::uint32_t> &chain = chains[static_cast<std::size_t>(axis(i))];
        float before_here = 0, here = 0;
        for (std::size_t c = 0; c < chain.size(); ++c) {
            const std::uint32_t v = chain[c] & ~chain_start;
            if (chain[c] & chain_start) before_here = 0, here = values[v];
            const bool more = c + 1 < chain.size() && !(chain[c + 1] & chain_start);
            const float next = more ? values[chain[c + 1]] : 0.0f;
            values[v] = here + side * (before_here + next);
            before_here = here, here = next;
        }
    }
    const bool wanted = job.normalization != Normalization::none;
    const bool folded = job.normalization == Normalization::symmetric;
    std::vector<float> &factors = job.normalization == Normalization::row ? after : before;
    if (wanted && !folded) factors.resize(static_cast<std::size_t>(pixels));
    if (!own_term) own.resize(static_cast<std::size_t>(pixels));
    std::vector<std::pair<double, double>> extremes(tiles.size());
    if (!each_tile([&](const CrfTile &tile) {
            const std::uint32_t *of = vertex.data() + start[tile.index];
            double low = INFINITY, high = 0;
            for (std::int64_t p = tile.first; p < tile.first + tile.pixels(); ++p) {
                float *b = weight.data() + p * n;
                float sliced = 0;
                for (std::int64_t k = 0; k < n; ++k) sliced += b[k] * values[of[corner[p * n + k]]];
                double total = sliced, alone = 0;
                if (!own_term) {
                    for (std::int64_t k = 0; k < n; ++k)
                        for (std::int64_t m = 0; m < n; ++m)
                            alone += b[k] * b[m] * paths[static_cast<std::size_t>(std::abs(k - m))];
                    total = total - alone > 1e-4 * total ? total - alone : 0.0;
                }
                if (total > 0) low = std::min(low, total);
                high = std::max(high, total);
                const double one = folded ? root(total) : reciprocal(total);
                if (folded)
                    for (std::int64_t k = 0; k < n; ++k) b[k] *= static_cast<float>(one);
                else if (wanted)
                    factors[static_cast<std::size_t>(p)] = static_cast<float>(one);
                if (!own_term)
                    own[static_cast<std::size_t>(p)] =
                        static_cast<float>(alone * (folded   ? one * one
                                                    : wanted ? one
                                                             : 1.0));
            }
            extremes[static_cast<std::size_t>(tile.index)] = {low, high};
        }))
        return false;
    double low = INFINITY, high = 0;
    for (const auto &extreme : extremes) {
        low = std::min(low, extreme.first);
        high = std::max(high, extreme.second);
    }
    switch (job.normalization) {
    case Normalization::symmetric: reach = high > 0 ? std::sqrt(high / low) : 0; break;
    case Normalization::row: reach = 1; break;
    case Normalization::column: reach = high > 0 ? high / low : 0; break;
    case Normalization::none: reach = high * scale; break;
    }
    if (wanted) scale = 1.0;
    view.before = before.empty() ? nullptr : before.data();
    view.after = after.empty() ? nullptr : after.data();
    return true;
}

namespace {

// One axis of a grid: nodes, taps, and what a pixel has to do with its two nodes.
struct GridAxis {
    std::int64_t step = 1, nodes = 1, radius = 0;
    std::vector<float> taps;
    std::vector<double> up, sums, self; // [n, 2], [n], [n]

    GridAxis(std::int64_t n, double sigma) {
        while (step < 16 && static_cast<double>(2 * step) <= 0.7 * sigma) step *= 2;
        nodes = n < 2 ? 1 : (n - 2 + step) / step + 1;
        // Going to the nodes and back spreads by (step^2 - 1) / 3.
        const double s = static_cast<double>(step);
        const double width = std::sqrt((sigma * sigma - (s * s - 1) / 3) / (s * s));
        const double wanted = step == 1 ? 4 * width : 3.5 * width;
        radius = std::min(nodes - 1, static_cast<std::int64_t>(std::ceil(std::min(wanted, 1e9))));
        // A Gaussian of s width pixels, spread over s pixels, has the mass of one of sigma.
        const double mass = step == 1 ? 1.0 : sigma / (s * width);
        std::vector<double> exact;
        for (std::int64_t k = 0; k <= radius; ++k) {
            const double z = static_cast<double>(k) / width;
            exact.push_back(mass * std::exp(-0.5 * z * z));
            taps.push_back(static_cast<float>(exact.back()));
        }
        for (std::int64_t x = 0; x < n; ++x) {
            const double right = static_cast<double>(x % step) / s;
            up.push_back(1 - right);
            up.push_back(right);
        }
        std::vector<double> count(static_cast<std::size_t>(nodes) + 1, 0.0), around(count);
        for (std::int64_t x = 0; x < n; ++x)
            for (int side = 0; side < 2; ++side)
                count[static_cast<std::size_t>(x / step + side)] += up[2 * x + side];
        for (std::int64_t k = 0; k < nodes; ++k)
            for (std::int64_t j = std::max<std::int64_t>(0, k - radius);
                 j <= std::min(nodes - 1, k + radius); ++j)
                around[k] += exact[static_cast<std::size_t>(std::abs(j - k))] * count[j];
        const double beside = radius > 0 ? exact[1] : 0.0;
        for (std::int64_t x = 0; x < n; ++x) {
            const double a = up[2 * x], b = up[2 * x + 1];
            sums.push_back(a * around[x / step] + b * around[x / step + 1]);
            self.push_back((a * a + b * b) * exact[0] + 2 * a * b * beside);
        }
    }
    std::vector<float> weights(const std::vector<double> &factor) const {
        std::vector<float> out;
        for (std::size_t i = 0; i < up.size(); ++i)
            out.push_back(static_cast<float>(up[i] * factor[i / 2]));
        return out;
    }
};

} // namespace

void Grid::build(const PairwiseJob &job, std::int64_t h, std::int64_t w,
                 const std::vector<CrfTile> &tiles, bool own_term) {
    const GridAxis y(h, job.sigma[1]), x(w, job.sigma[2]);
    view.step_y = y.step, view.step_x = x.step;
    view.height = y.nodes, view.width = x.nodes;
    view.radius_y = y.radius, view.radius_x = x.radius;
    taps_y = y.taps, taps_x = x.taps;
    const std::vector<double> ones_y(y.sums.size(), 1.0), ones_x(x.sums.size(), 1.0);
    std::vector<double> in_fy = ones_y, in_fx = ones_x, out_fy = ones_y, out_fx = ones_x;
    const Normalization kind = job.normalization;
    if (own_term) {
        const auto fill = [&](std::vector<double> &factor, const std::vector<double> &sums) {
            for (std::size_t i = 0; i < sums.size(); ++i)
                factor[i] = kind == Normalization::symmetric ? root(sums[i]) : reciprocal(sums[i]);
        };
        if (kind == Normalization::symmetric || kind == Normalization::column)
            fill(in_fy, y.sums), fill(in_fx, x.sums);
        if (kind == Normalization::symmetric || kind == Normalization::row)
            fill(out_fy, y.sums), fill(out_fx, x.sums);
    } else { // its normalisation is not separable
        const std::size_t pixels = static_cast<std::size_t>(h * w);
        own.resize(pixels);
        if (kind == Normalization::symmetric || kind == Normalization::column)
            before.resize(pixels);
        if (kind == Normalization::symmetric || kind == Normalization::row) after.resize(pixels);
    }
    in_y = y.weights(in_fy), in_x = x.weights(in_fx);
    out_y = y.weights(out_fy), out_x = x.weights(out_fx);
    double low = INFINITY, high = 0;
    for (const CrfTile &tile : tiles) {
        std::int64_t p = tile.first;
        for (std::int64_t i = tile.y0; i < tile.y1; ++i)
            for (std::int64_t j = tile.x0; j < tile.x1; ++j, ++p) {
                double sum = y.sums[i] * x.sums[j];
                const double self = y.self[i] * x.self[j];
                if (!own_term) {
                    sum = sum - self > 1e-6 * sum ? sum - self : 0.0;
                    const double factor =
                        kind == Normalization::symmetric ? root(sum) : reciprocal(sum);
                    if (!before.empty()) before[p] = static_cast<float>(factor);
                    if (!after.empty()) after[p] = static_cast<float>(factor);
                    own[p] = static_cast<float>(self * (kind == Normalization::none ? 1.0
                                                        : kind == Normalization::symmetric
                                                            ? factor * factor
                                                            : factor));
                }
                if (sum > 0) low = std::min(low, sum);
                high = std::max(high, sum);
            }
    }
    switch (kind) {
    case Normalization::symmetric: reach = high > 0 ? std::sqrt(high / low) : 0; break;
    case Normalization::row: reach = 1; break;
    case Normalization::column: reach = high > 0 ? high / low : 0; break;
    case Normalization::none: reach = high; break;
    }
    view.taps_y = taps_y.data(), view.taps_x = taps_x.data();
    view.in_y = in_y.data(), view.in_x = in_x.data();
    view.out_y = out_y.data(), view.out_x = out_x.data();
    view.before = before.empty() ? nullptr : before.data();
    view.after = after.empty() ? nullptr : after.data();
}

namespace {

// Nodes between which the pixels of a tile lie, as in crf_pixels.
struct Part {
    std::int64_t y0, y1, x0, x1;
    Part(const CrfGrid &grid, const CrfTile &tile, std::int64_t h, std::int64_t w)
        : y0(tile.y0 / grid.step_y), y1(tile.y1 == h ? grid.height : tile.y1 / grid.step_y),
          x0(tile.x0 / grid.step_x), x1(tile.x1 == w ? grid.width : tile.x1 / grid.step_x) {}
};

} // namespace

void Grid::reserve(std::int64_t row, const std::vector<CrfTile> &tiles, std::int64_t h,
                   std::int64_t w) {
    std::int64_t total = 0;
    strip_at.clear();
    for (const CrfTile &tile : tiles) {
        const Part part(view, tile, h, w);
        strip_at.push_back(total);
        total += (part.x1 - part.x0 + 1 + part.y1 - part.y0) * row;
    }
    strip.reserve(total);
    sums.reserve(view.height * view.width * row);
    rows.reserve(view.height * view.width * row);
    view.strip = strip.data(), view.strip_at = strip_at.data();
    view.sums = sums.data(), view.rows = rows.data();
}

void Grid::join_strips(const std::vector<CrfTile> &tiles, std::int64_t h, std::int64_t w,
                       std::int64_t row) const {
    if (view.every_pixel()) return;
    const auto add = [&](std::int64_t y, std::int64_t x, const float *from) {
        float *to = view.sums + (y * view.width + x) * row;
        for (std::int64_t l = 0; l < row; ++l) to[l] += from[l];
    };
    for (const CrfTile &tile : tiles) {
        const Part part(view, tile, h, w);
        const float *bottom = view.strip + strip_at[static_cast<std::size_t>(tile.index)];
        const float *right = bottom + (part.x1 - part.x0 + 1) * row;
        const bool shared_x = tile.x1 != w, shared_y = tile.y1 != h;
        if (shared_y)
            for (std::int64_t x = part.x0; x < part.x1 + (shared_x ? 1 : 0); ++x)
                add(part.y1, x, bottom + (x - part.x0) * row);
        if (shared_x)
            for (std::int64_t y = part.y0; y < part.y1; ++y)
                add(y, part.x1, right + (y - part.y0) * row);
    }
}

} // namespace segpost
