// WebAssembly's vectors of 128 bits: the compiler makes them of the same four lanes.
#pragma once

#include "cpu/simd/portable.hpp"
