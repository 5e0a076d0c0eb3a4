// A tensor's memory by the C functions of its type, as DLPack 1.2 has them: no capsule is made.
#pragma once

#include <pybind11/numpy.h>

#include <cstdint>

#include "bindings/kinds.hpp"

namespace segpost::bindings {

// A view of a tensor on the CPU. Where there is none, the slower path reads the tensor, or says why
// not.
struct TensorView {
    pybind11::object array; // of NumPy; bfloat16 as uint16. Null: none
    const Kind *kind = nullptr;
    std::uintptr_t end = 0; // the address behind the last element
};

TensorView view_tensor(pybind11::handle);

void prepare_dlpack();

} // namespace segpost::bindings
