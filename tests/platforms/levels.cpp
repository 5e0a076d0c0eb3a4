// The SIMD levels of the library, for a program in C. They are no part of its interface.
#include "cpu/runtime/kernel_table.hpp"

extern "C" int use_level(const char *name) { return segpost::use_level(name); }

extern "C" const char *level_name(int i) {
    const segpost::KernelTable *const *levels = segpost::available_levels();
    for (; *levels; ++levels, --i)
        if (!i) return (*levels)->level;
    return nullptr;
}
