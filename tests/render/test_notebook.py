"""What a notebook shows: pieces of HTML of every result, one line of text, and figures."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from html_elements import Elements

import segpost
from segpost.render import notebook
from segpost.render.tables import Table

BAD = "<b>"  # as a class name


def confusion_matrix(classes: int = 3) -> segpost.ConfusionMatrix:
    """Counts of two images, with void and a prediction of no class."""
    names = [BAD, *(f"class {label}" for label in range(1, classes))]
    cm = segpost.ConfusionMatrix(classes, ignore_index=255, class_names=names, per_image=True)
    target = np.array([[0, 1, 1, 255]], np.uint8)
    cm.update(preds=np.array([[0, 1, 2, 2]], np.uint8), target=target, ids=BAD)
    cm.update(
        preds=np.array([[0, 1, 1, 9]], np.uint8), target=np.array([[0, 0, 1, 1]], np.uint8), ids="b"
    )
    return cm


def segmentation() -> segpost.Segmentation:
    """Labels, confidence and an overlay of one image."""
    logits = np.random.default_rng(0).normal(size=(3, 8, 10)).astype(np.float32)
    return segpost.postprocess(
        logits,
        image=np.zeros((8, 10, 3), np.uint8),
        palette=segpost.Palette([(0, 0, 0), (255, 0, 0), (0, 0, 255)], names=[BAD, "b", "c"]),
        want=("labels", "confidence", "overlay"),
    )


def fingerprint() -> segpost.Fingerprint:
    """One of a network with a class name that is markup."""
    logits = np.random.default_rng(0).normal(size=(3, 8, 10)).astype(np.float32)
    return segpost.fingerprint(logits, class_names=[BAD, "b", "c"], stages={BAD: logits})


def checkpoint_diff() -> segpost.CheckpointDiff:
    """A checkpoint whose names have a prefix that is markup."""
    weights = {f"body.{i}.weight": np.ones((4, 4)) for i in range(4)}
    return segpost.compare_checkpoints({BAD + name: w for name, w in weights.items()}, weights)


RESULTS: dict[str, Callable[[], Any]] = {
    "Segmentation": segmentation,
    "ConfusionMatrix": confusion_matrix,
    "ConfusionMatrix of many classes": lambda: confusion_matrix(100),
    "ConfusionMatrix without counts": lambda: segpost.ConfusionMatrix(2, class_names=[BAD, "b"]),
    "Scores": lambda: confusion_matrix().compute(),
    "ImageScores": lambda: confusion_matrix().compute().images,
    "Comparison": lambda: confusion_matrix().compare_dialects(),
    "Palette": lambda: segpost.Palette([(1, 2, 3), (4, 5, 6)], names=[BAD, "b"], ignore_index=255),
    "Palette of many colors": lambda: segpost.Palette.distinct(300),
    "Diagnosis": lambda: segpost.diagnose(
        logits=np.full((3, 8, 8), np.nan, np.float32), class_names=[BAD, "b", "c"]
    ),
    "Fingerprint": fingerprint,
    "FingerprintDiff": lambda: fingerprint().compare(segpost.fingerprint(np.ones((3, 8, 10)))),
    "CheckpointDiff": checkpoint_diff,
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_has_html_and_one_line(name: str) -> None:
    """Well-formed, names from data escaped, nothing loaded; `repr` is short and says its type."""
    result = RESULTS[name]()
    html = result._repr_html_()
    tags = [tag for tag, _ in Elements(html).seen]
    assert "b" not in tags
    assert not {"script", "link", "iframe"} & {*tags}
    assert not re.search(r"https?:|@import|url\(", html)
    assert "color: #" not in html  # the text has the color of the notebook
    assert len(html) < 60_000
    line = repr(result)
    assert "\n" not in line
    assert len(line) < 250
    assert name.partition(" ")[0] in line


@pytest.mark.parametrize(
    "name", ["Segmentation", "ConfusionMatrix", "Scores", "ImageScores", "Palette", "Fingerprint"]
)
def test_names_are_there_and_escaped(name: str) -> None:
    """A class that is called <b> is shown as that."""
    html = RESULTS[name]()._repr_html_()
    assert "&lt;b&gt;" in html
    assert BAD not in html


def test_one_line_of_a_segmentation() -> None:
    """Shapes, dtypes and the largest classes; no pixel."""
    labels = np.array([[15, 15, 15, 0], [15, 0, 7, 255]], np.uint8)
    seg = segpost.Segmentation(labels=labels, palette=segpost.Palette.named("voc"))
    words = "person 50.0%, background 25.0%, car 12.5%, 1 other 12.5%"
    assert repr(seg) == str(seg) == f"<Segmentation: labels (2, 4) uint8; {words}>"
    plain = segpost.Segmentation(labels=labels, confidence=np.ones((2, 4), np.float32))
    assert "labels (2, 4) uint8, confidence (2, 4) float32; class 15 50.0%," in repr(plain)
    assert repr(segpost.Segmentation()) == "<Segmentation: no results>"
    assert segpost.Segmentation()._repr_html_() is None
    assert "labels (2, 2) float64" in repr(segpost.Segmentation(labels=np.ones((2, 2))))
    far = segpost.Segmentation(labels=np.array([[2**31 - 1, -1]], np.int32))
    assert "class 2147483647 50.0%" in repr(far)
    assert "<img" not in (far._repr_html_() or "")


def test_a_tensor_is_described_by_its_dtype() -> None:
    """`torch.uint8` is uint8."""
    torch = pytest.importorskip("torch")
    seg = segpost.Segmentation(labels=torch.zeros((2, 2), dtype=torch.uint8))
    assert repr(seg) == "<Segmentation: labels (2, 2) uint8; class 0 100.0%>"


def test_html_of_a_segmentation_has_picture_and_legend() -> None:
    """The overlay, an alternative text with the shares, and a swatch a class."""
    pillow = pytest.importorskip("PIL.Image")
    seg = segmentation()
    elements = Elements(seg._repr_html_() or "").seen
    (image,) = [attributes for tag, attributes in elements if tag == "img"]
    source, words = str(image["src"]), str(image["alt"])
    content = base64.b64decode(source.removeprefix("data:image/png;base64,"))
    np.testing.assert_array_equal(np.asarray(pillow.open(io.BytesIO(content))), seg.overlay)
    assert words.startswith("overlay: ")
    assert len(re.findall(r"[\d.]+%", words)) == 3
    swatches = [a["style"] for _, a in elements if a.get("class") == "swatch"]
    assert sorted(map(str, swatches)) == [
        f"background:rgb({color})" for color in ("0,0,0", "0,0,255", "255,0,0")
    ]


def test_a_matrix_that_waits_on_a_device_is_described_without_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`repr` in a debugger takes no counts from a device."""
    cm = confusion_matrix()

    def fail(self: Any) -> None:
        raise AssertionError("the counts were taken")

    monkeypatch.setattr(type(cm._device), "take", fail)
    assert repr(cm) == "<ConfusionMatrix: 3 classes, ignore_index=255, 8 pixels, 2 images>"


