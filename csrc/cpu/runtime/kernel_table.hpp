// The kernels of one SIMD level. Every *.simd.cpp is compiled once a level, in the namespace
// SEGPOST_LEVEL; levels.cpp picks one table at run time.
#pragma once

#include "cpu/crf/plan.hpp"
#include "ops/color/palette.hpp"
#include "ops/labels/decoding.hpp"
#include "ops/labels/labels.hpp"
#include "ops/labels/majority.hpp"
#include "ops/labels/masks.hpp"
#include "ops/labels/volumes.hpp"
#include "ops/metrics/boundary.hpp"
#include "ops/metrics/calibration.hpp"
#include "ops/metrics/confusion.hpp"
#include "ops/metrics/instances.hpp"
#include "ops/metrics/overlaps.hpp"
#include "ops/objects/runs.hpp"
#include "ops/queries/queries.hpp"
#include "ops/spatial/letterbox.hpp"

namespace segpost {

// How argmax resamples: cells that can be filled are filled, or every pixel is computed (the worst
// case, kept callable so that it can be measured).
enum class CellRule : int { fill, dense };

struct KernelTable {
    const char *level;
#define SEGPOST_KERNEL(result, name, parameters) result(*name) parameters;
#include "cpu/runtime/kernels.def"
};

} // namespace segpost

namespace segpost {

SEGPOST_EXPORT const KernelTable &kernels();     // the level in use
SEGPOST_EXPORT bool use_level(const char *name); // false: unknown, or this processor cannot run it
SEGPOST_EXPORT const KernelTable *const *available_levels(); // null-terminated, slowest first

} // namespace segpost
