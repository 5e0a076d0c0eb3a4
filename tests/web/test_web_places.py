"""Where bad values are: their number, the first of them, and its class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from web_package import Planes, call_web, last

import segpost

pytestmark = pytest.mark.browser

LOGITS = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
LABELS = np.array([[0, 1], [2, 99]], np.uint8)


def test_bad_values_are_counted(web_build: Path) -> None:
    """Their number and the first place, as in Python."""
    holes = LOGITS.copy()
    holes[1, 2, 3] = holes[0, 3, 4] = np.nan
    calls: list[tuple[Any, ...]] = [
        ("argmax", holes),
        ("argmax", holes, {"nan": "propagate"}),
        ("colorize", LABELS, "voc"),
        ("colorize", LABELS, [[0, 0, 0], [1, 1, 1]]),
        ("colorize", np.array([[-1, 0]], np.int32), "voc"),
        ("colorize", Planes(np.stack([LABELS // 2, LABELS])), "voc"),
        ("colorize", Planes(np.stack([LABELS // 9, LABELS])), "voc"),
    ]
    nan, propagated, void, plain, negative, both, second = call_web(web_build, *calls)
    assert nan == (
        "BadValuesError",
        "logits have 2 NaN, first at image 0, class 1, y 2, x 3; look for a float16 overflow or a "
        'division by zero in the network; nan: "propagate" lets the first NaN win',
        2,
        33,
    )
    np.testing.assert_array_equal(propagated, segpost.argmax(holes, nan="propagate"))
    assert void == (
        "BadValuesError",
        "labels have 1 values outside 0..20 that are not 255, first 99 at image 0, y 1, x 1",
        1,
        3,
    )
    assert plain[2:] == (2, 2)
    assert negative[2:] == (1, 0)
    assert "first 49 at image 0, y 1, x 1" in both.message
    assert both[2:] == (2, 3)
    assert "first 99 at image 1, y 1, x 1" in second.message
    assert second[2:] == (1, 7)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_place_of_a_nan_is_that_in_the_data(web_build: Path, dtype: str) -> None:
    """In every function and layout; the pixel and the class are those that Python names."""
    holes = np.stack([LOGITS, LOGITS]).astype(dtype)
    holes[0, 1] = np.inf  # whose bits are nearly those of a NaN
    holes[1, 1:, 2, 3] = holes[1, 0, 3, 4] = np.nan
    target = np.zeros((2, 4, 5), np.uint8)
    with pytest.raises(ValueError, match="image 1, class 1, y 2, x 3"):
        segpost.argmax(holes)
    classes = {"numClasses": 3}
    calls: list[tuple[Any, ...]] = [
        ("argmax", holes),
        ("argmax", holes, {"size": [9, 11]}),
        ("argmax", Planes(holes)),
        ("argmax", last(holes), {"axis": -1}),
        ("postprocess", holes, {"want": ["probabilities", "confidence"]}),
        ("binarize", holes),
        ("binarize", holes, {"encoding": "rle", "size": [9, 11]}),
        ("binarize", last(holes), {"axis": -1, "encoding": "bits"}),
        ("confusionMatrix", holes, target, classes),
        ("confusionMatrix", last(holes), target, classes | {"axis": -1}),
    ]
    for (name, logits, *_), answer in zip(calls, call_web(web_build, *calls), strict=True):
        values = logits.array if isinstance(logits, Planes) else logits
        what = "preds" if name == "confusionMatrix" else "logits"
        start = f"{what} have 3 NaN, first at image 1, class 1, y 2, x 3; look for"
        assert (answer.kind, answer.message[: len(start)]) == ("BadValuesError", start), answer
        place = (1, 1, 2, 3) if values.shape[1] == 3 else (1, 2, 3, 1)
        assert answer[2:] == (3, np.ravel_multi_index(place, values.shape))


def test_the_place_of_a_nan_in_a_letterbox(web_build: Path) -> None:
    """Those of the padding are not read."""
    holes = np.zeros((3, 64, 64), np.float32)
    holes[:, 0] = np.nan
    holes[2, 30, 7] = np.nan
    box = segpost.Letterbox.fit((30, 80), (64, 64))
    (answer,) = call_web(web_build, ("argmax", holes, {"letterbox": box}))
    assert "have 1 NaN, first at image 0, class 2, y 30, x 7;" in answer.message
    assert answer[2:] == (1, (2 * 64 + 30) * 64 + 7)


def test_the_place_where_infinities_meet(web_build: Path) -> None:
    """It is one of the result."""
    meet = np.zeros((2, 3, 4, 5), np.float32)
    meet[1, 1, 2, 2:4] = np.inf, -np.inf
    size = (8, 10)
    calls = [
        ("argmax", meet, {"size": size}),
        ("binarize", meet, {"size": size}),
        ("binarize", meet, {"size": size, "encoding": "rle"}),
    ]
    labels, *masks = call_web(web_build, *calls)
    with pytest.raises(ValueError, match="first at image 1, y 3, x 5:"):
        segpost.argmax(meet, size=size)
    assert "first at image 1, y 3, x 5:" in labels.message
    assert labels.place == np.ravel_multi_index((1, 3, 5), (2, *size))
    with pytest.raises(ValueError, match="first at image 1, class 1, y 3, x 5:"):
        segpost.binarize(meet, size=size)
    for answer in masks:
        assert "first at image 1, class 1, y 3, x 5;" in answer.message
        assert answer.place == np.ravel_multi_index((1, 1, 3, 5), (2, 3, *size))
