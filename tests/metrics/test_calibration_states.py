"""States of Calibration: merging, saving, ids, reports; and input that is refused."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost
from segpost import Calibration, ConfusionMatrix
from segpost.metrics.report import documents
from segpost.metrics.report import formats as reports

LOGITS = np.stack([scene(4, 8, 10, seed) for seed in range(3)])
TARGET = np.random.default_rng(5).integers(0, 4, (3, 16, 20)).astype(np.uint8)
TARGET[0, :4] = 255


SETTINGS: dict[str, Any] = {"num_classes": 4, "ignore_index": 255}


def counted(which: list[int], ids: bool = True, **options: Any) -> Calibration:
    """A measure of some images."""
    measure = Calibration(4, ignore_index=255, **options)
    measure.update(LOGITS[which], TARGET[which], ids=[f"i{k}" for k in which] if ids else None)
    return measure


def pairs(confidence: Any, correct: Any) -> dict[str, Any]:
    """The other arguments of an update."""
    return {"confidence": np.array(confidence), "correct": np.array(correct)}


def test_parts_add_up_in_any_order() -> None:
    """The bytes of the state are those of one update, image by image."""
    parts = [counted([k], ids=False) for k in range(3)]
    orders = ([0, 1, 2], [2, 0, 1], [1, 2, 0])
    texts = {sum((parts[k] for k in order), Calibration(**SETTINGS)).to_json() for order in orders}
    assert len(texts) == 1
    text = texts.pop()
    loaded = Calibration.from_json(text)
    assert loaded == pickle.loads(pickle.dumps(loaded)) == parts[0] + parts[1] + parts[2]
    assert loaded.compute() == pickle.loads(pickle.dumps(loaded)).compute()
    whole = counted([0, 1, 2], ids=False)
    assert whole.compute().ece == pytest.approx(loaded.compute().ece, abs=1e-11)
    assert counted([0, 1, 2]).sums() == counted([2, 1, 0]).sums() == loaded


def test_images_are_counted_once() -> None:
    """By their ids, in updates and sums."""
    measure = counted([0, 1])
    text = measure.to_json()
    with pytest.raises(ValueError, match="ids has 'i1' twice"):
        measure.update(LOGITS[1:2], TARGET[1:2], ids=["i1"])
    with pytest.raises(ValueError, match="all images or for none"):
        measure.merge_state(counted([2], ids=False))
    assert measure.to_json() == text
    whole = counted([0, 1, 2], duplicates="drop")
    again = counted([0, 1], duplicates="drop") + counted([2, 1], duplicates="drop")
    assert again == whole == Calibration.from_json(whole.to_json())
    flat = Calibration(2, duplicates="drop")
    for _ in range(2):
        flat.update(**pairs([0.5, 0.75], [True, False]), ids="x")
    assert int(flat.compute().bins.pixels.sum()) == 2
    stack = Calibration(2)
    stack.update(**pairs(np.full((2, 3, 4), 0.5), np.ones((2, 3, 4), bool)), ids=["a", "b"])
    with pytest.raises(ValueError, match="2 names for 1 images"):
        stack.update(**pairs([0.5], [True]), ids=["x", "y"])


def test_what_is_left_out_is_nan() -> None:
    """Without classes, temperature or logits; and where nothing was counted."""
    small = counted([0, 1, 2], ids=False, classwise=False, temperature=False).compute()
    whole = counted([0, 1, 2], ids=False).compute()
    for name in ("ece", "ace", "mce", "brier", "nll"):
        assert getattr(small, name) == pytest.approx(getattr(whole, name), abs=1e-7)
    assert np.isnan([small.classwise_ece, small.temperature, small.scaled_nll]).all()
    empty = Calibration(4).compute()
    assert np.isnan(list(empty.summary().values())).all()
    few = Calibration(4)
    few.update(**pairs([[0.25, 1.0]], [[0, 1]]))
    scores = few.compute()
    assert scores.ece == pytest.approx(0.125)
    assert np.isnan([scores.brier, scores.nll, scores.temperature, scores.classwise_ece]).all()
    ignored = Calibration(4, ignore_index=1)
    ignored.update(LOGITS, TARGET % 4)
    assert np.isnan(ignored.compute().class_ece).tolist() == [False, True, False, False]
    assert Calibration(3).settings() == Calibration.from_json(Calibration(3).to_json()).settings()


def test_reports() -> None:
    """Tables, JSON, Markdown and the figure have the scores."""
    measure = counted([0, 1, 2])
    matrix = ConfusionMatrix(4, ignore_index=255, class_names=list("abcd"))
    matrix.update(LOGITS, TARGET)
    scores = measure.compute()
    text = reports.text(matrix.compute(), measures=[measure])
    assert f"expected calibration error (ECE)  {scores.ece:15.4f}".split()[-1] in text
    assert "Class-wise ECE" in text
    assert "0.933 to 1.000" in text
    found = json.loads(documents.json(matrix.compute(), [measure]))["measures"]["calibration"]
    assert found["ece"] == scores.ece
    assert found["bins"]["pixels"] == scores.bins.pixels.tolist()
    assert [row["ece"] for row in found["classes"]] == scores.class_ece.tolist()
    assert "| ece |" in scores.to_markdown()
    for dark in (False, True):
        assert scores.plot(dark=dark).axes[0].get_ylabel() == "accuracy"
    assert Calibration(4).compute().plot()


BAD_UPDATES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({}, ValueError, "confidence and correct: got neither"),
    ({"logits": LOGITS}, TypeError, "update got logits without target"),
    ({"correct": np.array([True])}, TypeError, "update got correct without confidence"),
    (
        {"logits": LOGITS, "target": TARGET, **pairs([0.5], [True])},
        ValueError,
        "got both",
    ),
    ({"logits": LOGITS, "target": TARGET[0]}, ValueError, r"target of shape \(16, 20\) does not"),
    ({"logits": LOGITS, "target": TARGET[:2]}, ValueError, "does not fit logits of shape"),
    ({"logits": LOGITS[0, :3], "target": TARGET[0]}, ValueError, "3 classes on axis -3.*is 4"),
    (
        {"logits": np.moveaxis(LOGITS[0], 0, -1), "target": TARGET[0]},
        ValueError,
        "8 classes.*pass axis=-1",
    ),
    ({"logits": LOGITS, "target": TARGET, "size": (8, 10)}, ValueError, r"size is \(8, 10\), but"),
    ({"logits": LOGITS, "target": TARGET, "grid": "x"}, ValueError, "grid must be one of"),
    ({"logits": LOGITS, "target": TARGET * 0.5}, TypeError, "target must be integers"),
    (
        {"logits": LOGITS, "target": TARGET // 255 * 9},
        ValueError,
        r"target has 80 of 960 values outside 0\.\.3 or ignored \(255\): 9 \(80 times\), first",
    ),
    (
        {"logits": np.where(np.arange(10) == 7, np.nan, LOGITS), "target": TARGET},
        ValueError,
        "logits have 96 NaN of 960 values",
    ),
    (
        {"logits": np.where(np.arange(10) == 7, -np.inf, LOGITS), "target": TARGET},
        ValueError,
        "logits give no",
    ),
    ({"logits": LOGITS.astype(int), "target": TARGET}, TypeError, "must be floats.*quantization="),
    (
        {"logits": LOGITS, "target": TARGET, "quantization": (0.1, 0)},
        TypeError,
        "quantization is for integer logits",
    ),
    (pairs([0.5, 1.5], [1, 1]), ValueError, r"has 1 of 2 .* first 1.5 at \[1\]"),
    (pairs([0.5, np.nan], [1, 1]), ValueError, r"outside 0\.\.1, first nan"),
    (pairs([0.5, 0.5], [1, 2]), ValueError, r"correct has 1 .* 2 at \[1\]"),
    (pairs([0.5, 0.5], [1.0, 0.0]), TypeError, "correct must be booleans"),
    (pairs([0, 1], [1, 0]), TypeError, "confidence must be floats, got int64"),
    (pairs([0.5], [1, 0]), ValueError, "does not fit confidence"),
]


@pytest.mark.parametrize(("arguments", "kind", "message"), BAD_UPDATES)
def test_bad_input_is_refused(
    arguments: dict[str, Any], kind: type[Exception], message: str, fast_backend: str
) -> None:
    """The error names the argument; nothing is counted."""
    measure = Calibration(4, ignore_index=255)
    with pytest.raises(kind, match=message):
        measure.update(**arguments)
    assert measure == Calibration(4, ignore_index=255)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"num_classes": 1}, ValueError, "at least 2"),
        ({"bins": 0}, ValueError, r"bins must be in 1\.\.1024, got 0"),
        ({"bins": 1.5}, TypeError, "bins"),
        ({"classwise": 1}, TypeError, "classwise must be True or False"),
        ({"duplicates": "keep"}, ValueError, "duplicates"),
        ({"class_names": ["a"]}, ValueError, "class_names"),
    ],
)
def test_bad_settings(options: dict[str, Any], kind: type[Exception], message: str) -> None:
    """Arguments are checked when the measure is made."""
    with pytest.raises(kind, match=message):
        Calibration(**{"num_classes": 3, **options})


def test_states_that_do_not_fit() -> None:
    """Other settings, both forms in one measure, a second all_reduce's counts."""
    for other in ({"bins": 10}, {"classwise": False}, {"temperature": False}):
        with pytest.raises(ValueError, match=f"{next(iter(other))} is"):
            _ = counted([0]) + counted([1], **other)
    both = counted([0], ids=False)
    with pytest.raises(ValueError, match="make a second Calibration"):
        both.update(**pairs([0.5], [True]))
    assert both == counted([0], ids=False)


