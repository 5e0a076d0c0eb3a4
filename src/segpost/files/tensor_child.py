"""The child process that reads one tensor of a file of torch or HDF5 for `tensors`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segpost._core.arrays import Array
from segpost.files.contained import (
    EXTRA_TENSOR_SIZE,
    MAX_EXPANSION,
    Request,
    answer_contained,
    check_tensor_size,
    limit_memory,
    load_torch,
)
from segpost.files.safetensors import MAX_TENSORS
from segpost.files.sandbox import MAX_ANSWER_SIZE
from segpost.files.tensors import Tensor, choose_tensor

MAX_DEPTH = 16  # of mappings in mappings
Answer = tuple[Tensor, Array | None]


def main(
    path: str, layout: str, size: str, seconds: str, key: str, what: str, scratch: str
) -> None:
    """Read a file, and print shape and type of a tensor, and its values if `what` says so."""
    request = Request(Path(path), int(size))
    read = {"torch": _read_torch, "hdf5": _read_hdf5}[layout]
    values: list[Array] = []

    def answer() -> dict[str, Any]:
        tensor, array = read(request, key[1:] if key else None, what == "values")
        if array is not None:
            values.append(array)
        return {"shape": tensor.shape, "kind": tensor.kind}

    max_size = MAX_ANSWER_SIZE + MAX_EXPANSION * request.size + EXTRA_TENSOR_SIZE
    answer_contained(answer, int(seconds), max_size, scratch, lambda: values[0] if values else None)


def _read_torch(request: Request, key: str | None, values: bool) -> Answer:
    """Return a tensor of a file of torch."""
    import torch

    tensors_by_name = dict(_iter_tensors(load_torch(request), torch))
    tensors = {
        name: Tensor(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in tensors_by_name.items()
    }
    name = choose_tensor(tensors, key)
    if not values:
        return tensors[name], None
    tensor = tensors_by_name[name]
    check_tensor_size(request, name, tensor.numel() * tensor.element_size())
    tensor = tensor.detach().resolve_conj().resolve_neg().contiguous()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.int16)
    return tensors[name], np.asarray(tensor.numpy())


def _iter_tensors(value: Any, torch: Any) -> Iterator[tuple[str, Any]]:
    """Yield the tensors in nested mappings and lists with their names."""
    stack = [("", value, 0)]
    count = 0
    while stack:
        name, node, depth = stack.pop()
        count += 1
        if count > MAX_TENSORS or depth > MAX_DEPTH:
            raise ValueError(f"it is nested too deeply, or holds more than {MAX_TENSORS} objects")
        if isinstance(node, torch.Tensor):
            if node.layout is torch.strided and not node.is_quantized:
                yield name, node
            continue
        if isinstance(node, Mapping):
            items = [(str(key), inner) for key, inner in node.items()]
        elif isinstance(node, (list, tuple)):
            items = [(str(index), inner) for index, inner in enumerate(node)]
        else:
            continue
        prefix = f"{name}." if name else ""
        stack += [(prefix + key, inner, depth + 1) for key, inner in reversed(items)]


def _read_hdf5(request: Request, key: str | None, values: bool) -> Answer:
    """Return a data set of an HDF5 file."""
    import h5py  # type: ignore[import-untyped,import-not-found,unused-ignore]

    limit_memory(request, 2 * MAX_EXPANSION)
    tensors: dict[str, Tensor] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiub":
            tensors[name] = Tensor(item.shape, item.dtype.newbyteorder("=").name)
        if len(tensors) > MAX_TENSORS:
            raise ValueError(f"it holds more than {MAX_TENSORS} tensors")

    with h5py.File(request.path, "r") as file:
        file.visititems(visit)
        name = choose_tensor(tensors, key)
        item = file[name]
        if item.is_virtual or item.external:
            raise ValueError(f"{name!r} lies in another file")
        check_tensor_size(request, name, math.prod(item.shape) * item.dtype.itemsize)
        if not values:
            return tensors[name], None
        return tensors[name], np.ascontiguousarray(item[...], item.dtype.newbyteorder("="))
