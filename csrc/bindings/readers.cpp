#include "bindings/readers.hpp"

#include <pybind11/numpy.h>

#include <array>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "bindings/dlpack.hpp"

namespace segpost::bindings {
namespace {

namespace py = pybind11;

constexpr int number_of_float = 11, number_of_double = 12;
constexpr int number_of_types = 24; // of NumPy itself: others have no kind and size of numbers
constexpr const char *native_orders = "=|";

// What records are made of. Never released.
struct Parts {
    py::object array, logits, argument; // records of segpost._core, with their default values
    py::object unchanged;               // the conversion of results to NumPy
    std::array<PyObject *, kinds.size()> names;
    PyTypeObject *numpy_type;
    py::str torch, tensor, from_numpy, is_neg, storage, address, bytes, transpose;
};
Parts *parts = nullptr;

// A record with other first fields.
py::object replace_fields(py::handle example, std::initializer_list<py::handle> fields) {
    PyTypeObject *type = Py_TYPE(example.ptr());
    const py::ssize_t count = PyTuple_GET_SIZE(example.ptr());
    auto record = py::reinterpret_steal<py::object>(type->tp_alloc(type, count));
    if (!record) throw py::error_already_set();
    py::ssize_t i = 0;
    for (const py::handle field : fields)
        PyTuple_SET_ITEM(record.ptr(), i++, field.inc_ref().ptr());
    for (; i < count; ++i)
        PyTuple_SET_ITEM(record.ptr(), i,
                         py::handle(PyTuple_GET_ITEM(example.ptr(), i)).inc_ref().ptr());
    return record;
}

// An array whose elements kernels can address; without a kind there is none.
struct Input {
    py::object array, wrap;
    const Kind *kind = nullptr;
    explicit operator bool() const { return kind; }
    py::handle name() const { return parts->names[kind - kinds.data()]; }
    py::object record() const { return replace_fields(parts->array, {array, name(), wrap}); }
};

bool is_aligned(const py::array &array) {
    return array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_;
}

Input read_numpy(py::handle value) {
    auto array = py::reinterpret_borrow<py::array>(value);
    const py::dtype type = array.dtype();
    if (type.num() >= number_of_types || !is_aligned(array) ||
        std::string_view(native_orders).find(type.byteorder()) == std::string_view::npos)
        return {};
    for (const Kind &kind : kinds)
        if (kind.character == type.kind() && kind.bits == 8 * type.itemsize())
            return {std::move(array), parts->unchanged, &kind};
    return {};
}

py::object call(py::handle object, const py::str &method) {
    return py::reinterpret_steal<py::object>(PyObject_CallMethodNoArgs(object.ptr(), method.ptr()));
}

// The address behind the memory of a tensor; 0 where a tensor does not say it, or where its memory
// has other values than it.
std::uintptr_t end_of_storage(py::handle tensor) {
    const py::object negated = call(tensor, parts->is_neg);
    if (!negated || negated.ptr() != Py_False) return 0;
    const py::object storage = call(tensor, parts->storage);
    if (!storage) return 0;
    const py::object address = call(storage, parts->address), bytes = call(storage, parts->bytes);
    if (!address || !bytes) return 0;
    return PyLong_AsSize_t(address.ptr()) + PyLong_AsSize_t(bytes.ptr());
}

Input read_torch(py::handle value) {
    const auto torch = py::reinterpret_steal<py::object>(PyImport_GetModule(parts->torch.ptr()));
    if (!torch) return {};
    const auto type =
        py::reinterpret_steal<py::object>(PyObject_GetAttr(torch.ptr(), parts->tensor.ptr()));
    if (type.ptr() != reinterpret_cast<PyObject *>(Py_TYPE(value.ptr()))) return {};
    TensorView view = view_tensor(value);
    if (!view.kind || view.end > end_of_storage(value) ||
        !is_aligned(py::reinterpret_borrow<py::array>(view.array)))
        return {};
    auto wrap =
        py::reinterpret_steal<py::object>(PyObject_GetAttr(torch.ptr(), parts->from_numpy.ptr()));
    if (!wrap) return {};
    return {std::move(view.array), std::move(wrap), view.kind};
}

Input read(py::handle value) {
    if (!parts) return {};
    Input input = Py_TYPE(value.ptr()) == parts->numpy_type ? read_numpy(value) : read_torch(value);
    if (PyErr_Occurred()) { // the slower path says why
        PyErr_Clear();
        return {};
    }
    return input;
}

py::object read_array(py::handle value) {
    const Input input = read(value);
    return input ? input.record() : py::none();
}

py::object read_logits(py::handle value, py::handle axis, int spatial, py::ssize_t min_classes) {
    if (!PyLong_CheckExact(axis.ptr())) return py::none();
    const long class_axis = PyLong_AsLong(axis.ptr());
    if (PyErr_Occurred()) { // of a large number
        PyErr_Clear();
        return py::none();
    }
    const Input input = read(value);
    if (!input || !input.kind->is_logit || !parts->argument) return py::none();
    const auto array = py::reinterpret_borrow<py::array>(input.array);
    const py::ssize_t ndim = array.ndim();
    if ((class_axis != -1 && class_axis != -spatial - 1) ||
        (ndim != spatial + 1 && ndim != spatial + 2) ||
        array.shape(ndim + class_axis) < min_classes)
        return py::none();
    py::object values = array;
    if (ndim == spatial + 1)
        values = py::reinterpret_steal<py::object>(PyObject_GetItem(values.ptr(), Py_None));
    if (class_axis == -1) {
        values = spatial == 2 ? values.attr(parts->transpose)(0, 3, 1, 2)
                              : values.attr(parts->transpose)(0, 4, 1, 2, 3);
    }
    const py::object logits = replace_fields(parts->logits, {values, input.name()});
    return replace_fields(parts->argument, {logits, input.record(), axis});
}

// Whether logits of several classes begin with a fraction, and have another number in their middle.
// False where another type of array or element is to be looked at by the slower path.
template <class T> bool are_fractions(const py::array &values) {
    const py::ssize_t ndim = values.ndim();
    py::ssize_t flat = values.size() >> 1, offset = 0;
    for (py::ssize_t axis = ndim; axis-- > 0; flat /= values.shape(axis))
        offset += flat % values.shape(axis) * values.strides(axis);
    const auto *data = static_cast<const char *>(values.data());
    T first, middle;
    std::memcpy(&first, data, sizeof first);
    std::memcpy(&middle, data + offset, sizeof middle);
    return first != middle && std::isfinite(first) && std::trunc(first) != first;
}

bool are_ordinary(py::handle logits) {
    if (!parts || Py_TYPE(logits.ptr()) != Py_TYPE(parts->logits.ptr())) return false;
    const py::handle values = PyTuple_GET_ITEM(logits.ptr(), 0);
    if (Py_TYPE(values.ptr()) != parts->numpy_type) return false;
    const auto array = py::reinterpret_borrow<py::array>(values);
    if (!array.size() || array.ndim() < 2 || array.shape(1) == 1) return false;
    const int number = array.dtype().num();
    return number == number_of_float ? are_fractions<float>(array)
                                     : number == number_of_double && are_fractions<double>(array);
}

// The addresses of an array's first byte and of the one behind its last.
std::pair<std::intptr_t, std::intptr_t> bounds_of(const py::array &array) {
    auto low = reinterpret_cast<std::intptr_t>(array.data()), high = low + array.itemsize();
    for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
        const py::ssize_t reach = (array.shape(axis) - 1) * array.strides(axis);
        (reach < 0 ? low : high) += reach;
    }
    return {low, high};
}

bool may_overlap(const py::array &array, const py::sequence &others) {
    const auto [low, high] = bounds_of(array);
    for (const py::handle item : others) {
        if (item.is_none()) continue;
        const auto other = py::cast<py::array>(item);
        const auto [other_low, other_high] = bounds_of(other);
        if (array.size() && other.size() && low < other_high && other_low < high) return true;
    }
    return false;
}

void bind_array(const py::tuple &example) {
    if (!parts) {
        // Here, since to ask for it in a call could wait for a thread that waits for this one.
        PyTypeObject *const numpy_type = py::detail::npy_api::get().PyArray_Type_;
        parts = new Parts{{},
                          {},
                          {},
                          {},
                          {},
                          numpy_type,
                          "torch",
                          "Tensor",
                          "from_numpy",
                          "is_neg",
                          "untyped_storage",
                          "data_ptr",
                          "nbytes",
                          "transpose"};
        for (std::size_t i = 0; i < kinds.size(); ++i)
            parts->names[i] = PyUnicode_InternFromString(kinds[i].name);
        prepare_dlpack();
    }
    parts->array = example;
    parts->unchanged = example[2];
}

void bind_logits(const py::tuple &example) {
    parts->logits = example[0];
    parts->argument = example;
}

} // namespace

void bind_readers(py::module_ &m) {
    m.def("are_ordinary", &are_ordinary, py::arg("logits"));
    m.def("bind_array", &bind_array, py::arg("example"));
    m.def("bind_logits", &bind_logits, py::arg("example"));
    m.def("may_overlap", &may_overlap, py::arg("array"), py::arg("others"));
    m.def("read_array", &read_array, py::arg("value"));
    m.def("read_logits", &read_logits, py::arg("value"), py::arg("axis"), py::arg("spatial"),
          py::arg("min_classes"));
}

} // namespace segpost::bindings
