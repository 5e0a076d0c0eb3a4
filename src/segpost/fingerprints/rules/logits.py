"""What kind of change the logits themselves show, or likely have."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from segpost.fingerprints.relations import FLAT, apart, sizes, turned
from segpost.fingerprints.rules.input import INPUT
from segpost.fingerprints.summary import Summary
from segpost.render.findings import Finding

if TYPE_CHECKING:
    from segpost.fingerprints.api import Fingerprint

FEW = 9  # places: fewer have no pattern


def changes_of_logits(
    before: Fingerprint, after: Fingerprint, known: list[str]
) -> Iterator[Finding]:
    """The kind of change that the logits themselves show, or likely have.

    What is `known` of the stages needs no guess.
    """
    a, b = before.logits, after.logits
    if a.channels != b.channels:
        yield Finding(
            "class-count",
            "certain",
            f"The network has {b.channels} classes and had {a.channels}.",
            {"before": a.channels, "after": b.channels},
            cure=f"build the model with num_classes={a.channels}",
            where="logits",
        )
    elif sizes(a) != sizes(b):
        yield Finding(
            "logit-size",
            "certain",
            "The logits have another size: another input size or output stride, or they were "
            "enlarged on one side.",
            {"before": list(sizes(a)), "after": list(sizes(b))},
            cure="feed probe_image at the size of before, and set the same output stride",
            where="logits",
        )
    else:
        rules = [*SHOWN, *([] if "head" in known else [_weights]), *([] if known else [_other])]
        found = (rule(before, after) for rule in rules)
        yield from itertools.islice(filter(None, found), 1)


def _permuted(before: Fingerprint, after: Fingerprint) -> Finding | None:
    a, b = before.logits, after.logits
    x, y = (np.c_[s.coarse.reshape(s.channels, -1), s.mean, s.low, s.high] for s in (a, b))
    if a.coarse.size < FEW:
        return None
    own, y64 = (x**2).sum(1), y.astype(np.float64)
    order = np.concatenate(  # for each class now, the one it was; some at a time
        [(own - 2 * y64[i : i + 256] @ x.T).argmin(1) for i in range(0, len(y), 256)]
    )
    if len({*order.tolist()}) < len(order) or np.array_equal(order, np.arange(len(order))):
        return None
    if np.abs(x[order] - y).max() > 4 * a.total * max(a.grain, b.grain):
        return None
    moved = np.flatnonzero(order != np.arange(len(order)))
    inverse = np.argsort(order)
    cure = f"logits = np.take(logits, {inverse.tolist()}, {b.axis})" if len(order) <= 32 else ""
    return Finding(
        "classes-permuted",
        "certain",
        f"{len(moved)} of {len(order)} classes have changed places; their logits are the same.",
        {"classes": moved[:16].tolist(), "were": order[moved[:16]].tolist()},
        cure=cure or "train and restore with the same order of class names",
        where="logits",
    )


def _activated(before: Fingerprint, after: Fingerprint) -> Finding | None:
    """Probabilities on one side, logits on the other."""
    is_one = [_probabilities(f.logits) for f in (before, after)]
    if is_one[0] == is_one[1]:
        return None
    return Finding(
        "probabilities",
        "certain",
        "The network gives probabilities and gave logits."
        if is_one[1]
        else "The network gives logits and gave probabilities.",
        {"sums to": float(after.logits.coarse.sum(0).mean())},
        cure="leave the softmax out" if is_one[1] else "probabilities = softmax(logits)",
        where="logits",
    )


def _probabilities(x: Summary) -> bool:
    sums = x.coarse.sum(0, dtype=np.float64)
    inside = float(x.low.min()) >= 0 and float(x.high.max()) <= 1 + 1e-3
    return x.channels > 1 and inside and bool(np.abs(sums - 1).max() < 1e-2) and x.spread > 0


def _scaled(before: Fingerprint, after: Fingerprint) -> Finding | None:
    a, b = before.logits, after.logits
    x, y = a.coarse.ravel().astype(np.float64), b.coarse.ravel().astype(np.float64)
    spread = x.std()
    if spread <= FLAT * (a.total or 1) or len(x) < 8:
        return None
    scale = float(((x - x.mean()) * (y - y.mean())).mean() / spread**2)
    offset = float(y.mean() - scale * x.mean())
    noise = 2 * b.total * max(a.grain, b.grain)
    if abs(scale - 1) * a.total + abs(offset) <= noise:
        return None
    if scale <= 0 or np.abs(scale * x + offset - y).max() > noise:
        return None
    return Finding(
        "scaled",
        "certain",
        "All logits are scaled or shifted alike: labels are the same, confidence is not.",
        {"now": "scale * before + offset", "scale": scale, "offset": offset},
        cure=f"logits = (logits - {offset:.6g}) / {scale:.6g}",
        where="logits",
    )


def _mirrored(before: Fingerprint, after: Fingerprint) -> Finding | None:
    turn = turned(before.logits, after.logits)
    if not turn or before.logits.spread <= FLAT * before.logits.total:
        return None
    return Finding(
        "turned",
        "certain",
        f"The logits are {turn} against those before.",
        {"differs by": apart(before.logits, after.logits)},
        cure="feed the picture as before: look at flips, EXIF, and (height, width)",
        where="logits",
    )


def _weights(before: Fingerprint, after: Fingerprint) -> Finding | None:
    """What kind of weights are missing: from how the logits are related to those before."""
    a, b = before.logits, after.logits
    if a.coarse[0].size < FEW:  # of one answer of a classifier nothing is alike
        return None
    own, all_ = _related(a, b)
    ratio = b.spread / (a.spread or 1)
    seen = {
        "spread": ratio,
        "correlation of each class with itself": own,
        "explained by the logits before": all_,
        "confidence": [before.confidence, after.confidence],
        "labels that agree": float((before.labels == after.labels).mean()),
    }
    unsure = after.confidence < min(3 / a.channels, 0.5 * before.confidence + 0.5 / a.channels)
    if own < 0.35 and all_ > 0.8:
        return Finding(
            "head-weights",
            "likely",
            "Each class has another meaning, and all are mixed of the logits before: the head's "
            "weights are others, and what comes before it has stayed.",
            seen,
            cure="load the head's weights too: print(segpost.compare_checkpoints(file, model))",
            where="logits",
        )
    if own < 0.35 and unsure and ratio < 0.1:
        return Finding(
            "unloaded",
            "likely",
            "The network is as sure as one without training and says nothing of what it said: its "
            "weights were not loaded.",
            seen,
            cure="print(segpost.compare_checkpoints(file, model))  # then load_state_dict, strict",
            where="logits",
        )
    if own >= 0.35 and not 1 / 3 < ratio < 3:
        fed = [f.stages.get(INPUT) for f in (before, after)]
        known = all(x is not None for x in fed)  # and alike, or this would not be asked
        likely = known and own > 0.6 and all_ > 0.75
        return Finding(
            "batch-norm" if likely else "strength",
            "likely" if likely else "hint",
            "What the network says has the same pattern and another strength: "
            + (
                "batch-norm statistics were not loaded, or belong to other weights."
                if likely
                else "batch-norm statistics were not loaded, or an activation is another."
                if known
                else "the input is scaled otherwise, or batch-norm statistics were not loaded."
            ),
            seen,
            cure="print(segpost.compare_checkpoints(file, model))"
            if known
            else "record the input too: segpost.fingerprint(logits, stages={'input': x})",
            where="logits",
        )
    if own >= 0.9:
        return Finding(
            "inside",
            "hint",
            "What the network says has the same pattern and strength: a small thing within it is "
            "another, such as an activation, dilation rates, the output stride, or batch norm in "
            "training mode.",
            seen,
            cure="compare the configurations, call model.eval(), and record stages to see where",
            where="logits",
        )
    return None


def _related(a: Summary, b: Summary) -> tuple[float, float]:
    """Median correlation of each class with itself, and what a linear map of all explains."""
    x = a.coarse.reshape(a.channels, -1).astype(np.float64)
    y = b.coarse.reshape(b.channels, -1).astype(np.float64)
    x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    power = np.sqrt((x**2).sum(1) * (y**2).sum(1))
    own = np.where(power > 0, (x * y).sum(1) / np.where(power > 0, power, 1), 0)
    total = float((y**2).sum())
    if x.shape[1] < 4 * a.channels or not total:  # anything would be explained
        return float(np.median(own)), float("nan")
    fit = np.linalg.lstsq(x.T, y.T, rcond=None)[0]
    return float(np.median(own)), 1 - float(((y.T - x.T @ fit) ** 2).sum()) / total


def _other(before: Fingerprint, after: Fingerprint) -> Finding | None:
    a, b = before.logits, after.logits
    return Finding(
        "other",
        "certain",
        "The network says something else, and the numbers do not show why.",
        {
            "differs by": apart(a, b),
            "spread": b.spread / (a.spread or 1),
            "labels that agree": float((before.labels == after.labels).mean()),
        },
        cure="record stages: segpost.fingerprint(logits, stages={'input': x, 'features': f})",
        where="logits",
    )


SHOWN = (_permuted, _activated, _scaled, _mirrored)
