// The part of segpost._cpu that is the dense CRF.
#pragma once

#include <pybind11/pybind11.h>

namespace segpost::bindings {

void bind_crf(pybind11::module_ &);

} // namespace segpost::bindings
