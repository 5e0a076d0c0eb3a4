"""Kernels of query heads: what they decide is the float64 definition, which is the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import query_heads
from query_heads import Head, random_head, structured_head

import segpost

ON_CUDA = True
DIALECTS = ("mask2former", "maskformer", "oneformer", "eomt", "detectron2")
ROUNDING = 1e-12  # relative, of two float64 sums


def saturated(level: float) -> Head:
    """Masks that are nothing but a large logit, or minus it."""
    head = random_head(3, 12, 4, (13, 21))
    return head._replace(masks=np.where(head.masks > 0, level, -level).astype(np.float32))


def at_the_threshold() -> Head:
    """Masks whose values are 0 in places, where the sigmoid is a half."""
    head = random_head(11, 10, 4, (13, 17))
    return head._replace(masks=np.sign(np.trunc(head.masks / 3)).astype(np.float32))


def tied() -> Head:
    """Equal queries, and classes that are equal in every query."""
    head = random_head(4, 8, 4, (15, 19))
    classes = head.classes.copy()
    classes[:, 2] = classes[:, 1]
    masks = head.masks.copy()
    masks[5], classes[5] = masks[1], classes[1]
    return Head(classes, masks)


def nearly_tied() -> Head:
    """Masks that differ by the last bits of float32."""
    head = tied()
    masks = np.repeat(head.masks[:1], len(head.masks), axis=0)
    steps = np.random.default_rng(0).integers(-2, 3, masks.shape)
    masks = (masks.view(np.int32) + steps.astype(np.int32)).view(np.float32)
    classes = np.repeat(head.classes[:1], len(head.classes), axis=0)
    return Head(classes + np.array([0, 1e-6, 0, 0, -3], np.float32), masks)


HEADS = {
    "structured": structured_head(1, 24, 5, (24, 40)),
    "random": random_head(2, 40, 19, (21, 37)),
    "saturated": saturated(100.0),
    "binary": saturated(1.0),
    "at the threshold": at_the_threshold(),
    "tied": tied(),
    "nearly": nearly_tied(),
    "empty": Head(random_head(1, 6).classes, np.full((6, 9, 11), -100, np.float32)),
    "faint": Head(random_head(1, 6).classes, np.full((6, 9, 11), -9, np.float32)),
    "one query": Head(*(array[:1] for array in random_head(5, 3, 3, (9, 14)))),
    "one class": Head(random_head(6).classes[:, [0, 5]], random_head(6).masks),
    "no object": Head(np.array([[0, 0, 20]] * 4, np.float32), random_head(7, 4, 2, (8, 8)).masks),
    "line": random_head(8, 7, 3, (1, 23)),
    "column": random_head(9, 7, 3, (17, 1)),
    "coarse": random_head(10, 7, 3, (3, 2)),
}


def segment(head: Head, dialect: Any, task: Any, size: Any, **options: Any) -> Any:
    return segpost.segment_queries(*head, task=task, dialect=dialect, size=size, **options)


def define(head: Head, dialect: Any, task: Any, size: Any, **options: Any) -> Any:
    with segpost.use_backend("reference"):
        return segment(head, dialect, task, size, **options)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("dialect", ["maskformer", "eomt"])
@pytest.mark.filterwarnings("ignore::segpost.InputWarning")
def test_semantic_labels_are_those_of_the_reference(
    fast_backend: str, dialect: str, name: str
) -> None:
    head, size = HEADS[name], (53, 67)
    labels = segment(head, dialect, "semantic", size).labels
    expected = define(head, dialect, "semantic", size).labels
    differs = labels != expected
    if differs.any():
        scores = query_heads.class_scores(head, dialect, size)
        y, x = np.nonzero(differs)
        ours, theirs = scores[labels[y, x], y, x], scores[expected[y, x], y, x]
        np.testing.assert_allclose(ours, theirs, rtol=ROUNDING)
        assert name in ("nearly", "saturated", "binary")
        assert differs.mean() < 1e-2


@pytest.mark.parametrize("task", ["panoptic", "instance"])
@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("dialect", ["maskformer", "oneformer", "eomt", "detectron2"])
@pytest.mark.filterwarnings("ignore::segpost.InputWarning")
def test_segments_are_those_of_the_reference(
    fast_backend: str, dialect: str, name: str, task: str
) -> None:
    head = HEADS[name]
    options: dict[str, Any] = {"threshold": 0.3, "overlap_threshold": 0.01, "mask_threshold": 0.4}
    if name == "at the threshold":
        options["mask_threshold"] = 0.5
    for size in ((53, 67), tuple(4 * side for side in head.masks.shape[1:]), (7, 5)):
        seg = segment(head, dialect, task, size, **options)
        expected = define(head, dialect, task, size, **options)
        np.testing.assert_array_equal(seg.labels, expected.labels)
        assert [one._replace(score=0) for one in seg.segments] == [
            one._replace(score=0) for one in expected.segments
        ]
        np.testing.assert_allclose(
            [one.score for one in seg.segments],
            [one.score for one in expected.segments],
            rtol=1e-6,
        )


@pytest.mark.parametrize("kind", ["float16", "float64", "strided", "channels last"])
def test_any_type_and_layout(fast_backend: str, kind: str) -> None:
    head = structured_head(3, 20, 5, (24, 40))
    masks: Any = head.masks.astype(np.float16)
    if kind == "float64":
        masks = head.masks.astype(np.float64) * (1 + 1e-9)
    elif kind == "strided":
        masks = np.repeat(head.masks, 2, axis=2)[:, :, ::2]
    elif kind == "channels last":
        masks = np.ascontiguousarray(head.masks.transpose(1, 2, 0)).transpose(2, 0, 1)
    for task in ("semantic", "panoptic", "instance"):
        one = Head(head.classes, masks)
        seg = segment(one, "maskformer", task, (70, 90))
        expected = define(one, "maskformer", task, (70, 90))
        np.testing.assert_array_equal(seg.labels, expected.labels)


def test_threads_count_all_bands() -> None:
    cpu = pytest.importorskip("segpost._cpu")
    head, before, results = structured_head(3, 20, 5, (40, 64)), cpu.num_threads(), []
    try:
        for threads in (1, 3):
            segpost.set_num_threads(threads)
            results.append(
                [segment(head, "maskformer", task, (200, 300)) for task in ("panoptic", "instance")]
            )
    finally:
        segpost.set_num_threads(before)
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
        assert one.segments == other.segments


def test_values_that_are_not_finite_are_counted(backend: str) -> None:
    head = structured_head(0, 6, 3, (13, 21))
    masks = np.stack([head.masks, head.masks])
    masks[1, 2, 3, 4], masks[1, 5, 12, 20] = np.nan, -np.inf
    both = Head(np.stack([head.classes] * 2), masks)
    with pytest.raises(ValueError, match=r"have 2 of 3276 values .* first nan at \[1, 2, 3, 4\]"):
        segment(both, "maskformer", "semantic", None)


def test_an_instance_between_the_pixels_is_none(backend: str) -> None:
    """The map is resized by nearest neighbors, which may leave out a small mask."""
    masks = np.full((2, 12, 12), -9, np.float32)
    masks[0, 1, 1], masks[1, 6:, 6:] = 9, 9
    head = Head(np.array([[9, 0, 0], [0, 9, 0]], np.float32), masks)
    seg = segment(head, "maskformer", "instance", (4, 4))
    assert [one.label for one in seg.segments] == [1]
    assert seg.segments[0].area == 4
    whole = segment(head, "maskformer", "instance", None)
    assert sorted(one.area for one in whole.segments) == [1, 36]
