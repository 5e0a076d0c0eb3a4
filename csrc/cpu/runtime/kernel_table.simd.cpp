// The table of one SIMD level.
#include "cpu/runtime/kernel_table.hpp"

#define SEGPOST_TEXT(x) #x
#define SEGPOST_NAME(x) SEGPOST_TEXT(x)

namespace segpost::SEGPOST_LEVEL {

#define SEGPOST_KERNEL(result, name, parameters) result name parameters;
#include "cpu/runtime/kernels.def"

extern const KernelTable table;
const KernelTable table = {
    SEGPOST_NAME(SEGPOST_LEVEL),
#define SEGPOST_KERNEL(result, name, parameters) name,
#include "cpu/runtime/kernels.def"
};

} // namespace segpost::SEGPOST_LEVEL
