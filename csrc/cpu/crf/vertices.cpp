#include "cpu/crf/vertices.hpp"

#include "cpu/runtime/tiling.hpp"

#include <array>

namespace segpost {

namespace {

// The simplices of a tile: their corners, which are vertices of the tile.
template <int fixed> class Simplices {
  public:
    Simplices(std::int64_t corners, const VertexNames &names, bool unique, std::int64_t pixels)
        : names_(names), corners_(corners), vertices_(corners - 1, names.unique),
          simplices_(corners, unique) {
        simplices_.reserve(static_cast<std::size_t>(pixels) / 4);
        for (std::int64_t axis = 0; axis < corners; ++axis)
            change_[static_cast<std::size_t>(axis)] = names.change(axis);
    }
    // Of the simplex of this name, whose coordinates are those of corner 0 plus their ranks.
    const std::uint16_t *corners_of(std::uint64_t name, const std::int32_t *simplex) {
        const std::uint32_t known = simplices_.size(), id = simplices_.add(name, simplex);
        if (id == known) add(simplex);
        return corner_of_.data() + id * n();
    }
    Keys &vertices() { return vertices_; }
    std::int64_t n() const { return fixed ? fixed : corners_; }

  private:
    const VertexNames &names_;
    std::int64_t corners_;
    Keys vertices_, simplices_;
    std::array<std::uint64_t, most_features + 1> change_{}; // of names, a step along an axis
    std::vector<std::uint16_t> corner_of_;                  // [simplices, corners]

    // Corner 0, then one coordinate after the other, by falling rank, stays d behind as the others
    // go one on.
    void add(const std::int32_t *simplex) {
        const auto count = static_cast<std::int32_t>(n());
        std::array<std::int32_t, most_features + 1> key, by_rank;
        for (std::int32_t i = 0; i < count; ++i) {
            const std::int32_t rest = simplex[i] % count, rank = rest < 0 ? rest + count : rest;
            key[i] = simplex[i] - rank;
            by_rank[rank] = i;
        }
        std::uint64_t name = names_.of(key.data(), count);
        for (std::int32_t k = 0; k < count; ++k) {
            corner_of_.push_back(static_cast<std::uint16_t>(vertices_.add(name, key.data())));
            const std::int32_t last = by_rank[count - 1 - k];
            name += change_[static_cast<std::size_t>(last)];
            if (names_.unique) continue;
            for (std::int32_t i = 0; i < count; ++i) ++key[i];
            key[last] -= count;
        }
    }
};

template <int fixed> Keys embed_pixels(const PairwiseJob &job, const std::vector<double> &origin,
                                       const std::vector<float> &scale, const Naming &naming,
                                       const VertexNames &vertex_names, std::int64_t h,
                                       const CrfTile &tile, Lattice &lattice) {
    const std::int64_t pitch = (tile.width() + 15) / 16 * 16;
    Simplices<fixed> simplices(lattice.view.corners, vertex_names, naming.unique, tile.pixels());
    const std::int64_t n = simplices.n();
    const Memory memory = allocate(8 * pitch * n);
    std::int32_t *simplex = reinterpret_cast<std::int32_t *>(memory.get());
    float *weights = reinterpret_cast<float *>(simplex + pitch * n);
    std::array<std::int32_t, most_features + 1> here;
    // Names of the pixels of the line above, which often share their simplex, as neighbours do.
    std::vector<std::uint64_t> names(static_cast<std::size_t>(tile.width()));
    for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
        kernels().crf_embed(job, origin.data(), scale.data(), h, y, tile.x0, tile.width(), simplex,
                            weights, pitch);
        const std::int64_t first = tile.first + (y - tile.y0) * tile.width();
        std::uint16_t *corner = lattice.corner.data() + first * n;
        float *weight = lattice.weight.data() + first * n;
        for (std::int64_t x = 0; x < tile.width(); ++x, corner += n, weight += n) {
            for (std::int64_t i = 0; i < n; ++i) here[i] = simplex[i * pitch + x];
            const std::uint64_t name = naming.of(here.data(), n);
            const std::uint16_t *from = nullptr;
            if (naming.unique && x && names[x - 1] == name)
                from = corner - n;
            else if (naming.unique && y > tile.y0 && names[x] == name)
                from = corner - tile.width() * n;
            else
                from = simplices.corners_of(name, here.data());
            names[x] = name;
            for (std::int64_t k = 0; k < n; ++k) {
                corner[k] = from[k];
                weight[k] = weights[k * pitch + x];
            }
        }
    }
    return std::move(simplices.vertices());
}

} // namespace

Keys embed_tile(const PairwiseJob &job, const std::vector<double> &origin,
                const std::vector<float> &scale, const Naming &naming, const VertexNames &names,
                std::int64_t h, const CrfTile &tile, Lattice &lattice) {
    const auto with = [&](auto embed) {
        return embed(job, origin, scale, naming, names, h, tile, lattice);
    };
    switch (lattice.view.corners) {
    case 3: return with(embed_pixels<3>);
    case 6: return with(embed_pixels<6>);
    default: return with(embed_pixels<0>);
    }
}

