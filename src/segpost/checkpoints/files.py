"""Reading of checkpoints and models in every form: files, mappings, live models."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from segpost.checkpoints import keras, safetensors, sandbox, tree
from segpost.checkpoints.tree import State
from segpost.render.text import as_printable

ZIP, HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
PICKLE, TAR = b"\x80", b"ustar"


def read_state(value: Any, name: str, values: bool) -> State:
    """Return the content of a file, a model or a mapping.

    Parameters
    ----------
    value : path, mapping, or model
    name : str
        The argument's name, for errors.
    values : bool
        Whether values are to be read too.

    Raises
    ------
    ValueError, TypeError, OSError, ModuleNotFoundError
        As `segpost.compare_checkpoints` says.
    """
    if isinstance(value, (str, os.PathLike)):
        path = Path(value)
        try:
            return _read_file(path, values)
        except ValueError as error:
            raise ValueError(f"{name} ({as_printable(path)}): {error}") from error
    if isinstance(value, Mapping):
        return _read_memory(value, name, "mapping", values)
    if keras.is_model(value):
        return keras.read_model(value, name, values)
    if callable(getattr(value, "state_dict", None)) and not isinstance(value, type):
        tensors = value.state_dict()
        state = _read_memory(tensors, name, "model", values, type(value).__name__)
        parameters = {*tensors}
        trained: tuple[str, ...] = ()
        if callable(named := getattr(value, "named_parameters", None)):
            parameters = {key for key, _ in named(remove_duplicate=False)}
            trained = tuple(key for key, tensor in named() if tensor.requires_grad)
        return replace(
            state,
            buffers=frozenset(k for k in tensors if k not in parameters and "running_" not in k),
            module=value,
            parameters=trained,
        )
    raise TypeError(
        f"{name} must be a path, a mapping of names to tensors, or a model with state_dict(), "
        f"got {type(value).__name__}"
    )


def _read_file(path: Path, values: bool) -> State:
    """Return the content of a file, by its first bytes."""
    parts = _tensorflow_parts(path)
    if parts and not path.is_file():
        size = sum(part.stat().st_size for part in parts)
        return sandbox.read(path, "tensorflow", size, values)
    status = path.stat()  # raises FileNotFoundError
    if stat.S_ISDIR(status.st_mode):
        raise ValueError("it is a folder; name a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is no regular file")
    with path.open("rb") as file:
        head = file.read(512)
    if path.suffix == ".safetensors" or head[8:9] == b"{":
        return safetensors.read(path, values)
    if head.startswith(HDF5):
        return sandbox.read(path, "keras", status.st_size, values)
    if path.suffix == ".keras":
        raise ValueError("it is a whole model; save its weights: model.save_weights(...)")
    if head.startswith((ZIP, PICKLE)) or head[257:262] == TAR:
        return sandbox.read(path, "torch", status.st_size, values)
    raise ValueError(
        "it is none of .safetensors, torch's .pt, Keras' .weights.h5 and TensorFlow's checkpoints "
        "(of those name the prefix, without .index)"
    )


def _tensorflow_parts(path: Path) -> list[Path]:
    """Return the files of a TensorFlow checkpoint; none where the path is not its prefix."""
    if not path.name or not path.parent.is_dir():
        return []
    index = path.with_name(f"{path.name}.index")
    if not index.is_file():
        return []
    return [index, *path.parent.glob(f"{_escape_glob(path.name)}.data-*")]


def _escape_glob(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _read_memory(value: Any, name: str, layout: str, values: bool, label: str = "") -> State:
    """Return the content of nested mappings of tensors in memory."""
    tensors = {
        path: tree.as_entry(
            tensor, f"{name}[{'.'.join(path)!r}]", values, is_live=name == layout == "model"
        )
        for path, tensor in tree.iter_tensors(value)
    }
    return State(
        label or f"{name} (a mapping)",
        layout,
        tensors,
        tree.top_level_keys(value),
        tied=_find_tied(value) if isinstance(value, Mapping) else {},
        versions=tree.read_versions(value),
    )


def _find_tied(tensors: Mapping[str, Any]) -> dict[str, str]:
    """Return every name with the first name that is the same tensor in memory."""
    firsts: dict[Any, str] = {}
    tied = {}
    for name, tensor in tensors.items():
        address = getattr(tensor, "data_ptr", None)
        if (
            not callable(address)
            or tree.is_lazy(tensor)
            or tensor.layout is not sys.modules["torch"].strided
        ):
            continue
        if not tensor.is_meta and tensor.numel():
            key = (str(tensor.device), address(), tuple(tensor.shape), tensor.stride())
            tied[name] = firsts.setdefault(key, name)
    return tied
