// A tensor's memory by the C functions of its type, as DLPack 1.2 has them: no capsule is made.
#pragma once

#include <pybind11/pybind11.h>

namespace segpost::bindings {

void bind_dlpack(pybind11::module_ &);

} // namespace segpost::bindings