def test_probabilities_are_no_logits() -> None:
    """A softmax of them would be of another network: a warning, whose cure is right."""
    probabilities = segpost.softmax(LOGITS)
    measure = Calibration(4, ignore_index=255)
    with pytest.warns(segpost.InputWarning, match=r"pass numpy\.log\(probabilities\)"):
        measure.update(probabilities, TARGET)
    full = np.asarray(
        segpost.postprocess(LOGITS, size=(16, 20), want=("probabilities",)).probabilities
    )
    cured = Calibration(4, ignore_index=255)
    cured.update(np.log(full), TARGET)
    assert cured.compute().ece == pytest.approx(counted([0, 1, 2]).compute().ece, abs=1e-5)


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("confidence", lambda rows: [*rows, rows[0]], "twice"),
        ("confidence", lambda rows: rows[1:], "the logits are of"),
        ("confidence", lambda rows: [[9999, *rows[0][1:]], *rows[1:]], "no integer in"),
        ("confidence", lambda rows: [[*rows[0][:2], 10**6, *rows[0][3:]], *rows[1:]], "no integer"),
        ("confidence", lambda rows: [[0, *rows[0][1:]], *rows[1:]], "sum outside interval"),
        ("confidence", lambda rows: [rows[0][:3], *rows[1:]], "row of 3 numbers"),
        ("classes", lambda rows: rows[1:], "classes are not of"),
        ("loss", lambda pairs: [[0.5, 0], pairs[1]], "loss must be integers"),
        ("loss", lambda pairs: [[1, -1], pairs[1]], r"outside 0\.\."),
        ("curve", lambda pairs: pairs[1:], "curve must be integers of shape"),
        ("curve", lambda pairs: [[[2**62, 0]] * 3] * 5, "beyond 2"),
        ("pixels", lambda pixels: [*pixels[:3], 10**9], "pixels are"),
    ],
)
def test_damaged_states_are_refused(key: str, change: Any, message: str) -> None:
    """Counts that cannot be are named."""
    state = json.loads(json.dumps(counted([0, 1], ids=False).state_dict()))
    state["totals"][key] = change(state["totals"][key])
    with pytest.raises(ValueError, match=message):
        Calibration(4, ignore_index=255).load_state_dict(state)
