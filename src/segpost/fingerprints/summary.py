"""What a fingerprint keeps of an array: per channel its statistics, and a small picture of it."""

from __future__ import annotations

import base64
import hashlib
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from segpost._core import arguments
from segpost._core.arrays import LOGIT_KINDS, Array, as_input_array, widen
from segpost._core.validation import check_on_cpu

SIDE = 15  # blocks a side of the small picture: odd, so that a flip maps blocks on blocks
BUDGET = 8192  # numbers of a small picture, all channels together
MOMENTS = ("mean", "std", "low", "high")
# What rounding may change, in standard deviations of the array: other kernels, fused operations and
# tensor cores in float32; the type's own grain in the others.
GRAIN = {"float16": 2e-2, "bfloat16": 1e-1, "int8": 2e-1, "uint8": 2e-1}
FINE = 2e-3
FAR = 1e3  # of the usual distance to the others: a class that is masked


@dataclass(frozen=True, eq=False)
class Summary:
    """An array of (channels, ...) in a few kilobytes.

    Attributes
    ----------
    shape : tuple of int
        Of the array as it came.
    axis : int
        Its channel axis, counted from behind.
    kind : str
        Its element type.
    digest : str
        SHA-256 of its values in order, channels first.
    mean, std, low, high : (C,) float64
        Of each channel; `std` is the population's.
    coarse : (C, rows, columns) float32
        Means of blocks.
    """

    shape: tuple[int, ...]
    axis: int
    kind: str
    digest: str
    mean: Array = field(repr=False)
    std: Array = field(repr=False)
    low: Array = field(repr=False)
    high: Array = field(repr=False)
    coarse: Array = field(repr=False)

    @property
    def channels(self) -> int:
        """The number of channels."""
        return len(self.mean)

    @property
    def spread(self) -> float:
        """The standard deviation of all values about their channels' means."""
        return float(np.sqrt((self.std**2).mean()))

    @property
    def total(self) -> float:
        """The standard deviation of all values."""
        away = np.abs(self.mean - np.median(self.mean))
        usual = away <= FAR * np.median(away + self.std)
        return float(np.sqrt((self.std[usual] ** 2).mean() + self.mean[usual].var()))

    @property
    def grain(self) -> float:
        """How much rounding may change, in standard deviations."""
        return GRAIN.get(self.kind, FINE)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        coarse = np.ascontiguousarray(self.coarse, "<f4")
        return {
            "shape": list(self.shape),
            "axis": self.axis,
            "kind": self.kind,
            "digest": self.digest,
            **{name: getattr(self, name).tolist() for name in MOMENTS},
            "coarse": {
                "shape": list(coarse.shape),
                "float32": base64.b64encode(coarse.tobytes()).decode(),
            },
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Summary:
        """The inverse of `as_dict`; a KeyError, TypeError or ValueError where it is none."""
        coarse = np.frombuffer(base64.b64decode(content["coarse"]["float32"], validate=True), "<f4")
        coarse = coarse.reshape(content["coarse"]["shape"]).astype(np.float32)
        moments = {name: np.array(content[name], np.float64) for name in MOMENTS}
        sizes = {len(coarse), *(len(m) for m in moments.values())}
        finite = all(np.isfinite(m).all() for m in (*moments.values(), coarse))
        if coarse.ndim != 3 or len(sizes) != 1 or not finite:
            raise ValueError("its numbers do not fit together")
        shape = tuple(int(n) for n in content["shape"])
        axis = int(content["axis"])
        sides = _sides(len(coarse), shape, axis)
        if math.prod(shape) < 1 or shape[axis] != len(coarse) or coarse.shape[1:] != sides:
            raise ValueError("its shape is not that of its channels")
        return cls(
            shape, axis, str(content["kind"]), str(content["digest"]), **moments, coarse=coarse
        )


def by_channel(value: object, name: str, axis: int) -> tuple[Array, tuple[int, ...], int, str]:
    """Any array as (C, rows, columns) in float32 or float64; its shape, axis and type.

    Of one or two dimensions the channels are the last. Everything between the channels and the
    last of the other axes becomes rows.

    Raises
    ------
    TypeError
        If it is no array of numbers in memory of the CPU.
    ValueError
        If it is empty or has NaN or infinities.
    """
    given = as_input_array(value, name)
    check_on_cpu(
        given.array,
        f"{name} must be in memory of the CPU, got it on {{device}}: give a copy, such as "
        "logits.cpu()",
    )
    if given.kind not in LOGIT_KINDS:
        raise TypeError(f"{name} must be of dtype {', '.join(LOGIT_KINDS)}, got {given.kind}")
    shape = given.array.shape
    if not shape or 0 in shape:
        raise ValueError(f"{name} must have values, got shape {shape}")
    counted = arguments.normalize_class_axis(axis, len(shape)) if len(shape) > 2 else -1
    array = np.moveaxis(widen(given.array, given.kind), counted, 0)
    array = array.reshape(len(array), -1, array.shape[-1] if array.ndim > 1 else 1)
    with np.errstate(over="ignore"):  # the small picture is of float32
        bad = ~np.isfinite(array.astype(np.float32, copy=False))
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name} has {int(bad.sum())} NaN or infinite of {array.size} values, first "
            f"{array[first]} in channel {first[0]}; segpost.diagnose(logits=...) says more"
        )
    return array, shape, counted, given.kind


def summary(array: Array, shape: tuple[int, ...], axis: int, kind: str) -> Summary:
    """The summary of what `by_channel` returns."""
    ordered = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    flat = array.reshape(len(array), -1)
    return Summary(
        shape=shape,
        axis=axis,
        kind=kind,
        digest=hashlib.sha256(ordered.tobytes()).hexdigest(),
        mean=flat.mean(1, dtype=np.float64),
        std=flat.std(1, dtype=np.float64),
        low=flat.min(1).astype(np.float64),
        high=flat.max(1).astype(np.float64),
        coarse=blocks(array),
    )


def blocks(array: Array) -> Array:
    """Means of at most SIDE x SIDE blocks of each channel, fewer where channels are many;
    the blocks of a flipped array are the flipped blocks.
    """
    for axis in (1, 2):
        n = array.shape[axis]
        count = _count(len(array), n)
        edges = np.arange(count + 1) * n // count
        edges = np.where(np.arange(count + 1) <= count // 2, edges, n - edges[::-1])
        edges, sizes = edges[:-1], np.diff(edges)
        shape = [1, 1, 1]
        shape[axis] = count
        array = np.add.reduceat(array, edges, axis=axis, dtype=np.float64) / sizes.reshape(shape)
    return array.astype(np.float32)


def _count(channels: int, n: int) -> int:
    """Blocks along an axis of n."""
    side = max(1, min(SIDE, math.isqrt(BUDGET // channels)))
    return n if n <= side else side - (side + 1) % 2


def _sides(channels: int, shape: tuple[int, ...], axis: int) -> tuple[int, int]:
    """Rows and columns of the small picture of an array of that shape."""
    rest = [n for i, n in enumerate(shape) if i != axis % len(shape)] or [1]
    return _count(channels, math.prod(rest[:-1])), _count(channels, rest[-1])
