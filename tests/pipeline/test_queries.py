"""Query heads: labels and segments are those of their definition, in full-size float64 arrays."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest
import query_heads
from query_heads import random_head, structured_head

import segpost

SIZE = (45, 83)
HEADS = [structured_head(0, 12), structured_head(1, 12, shape=(17, 23)), random_head(2, 12)]
DIALECTS = ("mask2former", "maskformer", "oneformer", "eomt", "detectron2")
CASES = [  # the score grid of "mask2former" is large for a definition in full size
    pytest.param(dialect, head, id=f"{dialect}-{name}")
    for dialect in DIALECTS
    for name, head in zip(("structured", "small", "random"), HEADS, strict=True)
    if dialect != "mask2former" or name == "structured"
]
TIE = 1e-5


def segment(head: query_heads.Head, **options: Any) -> Any:
    return segpost.segment_queries(head.classes, head.masks, **options)


@pytest.mark.parametrize(("dialect", "head"), CASES)
def test_semantic_labels_are_the_argmax_of_the_weighted_masks(
    head: query_heads.Head, dialect: Any
) -> None:
    labels = segment(head, dialect=dialect, size=SIZE).labels
    scores = query_heads.class_scores(head, dialect, SIZE)
    differs = labels != scores.argmax(axis=0)
    best = np.sort(scores, axis=0)
    assert (best[-1] - best[-2])[differs].max(initial=0) < TIE * best[-1].max()
    assert differs.mean() < 1e-2
    assert len(np.unique(labels)) > 2


@pytest.mark.parametrize("things", [None, frozenset({0, 1})], ids=["things", "stuff"])
@pytest.mark.parametrize(("dialect", "head"), CASES)
def test_panoptic_segments_are_those_of_the_definition(
    head: query_heads.Head, dialect: Any, things: frozenset[int] | None
) -> None:
    overlap = 0.8 if head is not HEADS[2] else 0.02  # of noise, no query keeps much
    seg = segment(
        head,
        task="panoptic",
        dialect=dialect,
        size=SIZE,
        thing_classes=things,
        overlap_threshold=overlap,
    )
    expected = query_heads.panoptic(head, dialect, SIZE, things, overlap=overlap)
    assert [one.label for one in seg.segments] == [label for label, _ in expected.segments]
    np.testing.assert_allclose(
        [one.score for one in seg.segments], [score for _, score in expected.segments], rtol=1e-12
    )
    differs = seg.labels != expected.id_map
    assert expected.margin[differs].max(initial=0) < TIE
    assert differs.mean() < 1e-2
    assert len(seg.segments) > 1


@pytest.mark.parametrize(
    ("dialect", "head"),
    [case for case in CASES if "oneformer" not in str(case.id) and "random" not in str(case.id)],
)
def test_instances_are_those_of_the_definition(head: query_heads.Head, dialect: Any) -> None:
    """The best instance lies on top, or with one instance a query the last one."""
    seg = segment(head, task="instance", dialect=dialect, size=SIZE)
    expected = query_heads.instances(head, dialect, SIZE)
    assert [one.label for one in seg.segments] == [label for label, _, _ in expected]
    scores = [score for _, score, _ in expected]
    np.testing.assert_allclose([one.score for one in seg.segments], scores, rtol=1e-6)
    id_map = np.zeros(SIZE, int)
    numbered = list(enumerate(expected, start=1))
    for number, (_, _, mask) in numbered if dialect == "eomt" else numbered[::-1]:
        id_map[mask] = number
    np.testing.assert_array_equal(seg.labels, id_map)
    assert len(expected) > 2


def test_instances_of_oneformer_are_the_argmax_of_score_times_logit() -> None:
    head = structured_head(0)
    seg = segment(head, task="instance", dialect="oneformer", size=SIZE)
    probabilities = query_heads.softmax(head.classes)[:, :-1]
    order = np.argsort(-probabilities.ravel(), kind="stable")
    kept = [i for i in order[: len(probabilities)] if probabilities.ravel()[i] > 0.5]
    scores = probabilities.ravel()[kept]
    queries = [int(i) // probabilities.shape[1] for i in kept]
    weighted = query_heads.resize(head.masks[queries], SIZE) * scores[:, None, None]
    first = weighted.argmax(axis=0)
    won = np.bincount(first.ravel(), minlength=len(kept))
    with np.errstate(divide="ignore", invalid="ignore"):
        valid = np.flatnonzero((won > 0) & (won / (weighted >= 0.5).sum(axis=(1, 2)) > 0.8))
    assert len(seg.segments) == len(valid) > 0
    for number, k in enumerate(valid, start=1):
        np.testing.assert_array_equal(seg.labels == number, first == k)


@pytest.mark.parametrize(
    ("dialect", "form"),
    [("mask2former", "dict"), ("maskformer", "object"), ("oneformer", "pair"), ("eomt", "dict")],
)
def test_postprocess_takes_the_output_of_a_model(dialect: Any, form: str) -> None:
    head = structured_head(0)
    output: Any = {"class_queries_logits": head.classes, "masks_queries_logits": head.masks}
    if form == "object":
        output = types.SimpleNamespace(**output, loss=None)
    elif form == "pair":
        output = tuple(head)
    image = np.full((*SIZE, 3), 200, np.uint8)
    seg = segpost.postprocess(
        output,
        convention=dialect,
        image=image,
        palette=segpost.Palette.distinct(5),
        want=("labels", "color", "overlay"),
    )
    expected = segment(head, dialect=dialect, size=SIZE).labels
    np.testing.assert_array_equal(seg.labels, expected)
    color = segpost.colorize(expected, segpost.Palette.distinct(5))
    np.testing.assert_array_equal(seg.color, color)
    assert seg.segments is None


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ({"logits": 1}, "is a dict with 'logits', and .* looks for 'class_queries_logits' and"),
        (np.zeros((3, 4, 5), np.float32), "is a ndarray, and convention 'mask2former' looks for"),
    ],
)
def test_an_output_without_queries(output: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        segpost.postprocess(output, convention="mask2former")


def test_a_score_refuses_queries() -> None:
    output = {"class_queries_logits": 1, "masks_queries_logits": 2}
    with pytest.raises(ValueError, match="class logits and mask logits of queries"):
        segpost.confusion_matrix(
            output, np.zeros((2, 2), np.uint8), num_classes=2, convention="mask2former"
        )


@pytest.mark.parametrize("option", [{"threshold": 0.5}, {"want": ("labels", "confidence")}])
def test_postprocess_refuses_what_scores_do_not_have(option: Any) -> None:
    with pytest.raises(ValueError, match="have scores, sums over masks"):
        segpost.postprocess(tuple(structured_head(0)), convention="mask2former", **option)


def test_areas_and_boxes_are_those_of_the_map() -> None:
    seg = segment(structured_head(0), task="instance", size=SIZE)
    for one in seg.segments:
        y, x = np.nonzero(seg.labels == one.id)
        assert one.area == len(y)
        if one.area:
            box = x.min(), y.min(), x.max() - x.min() + 1, y.max() - y.min() + 1
            assert one.box == box
        else:
            assert one.box == (0, 0, 0, 0)
    assert sum(one.area for one in seg.segments) == np.count_nonzero(seg.labels)


@pytest.mark.parametrize("task", ["semantic", "panoptic", "instance"])
def test_a_batch_is_its_images(task: Any) -> None:
    heads = [structured_head(seed, 12) for seed in (3, 4)]
    batch = segpost.segment_queries(
        np.stack([head.classes for head in heads]),
        np.stack([head.masks for head in heads]),
        task=task,
        dialect="maskformer",
        size=SIZE,
    )
    assert len(batch) == 2
    for i, head in enumerate(heads):
        one = batch[i]
        alone = segment(head, task=task, dialect="maskformer", size=SIZE)
        np.testing.assert_array_equal(one.labels, alone.labels)
        assert one.segments == alone.segments


@pytest.mark.parametrize("backend_name", ["native", "numba", "reference"])
def test_backends_agree(backend_name: Any) -> None:
    head = structured_head(5)
    options: Any = {"task": "panoptic", "dialect": "maskformer", "size": SIZE}
    expected = segment(head, **options)
    with segpost.use_backend(backend_name):
        seg = segment(head, **options)
    np.testing.assert_array_equal(seg.labels, expected.labels)
    assert seg.segments == expected.segments


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_any_float_type(dtype: Any) -> None:
    head = structured_head(0)
    rounded = query_heads.Head(*(array.astype(np.float16) for array in head))
    expected = segment(query_heads.Head(*(a.astype(np.float32) for a in rounded)), task="panoptic")
    seg = segment(query_heads.Head(*(a.astype(dtype) for a in rounded)), task="panoptic")
    np.testing.assert_array_equal(seg.labels, expected.labels)


def test_no_object_at_all_is_an_empty_map() -> None:
    head = structured_head(0)
    for task in ("panoptic", "instance"):
        seg = segment(head, task=task, threshold=1.0, size=SIZE)
        assert not seg.labels.any()
        assert seg.segments == ()


def test_a_letterbox_shows_the_image_alone() -> None:
    """Away from the padding, labels are those of the whole input."""
    head = structured_head(0, shape=(24, 24))
    box = segpost.Letterbox.fit((48, 96), (96, 96), align="top_left")
    for task in ("semantic", "panoptic", "instance"):
        whole = segment(head, task=task, dialect="maskformer", size=(96, 96))
        inside = segment(head, task=task, dialect="maskformer", letterbox=box)
        assert inside.labels.shape == (48, 96)
        maps = [seg.labels[:46] for seg in (whole, inside)]
        if task == "instance":  # instances below the image have no ids
            maps = [
                np.array([0.0, *(one.score for one in seg.segments)])[labels]
                for seg, labels in zip((whole, inside), maps, strict=True)
            ]
        assert (maps[0] == maps[1]).all() or task == "panoptic"  # where areas decide on segments


HEAD = structured_head(0)
MANY = {"class_logits": HEAD.classes, "mask_logits": HEAD.masks}
BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"mask_logits": HEAD.masks[:5]}, ValueError, "have 24 and 5 queries"),
    ({"class_logits": HEAD.masks, "mask_logits": HEAD.classes}, ValueError, "are exchanged"),
    ({"class_logits": HEAD.classes[None]}, ValueError, "are not .Q, C . 1. and .Q, h, w."),
    ({"class_logits": HEAD.classes[:, :1]}, ValueError, "1 columns are no classes"),
    ({"mask_logits": HEAD.masks[:, :0]}, ValueError, "are empty"),
    (
        {"mask_logits": np.where(HEAD.masks > 5, np.nan, HEAD.masks)},
        ValueError,
        r"mask_logits have \d+ of 17280 values that are NaN or infinite, first nan at",
    ),
    (
        {"class_logits": np.where(HEAD.classes > 5, np.inf, HEAD.classes)},
        ValueError,
        "class_logits have .* NaN or infinite, first inf",
    ),
    (
        {"class_logits": query_heads.softmax(HEAD.classes)},
        ValueError,
        "class_logits .* are probabilities already",
    ),
    (
        {"mask_logits": query_heads.sigmoid(HEAD.masks)},
        ValueError,
        "mask_logits .* are probabilities already",
    ),
    ({"mask_logits": HEAD.masks.astype(np.int8)}, TypeError, "must be floats, got int8"),
    ({"threshold": 50}, ValueError, "threshold must be in 0..1, got 50"),
    ({"mask_threshold": -0.1}, ValueError, "mask_threshold must be in 0..1"),
    ({"overlap_threshold": 1.5}, ValueError, "overlap_threshold must be in 0..1"),
    ({"thing_classes": [0, 5]}, ValueError, "1 of 2 outside 0..4, first 5; .* is .no object"),
    ({"thing_classes": "ab"}, TypeError, "must be class ids"),
    ({"task": "semantic", "thing_classes": [0]}, ValueError, "thing_classes is for the tasks"),
    ({"task": "things"}, ValueError, "task must be one of"),
    ({"dialect": "mask3former"}, ValueError, "dialect must be one of"),
    ({"input_size": (80, 144)}, ValueError, "input_size is for the dialects"),
    ({"want": ("confidence",), "task": "semantic"}, ValueError, "have scores"),
    ({"want": ("color",)}, ValueError, "has labels, segments and regions"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD)
def test_bad_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        segpost.segment_queries(**{**MANY, "task": "panoptic", **arguments})


def test_a_dropped_column() -> None:
    """Class logits of as many columns as there are names have no column of "no object"."""
    random = np.random.default_rng(4)
    classes = random.normal(size=(6, 20)).astype(np.float32)
    masks = random.normal(size=(6, 8, 9)).astype(np.float32)
    tasks: Any = ("semantic", "panoptic", "instance")
    for task in tasks:
        with pytest.warns(segpost.InputWarning, match='last column, "no object"') as caught:
            segpost.segment_queries(classes[:, :19], masks, task=task, palette="cityscapes")
        assert [warning.filename for warning in caught] == [__file__]
        segpost.segment_queries(classes, masks, task=task, palette="cityscapes")
