"""`fingerprint`: the output of a network for a known input, in a few kilobytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from segpost._backends import registry
from segpost._core import sampling
from segpost._core.arguments import ClassNames, check_choice, checked_names
from segpost._core.arrays import Array
from segpost._core.contract import Logits
from segpost._core.equality import compare_by_value
from segpost._core.logits import check_quantized, resolve_quantization
from segpost._core.public import public
from segpost._core.sampling import Grid
from segpost._core.unknown_names import SuggestingType, explain_arguments
from segpost.color.palette import PaletteLike, as_palette
from segpost.fingerprints.diff import FingerprintDiff, compare_records
from segpost.fingerprints.display import format_fingerprint
from segpost.fingerprints.label_maps import refuse_label_maps
from segpost.fingerprints.record import FingerprintRecord
from segpost.fingerprints.rules.input import INPUT
from segpost.fingerprints.summary import MAX_BLOCKS, PRECISIONS, Precision, as_channels, summarize
from segpost.labels.operations import argmax
from segpost.render.jsonable import as_jsonable
from segpost.runtimes.convention import Convention, as_convention, merge_arguments
from segpost.runtimes.table import ConventionName

MAX_FILE_SIZE = 1 << 25  # bytes


@explain_arguments
def fingerprint(
    logits: Any,
    *,
    axis: int | None = None,
    stages: Mapping[str, Any] | None = None,
    grid: Grid | None = None,
    quantization: tuple[float, int] | None = None,
    convention: Convention | ConventionName | None = None,
    precision: Precision | None = None,
    preprocessing: Mapping[str, Any] | None = None,
    palette: PaletteLike | None = None,
    class_names: ClassNames | None = None,
) -> Fingerprint:
    """Record the output of a network for a known input, such as `probe_image`.

    Parameters
    ----------
    logits : array with a class axis
        Of a segmentation network (C, H, W) or (N, C, H, W), channels last with ``axis=-1``; of a
        classifier (C,) or (N, C); class scores of a detector (N, boxes, C) with ``axis=-1``. In
        memory of the CPU.
    axis : int, optional
        The class axis of arrays of three or four dimensions, -3 or -1; by default that of
        `convention`, or -3. Arrays of one or two dimensions have it last.
    stages : mapping of str to arrays, optional
        Other arrays of the same run, in the order of the network: ``{"input": x, "features": f}``.
        "input" is the tensor that the network was fed, and shows changes of the preprocessing. The
        first of the others that differs shows where a change is. Their channel axis is `axis` too.
    grid : {"half_pixel", "align_corners", "asymmetric"}, optional
        How the logits are resized; recorded only.
    quantization : (scale, zero_point), optional
        Of integer logits: their values are ``scale * (q - zero_point)``.
    convention : Convention or str, optional
        The output format of the runtime, as in `postprocess`: `logits` may then be the output as
        the runtime returns it.
    precision : {"float64", "float32", "tf32", "float16", "bfloat16", "float8", "int8"}, optional
        The number format that the network computes in (int8 for weights or for all). The dtype of
        an array does not show it: a network of bfloat16 may give float32. It says how much
        rounding may change; without it the values are looked at, which show a format only where
        nothing was computed with them after it.
    preprocessing : mapping, optional
        Mean, std, scale, order of channels, or anything that JSON can hold; recorded only.
    palette : Palette, str, (K, 3) integers, or dict, optional
        As in `colorize`; recorded only.
    class_names : sequence of str, or dict of them by label, optional
        Recorded only; by default those of the palette.

    Returns
    -------
    fingerprint : Fingerprint
        See `Fingerprint.save` and `Fingerprint.compare`.

    Raises
    ------
    ValueError, TypeError
        If an array does not hold numbers, is empty, on a device, or has NaN or infinities; for a
        wrong axis, grid, precision, number of names, a preprocessing that JSON cannot hold, or a
        convention whose output holds labels.

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
    if convention is not None:
        logits, axis, quantization = _read_output(logits, convention, axis, quantization)
    axis = -3 if axis is None else axis
    if precision is not None:
        check_choice(precision, "precision", PRECISIONS)
    channels = as_channels(logits, "logits", axis)
    dequantization = resolve_quantization(quantization)
    if dequantization is None:
        refuse_label_maps(channels)
    check_quantized(channels.kind, dequantization)
    if dequantization is not None:
        scale, zero_point = dequantization
        channels = channels._replace(array=(channels.array - zero_point) * scale)
    if grid is not None:
        check_choice(grid, "grid", sampling.GRIDS)
    palette = None if palette is None else as_palette(palette)
    names = checked_names(class_names, len(channels.array))
    if names is None and palette is not None:
        names = palette.names
    labels, confidence = _label(channels.array)
    histogram = np.bincount(labels.ravel(), minlength=len(channels.array))
    return Fingerprint(
        logits=summarize(channels, precision or ""),
        stages={
            name: summarize(
                as_channels(stage, f"stages[{name!r}]", axis),
                "" if name == INPUT else precision or "",
            )
            for name, stage in _check_stages(stages).items()
        },
        histogram=tuple(histogram.tolist()),
        labels=_sample_labels(labels),
        confidence=confidence,
        grid=grid,
        preprocessing=_as_json(preprocessing),
        palette=None if palette is None else tuple(map(tuple, palette.colors.tolist())),
        class_names=names,
    )


