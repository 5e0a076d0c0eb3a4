"""Predictions that are valid, but whose values show that they mean something else."""

from __future__ import annotations

from segpost._core.arrays import Array
from segpost._core.errors import warn_of_input
from segpost._core.suspicious_labels import find_one_hot_axis
from segpost.metrics.counts import CountSnapshot

MAX_LISTED = 8  # values in a warning
MIN_PIXELS = 16  # that are no coincidence


def refuse_one_hot(preds: Array, target: Array, classes: int) -> None:
    """Raise an error for one-hot predictions with a one-hot target, which count as 0 and 1.

    Raises
    ------
    ValueError
        If both have 0 and 1 only, and sum to 1 along an axis as long as there are classes.
    """
    axis = find_one_hot_axis(preds, classes)
    if axis is not None and find_one_hot_axis(target, classes) == axis:
        position = axis + preds.ndim
        raise ValueError(
            f"preds and target of shape {preds.shape} are one-hot along axis {position}: each "
            f"class would count as an image of labels 0 and 1; pass preds.argmax({position}) "
            f"and target.argmax({position})"
        )


def warn_of_invalid_preds(counts: CountSnapshot) -> None:
    """Warn if predictions that are no class show what is wrong with all of them."""
    if not counts.outside:
        return
    classes, invalid = counts.num_classes, _count_invalid_preds(counts)
    if sum(invalid.values()) < MIN_PIXELS:
        return
    matrix, values = counts.state[:-1, :-1], set(invalid)
    question = ""
    if classes == 2 and values == {255} and not matrix[:, 1].any():
        question = "they are masks of 0 and 255: pass preds // 255"
    elif (
        values <= set(counts.settings["ignore_index"])
        and len(counts.images) != 1
        and not counts.state[-1].any()
    ):
        question = "no target is ignored: are preds and target exchanged?"
    elif values == {255} and not counts.settings["ignore_index"] and len(counts.images) != 1:
        question = "255 is void in most targets: are preds and target exchanged?"
    elif classes == 19 and len(values) > 1 and all(0 <= value <= 33 for value in values):
        question = (
            "are they Cityscapes labelIds? The 19 classes are trainIds; or are preds and target "
            "exchanged?"
        )
    elif values == {classes} and not matrix[:, 0].any():
        question = "do they start at 1? pass preds - 1"
    elif 2 * sum(invalid.values()) > counts.state[:-1].sum():
        question = "what are the classes of the predictions?"
    if question:
        listed = sorted(invalid, key=lambda value: (-invalid[value], value))
        shown = ", ".join(f"{value} ({invalid[value]} times)" for value in listed[:MAX_LISTED])
        more = f" and {len(listed) - MAX_LISTED} other values" if len(listed) > MAX_LISTED else ""
        warn_of_input(
            f"preds have {sum(invalid.values())} of {counts.state[:-1].sum()} values outside "
            f"0..{classes - 1}: {shown}{more}; {question}"
        )


def _count_invalid_preds(counts: CountSnapshot) -> dict[int, int]:
    """Return how often each prediction that is no class occurs where the target is one."""
    invalid: dict[int, int] = {}
    for (target, pred), pixels in counts.outside.items():
        if 0 <= target < counts.num_classes and not 0 <= pred < counts.num_classes:
            invalid[pred] = invalid.get(pred, 0) + pixels
    return invalid
