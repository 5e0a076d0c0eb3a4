"""postprocess and what it gives back."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost
from segpost import Palette, Segmentation

ON_CUDA = True

Image = pytest.importorskip("PIL.Image")
torch = pytest.importorskip("torch")

WANTED: Any = ("labels", "confidence", "probabilities", "color", "overlay")


@pytest.fixture
def image() -> np.ndarray:
    """A photograph of noise."""
    return np.random.default_rng(1).integers(0, 256, (64, 80, 3)).astype(np.uint8)


def test_everything_at_once(backend: str, image: np.ndarray) -> None:
    """All results agree with the operations they are made of."""
    logits = scene(21, 8, 10)
    seg = segpost.postprocess(
        logits, size=(64, 80), image=image, palette="voc", alpha=0.3, want=WANTED
    )
    np.testing.assert_array_equal(seg.labels, segpost.argmax(logits, size=(64, 80)))
    np.testing.assert_array_equal(seg.color, segpost.colorize(seg.labels, "voc"))
    np.testing.assert_array_equal(seg.overlay, segpost.overlay(image, seg.labels, "voc", alpha=0.3))
    assert seg.probabilities.shape == (21, 64, 80)
    np.testing.assert_allclose(seg.probabilities.sum(0), 1, atol=1e-5)
    np.testing.assert_allclose(seg.confidence, seg.probabilities.max(0), atol=1e-6)
    chosen = np.take_along_axis(seg.probabilities, seg.labels[None].astype(int), 0)[0]
    np.testing.assert_allclose(seg.confidence, chosen, atol=1e-6)


@pytest.mark.parametrize("axis", [-3, -1])
@pytest.mark.parametrize("size", [None, (64, 80)])
def test_confidence_is_that_of_the_probabilities(
    backend: str, axis: int, size: tuple[int, int] | None
) -> None:
    """Made beside labels and colors or beside probabilities, it is the same."""
    logits = np.stack([scene(21, 8, 36, seed) for seed in range(2)])
    if axis == -1:
        logits = np.ascontiguousarray(np.moveaxis(logits, 1, -1))
    for given in (logits, torch.from_numpy(logits).half(), logits.astype(np.float64)):
        whole = segpost.postprocess(given, axis=axis, size=size, palette="voc", want=WANTED[:4])
        names: Any = ("labels", "confidence", "color")
        some = segpost.postprocess(given, axis=axis, size=size, palette="voc", want=names)
        assert some.probabilities is None
        np.testing.assert_array_equal(some.labels, whole.labels)
        np.testing.assert_array_equal(some.color, whole.color)
        np.testing.assert_allclose(some.confidence, whole.confidence, rtol=0, atol=1e-6)


def test_bad_logits_where_confidence_is_wanted(backend: str) -> None:
    """NaN is told first, then all that has no confidence, a label or not."""
    logits = np.zeros((3, 4, 20), np.float32)
    want: Any = ("labels", "confidence")
    logits[1, 2, 5] = np.inf
    with pytest.raises(ValueError, match=r"no probabilities at 1 of 80 .* y 2, x 5"):
        segpost.postprocess(logits, want=want)
    seg = segpost.postprocess(logits, nan="propagate", want=want)
    assert seg.labels[2, 5] == 1
    np.testing.assert_array_equal(np.argwhere(np.isnan(seg.confidence)), [[2, 5]])
    logits[:, 3, 19] = -np.inf
    with pytest.raises(ValueError, match=r"no probabilities at 2 of 80 .* y 2, x 5"):
        segpost.postprocess(logits, want=want)
    logits[2, 1, 0] = np.nan
    with pytest.raises(ValueError, match=r"1 NaN of 240 .* class 2, y 1, x 0"):
        segpost.postprocess(logits, want=want)


def test_only_what_is_wanted() -> None:
    """Fields that were not asked for are None."""
    seg = segpost.postprocess(scene(21, 8, 10), want=("confidence",))
    assert seg.confidence is not None
    assert seg.labels is seg.color is seg.overlay is seg.probabilities is None  # type: ignore[comparison-overlap]
    assert segpost.postprocess(scene(21, 8, 10)).labels is not None


@pytest.mark.parametrize("grid", ["half_pixel", "align_corners", "asymmetric"])
@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize("offset", [0.0, 5000.0])
def test_upsampled_confidence_is_within_1e_6(
    backend: str, grid: Any, scale: float, offset: float
) -> None:
    """Confidence is that of the float64 definition, for steep borders and far offsets too."""
    logits = (scene(19, 9, 11) * scale + offset).astype(np.float32)
    with segpost.use_backend("reference"):
        wanted = segpost.postprocess(logits, size=(70, 83), grid=grid, want=WANTED[1:3])
    got = segpost.postprocess(logits, size=(70, 83), grid=grid, want=WANTED[1:3])
    np.testing.assert_allclose(got.confidence, wanted.confidence, rtol=0, atol=1e-6)
    np.testing.assert_allclose(got.probabilities, wanted.probabilities, rtol=0, atol=1e-6)


def test_batch_and_class_axis(backend: str, image: np.ndarray) -> None:
    """A batch gives a batch, channels last gives probabilities channels last."""
    logits = np.stack([scene(5, 8, 10, seed) for seed in range(3)])
    images = np.stack([image] * 3)
    seg = segpost.postprocess(
        logits, size=(64, 80), image=images, palette=Palette.distinct(5), want=WANTED
    )
    last = segpost.postprocess(
        np.moveaxis(logits, 1, -1),
        axis=-1,
        size=(64, 80),
        image=images,
        palette=Palette.distinct(5),
        want=WANTED,
    )
    assert len(seg) == 3
    assert last.probabilities.shape == (3, 64, 80, 5)
    np.testing.assert_array_equal(np.moveaxis(last.probabilities, -1, 1), seg.probabilities)
    for n in range(3):
        one = segpost.postprocess(
            logits[n], size=(64, 80), image=image, palette=Palette.distinct(5), want=WANTED
        )
        for name in WANTED:
            np.testing.assert_array_equal(getattr(seg[n], name), getattr(one, name))
        for name in ("labels", "confidence", "color", "overlay"):
            np.testing.assert_array_equal(getattr(last[n], name), getattr(one, name))


@pytest.mark.parametrize("threshold", [0.5, 0.2, 0.97])
@pytest.mark.parametrize("size", [None, (40, 50)])
def test_threshold_head(backend: str, threshold: float, size: tuple[int, int] | None) -> None:
    """A sigmoid head: label 1 above the threshold, confidence that of the chosen side."""
    logits = np.random.default_rng(1).normal(size=(2, 1, 9, 10)).astype(np.float32) * 3
    seg = segpost.postprocess(logits, threshold=threshold, size=size, want=WANTED[:3])
    up = torch.from_numpy(logits).double()
    if size:
        up = torch.nn.functional.interpolate(up, size, mode="bilinear")
    probability = up.sigmoid().numpy()
    np.testing.assert_allclose(seg.probabilities, probability, atol=1e-6)
    clear = np.abs(probability[:, 0] - threshold) > 1e-6
    np.testing.assert_array_equal(seg.labels[clear], (probability[:, 0] > threshold)[clear])
    chosen = np.where(seg.labels == 1, probability[:, 0], 1 - probability[:, 0])
    np.testing.assert_allclose(seg.confidence, chosen, atol=1e-6)


def test_threshold_is_exact(fast_backend: str) -> None:
    """Labels at and around the threshold are those of the definition, ties included."""
    random = np.random.default_rng(1)
    for logits in (
        np.round(random.normal(size=(1, 1, 30, 31)) * 2).astype(np.float32),
        np.full((1, 1, 5, 5), np.float32(np.log(3))),
        random.normal(size=(1, 1, 12, 13)),
    ):
        for threshold in (0.5, 0.75):
            for size in (None, (97, 61)):
                with segpost.use_backend("reference"):
                    wanted = segpost.postprocess(logits, threshold=threshold, size=size)
                got = segpost.postprocess(logits, threshold=threshold, size=size)
                np.testing.assert_array_equal(got.labels, wanted.labels)
    tie = segpost.postprocess(np.zeros((1, 4, 4), np.float32), threshold=0.5, size=(9, 9))
    assert not tie.labels.any()


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_quantized_logits(backend: str, dtype: str) -> None:
    """Confidence of int8 logits is that of the dequantized ones; labels are the same."""
    raw = np.random.default_rng(1).integers(0, 100, (6, 9, 10)).astype(dtype)
    real = 0.05 * (raw.astype(np.float64) - 40)
    for size in (None, (31, 40)):
        got = segpost.postprocess(raw, quantization=(0.05, 40), size=size, want=WANTED[:3])
        wanted = segpost.postprocess(real, size=size, want=WANTED[:3])
        np.testing.assert_allclose(got.probabilities, wanted.probabilities, atol=1e-6)
        np.testing.assert_allclose(got.confidence, wanted.confidence, atol=1e-6)
        np.testing.assert_array_equal(got.labels, segpost.argmax(raw, size=size))
    one = segpost.postprocess(raw[:1], quantization=(0.05, 40), threshold=0.5)
    np.testing.assert_array_equal(one.labels, real[0] > 0)


def test_void_class_is_painted_void(backend: str) -> None:
    """A class that is the palette's ignore_index gets the void color."""
    palette = Palette([(255, 0, 0), (0, 255, 0)], void=(7, 7, 7), ignore_index=1)
    logits = np.array([[[0, 9]], [[5, 0]]], np.float32)
    seg = segpost.postprocess(logits, palette=palette, want=("labels", "color"))
    np.testing.assert_array_equal(seg.labels, [[1, 0]])
    np.testing.assert_array_equal(seg.color, [[(7, 7, 7), (255, 0, 0)]])
    np.testing.assert_array_equal(seg.color, segpost.colorize(seg.labels, palette))


