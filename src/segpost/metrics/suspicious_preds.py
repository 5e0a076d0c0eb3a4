"""Predictions that are valid, but whose values show that they mean something else."""

from __future__ import annotations

from segpost._core.arrays import Array
from segpost._core.device import context_of


def refuse_one_hot(preds: Array, target: Array, classes: int) -> None:
    """Raise an error for one-hot predictions with a one-hot target, which count as 0 and 1.

    Raises
    ------
    ValueError
        If both have 0 and 1 only, and sum to 1 along an axis as long as there are classes.
    """
    if preds.ndim < 3 or not preds.size or classes < 2 or not context_of(preds).on_cpu:
        return
    for axis in (-3, -1):
        if preds.shape[axis] == classes and _is_one_hot(preds, axis) and _is_one_hot(target, axis):
            position = axis + preds.ndim
            raise ValueError(
                f"preds and target of shape {preds.shape} are one-hot along axis {position}: each "
                f"class would count as an image of labels 0 and 1; pass preds.argmax({position}) "
                f"and target.argmax({position})"
            )


def _is_one_hot(labels: Array, axis: int) -> bool:
    """Whether labels are 0 and 1 and sum to 1 along an axis: first at a pixel, then everywhere."""
    pixels = labels.swapaxes(axis, -1)
    for sample in (pixels[(0,) * (pixels.ndim - 1)], pixels):
        if not sample.size or sample.min() != 0 or sample.max() != 1:
            return False
        if not (sample.sum(axis=-1) == 1).all():
            return False
    return True
