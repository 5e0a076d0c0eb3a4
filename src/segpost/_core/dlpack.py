"""DLPack capsules of bfloat16 and of device memory, which NumPy can neither read nor create.

The structs are those of the DLPack specification, versions 0.x and 1.x.
"""

from __future__ import annotations

import ctypes
import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

CPU = 1
READ_ONLY = 1
VERSIONED, UNVERSIONED = b"dltensor_versioned", b"dltensor"
MAX_AXES = 64
MAX_BYTES = 1 << 47  # the addresses of a process
_CODES = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 6: "bool"}


class _Device(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int32), ("id", ctypes.c_int32)]


class _DataType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _Versioned(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("manager", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    ]


_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_is_named = ctypes.pythonapi.PyCapsule_IsValid
_is_named.restype, _is_named.argtypes = ctypes.c_int, [ctypes.py_object, ctypes.c_char_p]


class _Memory:
    """An array interface of a capsule; it keeps the memory of the producer alive."""

    def __init__(self, capsule: object, interface: dict[str, Any]) -> None:
        self.capsule = capsule
        self.__array_interface__ = interface


class BorrowedTensor(NamedTuple):
    """A tensor of another library, whose memory is valid as long as the capsule exists."""

    capsule: object
    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None  # in bytes; None: C order
    dtype: np.dtype[Any]  # bfloat16 as uint16
    kind: str  # the element type, "bfloat16" included
    read_only: bool


def borrow(producer: Any) -> tuple[npt.NDArray[Any], str]:
    """Return a view of a CPU tensor and its element type; bfloat16 is viewed as uint16."""
    tensor = request_tensor(producer)
    if 0 in tensor.shape:
        return np.empty(tensor.shape, tensor.dtype), tensor.kind
    interface = {
        "data": (tensor.address, tensor.read_only),
        "shape": tensor.shape,
        "strides": tensor.strides,
        "typestr": tensor.dtype.str,
        "version": 3,
    }
    return np.asarray(_Memory(tensor.capsule, interface)), tensor.kind


def request_tensor(producer: Any, **options: Any) -> BorrowedTensor:
    """Request the tensor of a producer; `options` holds `stream` if it is on a device.

    The capsule is not consumed: its own destructor frees the tensor.
    """
    try:
        capsule = producer.__dlpack__(max_version=(1, 0), **options)
    except TypeError:  # producers older than DLPack 1.0 do not know the argument
        capsule = producer.__dlpack__(**options)
    # JAX's arrays are immutable, and its capsules have no flag for that.
    read_only = type(producer).__module__.partition(".")[0] in ("jax", "jaxlib")
    if _is_named(capsule, VERSIONED):
        managed = _Versioned.from_address(_pointer(capsule, VERSIONED))
        if managed.major > 1:
            raise BufferError(f"DLPack version {managed.major} is newer than segpost knows")
        read_only |= bool(managed.flags & READ_ONLY)
    tensor = _tensor(capsule)
    dtype, kind = _element_type(tensor.dtype)
    shape, strides = _layout(tensor, dtype.itemsize)
    if not tensor.data and 0 not in shape:
        raise BufferError("DLPack gives no memory for a tensor that has elements")
    if tensor.byte_offset > MAX_BYTES:
        raise BufferError(f"DLPack's byte offset is {tensor.byte_offset}, beyond any memory")
    address = (tensor.data or 0) + tensor.byte_offset
    return BorrowedTensor(capsule, address, shape, strides, dtype, kind, read_only)


def read_device(producer: Any, name: str) -> tuple[int, int]:
    """Return the type and the index of a producer's device.

    Raises
    ------
    TypeError
        If `__dlpack_device__` raises, or returns no two integers.
    """
    try:
        device, index = producer.__dlpack_device__()
        return int(device), int(index)
    except MemoryError:
        raise
    except Exception as error:
        raise TypeError(f"{name} cannot be read through DLPack: {describe(error)}") from error


def describe(error: Exception) -> str:
    """Return the text of an error of another library, or its type where there is none."""
    return str(error) or type(error).__name__


def _element_type(dtype: _DataType) -> tuple[np.dtype[Any], str]:
    """Return NumPy's type of elements, that of bfloat16 being uint16, and its name."""
    code = _CODES.get(dtype.code)
    name = "bool" if code == "bool" and dtype.bits == 8 else f"{code}{dtype.bits}"
    try:
        return np.dtype("uint16" if name == "bfloat16" else name if dtype.lanes == 1 else ""), name
    except TypeError:
        raise BufferError(
            f"DLPack type code {dtype.code} of {dtype.bits} bits x {dtype.lanes} is unknown"
        ) from None


def _layout(tensor: _Tensor, itemsize: int) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Return the shape and the strides in bytes, which must be those of an array in memory."""
    axes = tensor.ndim
    if not 0 <= axes <= MAX_AXES:
        raise BufferError(f"DLPack gives a tensor of {axes} dimensions")
    if axes and not tensor.shape:
        raise BufferError(f"DLPack gives a tensor of {axes} dimensions without a shape")
    shape = tuple(tensor.shape[i] for i in range(axes))
    if any(n < 0 for n in shape):
        raise BufferError(f"DLPack gives a tensor of shape {shape}")
    if not tensor.strides:
        span, strides = math.prod(shape) * itemsize, None
    else:
        strides = tuple(  # the stride of an axis of one element has no meaning
            tensor.strides[i] * itemsize if n > 1 else itemsize for i, n in enumerate(shape)
        )
        span = sum((n - 1) * abs(step) for n, step in zip(shape, strides, strict=True))
    if span > MAX_BYTES:
        raise BufferError(f"DLPack's tensor of shape {shape} lies in {span} bytes, beyond memory")
    return shape, strides


def lend(view: npt.NDArray[Any], device: tuple[int, int], max_version: Any) -> object:
    """Return a capsule of device memory, which `view` keeps alive.

    NumPy creates the capsule of the view and frees it; only the device is changed.
    """
    try:
        capsule = np.ndarray.__dlpack__(view, max_version=max_version)
    except TypeError:  # NumPy before 2.1
        capsule = np.ndarray.__dlpack__(view)
    where = _tensor(capsule).device
    where.type, where.id = device
    return capsule


def _tensor(capsule: object) -> _Tensor:
    """Return the tensor struct inside a capsule of either version, without a copy."""
    if _is_named(capsule, VERSIONED):
        return _Versioned.from_address(_pointer(capsule, VERSIONED)).tensor  # type: ignore[no-any-return]
    if not _is_named(capsule, UNVERSIONED):
        raise BufferError(
            f"__dlpack__ returned a {type(capsule).__name__} that is no capsule of a tensor, or "
            "one that was used already"
        )
    return _Tensor.from_address(_pointer(capsule, UNVERSIONED))
