"""Checks of a network's output for one window."""

from __future__ import annotations

from segpost._core.arrays import LABEL_KINDS, InputArray
from segpost._core.contract import Logits
from segpost._core.validation import check_on_cpu


def check_window_logits(logits: Logits, array: InputArray, classes: int) -> None:
    """Refuse arrays that are no floats of one image or volume with the right classes on the CPU.

    Raises
    ------
    TypeError, ValueError
    """
    check_on_cpu(
        logits.values,
        lambda device: f"logits are on {device}; windows are merged on the CPU: copy them there",
    )
    if array.kind in LABEL_KINDS:
        raise TypeError(f"logits must be floats, got {array.kind}; dequantize them first")
    count, class_count = logits.values.shape[:2]
    if 0 in logits.values.shape:
        raise ValueError(f"logits of shape {array.array.shape} have no pixels")
    if count != 1:
        unit = "images" if logits.values.ndim == 4 else "volumes"
        raise ValueError(f"logits are of {count} {unit}; add windows one by one")
    if class_count != classes:
        raise ValueError(f"logits have {class_count} classes, this merger {classes}")
