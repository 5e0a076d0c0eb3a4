"""Scores are equal by value, also after a pickle; so are fingerprints."""

from __future__ import annotations

import copy
import json
import pickle
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import segpost
from segpost._core.equality import has_same_values

RNG = np.random.default_rng(7)
TARGET = np.kron(RNG.integers(0, 3, (2, 4, 4)), np.ones((1, 4, 4), int)).astype(np.uint8)
PREDS = np.roll(TARGET, 1, axis=-1)
OTHER = np.roll(TARGET, 2, axis=-1)
LOGITS = RNG.normal(size=(3, 8, 8)).astype(np.float32)


def scores(preds: np.ndarray = PREDS, **options: Any) -> Any:
    matrix = segpost.ConfusionMatrix(4, per_image=True)  # class 3 is absent: its scores are NaN
    matrix.update(preds, TARGET, ids=["a", "b"])
    return matrix.compute(**options)


def compared_dialects(preds: np.ndarray | None = None) -> Any:
    matrix = segpost.ConfusionMatrix(4)  # without a pixel every mean is NaN
    if preds is not None:
        matrix.update(preds, TARGET)
    return matrix.compare_dialects()


def measured(measure: Any, preds: np.ndarray = PREDS) -> Any:
    measure.update(preds, TARGET)
    return measure.compute()


def calibrated(target: np.ndarray) -> Any:
    measure = segpost.Calibration(3)
    measure.update(LOGITS, target[0])
    return measure.compute()


MAKERS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "Scores": (scores, lambda: scores(OTHER)),
    "Scores of a dialect": (lambda: scores(dialect="mmseg"), lambda: scores(dialect="hf")),
    "Scores by policy": (lambda: scores(absent="nan"), scores),
    "ImageScores": (lambda: scores().images, lambda: scores(OTHER).images),
    "ClassCounts": (lambda: scores().class_counts, lambda: scores(OTHER).class_counts),
    "BoundaryScores": (
        lambda: measured(segpost.BoundaryIoU(4)),
        lambda: measured(segpost.BoundaryIoU(4), OTHER),
    ),
    "BoundaryFScores": (
        lambda: measured(segpost.BoundaryF(4, tolerance=0.03)),
        lambda: measured(segpost.BoundaryF(4, tolerance=0.03), OTHER),
    ),
    "TrimapScores": (
        lambda: measured(segpost.TrimapIoU(4)),
        lambda: measured(segpost.TrimapIoU(4), OTHER),
    ),
    "CalibrationScores": (lambda: calibrated(TARGET), lambda: calibrated(OTHER)),
    "Comparison": (compared_dialects, lambda: compared_dialects(TARGET)),
    "Diagnosis": (
        lambda: segpost.diagnose(labels=PREDS, target=255 - TARGET, num_classes=3),
        lambda: segpost.diagnose(labels=PREDS, target=254 - TARGET, num_classes=3),
    ),
    "FingerprintDiff": (
        lambda: segpost.fingerprint(LOGITS).compare(segpost.fingerprint(LOGITS + 1)),
        lambda: segpost.fingerprint(LOGITS).compare(segpost.fingerprint(LOGITS + 2)),
    ),
    "CheckpointDiff": (
        lambda: segpost.compare_checkpoints({"a": LOGITS}, {"a": LOGITS * np.nan}),
        lambda: segpost.compare_checkpoints({"a": LOGITS}, {"b": LOGITS}),
    ),
    "Fingerprint": (
        lambda: segpost.fingerprint(LOGITS, grid="half_pixel"),
        lambda: segpost.fingerprint(LOGITS + 1, grid="half_pixel"),
    ),
}


@pytest.mark.parametrize("name", MAKERS)
def test_equality_is_by_value(name: str) -> None:
    """Equal are results of the same arrays, copies and pickles, and nothing else."""
    make, make_other = MAKERS[name]
    one, other = make(), make_other()
    for same in (one, make(), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert (one == same) is True
        assert (one != same) is False
    assert (one == other) is False
    assert (one != other) is True
    assert one != 3
    assert (one == None) is False  # noqa: E711


@pytest.mark.parametrize("name", ["Scores", "Fingerprint"])
def test_equal_ones_have_one_hash(name: str) -> None:
    """They stay keys of dicts, as before."""
    make, make_other = MAKERS[name]
    assert {make(): 1}[pickle.loads(pickle.dumps(make()))] == 1
    assert len({make(), make(), make_other()}) == 2


def test_settings_count() -> None:
    """Class names and the ids of the images are part of the scores."""
    matrix = segpost.ConfusionMatrix(4, per_image=True, class_names=["a", "b", "c", "d"])
    matrix.update(PREDS, TARGET, ids=["a", "b"])
    assert matrix.compute() != scores()
    renamed = segpost.ConfusionMatrix(4, per_image=True)
    renamed.update(PREDS, TARGET, ids=["a", "c"])
    assert renamed.compute() != scores()
    assert renamed.compute().images != scores().images


def test_a_fingerprint_is_equal_to_its_json() -> None:
    """What is read again is the same."""
    record = MAKERS["Fingerprint"][0]()
    assert segpost.Fingerprint.from_json(record.to_json()) == record
    content = json.loads(record.to_json()) | {"confidence": 0.5}
    assert segpost.Fingerprint.from_json(json.dumps(content)) != record


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), True),
        (np.array([1.0, np.nan]), np.array([np.nan, 1.0]), False),
        (np.array([1]), np.array([1.0]), False),
        (np.array([1, 2]), np.array([[1, 2]]), False),
        (float("nan"), float("nan"), True),
        (float("nan"), 1.0, False),
        ({"a": np.array([1])}, {"a": np.array([1])}, True),
        ({"a": np.array([1])}, {"b": np.array([1])}, False),
        ([np.array([1])], [np.array([1]), np.array([2])], False),
        ((1, "x"), [1, "x"], False),
    ],
)
def test_values(one: Any, other: Any, equal: bool) -> None:
    """Arrays have one type and shape; NaN equals NaN."""
    assert has_same_values(one, other) is equal
    assert has_same_values(other, one) is equal


def test_a_data_frame_without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the package and the cure."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"to_pandas needs pandas \(.*\): pip install pandas$"):
        scores().to_pandas()


def test_equal_comparisons_have_one_hash() -> None:
    """Also where means are NaN."""
    one, same = compared_dialects(), compared_dialects()
    assert len({one, same, pickle.loads(pickle.dumps(one))}) == 1
