"""The table of C functions through ctypes, as a program in C sees it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np


@cache
def print_folder(option: str) -> str:
    """What `python -m segpost` prints for an option that names a folder."""
    command = [sys.executable, "-m", "segpost", option]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class Strided(ctypes.Structure):
    """segpost_array."""

    memory: np.ndarray  # what `data` is the address of
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("shape", ctypes.c_int64 * 4),
        ("strides", ctypes.c_int64 * 4),
    )


class Report(ctypes.Structure):
    """segpost_report."""

    _fields_ = (
        ("bad", ctypes.c_int64),
        ("first", ctypes.c_int64),
        ("message", ctypes.c_char * 400),
    )


class Box(ctypes.Structure):
    """segpost_letterbox."""

    _fields_ = tuple((name, ctypes.c_int64 * 2) for name in ("image", "input", "content", "offset"))


class Options(ctypes.Structure):
    """segpost_argmax_options."""

    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        *((name, ctypes.c_int32) for name in ("grid", "nan", "has_threshold", "fast")),
        *((name, ctypes.c_double) for name in ("threshold", "scale", "zero_point")),
        ("palette", ctypes.c_void_p),
        ("palette_size", ctypes.c_int64),
        ("image", ctypes.c_void_p),
        ("alpha", ctypes.c_void_p),
        ("alpha_count", ctypes.c_int64),
        ("letterbox", ctypes.POINTER(Box)),
    )


class CrfOptions(ctypes.Structure):
    """segpost_crf_options."""

    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("quality", ctypes.c_int32),
        ("iterations", ctypes.c_int32),
        *(
            (name, ctypes.c_double)
            for name in ("gaussian_sigma", "gaussian_weight", "bilateral_sigma", "bilateral_rgb")
        ),
        ("bilateral_weight", ctypes.c_double),
    )


class BinarizeOptions(ctypes.Structure):
    """segpost_binarize_options."""

    memory: np.ndarray | None  # what `thresholds` is the address of
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("grid", ctypes.c_int32),
        ("nan", ctypes.c_int32),
        ("thresholds", ctypes.c_void_p),
        ("threshold_count", ctypes.c_int64),
        ("scale", ctypes.c_double),
        ("zero_point", ctypes.c_double),
        ("packed_width", ctypes.c_int64),
    )


POINTER, OPTIONS, REPORT = (ctypes.POINTER(kind) for kind in (Strided, Options, Report))
PLACE, NUMBER = ctypes.c_void_p, ctypes.c_int64  # of a table, and how long it is


def function(*arguments: Any) -> Any:
    return ctypes.CFUNCTYPE(ctypes.c_int, *arguments, REPORT)


class Table(ctypes.Structure):
    """segpost_api."""

    _fields_ = (
        ("abi", ctypes.c_int32),
        ("size", ctypes.c_size_t),
        ("version", ctypes.c_char_p),
        ("argmax", function(POINTER, OPTIONS, *[POINTER] * 4)),
        ("softmax", function(POINTER, OPTIONS, POINTER)),
        ("colorize", function(POINTER, PLACE, NUMBER, POINTER)),
        (
            "overlay",
            function(POINTER, POINTER, PLACE, NUMBER, PLACE, NUMBER, NUMBER, POINTER),
        ),
        ("confusion_matrix", function(POINTER, POINTER, NUMBER, PLACE, NUMBER, PLACE)),
        (
            "confusion_matrix_of_logits",
            function(POINTER, OPTIONS, POINTER, NUMBER, PLACE, NUMBER, PLACE),
        ),
        ("dense_crf", function(POINTER, POINTER, ctypes.POINTER(CrfOptions), POINTER)),
        ("set_num_threads", ctypes.CFUNCTYPE(None, ctypes.c_int32)),
        ("num_threads", ctypes.CFUNCTYPE(ctypes.c_int32)),
        ("binarize", function(POINTER, ctypes.POINTER(BinarizeOptions), POINTER)),
        (
            "binarize_runs",
            function(
                POINTER,
                ctypes.POINTER(BinarizeOptions),
                NUMBER,
                NUMBER,
                PLACE,
                NUMBER,
                PLACE,
            ),
        ),
        ("regions", function(POINTER, PLACE, NUMBER, PLACE)),
        ("region_counts", function(POINTER, PLACE, NUMBER, PLACE, NUMBER)),
        ("compress_counts", function(PLACE, PLACE, NUMBER, PLACE, NUMBER, PLACE)),
    )


DTYPES = {
    name: number
    for number, name in enumerate(
        (
            *("float32", "float64", "float16", "bfloat16", "int8", "uint8"),
            *("int16", "uint16", "int32", "int64", "uint32", "uint64"),
        )
    )
}


def strided(array: np.ndarray) -> Strided:
    padding = (0,) * (4 - array.ndim)
    view = Strided(
        array.ctypes.data,
        DTYPES[array.dtype.name],
        array.ndim,
        (ctypes.c_int64 * 4)(*array.shape, *padding),
        (ctypes.c_int64 * 4)(*array.strides, *padding),
    )
    view.memory = array
    return view


def argmax(logits: np.ndarray, labels: np.ndarray, **options: Any) -> tuple[int, str]:
    """Status and message of a call."""
    given = Options(**{"struct_size": ctypes.sizeof(Options), **options})
    return call("argmax", logits, given, labels, None, None, None)


@cache
def table() -> Any:
    library = ctypes.CDLL(os.fspath(Path(print_folder("--libdir")) / "libsegpost.so"))
    library.segpost_get_api.restype = ctypes.POINTER(Table)
    return library.segpost_get_api(1).contents


def call(name: str, *arguments: Any) -> tuple[int, str]:
    """Status and message of a function of the table; arrays go as segpost_array."""
    report = Report()
    given = [strided(a) if isinstance(a, np.ndarray) else a for a in arguments]
    given = [ctypes.byref(a) if isinstance(a, ctypes.Structure) else a for a in given]
    status = getattr(table(), name)(*given, ctypes.byref(report))
    return status, report.message.decode()
