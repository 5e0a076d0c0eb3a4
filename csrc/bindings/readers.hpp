// The arguments of most calls as the records of segpost._core: plain arrays of NumPy and tensors of
// torch on the CPU, in less time than Python takes. Python reads all others.
#pragma once

#include <pybind11/pybind11.h>

namespace segpost::bindings {

void bind_readers(pybind11::module_ &);

} // namespace segpost::bindings
