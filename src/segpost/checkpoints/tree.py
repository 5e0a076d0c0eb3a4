"""Nested containers of tensors, and which of them holds the weights."""

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
from segpost.checkpoints.statistics import READ_KINDS, Statistics, pieces, statistics

Path = tuple[str, ...]

MOST_TENSORS = 100_000
MOST_NODES = 1_000_000  # looked at; lists that hold one another may unfold without end
DEEPEST = 16
MOST_ROOTS = 16

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
ASIDE = re.compile(
    r"(^|_)sched|(^|_)scaler|^amp$|(^|_)rng|callbacks|loops|hyper_?par|^meta$", re.IGNORECASE
)


@dataclass(frozen=True)
class Entry:
    """A tensor: its shape and type, and how to look at its values."""

    shape: tuple[int, ...]
    kind: str
    look: Callable[[], Statistics] | None = field(default=None, compare=False, repr=False)

    @property
    def size(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    @cached_property
    def statistics(self) -> Statistics | None:
        """Of its values; None where they are not to be read."""
        return None if self.look is None else self.look()


Tensors = dict[str, Entry]


@dataclass(frozen=True)
class State:
    """What a checkpoint or a model holds."""

    label: str
    layout: str  # "torch", "safetensors", "keras", "tensorflow", "mapping" or "model"
    leaves: dict[Path, Entry]
    keys: dict[str, str] = field(default_factory=dict)  # at the top, and what they hold
    separator: str = "."
    buffers: frozenset[str] = frozenset()  # of a live model: what training does not change
    tied: dict[str, str] = field(default_factory=dict)  # names of one tensor, to the first of them

    @property
    def live(self) -> bool:
        """Whether it is a model and no checkpoint."""
        return self.layout == "model"

    @cached_property
    def optimizer(self) -> Tensors | None:
        """The optimizer's tensors; None where it is not there at all."""
        found = {self.separator.join(p): e for p, e in self.leaves.items() if self._is_optimizer(p)}
        there = any(OPTIMIZER.search(k) and kind == "dict" for k, kind in self.keys.items())
        return found if found or there else None

    @cached_property
    def root(self) -> Path:
        """The container of the weights, as training scripts name it."""
        at: Path = ()
        while True:
            below = [path[len(at) :] for path in self._weights if path[: len(at)] == at]
            direct = sum(len(path) == 1 for path in below)
            inner: dict[str, int] = {}
            for path in below:
                if len(path) > 1:
                    inner[path[0]] = inner.get(path[0], 0) + 1
            if "batch_stats" in inner:  # Flax keeps its running statistics beside "params"
                return at
            wrappers = WRAPPERS if self.separator == "." else ("model_weights",)
            wrapped = [key for key in wrappers if inner.get(key, 0) > direct]
            if not wrapped:
                return at
            at = (*at, wrapped[0])

    @cached_property
    def roots(self) -> tuple[Path, ...]:
        """All containers that could be meant, the likeliest first."""
        found = {self.root: None}
        for depth in range(3):
            for path in self._weights:
                if len(path) > depth and len(found) < MOST_ROOTS:
                    found[path[:depth]] = None
        return tuple(found)

    @property
    def averages(self) -> tuple[Path, ...]:
        """Containers of weights that were averaged over the training."""
        return tuple(root for root in self.roots if root and AVERAGED.search(root[-1]))

    def tensors(self, root: Path) -> Tensors:
        """The weights in one container by name."""
        inside = len(root)
        return {
            self.separator.join(path[inside:]): entry
            for path, entry in self._weights.items()
            if path[:inside] == root
        }

    @cached_property
    def _weights(self) -> dict[Path, Entry]:
        return {
            path: entry
            for path, entry in self.leaves.items()
            if not self._is_optimizer(path)
            and not (self.separator == "." and len(path) > 1 and ASIDE.search(path[0]))
        }

    def _is_optimizer(self, path: Path) -> bool:
        if self.separator == "/":  # below are the names that somebody gave the layers
            return path[0] in KERAS_OPTIMIZERS and len(path) > 1
        return any(OPTIMIZER.search(key) for key in path[:-1][:2])

    @property
    def beside(self) -> bool:
        """Whether there are weights beside the root that are not the same ones again."""
        inside = len(self.root)
        return any(
            path[:inside] != self.root and not AVERAGED.search(path[0]) and path[0] not in WRAPPERS
            for path in self._weights
        )


def leaves_of(value: Any) -> Iterator[tuple[Path, Any]]:
    """Every tensor of nested mappings and lists, with the keys that lead to it.

    Raises
    ------
    ValueError
        If there are more than anybody's checkpoint has.
    """
    waiting: list[tuple[Path, Any]] = [((), value)]
    nodes = tensors = 0
    while waiting:
        path, node = waiting.pop()
        nodes += 1
        if nodes > MOST_NODES:
            raise ValueError(f"it holds more than {MOST_NODES} values, which no checkpoint does")
        if is_tensor(node):
            tensors += 1
            if tensors > MOST_TENSORS:
                raise ValueError(f"it holds more than {MOST_TENSORS} tensors")
            yield path, node
        elif len(path) < DEEPEST:
            inner: list[tuple[Any, Any]] = []
            if isinstance(node, Mapping):
                inner = list(node.items())
            elif isinstance(node, (list, tuple)) and len(node) <= MOST_TENSORS:
                inner = list(enumerate(node))
            waiting += [
                ((*path, str(key)), child)
                for key, child in reversed(inner)
                if not isinstance(child, (int, float, str, bytes, type(None)))  # histories
            ]


def keys_of(value: Any) -> dict[str, str]:
    """The keys at the top and the types below them, as far as anybody would read them."""
    if not isinstance(value, Mapping):
        return {}
    found = {}
    for key, inner in list(value.items())[:MOST_TENSORS]:
        kind = "dict" if isinstance(inner, Mapping) else type(inner).__name__
        found[str(key)] = kind
    return found


def is_tensor(value: Any) -> bool:
    """Whether it has elements of one type; NumPy's scalars are numbers."""
    return (
        hasattr(type(value), "shape")
        and hasattr(type(value), "dtype")
        and not isinstance(value, (np.generic, type))
    )


def entry_of(value: Any, name: str, values: bool) -> Entry:
    """A tensor in memory, on whatever device."""
    try:
        shape = tuple(int(n) for n in value.shape)
    except RuntimeError as error:  # a lazy module's
        raise ValueError(f"{name} has no shape yet; run the model once: {error}") from None
    kind = kind_of(value.dtype)
    if not values or kind not in READ_KINDS or _has_no_values(value):
        return Entry(shape, kind)
    return Entry(shape, kind, lambda: statistics(pieces(_on_host(value, name)), kind))


def kind_of(dtype: Any) -> str:
    """The name of an element type, the same for all libraries."""
    name = str(getattr(dtype, "name", dtype))
    return name.removeprefix("torch.")


def _has_no_values(value: Any) -> bool:
    """Tensors of torch that are shapes alone, or not dense."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.Tensor):
        return False
    return bool(value.is_meta or value.is_quantized or value.layout is not torch.strided)


def _on_host(value: Any, name: str) -> Any:
    """One tensor at a time comes from its device."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        value = value.detach().cpu()
    return as_input_array(value, name).array
