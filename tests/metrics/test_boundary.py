"""BoundaryIoU, TrimapIoU, BoundaryF and the kernels behind them, for every backend."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from conftest import FAST, scene, switch
from label_maps import ignored, label_map
from numpy.testing import assert_array_equal

import segpost
from segpost import BoundaryF, BoundaryIoU, TrimapIoU
from segpost._backends import registry
from segpost.metrics.boundary_f import disk
from segpost.metrics.boundary_measure import BoundaryMeasure

SIZE = (2, 45, 70)


def maps(seed: int = 0, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Two smooth label maps that nearly agree, the target with void."""
    logits = np.stack([scene(classes, *SIZE[1:], seed + k) for k in range(SIZE[0])])
    random = np.random.default_rng(seed)
    target = segpost.argmax(logits)
    preds = np.roll(target, 2, axis=2)
    preds[random.random(preds.shape) < 0.01] = 1
    target[:, 20:26, 30:50] = 255
    return preds, target


@pytest.mark.parametrize("backend_name", FAST)
def test_kernels_are_those_of_the_definition(backend_name: str) -> None:
    """200 pairs of maps of all types and strides: bands and matches are the reference's."""
    random = np.random.default_rng(6)
    for case in range(200):
        classes = int(random.choice([1, 2, 5, 19, 253, 254, 300]))
        n, h, w = (int(random.integers(1, top)) for top in (3, 80, 80))
        shape = (n, h, w)
        if random.random() < 0.2:
            shape = (1, int(random.integers(1, 4)), int(random.integers(60, 300)))
        preds, target = (label_map(random, shape, min(classes + 1, 6), wild=case % 4 == 0)
                         for _ in range(2))  # fmt: skip
        void = ignored(random, classes)
        width = int(random.choice([1, 2, 3, 31, 32, 33, 64, 65, 500]))
        frame = bool(random.integers(2))
        kind = np.uint8 if classes < 254 else np.int32
        offsets = disk(int(random.choice([0, 1, 2, 9, 20])))
        if case % 5 == 0:  # not the pixel itself, or nothing, or beyond the image
            offsets = np.array([[(3, -2)], [], [(90, 1), (-1, 0)]][case % 3], np.int32)
            offsets = offsets.reshape(-1, 2)
        results = []
        for name in ("reference", backend_name):
            for _ in switch(name):
                bands = np.empty(shape, kind)
                matches = np.full((classes, 4), 7, np.int64)
                backend = registry.backend()
                backend.boundary_bands(target, width, frame, classes, void, bands)
                backend.boundary_matches(preds, target, void, offsets, matches)
            results.append((bands, matches))
        where = f"{classes} {shape} {target.dtype} {void} {width} {frame}"
        assert_array_equal(results[0][0], results[1][0], where)
        assert_array_equal(results[0][1], results[1][1], where)


def near_own_edge(mask: np.ndarray, width: int) -> np.ndarray:
    """A mask without its interior: `width` erosions by a 3x3 square, nothing outside the image."""
    inside = np.pad(mask, 1)
    for _ in range(width):
        columns = inside[:, :-2] & inside[:, 1:-1] & inside[:, 2:]
        inside = np.pad(columns[:-2] & columns[1:-1] & columns[2:], 1)
    edge: np.ndarray = mask & ~inside[1:-1, 1:-1]
    return edge


def test_boundary_iou_is_that_of_every_class_alone(backend: str) -> None:
    """One pass over all classes gives what erosions of each class's mask give."""
    preds, target = maps()
    measure = BoundaryIoU(4, ignore_index=255, dilation_ratio=0.03)
    measure.update(preds=preds, target=target)
    width = round(0.03 * math.hypot(*SIZE[1:]))
    for c in range(4):
        both = either = 0
        for p, t in zip(preds, target, strict=True):
            a, b = near_own_edge(p == c, width), near_own_edge(t == c, width)
            both += ((t != 255) & a & b).sum()
            either += ((t != 255) & (a | b)).sum()
        assert measure.compute().boundary_iou[c] == both / either
    cm = segpost.ConfusionMatrix(4, ignore_index=255)
    cm.update(preds, target)
    assert_array_equal(measure.compute().iou, cm.compute().iou)
    scores = measure.compute()
    assert_array_equal(scores.min_iou, np.minimum(scores.iou, scores.boundary_iou))


