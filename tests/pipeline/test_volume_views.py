"""Volumes to look at: figure, montage, page with a slider, and GIF."""

from __future__ import annotations

import base64
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from html_elements import Elements
from volume_files import nibabel, write_volume

import segpost
from segpost import Segmentation
from segpost.pipeline.volume_slices import GrayVolume, draw_montage, find_center, slices_of

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("matplotlib")

SIZE = (24, 20, 16)
NAMES = ("background", "liver <b>", "tumor")
PALETTE = segpost.Palette([[0, 0, 0], [250, 10, 20], [30, 200, 40]], names=NAMES)


def labels_of_two() -> np.ndarray:
    """A large region of label 1 in the slices 6 to 10, and a small one of label 2."""
    labels = np.zeros(SIZE, np.uint8)
    labels[6:11, 4:13, 3:10] = 1
    labels[6:11, 14, 14] = 2
    labels[8, 13, 5:8] = 1
    return labels


@pytest.fixture
def segmentation() -> Segmentation:
    """Labels of two regions."""
    return Segmentation(labels=labels_of_two(), volume=True, palette=PALETTE)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image whose values rise along z."""
    values = np.arange(SIZE[0], dtype=np.int16)[:, None, None] * np.ones(SIZE, np.int16)
    return write_volume(tmp_path / "image" / "case_0000.nii.gz", 10 * values - 50)


def test_the_center_is_in_the_largest_region() -> None:
    labels = labels_of_two()
    z, y, x = find_center(labels)
    assert (z, labels[z, y, x]) == (8, 1)
    assert find_center(np.zeros((4, 6, 8), np.uint8)) == (2, 3, 4)
    pair = np.zeros((1, 9, 20), np.uint8)
    pair[0, 2:7, 1:6] = pair[0, 3:6, 15:19] = 3
    assert find_center(pair) == (0, 4, 3)
    ring = np.zeros((1, 9, 9), np.uint8)
    ring[0, 1:8, 1:8] = 1
    ring[0, 2:7, 2:7] = 0
    assert ring[find_center(ring)] == 1


def test_the_figure_has_three_planes_that_cross(segmentation: Segmentation, image: Path) -> None:
    figure = segmentation.figure(like=image)
    center = find_center(labels_of_two())
    for axis, axes in enumerate(figure.axes):
        assert axes.get_title() == f"{'zyx'[axis]} = {center[axis]} of {SIZE[axis]}"
        (picture,) = axes.get_images()
        across = [k for k in range(3) if k != axis]
        assert np.asarray(picture.get_array()).shape[:2] == tuple(SIZE[k] for k in across)
        lines = [np.asarray(line.get_xydata()) for line in axes.lines]
        assert [lines[0][0, 1], lines[1][0, 0]] == [center[k] for k in across]
        steps = [(3.0, 1.5, 1.25)[k] for k in across]
        assert axes.get_aspect() == pytest.approx(steps[0] / steps[1])
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [text.split("  ")[0] for text in texts] == list(NAMES)
    plain = segmentation.figure(spacing=(2, 1, 1))
    assert [axes.get_aspect() for axes in plain.axes] == [1.0, 2.0, 2.0]


AFFINES = (
    np.diag([1.0, 2, 3, 1]),
    np.diag([-1.0, -2, 3, 1]),
    np.array([[0, 0, -3.0, 5], [1, 0, 0, 0], [0, -2, 0, 0], [0, 0, 0, 1]]),
    np.array([[0.9, -0.3, 0, 5], [0.3, 0.9, 0.1, 0], [0, 0.1, -2, 0], [0, 0, 0, 1]]),
)


@pytest.mark.parametrize("affine", AFFINES)
def test_letters_are_the_directions_of_nibabel(
    tmp_path: Path, segmentation: Segmentation, affine: np.ndarray
) -> None:
    """On each plane and on the page, where the file's array leads; none without a file."""
    path = write_volume(tmp_path / "scan.nii", np.zeros(SIZE, np.int16), affine)
    pairs = (("L", "R"), ("P", "A"), ("I", "S"))
    toward = nibabel.aff2axcodes(affine, pairs)[::-1]  # of D, H, W
    away = nibabel.aff2axcodes(affine, [(b, a) for a, b in pairs])[::-1]
    for axis, axes in enumerate(segmentation.figure(like=path).axes):
        row, column = (k for k in range(3) if k != axis)
        at = {}
        for text in axes.texts:
            x, y = text.get_position()
            side = ("left", "right")[x > 0.5] if y == 0.5 else ("bottom", "top")[y > 0.5]
            at[side] = text.get_text()
        last_row, first_row = ("top", "bottom") if axis else ("bottom", "top")
        wanted = {"left": away[column], "right": toward[column]}
        wanted |= {first_row: away[row], last_row: toward[row]}
        assert at == wanted
    segmentation.save(tmp_path / "case.html", what="overlay", like=path)
    letters = re.findall(
        r'<span class="(\w+)">([LRAPIS])</span>', (tmp_path / "case.html").read_text()
    )
    assert dict(letters) == {
        "top": away[1],
        "bottom": toward[1],
        "left": away[2],
        "right": toward[2],
    }
    assert not any(axes.texts for axes in segmentation.figure(spacing=(1, 1, 2)).axes)


