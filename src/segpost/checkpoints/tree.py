"""Nested containers of tensors, and the container that holds the weights."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from segpost._core.arrays import as_input_array
from segpost.checkpoints.statistics import (
    READ_KINDS,
    Statistics,
    compute_statistics,
    iter_pieces,
)
from segpost.files.safetensors import MAX_TENSORS

Path = tuple[str, ...]  # keys that lead to a tensor or a container

MAX_NODES = 1_000_000  # values that are visited; lists that hold one another unfold without end
MAX_DEPTH = 16
MAX_ROOTS = 16
ROOT_DEPTH = 3  # containers below it are not tried as roots

# Keys under which training scripts put the weights, the likeliest first.
WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "network_state_dict",
    "net",
    "network",
    "params",
    "weights",
    "model_weights",
    "module",
)
OPTIMIZER = re.compile(r"optim|(^|_)opt(_state)?$", re.IGNORECASE)
KERAS_OPTIMIZERS = ("optimizer", "optimizer_weights")
AVERAGED = re.compile(r"(^|_)(ema|swa|averaged?|shadow)($|_)", re.IGNORECASE)
TRAINING_STATE = re.compile(
    r"(^|_)sched|(^|_)scaler|^amp$|(^|_)rng|callbacks|loops|hyper_?par|^meta$", re.IGNORECASE
)


@dataclass(frozen=True)
class TensorEntry:
    """A tensor: its shape and dtype, and a function that reads its values.

    A parameter of a lazy module has no shape before the first batch, or before it is loaded.
    """

    shape: tuple[int, ...]
    kind: str
    is_lazy: bool = field(default=False, kw_only=True)
    read: Callable[[], Statistics] | None = field(default=None, compare=False, repr=False)

    @property
    def size(self) -> int:
        """Return the number of elements."""
        return math.prod(self.shape)

    @cached_property
    def statistics(self) -> Statistics | None:
        """Return the statistics of the values; None where they are not to be read."""
        return None if self.read is None else self.read()


Tensors = dict[str, TensorEntry]  # by name


@dataclass(frozen=True)
class State:
    """The content of a checkpoint or a model."""

    label: str
    layout: str  # "torch", "safetensors", "keras", "tensorflow", "mapping" or "model"
    tensors: dict[Path, TensorEntry]
    keys: dict[str, str] = field(default_factory=dict)  # at the top, and the types of their values
    separator: str = "."
    buffers: frozenset[str] = frozenset()  # of a live model: tensors that training does not change
    tied: dict[str, str] = field(default_factory=dict)  # names of one tensor, to the first of them
    module: Any = field(default=None, repr=False)  # the live model itself
    parameters: tuple[str, ...] = ()  # of a live model: what training changes, in its order
    versions: dict[Path, dict[str, int]] = field(default_factory=dict)  # of modules, by container

    @property
    def is_live(self) -> bool:
        """Return whether it is a model and not a checkpoint."""
        return self.layout == "model"

    @cached_property
    def optimizer(self) -> Tensors | None:
        """Return the optimizer's tensors; None where there is no optimizer at all."""
        tensors = {
            self.separator.join(path): entry
            for path, entry in self.tensors.items()
            if self._is_of_optimizer(path)
        }
        has_key = any(OPTIMIZER.search(k) and kind == "dict" for k, kind in self.keys.items())
        return tensors if tensors or has_key else None

    @cached_property
    def root(self) -> Path:
        """Return the container of the weights, as training scripts name it."""
        root: Path = ()
        while True:
            below = [path[len(root) :] for path in self._weights if path[: len(root)] == root]
            direct = sum(len(path) == 1 for path in below)
            counts: dict[str, int] = {}
            for path in below:
                if len(path) > 1:
                    counts[path[0]] = counts.get(path[0], 0) + 1
            if "batch_stats" in counts:  # Flax keeps its running statistics beside "params"
                return root
            wrappers = WRAPPERS if self.separator == "." else ("model_weights",)
            inner = next((key for key in wrappers if counts.get(key, 0) > direct), None)
            if inner is None:
                return root
            root = (*root, inner)

    @cached_property
    def roots(self) -> tuple[Path, ...]:
        """Return all containers that may hold the weights, the likeliest first."""
        roots = {self.root: None}
        for depth in range(ROOT_DEPTH):
            for path in self._weights:
                if len(path) > depth and len(roots) < MAX_ROOTS:
                    roots[path[:depth]] = None
        return tuple(roots)

    @property
    def averages(self) -> tuple[Path, ...]:
        """Return the containers of weights that were averaged over the training."""
        return tuple(root for root in self.roots if root and AVERAGED.search(root[-1]))

    def weights(self, root: Path) -> Tensors:
        """Return the weights in one container by name."""
        depth = len(root)
        return {
            self.separator.join(path[depth:]): entry
            for path, entry in self._weights.items()
            if path[:depth] == root
        }

    @cached_property
    def _weights(self) -> dict[Path, TensorEntry]:
        """Return the tensors that belong neither to an optimizer nor to the training's state."""
        return {
            path: entry
            for path, entry in self.tensors.items()
            if not self._is_of_optimizer(path)
            and not (self.separator == "." and len(path) > 1 and TRAINING_STATE.search(path[0]))
        }

    def _is_of_optimizer(self, path: Path) -> bool:
        if self.separator == "/":  # deeper keys are names that users gave to layers
            return path[0] in KERAS_OPTIMIZERS and len(path) > 1
        return any(OPTIMIZER.search(key) for key in path[:-1][:2])

    @property
    def has_other_weights(self) -> bool:
        """Return whether there are weights outside of the root that do not repeat those in it."""
        depth = len(self.root)
        return any(
            path[:depth] != self.root and not AVERAGED.search(path[0]) and path[0] not in WRAPPERS
            for path in self._weights
        )