@pytest.mark.peers
def test_boundary_iou_is_that_of_opencv() -> None:
    """The same with the erosions that the authors use."""
    cv2 = pytest.importorskip("cv2")
    preds, target = (part[0] for part in maps(3))
    measure = BoundaryIoU(4, ignore_index=255)
    measure.update(preds=preds, target=target)
    width = max(1, round(0.02 * math.hypot(*SIZE[1:])))
    for c in range(4):
        edges = []
        for labels in (preds, target):
            mask = cv2.copyMakeBorder((labels == c).astype(np.uint8), 1, 1, 1, 1, 0, value=0)
            eroded = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=width)
            edges.append((mask - eroded)[1:-1, 1:-1].astype(bool) & (target != 255))
        wanted = (edges[0] & edges[1]).sum() / (edges[0] | edges[1]).sum()
        assert measure.compute().boundary_iou[c] == wanted


def test_trimap_counts_the_pixels_near_a_boundary(backend: str) -> None:
    """For every width: the IoU of the pixels whose square holds a second label."""
    preds, target = maps(1)
    measure = TrimapIoU(4, ignore_index=255, widths=[5, 1, 2])
    measure.update(preds=preds, target=target)
    scores = measure.compute()
    assert scores.widths == (1, 2, 5)
    for k, width in enumerate(scores.widths):
        outside = target.copy()
        for image in range(SIZE[0]):
            padded = np.pad(target[image], width, mode="edge")
            windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * width + 1,) * 2)
            inner = windows.min((2, 3)) == windows.max((2, 3))
            outside[image][inner] = 255
        cm = segpost.ConfusionMatrix(4, ignore_index=255)
        cm.update(preds, outside)
        assert_array_equal(scores.iou[k], cm.compute().iou)
        assert scores.pixel_accuracy[k] == cm.compute().pixel_accuracy
    assert scores.miou[0] < scores.miou[2]


def test_boundary_f_by_brute_force(backend: str) -> None:
    """Precision and recall of boundary pixels within a distance, pair by pair."""
    preds, target = (part[:1] for part in maps(2))
    measure = BoundaryF(4, ignore_index=255, tolerance=0.03)
    measure.update(preds=preds, target=target)
    reach = 0.03 * math.hypot(*SIZE[1:])
    valid = target[0] != 255
    for c in range(4):
        points = []
        for labels in (preds[0], target[0]):
            found = []
            for y, x in np.argwhere((labels == c) & valid):
                for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                    b, a = y + dy, x + dx
                    inside = 0 <= b < SIZE[1] and 0 <= a < SIZE[2]
                    if inside and valid[b, a] and labels[b, a] != c:
                        found.append((y, x))
                        break
            points.append(np.array(found).reshape(-1, 2))
        distance = np.hypot(*(points[0][:, None] - points[1][None]).transpose(2, 0, 1))
        near = distance <= reach
        scores = measure.compute()
        assert scores.precision[c] == near.any(axis=1).mean()
        assert scores.recall[c] == near.any(axis=0).mean()


BAD: Any = "2"
MEASURES: list[Any] = [
    lambda: BoundaryIoU(4, ignore_index=255),
    lambda: TrimapIoU(4, ignore_index=255, widths=(1, 3)),
    lambda: BoundaryF(4, ignore_index=255),
]


@pytest.mark.parametrize("make", MEASURES)
def test_parts_add_up_and_are_saved(make: Any) -> None:
    """Images counted apart and merged in any order give the same bytes; JSON and pickle too."""
    preds, target = maps(4)
    whole, first, second = make(), make(), make()
    whole.update(preds, target)
    first.update(preds[0], target[0])
    second.update([preds[1]], [target[1]])
    assert (first + second).to_json() == (second + first).to_json() == whole.to_json()
    assert type(whole).from_json(whole.to_json()) == whole
    assert pickle.loads(pickle.dumps(whole)) == whole
    whole.reset()
    assert whole == make()


@pytest.mark.parametrize("make", MEASURES)
def test_logits_and_labels_measure_alike(make: Any) -> None:
    """Logits that are smaller than the target are upsampled first."""
    logits = scene(4, 12, 20)
    labels = segpost.argmax(logits, size=SIZE[1:])
    target = np.roll(labels, 1, axis=0)
    a, b = make(), make()
    a.update(logits, target)
    b.update(labels, target)
    assert a == b


