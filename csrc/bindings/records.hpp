// The records of the backends' contract (segpost._core.contract): NamedTuples that the bindings
// read and return.
//
// A field is read by its position, which costs one load. The positions come from the lists below.
// `bind_records` compares them with the Python classes once, when a backend is loaded, so a field
// that moved is an error before any kernel runs. Only instances of those classes are accepted.
#pragma once

#include <pybind11/pybind11.h>

#include <initializer_list>
#include <stdexcept>
#include <string>
#include <utility>

namespace segpost::bindings {

namespace py = pybind11;

#define SEGPOST_RECORDS(RECORD)                                                                    \
    RECORD(Logits, values, kind, scale, zero_point, threshold, origin)                             \
    RECORD(OverlayTarget, image, alpha, out)                                                       \
    RECORD(ColorOutputs, lut, color, overlay)                                                      \
    RECORD(LogitErrors, nan_count, nan_first, undefined_count, undefined_first)                    \
    RECORD(CalibrationSums, counts, confidence, class_counts, class_confidence, loss, curve,       \
           pixels)                                                                                 \
    RECORD(QueryMasks, values, kind, low, high)                                                    \
    RECORD(QueryGrids, to_grid, origin, to_result)                                                 \
    RECORD(LabelErrors, count, first)                                                              \
    RECORD(Unary, values, kind, unary_kind, clamp)                                                 \
    RECORD(Pairwise, sigma, guide, guide_sigma, compatibility, normalization, guide_range)         \
    RECORD(LatticeConfig, passes, blur_weight, scale, wide_blur_weight, wide_scale, small_passes,  \
           small_blur_weight, small_scale, bridge_min, prune_bound)                                \
    RECORD(CrfStep, entropy, unary, pairwise, change)                                              \
    RECORD(UnaryErrors, count, first, out_of_range, out_of_range_first, infeasible,                \
           infeasible_first)

namespace records {
#define SEGPOST_RECORD(record, ...)                                                                \
    struct record {                                                                                \
        enum Field : py::ssize_t { __VA_ARGS__, number_of_fields };                                \
        static constexpr const char *name = #record, *fields = #__VA_ARGS__;                       \
    };
SEGPOST_RECORDS(SEGPOST_RECORD)
#undef SEGPOST_RECORD
} // namespace records

// The Python class, once it has been checked. It is never released.
template <class R> inline PyTypeObject *record_class = nullptr;

template <class R> PyTypeObject *bound_class() {
    if (!record_class<R>)
        throw std::runtime_error(std::string(R::name) +
                                 " is not bound: load the backend with segpost.use_backend");
    return record_class<R>;
}

// An instance of a Python record, with its fields by name.
template <class R> class Record {
  public:
    Record() = default;
    explicit Record(py::handle record) : record_(py::reinterpret_borrow<py::object>(record)) {
        if (!accepts(record)) throw py::type_error(std::string("internal: no ") + R::name);
    }

    static bool accepts(py::handle value) { return Py_TYPE(value.ptr()) == bound_class<R>(); }

    py::handle operator[](typename R::Field field) const {
        return PyTuple_GET_ITEM(record_.ptr(), field);
    }
    bool has(typename R::Field field) const { return !(*this)[field].is_none(); }
    template <class T> T get(typename R::Field field) const {
        return (*this)[field].template cast<T>();
    }

  private:
    py::object record_; // keeps the arrays of its fields
};

// A new record of numbers of one type; a field that is left out is missing in Python too.
template <class R, class T>
py::object make_record(std::initializer_list<std::pair<typename R::Field, T>> fields) {
    PyTypeObject *type = bound_class<R>();
    auto record = py::reinterpret_steal<py::object>(type->tp_alloc(type, R::number_of_fields));
    if (!record) throw py::error_already_set();
    for (const auto &[field, value] : fields)
        PyTuple_SET_ITEM(record.ptr(), field, py::cast(value).release().ptr());
    return record;
}

// `contract` has the classes. All are checked before any is used.
inline void bind_records(const py::object &contract) {
    const auto check = [&](const char *name, const std::string &expected) {
        const py::object type = contract.attr(name);
        if (!PyType_Check(type.ptr()) ||
            !PyType_IsSubtype(reinterpret_cast<PyTypeObject *>(type.ptr()), &PyTuple_Type))
            throw std::runtime_error(std::string(name) + " is no NamedTuple");
        const auto fields = py::str(py::str(", ").attr("join")(type.attr("_fields")));
        if (static_cast<std::string>(fields) != expected)
            throw std::runtime_error(std::string("the compiled code reads ") + name + " as (" +
                                     expected + "), but its fields are (" +
                                     static_cast<std::string>(fields) + "): build segpost again");
    };
#define SEGPOST_RECORD(record, ...) check(#record, #__VA_ARGS__);
    SEGPOST_RECORDS(SEGPOST_RECORD)
#undef SEGPOST_RECORD
#define SEGPOST_RECORD(record, ...)                                                                \
    record_class<records::record> =                                                                \
        reinterpret_cast<PyTypeObject *>(py::object(contract.attr(#record)).release().ptr());
    SEGPOST_RECORDS(SEGPOST_RECORD)
#undef SEGPOST_RECORD
}

} // namespace segpost::bindings

// A function of the module takes a record as it takes an array; anything else is a TypeError.
template <class R> struct pybind11::detail::type_caster<segpost::bindings::Record<R>> {
    using Type = segpost::bindings::Record<R>;
    PYBIND11_TYPE_CASTER(Type, const_name("record"));
    bool load(handle source, bool) {
        if (!Type::accepts(source)) return false;
        value = Type(source);
        return true;
    }
};
