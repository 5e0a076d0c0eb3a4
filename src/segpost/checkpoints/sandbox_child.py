"""The child process: one file read by its own library under limits, and told as JSON."""

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
from segpost.checkpoints.statistics import READ_KINDS, pieces, statistics

BASE = 1 << 30  # bytes of memory beyond what the library takes and the file has
MOST_TIMES = 4  # a tensor may claim so many times the file's size
SLACK = 1 << 20
OLDEST_TORCH = (2, 10)  # before it a file could damage memory even with weights_only
UNSAFE = re.compile(r"(?:Unsupported global: )?GLOBAL (\S+)")
SLOTS = re.compile(
    r"\.OPTIMIZER_SLOT|/(Adam|Adam_1|Momentum|RMSProp|RMSProp_1|Adagrad|ExponentialMovingAverage)$"
    r"|^(global_step|beta[12]_power|save_counter)\b|(^|/)optimizer/"
)

Row = tuple[list[str], list[int], str, Any]


class Asked(NamedTuple):
    """What is to be read."""

    path: Path
    size: int
    values: bool


def main(path: str, layout: str, size: str, seconds: str, values: str) -> None:
    """Read a file and print what it holds."""
    import resource

    out = os.dup(1)
    os.dup2(2, 1)  # libraries that print do not print into the answer
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 28, 1 << 28))
    asked = Asked(Path(path), int(size), values == "1")
    read = {"torch": _torch, "keras": _keras, "tensorflow": _tensorflow}[layout]
    try:
        answer = read(asked)
    except ModuleNotFoundError as error:
        answer = {"missing": error.name}
    except MemoryError:
        answer = {"refused": f"it needs more than {BASE >> 30} GiB beyond its own size"}
    except Exception as error:  # whatever a library says of a damaged file
        answer = {"refused": f"{error}" or type(error).__name__}
    with os.fdopen(out, "w") as file:
        json.dump(answer, file)


def _bounded(asked: Asked, times: int) -> None:
    """No more memory than the library has by now, some times the file, and a little."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + times * asked.size + BASE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _fits(asked: Asked, name: str, size: int) -> None:
    """A tensor that is expanded from nothing is refused before anybody counts its elements."""
    if size > MOST_TIMES * asked.size + SLACK:
        raise ValueError(f"tensor {name!r} claims {size} bytes, the file has {asked.size}")


def _torch(asked: Asked) -> dict[str, Any]:
    import torch

    version = tuple(int(n) for n in re.findall(r"\d+", torch.__version__)[:2])
    if version < OLDEST_TORCH:
        raise ValueError(f"torch {torch.__version__} cannot read it safely; 2.10 can")
    torch.set_num_threads(1)
    _bounded(asked, 2)
    zipped = zipfile.is_zipfile(asked.path)
    if zipped:
        _stored(asked)
    try:
        value = torch.load(asked.path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:
        raise ValueError(_why(str(error))) from None
    if callable(getattr(value, "state_dict", None)):
        raise ValueError("it holds a whole model; save model.state_dict() instead")
    return {"keys": tree.keys_of(value), "leaves": list(_torch_rows(value, asked))}


def _stored(asked: Asked) -> None:
    """A zip file as torch writes it: nothing compressed, so nothing that grows when it is read."""
    with zipfile.ZipFile(asked.path) as archive:
        total = 0
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(
                    f"{member.filename!r} in it is compressed; torch.save compresses nothing"
                )
            total += member.file_size
    if total > asked.size:
        raise ValueError(f"its parts claim {total} bytes, the file has {asked.size}")


def _why(said: str) -> str:
    """Why torch refused, without its advice to trust the file."""
    found = UNSAFE.search(said)
    if found:
        return (
            f"it holds {found[1]}, which is no tensor and would be called to load it; nothing "
            "was run. Save the state dict alone"
        )
    reason = said.rpartition("WeightsUnpickler error:")[2].strip().splitlines()
    return f"torch.load(weights_only=True) refuses it: {reason[0] if reason else 'no reason given'}"


def _torch_rows(value: Any, asked: Asked) -> Iterator[Row]:
    for path, tensor in tree.leaves_of(value):
        name = ".".join(path)
        if tensor.layout is _strided() and not tensor.is_quantized:
            _fits(asked, name, tensor.numel() * tensor.element_size())
        yield _row(path, tree.entry_of(tensor, name, asked.values))


def _strided() -> Any:
    import torch

    return torch.strided


def _keras(asked: Asked) -> dict[str, Any]:
    import h5py  # type: ignore[import-untyped,import-not-found,unused-ignore]

    _bounded(asked, 1)
    rows: list[Row] = []

    def visit(name: str, found: Any) -> None:
        if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiub":
            return
        if found.is_virtual or found.external:
            raise ValueError(f"{name!r} lies in another file")
        if len(rows) >= tree.MOST_TENSORS:
            raise ValueError(f"it holds more than {tree.MOST_TENSORS} tensors")
        kind = tree.kind_of(found.dtype)
        _fits(asked, name, math.prod(found.shape) * found.dtype.itemsize)
        look = None
        if asked.values and kind in READ_KINDS:
            native = found.dtype.newbyteorder("=")
            look = statistics((part.astype(native) for part in pieces(found)), kind)
        rows.append((name.split("/"), list(found.shape), kind, look))

    with h5py.File(asked.path, "r") as file:
        keys = dict.fromkeys(file, "dict")
        file.visititems(visit)
    return {"keys": keys, "leaves": rows}


def _tensorflow(asked: Asked) -> dict[str, Any]:
    import tensorflow  # type: ignore[import-untyped,import-not-found,unused-ignore]

    _bounded(asked, 2)
    reader = tensorflow.train.load_checkpoint(str(asked.path))
    kinds, rows = reader.get_variable_to_dtype_map(), []
    for name, shape in reader.get_variable_to_shape_map().items():
        kind = tree.kind_of(kinds[name])
        if kind not in READ_KINDS:
            continue
        shown = name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE")
        look = None
        if asked.values:
            _fits(asked, shown, math.prod(shape) * kinds[name].size)
            look = tree.entry_of(reader.get_tensor(name), shown, True).statistics
        path = ["optimizer", shown] if SLOTS.search(name) else [shown]
        rows.append((path, list(shape), kind, look))
    return {"keys": {}, "leaves": rows}


def _row(path: tree.Path, entry: tree.Entry) -> Row:
    with contextlib.suppress(TypeError):  # an element type that NumPy has not
        return list(path), list(entry.shape), entry.kind, entry.statistics
    return list(path), list(entry.shape), entry.kind, None
