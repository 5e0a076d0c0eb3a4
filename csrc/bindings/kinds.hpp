// The types of elements that kernels read, as DLPack, NumPy and the records of Python name them.
#pragma once

#include <pybind11/numpy.h>

#include <array>
#include <cstdint>

namespace segpost::bindings {

struct Kind {
    std::uint8_t code, bits;     // DLPack's
    char character;              // NumPy's; 0: it has none
    const char *name;            // of the records
    bool is_logit;               // whatever the values are: of 64-bit integers they decide
    pybind11::dtype (*stored)(); // in which arrays have it
};

inline pybind11::dtype half() { return pybind11::dtype(/* NPY_HALF */ 23); }

inline constexpr std::array<Kind, 13> kinds{{
    {2, 32, 'f', "float32", true, &pybind11::dtype::of<float>},
    {2, 64, 'f', "float64", true, &pybind11::dtype::of<double>},
    {2, 16, 'f', "float16", true, &half},
    {4, 16, 0, "bfloat16", true, &pybind11::dtype::of<std::uint16_t>},
    {0, 8, 'i', "int8", true, &pybind11::dtype::of<std::int8_t>},
    {0, 16, 'i', "int16", true, &pybind11::dtype::of<std::int16_t>},
    {0, 32, 'i', "int32", true, &pybind11::dtype::of<std::int32_t>},
    {0, 64, 'i', "int64", false, &pybind11::dtype::of<std::int64_t>},
    {1, 8, 'u', "uint8", true, &pybind11::dtype::of<std::uint8_t>},
    {1, 16, 'u', "uint16", true, &pybind11::dtype::of<std::uint16_t>},
    {1, 32, 'u', "uint32", true, &pybind11::dtype::of<std::uint32_t>},
    {1, 64, 'u', "uint64", false, &pybind11::dtype::of<std::uint64_t>},
    {6, 8, 'b', "bool", false, &pybind11::dtype::of<bool>},
}};

} // namespace segpost::bindings
