"""Predicted volumes beside their target: logits become labels before they are counted."""

from __future__ import annotations

from typing import Any

from segpost._core import logits as core_logits
from segpost._core.arrays import InputArray, as_input_array
from segpost.metrics.reading import Reading

SPATIAL = 3


def as_volume_labels(preds: Any, target: InputArray, classes: int, reading: Reading) -> Any:
    """Return predicted volumes as labels of the shape of the target; labels as they are.

    Parameters
    ----------
    preds : integer array of shape (..., D, H, W), or logits (C, d, h, w) or (N, C, d, h, w)
    target : InputArray
        Of shape (D, H, W) or (N, D, H, W).
    classes : int
        The number of classes.
    reading : Reading

    Raises
    ------
    ValueError, TypeError
        For a target of another number of axes, and logits that do not fit it.
    """
    shape = target.array.shape
    if len(shape) not in (SPATIAL, SPATIAL + 1):
        raise ValueError(
            f"target of volumes is (D, H, W) or (N, D, H, W), got {shape}: for images leave "
            "volume out, and pass spacing=(y, x) where a spacing is wanted"
        )
    if reading.convention is not None:
        raise ValueError("convention is for images, and preds are volumes: leave it out")
    array = as_input_array(preds, "preds")
    if array.array.ndim != len(shape) + 1:
        return preds
    axis = -SPATIAL - 1 if reading.axis == -3 else reading.axis
    logits, _, class_axis = core_logits.as_logits(array, axis, SPATIAL)
    channels = logits.values.shape[1]
    labels = channels if reading.threshold is None else 2
    if labels != classes:
        raise ValueError(
            f"preds are logits of {labels} class{'' if labels == 1 else 'es'} on axis "
            f"{class_axis} of shape {array.array.shape}, but num_classes is {classes}"
        )
    options: dict[str, Any] = {
        "axis": class_axis,
        "volume": True,
        "size": shape[-SPATIAL:],
        "grid": reading.grid,
        "nan": reading.nan,
    }
    if reading.threshold is None:
        from segpost.labels.operations import argmax  # for logits of volumes alone

        return argmax(preds, **options)
    if channels != 1:
        raise ValueError(f"threshold is for logits of one class, got {channels}")
    from segpost.labels.masks import binarize

    quantization = reading.quantization
    return binarize(
        preds, threshold=reading.threshold, quantization=quantization, encoding="labels", **options
    )
