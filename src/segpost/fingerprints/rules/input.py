"""What became of the preprocessing: what was declared, and what the network was fed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from segpost.fingerprints.relations import affine, alike, apart, short, sizes, turned
from segpost.render.findings import Finding

if TYPE_CHECKING:
    from segpost.fingerprints.api import Fingerprint

INPUT = "input"
DECLARED = ("preprocessing", "grid", "palette", "class_names")


def declarations(before: Fingerprint, after: Fingerprint) -> Iterator[Finding]:
    """Compare what both fingerprints declare."""
    for name in DECLARED:
        was, now = getattr(before, name), getattr(after, name)
        if was is None or now is None or was == now:
            continue
        seen: dict[str, Any]
        if isinstance(was, dict) and isinstance(now, dict):
            keys = sorted(key for key in {*was, *now} if was.get(key) != now.get(key))
            seen = {key: f"{was.get(key)} -> {now.get(key)}" for key in keys}
        elif name in ("grid", "preprocessing"):
            seen = {name: f"{was} -> {now}"}
        else:
            pairs = itertools.zip_longest(was, now)
            first = next(i for i, (x, y) in enumerate(pairs) if x != y)
            one = [x[first] if first < len(x) else "nothing" for x in (was, now)]
            seen = {"first class": first, "of it": f"{one[0]} -> {one[1]}"}
        word = name.replace("_", " ")
        yield Finding(
            f"{name.replace('_', '-')}-declared",
            "certain",
            f"The {word} that was recorded is not the one from before.",
            seen,
            cure=f"use the {word} of the training, which the first fingerprint holds",
            where=word,
        )


def changes_of_input(before: Fingerprint, after: Fingerprint) -> Iterator[Finding]:
    """What became of the preprocessing, where both have recorded it."""
    a, b = before.stages.get(INPUT), after.stages.get(INPUT)
    if a is None or b is None or (a.digest == b.digest and sizes(a) == sizes(b)) or alike(a, b):
        return
    if a.channels != b.channels or sizes(a) != sizes(b):
        yield Finding(
            "input-size",
            "certain",
            "The network is fed another size than before.",
            {"before": list(sizes(a)), "after": list(sizes(b))},
            cure="x = Letterbox.fit(image.shape[:2], input_size).apply(image, ...)",
            where=INPUT,
        )
        return
    order, scale, offset = affine(a, b)
    if order is None:
        turn = turned(a, b)
        yield Finding(
            "input-turned" if turn else "input-changed",
            "certain",
            f"The input is {turn} against the one before."
            if turn
            else "The input is another, by more than its normalization and the order of channels.",
            {"differs by": apart(a, b)},
            cure="feed the same picture, prepared in the same way",
            where=INPUT,
        )
        return
    if order != tuple(range(a.channels)):
        yield Finding(
            "channel-order",
            "certain",
            "The channels of the input are in another order than before.",
            {"order": list(order)},
            cure=f"x = np.take(x, {np.argsort(order).tolist()}, {b.axis})  # as in the training",
            where=INPUT,
        )
    noise = 2 * b.total * max(a.grain, b.grain)
    if order != tuple(range(a.channels)):  # the mean and std of other channels change a little
        noise += 0.5 * b.total
    if np.abs(scale - 1).max() * a.total + np.abs(offset).max() > noise:
        yield Finding(
            "normalization",
            "certain",
            "The input is scaled or shifted against the one before.",
            {"now": "scale * before + offset", "scale": short(scale), "offset": short(offset)},
            cure="x = (image / 255 - mean) / std  # with the mean and std of the training",
            where=INPUT,
        )
