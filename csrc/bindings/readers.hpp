// The arguments of most calls as the records of segpost._core: plain arrays of NumPy and tensors of
// torch on the CPU. What is read here costs a tenth of what it costs in Python.
#pragma once

#include <pybind11/pybind11.h>

namespace segpost::bindings {

void bind_readers(pybind11::module_ &);

} // namespace segpost::bindings
