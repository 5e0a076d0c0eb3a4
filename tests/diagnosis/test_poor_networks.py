"""Predictions that are wrong at a third of the pixels: hints, their cures, and what is silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from diagnosis_scenes import pair, regions, resize_nearest
from test_cures import apply_cure, run

import segpost
from segpost.diagnosis.correlation import correlate_counts, match_classes
from segpost.diagnosis.explanation import Explanation
from segpost.diagnosis.grid_fit import is_grid_scale
from segpost.diagnosis.placements import place_pads
from segpost.diagnosis.window_fit import Pads, fit_pads, window_of

CLASSES = 7
Change = Callable[[np.ndarray], np.ndarray]
SLOW = pytest.mark.slow
ORDER = np.array([4, 6, 0, 5, 1, 3, 2], np.uint8)
PLACES = {"turned", "letterbox", "shifted", "tiles-exchanged", "wrong-grid"}


def poor(labels: np.ndarray, seed: int = 3) -> np.ndarray:
    """Return labels of which two fifths, in patches, are those of other scenes."""
    patches = regions(5, labels.shape, seed)
    wrong = np.where(patches == 0, regions(CLASSES, labels.shape, seed + 1), labels)
    wrong = np.where(patches == 1, regions(CLASSES, labels.shape, seed + 2), wrong)
    return wrong.astype(np.uint8)


def padded(down: int, right: int) -> Change:
    """Return a change: padding at all sides that was not removed."""
    return lambda a: resize_nearest(np.pad(a, ((down, down), (right, right))), a.shape)


@pytest.mark.parametrize(
    ("code", "change", "least"),
    [
        ("turned", lambda a: a[:, ::-1], 1),
        ("shifted", lambda a: np.roll(a, (9, -6), (0, 1)), 0.9),
        ("letterbox", padded(24, 24), 0.9),
        pytest.param("turned", lambda a: a[::-1, ::-1], 1, marks=SLOW),
        pytest.param("tiles-exchanged", lambda a: np.roll(a, a.shape[1] // 2, 1), 1, marks=SLOW),
        pytest.param("letterbox", padded(12, 40), 0.9, marks=SLOW),
        pytest.param(
            "letterbox",
            lambda a: resize_nearest(np.pad(a, ((0, 40), (0, 50))), a.shape),
            0.9,
            marks=SLOW,
        ),
        pytest.param("classes-permuted", lambda a: ORDER[a], 1, marks=SLOW),
    ],
)
def test_cures_of_hints(code: str, change: Change, least: float) -> None:
    """The first finding names the change, and its cure restores the poor prediction."""
    _, _, target = pair(seed=2)
    labels = poor(target)
    assert 0.5 < (labels == target).mean() < 0.8
    moved = np.ascontiguousarray(change(labels))
    arguments: dict[str, Any] = {"labels": moved, "target": target, "num_classes": CLASSES}
    assert segpost.diagnose(labels=labels, target=target, num_classes=CLASSES).ok
    assert (apply_cure(arguments, code)["labels"] == labels).mean() >= least


@pytest.mark.slow
def test_cures_of_offsets_and_orders_of_pictures() -> None:
    """A target that begins at 1, and predictions of other pictures of the batch."""
    targets = np.stack([pair(seed=seed)[2] for seed in range(3)])
    labels = np.stack([poor(target, 3 + 5 * k) for k, target in enumerate(targets)])
    arguments: dict[str, Any] = {"labels": labels[0], "target": targets[0] + np.uint8(1)}
    arguments["num_classes"] = CLASSES + 1
    np.testing.assert_array_equal(
        apply_cure(arguments, "reduce-zero-label-missing")["target"], targets[0]
    )
    arguments = {"labels": labels[[2, 0, 1]], "target": targets, "num_classes": CLASSES}
    np.testing.assert_array_equal(apply_cure(arguments, "pictures-exchanged")["labels"], labels)


@pytest.mark.slow
def test_any_padding_is_undone() -> None:
    """Shares of the sides that no list has, of a good network; with logits by their letterbox."""
    _, labels, target = pair(seed=2)
    height, width = target.shape
    for down, right in ((17, 29), (31, 8), (6, 51)):
        arguments: dict[str, Any] = {"labels": padded(down, right)(labels), "target": target}
        finding = segpost.diagnose(**arguments).findings[0]
        assert (finding.code, finding.rank) == ("letterbox", "likely")
        after = apply_cure(arguments, "letterbox")
        assert (after["labels"] == labels).mean() > 0.97
        assert segpost.diagnose(**after).ok
    cropped = resize_nearest(labels[20 : height - 20, 26 : width - 26], target.shape)
    after = apply_cure({"labels": cropped, "target": target}, "letterbox")
    assert (after["labels"] == labels)[20:-20, 26:-26].mean() > 0.97
    small = np.pad(labels, ((24, 24), (32, 32)))[2::4, 2::4]
    arguments = {"logits": 9 * np.eye(CLASSES, dtype=np.float32)[small].transpose(2, 0, 1).copy()}
    arguments["target"] = target
    assert "letterbox=" in segpost.diagnose(**arguments).findings[0].cure
    assert (apply_cure(arguments, "letterbox")["labels"] == labels).mean() > 0.93


def test_a_small_padding_without_logits_is_a_hint() -> None:
    """Logits on another grid look the same: up to half a stride at every edge, in both axes."""
    _, labels, target = pair(seed=2)
    finding = segpost.diagnose(labels=padded(13, 13)(labels), target=target).findings[0]
    assert (finding.code, finding.rank) == ("letterbox", "hint")
    edges = {"top_bottom_left_right": "0.0400, 0.9600, 0.0400, 0.9600"}
    window = Explanation("window", 9, 10, edges)
    assert is_grid_scale(window, None, (192, 192))
    assert not is_grid_scale(window, None, (192, 512))


def test_gray_values_beside_a_poor_prediction() -> None:
    """Three values of the palette that was passed are named before they are called outside."""
    target = np.minimum(pair(seed=2)[2], 2)
    labels = np.minimum(poor(pair(seed=2)[2]), 2).astype(np.uint8)
    arguments: dict[str, Any] = {
        "labels": labels,
        "target": np.array([0, 38, 75], np.uint8)[target],
        "num_classes": 21,
        "palette": "voc",
    }
    assert segpost.diagnose(**arguments).codes[0] == "target-luma"
    arguments = {"labels": labels, "target": target * np.uint8(12), "num_classes": 3}
    np.testing.assert_array_equal(apply_cure(arguments, "target-stretched")["target"], target)


def test_small_and_rough_logits_that_were_reshaped() -> None:
    """A map of 11 x 19 pixels is enough for a hint, whose cure restores the logits."""
    random = np.random.RandomState(0)
    small = regions(3, (88, 152), 5)[4::8, 4::8]
    logits = 3 * np.eye(3)[small].transpose(2, 0, 1) + random.normal(0, 0.6, (3, 11, 19))
    logits = logits.astype(np.float32)
    assert "reshape-not-transpose" not in segpost.diagnose(logits=logits).codes
    arguments = {"logits": logits.transpose(1, 2, 0).reshape(logits.shape)}
    finding = segpost.diagnose(**arguments).findings[0]
    assert (finding.code, finding.rank) == ("reshape-not-transpose", "hint")
    np.testing.assert_array_equal(run(finding.cure, arguments)["logits"], logits)


def test_few_long_jumps_are_wrapped_bytes() -> None:
    """Ten neighbors at opposite ends of the range are enough; ten of half of it are not."""
    smooth = np.full((2, 16, 16), 120, np.uint8)
    smooth[0, :5, 3:7] = 134  # as int8: from 120 to -122 and back
    found = segpost.diagnose(logits=smooth.view(np.int8))
    assert [(f.code, f.rank) for f in found.findings if f.code == "wrapped-logits"] == [
        ("wrapped-logits", "likely")
    ]
    np.testing.assert_array_equal(
        apply_cure({"logits": smooth.view(np.int8)}, "wrapped-logits")["logits"], smooth
    )
    sharp = np.full((2, 16, 16), -70, np.int8)
    sharp[0, :5, 3:7] = 70
    assert "wrapped-logits" not in segpost.diagnose(logits=sharp).codes


def test_a_constant_prediction_shows_no_place() -> None:
    """Every change of place leaves the same array, so that silence about places is right."""
    _, _, target = pair(seed=2)
    constant = np.zeros_like(target)
    changes: tuple[Change, ...] = (
        lambda a: a[:, ::-1],
        lambda a: a[::-1, ::-1],
        lambda a: np.roll(a, (9, -6), (0, 1)),
        padded(19, 25),
        lambda a: np.roll(a, a.shape[1] // 2, 1),
    )
    for change in changes:
        np.testing.assert_array_equal(change(constant), constant)
    found = segpost.diagnose(labels=constant, target=target, num_classes=CLASSES)
    assert found.codes[0] == "one-class"
    assert not PLACES & set(found.codes)


def test_classes_that_are_not_predicted_show_no_order() -> None:
    """Exchanging classes that a network never predicts leaves the same array."""
    _, labels, target = pair(seed=2)
    two = np.where(labels > 1, 0, labels)
    order = np.array([0, 1, 4, 2, 3, 6, 5], np.uint8)
    np.testing.assert_array_equal(order[two], two)
    assert "classes-permuted" not in segpost.diagnose(labels=two, target=target).codes


def test_an_order_seen_in_one_class_is_open() -> None:
    """A network that predicts class 1 for nearly all, and classes renamed, give equal arrays."""
    target = np.zeros((96, 96), np.uint8)
    target[30:50, 30:50], target[60:80, 20:50] = 1, 2
    renamed = np.array([1, 2, 0], np.uint8)[np.zeros_like(target)]  # of a network that knows 0
    collapsed = np.ones_like(target)  # of one that knows 1
    np.testing.assert_array_equal(renamed, collapsed)
    codes = segpost.diagnose(labels=renamed, target=target, num_classes=3).codes
    assert codes == ("one-class",)


def test_correlation_of_counts() -> None:
    """That of two classes is the phi coefficient; a constant prediction has none."""
    counts = np.array([[40, 10], [5, 45]])
    phi = (40 * 45 - 10 * 5) / np.sqrt(50.0 * 50 * 45 * 55)
    assert correlate_counts(counts) == pytest.approx(phi)
    assert correlate_counts(np.array([[90, 0], [10, 0]])) == 0
    assert correlate_counts(np.diag([3, 4, 5])) == pytest.approx(1)
    # Nearly all is predicted as 2: beyond chance, 0 belongs to 2 and 1 to 0.
    assert match_classes(np.array([[0, 20, 900], [60, 0, 40], [0, 30, 5]])).tolist() == [2, 0, 1]


def test_paddings_are_fitted() -> None:
    """The search returns the pads whose score is highest, or None near the whole image."""
    size = (120, 200)

    def near(wanted: Pads) -> Callable[[Pads], float]:
        return lambda pads: 1 - sum(abs(a - b) for a, b in zip(pads, wanted, strict=True)) / 400

    for wanted in ((12, 12, 31, 31), (-9, -9, -20, -20), (0, 33, 0, 17)):
        assert fit_pads(size, near(wanted)) == wanted
    assert fit_pads(size, near((0, 0, 0, 0))) is None
    assert window_of((10, 10, 0, 0), (80, 100)) == (0.1, 0.9, 0.0, 1.0)
    placement = place_pads((120, 200), size, (12, 12, 0, 0))
    assert (placement.rows[0], placement.rows[-1]) == (10, 109)
    assert placement.detail["how"] == "padded by these pixels: 12 above, 12 below, 0 left, 0 right"
