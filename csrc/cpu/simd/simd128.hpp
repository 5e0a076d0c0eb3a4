// WebAssembly's vectors of 128 bits.
#pragma once

#include "cpu/simd/generic.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr int lanes = 4;
constexpr int float16_lanes = 0;

} // namespace
} // namespace segpost::SEGPOST_LEVEL
