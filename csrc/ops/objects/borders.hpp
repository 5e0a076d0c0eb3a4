// Arguments of components and rings of runs.
#pragma once

#include <cstdint>
#include <vector>

namespace segpost {

// Which pixels are connected: those that share a side, an edge of a voxel, or a corner.
enum class Connectivity { sides_2d, corners_2d, sides_3d, edges_3d, corners_3d };

// Runs that do not overlap, by column, then by row.
struct RingJob {
    std::int64_t columns = 0, height = 0, runs = 0;
    const std::int32_t *column = nullptr, *top = nullptr, *bottom = nullptr;
    const std::int32_t *owner = nullptr; // the region of a run
    bool keeps_corners = false;          // whether arcs end at the corners of the image
    double tolerance = 0.0;              // how far from a ring a point that is left out may be
};

// Closed rings of corners of pixels, without those on straight lines.
struct Rings {
    std::vector<std::int32_t> points;  // x, y of one after another
    std::vector<std::int64_t> offsets; // the points of a ring
    std::vector<std::int32_t> owner;   // the region on its left
    std::vector<double> areas;         // negative of exteriors
};

} // namespace segpost
