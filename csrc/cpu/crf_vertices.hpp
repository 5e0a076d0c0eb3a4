// Which vertices a lattice has, and which are neighbours.
#pragma once

#include "crf_keys.hpp"
#include "crf_lattice.hpp"

namespace segpost {

// The vertices of one tile, and where its pixels lie between them: corners and weights.
Keys embed_tile(const PairwiseJob &, const std::vector<double> &origin,
                const std::vector<float> &scale, const Naming &, std::int64_t h, const CrfTile &,
                Lattice &);
// Vertices of all tiles become vertices of the lattice, in the order of the tiles.
void join_tiles(const std::vector<Keys> &tiles, Lattice &, Keys &all);
// Adds vertices without pixels through which at least `least` others reach each other. False:
// interrupted.
bool add_bridges(Keys &, const Naming &, std::int64_t corners, std::int64_t least,
                 const Interrupted &);
// Vertices in the order in which a blur along the axis meets them.
std::vector<std::uint32_t> chains_along(const Keys &, const Sieve &, const Naming &,
                                        std::int64_t axis, std::int64_t corners);

} // namespace segpost
