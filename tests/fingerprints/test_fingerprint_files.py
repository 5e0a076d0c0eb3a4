"""Fingerprints in files: what is written is read, and damage is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segpost

BAD = np.array([[[0, 1], [2, 3]], [[0, 1], [np.nan, np.inf]]], np.float32)


RNG = np.random.default_rng(5)
LOGITS = (RNG.normal(size=(7, 33, 41)) * np.arange(1, 8)[:, None, None]).astype(np.float32)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.pop("logits"),
        lambda c: c.update(version=2),
        lambda c: c.update(segpost="Scores"),
        lambda c: c["logits"].update(axis=7),
        lambda c: c["logits"]["mean"].pop(),
        lambda c: c["logits"]["mean"].__setitem__(0, None),
        lambda c: c["logits"]["coarse"].update(shape=[1 << 40, 1, 1]),
        lambda c: c["logits"]["coarse"].update(float32="////"),
        lambda c: c.update(stages=[1]),
        lambda c: c.update(labels=[[1], [2, 3]]),
        lambda c: c.update(palette=3),
        lambda c: c.update(confidence=10**400),
        lambda c: c["logits"].update(shape=[7, 1, 1]),
    ],
)
def test_a_damaged_file_is_refused(change: Any, tmp_path: Path) -> None:
    """A damaged file is an error that names the file."""
    content = json.loads(segpost.fingerprint(LOGITS).to_json())
    change(content)
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"bad\.json: this is no fingerprint: "):
        segpost.Fingerprint.load(path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "\udcff", "[" * 100_000, "1e999", '{"a": 1, "a": 2}']
)
def test_what_is_no_json_is_refused(text: str) -> None:
    """Text that is not JSON is an error."""
    with pytest.raises(ValueError, match="this is no fingerprint"):
        segpost.Fingerprint.from_json(text)


@pytest.mark.parametrize(
    ("error", "message", "logits", "options"),
    [
        (ValueError, "2 NaN or infinite of 8 .* channel 1", BAD, {}),
        (ValueError, "must have values", np.zeros((3, 0, 4)), {}),
        (TypeError, "must be of dtype", np.zeros((3, 4, 4), bool), {}),
        (ValueError, "axis must be -3 .* or -1", LOGITS, {"axis": 1}),
        (ValueError, "grid must be one of", LOGITS, {"grid": "corners"}),
        (TypeError, "stages must be a mapping", LOGITS, {"stages": [LOGITS]}),
        (TypeError, "preprocessing must be what JSON", LOGITS, {"preprocessing": {"f": print}}),
        (ValueError, "scale must be positive", LOGITS, {"quantization": (0, 3)}),
        (ValueError, "precision must be one of", LOGITS, {"precision": "half"}),
        (ValueError, "does not agree with convention", LOGITS, {"axis": -1, "convention": "smp"}),
        (TypeError, "convention must be", LOGITS, {"convention": 3}),
        (ValueError, r"stages\['x'\] has 2 NaN", LOGITS, {"stages": {"x": BAD[1:]}}),
    ],
)
def test_wrong_arguments_are_refused_in_words(
    error: type[Exception], message: str, logits: Any, options: dict[str, Any]
) -> None:
    """Naming the argument and what came."""
    with pytest.raises(error, match=message):
        segpost.fingerprint(logits, **options)
    with pytest.raises(TypeError, match=r"after must be a segpost\.Fingerprint"):
        segpost.fingerprint(LOGITS).compare(LOGITS)  # type: ignore[arg-type]
