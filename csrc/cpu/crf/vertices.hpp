// Which vertices a lattice has, and which are neighbours.
#pragma once

#include "cpu/crf/keys.hpp"
#include "cpu/crf/lattice.hpp"
#include "cpu/crf/names.hpp"

namespace segpost {

// The vertices of one tile, and where its pixels lie between them: corners and weights.
Keys embed_tile(const PairwiseJob &, const std::vector<double> &origin,
                const std::vector<float> &scale, const Naming &, const VertexNames &,
                std::int64_t h, const CrfTile &, Lattice &);

// Vertices in parts that no chain along an axis of one half leaves; or of one axis, whose chains
// belong to the part of their first vertex.
struct VertexParts {
    std::vector<std::uint32_t> order;        // places, part by part; empty: that of the names
    std::vector<std::uint32_t> split_points; // where parts begin, and the end

    // Whether threads have enough to do, and caches hold most of them.
    bool is_fine() const {
        std::uint32_t largest = 0;
        for (std::size_t i = 0; i + 1 < split_points.size(); ++i)
            largest = std::max(largest, split_points[i + 1] - split_points[i]);
        return 4 * largest <= split_points.back();
    }
};

// The vertices of a lattice in the order of their names. A neighbour's name is a constant further
// on, so that the neighbours of all along an axis are found by going through the names twice at a
// time.
class Vertices {
  public:
    // Those of all tiles. Each has the row of the first tile's that has it: `rows_of` says which of
    // the tiles' vertices, one after the other.
    Vertices(const std::vector<Keys> &tiles, const VertexNames &, std::int64_t corners,
             std::vector<std::uint32_t> &rows_of);

    std::uint32_t size() const { return static_cast<std::uint32_t>(row_.size()); }
    std::uint32_t rows() const { return rows_; }
    // Adds vertices without pixels, in rows of their own, through which at least `least` others
    // reach each other. False: cancelled.
    bool add_bridges(std::int64_t least, const CancelToken &);
    // Only where names are unique.
    VertexParts parts(bool second_half) const;
    VertexParts parts_by_row() const; // of one axis
    bool has_unique_names() const { return scheme_.unique; }
    // Rows in the order in which a blur along the axis meets them.
    Chains chains_along(std::int64_t axis, const VertexParts &) const;

  private:
    struct Named {
        std::uint64_t name;
        std::uint32_t row;
    };
    // By place in the order: the next along an axis, or nobody, and who is a next one.
    struct Beside {
        std::vector<std::uint32_t> after;
        std::vector<std::uint8_t> follows;
    };
    struct Missing {
        std::uint64_t name;
        std::uint32_t number, count; // row * ways + way of one that misses it; how many do
    };
    struct Count {
        Values<Missing> missing;
        std::vector<Missing> slots, often;
        std::vector<std::uint16_t> rough;
    };
    const VertexNames &scheme_;
    static constexpr std::size_t names_ahead = 4;
    std::vector<std::uint64_t> names_;  // in order, and names_ahead more, as large as any
    std::vector<std::uint32_t> row_;    // of each
    std::vector<std::uint64_t> change_; // of names, a step along an axis
    std::vector<std::int32_t> keys_;    // of rows, only where names are not unique
    std::int64_t corners_, width_;      // width: of keys
    std::uint32_t rows_ = 0;

    const std::int32_t *key(std::uint32_t row) const { return keys_.data() + row * width_; }
    // What a step one way, forth or back along an axis, adds to a name.
    std::uint64_t change_to(std::uint32_t way) const {
        return way % 2 ? 0 - change_[way / 2] : change_[way / 2];
    }
    std::uint32_t ways() const { return static_cast<std::uint32_t>(2 * corners_); }
    std::size_t place(std::uint64_t name) const;
    static void sort(std::vector<Named> &);
    void keep(const std::vector<Named> &sorted);
    bool neighbours(std::uint32_t one, std::uint32_t other, std::int64_t axis,
                    std::int64_t step) const;
    Beside beside(std::int64_t axis) const;
    void add_missing(const std::vector<Beside> &, std::uint64_t from, std::uint64_t length,
                     std::int64_t least, Count &) const;
};

} // namespace segpost
