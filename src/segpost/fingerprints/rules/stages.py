"""Where a change is: the first stage that differs, and what its numbers allow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from segpost.fingerprints.relations import FEW, affine, alike, apart, short, sizes
from segpost.fingerprints.rules.input import INPUT
from segpost.fingerprints.summary import Summary
from segpost.render.findings import Finding

if TYPE_CHECKING:
    from segpost.fingerprints.api import Fingerprint


def changes_of_stages(before: Fingerprint, after: Fingerprint) -> Iterator[Finding]:
    """The first stage that differs, and the last one before it that does not."""
    known = [name for name in before.stages if name in after.stages]
    pairs = [(name, before.stages[name], after.stages[name]) for name in known]
    same = ""
    for name, a, b in pairs:
        if alike(a, b):
            same = name
            continue
        if name == INPUT:
            return  # of which everything follows
        kind, seen = _kind_of_stage(a, b) if same else ("", {"differs by": apart(a, b)})
        yield Finding(
            "stage",
            "certain",
            f"{name!r} is the first that differs"
            + (f", and {same!r} before it is the same." if same else "."),
            seen,
            cure=f"look between {same or 'the input'} and {name}{kind and f', at {kind}'}",
            where=name,
        )
        return
    coarsest = max((x.grain for _, a, b in pairs for x in (a, b)), default=0)
    if known and known[-1] != INPUT and apart(before.logits, after.logits) > coarsest:
        yield Finding(
            "head",
            "certain",
            f"{same!r} is the same and the logits are not: what follows it has other weights or "
            "another form.",
            {"differs by": apart(before.logits, after.logits)},
            cure="load the head's weights too: print(segpost.compare_checkpoints(file, model))",
            where="logits",
        )


def _kind_of_stage(a: Summary, b: Summary) -> tuple[str, dict[str, Any]]:
    """What a single stage can have become, its input being the same."""
    seen: dict[str, Any] = {"differs by": apart(a, b)}
    if sizes(a) != sizes(b):
        return "its stride and number of channels", {"sizes": [list(sizes(a)), list(sizes(b))]}
    order, scale, offset = affine(a, b)
    if order is not None and a.channels > FEW:
        seen |= {"scale": short(scale[:8]), "offset": short(offset[:8])}
        return "its batch-norm statistics, as each channel is scaled and shifted", seen
    ranges = [[float(x.low.min()), float(x.high.max())] for x in (a, b)]
    seen |= {"range before": ranges[0], "range": ranges[1]}
    if _bounds(*ranges[0]) != _bounds(*ranges[1]):
        return "its activation, by its range", seen
    shift = float(np.abs(a.mean - b.mean).mean()) / (a.total or 1)
    ratio = b.spread / (a.spread or 1)
    seen |= {"means shift by": shift, "spread": ratio}
    if not 0.5 < ratio < 2:
        return "weights or batch-norm statistics, by its spread", seen
    if shift < 0.1:
        return "dilation or padding, as each channel's mean is about the same", seen
    return "weights, batch-norm statistics, dilation or activation", seen


def _bounds(low: float, high: float) -> tuple[str, float]:
    """What values keep to: 0 exactly of ReLU, above it of sigmoid; 1 or 6 of bounded ones."""
    below = "zero" if low == 0 else "positive" if low > 0 else "free"
    return below, high if high in (1.0, 6.0) else 0.0