@pytest.mark.parametrize("classes", [2, 33, 150, 300])
@pytest.mark.parametrize("noise", [False, True])
def test_fused_color_is_colorize(backend: str, classes: int, noise: bool) -> None:
    """The colors made beside the labels are those of colorize."""
    logits = scene(classes, 12, 40)
    if noise:
        logits = np.random.default_rng(1).normal(size=logits.shape).astype(np.float32)
    if backend == "cuda-emulated":
        logits = logits[:, :4, :20]
    palette = Palette.distinct(classes)
    for size in (None, (8 * logits.shape[1], 8 * logits.shape[2]), (50, 77)):
        seg = segpost.postprocess(logits, size=size, palette=palette, want=("labels", "color"))
        np.testing.assert_array_equal(seg.color, segpost.colorize(seg.labels, palette))


@pytest.mark.parametrize(
    ("shape", "options", "text"),
    [
        ((4, 4, 21), {"palette": "voc"}, r"4 classes on axis -3, .* pass axis=-1"),
        ((21, 4, 4), {"palette": "voc", "axis": -1}, r"4 classes on axis -1, .* pass axis=-3"),
        ((22, 4, 4), {"palette": "voc"}, "22 classes on axis -3, but palette has 21 colors"),
        ((21, 4, 4), {"want": ("color",)}, "needs palette="),
        ((21, 4, 4), {"want": ("overlay",), "palette": "voc"}, "needs image="),
        ((21, 4, 4), {"want": ("colour",)}, "want must be one of"),
        ((21, 4, 4), {"want": ()}, "want is empty"),
        ((21, 4, 4), {"threshold": 0.5}, "threshold is for logits of one class, got 21"),
        ((1, 4, 4), {"threshold": 1.0}, "between 0 and 1"),
        ((21, 4, 4), {"confidence_mode": "sloppy"}, "confidence_mode must be one of"),
        ((21, 4, 4), {"image": np.zeros((2, 8, 3), np.uint8)}, r"pass size=\(2, 8\)"),
        ((21, 4, 4), {"image": np.zeros((4, 4, 4), np.uint8)}, "drop the alpha channel"),
        ((2, 21, 4, 4), {"image": np.zeros((4, 4, 3), np.uint8)}, "has 1 images, logits have 2"),
        ((21, 4, 4), {"alpha": 1.5, "want": ("overlay",), "palette": "voc",
                      "image": np.zeros((4, 4, 3), np.uint8)}, "alpha must be in 0..1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together(
    shape: tuple[int, ...], options: dict[str, Any], text: str
) -> None:
    """The message says what is wrong and what would be right."""
    with pytest.raises(ValueError, match=text):
        segpost.postprocess(np.zeros(shape, np.float32), **options)


@pytest.mark.parametrize(
    ("dtype", "options", "text"),
    [
        ("int8", {"want": ("confidence",)}, "pass quantization"),
        ("float32", {"quantization": (0.1, 0)}, "quantization is for integer logits"),
        ("int8", {"quantization": ([0.1] * 5, 0)}, "scale must be one number"),
        ("float32", {"want": "labels"}, "collection of names"),
        ("float32", {"palette": 7}, r"palette must be a segpost\.Palette, the name of one"),
        ("float32", {"image": np.zeros((4, 4, 3), np.float32)}, "image must be uint8, got float32"),
    ],
)
def test_wrong_types(dtype: str, options: dict[str, Any], text: str) -> None:
    """TypeError for the wrong kind of thing."""
    with pytest.raises(TypeError, match=text):
        segpost.postprocess(np.zeros((5, 4, 4), dtype), **options)


def test_maps_that_look_like_pictures(backend: str) -> None:
    """A batch of maps three pixels wide is no (H, W, 3) picture."""
    logits = np.random.default_rng(1).normal(size=(5, 4, 8, 3)).astype(np.float32)
    image = np.zeros((5, 8, 3, 3), np.uint8)
    seg = segpost.postprocess(logits, palette=Palette.distinct(4), image=image, want=WANTED)
    assert seg.overlay.shape == (5, 8, 3, 3)
    assert sum(seg.shares().values()) == pytest.approx(1)
    assert Segmentation(labels=seg.labels)._repr_png_()


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((19, 8, 256), {"palette": Palette.distinct(256)}),
        ((1, 8, 21), {"palette": "voc", "threshold": 0.5}),
        ((19, 8, 9), {"palette": Palette.named("voc").colors}),
        ((2, 8, 9), {"palette": "voc"}),
    ],
)
def test_longer_palettes_are_no_evidence(shape: tuple[int, ...], options: dict[str, Any]) -> None:
    """A palette with more colors than classes is allowed where it says nothing about the axis."""
    assert segpost.postprocess(scene(*shape), **options).labels.shape == shape[1:]


