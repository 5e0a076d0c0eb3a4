"""What JavaScript throws: the argument, what came, the cure; and nothing traps."""

from __future__ import annotations

import importlib
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from web_package import Refusal, call_web

import segpost

pytestmark = pytest.mark.browser

LOGITS = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
LABELS = np.array([[0, 1], [2, 99]], np.uint8)
IMAGE = np.zeros((4, 5, 3), np.uint8)
TALL = segpost.Letterbox.fit((40, 50), (64, 64))
MOST = 2**31 - 1

REFUSED: list[tuple[tuple[Any, ...], str, str]] = [
    (("argmax", None), "TypeError", "logits must be a tensor or {data, shape}, got null"),
    (("argmax", {"data": [1.5], "shape": [1]}), "TypeError", "logits.data must be a typed array"),
    (("argmax", LOGITS[0]), "ValueError", "logits must have 3 or 4 dimensions, [C, h, w]"),
    (("argmax", LOGITS, {"axis": 1}), "ValueError", "axis must be -3 (classes first) or -1"),
    (
        ("argmax", LOGITS, {"sise": [2, 2]}),
        "TypeError",
        'argmax has no option "sise"; there are axis, size',
    ),
    (
        ("argmax", LOGITS, {"size": [8.5, 8]}),
        "TypeError",
        "the height of size must be an integer, got 8.5",
    ),
    (
        ("argmax", LOGITS, {"size": [0, 8]}),
        "ValueError",
        "the height of size must be in 1..2147483647, got 0",
    ),
    (("argmax", LOGITS, {"size": 8}), "TypeError", "size must be [height, width], got 8"),
    (
        ("argmax", LOGITS, {"grid": "corners"}),
        "ValueError",
        'grid must be one of "half_pixel", "align_corners"',
    ),
    (
        ("argmax", LOGITS, {"nan": "keep"}),
        "ValueError",
        'nan must be one of "raise", "propagate", got "keep"',
    ),
    (("argmax", LOGITS[:1]), "ValueError", "threshold: 0.5 is for a sigmoid head"),
    (
        ("argmax", LOGITS, {"threshold": 0.5}),
        "ValueError",
        "threshold is for logits of one class, got 3",
    ),
    (
        ("argmax", LOGITS[:1], {"threshold": 1.5}),
        "ValueError",
        "threshold must be between 0 and 1, got 1.5",
    ),
    (
        ("argmax", LOGITS, {"size": [8, 8], "letterbox": TALL}),
        "ValueError",
        "size and letterbox exclude each other",
    ),
    (
        ("argmax", LOGITS, {"quantization": [-1, 0]}),
        "ValueError",
        "scale must be positive and finite",
    ),
    (("argmax", LOGITS.astype(np.int64)), "TypeError", "logits of int64 may be labels"),
    (
        ("argmax", LOGITS[:, :0], {"size": [2, 2]}),
        "ValueError",
        "logits have no pixels to resample",
    ),
    (("postprocess", LOGITS, {"want": ["colour"]}), "ValueError", 'want must be one of "labels"'),
    (
        ("postprocess", LOGITS, {"want": ["color"]}),
        "TypeError",
        "palette must be a Palette, the name of one",
    ),
    (
        ("postprocess", LOGITS, {"want": ["overlay"], "palette": "voc"}),
        "TypeError",
        "image is missing",
    ),
    (
        ("postprocess", LOGITS, {"want": ["color"], "palette": [[1, 2, 3]]}),
        "ValueError",
        "palette has 1 colors, and logits have 3 classes",
    ),
    (
        (
            "postprocess",
            LOGITS,
            {"want": ["overlay"], "palette": "voc", "image": IMAGE, "size": [8, 8]},
        ),
        "ValueError",
        "image is 4 x 5 pixels, and results are 8 x 8; size: [4, 5] makes",
    ),
    (
        ("colorize", LABELS.astype(np.float32), "voc"),
        "TypeError",
        "labels must be integers, got float32; argmax makes labels",
    ),
    (
        ("colorize", LABELS, "vok"),
        "ValueError",
        'there is no palette named "vok"; known are voc, cityscapes',
    ),
    (("colorize", LABELS, [[0, 0, 256]]), "ValueError", "colors[0] must be in 0..255, got 256"),
    (
        ("overlay", IMAGE, np.zeros((2, 2), np.uint8), "voc"),
        "ValueError",
        "image is 4 x 5 pixels, and labels are 2 x 2",
    ),
    (
        ("overlay", IMAGE.astype(np.float32), LABELS, "voc"),
        "TypeError",
        "image must be bytes, got float32",
    ),
    (
        ("overlay", IMAGE, np.zeros((4, 5), np.uint8), "voc", {"alpha": 2}),
        "ValueError",
        "alpha must be in 0..1, got 2",
    ),
    (
        ("overlay", IMAGE, np.zeros((4, 5), np.uint8), "voc", {"contour": 65}),
        "ValueError",
        "contour must be in 0..64, got 65",
    ),
    (
        ("confusionMatrix", LABELS, LABELS, {"numClasses": 0}),
        "ValueError",
        "numClasses must be in 1..16384, got 0",
    ),
    (
        ("confusionMatrix", LABELS, LABELS, {"numClasses": 3}),
        "ValueError",
        "target has 1 labels outside 0..2; ignoreIndex",
    ),
    (
        ("confusionMatrix", LABELS, LABELS.T[:1], {"numClasses": 3}),
        "ValueError",
        "preds and target must have one shape",
    ),
    (("Palette.distinct", 257), "ValueError", "n must be in 1..256, got 257"),
    (
        ("Letterbox.fit", [0, 5], [8, 8]),
        "ValueError",
        "the height of imageSize must be in 1..2147483647, got 0",
    ),
]


