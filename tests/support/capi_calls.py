"""A list of calls of the C interface for tests/platforms/capi_calls.c, with its arrays as files."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from capi_table import DTYPES, BinarizeOptions, CrfOptions, Options

UNWRITTEN = 0xEE  # what outputs are filled with before a call
Structure = Options | CrfOptions | BinarizeOptions


def bits(value: float) -> str:
    """The integer with the bits of a float64."""
    return str(struct.unpack("<q", struct.pack("<d", value))[0])


class Calls:
    """Calls that a folder lists; arrays are named by their number."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._count = 0
        self.dtypes: dict[str, np.dtype[Any]] = {}  # of outputs
        self._outputs: list[str] = []

    def table(self, array: np.ndarray | None) -> str:
        """The words of a table: a file with its bytes, in C order."""
        if array is None:
            return "-"
        name = f"{self._count}.bin"
        self._count += 1
        np.ascontiguousarray(array).tofile(self.folder / name)
        return name

    def array(self, array: np.ndarray | None) -> str:
        """The words of a segpost_array, with the strides of the array, which has pixels."""
        if array is None:
            return "-"
        low = sum(
            min(0, (n - 1) * step) for n, step in zip(array.shape, array.strides, strict=True)
        )
        high = sum(
            max(0, (n - 1) * step) for n, step in zip(array.shape, array.strides, strict=True)
        )
        memory = np.zeros(high - low + array.itemsize, np.uint8)
        view = np.ndarray(array.shape, array.dtype, memory, -low, array.strides)
        view[...] = array
        axes = " ".join(f"{n} {step}" for n, step in zip(array.shape, array.strides, strict=True))
        return f"{self.table(memory)} {-low} {DTYPES[array.dtype.name]} {array.ndim} {axes}"

    def output(self, dtype: Any, *shape: int) -> str:
        """The words of an array that a call writes."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        filled = np.full(size, UNWRITTEN, np.uint8).view(dtype).reshape(shape)
        words = self.array(filled)
        self._outputs.append(words.partition(" ")[0])
        self.dtypes[self._outputs[-1]] = np.dtype(dtype)
        return words

    def output_table(self, dtype: Any, size: int, fill: int = UNWRITTEN) -> str:
        """The words of a table that a call writes."""
        words = self.table(np.full(size, fill, dtype))
        self._outputs.append(words)
        self.dtypes[words] = np.dtype(dtype)
        return words

    def argmax_options(self, **values: Any) -> str:
        """The words of segpost_argmax_options; arrays are NumPy's."""
        given = {"scale": 0.0, "zero_point": 0.0, "threshold": 0.0, **values}
        palette, alpha = given.get("palette"), given.get("alpha")
        words = [values.get("struct_size", Options.alpha_count.offset + 8)]
        words += [int(given.get(name, 0)) for name in ("grid", "nan", "has_threshold", "fast")]
        words += [bits(given[name]) for name in ("threshold", "scale", "zero_point")]
        words += [self.table(palette), 0 if palette is None else len(palette)]
        words += [
            self.array(given.get("image")),
            self.table(alpha),
            0 if alpha is None else len(alpha),
        ]
        return " ".join(map(str, words))

    def crf_options(self, **values: Any) -> str:
        """The words of segpost_crf_options."""
        reals = [
            name
            for name, *_ in CrfOptions._fields_
            if name not in ("struct_size", "quality", "iterations")
        ]
        words = [
            CrfOptions.bilateral_weight.offset + 8,
            values.get("quality", 0),
            values.get("iterations", 0),
        ]
        return " ".join(map(str, [*words, *(bits(values.get(name, 0.0)) for name in reals)]))

    def binarize_options(self, **values: Any) -> str:
        """The words of segpost_binarize_options."""
        thresholds = values.get("thresholds")
        words = [
            BinarizeOptions.packed_width.offset + 8,
            values.get("grid", 0),
            values.get("nan", 0),
        ]
        words += [self.table(thresholds), 0 if thresholds is None else len(thresholds)]
        words += [bits(values.get("scale", 0.0)), bits(values.get("zero_point", 0.0))]
        return " ".join(map(str, [*words, values.get("packed_width", 0)]))

    def add(self, name: str, *words: Any) -> list[str]:
        """Add a call; return the names of the files that it writes."""
        with (self.folder / "calls.txt").open("a", encoding="ascii") as file:
            print(name, *words, file=file)
        outputs, self._outputs = self._outputs, []
        return outputs


class Results(NamedTuple):
    """What a program of tests/platforms/capi_calls.c wrote.

    Attributes
    ----------
    library : list of str
        The ABI, whether the table is of the size of the header, the version, and the SIMD levels.
    reports : list of str
        A line for every call: its function, status, bad values, the first of them, the message.
    files : dict of str to bytes
        All arrays after the calls.
    """

    library: list[str]
    reports: list[str]
    files: dict[str, bytes]


def write_settings(calls: Calls, level: str, threads: int) -> str:
    """Write the calls for a SIMD level and a number of threads; return the name of the file."""
    name = f"calls-{level}-{threads}.txt"
    text = (calls.folder / "calls.txt").read_text(encoding="ascii")
    settings = f"use_level {level}\nset_num_threads {threads}\n"
    (calls.folder / name).write_text(settings + text, encoding="ascii")
    return name


def read_results(calls: Calls) -> Results:
    """Read what a program wrote, and remove it."""
    reports = calls.folder / "reports.txt"
    library, *lines = reports.read_text(encoding="utf-8").splitlines()
    written = sorted(calls.folder.glob("*.out"))
    files = {path.name.removesuffix(".out"): path.read_bytes() for path in written}
    for path in (*written, reports):
        path.unlink()
    return Results(library.split(), lines, files)