def test_pixels_of_a_plane(segmentation: Segmentation, image: Path) -> None:
    """The image is gray where the label is background, and mixed with the color elsewhere."""
    slices = slices_of(segmentation, image)
    plane = slices.plane(0, 8, 0.5)
    gray = int(plane[0, 0, 0])
    assert (plane[0, 0] == gray).all()
    assert 0 < gray < 255
    np.testing.assert_allclose(plane[8, 5], (gray + np.array([250, 10, 20])) / 2, atol=1)
    assert slices.plane(0, 20, 0.5)[0, 0, 0] > gray
    constant = GrayVolume.of(np.full((2, 2, 2), 7.0))
    assert constant.plane(0, 0).max() == 0
    with_nan = np.full((2, 2, 2), np.nan)
    assert GrayVolume.of(with_nan).plane(1, 0).max() == 0


def test_a_montage_in_a_notebook(segmentation: Segmentation) -> None:
    """Sixteen slices in a square; D is no batch."""
    content = segmentation._repr_png_()
    assert content is not None
    picture = np.asarray(Image.open(io.BytesIO(content)))
    height, width = SIZE[1:]
    assert picture.shape == (4 * height + 3, 4 * width + 3, 3)
    shown = draw_montage(slices_of(segmentation))
    np.testing.assert_array_equal(picture, shown)
    fifth = picture[height + 1 : 2 * height + 1, :width]  # slice (2 k + 1) 24 / 32 for k = 4
    expected = segpost.colorize(labels_of_two()[6], PALETTE)
    np.testing.assert_array_equal(fifth, expected)
    html = segmentation._repr_html_()
    assert html is not None
    assert "16 of 24 slices. " in html
    assert f"labels {SIZE} uint8" in html
    thin = Segmentation(labels=labels_of_two()[6:8], volume=True)
    assert thin._repr_html_() is not None
    assert "slices" not in str(thin._repr_html_())
    assert repr(segmentation).startswith("<Segmentation: labels (24, 20, 16) uint8; background")


def test_a_batch_of_volumes_shows_its_first() -> None:
    labels = np.stack([labels_of_two(), np.zeros(SIZE, np.uint8)])
    seg = Segmentation(labels=labels, volume=True, palette=PALETTE)
    assert "16 of 24 slices of the first of 2 volumes. " in str(seg._repr_html_())
    one = Segmentation(labels=labels[0], volume=True, palette=PALETTE)
    assert seg._repr_png_() == one._repr_png_()
    with pytest.raises(ValueError, match="this is a batch of 2"):
        seg.figure()


def page_data(path: Path) -> list[dict[str, Any]]:
    """The slices that a page has."""
    found = re.search(r'id="slices">(.*?)</script>', path.read_text(), re.S)
    assert found
    data: list[dict[str, Any]] = json.loads(found[1])
    return data