@pytest.mark.parametrize("make", MEASURES)
def test_bad_input_changes_nothing(make: Any) -> None:
    """A bad target is an error that names it, and nothing was counted."""
    preds, target = maps(5)
    measure: BoundaryMeasure = make()
    bad = target.copy()
    bad[1, 3, 3] = 99
    with pytest.raises(ValueError, match=r"99 \(1 times\), first at \[1, 3, 3\]"):
        measure.update(preds, bad)
    assert measure == make()


def test_predictions_of_no_class_are_no_class_near_boundaries() -> None:
    """Such a pixel is never a hit, whatever its value is."""
    target = np.zeros((9, 9), np.uint8)
    target[3:6, 3:6] = 1
    for value in (2, 3, 4, 255):
        preds = target.copy()
        preds[3, 3] = value
        measure = BoundaryIoU(2)
        measure.update(preds, target)
        assert measure.compute().iou[1] == 8 / 9
        assert measure.compute().boundary_iou[1] < 1


def test_a_perfect_prediction_is_perfect() -> None:
    """Every score is 1, and a class that is nowhere has none."""
    target = maps(7, classes=3)[1]
    preds = np.where(target == 255, 0, target)
    boundary, trimap, f = BoundaryIoU(4, ignore_index=255), TrimapIoU(4, ignore_index=255), None
    boundary.update(preds, target)
    trimap.update(preds, target)
    f = BoundaryF(4, ignore_index=255)
    f.update(preds, target)
    assert np.nanmin(boundary.compute().iou) == 1
    assert np.isnan(boundary.compute().boundary_iou[3])
    assert (trimap.compute().miou == 1).all()
    assert f.compute().mean_f == 1
    assert np.isnan(f.compute().f[3])


def test_rare_classes_are_not_searched_for(fast_backend: str) -> None:
    """Predictions all over of a class with one pixel: the near ones match, at any place."""
    random = np.random.default_rng(0)
    preds = random.integers(0, 3, (300, 400)).astype(np.uint8)
    target = np.zeros((300, 400), np.uint8)
    target[7, 9] = 1
    measure = BoundaryF(70, tolerance=0.04)
    measure.update(preds, target)
    y, x = np.mgrid[:300, :400]
    near = np.hypot(y - 7, x - 9) <= 20
    wanted = (near & (preds == 1)).sum() / (preds == 1).sum()
    assert measure.compute().precision[1] == pytest.approx(wanted, rel=0.01)
    assert measure.compute().precision[2] == 0


def test_ignored_classes_are_in_no_mean() -> None:
    """A class that is an ignore_index has no score, though it is predicted."""
    preds, target = maps(8)
    measures: list[Any] = [
        BoundaryIoU(4, ignore_index=[1, 255]),
        BoundaryF(4, ignore_index=[1, 255]),
    ]
    measures.append(TrimapIoU(4, ignore_index=[1, 255], widths=[2]))
    for measure in measures:
        measure.update(preds, target)
        for values in measure.compute():
            if isinstance(values, np.ndarray) and values.shape[-1] == 4:
                assert np.isnan(values[..., 1]).all()
                assert np.isfinite(values).any()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: BoundaryIoU(3, dilation_ratio=2), ValueError, "dilation_ratio is a share"),
        (lambda: BoundaryIoU(3, dilation_ratio=BAD), TypeError, "dilation_ratio must be a number"),
        (lambda: BoundaryF(3, tolerance=float("nan")), ValueError, "tolerance is a share"),
        (lambda: TrimapIoU(3, widths=()), ValueError, "widths must be 1 to 1024 integers"),
        (lambda: TrimapIoU(3, widths=(0, 1)), ValueError, "widths must be 1 to 1024 integers"),
        (lambda: TrimapIoU(3, widths=(BAD,)), TypeError, "widths must be an integer"),
        (lambda: TrimapIoU(3, widths=BAD), TypeError, "widths must be a sequence of integers"),
        (lambda: BoundaryIoU(0), ValueError, "num_classes"),
    ],
)
def test_bad_arguments(make: Any, error: type[Exception], message: str) -> None:
    """Arguments are checked when the measure is made."""
    with pytest.raises(error, match=message):
        make()
