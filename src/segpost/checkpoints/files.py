"""What a checkpoint or a model is, whatever it comes as."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from segpost.checkpoints import safetensors, sandbox, tree
from segpost.checkpoints.tree import State
from segpost.render.tables import shown

ZIP, HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
PICKLE, TAR = b"\x80", b"ustar"


def state_of(value: Any, name: str, values: bool) -> State:
    """Read a file, or look into a model or mapping.

    Parameters
    ----------
    value : path, mapping, or model
    name : str
        The argument's name, for errors.
    values : bool
        Whether values are to be looked at, too.

    Raises
    ------
    ValueError, TypeError, OSError, ModuleNotFoundError
    """
    if isinstance(value, (str, os.PathLike)):
        path = Path(value)
        try:
            return _file(path, values)
        except ValueError as error:
            raise ValueError(f"{name} ({shown(path)}): {error}") from error
    if isinstance(value, Mapping):
        return _in_memory(value, name, "mapping", values)
    if callable(getattr(value, "save_weights", None)) and hasattr(value, "weights"):
        return _keras_model(value, name, values)
    if callable(getattr(value, "state_dict", None)) and not isinstance(value, type):
        found = value.state_dict()
        state = _in_memory(found, name, "model", values, type(value).__name__)
        named = getattr(value, "named_parameters", None)
        learned = {key for key, _ in named(remove_duplicate=False)} if callable(named) else {*found}
        return replace(
            state,
            buffers=frozenset(k for k in found if k not in learned and "running_" not in k),
            tied=_tied(found),
        )
    raise TypeError(
        f"{name} must be a path, a mapping of names to tensors, or a model with state_dict(), "
        f"got {type(value).__name__}"
    )


def _file(path: Path, values: bool) -> State:
    parts = _tensorflow_parts(path)
    if parts and not path.is_file():
        size = sum(part.stat().st_size for part in parts)
        return sandbox.state(path, "tensorflow", size, values)
    about = path.stat()  # FileNotFoundError, in words of the system
    if stat.S_ISDIR(about.st_mode):
        raise ValueError("it is a folder; name a file in it")
    if not stat.S_ISREG(about.st_mode):
        raise ValueError("it is no regular file")
    with path.open("rb") as file:
        head = file.read(512)
    if path.suffix == ".safetensors" or head[8:9] == b"{":
        return safetensors.state(path, values)
    if head.startswith(HDF5):
        return sandbox.state(path, "keras", about.st_size, values)
    if path.suffix == ".keras":
        raise ValueError("it is a whole model; save its weights: model.save_weights(...)")
    if head.startswith((ZIP, PICKLE)) or head[257:262] == TAR:
        return sandbox.state(path, "torch", about.st_size, values)
    raise ValueError(
        "it is none of .safetensors, torch's .pt, Keras' .weights.h5 and TensorFlow's checkpoints "
        "(of those name the prefix, without .index)"
    )


def _tensorflow_parts(path: Path) -> list[Path]:
    """The files of a checkpoint in several files."""
    if not path.name or not path.parent.is_dir():
        return []
    index = path.with_name(f"{path.name}.index")
    if not index.is_file():
        return []
    return [index, *path.parent.glob(f"{_literal(path.name)}.data-*")]


def _literal(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _in_memory(value: Any, name: str, layout: str, values: bool, label: str = "") -> State:
    leaves = {
        path: tree.entry_of(tensor, f"{name}[{'.'.join(path)!r}]", values)
        for path, tensor in tree.leaves_of(value)
    }
    return State(label or f"{name} (a mapping)", layout, leaves, tree.keys_of(value))


def _tied(tensors: Mapping[str, Any]) -> dict[str, str]:
    """Names that are one tensor in memory, to the first of them."""
    firsts: dict[Any, str] = {}
    tied = {}
    for name, tensor in tensors.items():
        place = getattr(tensor, "data_ptr", None)
        if callable(place) and not tensor.is_meta and tensor.numel():
            key = (str(tensor.device), place(), tuple(tensor.shape), tensor.stride())
            tied[name] = firsts.setdefault(key, name)
    return tied


def _keras_model(model: Any, name: str, values: bool) -> State:
    """A Keras model's weights under the names that its own writer gives them."""
    if not model.weights:
        raise ValueError(f"{name} is a Keras model without weights; build it: model.build(shape)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.weights.h5")
        model.save_weights(str(path))
        state = sandbox.state(path, "keras", path.stat().st_size, values)
    return State(type(model).__name__, "model", state.leaves, state.keys, state.separator)