def test_a_table_without_rows_is_nothing() -> None:
    """So are an empty legend and an empty sentence."""
    assert notebook.format_compact_table(Table("a", ("b",), [])) == ""
    assert notebook.format_colors([]) == notebook.format_paragraph("") == ""


@pytest.mark.parametrize(
    "draw",
    [
        lambda: segmentation().figure(),
        lambda: confusion_matrix().compute().plot(),
        lambda: confusion_matrix().compute().plot("classes"),
    ],
)
def test_a_notebook_shows_figures(draw: Callable[[], Any]) -> None:
    """A matplotlib figure with its own PNG; pyplot is not asked."""
    matplotlib = pytest.importorskip("matplotlib.figure")
    pillow = pytest.importorskip("PIL.Image")
    figure = draw()
    assert isinstance(figure, matplotlib.Figure)
    with pillow.open(io.BytesIO(figure._repr_png_())) as picture:
        assert picture.size == tuple(int(side * figure.dpi) for side in figure.get_size_inches())


def test_ipython_shows_figures_without_pyplot() -> None:
    """IPython's own formatter calls the method, so no %matplotlib is needed."""
    pytest.importorskip("matplotlib.figure")
    formatters = pytest.importorskip("IPython.core.formatters")
    data, _ = formatters.DisplayFormatter().format(segmentation().figure())
    assert data["image/png"].startswith(b"\x89PNG")
