"""`fingerprint`: what a network said of a known input, in a few kilobytes beside its checkpoint.

What loads without an error may still be another network: another activation, other dilation rates,
another preprocessing. Only its output tells.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from segpost._core import arguments, sampling
from segpost._core.arguments import checked_names
from segpost._core.arrays import Array
from segpost.color.palette import Palette, as_palette
from segpost.fingerprints.diff import FingerprintDiff, difference
from segpost.fingerprints.summary import SIDE, Summary, by_channel, summary
from segpost.pipeline.api import postprocess

VERSION = 1
LARGEST = 1 << 25  # bytes of a file


def fingerprint(
    logits: Any,
    *,
    axis: int = -3,
    stages: Mapping[str, Any] | None = None,
    grid: str | None = None,
    quantization: tuple[float, int] | None = None,
    preprocessing: Mapping[str, Any] | None = None,
    palette: Palette | str | None = None,
    class_names: Sequence[str] | None = None,
) -> Fingerprint:
    """Record what a network says of a known input, such as `probe_image`.

    Parameters
    ----------
    logits : array with a class axis
        Of a segmentation network (C, H, W) or (N, C, H, W), channels last with ``axis=-1``; of a
        classifier (C,) or (N, C); the class scores of a detector (N, boxes, C) with ``axis=-1``.
        In memory of the CPU.
    axis : int
        The class axis of arrays of three or four dimensions, -3 or -1. Of one or two it is the
        last.
    stages : mapping of str to arrays, optional
        What else is known of the run, in the order of the network: ``{"input": x, "features": f}``.
        The more, the better the change can be told: "input" is what the network was fed, and shows
        what became of the preprocessing; the first of the others that differs shows where a change
        is. Their channel axis is `axis` too.
    grid : {"half_pixel", "align_corners", "asymmetric"}, optional
        How the logits are enlarged, for the record.
    quantization : (scale, zero_point), optional
        Of integer logits: their values are then ``scale * (q - zero_point)``.
    preprocessing : mapping, optional
        For the record: mean, std, scale, order of channels, of anything that JSON can hold.
    palette : Palette or str, optional
        For the record.
    class_names : sequence of str, optional
        For the record; the palette's where left out.

    Returns
    -------
    fingerprint : Fingerprint
        See `Fingerprint.save` and `Fingerprint.compare`.

    Raises
    ------
    ValueError, TypeError
        If an array is no numbers, is empty, on a device, or has NaN or infinities; for a wrong
        axis, grid, number of names, or a preprocessing that JSON cannot hold.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> x = segpost.probe_image((64, 64)).transpose(2, 0, 1).astype(np.float32) / 255
    >>> before = segpost.fingerprint(x, stages={"input": x})  # of a network that does nothing
    >>> print(before.compare(segpost.fingerprint(x[::-1], stages={"input": x[::-1]})))
    changed: the logits differ by up to 3.2 of their standard deviation
    <BLANKLINE>
    certain  channel-order: The channels of the input are in another order than before.
             where: input
             seen:  order [2, 1, 0]
             cure:  x = np.take(x, [2, 1, 0], -3)  # as in the training
    """
    array, shape, counted, kind = by_channel(logits, "logits", axis)
    if quantization is not None:
        scale, zero = _quantization(quantization)
        array = (array - zero) * scale
    if grid is not None:
        arguments.check_choice(grid, "grid", sampling.GRIDS)
    chosen = None if palette is None else as_palette(palette)
    names = checked_names(class_names, len(array))
    if names is None and chosen is not None:
        names = chosen.names
    labels, confidence = _labels(array)
    return Fingerprint(
        logits=summary(array, shape, counted, kind),
        stages={
            name: summary(*by_channel(s, f"stages[{name!r}]", axis)) for name, s in _of(stages)
        },
        histogram=tuple(np.bincount(labels.ravel(), minlength=len(array)).tolist()),
        labels=_sampled(labels),
        confidence=confidence,
        grid=grid,
        preprocessing=_recorded(preprocessing),
        palette=None if chosen is None else tuple(map(tuple, chosen.colors.tolist())),
        class_names=names,
    )


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What a network said of a known input; made by `fingerprint`.

    Attributes
    ----------
    logits : Summary
        Shape, type, a digest of all values, statistics of each class, and means of blocks.
    stages : dict of str to Summary
        The same of what else was given.
    histogram : tuple of int
        How many positions have each class as their largest.
    labels : (rows, columns) integers
        Labels of at most 15 x 15 places.
    confidence : float
        Mean of the largest probability.
    grid, preprocessing, palette, class_names
        As they were given, or None.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> taken = segpost.fingerprint(np.float32([[1, 0, 5]]))  # of a classifier
    >>> taken.histogram, round(taken.confidence, 3)
    ((0, 0, 1), 0.976)
    >>> segpost.Fingerprint.from_json(taken.to_json()).compare(taken).verdict
    'same'
    """

    logits: Summary
    stages: dict[str, Summary] = field(repr=False)
    histogram: tuple[int, ...] = field(repr=False)
    labels: Array = field(repr=False)
    confidence: float
    grid: str | None = None
    preprocessing: dict[str, Any] | None = None
    palette: tuple[tuple[int, ...], ...] | None = field(default=None, repr=False)
    class_names: tuple[str, ...] | None = field(default=None, repr=False)

    def compare(self, after: Fingerprint) -> FingerprintDiff:
        """Say whether `after`, of the restored network, is the same, and what has changed.

        Parameters
        ----------
        after : Fingerprint
            Of the same input.

        Returns
        -------
        diff : FingerprintDiff
            Its `verdict` is "same" (to the bit), "rounding" (what another machine, runtime or
            type may change) or "changed"; its `findings` say what kind of change it is.
        """
        if not isinstance(after, Fingerprint):
            raise TypeError(f"after must be a segpost.Fingerprint, got {after!r}")
        return difference(self, after)

    def to_json(self) -> str:
        """The fingerprint as JSON, some tens of kilobytes."""
        content = {
            "segpost": "Fingerprint",
            "version": VERSION,
            "logits": self.logits.as_dict(),
            "stages": {name: stage.as_dict() for name, stage in self.stages.items()},
            "histogram": self.histogram,
            "labels": self.labels.tolist(),
            "confidence": self.confidence,
            "grid": self.grid,
            "preprocessing": self.preprocessing,
            "palette": self.palette,
            "class_names": self.class_names,
        }
        return json.dumps(content, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Fingerprint:
        """The inverse of `to_json`.

        Raises
        ------
        ValueError
            If the text is no fingerprint, or of a newer version.
        """
        try:
            content = json.loads(text)
            if content["segpost"] != "Fingerprint":
                raise ValueError("it does not say that it is one")
            if content["version"] != VERSION:
                raise ValueError(f"its version is {content['version']}, known is {VERSION}")
            palette, names = content["palette"], content["class_names"]
            return cls(
                logits=Summary.from_dict(content["logits"]),
                stages={str(k): Summary.from_dict(v) for k, v in content["stages"].items()},
                histogram=tuple(map(int, content["histogram"])),
                labels=np.array(content["labels"], np.int64),
                confidence=float(content["confidence"]),
                grid=content["grid"],
                preprocessing=content["preprocessing"],
                palette=None if palette is None else tuple(tuple(map(int, c)) for c in palette),
                class_names=None if names is None else tuple(map(str, names)),
            )
        except (
            KeyError,
            TypeError,
            AttributeError,
            IndexError,
            OverflowError,
            ValueError,
            RecursionError,
        ) as error:
            raise ValueError(f"this is no fingerprint: {error or type(error).__name__}") from None

    def save(self, path: str | PathLike[str]) -> None:
        """Write the JSON to a file, such as "deeplab.fingerprint.json" beside the checkpoint."""
        Path(path).write_text(self.to_json(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Fingerprint:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If the file is no fingerprint; nothing of more than 32 MiB is read.
        """
        with open(path, "rb") as file:
            held = file.read(LARGEST + 1)
        try:
            if len(held) > LARGEST:
                raise ValueError(f"this is no fingerprint: it has more than {LARGEST} bytes")
            return cls.from_json(held.decode(errors="surrogateescape"))
        except ValueError as error:
            raise ValueError(f"{fspath(path)}: {error}") from None


def _of(stages: Mapping[str, Any] | None) -> Sequence[tuple[str, Any]]:
    if stages is None:
        return ()
    if not isinstance(stages, Mapping) or not all(isinstance(name, str) for name in stages):
        raise TypeError(f"stages must be a mapping of names to arrays, got {type(stages).__name__}")
    return tuple(stages.items())


def _quantization(given: Any) -> tuple[float, float]:
    scale, zero = (float(number) for number in given)
    if not 0 < scale < float("inf"):
        raise ValueError(f"quantization must have a positive scale, got {given!r}")
    return scale, zero


def _labels(array: Array) -> tuple[Array, float]:
    """Label map of (C, rows, columns), and the mean of the largest probability."""
    if len(array) == 1:  # nothing is larger
        return np.zeros(array.shape[1:], np.int64), 1.0
    seg = postprocess(array, want=("labels", "confidence"))
    return seg.labels, float(seg.confidence.mean(dtype=np.float64))


def _sampled(labels: Array) -> Array:
    """The labels at the middles of at most SIDE x SIDE blocks."""
    at = ((2 * np.arange(min(SIDE, n)) + 1) * n // (2 * min(SIDE, n)) for n in labels.shape)
    return np.asarray(labels[np.ix_(*at)], np.int64)


def _recorded(preprocessing: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """As it will be read again."""
    if preprocessing is None:
        return None
    try:
        text = json.dumps(dict(preprocessing), default=_plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"preprocessing must be what JSON can hold: {error}") from None
    recorded: dict[str, Any] = json.loads(text)
    return recorded


def _plain(value: object) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"not a {type(value).__name__}")
