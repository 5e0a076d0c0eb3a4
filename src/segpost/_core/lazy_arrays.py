"""Lazy arrays, whose chunks are on disk or not computed yet: large ones are not loaded whole."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

MAX_LAZY_BYTES = 1 << 28  # of a chunked array that is loaded like any other
MAX_UINT8_CLASSES = 256


def refuse_large_lazy(value: Any, name: str) -> None:
    """Refuse a large array whose chunks have no memory, of Dask, Zarr, xarray or HDF5.

    Raises
    ------
    TypeError
        If it has more than `MAX_LAZY_BYTES`. The message has the line that reads it by chunk.
    """
    chunks = getattr(value, "chunks", None)
    if not chunks or hasattr(value, "__array_interface__"):
        return
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is None or dtype is None:
        return
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= MAX_LAZY_BYTES:
        return
    library = type(value).__module__.partition(".")[0]
    line = _line_by_chunk(name, library, shape, is_float=np.dtype(dtype).kind == "f")
    raise TypeError(
        f"{name} is a chunked array of {library} of {size / 2**30:.3g} GiB, which would be loaded "
        f"whole; read it by chunk (import dask.array as da): {line}; np.asarray({name}) loads it"
    )


def _line_by_chunk(name: str, library: str, shape: tuple[int, ...], is_float: bool) -> str:
    """Return the line of Python that reads an array by chunk: logits become labels."""
    array = {"dask": name, "xarray": f"{name}.data"}.get(library, f"da.from_array({name})")
    if is_float and len(shape) >= 3:
        axis = len(shape) - 3
        dtype = "uint8" if shape[axis] <= MAX_UINT8_CLASSES else "int32"
        return (
            f"da.map_blocks(segpost.argmax, {array}.rechunk({{{axis}: -1}}), drop_axis={axis}, "
            f"dtype=np.{dtype})"
        )
    loop = f"for part in da.core.slices_from_chunks({array}.chunks)"
    if name in ("preds", "target"):
        return f"{loop}: cm.update(np.asarray(preds[part]), np.asarray(target[part]))"
    return f"{loop}: np.asarray({name}[part])"
