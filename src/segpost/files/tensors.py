"""Logits in files of frameworks: one tensor of a .safetensors, .pt or .h5 file.

Files of torch and HDF5 are read in a contained process: see `sandbox`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arrays import Array, widen
from segpost.files.arrays import (
    ARRAY_SUFFIXES,
    ArrayHeader,
    read_array,
    read_array_header,
    take_element,
)
from segpost.files.nifti import is_nifti, read_nifti, read_nifti_header
from segpost.files.safetensors import iter_values, read_slots
from segpost.files.sandbox import run_reader

LAYOUTS = {".pt": "torch", ".pth": "torch", ".h5": "hdf5", ".hdf5": "hdf5"}
TENSOR_SUFFIXES = (".safetensors", *LAYOUTS)
LOGITS_SUFFIXES = (*ARRAY_SUFFIXES, *TENSOR_SUFFIXES)
FLOATS = ("float16", "float32", "float64", "bfloat16")
KINDS = (*FLOATS, "uint8", "int8", "int16", "int32", "int64", "bool")
MAX_LISTED = 8  # tensors that an error names


class Tensor(NamedTuple):
    """What a file says of a tensor."""

    shape: tuple[int, ...]
    kind: str  # the name of its element type


def read_logits(path: Path, key: str | None = None, index: int | None = None) -> Array:
    """Return the array of an .npy, .npz or NIfTI file, or a tensor of .safetensors, .pt or .h5.

    Parameters
    ----------
    path : Path
        The file.
    key : str, optional
        The name of the tensor, with dots between the keys of nested mappings and slashes between
        the groups of HDF5. By default it is the only one of floats with 3 or 4 dimensions.
    index : int, optional
        An index of the first axis.

    Returns
    -------
    logits : array
        bfloat16 becomes float32, without loss.

    Raises
    ------
    ValueError, OSError
        If the file is damaged or refused, or has not one such tensor.
    ModuleNotFoundError
        If torch, h5py or nibabel is needed and not installed.
    """
    if is_nifti(path):
        return read_nifti(path, index)
    if path.suffix.lower() not in TENSOR_SUFFIXES:
        return read_array(path, index)
    if path.suffix.lower() == ".safetensors":
        array = _read_safetensors(path, key)
    else:
        array = _read_contained(path, key)
    return take_element(array, index)


def read_logits_header(path: Path, key: str | None = None) -> ArrayHeader:
    """Return shape and dtype of the array that `read_logits` would return.

    Raises
    ------
    ValueError, OSError, ModuleNotFoundError
        As `read_logits`, but for damage of the values.
    """
    suffix = path.suffix.lower()
    if is_nifti(path):
        header = read_nifti_header(path)
        return ArrayHeader(header.shape, header.read_dtype, False, -1)
    if suffix not in TENSOR_SUFFIXES:
        return read_array_header(path)
    is_safetensors = suffix == ".safetensors"
    tensor = _choose(path, key)[1] if is_safetensors else _ask(path, key, "header")[0]
    dtype = np.dtype("float32" if tensor.kind == "bfloat16" else tensor.kind)
    return ArrayHeader(tensor.shape, dtype, False, -1)


def choose_tensor(tensors: Mapping[str, Tensor], key: str | None) -> str:
    """Return the name of the tensor that is meant.

    Raises
    ------
    ValueError
        If there is none of the key, or without a key not one that could be logits.
    """
    listed = [
        f"{name!r} {_describe(tensor)}" for name, tensor in list(tensors.items())[:MAX_LISTED]
    ]
    more = len(tensors) - len(listed)
    choices = ", ".join(listed) + (f" and {more} more" if more else "") or "none"
    if key is not None:
        if key not in tensors:
            raise ValueError(f"it has no tensor {key!r}; there are {choices}")
        if tensors[key].kind not in KINDS:
            raise ValueError(f"tensor {key!r} is {_describe(tensors[key])}; wanted are numbers")
        return key
    logits = [
        name
        for name, tensor in tensors.items()
        if tensor.kind in FLOATS and len(tensor.shape) in (3, 4)
    ]
    if len(logits) != 1:
        raise ValueError(
            f"{len(logits)} of its tensors are floats with 3 or 4 dimensions, wanted is one; name "
            f"it by key=, of {choices}"
        )
    return logits[0]


def _describe(tensor: Tensor) -> str:
    return f"{tensor.kind} {tensor.shape}"


def _choose(path: Path, key: str | None) -> tuple[str, Tensor]:
    """Return the tensor of a safetensors file, and its name."""
    tensors = {name: Tensor(slot.shape, slot.kind) for name, slot in read_slots(path).items()}
    name = choose_tensor(tensors, key)
    return name, tensors[name]


def _read_safetensors(path: Path, key: str | None) -> Array:
    """Return a tensor of a safetensors file."""
    name, tensor = _choose(path, key)
    slot = read_slots(path)[name]
    if (slot.shape, slot.kind) != tensor:
        raise ValueError("it changed while it was read")
    values = np.empty(prod(slot.shape), "uint16" if slot.kind == "bfloat16" else slot.kind)
    done = 0
    for piece in iter_values(path, slot):
        values[done : done + len(piece)] = piece
        done += len(piece)
    return widen(values.reshape(slot.shape), slot.kind)


def _read_contained(path: Path, key: str | None) -> Array:
    """Return a tensor that a contained process has read."""
    tensor, content = _ask(path, key, "values")
    dtype = np.dtype("uint16" if tensor.kind == "bfloat16" else tensor.kind)
    if len(content) != prod(tensor.shape) * dtype.itemsize:
        raise ValueError(f"its reader gave {len(content)} bytes of {_describe(tensor)}")
    return widen(np.frombuffer(content, dtype).reshape(tensor.shape), tensor.kind)


def _ask(path: Path, key: str | None, what: str) -> tuple[Tensor, bytearray]:
    """Return what a contained process says of a tensor, and its values if they are wanted."""
    options = ("", what) if key is None else ("=" + key, what)
    layout = LAYOUTS[path.suffix.lower()]
    if not path.is_file():
        path.stat()  # raises FileNotFoundError
        raise ValueError("it is no regular file")
    answer = run_reader("segpost.files.tensor_child", path, path.stat().st_size, layout, *options)
    fields: dict[str, Any] = answer.fields
    shape, kind = fields.get("shape"), fields.get("kind")
    is_shape = isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)
    if not is_shape or kind not in KINDS:
        raise ValueError(f"its reader gave an impossible answer: {shape!r} of {kind!r}")
    return Tensor(tuple(shape), str(kind)), answer.content  # type: ignore[arg-type]
