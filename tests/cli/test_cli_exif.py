"""Commands that read images and label maps with an EXIF orientation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import scene
from exif_images import save_oriented

import segpost
from segpost.cli import main

Image = pytest.importorskip("PIL.Image")


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_run_takes_the_photograph_as_it_is_seen(tmp_path: Path, orientation: int) -> None:
    """Labels have the upright size, and the overlay is of the upright picture."""
    pixels = np.random.default_rng(2).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    seen = save_oriented(tmp_path / "a.jpg", pixels, orientation)
    logits = scene(21, 8, 8)
    np.save(tmp_path / "a.npy", logits)
    out = tmp_path / "out"
    code = main(
        ["run", str(tmp_path / "a.npy"), "--image", str(tmp_path / "a.jpg"),
         "--palette", "voc", "--out", str(out)]
    )  # fmt: skip
    assert code == 0
    wanted = segpost.postprocess(
        logits, size=seen.shape[:2], image=seen, palette="voc", want=("labels", "overlay")
    )
    with Image.open(out / "a.labels.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), wanted.labels)
    with Image.open(out / "a.overlay.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), wanted.overlay)


def test_evaluate_compares_what_is_seen(tmp_path: Path) -> None:
    """Turned targets, upright predictions and a turned photograph in the report: all right."""
    for folder in ("preds", "targets", "photographs"):
        (tmp_path / folder).mkdir()
    labels = np.random.default_rng(3).integers(0, 5, (30, 50)).astype(np.uint8)
    pixels = np.random.default_rng(4).integers(0, 256, (30, 50, 3)).astype(np.uint8)
    seen = save_oriented(tmp_path / "targets" / "a.png", labels, 6)
    photograph = save_oriented(tmp_path / "photographs" / "a.jpg", pixels, 6)
    assert seen.shape == photograph.shape[:2] == (50, 30)
    Image.fromarray(seen).save(tmp_path / "preds" / "a.png")
    state, page = tmp_path / "state.json", tmp_path / "report.html"
    code = main(
        ["evaluate", str(tmp_path / "preds"), str(tmp_path / "targets"), "--num-classes", "5",
         "--state", str(state), "--html", str(page), "--images", str(tmp_path / "photographs")]
    )  # fmt: skip
    assert code == 0
    matrix = segpost.ConfusionMatrix.from_json(state.read_text()).matrix
    assert int(np.trace(matrix)) == int(matrix.sum()) == labels.size
    assert "data:image" in page.read_text()
