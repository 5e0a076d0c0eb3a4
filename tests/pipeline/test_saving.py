"""Segmentation.save and .figure: what every file holds, and batches of one."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import scene
from fake_devices import Cuda

import segpost
from segpost import Segmentation

Image = pytest.importorskip("PIL.Image")
torch = pytest.importorskip("torch")

WANTED = ("labels", "confidence", "probabilities", "color", "overlay")
PICTURES = ("color", "overlay", "confidence")
PHOTOGRAPH = np.random.default_rng(1).integers(0, 256, (24, 30, 3)).astype(np.uint8)


def made(kind: str, images: int | None, **options: Any) -> Segmentation:
    """Everything that postprocess makes, of one image without a batch axis where `images` is None.

    `kind` is that of the arrays: "numpy" or "torch".
    """
    logits, photograph = scene(21, 8, 10), PHOTOGRAPH
    if images is not None:
        logits, photograph = (np.stack([array] * images) for array in (logits, photograph))
    given: tuple[Any, Any] = logits, photograph
    if kind == "torch":
        given = torch.from_numpy(logits), torch.from_numpy(photograph)
    options = {"palette": "voc", "size": (24, 30), "want": WANTED, **options}
    return segpost.postprocess(given[0], image=given[1], **options)


def read(path: Path) -> np.ndarray:
    """What is in a file, ids where it is indexed."""
    if path.suffix == ".npy":
        return np.asarray(np.load(path))
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("images", [None, 1])
def test_every_result_reads_back(tmp_path: Path, kind: str, images: int | None) -> None:
    """Each file holds the result's pixels; of a batch of one those of its image."""
    seg = made(kind, images)
    one = made("numpy", None)
    for what in ("labels", "color", "overlay"):
        seg.save(tmp_path / f"{what}.png", what=what)
        np.testing.assert_array_equal(read(tmp_path / f"{what}.png"), getattr(one, what))
    seg.save(tmp_path / "confidence.png", what="confidence")
    grey = read(tmp_path / "confidence.png")
    assert grey.dtype == np.uint8
    np.testing.assert_array_equal(grey, np.rint(255 * one.confidence))
    for what in ("labels", "confidence", "probabilities"):
        seg.save(tmp_path / f"{what}.npy", what=what)  # type: ignore[arg-type]
        array = read(tmp_path / f"{what}.npy")
        assert array.dtype == getattr(one, what).dtype
        np.testing.assert_array_equal(array, getattr(one, what))
    assert len(list(tmp_path.iterdir())) == 7


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_a_batch_of_one_is_drawn(kind: str) -> None:
    """Its figure shows the pixels that the figure of its image shows."""
    pytest.importorskip("matplotlib")
    wanted = made("numpy", None).figure()
    got = made(kind, 1).figure()
    assert [panel.get_title() for panel in got.axes] == ["image", "labels", "overlay"]
    for mine, theirs in zip(got.axes, wanted.axes, strict=True):
        np.testing.assert_array_equal(
            mine.images[0].get_array(), theirs.images[0].get_array(), err_msg=mine.get_title()
        )


def test_an_image_beside_a_batch_of_labels(tmp_path: Path) -> None:
    """Labels of a batch of one and a photograph without a batch axis belong together."""
    pytest.importorskip("matplotlib")
    maps = made("numpy", 1).labels
    seg = segpost.postprocess(
        maps, convention=segpost.Convention(kind="labels"), palette="voc", image=PHOTOGRAPH
    )
    shown = seg.figure().axes[0].images[0].get_array()
    np.testing.assert_array_equal(shown, PHOTOGRAPH)
    seg.save(tmp_path / "x.png")
    np.testing.assert_array_equal(read(tmp_path / "x.png"), maps[0])


@pytest.mark.parametrize("what", WANTED)
def test_several_images_are_saved_one_by_one(tmp_path: Path, what: Any) -> None:
    """A batch of two is an error whose cure works."""
    seg = made("numpy", 2)
    path = tmp_path / ("x.npy" if what == "probabilities" else "x.png")
    with pytest.raises(ValueError, match=rf"batch of 2, with {what} of .*: save seg\[0\], seg\[1"):
        seg.save(path, what=what)
    assert not path.exists()
    seg[1].save(path, what=what)
    assert read(path).shape[-2:] == (24, 30) or read(path).shape == (24, 30, 3)
    if what == "labels":
        with pytest.raises(ValueError, match=r"draw seg\[0\], seg\[1\]"):
            seg.figure()


