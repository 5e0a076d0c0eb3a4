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
    std::array<std::uint64_t, most_features + 1> change_{};    // of names, a step along an axis
    std::array<std::uint64_t, most_features + 1> last_name_{}; // of corners of the one before
    std::array<std::uint16_t, most_features + 1> last_id_{};
    std::vector<std::uint16_t> corner_of_; // [simplices, corners]

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
            // Simplices beside each other share most corners.
            const auto at = static_cast<std::size_t>(k);
            if (!names_.unique || last_name_[at] != name || !vertices_.size()) {
                last_name_[at] = name;
                last_id_[at] = static_cast<std::uint16_t>(vertices_.add(name, key.data()));
            }
            corner_of_.push_back(last_id_[at]);
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
    names_.reserve(sorted.size() + names_ahead), row_.reserve(sorted.size());
    for (const Named &named : sorted) names_.push_back(named.name), row_.push_back(named.row);
    names_.resize(sorted.size() + names_ahead, UINT64_MAX);
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
    // One more follows: who is next to nobody.
    Beside adjacent{std::vector<std::uint32_t>(count), std::vector<std::uint8_t>(count + 1, 0)};
    // Four walks at a time: one alone would wait for memory at every step.
    struct Walk {
        std::size_t i, end, at;
    };
    const std::uint64_t *names = names_.data();
    std::uint32_t *after = adjacent.after.data();
    std::uint8_t *follows = adjacent.follows.data();
    const auto step = [=](Walk &walk) {
        const std::uint64_t wanted = names[walk.i] + change;
        std::size_t behind;
        do { // most often once
            behind = 0;
            for (std::size_t k = 0; k < names_ahead; ++k) behind += names[walk.at + k] < wanted;
            walk.at += behind;
        } while (behind == names_ahead);
        const bool exists = (names[walk.at] == wanted) & (walk.at < count);
        after[walk.i++] = exists ? static_cast<std::uint32_t>(walk.at) : nobody;
        follows[exists ? walk.at : count] = 1;
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
    if (!width_) return adjacent;
    std::fill_n(follows, count, std::uint8_t{0});
    for (std::size_t i = 0; i < count; ++i) {
        while (after[i] != nobody && !neighbours(row_[i], row_[after[i]], axis, 1))
            after[i] = after[i] + 1 < count && names[after[i] + 1] == names[after[i]] ? after[i] + 1
                                                                                      : nobody;
        if (after[i] != nobody) follows[after[i]] = 1;
    }
    return adjacent;
}

// The first of this name, or where it would be.
std::size_t Vertices::place(std::uint64_t name) const {
    const std::uint64_t *begin = names_.data();
    return static_cast<std::size_t>(std::lower_bound(begin, begin + size(), name) - begin);
}

} // namespace segpost
