"""`Summary`: the statistics of each channel of an array, and a coarse image of it."""

from __future__ import annotations

import base64
import hashlib
import math
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from segpost._core.arguments import normalize_class_axis
from segpost._core.arrays import LOGIT_KINDS, Array, as_input_array, widen
from segpost._core.validation import check_on_cpu
from segpost.fingerprints.traces import channel_groups, find_enlarging, find_format

MAX_BLOCKS = 15  # of the coarse image along a side: odd, so that a flip maps blocks on blocks
MAX_COARSE_VALUES = 8192  # of the coarse image, all channels together
TRACES = ("precision", "resolution", "enlarging")
MOMENTS = ("mean", "std", "low", "high")
# What rounding may change, in standard deviations of the array: other kernels, fused operations and
# tensor cores in float32; the resolution of the element type in the others.
ROUNDING = {"float16": 2e-2, "bfloat16": 1e-1, "float8": 2e-1, "int8": 2e-1, "uint8": 2e-1}
Precision = Literal["float64", "float32", "tf32", "float16", "bfloat16", "float8", "int8"]
PRECISIONS: tuple[str, ...] = get_args(Precision)
ROUNDING_FLOAT32 = 2e-3
OUTLIER = 1e3  # of the median distance to the others: a class that is masked


@dataclass(frozen=True, eq=False)
class Summary:
    """An array of (channels, ...) in a few kilobytes.

    Attributes
    ----------
    shape : tuple of int
        Shape of the array in the caller's layout.
    axis : int
        Its channel axis, counted from the end.
    kind : str
        Its element type.
    digest : str
        SHA-256 of its values in order, channels first.
    mean, std, low, high : (C,) float64
        Mean, standard deviation (of the population), minimum and maximum of each channel.
    coarse : (C, rows, columns) float32
        Means of blocks.
    precision : str
        The number format of the network as the caller says it, or "".
    resolution : str
        The number format that the values show, whatever their type: "bfloat16", "float16", "int8"
        or "".
    enlarging : str
        How the values show that they were enlarged: "nearest", "linear", "cubic" or "".
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
    precision: str = ""
    resolution: str = ""
    enlarging: str = ""

    @property
    def channels(self) -> int:
        """Return the number of channels."""
        return len(self.mean)

    @property
    def channel_std(self) -> float:
        """Return the standard deviation of all values about the means of their channels."""
        return float(np.sqrt((self.std**2).mean()))

    @property
    def total_std(self) -> float:
        """Return the standard deviation of all values; channels that are masked do not count."""
        distance = np.abs(self.mean - np.median(self.mean))
        is_usual = distance <= OUTLIER * np.median(distance + self.std)
        return float(np.sqrt((self.std[is_usual] ** 2).mean() + self.mean[is_usual].var()))

    @property
    def rounding(self) -> float:
        """Return how much rounding may change, in standard deviations."""
        kinds = (self.kind, self.resolution, self.precision)
        return max(ROUNDING.get(kind, ROUNDING_FLOAT32) for kind in kinds)

    @property
    def is_constant(self) -> bool:
        """Return whether every channel has one value at all of several positions."""
        return self.coarse[0].size > 1 and bool((self.low == self.high).all())

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as data that JSON can hold."""
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
            **{name: getattr(self, name) for name in TRACES},
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Summary:
        """Return the summary of such data; the inverse of `as_dict`.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the data are not those of a summary.
        """
        coarse = np.frombuffer(base64.b64decode(content["coarse"]["float32"], validate=True), "<f4")
        coarse = coarse.reshape(content["coarse"]["shape"]).astype(np.float32)
        moments = {name: np.array(content[name], np.float64) for name in MOMENTS}
        lengths = {len(coarse), *(len(values) for values in moments.values())}
        is_finite = all(np.isfinite(values).all() for values in (*moments.values(), coarse))
        if coarse.ndim != 3 or len(lengths) != 1 or not is_finite:
            raise ValueError("its numbers do not fit together")
        shape = tuple(int(n) for n in content["shape"])
        axis = int(content["axis"])
        sides = _coarse_sides(len(coarse), shape, axis)
        if math.prod(shape) < 1 or shape[axis] != len(coarse) or coarse.shape[1:] != sides:
            raise ValueError("its shape is not that of its channels")
        return cls(
            shape,
            axis,
            str(content["kind"]),
            str(content["digest"]),
            coarse=coarse,
            precision=str(content.get("precision", "")),  # older files have none of these
            resolution=str(content.get("resolution", "")),
            enlarging=str(content.get("enlarging", "")),
            **moments,
        )