@pytest.mark.parametrize("what", WANTED)
def test_what_was_not_asked_for(tmp_path: Path, what: Any) -> None:
    """The error names the want= that makes it, and with that it is there."""
    seg = made("numpy", None, want=tuple(name for name in WANTED if name != what))
    path = tmp_path / ("x.npy" if what == "probabilities" else "x.png")
    with pytest.raises(ValueError, match=f"has no {what}: ask for") as error:
        seg.save(path, what=what)
    assert not path.exists()
    cure = re.search(r"want=(\(.*\))$", str(error.value))
    assert cure
    want = [name for name in eval(cure.group(1)) if name is not ...]
    made("numpy", None, want=want).save(path, what=what)
    assert path.exists()


@pytest.mark.parametrize(
    ("path", "options", "text"),
    [
        ("x.png", {"what": "colour"}, "what must be one of 'labels', 'color', 'overlay', 'conf"),
        ("x.png", {"what": None}, "what must be one of"),
        ("x.jpg", {"what": "color"}, r"must end in \.png for what='color', got .*other formats"),
        ("x.npy", {"what": "overlay"}, r"must end in \.png for"),
        ("x.tif", {"what": "confidence"}, r"must end in \.png or \.npy for"),
        ("x.png", {"what": "probabilities"}, r"must end in \.npy .* cannot hold them"),
        ("x.png", {"what": "color", "palette": "voc"}, 'palette is for what="labels"'),
    ],
)
def test_what_cannot_be_saved(
    tmp_path: Path, path: str, options: dict[str, Any], text: str
) -> None:
    """The error says what can be, and no file is left."""
    with pytest.raises(ValueError, match=text):
        made("numpy", None).save(tmp_path / path, **options)
    assert not any(tmp_path.iterdir())


def test_ids_beyond_a_png(tmp_path: Path) -> None:
    """The error names the .npy file, which keeps them."""
    labels = np.full((2, 2), 300, np.int32)
    with pytest.raises(ValueError, match=r"4 are outside, first 300 at \[0, 0\]") as error:
        Segmentation(labels=labels).save(tmp_path / "x.png")
    assert not any(tmp_path.iterdir())
    cure = re.search(r"save\('(.*)'\) keeps them", str(error.value))
    assert cure
    Segmentation(labels=labels).save(cure.group(1))
    np.testing.assert_array_equal(read(tmp_path / "x.npy"), labels)
    Segmentation(labels=labels).save(tmp_path / "Y.NPY")
    assert (tmp_path / "Y.NPY").exists()


def test_confidence_as_grey(tmp_path: Path) -> None:
    """round(255 c), 0 for NaN, bytes as they are; what is no confidence is an error."""
    path = tmp_path / "x.png"
    shares = np.array([[0.0, 1.0, 0.5, 1 / 255, np.nan]], np.float32)
    Segmentation(confidence=shares).save(path, what="confidence")
    np.testing.assert_array_equal(read(path), [[0, 255, 128, 1, 0]])
    seg = made("numpy", None, confidence_dtype="uint8")
    seg.save(path, what="confidence")
    np.testing.assert_array_equal(read(path), seg.confidence)
    path.unlink()
    with pytest.raises(ValueError, match=r"1 of 2 values outside 0\.\.1, first 1\.5 at \[0, 1\]"):
        Segmentation(confidence=np.array([[0, 1.5]], np.float32)).save(path, what="confidence")
    assert not path.exists()


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("images", [None, 1])
def test_results_on_a_device(tmp_path: Path, images: int | None) -> None:
    """Files of results on a CUDA device are those of the CPU."""
    logits = scene(21, 8, 10) if images is None else scene(21, 8, 10)[None]
    options: dict[str, Any] = {"palette": "voc", "want": ("labels", "color", "confidence")}
    seg = segpost.postprocess(Cuda(logits), **options)
    wanted = segpost.postprocess(scene(21, 8, 10), **options)
    for what in ("labels", "color"):
        seg.save(tmp_path / f"{what}.png", what=what)
        np.testing.assert_array_equal(read(tmp_path / f"{what}.png"), getattr(wanted, what))
    seg.save(tmp_path / "x.npy", what="confidence")
    np.testing.assert_allclose(read(tmp_path / "x.npy"), wanted.confidence, atol=2e-6)


@pytest.mark.parametrize("what", WANTED)
@pytest.mark.parametrize("suffix", [".png", ".npy", ".PNG"])
def test_a_file_with_the_name_of_another_result(tmp_path: Path, what: Any, suffix: str) -> None:
    """It is an error whose cure saves the result of that name."""
    seg = made("numpy", None)
    for name in WANTED:
        path = tmp_path / (name + suffix)
        if name == what:
            continue
        with pytest.raises(ValueError, match=f"name of another result, and what is '{what}'") as e:
            seg.save(path, what=what)
        assert not path.exists()
        cure = re.search(
            r'pass what="(\w+)" to save the \w+(?:, to a file that ends in (\S+))?', str(e.value)
        )
        assert cure
        what_in_cure: Any = cure.group(1)
        assert what_in_cure == name
        path = path if cure.group(2) is None else path.with_suffix(cure.group(2).rstrip(","))
        seg.save(path, what=what_in_cure)
        assert path.exists()