def test_notebook_picture(image: np.ndarray) -> None:
    """_repr_png_ is a PNG of the overlay, else of the colors."""
    logits = scene(21, 8, 10)
    seg = segpost.postprocess(logits, size=(64, 80), image=image, palette="voc", want=WANTED)
    with Image.open(io.BytesIO(seg._repr_png_() or b"")) as picture:
        np.testing.assert_array_equal(np.asarray(picture), seg.overlay)
    plain = segpost.postprocess(np.stack([logits] * 2))
    with Image.open(io.BytesIO(plain._repr_png_() or b"")) as picture:
        assert picture.size == (20, 8)


def test_figure_shows_names_and_shares(image: np.ndarray) -> None:
    """Three panels and a legend whose shares are those of the labels."""
    pytest.importorskip("matplotlib")
    seg = segpost.postprocess(scene(21, 8, 10), size=(64, 80), image=image, palette="voc")
    figure = seg.figure(classes=5)
    assert [panel.get_title() for panel in figure.axes] == ["image", "labels", "overlay"]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    label, share = next(iter(seg.shares().items()))
    assert texts[0] == f"{Palette.named('voc').name(label)}  {share:.1%}"
    assert len(texts) == 6
    assert "others" in texts[-1]
    figure.savefig(io.BytesIO())


