"""Layouts of logits: on which axis the classes are, and whether a reshape shuffled them."""

from __future__ import annotations

import numpy as np

from segpost._core.arrays import Array, widen
from segpost.diagnosis.context import ENOUGH, Case
from segpost.diagnosis.registry import Claim, symptom

SMOOTH, ROUGH = 0.9, 0.75  # shares of equal neighbors: of a label map, and of shuffled pixels


@symptom(
    "class-axis",
    needs="logits",
    ranks="certain likely",
    cure="segpost.argmax(logits, axis={axis})",
)
def class_axis(case: Case) -> Claim | None:
    """The classes are on the other axis: channels last taken for channels first, or the reverse."""
    other = -1 if case.axis == -3 else -3
    shape = case.raw.shape
    if case.axis_corrected:  # what was said is the other one by now
        return Claim(
            "certain",
            f"logits of shape {shape} have {shape[other]} on axis {other} and {shape[case.axis]} "
            f"on axis {case.axis}, and there are {shape[case.axis]} classes",
            {"shape": str(shape), "classes": int(shape[case.axis])},
            f"axis {other}",
            f"segpost.argmax(logits, axis={case.axis})",
        )
    if case.num_classes is not None or case.logits.values.shape[1] <= min(shape[-1], shape[-3]):
        return None
    batch = case.raw if case.raw.ndim == 4 else case.raw[None]
    told = agreement(np.moveaxis(batch, case.axis, 1), case.logits.kind)
    turned = agreement(np.moveaxis(batch, other, 1), case.logits.kind)
    if turned < SMOOTH or told > ROUGH:
        return None
    return Claim(
        "likely",
        f"neighbors share their label at {turned:.0%} of the pixels with the classes on axis "
        f"{other}, and at {told:.0%} with those on axis {case.axis}",
        {"agreement": told, "agreement_other_axis": turned, "shape": str(shape)},
        f"axis {case.axis}",
        f"segpost.argmax(logits, axis={other})",
    )


@symptom(
    "reshape-not-transpose",
    needs="logits",
    ranks="likely",
    cure="logits = logits.transpose(2, 0, 1)  # not reshape",
    unless="class-axis",
)
def reshape_not_transpose(case: Case) -> Claim | None:
    """The layout was changed with reshape, which leaves the numbers where they are, instead of
    transpose: planes of all classes are shuffled together.
    """
    _, c, h, w = case.logits.values.shape
    if c < 2 or h * w < ENOUGH or not case.finite:
        return None
    told = agreement(case.logits.values, case.logits.kind)
    if told > ROUGH:
        return None
    undone = agreement(unshuffled(case), case.logits.kind)
    if undone < SMOOTH:
        return None
    to, back = ("(2, 0, 1)", "(H, W, C)") if case.axis == -3 else ("(1, 2, 0)", "(C, H, W)")
    return Claim(
        "likely",
        f"neighbors share their label at {told:.0%} of the pixels, and at {undone:.0%} if the same "
        f"numbers are read as {back}",
        {"agreement": told, "agreement_undone": undone},
        cure=f"logits = array.transpose{to}  # where reshape was called",
    )


def unshuffled(case: Case) -> Array:
    """(N, C, h, w): the logits as they would be if a reshape had been a transpose."""
    n, c, h, w = case.logits.values.shape
    if case.axis == -3:  # made of (h, w, c) by a reshape to (c, h, w)
        return np.moveaxis(np.ascontiguousarray(case.logits.values).reshape(n, h, w, c), -1, 1)
    last = np.ascontiguousarray(np.moveaxis(case.logits.values, 1, -1))
    return last.reshape(n, c, h, w)  # made of (c, h, w) by a reshape to (h, w, c)


def agreement(values: Array, kind: str) -> float:
    """How often neighbors in a row of (N, C, h, w) logits have the same largest class."""
    h, w = values.shape[2:]
    if w < 2:
        return 0.0
    rows = max(1, (1 << 15) // w)
    some = widen(np.ascontiguousarray(values[:1, :, :: max(1, h // rows)]), kind)
    top = some.argmax(axis=1)
    return float((top[..., 1:] == top[..., :-1]).mean())
