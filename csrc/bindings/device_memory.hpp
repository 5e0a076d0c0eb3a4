// Memory of a device that Python passes to kernels. None of it is read here.
#pragma once

#include "bindings/convert.hpp"

#include "cuda/runtime/launch.hpp"

namespace segpost::bindings {

// Memory that a kernel counts into or works in; null for None.
template <class T> T *memory(const py::object &object, std::size_t bytes) {
    if (object.is_none()) return nullptr;
    const auto array = object.cast<py::array>();
    require(static_cast<std::size_t>(array.nbytes()) >= bytes, "memory");
    return reinterpret_cast<T *>(address(array, true));
}

// Error counts, which are cleared.
template <class T> T *error_counts(const py::object &object, std::uintptr_t stream) {
    T *errors = memory<T>(object, sizeof(T));
    if (errors) gpu::clear(errors, sizeof(T), stream);
    return errors;
}

} // namespace segpost::bindings
