"""Logits that were enlarged in a way that leaves steps."""

from __future__ import annotations

import numpy as np

from segpost._core.arrays import Array
from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.rule import RuleResult, rule
from segpost.diagnosis.rules.common.cures import array_code

BLOCK_SIDES = (64, 32, 16, 8, 4, 3, 2)
MIN_BLOCKS = 8  # in each direction
MIN_VARIED = 0.5  # share of neighboring blocks that differ


@rule(
    "blocky-logits",
    needs="logits",
    ranks="likely hint",
    cure="labels = segpost.argmax(small_logits, size=size)  # small_logits: before any enlarging",
    unless="constant-logits",
)
def blocky_logits(context: DiagnosticContext) -> RuleResult | None:
    """The logits are constant in squares: they were enlarged by nearest neighbor, so that labels
    have steps. Integers, and logits beside a target in the same squares, are a hint.
    """
    side = _find_block_side(context)
    if not side:
        return None
    target, kind = context.inputs.target, context.logits.kind
    has_blocks = target is not None and _is_in_blocks(target, side)
    is_float = kind.startswith(("float", "bfloat"))
    last = "" if context.inputs.class_axis == -3 else ", :"
    small = f"{array_code(context, 'logits')}[..., ::{side}, ::{side}{last}]"
    axis = "" if context.inputs.class_axis == -3 else ", axis=-1"
    size = tuple(context.logits.values.shape[2:])
    return RuleResult(
        "hint" if has_blocks or not is_float else "likely",
        f"all logits are constant in squares of {side} x {side} pixels, as after enlarging by "
        "nearest neighbor",
        {"side": side},
        cure=f"labels = segpost.argmax({small}, size={size}{axis})",
    )


def _find_block_side(context: DiagnosticContext) -> int:
    """Return the side of the squares in which all logits are constant, or 0."""
    values = context.logits.values
    if not context.is_finite:
        return 0
    first = values[0, :, :2]
    if first.shape[1] < 2 or not np.array_equal(first[:, 0], first[:, 1]):
        return 0  # without a pass over the logits
    for side in BLOCK_SIDES:
        if min(values.shape[2:]) >= MIN_BLOCKS * side and _is_in_blocks(values, side):
            blocks = values[..., ::side, ::side]
            differ = (blocks[..., 1:] != blocks[..., :-1]).any(axis=1)
            if differ.mean() >= MIN_VARIED:
                return side
    return 0


def _is_in_blocks(values: Array, side: int) -> bool:
    """Return whether (..., H, W) values are constant in squares from the first pixel on."""
    height, width = (length // side * side for length in values.shape[-2:])
    middle = height // side // 2 * side
    for rows in (slice(middle, middle + side), slice(height)):  # most logits return after one row
        part = values[..., rows, :width]
        blocks = part.reshape(*part.shape[:-2], -1, side, width // side, side)
        if not (blocks == blocks[..., :, :1, :, :1]).all():
            return False
    return True
