// The vertices of a permutohedral lattice, made by sorting the names of the corners of all pixels.
#pragma once

#include "cuda/crf/crf.hpp"

namespace segpost::gpu {

// Vertices that pixels have come first, in the order of their names, then those that bridge gaps,
// which no pixel has.
struct Vertices {
    int corners = 0;
    std::int64_t met = 0, length = 0; // vertices that pixels have; rows for all
    unsigned *vertex = nullptr;       // [pixels, corners]
    float *weight = nullptr;          // [pixels, corners]
    unsigned *entry = nullptr;        // [pixels * corners] places in those two, by vertex
    unsigned *start = nullptr;        // [met + 1] the first entry of each vertex
    unsigned *next = nullptr;         // [corners, length] neighbours along each axis, plus one;
    unsigned *previous = nullptr;     // 0: none
};

// The recipe for an image. This waits for the device.
LatticeConfig recipe_for(const PairwiseJob &, const Shape &, const LatticeConfig &,
                         const Workspace &);

// This waits for the device.
Vertices make_vertices(const PairwiseJob &, const Shape &, const LatticeShape &,
                       const LatticeConfig &, const Workspace &);

} // namespace segpost::gpu
