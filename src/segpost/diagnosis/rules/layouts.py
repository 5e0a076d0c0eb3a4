"""Layouts of logits: the axis of the classes, and classes shuffled by a reshape."""

from __future__ import annotations

import numpy as np

from segpost._core.contract import Logits
from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.rule import RuleResult, rule
from segpost.diagnosis.rules.common.cures import array_code
from segpost.diagnosis.rules.common.reshaping import undo_reshape
from segpost.diagnosis.values import MIN_PIXELS, neighbor_agreement

SMOOTH, ROUGH = 0.9, 0.75  # shares of equal neighbors: of a label map, and of shuffled pixels
FAIRLY_SMOOTH, LIKELY_SMOOTH = 0.5, 0.6  # of a small label map
MIN_SMALL_PIXELS = 128  # below MIN_PIXELS smoothness is a hint
MIN_GAIN, LIKELY_GAIN = 0.2, 0.3


@rule(
    "class-axis",
    needs="logits",
    ranks="certain likely",
    cure="labels = segpost.argmax(logits, axis=axis)",
)
def class_axis(context: DiagnosticContext) -> RuleResult | None:
    """The classes are on the other axis: logits are channels last and were read as channels first,
    or the reverse.
    """
    axis = context.inputs.class_axis
    other = -1 if axis == -3 else -3
    shape = context.logits_array.shape
    if context.inputs.class_axis_corrected:  # `axis` is the one that fits
        return RuleResult(
            "certain",
            f"logits of shape {shape} have {shape[other]} on axis {other} and {shape[axis]} "
            f"on axis {axis}, and there are {shape[axis]} classes",
            {"shape": str(shape), "classes": int(shape[axis])},
            f"axis {other}",
            f"labels = segpost.argmax(logits, axis={axis})",
        )
    is_plausible = context.logits.values.shape[1] <= min(shape[-1], shape[-3])
    if context.inputs.num_classes is not None or is_plausible:
        return None
    array, kind = context.logits_array, context.logits.kind
    batch = array if array.ndim == 4 else array[None]
    agreement = neighbor_agreement(Logits(np.moveaxis(batch, axis, 1), kind))
    other_agreement = neighbor_agreement(Logits(np.moveaxis(batch, other, 1), kind))
    if other_agreement < SMOOTH or agreement > ROUGH:
        return None
    return RuleResult(
        "likely",
        f"neighbors share their label at {other_agreement:.0%} of the pixels with the classes on "
        f"axis {other}, and at {agreement:.0%} with those on axis {axis}",
        {"agreement": agreement, "agreement_other_axis": other_agreement, "shape": str(shape)},
        f"axis {axis}",
        f"labels = segpost.argmax(logits, axis={other})",
    )


@rule(
    "reshape-not-transpose",
    needs="logits",
    ranks="likely hint",
    cure="logits = np.moveaxis(array, -1, -3)  # array: before the reshape",
    unless="class-axis",
)
def reshape_not_transpose(context: DiagnosticContext) -> RuleResult | None:
    """The layout was changed with reshape instead of transpose. A reshape leaves the numbers where
    they are in memory, so the classes are shuffled. Of small or rough maps it is a hint.
    """
    _, c, h, w = context.logits.values.shape
    if c < 2 or h * w < MIN_SMALL_PIXELS or not context.is_finite:
        return None
    agreement = neighbor_agreement(context.logits)
    if agreement > ROUGH:
        return None
    undone = neighbor_agreement(undo_reshape(context))
    if undone < FAIRLY_SMOOTH or undone - agreement < MIN_GAIN:
        return None
    is_first = context.inputs.class_axis == -3
    layout = "(H, W, C)" if is_first else "(C, H, W)"
    shape = context.logits_array.shape
    code = f"{array_code(context, 'logits')}.reshape({shape[:-3]}"
    if is_first:
        undone_code = f"np.moveaxis({code} + {shape[-2:] + shape[-3:-2]}), -1, -3)"
    else:
        undone_code = f"np.moveaxis({code} + {shape[-1:] + shape[-3:-1]}), -3, -1)"
    is_likely = h * w >= MIN_PIXELS and undone >= LIKELY_SMOOTH
    is_likely &= undone - agreement >= LIKELY_GAIN
    return RuleResult(
        "likely" if is_likely else "hint",
        f"neighbors share their label at {agreement:.0%} of the pixels, and at {undone:.0%} if the "
        f"same numbers are read as {layout}",
        {"agreement": agreement, "agreement_undone": undone},
        cure=f"logits = {undone_code}  # transpose, not reshape",
    )
