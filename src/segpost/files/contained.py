"""What a reader does in the child process of `sandbox`: it takes limits, reads, and answers."""

from __future__ import annotations

import json
import os
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from segpost._core.arrays import Array
from segpost.files.containment import contain, limit_resources

EXTRA_MEMORY = 1 << 30  # bytes beyond those of the library and of the file
MAX_EXPANSION = 4  # a tensor may have so many times the size of the file
EXTRA_TENSOR_SIZE = 1 << 20  # bytes
MIN_TORCH = (2, 10)  # before it a file could damage memory even with weights_only
UNSAFE = re.compile(r"(?:Unsupported global: )?GLOBAL (\S+)")


class Request(NamedTuple):
    """The file to read, and its size in bytes."""

    path: Path
    size: int


def answer_contained(
    read: Callable[[], dict[str, Any]],
    seconds: int,
    max_size: int,
    scratch: str,
    content: Callable[[], Array | None] = lambda: None,
) -> None:
    """Call a reader under limits, and print its answer: a line of JSON, and an array's bytes.

    Parameters
    ----------
    read : function
        Returns the answer as an object of JSON. What it raises is answered.
    seconds : int
        Of processor time.
    max_size : int
        Bytes of the answer.
    scratch : str
        A folder in which files may be made.
    content : function, optional
        Called after `read`; returns an array whose bytes follow.
    """
    out = os.dup(1)
    os.dup2(2, 1)  # libraries that print do not print into the answer
    limit_resources(seconds, max_size)
    contain(scratch)
    array = None
    try:
        answer = read()
        array = content()
    except ModuleNotFoundError as error:
        answer = {"missing": error.name}
    except MemoryError:
        answer = {"refused": f"it needs more than {EXTRA_MEMORY >> 30} GiB beyond its own size"}
    except Exception as error:  # any error of a library that reads a damaged file
        answer = {"refused": f"{error}" or type(error).__name__}
    with os.fdopen(out, "wb") as file:
        file.write(json.dumps(answer).encode() + b"\n")
        if array is not None and array.size:
            file.write(array.reshape(-1).view("uint8").data)


def limit_memory(request: Request, factor: int) -> None:
    """Limit memory to what the library uses now, `factor` times the file, and `EXTRA_MEMORY`."""
    if sys.platform == "win32":
        raise OSError("Windows has no limits of resources")
    import resource

    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    limit = pages * resource.getpagesize() + factor * request.size + EXTRA_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def check_tensor_size(request: Request, name: str, size: int) -> None:
    """Refuse a tensor that is expanded from few bytes, before its elements are read."""
    if size > MAX_EXPANSION * request.size + EXTRA_TENSOR_SIZE:
        raise ValueError(f"tensor {name!r} claims {size} bytes, the file has {request.size}")


def load_torch(request: Request) -> Any:
    """Return the content of a file of torch: tensors, and mappings and lists of them.

    Raises
    ------
    ValueError
        If it holds something else, or this version of torch cannot read it safely.
    """
    import torch

    version = tuple(int(n) for n in re.findall(r"\d+", torch.__version__)[:2])
    if version < MIN_TORCH:
        raise ValueError(f"torch {torch.__version__} cannot read it safely; 2.10 can")
    torch.set_num_threads(1)
    limit_memory(request, 2)
    is_zip = zipfile.is_zipfile(request.path)
    if is_zip:
        _check_zip(request)
    try:
        value = torch.load(request.path, map_location="cpu", weights_only=True, mmap=is_zip)
    except Exception as error:
        raise ValueError(_refusal(str(error))) from None
    if callable(getattr(value, "state_dict", None)):
        raise ValueError("it holds a whole model; save model.state_dict() instead")
    return value


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
