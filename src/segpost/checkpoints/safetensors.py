"""Safetensors files: the header is checked as if it were hostile, values are read in pieces."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arrays import Array
from segpost.checkpoints.statistics import PIECE, READ_KINDS, statistics
from segpost.checkpoints.tree import MOST_TENSORS, Entry, State

MOST_HEADER = 1 << 24  # bytes; models of thousands of layers need a tenth of it
MOST_AXES = 32
LENGTH = 8  # bytes of the header's own length

# Names of the format, the field's, and bits an element.
KINDS = {
    "F64": ("float64", 64),
    "F32": ("float32", 32),
    "F16": ("float16", 16),
    "BF16": ("bfloat16", 16),
    "F8_E4M3": ("float8_e4m3fn", 8),
    "F8_E5M2": ("float8_e5m2", 8),
    "F8_E8M0": ("float8_e8m0fnu", 8),
    "F4": ("float4_e2m1fn_x2", 4),
    "C64": ("complex64", 64),
    "I64": ("int64", 64),
    "I32": ("int32", 32),
    "I16": ("int16", 16),
    "I8": ("int8", 8),
    "U64": ("uint64", 64),
    "U32": ("uint32", 32),
    "U16": ("uint16", 16),
    "U8": ("uint8", 8),
    "BOOL": ("bool", 8),
}


class Slot(NamedTuple):
    """Where a tensor lies in the file."""

    shape: tuple[int, ...]
    kind: str
    begin: int  # from the start of the file
    end: int


def state(path: Path, values: bool) -> State:
    """What a file holds; only its header is read before somebody looks at values.

    Raises
    ------
    ValueError
        If the header is damaged, or was made to do damage.
    """
    leaves: dict[tuple[str, ...], Entry] = {
        (name,): Entry(slot.shape, slot.kind, _looker(path, slot) if values else None)
        for name, slot in slots(path).items()
    }
    return State(str(path), "safetensors", leaves)


def slots(path: Path) -> dict[str, Slot]:
    """The header's table, with every claim checked against the file's size."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        told = file.read(LENGTH)
        if len(told) < LENGTH:
            raise ValueError(f"it has {size} bytes, too few for a safetensors header")
        length = int.from_bytes(told, "little")
        if length > MOST_HEADER:
            raise ValueError(
                f"its header claims {length} bytes, more than {MOST_HEADER}: no safetensors file"
            )
        if length > size - LENGTH:
            raise ValueError(f"its header claims {length} bytes, the file has {size}: truncated")
        text = file.read(length)
    header = _header(text)
    header.pop("__metadata__", None)
    start = LENGTH + length
    found = {name: _slot(name, told, start) for name, told in header.items()}
    end, before = start, ""
    for name, slot in sorted(found.items(), key=lambda item: item[1][2:]):
        if slot.begin != end:
            what = "overlaps" if slot.begin < end else "leaves a hole after"
            raise ValueError(f"tensor {name!r} {what} {before or 'the header'!r}")
        end, before = slot.end, name
    if end != size:
        what = "truncated" if size < end else "with something behind the tensors"
        raise ValueError(f"its header describes {end} bytes, the file has {size}: {what}")
    return found


def _header(text: bytes) -> dict[str, Any]:
    """The header as a mapping; no name twice, and not more values than tensors need."""
    if not text.startswith(b"{"):
        raise ValueError("its header is no JSON object: no safetensors file")
    if text.count(b"{") + text.count(b"[") > 3 * (MOST_TENSORS + 1):
        raise ValueError(f"its header describes more than {MOST_TENSORS} tensors")
    try:
        header = json.loads(text.decode(), object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("its header is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("its header is no UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"its header is no JSON: {error}") from None
    result: dict[str, Any] = header
    return result


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for name, value in pairs:
        if name in mapping:
            raise ValueError(f"its header has {name!r} twice")
        mapping[name] = value
    return mapping


def _slot(name: str, told: Any, start: int) -> Slot:
    if not isinstance(told, dict) or set(told) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"tensor {name!r} has no dtype, shape and data_offsets")
    dtype, shape, offsets = told["dtype"], told["shape"], told["data_offsets"]
    if not isinstance(dtype, str) or dtype not in KINDS:
        raise ValueError(f"tensor {name!r} has dtype {dtype!r}, which the format has not")
    if not isinstance(shape, list) or len(shape) > MOST_AXES or not all(map(_natural, shape)):
        raise ValueError(f"tensor {name!r} has shape {str(shape)[:80]}")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_natural, offsets)):
        raise ValueError(f"tensor {name!r} has data_offsets {str(offsets)[:80]}")
    begin, end = offsets
    kind, bits = KINDS[dtype]
    wanted = math.prod(shape) * bits
    if wanted != 8 * (end - begin):
        raise ValueError(
            f"tensor {name!r} of shape {tuple(shape)} and dtype {dtype} needs {wanted // 8} bytes, "
            f"data_offsets give {end - begin}"
        )
    return Slot(tuple(shape), kind, start + begin, start + end)


def _natural(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _looker(path: Path, slot: Slot) -> Any:
    if slot.kind not in READ_KINDS:
        return None
    return lambda: statistics(_pieces(path, slot), slot.kind)


def _pieces(path: Path, slot: Slot) -> Iterator[Array]:
    """Read, not mapped: a file that shrinks meanwhile is an error, not a signal."""
    dtype = np.dtype("uint16" if slot.kind == "bfloat16" else slot.kind).newbyteorder("<")
    with path.open("rb", buffering=0) as file:
        file.seek(slot.begin)
        left = slot.end - slot.begin
        while left:
            wanted = min(left, PIECE * dtype.itemsize)
            part = file.read(wanted)
            if len(part) != wanted:
                raise ValueError(f"{path} became shorter while it was read")
            left -= wanted
            array = np.frombuffer(part, dtype)
            yield array if sys.byteorder == "little" else array.astype(dtype.newbyteorder("="))
