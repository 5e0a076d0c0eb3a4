"""Reading a DLPack capsule on the CPU as a NumPy view, bfloat16 included.

NumPy's own reader refuses bfloat16. The structs are those of the DLPack specification,
versions 0.x and 1.x.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

CPU = 1
READ_ONLY = 1
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
    """Keeps the capsule, and so the producer's memory, alive for as long as NumPy looks at it."""

    def __init__(self, capsule: object, interface: dict[str, Any]) -> None:
        self.capsule = capsule
        self.__array_interface__ = interface


def borrow(producer: Any) -> tuple[npt.NDArray[Any], str]:
    """A view of a CPU tensor and its element type; bfloat16 comes as uint16.

    The capsule is not consumed: it stays with the view, and its own destructor frees the tensor.
    """
    try:
        capsule = producer.__dlpack__(max_version=(1, 0))
    except TypeError:  # producers older than DLPack 1.0 do not know the argument
        capsule = producer.__dlpack__()
    read_only = False
    if _is_named(capsule, b"dltensor_versioned"):
        managed = _Versioned.from_address(_pointer(capsule, b"dltensor_versioned"))
        if managed.major > 1:
            raise BufferError(f"DLPack version {managed.major} is newer than segpost knows")
        tensor, read_only = managed.tensor, bool(managed.flags & READ_ONLY)
    else:
        tensor = _Tensor.from_address(_pointer(capsule, b"dltensor"))
    name = f"{_CODES.get(tensor.dtype.code, '?')}{tensor.dtype.bits}"
    if tensor.dtype.code == 6:
        name = "bool"
    if name.startswith("?") or tensor.dtype.lanes != 1:
        raise BufferError(f"DLPack type code {tensor.dtype.code} x {tensor.dtype.lanes} is unknown")
    dtype = np.dtype("uint16" if name == "bfloat16" else name)
    shape = tuple(tensor.shape[i] for i in range(tensor.ndim))
    strides = None
    if tensor.strides:
        strides = tuple(tensor.strides[i] * dtype.itemsize for i in range(tensor.ndim))
    if 0 in shape:
        return np.empty(shape, dtype), name
    if not tensor.data:
        raise BufferError("DLPack gives no memory for a tensor that has elements")
    interface = {
        "data": (tensor.data + tensor.byte_offset, read_only),
        "shape": shape,
        "strides": strides,
        "typestr": dtype.str,
        "version": 3,
    }
    return np.asarray(_Memory(capsule, interface)), name
