"""Labels that maximise the expected Dice or IoU of an image, in place of those of argmax."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from segpost._backends import registry
from segpost._core import errors
from segpost._core.arrays import Array
from segpost._core.contract import ColorOutputs, Logits
from segpost._core.expected_scores import MAX_PIXELS
from segpost._core.sampling import Axes

Decoding = Literal["argmax", "dice", "iou"]
DECODINGS: tuple[str, ...] = get_args(Decoding)


def check_decoding(
    decode: str, *, threshold: object, volume: bool, outputs: frozenset[str]
) -> None:
    """Refuse settings that contradict a decoding for a score.

    Raises
    ------
    ValueError
        It names both settings, and what to pass instead.
    """
    if decode == "argmax":
        return
    subject = f"decode={decode!r}"
    if threshold is not None:
        raise ValueError(
            f"{subject} finds the threshold of every image itself, got threshold={threshold!r}: "
            "leave threshold= out, a head of one channel is read as a sigmoid"
        )
    if volume:
        raise ValueError(
            f"{subject} is for images, got logits of volumes: leave decode= out, or pass a slice "
            "of the logits at a time, logits[:, z]"
        )
    if "confidence" in outputs:
        raise ValueError(
            f'want has "confidence", which is the probability of the label of argmax, and {subject}'
            ' gives other labels: pass want=("labels", "probabilities") and take '
            "np.take_along_axis(seg.probabilities, np.expand_dims(seg.labels, -3), -3).squeeze(-3)"
        )


def decode_labels(logits: Logits, axes: Axes | None, labels: Array, decode: str, nan: str) -> None:
    """Replace labels of argmax, (N, H, W), by those that maximise the expected score of each image.

    Raises
    ------
    ValueError
        If a pixel has no probabilities, unless `nan` is "propagate"; its label is then that of
        argmax. For images of more than 2**31 pixels.
    NotImplementedError
        On a device.
    """
    backend = registry.backend(labels, operation="decode_labels")
    if labels[0].size > MAX_PIXELS:
        raise ValueError(
            f"decode={decode!r} is for images of at most 2**31 pixels, got {labels.shape[1:]}: "
            "leave decode= out"
        )
    counts = backend.decode_labels(logits, axes, decode, labels)
    if nan == "raise" and counts.undefined_count:
        errors.raise_bad_logits(counts, logits, labels.shape, of_probabilities=True)


def logits_of(probabilities: Array, *, is_sigmoid: bool) -> Logits:
    """Return logits whose softmax, or sigmoid, gives probabilities (N, C, H, W)."""
    with np.errstate(divide="ignore"):
        values = np.log(probabilities)
        if is_sigmoid:
            return Logits(values - np.log1p(-probabilities), "float32", threshold=0.0)
    return Logits(values, "float32")


def paint_labels(labels: Array, paint: ColorOutputs | None) -> None:
    """Write the colors and the overlay of labels."""
    if paint is None:
        return
    backend = registry.backend(labels)
    if paint.color is not None:
        backend.colorize(labels, paint.lut, None, paint.color)
    if paint.overlay is not None:
        image, alpha, out = paint.overlay
        backend.overlay(image, labels, paint.lut, alpha, None, 0, out)
