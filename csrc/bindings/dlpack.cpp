#include "bindings/dlpack.hpp"

#include <pybind11/numpy.h>

#include <array>
#include <cstdint>

namespace segpost::bindings {
namespace {

namespace py = pybind11;

// The layouts are DLPack's; segpost._core.dlpack has those of capsules.
struct Tensor {
    void *data;
    std::int32_t device_type, device_index;
    std::int32_t ndim;
    std::uint8_t code, bits;
    std::uint16_t lanes;
    const std::int64_t *shape, *strides; // strides in elements
    std::uint64_t byte_offset;
};
static_assert(sizeof(Tensor) == 48);

struct Exchange {
    std::uint32_t major, minor;
    const Exchange *older;
    void *allocate, *give, *take;
    int (*show)(PyObject *, Tensor *); // may be missing; -1 leaves a Python error
    void *current_stream;
};

constexpr std::int32_t on_cpu = 1;
constexpr std::int32_t most_axes = 8;
constexpr std::int64_t most_bytes = std::int64_t{1} << 47; // the addresses of a process

const Kind *kind_of(const Tensor &tensor) {
    if (tensor.lanes != 1) return nullptr;
    for (const Kind &kind : kinds)
        if (kind.code == tensor.code && kind.bits == tensor.bits) return &kind;
    return nullptr;
}

PyObject *attribute_name() {
    static PyObject *const name = PyUnicode_InternFromString("__dlpack_c_exchange_api__");
    return name;
}

// A value of a dict that other threads may change, or nothing.
py::object lookup(PyObject *dict, PyObject *key) {
#if PY_VERSION_HEX >= 0x030D0000
    PyObject *value = nullptr;
    if (PyDict_GetItemRef(dict, key, &value) < 0) PyErr_Clear();
    return py::reinterpret_steal<py::object>(value);
#else
    return py::reinterpret_borrow<py::object>(PyDict_GetItem(dict, key));
#endif
}

// The type's own functions: a type that inherits the attribute may mean something else by its data.
const Exchange *exchange_of(PyTypeObject *type) {
    constexpr const char *name = "dlpack_exchange_api";
    if (!type->tp_dict) return nullptr;
    const auto capsule = lookup(type->tp_dict, attribute_name());
    if (!capsule || !PyCapsule_IsValid(capsule.ptr(), name)) return nullptr;
    auto *exchange = static_cast<const Exchange *>(PyCapsule_GetPointer(capsule.ptr(), name));
    while (exchange && exchange->major > 1) exchange = exchange->older;
    return exchange && exchange->major == 1 && exchange->show ? exchange : nullptr;
}

// The bytes from the first element to behind the last; -1 where a shape is negative, or where the
// elements would lie in more memory than there is.
std::int64_t extent_of(const Tensor &tensor, std::int64_t element) {
    std::int64_t before = 0, after = 0;
    bool is_empty = false;
    for (std::int32_t axis = 0; axis < tensor.ndim; ++axis) {
        const std::int64_t n = tensor.shape[axis];
        if (n < 0) return -1;
        is_empty |= n == 0;
        std::int64_t reach = 0;
        if (n > 1 && (__builtin_mul_overflow(n - 1, tensor.strides[axis], &reach) ||
                      __builtin_mul_overflow(reach, element, &reach) || reach > most_bytes ||
                      reach < -most_bytes))
            return -1;
        (reach < 0 ? before : after) += reach;
    }
    if (is_empty) return 0;
    return after - before > most_bytes ? -1 : after + element;
}

} // namespace

TensorView view_tensor(py::handle value) {
    const Exchange *exchange = exchange_of(Py_TYPE(value.ptr()));
    if (!exchange) return {};
    Tensor tensor{};
    if (exchange->show(value.ptr(), &tensor) != 0) {
        PyErr_Clear();
        return {};
    }
    const Kind *kind = kind_of(tensor);
    if (tensor.device_type != on_cpu || !kind || !tensor.data || tensor.ndim < 0 ||
        tensor.ndim > most_axes || (tensor.ndim && !(tensor.shape && tensor.strides)) ||
        tensor.byte_offset > static_cast<std::uint64_t>(most_bytes))
        return {};
    const std::int64_t element = kind->bits / 8;
    const std::int64_t extent = extent_of(tensor, element);
    if (extent < 0) return {};
    std::array<py::ssize_t, most_axes> shape{}, strides{};
    for (std::int32_t axis = 0; axis < tensor.ndim; ++axis) {
        shape[axis] = tensor.shape[axis];
        strides[axis] = tensor.shape[axis] > 1 ? tensor.strides[axis] * element : element;
    }
    const char *data = static_cast<const char *>(tensor.data) + tensor.byte_offset;
    return {py::array(kind->stored(), {shape.data(), shape.data() + tensor.ndim},
                      {strides.data(), strides.data() + tensor.ndim}, data, value),
            kind, reinterpret_cast<std::uintptr_t>(data) + static_cast<std::uintptr_t>(extent)};
}

void prepare_dlpack() { attribute_name(); }

} // namespace segpost::bindings
