"""The functions of ``segpost/capi.h`` through ctypes, for operators in Python: no lock is held."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

import numpy.typing as npt

from segpost._backends.threads import num_threads
from segpost.runtimes.places import check_native, package_folder

ABI = 1
DTYPES = (
    "float32", "float64", "float16", "bfloat16", "int8", "uint8",
    "int16", "uint16", "int32", "int64", "uint32", "uint64",
)  # fmt: skip
DTYPE_CODES = {name: code for code, name in enumerate(DTYPES)}
Place, Count = ctypes.c_void_p, ctypes.c_int64


class CArray(ctypes.Structure):
    """segpost_array."""

    _fields_ = (
        ("data", Place),
        ("dtype", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("shape", Count * 4),
        ("strides", Count * 4),
    )


class Report(ctypes.Structure):
    """segpost_report."""

    _fields_ = (("bad", Count), ("first", Count), ("message", ctypes.c_char * 400))


class CLetterbox(ctypes.Structure):
    """segpost_letterbox, as its 8 integers."""

    _fields_ = (("sides", Count * 8),)


class ArgmaxOptions(ctypes.Structure):
    """segpost_argmax_options."""

    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        *((name, ctypes.c_int32) for name in ("grid", "nan", "has_threshold", "fast_confidence")),
        *((name, ctypes.c_double) for name in ("threshold", "scale", "zero_point")),
        ("palette", Place),
        ("palette_size", Count),
        ("image", Place),
        ("alpha", Place),
        ("alpha_count", Count),
        ("letterbox", ctypes.POINTER(CLetterbox)),
    )


class CrfOptions(ctypes.Structure):
    """segpost_crf_options."""

    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("quality", ctypes.c_int32),
        ("iterations", ctypes.c_int32),
        *(
            (name, ctypes.c_double)
            for name in (
                "gaussian_sigma",
                "gaussian_weight",
                "bilateral_sigma",
                "bilateral_rgb",
                "bilateral_weight",
            )
        ),
    )


def _function(*arguments: Any) -> Any:
    return ctypes.CFUNCTYPE(ctypes.c_int, *arguments, ctypes.POINTER(Report))


_ARRAY = ctypes.POINTER(CArray)


class _Table(ctypes.Structure):
    """The first functions of segpost_api."""

    _fields_ = (
        ("abi", ctypes.c_int32),
        ("size", ctypes.c_size_t),
        ("version", ctypes.c_char_p),
        ("argmax", _function(_ARRAY, ctypes.POINTER(ArgmaxOptions), *[_ARRAY] * 4)),
        ("softmax", _function(_ARRAY, ctypes.POINTER(ArgmaxOptions), _ARRAY)),
        ("colorize", _function(_ARRAY, Place, Count, _ARRAY)),
        ("overlay", _function(_ARRAY, _ARRAY, Place, Count, Place, Count, Count, _ARRAY)),
        ("confusion_matrix", _function(_ARRAY, _ARRAY, Count, Place, Count, Place)),
        (
            "confusion_matrix_of_logits",
            _function(_ARRAY, ctypes.POINTER(ArgmaxOptions), _ARRAY, Count, Place, Count, Place),
        ),
        ("dense_crf", _function(_ARRAY, _ARRAY, ctypes.POINTER(CrfOptions), _ARRAY)),
    )


@cache
def _table() -> Any:
    check_native()
    names = {"darwin": "libsegpost.dylib", "win32": "segpost.dll"}
    path = package_folder("lib", names.get(sys.platform, "libsegpost.so"))
    num_threads()  # reads the environment, as the first call from Python does
    library = ctypes.CDLL(path)
    library.segpost_get_api.restype = ctypes.POINTER(_Table)
    return library.segpost_get_api(ABI).contents


def describe(array: npt.NDArray[Any], dtype: str = "") -> CArray:
    """Return an array as the functions take it; `dtype` names one that NumPy does not have."""
    view = CArray(address(array), DTYPE_CODES.get(dtype or array.dtype.name, -1), array.ndim)
    view.shape[: array.ndim] = array.shape[:4]
    view.strides[: array.ndim] = array.strides[:4]
    return view


def address(array: npt.NDArray[Any]) -> int:
    """Return where the memory of an array begins."""
    place: int = array.__array_interface__["data"][0]
    return place


def call(name: str, *arguments: Any) -> None:
    """Call a function of the table; what it refuses is a ValueError with its sentence."""
    report = Report()
    by_reference = [
        ctypes.byref(value) if isinstance(value, ctypes.Structure) else value for value in arguments
    ]
    if getattr(_table(), name)(*by_reference, ctypes.byref(report)):
        raise ValueError(report.message.decode(errors="replace"))
