#pragma once

#include <pybind11/pybind11.h>

namespace segpost::bindings {

void bind_detections(pybind11::module_ &m);

} // namespace segpost::bindings