@compare_by_value
@public
@dataclass(frozen=True, eq=False)
class Fingerprint(FingerprintRecord, metaclass=SuggestingType):
    """The output of a network for a known input; `fingerprint` records it.

    Attributes
    ----------
    logits : Summary
        Shape, dtype, a digest of all values, statistics of each class, and means of blocks.
    stages : dict of str to Summary
        The same of the other arrays of the run.
    histogram : tuple of int
        Number of positions at which each class has the largest logit.
    labels : (rows, columns) integers
        Labels at no more than 15 x 15 positions.
    confidence : float
        Mean of the largest probability.
    grid, preprocessing, palette, class_names
        As they were passed, or None.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> record = segpost.fingerprint(np.float32([[1, 0, 5]]))  # of a classifier
    >>> record.histogram, round(record.confidence, 3)
    ((0, 0, 1), 0.976)
    >>> segpost.Fingerprint.from_json(record.to_json()).compare(record).verdict
    'same'
    """

    def __hash__(self) -> int:
        return hash((self.logits.digest, self.histogram))

    def __repr__(self) -> str:
        """Return shape and type of the logits, and what else is recorded, on one line."""
        parts = [f"logits {self.logits.shape} {self.logits.kind}"]
        if self.stages:
            parts.append(f"stages {', '.join(self.stages)}")
        parts.append(f"mean confidence {self.confidence:.3f}")
        return f"<Fingerprint: {'; '.join(parts)}>"

    def _repr_html_(self) -> str:
        """Return the most frequent classes and the statistics of the arrays for a notebook."""
        return format_fingerprint(self)

    def compare(self, after: Fingerprint) -> FingerprintDiff:
        """Return whether `after`, of the restored network, is the same, and what has changed.

        Parameters
        ----------
        after : Fingerprint
            Of the same input.

        Returns
        -------
        diff : FingerprintDiff
            Its `verdict` is "same" (to the bit), "rounding" (what another machine, runtime or
            dtype may change) or "changed"; its `findings` say what kind of change it is.
        """
        if not isinstance(after, Fingerprint):
            raise TypeError(
                f"after must be a segpost.Fingerprint, got {type(after).__name__}: of logits pass "
                "segpost.fingerprint(logits)"
            )
        return compare_records(self, after)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the JSON to a file, such as "deeplab.fingerprint.json" beside the checkpoint.

        It is written as a whole or not at all.

        Raises
        ------
        OSError
            If it cannot be written, such as to a folder that is missing.
        """
        from segpost.files import write_text

        write_text(Path(path), self.to_json())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Fingerprint:
        """Read a file that `save` wrote.

        Raises
        ------
        ValueError
            If the file is not a fingerprint, or larger than 32 MiB, of which no more is read.
        """
        with open(path, "rb") as file:
            content = file.read(MAX_FILE_SIZE + 1)
        try:
            if len(content) > MAX_FILE_SIZE:
                raise ValueError(f"this is no fingerprint: it has more than {MAX_FILE_SIZE} bytes")
            return cls.from_json(content.decode(errors="surrogateescape"))
        except ValueError as error:
            raise ValueError(f"{fspath(path)}: {error}") from None


def _check_stages(stages: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if stages is None:
        return {}
    if not isinstance(stages, Mapping) or not all(isinstance(name, str) for name in stages):
        raise TypeError(f"stages must be a mapping of names to arrays, got {type(stages).__name__}")
    return stages


def _read_output(
    output: Any, convention: Convention | ConventionName, axis: int | None, quantization: Any
) -> tuple[Any, int, Any]:
    """Return the array of a runtime's output, its class axis and its quantization."""
    convention = as_convention(convention)
    array, kind = convention.pick(output)
    if kind == "labels":
        raise ValueError(
            f"convention {convention.name!r} says that the output holds labels; a fingerprint is "
            "of logits or probabilities: take the tensor before the argmax"
        )
    axis, _, quantization = merge_arguments(convention, axis, None, quantization)
    return array, axis, quantization


def _label(array: Array) -> tuple[Array, float]:
    """Return the labels of (C, rows, columns) logits, and the mean of the largest probability."""
    if len(array) == 1:  # there is one class
        return np.zeros(array.shape[1:], np.int64), 1.0
    values = array[None]
    largest = np.empty((1, *array.shape[1:]), np.float32)
    registry.backend(values).softmax(Logits(values, array.dtype.name), None, None, largest)
    return argmax(array), float(largest.mean(dtype=np.float64))


def _sample_labels(labels: Array) -> Array:
    """Return the labels at the centers of at most MAX_BLOCKS x MAX_BLOCKS blocks."""
    centers = (
        (2 * np.arange(min(MAX_BLOCKS, n)) + 1) * n // (2 * min(MAX_BLOCKS, n))
        for n in labels.shape
    )
    return np.asarray(labels[np.ix_(*centers)], np.int64)


def _as_json(preprocessing: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the preprocessing as it will be read again."""
    if preprocessing is None:
        return None
    try:
        text = json.dumps(as_jsonable(dict(preprocessing)))
    except (TypeError, ValueError) as error:
        raise TypeError(f"preprocessing must be what JSON can hold: {error}") from None
    content: dict[str, Any] = json.loads(text)
    return content