@pytest.mark.parametrize(
    ("classes", "shape", "size"),
    [(21, (5, 9), (37, 64)), (300, (2, 700), (3, 1400)), (3, (1, 1), (300, 4)), (5, (6, 8), None)],
)
def test_the_overlay_is_that_of_the_labels_made(
    backend: str, classes: int, shape: tuple[int, int], size: tuple[int, int] | None
) -> None:
    """Made on the way, tile by tile, it has the bytes of segpost.overlay of the finished labels."""
    if backend == "cuda-emulated" and size:
        shape, size = (min(shape[0], 2), min(shape[1], 90)), (min(size[0], 60), min(size[1], 180))
    rng = np.random.default_rng(classes)
    logits = rng.normal(size=(2, classes, *shape)).astype(np.float32)
    out = size or shape
    image = rng.integers(0, 256, (2, *out, 6), dtype=np.uint8)[..., ::2]  # strided
    palette = segpost.Palette(
        rng.integers(0, 256, (classes + 2, 3)), ignore_index=1, void=(9, 9, 9)
    )
    want: Any = ("labels", "color", "overlay", "confidence")
    for alpha in (0.4, rng.random(classes + 2).tolist()):
        seg = segpost.postprocess(
            logits, size=size, image=image, palette=palette, alpha=alpha, want=want
        )
        with segpost.use_backend("reference"):
            expected = segpost.overlay(image, seg.labels, palette, alpha=alpha)
            color = segpost.colorize(seg.labels, palette)
        np.testing.assert_array_equal(seg.overlay, expected)
        np.testing.assert_array_equal(seg.color, color)
        alone = segpost.postprocess(
            logits, size=size, image=image, palette=palette, alpha=alpha, want=("overlay",)
        )
        np.testing.assert_array_equal(alone.overlay, expected)


@pytest.mark.parametrize("axis", [-3, -1])
@pytest.mark.parametrize("kind", ["float32", "float16", "float64"])
def test_probabilities_beside_labels_are_those_alone(backend: str, axis: int, kind: str) -> None:
    """Read once, in tiles of rows and columns: softmax's bytes, argmax's labels, NaN reported."""
    logits = np.random.default_rng(3).normal(size=(2, 40, 5, 1700)).astype(kind)
    given = np.ascontiguousarray(np.moveaxis(logits, 1, axis))
    want: Any = ("labels", "confidence", "probabilities", "color")
    seg = segpost.postprocess(given, axis=axis, palette=segpost.Palette.distinct(40), want=want)
    np.testing.assert_array_equal(seg.labels, logits.argmax(1))
    np.testing.assert_array_equal(seg.probabilities, segpost.softmax(given, axis=axis))
    np.testing.assert_array_equal(seg.confidence, seg.probabilities.max(axis))
    given[(1, 0, 4, 1699) if axis == -3 else (1, 4, 1699, 0)] = np.nan
    with pytest.raises(ValueError, match="first at image 1, class 0, y 4, x 1699"):
        segpost.postprocess(given, axis=axis, want=("labels", "probabilities"))
