"""Changes of the logits: the kinds that they prove, and those that are likely."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from segpost.fingerprints.record import FingerprintRecord
from segpost.fingerprints.rules.input import INPUT
from segpost.fingerprints.similarity import (
    MIN_DEVIATION,
    distance,
    find_flip,
    logical_shape,
    may_be_precision,
    tolerance,
)
from segpost.fingerprints.summary import Summary
from segpost.render.findings import Finding

MIN_POSITIONS = 9  # fewer have no pattern
MIN_SAME_PATTERN = 0.9  # correlation of each class with itself, of blocks
MAX_SMOOTHING = 1.6  # by which interpolation changes the standard deviation


def find_proven_changes(before: FingerprintRecord, after: FingerprintRecord) -> Iterator[Finding]:
    """Yield the change of the logits that their numbers prove, at most one."""
    a, b = before.logits, after.logits
    if a.channels != b.channels and (axis := _other_class_axis(a, b)) is not None:
        yield Finding(
            "class-axis",
            "certain",
            f"The logits have the shape of before if their classes are on axis {axis}: they are "
            "read along another axis.",
            {"before": list(a.shape), "after": list(b.shape), "axis": b.axis},
            cure=f"segpost.fingerprint(logits, axis={axis})",
            where="logits",
        )
    elif a.channels != b.channels:
        yield Finding(
            "class-count",
            "certain",
            f"The network has {b.channels} classes and had {a.channels}.",
            {"before": a.channels, "after": b.channels},
            cure=f"model = build_model(num_classes={a.channels})  # build_model is your own",
            where="logits",
        )
    elif logical_shape(a) != logical_shape(b):
        yield Finding(
            "logit-size",
            "certain",
            "The logits have another size: another input size or output stride, or they were "
            "enlarged on one side. Feed probe_image at the size of before, with the same output "
            "stride.",
            {"before": list(logical_shape(a)), "after": list(logical_shape(b))},
            where="logits",
        )
    else:
        rules = (
            _find_constant,
            _find_permutation,
            _find_softmax,
            _find_scale,
            _find_flipped,
            _find_enlarging,
        )
        yield from itertools.islice(filter(None, (rule(before, after) for rule in rules)), 1)


def _other_class_axis(before: Summary, after: Summary) -> int | None:
    """Return the axis, -3 or -1, on which `after` has the classes of `before`, or None."""
    shape, axis = after.shape, -4 - after.axis
    if len(shape) < 3 or len(shape) != len(before.shape):
        return None
    sides = [side for i, side in enumerate(shape) if i != len(shape) + axis]
    other = [side for i, side in enumerate(before.shape) if i != len(shape) + before.axis]
    return axis if (shape[axis], sides) == (before.channels, other) else None


def guess_changes(
    before: FingerprintRecord, after: FingerprintRecord, stage_codes: list[str]
) -> Iterator[Finding]:
    """Yield the kind of change that is likely where the logits prove none.

    Nothing is guessed where the codes of the stages' findings already answer.
    """
    rules = []
    if "head" not in stage_codes:
        rules.append(_guess_weights)
    if not stage_codes:
        rules.append(_describe_other)
    yield from itertools.islice(filter(None, (rule(before, after) for rule in rules)), 1)


def _find_constant(before: FingerprintRecord, after: FingerprintRecord) -> Finding | None:
    """Return a finding where the logits are the same at all positions on one side alone."""
    a, b = before.logits, after.logits
    if a.is_constant == b.is_constant:
        return None
    return Finding(
        "constant",
        "certain",
        "Every class has the same logit at all positions: the network does not see its input "
        "(zeros are fed, or the exported graph lacks it). Weights that were not loaded would not "
        "do that."
        if b.is_constant
        else "The logits of before are the same at all positions: that run did not see its input.",
        {"spread": float(b.channel_std), "spread before": float(a.channel_std)},
        cure="print(segpost.fingerprint(logits, stages={'input': x}).stages['input'])",
        where="logits",
    )


def _find_enlarging(before: FingerprintRecord, after: FingerprintRecord) -> Finding | None:
    """Return a finding where the same logits were enlarged in another way."""
    a, b = before.logits, after.logits
    if not (a.enlarging and b.enlarging) or a.enlarging == b.enlarging:
        return None
    own, _ = _correlate(a, b)
    ratio = b.channel_std / (a.channel_std or 1)
    if own < MIN_SAME_PATTERN or not 1 / MAX_SMOOTHING < ratio < MAX_SMOOTHING:
        return None
    return Finding(
        "resampling",
        "likely",
        f"The logits are enlarged in another way: {b.enlarging} instead of {a.enlarging} "
        "interpolation. The network below may be the same.",
        {"before": a.enlarging, "after": b.enlarging, "correlation": own},
        cure="labels = segpost.argmax(small_logits, size=(height, width))  # before any enlarging",
        where="logits",
    )


def _find_permutation(before: FingerprintRecord, after: FingerprintRecord) -> Finding | None:
    """Return a finding where each class has the logits that another class had."""
    a, b = before.logits, after.logits
    x, y = (np.c_[s.coarse.reshape(s.channels, -1), s.mean, s.low, s.high] for s in (a, b))
    if a.coarse.size < MIN_POSITIONS:
        return None
    own, y64 = (x**2).sum(1), y.astype(np.float64)
    order = np.concatenate(  # of each class, the class that it was; 256 classes at a time
        [(own - 2 * y64[i : i + 256] @ x.T).argmin(1) for i in range(0, len(y), 256)]
    )
    if len({*order.tolist()}) < len(order) or np.array_equal(order, np.arange(len(order))):
        return None
    if np.abs(x[order] - y).max() > 4 * a.total_std * tolerance(a, b):
        return None
    moved = np.flatnonzero(order != np.arange(len(order)))
    inverse = np.argsort(order)
    cure = f"logits = np.take(logits, {inverse.tolist()}, {b.axis})" if len(order) <= 32 else ""
    return Finding(
        "classes-permuted",
        "certain",
        f"{len(moved)} of {len(order)} classes have changed places; their logits are the same.",
        {"classes": moved[:16].tolist(), "were": order[moved[:16]].tolist()},
        cure=cure,
        where="logits",
    )


def _find_softmax(before: FingerprintRecord, after: FingerprintRecord) -> Finding | None:
    """Return a finding where one side has probabilities and the other has logits."""
    are_now = _are_probabilities(after.logits)
    if _are_probabilities(before.logits) == are_now:
        return None
    return Finding(
        "probabilities",
        "certain",
        "The network gives probabilities and gave logits."
        if are_now
        else "The network gives logits and gave probabilities.",
        {"sums to": float(after.logits.coarse.sum(0).mean())},
        cure="logits = np.log(probabilities)  # up to a constant at each position"
        if are_now
        else "probabilities = segpost.softmax(logits)",
        where="logits",
    )


def _are_probabilities(x: Summary) -> bool:
    sums = x.coarse.sum(0, dtype=np.float64)
    inside = float(x.low.min()) >= 0 and float(x.high.max()) <= 1 + 1e-3
    return x.channels > 1 and inside and bool(np.abs(sums - 1).max() < 1e-2) and x.channel_std > 0


def _find_scale(before: FingerprintRecord, after: FingerprintRecord) -> Finding | None:
    """Return a finding where all logits are multiplied by one number, or shifted by one."""
    a, b = before.logits, after.logits
    x, y = a.coarse.ravel().astype(np.float64), b.coarse.ravel().astype(np.float64)
    if x.std() <= MIN_DEVIATION * (a.total_std or 1) or len(x) < 8:
        return None
    scale = float(((x - x.mean()) * (y - y.mean())).mean() / x.var())
    offset = float(y.mean() - scale * x.mean())
    noise = 2 * b.total_std * tolerance(a, b)
    if abs(scale - 1) * a.total_std + abs(offset) <= noise:
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


def _find_flipped(before: FingerprintRecord, after: FingerprintRecord) -> Finding | None:
    """Return a finding where the logits are flipped or rotated."""
    flip = find_flip(before.logits, after.logits)
    if not flip or before.logits.channel_std <= MIN_DEVIATION * before.logits.total_std:
        return None
    return Finding(
        "turned",
        "certain",
        f"The logits are {flip} against those before: feed the picture as before, and look at "
        "flips, EXIF, and (height, width).",
        {"differs by": distance(before.logits, after.logits)},
        where="logits",
    )


def _guess_weights(before: FingerprintRecord, after: FingerprintRecord) -> Finding | None:
    """Return the kind of weights that are missing, from the correlation with the logits before."""
    a, b = before.logits, after.logits
    if a.coarse[0].size < MIN_POSITIONS:  # one output of a classifier has no pattern
        return None
    own, explained = _correlate(a, b)
    ratio = b.channel_std / (a.channel_std or 1)
    evidence = {
        "spread": ratio,
        "correlation of each class with itself": own,
        "explained by the logits before": explained,
        "confidence": [before.confidence, after.confidence],
        "labels that agree": float((before.labels == after.labels).mean()),
    }
    is_untrained = not b.is_constant and after.confidence < min(
        3 / a.channels, 0.5 * before.confidence + 0.5 / a.channels
    )
    if own < 0.35 and explained > 0.8:
        return Finding(
            "head-weights",
            "likely",
            "Each class has another meaning, and all are linear in the logits before: the head has "
            "other weights, and the layers before it are the same.",
            evidence,
            cure="load the head's weights too: print(segpost.compare_checkpoints(file, model))",
            where="logits",
        )
    if own < 0.35 and is_untrained and ratio < 0.1:
        return Finding(
            "unloaded",
            "likely",
            "The network is no more confident than one without training, and its logits are not "
            "related to those before: its weights were not loaded.",
            evidence,
            cure="print(segpost.compare_checkpoints(file, model))  # then load_state_dict, strict",
            where="logits",
        )
    if own >= 0.35 and not 1 / 3 < ratio < 3:
        # Both inputs are similar, or this rule would not be applied.
        is_input_known = INPUT in before.stages and INPUT in after.stages
        is_batch_norm = is_input_known and own > 0.6 and explained > 0.75
        return Finding(
            "batch-norm" if is_batch_norm else "strength",
            "likely" if is_batch_norm else "hint",
            "The logits have the same pattern and another strength: "
            + (
                "batch-norm statistics were not loaded, or belong to other weights."
                if is_batch_norm
                else "batch-norm statistics were not loaded, or an activation is another."
                if is_input_known
                else "the input is scaled otherwise, or batch-norm statistics were not loaded."
            ),
            evidence,
            cure="print(segpost.compare_checkpoints(file, model))"
            if is_input_known
            else "record the input too: segpost.fingerprint(logits, stages={'input': x})",
            where="logits",
        )
    if own >= MIN_SAME_PATTERN:
        return _describe_inside(a, b, evidence)
    return None


def _describe_inside(a: Summary, b: Summary, evidence: dict[str, Any]) -> Finding:
    """Return the hint that the logits differ a little, and what cannot be told apart."""
    causes = (
        "an activation, dilation rates, the output stride, the epsilon of batch norm, batch norm "
        "in training mode, or another way of enlarging"
    )
    if may_be_precision(a, b):
        return Finding(
            "precision",
            "hint",
            "The logits differ by no more than bfloat16 or eight bits may change inside of a "
            f"network; a small part that is another may do the same: {causes}.",
            evidence | {"differs by": distance(a, b)},
            cure="fingerprint = segpost.fingerprint(logits, precision='bfloat16')  # or 'int8': "
            "what the network computes in",
            where="logits",
        )
    return Finding(
        "inside",
        "hint",
        "The logits have the same pattern and strength: a small part of the network is another, "
        f"such as {causes}. Compare the configurations, and record stages to see where.",
        evidence,
        cure="model.eval()",
        where="logits",
    )


def _correlate(a: Summary, b: Summary) -> tuple[float, float]:
    """Return the median correlation of each class with itself, and the share that all explain.

    The share is the variance of `b` that a linear map of all classes of `a` explains; NaN where
    there are too few positions to fit one.
    """
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


def _describe_other(before: FingerprintRecord, after: FingerprintRecord) -> Finding | None:
    """Return the finding that the logits changed in no known way."""
    a, b = before.logits, after.logits
    return Finding(
        "other",
        "certain",
        "The logits are others, and the numbers do not show why.",
        {
            "differs by": distance(a, b),
            "spread": b.channel_std / (a.channel_std or 1),
            "labels that agree": float((before.labels == after.labels).mean()),
        },
        cure="record stages: segpost.fingerprint(logits, stages={'input': x, 'features': f})",
        where="logits",
    )