Vertices::Vertices(const std::vector<Keys> &tiles, const VertexNames &names, std::int64_t corners,
                   std::vector<std::uint32_t> &rows_of)
    : scheme_(names), corners_(corners), width_(names.unique ? 0 : corners - 1) {
    for (std::int64_t axis = 0; axis < corners; ++axis) change_.push_back(names.change(axis));
    std::size_t total = 0;
    for (const Keys &tile : tiles) total += tile.size();
    std::vector<Named> all(total);
    keys_.resize(total * static_cast<std::size_t>(width_));
    std::vector<std::size_t> first{0};
    for (const Keys &tile : tiles) first.push_back(first.back() + tile.size());
    run_tasks(
        static_cast<std::int64_t>(tiles.size()),
        [&](std::int64_t t) {
            const Keys &tile = tiles[static_cast<std::size_t>(t)];
            std::size_t at = first[static_cast<std::size_t>(t)];
            for (std::uint32_t i = 0; i < tile.size(); ++i, ++at) {
                all[at] = {tile.name(i), static_cast<std::uint32_t>(at)};
                std::copy_n(tile.key(i), width_, keys_.begin() + at * width_);
            }
        },
        [] { return false; });
    sort(all);
    // Of those that are the same the first becomes a vertex.
    rows_of.resize(total);
    std::size_t kept = 0, run = 0; // run: the first with this name
    for (const Named &named : all) {
        if (run == kept || all[run].name != named.name) run = kept;
        std::size_t at = run;
        while (at < kept && !neighbours(all[at].row, named.row, 0, 0)) ++at;
        if (at == kept) all[kept++] = named;
        rows_of[named.row] = all[at].row;
    }
    all.resize(kept);
    rows_ = static_cast<std::uint32_t>(total);
    keep(all);
}

void Vertices::keep(const std::vector<Named> &sorted) {
    names_.clear(), row_.clear();
    names_.reserve(sorted.size() + 1), row_.reserve(sorted.size());
    for (const Named &named : sorted) names_.push_back(named.name), row_.push_back(named.row);
    names_.push_back(UINT64_MAX);
}

namespace {

// Moves `count` values to where their digits at `shift` say, in the order they are in.
template <class Digit, class T> void move_by(const Digit &digit, std::vector<std::size_t> &at,
                                             const T *from, std::size_t count, T *to) {
    std::fill(at.begin(), at.end(), 0);
    for (std::size_t i = 0; i < count; ++i) ++at[digit(from[i]) + 1];
    for (std::size_t i = 1; i < at.size(); ++i) at[i] += at[i - 1];
    for (std::size_t i = 0; i < count; ++i) to[at[digit(from[i])]++] = from[i];
}

} // namespace

// By the leading digit, which leaves parts that fit a cache, then the others of each from the last
// one on.
void Vertices::sort(std::vector<Named> &all) {
    constexpr int width = 11;
    constexpr std::uint64_t digits = 1 << width;
    constexpr std::size_t together = 1 << 14;
    std::uint64_t most = 0;
    for (const Named &named : all) most = std::max(most, named.name);
    int bits = 0;
    while (bits < 64 && most >> bits) ++bits;
    const auto digit_at = [](int shift) {
        return [shift](const Named &named) { return named.name >> shift & (digits - 1); };
    };
    const int leading = std::max(0, bits - width);
    const std::unique_ptr<Named[]> other(new Named[all.size()]); // nothing is written twice
    std::vector<std::size_t> ends(digits + 1);
    move_by(digit_at(leading), ends, all.data(), all.size(), other.get());
    std::vector<std::size_t> split_points{0};
    for (const std::size_t end : ends)
        if (end >= split_points.back() + together ||
            (end == all.size() && split_points.back() < end))
            split_points.push_back(end);
    run_tasks(
        static_cast<std::int64_t>(split_points.size()) - 1,
        [&](std::int64_t i) {
            const std::size_t begin = split_points[static_cast<std::size_t>(i)];
            const std::size_t count = split_points[static_cast<std::size_t>(i) + 1] - begin;
            Named *from = other.get() + begin, *to = all.data() + begin;
            std::vector<std::size_t> at(digits + 1);
            for (int shift = 0; shift < bits; shift += width) {
                if (shift >= leading) shift = leading;
                move_by(digit_at(shift), at, from, count, to);
                std::swap(from, to);
            }
            if (from != all.data() + begin) std::copy_n(from, count, to);
        },
        [] { return false; });
}

// Whether a step along the axis leads from one to the other, whose names say so.
bool Vertices::neighbours(std::uint32_t one, std::uint32_t other, std::int64_t axis,
                          std::int64_t step) const {
    for (std::int64_t i = 0; i < width_; ++i)
        if (key(one)[i] + step * (i == axis ? -width_ : 1) != key(other)[i]) return false;
    return true;
}

