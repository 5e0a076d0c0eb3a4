"""Changes of the preprocessing: of what was recorded about it, and of the input itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from segpost.fingerprints.record import FingerprintRecord
from segpost.fingerprints.similarity import (
    distance,
    find_flip,
    fit_channels,
    is_identical,
    is_similar,
    logical_shape,
    round_numbers,
    tolerance,
)
from segpost.fingerprints.summary import Summary
from segpost.render.findings import Finding

INPUT = "input"  # the stage that the network was fed
RECORDED = ("preprocessing", "grid", "palette", "class_names")


def find_record_changes(before: FingerprintRecord, after: FingerprintRecord) -> Iterator[Finding]:
    """Yield a finding for each recorded setting that differs."""
    for name in RECORDED:
        was, now = getattr(before, name), getattr(after, name)
        if was is None or now is None or was == now:
            continue
        evidence: dict[str, Any]
        if isinstance(was, dict) and isinstance(now, dict):
            keys = sorted(key for key in {*was, *now} if was.get(key) != now.get(key))
            evidence = {key: f"{was.get(key)} -> {now.get(key)}" for key in keys}
        elif name in ("grid", "preprocessing"):
            evidence = {name: f"{was} -> {now}"}
        else:
            pairs = itertools.zip_longest(was, now)
            first = next(i for i, (x, y) in enumerate(pairs) if x != y)
            values = [x[first] if first < len(x) else "nothing" for x in (was, now)]
            evidence = {"first class": first, "of it": f"{values[0]} -> {values[1]}"}
        word = name.replace("_", " ")
        yield Finding(
            f"{name.replace('_', '-')}-declared",
            "certain",
            f"The {word} that was recorded is not the one from before.",
            evidence,
            cure=f"use the {word} of the training, which the first fingerprint holds",
            where=word,
        )


def find_input_changes(before: FingerprintRecord, after: FingerprintRecord) -> Iterator[Finding]:
    """Yield what changed in the input, where both fingerprints have recorded it."""
    a, b = before.stages.get(INPUT), after.stages.get(INPUT)
    if a is None or b is None or is_identical(a, b) or is_similar(a, b):
        return
    if logical_shape(a) != logical_shape(b):
        yield Finding(
            "input-size",
            "certain",
            "The network is fed another size than before.",
            {"before": list(logical_shape(a)), "after": list(logical_shape(b))},
            cure="x = Letterbox.fit(image.shape[:2], input_size).apply(image, ...)",
            where=INPUT,
        )
        return
    order, scale, offset = fit_channels(a, b)
    if order is None:
        yield _describe_other_input(a, b)
        return
    is_reordered = order != tuple(range(a.channels))
    if is_reordered:
        yield Finding(
            "channel-order",
            "certain",
            "The channels of the input are in another order than before.",
            {"order": list(order)},
            cure=f"x = np.take(x, {np.argsort(order).tolist()}, {b.axis})  # as in the training",
            where=INPUT,
        )
    noise = 2 * b.total_std * tolerance(a, b)
    if is_reordered:  # the mean and std of other channels change a little
        noise += 0.5 * b.total_std
    if np.abs(scale - 1).max() * a.total_std + np.abs(offset).max() > noise:
        yield Finding(
            "normalization",
            "certain",
            "The input is scaled or shifted against the one before.",
            {
                "now": "scale * before + offset",
                "scale": round_numbers(scale),
                "offset": round_numbers(offset),
            },
            cure="x = (image / 255 - mean) / std  # with the mean and std of the training",
            where=INPUT,
        )


def _describe_other_input(a: Summary, b: Summary) -> Finding:
    """Return the finding that the input is flipped or rotated, or another one."""
    flip = find_flip(a, b)
    return Finding(
        "input-turned" if flip else "input-changed",
        "certain",
        f"The input is {flip} against the one before."
        if flip
        else "The input is another, by more than its normalization and the order of channels.",
        {"differs by": distance(a, b)},
        cure="feed the same picture, prepared in the same way",
        where=INPUT,
    )
