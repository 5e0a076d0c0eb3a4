"""Model outputs that are probabilities already, or labels already."""

from __future__ import annotations

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import (
    LABEL_KINDS,
    Array,
    InputArray,
    as_input_array,
    label_dtype,
)
from segpost._core.contract import Logits
from segpost._core.errors import format_index, warn_of_input
from segpost._core.logits import dequantize
from segpost._core.sampling import Axes
from segpost._core.suspicious_probabilities import (
    PROBABILITY_TOLERANCE,
    find_unit_values,
    warn_of_percentages,
)
from segpost._core.validation import check_on_cpu

QUANTIZED_ID_TOLERANCE = 1e-3


def check_probabilities(logits: Logits, quantization: tuple[float, float], convention: str) -> None:
    """Refuse values that are no probabilities, which a convention says that they are.

    Probabilities lie in 0..1; all of them are read.
    """
    check_on_cpu(
        logits.values,
        lambda device: (
            f"logits on {device} are probabilities by convention {convention!r}: "
            "segpost takes those on the CPU only; give it the network's logits"
        ),
    )
    values = dequantize(logits.values, logits.kind, *quantization)
    bad = ~((values >= -PROBABILITY_TOLERANCE) & (values <= 1 + PROBABILITY_TOLERANCE))
    if bad.any():
        image, label, y, x = np.unravel_index(int(bad.argmax()), values.shape)
        raise ValueError(
            f"logits are probabilities by convention {convention!r}, but {int(bad.sum())} of "
            f"{values.size} values are outside 0..1, first {values[image, label, y, x]:g} at "
            f'image {image}, class {label}, y {y}, x {x}; kind="logits" if these are'
        )


def refuse_probabilities(
    logits: Logits, quantization: tuple[float, float], convention: str | None
) -> None:
    """Refuse probabilities where the softmax of logits is wanted: it would make them alike.

    Other values in 0..1, as those of sigmoids, are a warning. The cures depend on the convention by
    which they are logits, if there is one.

    Raises
    ------
    ValueError
        If they are probabilities, as `find_unit_values` says.
    """
    unit = find_unit_values(logits, quantization)
    if unit is None:
        warn_of_percentages(logits)
        return
    cure = 'convention=segpost.Convention(kind="probabilities")'
    if convention is not None:
        cure = f"dataclasses.replace(convention, kind='probabilities') of convention {convention!r}"
    if not unit.are_probabilities:
        warn_of_input(
            f"{unit.description}; pass the network's logits before the sigmoid, or {cure} to have "
            "the confidence of a label as its value here"
        )
        return
    if convention is None:
        cure += ", with segpost.softmax(logits) in place of logits if they are logits"
    raise ValueError(f"{unit.description}; pass {cure}")


def resize_probabilities(logits: Logits, axes: Axes | None, out: Array) -> None:
    """Resize probabilities (N, C, h, w) bilinearly to `out` (N, C, H, W)."""
    ones = np.broadcast_to(np.float32(1), out.shape[2:])
    out[...] = 0.0
    for n, sums in enumerate(out):
        _add_resized(logits, axes, slice(n, n + 1), slice(None), ones, sums)


def gather_label_probability(logits: Logits, axes: Axes | None, labels: Array, out: Array) -> None:
    """Write the probability of each pixel's label to `out`, (N, H, W) as `labels`.

    `out` is float32, or uint8 with ``np.rint(255 * probability)``.
    """
    for n, classes in enumerate(labels):
        probability = np.zeros(classes.shape, np.float32)
        for label in np.unique(classes):
            mask = (classes == label).astype(np.float32)
            if logits.threshold is None:
                channel = slice(int(label), int(label) + 1)
                _add_resized(logits, axes, slice(n, n + 1), channel, mask, probability[None])
            else:
                sums = np.zeros(classes.shape, np.float32)
                _add_resized(logits, axes, slice(n, n + 1), slice(None), mask, sums[None])
                probability += sums if label else mask - sums
        is_byte = out.dtype == np.uint8
        out[n] = np.rint(255 * np.clip(probability, 0, 1)) if is_byte else probability


def _add_resized(
    logits: Logits, axes: Axes | None, image: slice, channels: slice, weights: Array, sums: Array
) -> None:
    """Add weighted probabilities of one image, resized, to sums (C, H, W)."""
    values = logits.values[image, channels]
    values = dequantize(values, logits.kind, logits.scale, logits.zero_point)
    real = Logits(values, values.dtype.name)
    registry.backend(values, sums).add_resized(real, axes, weights, sums)


def as_label_ids(labels: object, quantization: tuple[float, float] | None) -> InputArray:
    """Return the class ids of a network's output as integers.

    Runtimes hand ids over as floats, as booleans and with a quantization, too: then int32.

    Raises
    ------
    TypeError
        If values are no whole numbers, as those of interpolated ids; if values on a device are no
        integers, because all of them have to be read.
    """
    source = as_input_array(labels, "labels")
    array, kind = source.array, source.kind
    if array.ndim < 2:
        raise ValueError(f"labels must have shape (..., H, W), got {array.shape}")
    if kind in LABEL_KINDS and quantization is None:
        return source
    check_on_cpu(
        array, lambda device: f"labels on {device} are {kind}; convert them to integers there"
    )
    values = dequantize(array, kind, *(quantization or (1.0, 0.0)))
    nearest = np.rint(values)
    tolerance = 0.0 if quantization is None else QUANTIZED_ID_TOLERANCE
    with np.errstate(invalid="ignore"):  # of infinities
        bad = ~((abs(values - nearest) <= tolerance) & (abs(values) < 2**31))
    if bad.any():
        first = np.unravel_index(int(bad.argmax()), values.shape)
        raise TypeError(
            f"labels must be integers, got dtype {kind}, of which {int(bad.sum())} of "
            f"{values.size} values are no whole numbers of int32, first {values[first]:g} at "
            f"{format_index(first)}: of logits take segpost.argmax first; ids that were "
            "interpolated are lost, resize them with nearest neighbors"
        )
    return source._replace(array=nearest.astype(np.int32), kind="int32", copied=True)


def squeeze_label_maps(labels: Array) -> Array:
    """Return label maps as (H, W) or (N, H, W), without a channel axis of one channel."""
    if labels.ndim == 4 and 1 in (labels.shape[1], labels.shape[-1]):  # (N, 1, H, W), (N, H, W, 1)
        return labels[:, 0] if labels.shape[1] == 1 else labels[..., 0]
    if labels.ndim not in (2, 3):
        raise ValueError(f"labels must be (H, W) or (N, H, W), got shape {labels.shape}")
    return labels


def decode_mask(mask: Array, foreground: int, background: int | None, convention: str) -> Array:
    """Return a mask of two ids as labels: 1 for `foreground`, 0 for `background`."""
    bad = (mask != foreground) & (mask != background)
    if bad.any():
        first = tuple(np.argwhere(bad)[0])
        raise ValueError(
            f"by convention {convention!r} a mask holds {foreground} and {background}, but "
            f"{int(bad.sum())} of {mask.size} values are others, first {mask[first]} at "
            f"{format_index(first)}"
        )
    return np.asarray(mask == foreground).astype(label_dtype(2))
