"""The child process of `sandbox`: it reads one file by its own library, and answers with JSON."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segpost.checkpoints import tree
from segpost.checkpoints.statistics import READ_KINDS, compute_statistics, iter_pieces
from segpost.files.contained import (
    Request,
    answer_contained,
    check_tensor_size,
    limit_memory,
    load_torch,
)
from segpost.files.safetensors import MAX_TENSORS
from segpost.files.sandbox import MAX_ANSWER_SIZE

OPTIMIZER_SLOT = re.compile(
    r"\.OPTIMIZER_SLOT|/(Adam|Adam_1|Momentum|RMSProp|RMSProp_1|Adagrad|ExponentialMovingAverage)$"
    r"|^(global_step|beta[12]_power|save_counter)\b|(^|/)optimizer/"
)

Row = tuple[list[str], list[int], str, Any]  # keys, shape, element type, statistics


def main(path: str, layout: str, size: str, seconds: str, values: str, scratch: str) -> None:
    """Read a file and print its content as JSON."""
    request = Request(Path(path), int(size))
    read = {"torch": _read_torch, "keras": _read_keras, "tensorflow": _read_tensorflow}[layout]
    answer_contained(lambda: read(request, values == "1"), int(seconds), MAX_ANSWER_SIZE, scratch)


def _read_torch(request: Request, values: bool) -> dict[str, Any]:
    """Return the content of a file of torch."""
    value = load_torch(request)
    return {
        "keys": tree.top_level_keys(value),
        "tensors": list(_iter_torch_rows(value, request, values)),
        "versions": list(tree.read_versions(value).items()),
    }


def _iter_torch_rows(value: Any, request: Request, values: bool) -> Iterator[Row]:
    import torch

    for path, tensor in tree.iter_tensors(value):
        name = ".".join(path)
        if tensor.layout is torch.strided and not tensor.is_quantized:
            check_tensor_size(request, name, tensor.numel() * tensor.element_size())
        entry = tree.as_entry(tensor, name, values)
        statistics = None
        with contextlib.suppress(TypeError):  # an element type that NumPy has not
            statistics = entry.statistics
        yield list(path), list(entry.shape), entry.kind, statistics


def _read_keras(request: Request, values: bool) -> dict[str, Any]:
    """Return the content of a file of Keras."""
    import h5py  # type: ignore[import-untyped,import-not-found,unused-ignore]

    limit_memory(request, 1)
    rows: list[Row] = []

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiub":
            return
        if item.is_virtual or item.external:
            raise ValueError(f"{name!r} lies in another file")
        if len(rows) >= MAX_TENSORS:
            raise ValueError(f"it holds more than {MAX_TENSORS} tensors")
        kind = tree.kind_of(item.dtype)
        check_tensor_size(request, name, math.prod(item.shape) * item.dtype.itemsize)
        statistics = None
        if values and kind in READ_KINDS:
            native = item.dtype.newbyteorder("=")
            pieces = (piece.astype(native) for piece in iter_pieces(item))
            statistics = compute_statistics(pieces, kind)
        rows.append((name.split("/"), list(item.shape), kind, statistics))

    with h5py.File(request.path, "r") as file:
        keys = dict.fromkeys(file, "dict")
        weights = file.get("model_weights", file)
        is_legacy = isinstance(weights, h5py.Group) and "layer_names" in weights.attrs
        if is_legacy:  # the order of layers and of their weights is what Keras loads by
            for layer in _texts(weights.attrs["layer_names"]):
                for name in _texts(weights[layer].attrs.get("weight_names", ())):
                    visit(f"{layer}/{name}", weights[layer][name])
            if isinstance(file.get("optimizer_weights"), h5py.Group):
                file["optimizer_weights"].visititems(
                    lambda name, item: visit(f"optimizer_weights/{name}", item)
                )
        else:
            file.visititems(visit)
    return {"keys": keys, "tensors": rows, "legacy": is_legacy}


def _texts(values: Any) -> list[str]:
    """Return the names in an attribute of HDF5."""
    return [v.decode() if isinstance(v, bytes) else str(v) for v in values]


def _read_tensorflow(request: Request, values: bool) -> dict[str, Any]:
    """Return the content of a TensorFlow checkpoint."""
    import tensorflow  # type: ignore[import-untyped,import-not-found,unused-ignore]

    limit_memory(request, 2)
    reader = tensorflow.train.load_checkpoint(str(request.path))
    kinds, rows = reader.get_variable_to_dtype_map(), []
    for name, shape in reader.get_variable_to_shape_map().items():
        kind = tree.kind_of(kinds[name])
        if kind not in READ_KINDS:
            continue
        short_name = name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE")
        statistics = None
        if values:
            check_tensor_size(request, short_name, math.prod(shape) * kinds[name].size)
            entry = tree.as_entry(reader.get_tensor(name), short_name, True)
            statistics = entry.statistics
        path = ["optimizer", short_name] if OPTIMIZER_SLOT.search(name) else [short_name]
        rows.append((path, list(shape), kind, statistics))
    return {"keys": {}, "tensors": rows}