def test_a_folder_may_have_the_name_of_a_result(tmp_path: Path) -> None:
    """Only the name of the file counts, and its last word."""
    (tmp_path / "overlay").mkdir()
    for name in ("overlay/a.png", "overlay/overlays.png", "color wheel.png", "a_margin.png"):
        made("numpy", None).save(tmp_path / name)
        assert read(tmp_path / name).dtype == np.uint8


@pytest.mark.parametrize(
    "name", ["my_color.png", "Overlay 1.png", "a-confidence.npy", "7_color.png"]
)
def test_names_that_end_with_a_result(tmp_path: Path, name: str) -> None:
    """Labels are saved, and the warning says which result was meant; that one has the name."""
    seg = made("numpy", None)
    with pytest.warns(segpost.InputWarning, match="labels are written to it") as caught:
        seg.save(tmp_path / name)
    assert caught[0].filename == __file__
    assert (tmp_path / name).exists()
    cure = re.search(r'pass what="(\w+)"', str(caught[0].message))
    assert cure
    assert cure.group(1) in name.lower()
    what: Any = cure.group(1)
    seg.save(tmp_path / name, what=what)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("images", [None, 1])
def test_save_all(tmp_path: Path, kind: str, images: int | None) -> None:
    """Every result is in the file of its name, as `save` writes it; the folder is made."""
    seg, folder = made(kind, images), tmp_path / "a" / "b"
    paths = seg.save_all(folder)
    names = ["labels.png", "color.png", "overlay.png", "confidence.png", "probabilities.npy"]
    assert [path.name for path in paths.values()] == names
    assert sorted(folder.iterdir()) == sorted(paths.values())
    for what, path in paths.items():
        other = tmp_path / f"x{path.suffix}"
        seg.save(other, what=what)
        assert other.read_bytes() == path.read_bytes()
    assert read(paths["probabilities"]).dtype == np.float32
    assert read(paths["probabilities"]).shape == (21, 24, 30)


def test_save_all_of_some_results(tmp_path: Path) -> None:
    """Only the results that are there, in place of older files."""
    for label in (1, 2):
        seg = Segmentation(labels=np.full((2, 2), label, np.uint8))
        assert list(seg.save_all(str(tmp_path))) == ["labels"]
        np.testing.assert_array_equal(read(tmp_path / "labels.png"), seg.labels)
    assert [path.name for path in tmp_path.iterdir()] == ["labels.png"]
    with pytest.raises(ValueError, match="has no results"):
        Segmentation().save_all(tmp_path)


def test_save_all_of_several_images(tmp_path: Path) -> None:
    """The folders of a batch are the caller's to name; the cure of the error works."""
    seg, folder = made("numpy", 3), tmp_path / "out"
    with pytest.raises(ValueError, match="this is a batch of 3, and every image needs") as error:
        seg.save_all(folder)
    assert not folder.exists()
    exec(str(error.value).partition("of its own: ")[2], {"seg": seg})
    assert [path.name for path in sorted(folder.iterdir())] == ["0", "1", "2"]
    for i in range(3):
        np.testing.assert_array_equal(read(folder / str(i) / "labels.png"), seg.labels[i])


@pytest.mark.parametrize("what", WANTED)
def test_a_file_is_written_as_a_whole_or_not_at_all(
    tmp_path: Path, what: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error while it is written leaves the older file, and no other."""

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    seg = made("numpy", None)
    path = tmp_path / ("x.npy" if what == "probabilities" else "x.png")
    path.write_bytes(b"older")
    monkeypatch.setattr(np, "save", fail)
    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        seg.save(path, what=what)
    assert [(file, file.read_bytes()) for file in tmp_path.iterdir()] == [(path, b"older")]


def test_png_without_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the package and the cure; arrays need none."""
    monkeypatch.setitem(sys.modules, "PIL", None)
    seg = made("numpy", None)
    with pytest.raises(ImportError, match=r"a PNG needs Pillow .*: pip install pillow$") as error:
        seg.save(tmp_path / "x.png")
    assert error.value.name == "PIL"
    seg.save(tmp_path / "x.npy")
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


def test_an_empty_batch_draws_nothing() -> None:
    """A notebook shows its text."""
    seg = segpost.postprocess(np.zeros((0, 3, 4, 4), np.float32))
    assert seg._repr_png_() is None
    assert "<img" not in (seg._repr_html_() or "")
    assert "(0, 4, 4)" in repr(seg)
