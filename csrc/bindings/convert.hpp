// Python arguments as the structs of ops/. The Python side has checked them; what is checked here
// again costs nothing and keeps a mistake in it from reading foreign memory.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <array>
#include <stdexcept>
#include <string>

#include "bindings/records.hpp"
#include "ops/color/palette.hpp"
#include "ops/labels/labels.hpp"
#include "ops/metrics/instances.hpp"
#include "ops/spatial/letterbox.hpp"

namespace segpost::bindings {

namespace py = pybind11;

inline void require(bool condition, const char *what) {
    if (!condition) throw std::invalid_argument(std::string("internal: ") + what);
}

inline DType element_type(const std::string &name) {
    static constexpr std::array<std::pair<const char *, DType>, 12> types{{
        {"float32", DType::f32},
        {"float64", DType::f64},
        {"float16", DType::f16},
        {"bfloat16", DType::bf16},
        {"int8", DType::i8},
        {"uint8", DType::u8},
        {"int16", DType::i16},
        {"uint16", DType::u16},
        {"int32", DType::i32},
        {"int64", DType::i64},
        {"uint32", DType::u32},
        {"uint64", DType::u64},
    }};
    for (const auto &[text, type] : types)
        if (name == text) return type;
    throw std::invalid_argument("internal: element type " + name);
}

inline DType element_type(const py::array &array) {
    const char kind = array.dtype().kind();
    const auto bits = std::to_string(8 * array.itemsize());
    return element_type((kind == 'u' ? "uint" : kind == 'i' ? "int" : "float") + bits);
}

template <class T> const T *checked_pointer(const py::array &array, std::int64_t count) {
    require(array.ndim() == 1 && array.shape(0) >= count && array.itemsize() == sizeof(T) &&
                (count < 2 || array.strides(0) == static_cast<py::ssize_t>(sizeof(T))),
            "table");
    return static_cast<const T *>(array.data());
}

// (N, C, h, w), any strides.
inline Logits logits_view(const py::array &values, const std::string &kind, const char *name) {
    require(values.ndim() == 4, name);
    Logits view;
    view.data = static_cast<const char *>(values.data());
    view.dtype = element_type(kind);
    view.n = values.shape(0), view.c = values.shape(1), view.h = values.shape(2),
    view.w = values.shape(3);
    view.stride_n = values.strides(0), view.stride_c = values.strides(1);
    view.stride_h = values.strides(2), view.stride_w = values.strides(3);
    return view;
}

// The logits themselves; who needs a threshold or a scale reads it from the record.
inline Logits from_python(const Record<records::Logits> &record) {
    using R = records::Logits;
    return logits_view(record.get<py::array>(R::values), record.get<std::string>(R::kind),
                       "logits");
}

// The attributes of sampling.Axis and sampling.Axes, as Python looks them up.
struct AxisNames {
    const py::str n_in{"n_in"}, n_out{"n_out"}, den{"den"}, widest{"widest"}, step{"step"},
        cell{"cell"}, w0{"w0"}, w1{"w1"}, t{"t"}, start{"start"}, z{"z"}, y{"y"}, x{"x"};
};
inline const AxisNames &axis_names() {
    static const auto *const names = new AxisNames; // never released
    return *names;
}

// A sampling.Axis. The arrays live as long as the Python object.
inline Axis axis_view(const py::handle &given) {
    const AxisNames &name = axis_names();
    Axis axis;
    axis.n_in = given.attr(name.n_in).cast<std::int64_t>();
    axis.n_out = given.attr(name.n_out).cast<std::int64_t>();
    axis.den = given.attr(name.den).cast<double>();
    axis.widest = given.attr(name.widest).cast<std::int64_t>();
    axis.step = given.attr(name.step).cast<double>();
    axis.cell = checked_pointer<std::int32_t>(given.attr(name.cell).cast<py::array>(), axis.n_out);
    axis.w0 = checked_pointer<double>(given.attr(name.w0).cast<py::array>(), axis.n_out);
    axis.w1 = checked_pointer<double>(given.attr(name.w1).cast<py::array>(), axis.n_out);
    axis.t = checked_pointer<float>(given.attr(name.t).cast<py::array>(), axis.n_out);
    axis.start =
        checked_pointer<std::int32_t>(given.attr(name.start).cast<py::array>(), axis.cells() + 1);
    return axis;
}

// Images are not the slices of the logits, but lie between them on an axis, which may be None.
inline void set_slices(Logits &logits, const py::object &axis) {
    if (axis.is_none()) return;
    const Axis z = axis_view(axis);
    require(z.n_in == logits.n, "slices");
    logits.n = z.n_out;
    logits.slices = {z.cell, z.w0, z.w1, z.den};
}

template <class T> py::array to_array(const std::vector<T> &values) {
    return py::array(static_cast<py::ssize_t>(values.size()), values.data());
}

inline char *address(const py::array &array, bool written) {
    require(!written || array.writeable(), "read-only output");
    return const_cast<char *>(static_cast<const char *>(array.data()));
}

template <class T> T *checked_array(const py::array &array,
                                    std::initializer_list<py::ssize_t> shape, const char *name,
                                    bool written) {
    bool fits = array.ndim() == static_cast<py::ssize_t>(shape.size()) &&
                array.itemsize() == sizeof(T) && (array.flags() & py::array::c_style);
    py::ssize_t axis = 0;
    for (py::ssize_t length : shape) fits = fits && array.shape(axis++) == length;
    require(fits, name);
    return reinterpret_cast<T *>(address(array, written));
}

// (N, H, W)
inline LabelView map_view(const py::array &array, bool written) {
    require(array.ndim() == 3, "map");
    LabelView map;
    map.data = address(array, written);
    map.dtype = element_type(array);
    map.n = array.shape(0), map.h = array.shape(1), map.w = array.shape(2);
    map.stride_n = array.strides(0), map.stride_h = array.strides(1),
    map.stride_w = array.strides(2);
    require(!written || map.w < 2 || map.stride_w == array.itemsize(),
            "rows of an output are contiguous");
    return map;
}

// (N, H, W, 3)
inline Image image_view(const py::array &array, bool written) {
    require(array.ndim() == 4 && array.shape(3) == 3 && array.itemsize() == 1, "image");
    Image image;
    image.data = address(array, written);
    image.n = array.shape(0), image.h = array.shape(1), image.w = array.shape(2);
    image.stride_n = array.strides(0), image.stride_h = array.strides(1);
    image.stride_w = image.w < 2 ? 3 : array.strides(2), image.channel = array.strides(3);
    require(!written || image.packed(), "rows of an output are contiguous");
    return image;
}

// (N, H, W, B) of any element type, only read
inline BandImage band_image_view(const py::array &array) {
    require(array.ndim() == 4 && array.shape(3) > 0, "image");
    BandImage image;
    image.data = address(array, false);
    image.dtype = element_type(array);
    image.n = array.shape(0), image.h = array.shape(1), image.w = array.shape(2);
    image.bands = array.shape(3), image.stride_b = array.strides(3);
    image.stride_n = array.strides(0), image.stride_h = array.strides(1);
    image.stride_w = image.w < 2 ? image.bands * array.itemsize() : array.strides(2);
    return image;
}

inline LabelRange label_range(const py::array &lut, const py::object &ignore_index) {
    LabelRange range;
    range.classes = lut.shape(0) - 1;
    range.has_ignore = !ignore_index.is_none();
    if (range.has_ignore) range.ignore_index = ignore_index.cast<std::int64_t>();
    return range;
}

// `ignored` lives as long as the Python object.
inline TargetRule target_rule(std::int64_t classes, const py::array &ignored) {
    TargetRule rule;
    require(classes > 0, "classes");
    rule.classes = classes;
    rule.ignored_count = ignored.shape(0);
    rule.ignored = checked_pointer<std::int64_t>(ignored, rule.ignored_count);
    return rule;
}

// A table of int64 counts that is written to.
inline std::int64_t *counts_view(const py::array &counts,
                                 std::initializer_list<std::int64_t> shape) {
    require(counts.ndim() == static_cast<py::ssize_t>(shape.size()) && counts.itemsize() == 8 &&
                counts.dtype().kind() == 'i' &&
                std::equal(shape.begin(), shape.end(), counts.shape()) &&
                (counts.flags() & py::array::c_style),
            "counts");
    return reinterpret_cast<std::int64_t *>(address(counts, true));
}

inline py::object to_python(const LogitErrors &errors) {
    using R = records::LogitErrors;
    return make_record<R, std::int64_t>({{R::nan_count, errors.nan_count},
                                         {R::nan_first, errors.nan_first},
                                         {R::undefined_count, errors.undefined_count},
                                         {R::undefined_first, errors.undefined_first}});
}

inline py::object to_python(const LabelErrors &errors) {
    using R = records::LabelErrors;
    return make_record<R, std::int64_t>({{R::count, errors.count}, {R::first, errors.first}});
}

} // namespace segpost::bindings