class ChannelArray(NamedTuple):
    """An array with its channels first, and the layout in which it came."""

    array: Array  # (C, rows, columns), float32 or float64
    shape: tuple[int, ...]
    axis: int  # of the channels in `shape`, counted from the end
    kind: str


def as_channels(value: object, name: str, axis: int) -> ChannelArray:
    """Return any array as (C, rows, columns) floats.

    Arrays of one or two dimensions have their channels last. All other axes but the last become
    rows.

    Raises
    ------
    TypeError
        If it is not an array of numbers in memory of the CPU.
    ValueError
        If it is empty or has NaN or infinities.
    """
    source = as_input_array(value, name)
    check_on_cpu(
        source.array,
        lambda device: (
            f"{name} must be in memory of the CPU, got it on {device}: pass a copy, such as that "
            "of torch's .cpu()"
        ),
    )
    if source.kind not in LOGIT_KINDS:
        raise TypeError(f"{name} must be of dtype {', '.join(LOGIT_KINDS)}, got {source.kind}")
    shape = source.array.shape
    if not shape or 0 in shape:
        raise ValueError(f"{name} must have values, got shape {shape}")
    class_axis = normalize_class_axis(axis, len(shape)) if len(shape) > 2 else -1
    array = np.moveaxis(widen(source.array, source.kind), class_axis, 0)
    array = array.reshape(len(array), -1, array.shape[-1] if array.ndim > 1 else 1)
    with np.errstate(over="ignore"):  # the coarse image is float32
        is_finite = all(
            np.isfinite(part.astype(np.float32)).all() for part in channel_groups(array)
        )
        bad = None if is_finite else ~np.isfinite(array.astype(np.float32))
    if bad is not None:
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name} has {int(bad.sum())} NaN or infinite of {array.size} values, first "
            f"{array[first]} in channel {first[0]}; segpost.diagnose(logits=...) says more"
        )
    return ChannelArray(array, shape, class_axis, source.kind)


def summarize(channels: ChannelArray, precision: str = "") -> Summary:
    """Return the summary of an array of a network of some precision."""
    array = channels.array
    digest = hashlib.sha256()
    for part in channel_groups(array):
        digest.update(np.ascontiguousarray(part, array.dtype.newbyteorder("<")).data)
    return Summary(
        shape=channels.shape,
        axis=channels.axis,
        kind=channels.kind,
        digest=digest.hexdigest(),
        mean=array.mean((1, 2), dtype=np.float64),
        std=np.concatenate([part.std((1, 2), dtype=np.float64) for part in channel_groups(array)]),
        low=array.min((1, 2)).astype(np.float64),
        high=array.max((1, 2)).astype(np.float64),
        coarse=block_means(array),
        precision=precision,
        resolution=find_format(array),
        enlarging=find_enlarging(array),
    )


def block_means(array: Array) -> Array:
    """Return the means of at most MAX_BLOCKS x MAX_BLOCKS blocks of each channel.

    There are fewer where channels are many. The blocks of a flipped array are the flipped blocks.
    """
    edges = [_block_edges(_count_blocks(len(array), n), n) for n in array.shape[1:]]
    means = []
    for part in channel_groups(array):
        for axis, (*starts, _) in enumerate(edges, 1):
            sizes = np.diff(edges[axis - 1]).reshape((-1, 1) if axis == 1 else (1, -1))
            part = np.add.reduceat(part, starts, axis=axis, dtype=np.float64) / sizes
        means.append(part.astype(np.float32))
    return np.concatenate(means)


def _block_edges(count: int, n: int) -> list[int]:
    """Return where blocks begin along an axis of length n, and its end: the same from both ends."""
    edges = np.arange(count + 1) * n // count
    first_half = np.arange(count + 1) <= count // 2
    return [int(edge) for edge in np.where(first_half, edges, n - edges[::-1])]


def _count_blocks(channels: int, n: int) -> int:
    """Return the number of blocks along an axis of length n."""
    side = max(1, min(MAX_BLOCKS, math.isqrt(MAX_COARSE_VALUES // channels)))
    return n if n <= side else side - (side + 1) % 2


def _coarse_sides(channels: int, shape: tuple[int, ...], axis: int) -> tuple[int, int]:
    """Return rows and columns of the coarse image of an array of that shape."""
    others = [n for i, n in enumerate(shape) if i != axis % len(shape)] or [1]
    return _count_blocks(channels, math.prod(others[:-1])), _count_blocks(channels, others[-1])