Vertices::Beside Vertices::beside(std::int64_t axis) const {
    const std::size_t count = size();
    const std::uint64_t change = change_[static_cast<std::size_t>(axis)];
    Beside adjacent{std::vector<std::uint32_t>(count, nobody), std::vector<std::uint8_t>(count, 0)};
    // Four walks at a time: one alone would wait for memory at every step.
    struct Walk {
        std::size_t i, end, at;
    };
    const std::uint64_t *names = names_.data();
    std::uint32_t *after = adjacent.after.data();
    const auto step = [=](Walk &walk) {
        const std::uint64_t wanted = names[walk.i] + change, here = names[walk.at];
        after[walk.i] = here == wanted ? static_cast<std::uint32_t>(walk.at) : nobody;
        const bool behind = here < wanted;
        walk.at += behind, walk.i += !behind;
    };
    const std::size_t around = place(0 - change); // from here on sums begin at zero again
    for (const auto &[begin, end] : {std::pair{std::size_t{0}, around}, std::pair{around, count}}) {
        Walk walks[4];
        for (std::size_t k = 0; k < 4; ++k) {
            const std::size_t first = begin + (end - begin) * k / 4;
            walks[k] = {first, begin + (end - begin) * (k + 1) / 4, place(names[first] + change)};
        }
        auto [a, b, c, d] = walks;
        while (a.i < a.end && b.i < b.end && c.i < c.end && d.i < d.end)
            step(a), step(b), step(c), step(d);
        for (Walk *walk : {&a, &b, &c, &d})
            while (walk->i < walk->end) step(*walk);
    }
    for (std::size_t i = 0; i < count; ++i) {
        while (after[i] != nobody &&
               (after[i] == count || !neighbours(row_[i], row_[after[i]], axis, 1)))
            after[i] =
                after[i] < count && names[after[i] + 1] == names[after[i]] ? after[i] + 1 : nobody;
        if (after[i] != nobody) adjacent.follows[after[i]] = 1;
    }
    return adjacent;
}

// The first of this name, or where it would be.
std::size_t Vertices::place(std::uint64_t name) const {
    return static_cast<std::size_t>(std::lower_bound(names_.begin(), names_.end() - 1, name) -
                                    names_.begin());
}

// Names in from..from + length that are no vertices, though they are neighbours of at least so many
// of them: each with the first of those and the way from there. Names that are not unique may be
// taken for one another: then a vertex is added that fewer have met, which does no harm.
void Vertices::add_missing(const std::vector<Beside> &beside, std::uint64_t from,
                           std::uint64_t length, std::int64_t least, Count &count) const {
    std::size_t size = 0;
    for (std::uint32_t way = 0; way < ways(); ++way) {
        const Beside &along = beside[way / 2];
        const std::uint64_t change = way % 2 ? 0 - change_[way / 2] : change_[way / 2];
        const std::uint64_t begin = from - change, end = begin + length;
        const auto add = [&](std::size_t i, std::size_t last) {
            if (count.missing.size() < size + last - i) count.missing.resize(2 * (size + last - i));
            for (; i < last; ++i) {
                count.missing[size] = {names_[i] + change, row_[i] * ways() + way, 0};
                size += way % 2 ? !along.follows[i] : along.after[i] == nobody; // hard to guess
            }
        };
        if (end >= begin) {
            add(place(begin), place(end));
        } else { // from here on names begin at zero again
            add(place(begin), this->size());
            add(0, place(end));
        }
    }
    const auto missing = [&](const auto &look) {
        for (std::size_t i = 0; i < size; ++i) look(count.missing[i]);
    };
    int bits = 6;
    while ((std::size_t{1} << bits) < size) ++bits;
    // Most are met by few: what adds up to too little under the same hash is not looked at again.
    const auto hash = [&](const Missing &one) {
        return static_cast<std::size_t>((one.name * 0x9e3779b97f4a7c15u) >> (64 - bits));
    };
    count.rough.assign(std::size_t{1} << bits, 0);
    missing([&](const Missing &one) { ++count.rough[hash(one)]; });
    count.slots.assign(std::size_t{1} << bits, Missing{0, 0, 0});
    const std::size_t mask = count.slots.size() - 1;
    missing([&](const Missing &one) {
        std::size_t at = hash(one);
        if (count.rough[at] < least) return;
        while (count.slots[at].count && count.slots[at].name != one.name) at = (at + 1) & mask;
        if (!count.slots[at].count) count.slots[at] = one;
        if (++count.slots[at].count == least) count.often.push_back(count.slots[at]);
    });
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
    chains.rows.reserve(size() + chain_margin);
    chains.split_points.assign(1, 0);
    for (std::size_t part = 0; part + 1 < parts.split_points.size(); ++part) {
        for (std::uint32_t p = parts.split_points[part]; p < parts.split_points[part + 1]; ++p) {
            const std::uint32_t i = parts.order.empty() ? p : parts.order[p];
            if (adjacent.follows[i] || adjacent.after[i] == nobody) continue;
            chains.rows.push_back(row_[i] | chain_start);
            for (std::uint32_t at = adjacent.after[i]; at != nobody; at = adjacent.after[at])
                chains.rows.push_back(row_[at]);
        }
        chains.split_points.push_back(static_cast<std::int64_t>(chains.rows.size()));
    }
    chains.rows.insert(chains.rows.end(), chain_margin, chain_start);
    return chains;
}

} // namespace segpost
