// What depends on the processor that this is compiled for, outside of the kernels.
#pragma once

#if defined(__x86_64__) || defined(__i386__)
#include "cpu/runtime/processor/x86.hpp"
#elif defined(__aarch64__)
#include "cpu/runtime/processor/aarch64.hpp"
#else
#include "cpu/runtime/processor/any.hpp"
#endif
