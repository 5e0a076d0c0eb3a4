"""Outputs with a line an image: they are written in pieces, not held as a whole."""

from __future__ import annotations

import argparse
import json
import tracemalloc
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from segpost import ConfusionMatrix
from segpost.cli.evaluation.outputs import file_content, write_or_describe
from segpost.evaluation.outcome import Outcome
from segpost.evaluation.pairing import ListedPairs, Pairing
from segpost.metrics import saved_state
from segpost.metrics.image_table import ImageTable, PackedImages

IMAGES, CELLS = 3000, 16


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """Images whose names are not in order."""
    cells = np.tile(np.arange(CELLS), IMAGES)
    ids = [f"folder/{k:06}" for k in reversed(range(IMAGES))]
    packed = PackedImages(np.full(IMAGES, CELLS), cells, np.full(len(cells), 64), {})
    cm = ConfusionMatrix(19, per_image=True)
    state = np.bincount(cells, minlength=400).reshape(20, 20) * 64
    cm.add_counts(state, {}, ImageTable(400).extended_by(packed, ids))
    return Outcome(cm, [], Pairing(ListedPairs((), []), [], []), ())


@pytest.mark.parametrize("name", ["json", "per_image", "state"])
def test_an_output_comes_in_pieces(name: str, outcome: Outcome) -> None:
    """Each is a small part of the text, which has a line or a row for every image."""
    arguments = argparse.Namespace(allow_partial=False, compare=False)
    unused = cast(Any, None)
    scores = outcome.cm.compute()
    content = file_content(name, outcome, scores, unused, unused, [], arguments)
    assert content is not None
    pieces = [*content()]
    text = "".join(pieces)
    assert max(map(len, pieces)) < len(text) / 10
    if name == "per_image":
        assert text.count("\n") == 1 + IMAGES
        return
    document = json.loads(text)
    images = (document if name == "json" else document["totals"])["images"]
    assert len(images) == IMAGES


def test_a_state_takes_little_memory(outcome: Outcome, tmp_path: Path) -> None:
    """Less than half of what plain data of all images takes; the images are in order."""
    tracemalloc.start()
    try:
        assert write_or_describe(tmp_path / "state", outcome.state_pieces) is None
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000  # 5 MB as plain data
    text = (tmp_path / "state").read_text()
    names = [image[0] for image in json.loads(text)["totals"]["images"]]
    assert names == sorted(names)
    loaded = ConfusionMatrix.from_json(text)
    assert np.array_equal(loaded.state, outcome.cm.state)
    assert len(loaded.images) == IMAGES


def test_a_state_that_is_too_large_is_not_written(
    outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error comes after the last piece; the file from before stays."""
    monkeypatch.setattr(saved_state, "MAX_STATE_BYTES", 100_000)
    path = tmp_path / "state.json"
    path.write_text("before")
    problem = write_or_describe(path, outcome.state_pieces)
    assert problem is not None
    assert "over the limit of 100,000" in problem
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_text() == "before"
