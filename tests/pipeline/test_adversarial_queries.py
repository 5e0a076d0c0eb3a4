"""Thousands of small query heads whose values meet, saturate or lie at a threshold."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import pytest
import query_heads
from query_heads import Head

import segpost
from segpost.typing import BackendName

Task = Literal["semantic", "panoptic", "instance"]
COUNT = 10_000
ROUNDING = 1e-12  # relative, of two float64 sums
DIALECTS = ("mask2former", "maskformer", "oneformer", "eomt", "detectron2")


def mask_values(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Mask logits of one of seven kinds."""
    kind = rng.integers(7)
    noise = rng.normal(size=shape).astype(np.float32)
    if kind == 0:
        return 3 * noise
    if kind == 1:  # levels that are equal in many places, the threshold among them
        return np.round(2 * noise)
    if kind == 2:
        return np.where(noise > 0, 100, -100).astype(np.float32)
    if kind == 3:  # the same mask but for the last bits
        same = np.repeat(noise[:1], len(noise), axis=0)
        steps = rng.integers(-1, 2, shape, np.int32)
        return np.asarray((same.view(np.int32) + steps).view(np.float32))
    if kind == 4:
        return noise * np.float32(10.0 ** rng.integers(-30, 30))
    if kind == 5:  # one pixel of each
        masks = np.full(shape, -20, np.float32)
        masks.reshape(len(masks), -1)[:, rng.integers(masks[0].size)] = 20
        return masks
    return np.repeat(np.repeat(np.sign(noise[:, :1, :1]), shape[1], axis=1), shape[2], axis=2)


def draw(seed: int) -> tuple[Head, Task, dict[str, Any]]:
    """A head, a task and the arguments of `segment_queries`."""
    rng = np.random.default_rng(seed)
    queries, classes = int(rng.integers(1, 9)), int(rng.integers(1, 5))
    height, width = (int(side) for side in rng.integers(1, 9, 2))
    class_logits = rng.normal(size=(queries, classes + 1)).astype(np.float32)
    if seed % 3 == 0:  # equal scores
        class_logits = np.round(class_logits) - 5
    masks = mask_values(rng, (queries, height, width))
    if masks.min() >= 0 and masks.max() <= 1:  # they would be taken for probabilities
        masks -= 2
    size = None
    if seed % 4:
        size = tuple(int(side) for side in rng.integers(1, 24, 2))
    task: Task = get_args(Task)[seed % 3]
    options: dict[str, Any] = {"dialect": DIALECTS[int(rng.integers(5))], "size": size}
    if task != "semantic":
        options |= {
            "threshold": float(rng.choice([0.0, 0.2, 0.5])),
            "mask_threshold": float(rng.choice([0.3, 0.5])),
            "overlap_threshold": float(rng.choice([0.0, 0.5, 0.8])),
        }
    return Head(class_logits, masks), task, options


def class_scores_differ(head: Head, options: dict[str, Any], one: Any, other: Any) -> bool:
    """Return whether two semantic maps differ where the scores do not tie."""
    size = options["size"] or one.shape
    scores = query_heads.class_scores(head, options["dialect"], size)
    y, x = np.nonzero(one != other)
    ours, theirs = scores[one[y, x], y, x], scores[other[y, x], y, x]
    return bool((np.abs(ours - theirs) > ROUNDING * np.maximum(ours, theirs)).any())


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", ["native", "numba"])
@pytest.mark.filterwarnings("ignore::segpost.InputWarning")
def test_small_heads_are_as_the_reference_has_them(name: BackendName) -> None:
    wrong, compared = [], 0
    for seed in range(COUNT):
        head, task, options = draw(seed)
        with segpost.use_backend(name):
            seg: Any = segpost.segment_queries(*head, task=task, **options)
        with segpost.use_backend("reference"):
            expected: Any = segpost.segment_queries(*head, task=task, **options)
        compared += seg.labels.size
        if task == "semantic":
            if (seg.labels != expected.labels).any() and class_scores_differ(
                head, options, seg.labels, expected.labels
            ):
                wrong.append(seed)
            continue
        ours, theirs = (
            [(one.label, one.area, one.box) for one in result.segments]
            for result in (seg, expected)
        )
        scores = [one.score for one in seg.segments], [one.score for one in expected.segments]
        same_scores = len(scores[0]) == len(scores[1]) and np.allclose(*scores, rtol=1e-6, atol=0)
        if ours != theirs or not same_scores or (seg.labels != expected.labels).any():
            wrong.append(seed)
    assert compared > COUNT
    assert not wrong, f"{len(wrong)} of {COUNT}: {wrong[:20]}"
