"""Changes of stages: the first stage that differs, and the kinds of change that fit its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from segpost.fingerprints.record import FingerprintRecord
from segpost.fingerprints.rules.input import INPUT
from segpost.fingerprints.similarity import (
    MAX_ORDERED_CHANNELS,
    distance,
    fit_channels,
    is_similar,
    logical_shape,
    may_be_precision,
    round_numbers,
)
from segpost.fingerprints.summary import Summary
from segpost.render.findings import Finding

MAX_EPSILON_EFFECT = 0.1  # by which 1e-3 instead of 1e-5 scales a channel of small variance


def find_stage_changes(before: FingerprintRecord, after: FingerprintRecord) -> Iterator[Finding]:
    """Yield the first stage that differs, or else the head."""
    names = [name for name in before.stages if name in after.stages]
    pairs = [(name, before.stages[name], after.stages[name]) for name in names]
    last_same = ""
    for name, a, b in pairs:
        if is_similar(a, b):
            last_same = name
            continue
        if name != INPUT:  # every change follows from another input
            yield _describe_stage(name, a, b, last_same)
        return
    rounding = max((x.rounding for _, a, b in pairs for x in (a, b)), default=0)
    difference = distance(before.logits, after.logits)
    if names and names[-1] != INPUT and difference > rounding:
        yield Finding(
            "head",
            "hint" if may_be_precision(before.logits, after.logits) else "certain",
            f"{last_same!r} is the same and the logits are not: what follows it has other weights, "
            "another form, or enlarges them in another way.",
            {"differs by": difference},
            cure="print(segpost.compare_checkpoints(file, model))",
            where="logits",
        )


def _describe_stage(name: str, a: Summary, b: Summary, last_same: str) -> Finding:
    """Return the finding that a stage is the first that differs."""
    cause, evidence = "", {"differs by": distance(a, b)}
    if last_same:
        cause, evidence = _explain(a, b)
    is_small = may_be_precision(a, b)
    return Finding(
        "stage",
        "hint" if is_small else "certain",
        f"{name!r} is the first that differs"
        + (f", and {last_same!r} before it is the same" if last_same else "")
        + f". Look between {last_same or 'the input'} and {name}{cause and f', at {cause}'}"
        + (
            "; or the network computes in a lower precision: say it with precision=."
            if is_small
            else "."
        ),
        evidence,
        where=name,
    )


def _explain(a: Summary, b: Summary) -> tuple[str, dict[str, Any]]:
    """Return the causes that fit a change of one stage whose input is the same, and evidence."""
    evidence: dict[str, Any] = {"differs by": distance(a, b)}
    shapes = [logical_shape(x) for x in (a, b)]
    if shapes[0] != shapes[1]:
        evidence["sizes"] = [list(shape) for shape in shapes]
        return "its stride and number of channels", evidence
    order, scale, offset = fit_channels(a, b)
    if order is not None and a.channels > MAX_ORDERED_CHANNELS:
        evidence |= {"scale": round_numbers(scale[:8]), "offset": round_numbers(offset[:8])}
        if np.abs(scale - 1).max() < MAX_EPSILON_EFFECT:
            return "its batch-norm statistics or epsilon, as each channel is scaled a bit", evidence
        return "its batch-norm statistics, as each channel is scaled and shifted", evidence
    ranges = [[float(x.low.min()), float(x.high.max())] for x in (a, b)]
    evidence |= {"range before": ranges[0], "range": ranges[1]}
    if _bounds(*ranges[0]) != _bounds(*ranges[1]):
        return "its activation, by its range", evidence
    shift = float(np.abs(a.mean - b.mean).mean()) / (a.total_std or 1)
    ratio = b.channel_std / (a.channel_std or 1)
    evidence |= {"means shift by": shift, "spread": ratio}
    if not 0.5 < ratio < 2:
        return "weights or batch-norm statistics, by its spread", evidence
    if shift < 0.1:
        return "dilation or padding, as each channel's mean is about the same", evidence
    return "weights, batch-norm statistics, dilation or activation", evidence


def _bounds(low: float, high: float) -> tuple[str, float]:
    """Return the bounds of an activation: 0 of ReLU, above 0 of sigmoid; 1 or 6 of bounded ones."""
    lower = "zero" if low == 0 else "positive" if low > 0 else "free"
    return lower, high if high in (1.0, 6.0) else 0.0
