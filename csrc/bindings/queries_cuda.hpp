#pragma once

#include <pybind11/pybind11.h>

namespace segpost::bindings {

void bind_queries_on_device(pybind11::module_ &);

} // namespace segpost::bindings
