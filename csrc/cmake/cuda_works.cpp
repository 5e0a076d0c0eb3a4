// Whether nvcc, its headers and its runtime library go together.
#include "cuda/runtime/launch.hpp"

int main() {
    const char *problem = nullptr;
    return segpost::gpu::device_count(problem) < 0;
}