def test_refusals_say_what_came(web_build: Path) -> None:
    """A sentence each, and the next call works."""
    answers = call_web(web_build, *(call for call, _, _ in REFUSED), ("argmax", LOGITS))
    for (call, kind, text), answer in zip(REFUSED, answers, strict=False):
        assert isinstance(answer, Refusal), call
        assert (answer.kind, text in answer.message) == (kind, True), answer
    np.testing.assert_array_equal(answers[-1], segpost.argmax(LOGITS))


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
    ]
    nan, propagated, void, plain, negative = call_web(web_build, *calls)
    assert nan == (
        "BadValuesError",
        'logits have 2 NaN, first at image 0, y 2, x 3; nan: "propagate" lets the first NaN win',
        2,
        13,
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


def test_memory_that_is_not_there_is_an_error(web_build: Path) -> None:
    """A sentence, after which small calls work: in the module and before it."""
    sizes = ([MOST, MOST], [60000, 60000], [MOST, 1], [1, MOST])
    calls: list[tuple[Any, ...]] = [("argmax", LOGITS, {"size": size}) for size in sizes]
    want = {"want": ["labels", "confidence"], "size": [20000, 30000]}
    calls += [("postprocess", LOGITS, want), ("argmax", LOGITS)]
    *refused, works = call_web(web_build, *calls)
    for answer in refused:
        assert isinstance(answer, Refusal)
        assert answer.kind == "OutOfMemoryError"
        assert "pass fewer images at once, or a smaller size" in answer.message
    np.testing.assert_array_equal(works, segpost.argmax(LOGITS))


def test_a_full_memory_is_an_error(web_build: Path) -> None:
    """Before a call, and within it; when memory is given back the same call works."""
    node = importlib.import_module("tools.web.node").find_node()
    script = Path(__file__).with_name("full_memory.mjs")
    command = [*node, str(script), str(web_build)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    said = json.loads(run.stdout)
    assert said["right"]
    assert said["full"].startswith("OutOfMemoryError: segpost has no memory for 10000 bytes")
    assert said["narrow"].startswith("OutOfMemoryError: segpost.argmax: out of memory")


def test_a_missing_module_says_where_it_must_lie(web_build: Path) -> None:
    """And a file that is no module is refused by the engine."""
    missing, other = call_web(web_build, ("load", "file:///absent.wasm"), ("load", b"no".hex()))
    assert isinstance(missing, Refusal)
    assert isinstance(other, Refusal)
