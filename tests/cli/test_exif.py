"""Photographs and label maps of a camera that was held another way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import scene

import segpost
from segpost.cli import main
from segpost.files import images

Image = pytest.importorskip("PIL.Image")

SIDEWAYS = (5, 6, 7, 8)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def save(path: Path, pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Write a picture with that orientation; what is to be seen of it."""
    options = {"quality": 95, "subsampling": 0} if path.suffix == ".jpg" else {}
    picture = Image.fromarray(pixels)
    plain = path.with_name(f"plain{path.suffix}")
    picture.save(plain, **options)
    with Image.open(plain) as opened:
        shown = opened if orientation == 1 else opened.transpose(TURNS[orientation])
        seen = np.asarray(shown)
    plain.unlink()
    exif = Image.Exif()
    exif[images.ORIENTATION] = orientation
    picture.save(path, exif=exif, **options)
    return seen


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_photographs_are_turned(tmp_path: Path, suffix: str, orientation: int) -> None:
    """Every orientation of every format, as EXIF means it."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype(np.uint8)
    seen = save(tmp_path / f"a{suffix}", pixels, orientation)
    assert seen.shape[:2] == ((9, 6) if orientation in SIDEWAYS else (6, 9))
    np.testing.assert_array_equal(images.read_image(tmp_path / f"a{suffix}"), seen)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_label_maps_are_turned(tmp_path: Path, suffix: str, orientation: int) -> None:
    """A mask drawn on a photograph lies on it when both are read."""
    labels = np.random.default_rng(1).integers(0, 9, (6, 9)).astype(np.uint8)
    seen = save(tmp_path / f"a{suffix}", labels, orientation)
    sizes: list[tuple[int, int]] = []
    found = images.read_labels(tmp_path / f"a{suffix}", check=sizes.append)
    np.testing.assert_array_equal(found, seen)
    assert found.dtype == np.uint8
    assert sizes == [seen.shape]


def test_an_orientation_after_the_pixels_counts(tmp_path: Path) -> None:
    """PNG lets the chunk come last; the size is then checked once more."""
    labels = np.arange(54, dtype=np.uint8).reshape(6, 9)
    seen = save(tmp_path / "a.png", labels, 6)
    whole = (tmp_path / "a.png").read_bytes()
    start = whole.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(whole[start : start + 4], "big")
    last = whole.index(b"IEND") - 4
    moved = whole[:start] + whole[end:last] + whole[start:end] + whole[last:]
    (tmp_path / "b.png").write_bytes(moved)
    sizes: list[tuple[int, int]] = []
    found = images.read_labels(tmp_path / "b.png", check=sizes.append)
    np.testing.assert_array_equal(found, seen)
    assert sizes == [(6, 9), (9, 6)]


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_run_takes_the_photograph_as_it_is_seen(tmp_path: Path, orientation: int) -> None:
    """Labels have the upright size, and the overlay is of the upright picture."""
    pixels = np.random.default_rng(2).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    seen = save(tmp_path / "a.jpg", pixels, orientation)
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
    seen = save(tmp_path / "targets" / "a.png", labels, 6)
    photograph = save(tmp_path / "photographs" / "a.jpg", pixels, 6)
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
