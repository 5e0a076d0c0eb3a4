// Whether nvcc, its headers and its runtime library go together.
#include "cuda/runtime/launch.hpp"

int main() {
    std::string problem;
    return segpost::gpu::device_count(problem) < 0;
}
