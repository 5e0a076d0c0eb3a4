"""Safetensors files: the header is not trusted, and values are read in pieces."""

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
from segpost._core.text import as_unique_keys

MAX_TENSORS = 100_000
PIECE_SIZE = 1 << 18  # elements that are read together
MAX_HEADER_SIZE = 1 << 24  # bytes; models of thousands of layers need a tenth of it
MAX_AXES = 32
LENGTH_SIZE = 8  # bytes of the length of the header

# Names of element types in the format, their usual names, and bits per element.
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
    """The position of a tensor in the file."""

    shape: tuple[int, ...]
    kind: str
    begin: int  # bytes from the start of the file
    end: int


def read_slots(path: Path) -> dict[str, Slot]:
    """Return the table of the header, after a check of every claim against the file's size."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length_bytes = file.read(LENGTH_SIZE)
        if len(length_bytes) < LENGTH_SIZE:
            raise ValueError(f"it has {size} bytes, too few for a safetensors header")
        length = int.from_bytes(length_bytes, "little")
        if length > MAX_HEADER_SIZE:
            raise ValueError(
                f"its header claims {length} bytes, more than {MAX_HEADER_SIZE}: no safetensors "
                "file"
            )
        if length > size - LENGTH_SIZE:
            raise ValueError(f"its header claims {length} bytes, the file has {size}: truncated")
        text = file.read(length)
    header = _parse_header(text)
    header.pop("__metadata__", None)
    start = LENGTH_SIZE + length
    slots = {name: _parse_slot(name, entry, start) for name, entry in header.items()}
    end, previous = start, ""
    for name, slot in sorted(slots.items(), key=lambda item: (item[1].begin, item[1].end)):
        if slot.begin != end:
            fault = "overlaps" if slot.begin < end else "leaves a hole after"
            raise ValueError(f"tensor {name!r} {fault} {previous or 'the header'!r}")
        end, previous = slot.end, name
    if end != size:
        fault = "truncated" if size < end else "with something behind the tensors"
        raise ValueError(f"its header describes {end} bytes, the file has {size}: {fault}")
    return slots


def _parse_header(text: bytes) -> dict[str, Any]:
    """Return the header as a mapping; no name twice, and no more values than tensors need."""
    if not text.startswith(b"{"):
        raise ValueError("its header is no JSON object: no safetensors file")
    if text.count(b"{") + text.count(b"[") > 3 * (MAX_TENSORS + 1):
        raise ValueError(f"its header describes more than {MAX_TENSORS} tensors")
    try:
        header = json.loads(text.decode(), object_pairs_hook=as_unique_keys)
    except RecursionError:
        raise ValueError("its header is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("its header is no UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"its header is no JSON: {error}") from None
    except ValueError as error:
        raise ValueError(f"its header: {error}") from None
    result: dict[str, Any] = header
    return result


def _parse_slot(name: str, entry: Any, start: int) -> Slot:
    """Return the position of a tensor, after a check of its dtype, shape and offsets."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"tensor {name!r} has no dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in KINDS:
        raise ValueError(f"tensor {name!r} has dtype {dtype!r}, which the format has not")
    if not isinstance(shape, list) or len(shape) > MAX_AXES or not all(map(_is_natural, shape)):
        raise ValueError(f"tensor {name!r} has shape {str(shape)[:80]}")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_is_natural, offsets)):
        raise ValueError(f"tensor {name!r} has data_offsets {str(offsets)[:80]}")
    begin, end = offsets
    kind, bits = KINDS[dtype]
    size = math.prod(shape) * bits
    if size != 8 * (end - begin):
        raise ValueError(
            f"tensor {name!r} of shape {tuple(shape)} and dtype {dtype} needs {size // 8} bytes, "
            f"data_offsets give {end - begin}"
        )
    return Slot(tuple(shape), kind, start + begin, start + end)


def _is_natural(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def iter_values(path: Path, slot: Slot) -> Iterator[Array]:
    """Yield the values of a tensor in pieces; bfloat16 as its bits in uint16.

    The file is read, not mapped: a file that shrinks meanwhile is an error, not a signal.
    """
    dtype = np.dtype("uint16" if slot.kind == "bfloat16" else slot.kind).newbyteorder("<")
    with path.open("rb", buffering=0) as file:
        file.seek(slot.begin)
        rest = slot.end - slot.begin
        while rest:
            size = min(rest, PIECE_SIZE * dtype.itemsize)
            content = file.read(size)
            if len(content) != size:
                raise ValueError(f"{path} became shorter while it was read")
            rest -= size
            array = np.frombuffer(content, dtype)
            yield array if sys.byteorder == "little" else array.astype(dtype.newbyteorder("="))
