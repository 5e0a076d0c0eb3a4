"""The child process of `sandbox`: it reads one file by its own library, and answers with JSON."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from segpost.checkpoints import tree
from segpost.checkpoints.containment import contain, limit_resources
from segpost.checkpoints.statistics import READ_KINDS, compute_statistics, iter_pieces

EXTRA_MEMORY = 1 << 30  # bytes beyond those of the library and of the file
MAX_EXPANSION = 4  # a tensor may have so many times the size of the file
EXTRA_TENSOR_SIZE = 1 << 20  # bytes
MAX_ANSWER_SIZE = 1 << 28  # bytes
MIN_TORCH = (2, 10)  # before it a file could damage memory even with weights_only
UNSAFE = re.compile(r"(?:Unsupported global: )?GLOBAL (\S+)")
OPTIMIZER_SLOT = re.compile(
    r"\.OPTIMIZER_SLOT|/(Adam|Adam_1|Momentum|RMSProp|RMSProp_1|Adagrad|ExponentialMovingAverage)$"
    r"|^(global_step|beta[12]_power|save_counter)\b|(^|/)optimizer/"
)

Row = tuple[list[str], list[int], str, Any]  # keys, shape, element type, statistics


class Request(NamedTuple):
    """The file to read, its size in bytes, and whether its values are to be read."""

    path: Path
    size: int
    values: bool


def main(path: str, layout: str, size: str, seconds: str, values: str, scratch: str) -> None:
    """Read a file and print its content as JSON."""
    out = os.dup(1)
    os.dup2(2, 1)  # libraries that print do not print into the answer
    limit_resources(int(seconds), MAX_ANSWER_SIZE)
    contain(scratch)
    request = Request(Path(path), int(size), values == "1")
    read = {"torch": _read_torch, "keras": _read_keras, "tensorflow": _read_tensorflow}[layout]
    try:
        answer = read(request)
    except ModuleNotFoundError as error:
        answer = {"missing": error.name}
    except MemoryError:
        answer = {"refused": f"it needs more than {EXTRA_MEMORY >> 30} GiB beyond its own size"}
    except Exception as error:  # any error of a library that reads a damaged file
        answer = {"refused": f"{error}" or type(error).__name__}
    with os.fdopen(out, "w") as file:
        json.dump(answer, file)


def _limit_memory(request: Request, factor: int) -> None:
    """Limit memory to what the library uses now, `factor` times the file, and `EXTRA_MEMORY`."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + factor * request.size + EXTRA_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _check_tensor_size(request: Request, name: str, size: int) -> None:
    """Refuse a tensor that is expanded from few bytes, before its elements are read."""
    if size > MAX_EXPANSION * request.size + EXTRA_TENSOR_SIZE:
        raise ValueError(f"tensor {name!r} claims {size} bytes, the file has {request.size}")


def _read_torch(request: Request) -> dict[str, Any]:
    """Return the content of a file of torch."""
    import torch

    version = tuple(int(n) for n in re.findall(r"\d+", torch.__version__)[:2])
    if version < MIN_TORCH:
        raise ValueError(f"torch {torch.__version__} cannot read it safely; 2.10 can")
    torch.set_num_threads(1)
    _limit_memory(request, 2)
    is_zip = zipfile.is_zipfile(request.path)
    if is_zip:
        _check_zip(request)
    try:
        value = torch.load(request.path, map_location="cpu", weights_only=True, mmap=is_zip)
    except Exception as error:
        raise ValueError(_refusal(str(error))) from None
    if callable(getattr(value, "state_dict", None)):
        raise ValueError("it holds a whole model; save model.state_dict() instead")
    return {
        "keys": tree.top_level_keys(value),
        "tensors": list(_iter_torch_rows(value, request)),
        "versions": list(tree.read_versions(value).items()),
    }


def _check_zip(request: Request) -> None:
    """Refuse a zip file with compressed parts, which grow when they are read.

    torch writes none.
    """
    with zipfile.ZipFile(request.path) as archive:
        total = 0
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(
                    f"{member.filename!r} in it is compressed; torch.save compresses nothing"
                )
            total += member.file_size
    if total > request.size:
        raise ValueError(f"its parts claim {total} bytes, the file has {request.size}")


def _refusal(message: str) -> str:
    """Return why torch refused a file, without its advice to trust the file."""
    unsafe = UNSAFE.search(message)
    if unsafe:
        return (
            f"it holds {unsafe[1]}, which is no tensor and would be called to load it; nothing "
            "was run. Save the state dict alone"
        )
    lines = message.rpartition("WeightsUnpickler error:")[2].strip().splitlines()
    return f"torch.load(weights_only=True) refuses it: {lines[0] if lines else 'no reason given'}"


def _iter_torch_rows(value: Any, request: Request) -> Iterator[Row]:
    import torch

    for path, tensor in tree.iter_tensors(value):
        name = ".".join(path)
        if tensor.layout is torch.strided and not tensor.is_quantized:
            _check_tensor_size(request, name, tensor.numel() * tensor.element_size())
        entry = tree.as_entry(tensor, name, request.values)
        statistics = None
        with contextlib.suppress(TypeError):  # an element type that NumPy has not
            statistics = entry.statistics
        yield list(path), list(entry.shape), entry.kind, statistics


def _read_keras(request: Request) -> dict[str, Any]:
    """Return the content of a file of Keras."""
    import h5py  # type: ignore[import-untyped,import-not-found,unused-ignore]

    _limit_memory(request, 1)
    rows: list[Row] = []

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiub":
            return
        if item.is_virtual or item.external:
            raise ValueError(f"{name!r} lies in another file")
        if len(rows) >= tree.MAX_TENSORS:
            raise ValueError(f"it holds more than {tree.MAX_TENSORS} tensors")
        kind = tree.kind_of(item.dtype)
        _check_tensor_size(request, name, math.prod(item.shape) * item.dtype.itemsize)
        statistics = None
        if request.values and kind in READ_KINDS:
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


def _read_tensorflow(request: Request) -> dict[str, Any]:
    """Return the content of a TensorFlow checkpoint."""
    import tensorflow  # type: ignore[import-untyped,import-not-found,unused-ignore]

    _limit_memory(request, 2)
    reader = tensorflow.train.load_checkpoint(str(request.path))
    kinds, rows = reader.get_variable_to_dtype_map(), []
    for name, shape in reader.get_variable_to_shape_map().items():
        kind = tree.kind_of(kinds[name])
        if kind not in READ_KINDS:
            continue
        short_name = name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE")
        statistics = None
        if request.values:
            _check_tensor_size(request, short_name, math.prod(shape) * kinds[name].size)
            entry = tree.as_entry(reader.get_tensor(name), short_name, True)
            statistics = entry.statistics
        path = ["optimizer", short_name] if OPTIMIZER_SLOT.search(name) else [short_name]
        rows.append((path, list(shape), kind, statistics))
    return {"keys": {}, "tensors": rows}