def iter_tensors(value: Any) -> Iterator[tuple[Path, Any]]:
    """Yield every tensor of nested mappings and lists, with the keys that lead to it.

    Raises
    ------
    ValueError
        If there are more values or tensors than any checkpoint has.
    """
    stack: list[tuple[Path, Any]] = [((), value)]
    nodes = tensors = 0
    while stack:
        path, node = stack.pop()
        nodes += 1
        if nodes > MAX_NODES:
            raise ValueError(f"it holds more than {MAX_NODES} values, which no checkpoint does")
        if is_tensor(node):
            tensors += 1
            if tensors > MAX_TENSORS:
                raise ValueError(f"it holds more than {MAX_TENSORS} tensors")
            yield path, node
        elif len(path) < MAX_DEPTH:
            children: list[tuple[Any, Any]] = []
            if isinstance(node, Mapping):
                children = list(node.items())
            elif isinstance(node, (list, tuple)) and len(node) <= MAX_TENSORS:
                children = list(enumerate(node))
            stack += [
                ((*path, str(key)), child)
                for key, child in reversed(children)
                if not isinstance(child, (int, float, str, bytes, type(None)))  # histories
            ]


def top_level_keys(value: Any) -> dict[str, str]:
    """Return the first keys of a mapping, and the types of their values."""
    if not isinstance(value, Mapping):
        return {}
    return {
        str(key): "dict" if isinstance(inner, Mapping) else type(inner).__name__
        for key, inner in list(value.items())[:MAX_TENSORS]
    }


def read_versions(value: Any, depth: int = ROOT_DEPTH) -> dict[Path, dict[str, int]]:
    """Return the versions of modules that torch keeps beside a state dict, by container."""
    result: dict[Path, dict[str, int]] = {}
    metadata = getattr(value, "_metadata", None)
    if isinstance(metadata, Mapping):
        versions = {name: entry.get("version") for name, entry in metadata.items() if entry}
        result[()] = {str(k): v for k, v in versions.items() if type(v) is int}
    if depth and isinstance(value, Mapping) and len(value) <= MAX_TENSORS:
        for key, inner in value.items():
            if isinstance(inner, Mapping):
                below = read_versions(inner, depth - 1)
                result |= {(str(key), *path): entry for path, entry in below.items()}
    return result


def is_tensor(value: Any) -> bool:
    """Return whether a value has elements of one type; NumPy's scalars are numbers."""
    return (
        hasattr(type(value), "shape")
        and hasattr(type(value), "dtype")
        and not isinstance(value, (np.generic, type))
    )


def is_lazy(value: Any) -> bool:
    """Return whether a tensor is of a lazy module of torch that has seen no batch."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.nn.parameter.is_lazy(value))


def as_entry(value: Any, name: str, values: bool, *, is_live: bool = False) -> TensorEntry:
    """Return the entry of a tensor in memory, on whatever device.

    Raises
    ------
    ValueError
        If it has no shape yet, and is not of a live model, to which loading gives the shape.
    """
    kind = kind_of(value.dtype)
    if is_lazy(value):
        if not is_live:
            raise ValueError(
                f"{name} has no shape and no values: it is of a lazy module that has seen no "
                "batch; run the model once before it is saved or compared"
            )
        return TensorEntry((), kind, is_lazy=True)
    shape = tuple(int(n) for n in value.shape)
    if not values or kind not in READ_KINDS or _has_no_values(value):
        return TensorEntry(shape, kind)
    return TensorEntry(
        shape, kind, lambda: compute_statistics(iter_pieces(_as_host_array(value, name)), kind)
    )


def kind_of(dtype: Any) -> str:
    """Return the name of an element type, the same for all libraries."""
    return str(getattr(dtype, "name", dtype)).removeprefix("torch.")


def _has_no_values(value: Any) -> bool:
    """Return whether a torch tensor is a shape alone, or not dense."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.Tensor):
        return False
    return bool(value.is_meta or value.is_quantized or value.layout is not torch.strided)


def _as_host_array(value: Any, name: str) -> Any:
    """Return a tensor as an array on the CPU; one tensor at a time is copied from its device."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        value = value.detach().cpu()
    return as_input_array(value, name).array
