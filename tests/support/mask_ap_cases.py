"""Random data sets of masks as annotations of COCO, and what pycocotools says of them."""

from __future__ import annotations

import contextlib
import copy
import importlib
import io
from typing import Any, NamedTuple

import numpy as np

from segpost._core import rle

CATEGORIES = [1, 3, 17]


class Case(NamedTuple):
    """The annotations of images by id, and the results; masks are run-length codes."""

    target: dict[int, list[dict[str, Any]]]
    preds: dict[int, list[dict[str, Any]]]


def encode(mask: np.ndarray) -> dict[str, Any]:
    """The compressed code of a mask, as pycocotools has it."""
    return dict(rle.encode_mask(mask))


def random_case(random: np.random.Generator) -> Case:
    """Some images with true masks, crowds among them, and predictions near them and elsewhere."""
    images = random.choice(1000, int(random.integers(1, 5)), replace=False).tolist()
    target, preds = {}, {}
    crowds = random.choice([0.0, 0.2])
    scores = random.choice([3, 1000])  # few of them are equal scores
    for image in images:
        size = tuple(int(side) for side in random.integers(1, 140, 2))
        truth = [_box(random, size) for _ in range(random.integers(0, 6))]
        target[image] = [
            _annotation(random, mask, iscrowd=int(random.random() < crowds)) for mask in truth
        ]
        masks = [_change(random, mask) for mask in truth for _ in range(random.integers(0, 4))]
        masks += [_box(random, size) for _ in range(random.integers(0, 4))]
        preds[image] = [
            {**_annotation(random, mask), "score": float(random.integers(scores) / scores)}
            for mask in masks
        ]
        classes = iter([one["category_id"] for one in target[image]] * 4)
        for one in preds[image]:
            if random.random() < 0.7:
                one["category_id"] = next(classes, one["category_id"])
    return Case(target, preds)


def awkward_cases() -> dict[str, Case]:
    """Cases at the ends of the definition."""
    full, none = np.ones((4, 6), bool), np.zeros((4, 6), bool)
    one = none.copy()
    one[2, 3] = True
    half = full.copy()
    half[:2] = False

    def annotation(mask: np.ndarray, category: int = 1, **more: Any) -> dict[str, Any]:
        row = {"segmentation": encode(mask), "category_id": category, "iscrowd": 0}
        return {**row, "area": float(mask.sum()), **more}

    true, crowd = annotation(full), annotation(full, iscrowd=1)
    return {
        "nothing": Case({5: []}, {5: []}),
        "no predictions": Case({5: [true]}, {5: []}),
        "no targets": Case({5: []}, {5: [annotation(full, score=0.5)]}),
        "crowd only": Case({5: [crowd]}, {5: [annotation(half, score=0.5)]}),
        "crowd taken twice": Case(
            {5: [crowd, annotation(one)]},
            {5: [annotation(half, score=s) for s in (0.5, 0.4)] + [annotation(one, score=0.1)]},
        ),
        "equal scores": Case(
            {5: [true, annotation(half)], 2: [true]},
            {
                5: [annotation(mask, score=0.5) for mask in (half, full, one)],
                2: [annotation(mask, score=0.5) for mask in (one, full)],
            },
        ),
        "equal IoU": Case(
            {5: [annotation(full), annotation(full), annotation(full)]},
            {5: [annotation(full, score=0.9), annotation(half, score=0.8)]},
        ),
        "IoU of a threshold": Case({5: [true]}, {5: [annotation(half, score=0.9)]}),
        "one pixel": Case({5: [annotation(one)]}, {5: [annotation(one, score=0.9)]}),
        "empty masks": Case(
            {5: [annotation(none), true]},
            {5: [annotation(none, score=0.9), annotation(full, score=0.3)]},
        ),
        "area of another size": Case(
            {5: [annotation(full, area=2000.0)]}, {5: [annotation(full, score=0.9)]}
        ),
        "class without predictions": Case(
            {5: [true, annotation(full, 3)]}, {5: [annotation(full, score=0.9)]}
        ),
        "many predictions": Case(
            {5: [true]},
            {5: [annotation(one if k < 101 else full, score=1 - k / 200) for k in range(120)]},
        ),
    }


def evaluate(case: Case) -> Any:
    """COCOeval, after evaluate, accumulate and summarize."""
    coco: Any = importlib.import_module("pycocotools.coco")
    cocoeval: Any = importlib.import_module("pycocotools.cocoeval")
    rows = [{**row, "image_id": k} for k, rows in case.target.items() for row in rows]
    predictions = [{**row, "image_id": k} for k, rows in case.preds.items() for row in rows]
    content = {
        "info": {},
        "images": [
            {"id": k, "height": h, "width": w} for k, (h, w) in _sizes(rows + predictions).items()
        ],
        "categories": [{"id": k} for k in CATEGORIES],
        "annotations": [{**row, "id": 1 + k} for k, row in enumerate(rows)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth, results = coco.COCO(), coco.COCO()
        truth.dataset = content
        truth.createIndex()
        if predictions:
            results = truth.loadRes(copy.deepcopy(predictions))
        else:
            results.dataset = {**content, "annotations": []}
            results.createIndex()
        evaluation = cocoeval.COCOeval(truth, results, "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def _sizes(rows: list[dict[str, Any]]) -> dict[int, Any]:
    return {row["image_id"]: row["segmentation"]["size"] for row in rows}


def _annotation(random: np.random.Generator, mask: np.ndarray, **more: Any) -> dict[str, Any]:
    category = int(random.choice(CATEGORIES, p=[0.6, 0.3, 0.1]))
    row = {"segmentation": encode(mask), "category_id": category, "iscrowd": 0}
    return {**row, "area": float(mask.sum()), **more}


def _box(random: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    """A box, an ellipse, or noise."""
    mask = np.zeros(size, bool)
    (y0, y1), (x0, x1) = (sorted(random.integers(0, side + 1, 2).tolist()) for side in size)
    mask[y0:y1, x0:x1] = True
    if random.random() < 0.2:
        mask &= random.random(size) < 0.7
    return mask


def _change(random: np.random.Generator, mask: np.ndarray) -> np.ndarray:
    """A mask that is shifted, or has noise, or stays as it is."""
    way = random.integers(3)
    if way == 0:
        mask = np.roll(mask, random.integers(-4, 5, 2).tolist(), (0, 1))
    if way == 1:
        mask = mask & (random.random(mask.shape) > random.choice([0.05, 0.4]))
    return mask