def test_the_page_has_every_slice(tmp_path: Path, segmentation: Segmentation, image: Path) -> None:
    path = tmp_path / "case.html"
    segmentation.save(path, what="overlay", like=image)
    text = path.read_text()
    slices = page_data(path)
    assert [one["z"] for one in slices] == list(range(SIZE[0]))
    assert slices[8]["words"].startswith("Slice 8 of 24: liver <b> ")
    assert slices[0]["words"] == "Slice 0 of 24: background"
    assert "liver &lt;b&gt;" in text
    assert "<b>" not in text.replace("&lt;b&gt;", "")
    assert f".stack {{ aspect-ratio: 16 / {20 * 1.5 / 1.25:g}; width: " in text
    assert "http:" not in text
    assert " style=" not in text  # which the policy of the page refuses
    content = base64.b64decode(slices[8]["labels"].partition(",")[2])
    drawn = np.asarray(Image.open(io.BytesIO(content)))
    np.testing.assert_array_equal(drawn[..., 3] == 0, labels_of_two()[8] == 0)
    assert drawn[8, 5].tolist() == [250, 10, 20, 255]
    for name in ("slice", "opacity"):
        assert f'<label for="{name}">' in text
    inputs = {str(fields["id"]): fields for tag, fields in Elements(text).seen if tag == "input"}
    assert inputs["slice"]["value"] == "8"  # where the largest region is


def test_a_page_without_an_image(tmp_path: Path, segmentation: Segmentation) -> None:
    segmentation.save(tmp_path / "case.html", what="overlay")
    assert all("image" not in one for one in page_data(tmp_path / "case.html"))


def test_the_slices_one_after_the_other(
    tmp_path: Path, segmentation: Segmentation, image: Path
) -> None:
    segmentation.save(tmp_path / "case.gif", what="overlay", like=image)
    with Image.open(tmp_path / "case.gif") as picture:
        assert picture.size == (16, round(20 * 1.2))
        assert picture.n_frames == SIZE[0]


@pytest.mark.peers
@pytest.mark.filterwarnings("default")  # imageio's reader leaves a pipe open
def test_a_movie_has_a_frame_a_slice(
    tmp_path: Path, segmentation: Segmentation, image: Path
) -> None:
    """Read back by ffmpeg: even sides, the aspect of the scan, the color of a label."""
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = tmp_path / "case.mp4"
    segmentation.save(path, what="overlay", like=image)
    reader = ffmpeg.read_frames(str(path))
    size = next(reader)["size"]
    assert size == (342, 512)
    frames = [np.frombuffer(frame, np.uint8).reshape(size[1], size[0], 3) for frame in reader]
    assert len(frames) == SIZE[0]
    red = [bool((frame[..., 0] > frame[..., 1].astype(int) + 60).any()) for frame in frames]
    assert [z for z, is_red in enumerate(red) if is_red] == list(range(6, 11))
    assert [one.name for one in tmp_path.glob("case*")] == ["case.mp4"]


def test_a_movie_needs_a_package(
    tmp_path: Path, segmentation: Segmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ImportError, match=r"an MP4 needs imageio-ffmpeg .*pip install imageio-ffm"):
        segmentation.save(tmp_path / "case.mp4", what="overlay")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_drawn(tmp_path: Path, segmentation: Segmentation, image: Path) -> None:
    """Nothing is written."""
    cut = Segmentation(labels=labels_of_two()[1:], volume=True)
    unknown = Segmentation(labels=labels_of_two() + 2, volume=True, palette=PALETTE)
    picture = Segmentation(labels=labels_of_two()[0])
    out = tmp_path / "out"
    out.mkdir()
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (cut, {"like": image}, "labels are 23 x 20 x 16, and the image"),
        (unknown, {}, r"labels have \d+ of 320 values"),
    ]
    for seg, options, message in cases:
        with pytest.raises(ValueError, match=message):
            seg.save(out / "case.html", what="overlay", **options)
    with pytest.raises(
        ValueError, match=r"must end in \.html or \.gif or \.mp4 for what='overlay'"
    ):
        segmentation.save(out / "case.png", what="overlay")
    for options in ({"like": image}, {"spacing": (1, 1, 1)}):
        with pytest.raises(ValueError, match="like and spacing are for volumes"):
            picture.figure(**options)
    with pytest.raises(ValueError, match="draw is for images"):
        segmentation.draw(np.zeros((20, 16, 3), np.uint8))
    with pytest.raises(ValueError, match="three positive numbers"):
        segmentation.figure(spacing=(0, 1, 1))
    assert not list(out.iterdir())


def test_an_image_of_several_channels_is_its_first(
    tmp_path: Path, segmentation: Segmentation
) -> None:
    values = np.stack([np.full(SIZE, k, np.float32) for k in range(2)])
    values[0, 12:] = 9
    path = write_volume(tmp_path / "image.nii", values)
    image = slices_of(segmentation, path).image
    assert image is not None
    np.testing.assert_array_equal(image.values, values[0])
    assert nibabel.load(path).ndim == 4
