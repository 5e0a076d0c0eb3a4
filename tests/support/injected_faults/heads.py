"""Faults of outputs that were read as another type, summed over another axis, or thresholded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from diagnosis_scenes import Failure, logits_of, regions, softmax


def blur(values: np.ndarray) -> np.ndarray:
    """Return (C, H, W) values without sharp edges, as enlarged logits are."""
    for _ in range(24):
        for axis in (-2, -1):
            values = (np.roll(values, 1, axis) + values + np.roll(values, -1, axis)) / 3
    return np.asarray(values, np.float32)


def iter_head_faults() -> Iterator[Failure]:
    """Yield faults of outputs of another type, softmax axis or threshold."""
    target = regions()
    full = blur(logits_of(target, stride=1))
    raw = np.clip(np.rint(full * 20) + 128, 0, 255).astype(np.uint8)
    mask = (target > 3).astype(np.uint8)
    one = blur((logits_of(mask, 2, 1)[1] - logits_of(mask, 2, 1)[0])[None])

    yield Failure(
        "softmax-wrong-axis",
        "softmax over the columns",
        lambda: {"logits": softmax(full.transpose(2, 0, 1)).transpose(1, 2, 0)},
    )
    yield Failure("wrapped-logits", "uint8 read as int8", lambda: {"logits": raw.view(np.int8)})
    yield Failure(
        "symmetric-logits",
        "a flipped pass that was not flipped back",
        lambda: {"logits": (full + full[..., ::-1]) / 2},
    )
    yield Failure(
        "sigmoid-twice",
        "probabilities and a threshold",
        lambda: {"logits": 1 / (1 + np.exp(-one)), "threshold": 0.5, "target": mask},
    )
    yield Failure(
        "threshold-on-logits",
        "logits above 0.5",
        lambda: {"logits": one, "labels": (one[0] > 0.5).astype(np.uint8)},
    )
    yield Failure(
        "threshold-before-argmax",
        "probabilities above 0.5, then argmax",
        lambda: {"logits": full / 4, "labels": (softmax(full / 4) > 0.5).argmax(0)},
    )
