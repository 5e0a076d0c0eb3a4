"""Entropy, margin and top-k: the values of float64 probabilities, on every backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import segpost
from segpost._backends.reference.labels import interpolated
from segpost._core.contract import Logits
from segpost._core.sampling import axes

SIZE = (37, 58)
TOLERANCE = 1e-5
ON_CUDA = True
RANKED: Any = ("labels", "confidence", "entropy", "margin", "topk")


def noise(scale: float, classes: int = 7, seed: int = 0) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(2, classes, 9, 13)) * scale).astype(np.float32)


def regions(classes: int = 19, seed: int = 0) -> npt.NDArray[np.float32]:
    """Classes in blocks, each sure of itself, as a trained network is."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(classes, size=(2, 3, 4)).repeat(8, axis=1).repeat(8, axis=2)
    logits = rng.normal(size=(2, classes, 24, 32)).astype(np.float32)
    np.put_along_axis(logits, blocks[:, None], 12.0, axis=1)
    return logits


def probabilities_of(logits: np.ndarray, size: tuple[int, int] | None = SIZE) -> np.ndarray:
    """The definition, in float64."""
    same = size is None or size == logits.shape[2:]
    table = None if same else axes(logits.shape[2:], size, "half_pixel")
    shape = logits.shape[2:] if size is None else size
    full = np.empty((*logits.shape[:2], *shape))
    den = 1.0 if table is None else table.y.den * table.x.den
    for n, rows, part in interpolated(Logits(logits, logits.dtype.name), table):
        full[n][:, rows] = part / den
    powers = np.exp(full - full.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def check(seg: Any, p: np.ndarray, k: int = 3) -> None:
    """All results agree with probabilities (N, C, H, W)."""
    ordered = -np.sort(-p, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.where(p > 0, p * np.log(p), 0.0).sum(axis=1)
    np.testing.assert_allclose(seg.entropy, entropy, atol=TOLERANCE)
    np.testing.assert_allclose(seg.margin, ordered[:, 0] - ordered[:, 1], atol=TOLERANCE)
    np.testing.assert_allclose(seg.confidence, ordered[:, 0], atol=TOLERANCE)
    np.testing.assert_allclose(seg.topk.probabilities, ordered[:, :k], atol=TOLERANCE)
    labels = seg.topk.labels.astype(np.intp)
    np.testing.assert_array_equal(labels[:, 0], seg.labels)
    named = np.take_along_axis(p, labels, axis=1)
    np.testing.assert_allclose(named, ordered[:, :k], atol=TOLERANCE)
    assert (np.diff(np.sort(labels, axis=1), axis=1) > 0).all()  # no class twice


@pytest.mark.parametrize("scale", [0.0, 1.0, 8.0, 60.0])
@pytest.mark.usefixtures("backend")
def test_noise(scale: float) -> None:
    logits = noise(scale)
    seg = segpost.postprocess(logits, size=SIZE, want=RANKED)
    check(seg, probabilities_of(logits))


@pytest.mark.parametrize("size", [None, (24, 32), (61, 130), (11, 200)])
@pytest.mark.usefixtures("backend")
def test_regions(size: tuple[int, int] | None) -> None:
    logits = regions()
    seg = segpost.postprocess(logits, size=size, want=RANKED, topk=5)
    check(seg, probabilities_of(logits, size), 5)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_types_and_infinities(backend: str, dtype: Any) -> None:
    """A class may be impossible: it has no share of the entropy."""
    if backend == "numba" and dtype == np.float64:
        pytest.skip("a compilation of its own takes seconds")
    logits = noise(3.0).astype(dtype)
    logits[:, 2] = -np.inf
    logits[0, 4, :4] = -np.inf
    seg = segpost.postprocess(logits, size=SIZE, want=RANKED)
    with np.errstate(invalid="ignore"):
        check(seg, probabilities_of(logits))


@pytest.mark.usefixtures("backend")
def test_undefined_pixels() -> None:
    logits = noise(1.0)
    logits[1, 3, 4, 5] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        segpost.postprocess(logits, size=SIZE, want=("entropy",))
    seg = segpost.postprocess(
        logits, size=SIZE, want=("entropy", "margin", "confidence"), nan="propagate"
    )
    is_undefined = np.isnan(probabilities_of(logits)).any(axis=1)
    assert is_undefined.any()
    for result in (seg.entropy, seg.margin, seg.confidence):
        np.testing.assert_array_equal(np.isnan(result), is_undefined)


@pytest.mark.usefixtures("backend")
def test_quantized_logits() -> None:
    quantization = (0.07, -3)
    raw = np.random.default_rng(0).integers(-100, 100, (2, 6, 9, 13)).astype(np.int8)
    real = (raw.astype(np.float64) + 3) * 0.07
    seg = segpost.postprocess(raw, size=SIZE, quantization=quantization, want=RANKED)
    check(seg, probabilities_of(real))
    with pytest.raises(TypeError, match=r"for entropy pass quantization="):
        segpost.postprocess(raw, size=SIZE, want=("entropy",))


@pytest.mark.usefixtures("backend")
def test_a_head_of_one_channel_has_two_classes() -> None:
    logits = noise(3.0, classes=1)
    seg = segpost.postprocess(logits, size=SIZE, threshold=0.5, want=RANKED, topk=2)
    both = np.concatenate([np.zeros_like(logits), logits], axis=1)
    check(seg, probabilities_of(both), 2)


def test_decoded_probabilities() -> None:
    """Of a network with a softmax, values are interpolated as probabilities."""
    logits = noise(2.0)
    p = probabilities_of(logits, None).astype(np.float32)
    convention = segpost.Convention(kind="probabilities")
    seg = segpost.postprocess(p, convention=convention, size=SIZE, want=RANKED)
    expected = segpost.postprocess(
        p, convention=convention, size=SIZE, want=("probabilities",)
    ).probabilities
    check(seg, expected.astype(np.float64))
    assert seg.probabilities is None


def test_refined_probabilities() -> None:
    logits = noise(2.0)[0]
    image = np.random.default_rng(0).integers(0, 255, (*SIZE, 3)).astype(np.uint8)
    options: Any = {"crf": segpost.DenseCRF(iterations=2), "image": image}
    seg = segpost.postprocess(logits, want=("entropy", "labels"), **options)
    p = segpost.postprocess(logits, want=("probabilities",), **options).probabilities
    entropy = -(p * np.log(p)).sum(axis=0)
    np.testing.assert_allclose(seg.entropy, entropy, atol=TOLERANCE)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize(("dtype", "most"), [("uint8", 255), ("uint16", 65535)])
def test_probabilities_of_integers(dtype: Any, most: int) -> None:
    logits = noise(2.0)
    want: Any = ("probabilities", "topk")
    seg = segpost.postprocess(logits, size=SIZE, probabilities_dtype=dtype, want=want)
    exact = segpost.postprocess(logits, size=SIZE, want=want)
    for result, real in (
        (seg.probabilities, exact.probabilities),
        (seg.topk.probabilities, exact.topk.probabilities),
    ):
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, np.rint(real * np.float32(most)))


def test_one_image_of_a_batch_and_files(tmp_path: Path) -> None:
    logits = noise(2.0)
    seg = segpost.postprocess(logits, size=SIZE, want=("entropy", "margin", "topk"))
    one, alone = seg[1], segpost.postprocess(logits[1], size=SIZE, want=("entropy", "topk"))
    np.testing.assert_array_equal(one.entropy, alone.entropy)
    np.testing.assert_array_equal(one.topk.labels, alone.topk.labels)
    assert one.topk.shape == (3, *SIZE)
    assert "topk (2, 3, 37, 58)" in repr(seg)
    paths = one.save_all(tmp_path)
    assert [path.name for path in paths.values()] == ["entropy.npy", "margin.npy", "topk.npz"]
    np.testing.assert_array_equal(np.load(paths["entropy"]), one.entropy)
    with np.load(paths["topk"]) as archive:
        np.testing.assert_array_equal(archive["labels"], one.topk.labels)
        np.testing.assert_array_equal(archive["probabilities"], one.topk.probabilities)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"topk": 0}, "topk must be at least 1"),
        ({"topk": 17}, "topk must be at most 16"),
        ({"topk": 8}, "topk is 8, but there are 7 classes"),
        ({"probabilities_dtype": "int8"}, "probabilities_dtype must be one of"),
    ],
)
def test_bad_arguments(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        segpost.postprocess(noise(1.0), want=("topk",), **options)


def test_labels_have_no_order() -> None:
    convention = segpost.Convention(kind="labels")
    with pytest.raises(ValueError, match='want has "entropy"'):
        segpost.postprocess(np.zeros((4, 4), np.uint8), convention=convention, want=("entropy",))


def test_a_stream_does_not_have_them() -> None:
    with pytest.raises(ValueError, match='want has "margin", which a stream does not have'):
        segpost.Stream(want=("margin",))


def order_of(logits: np.ndarray, size: tuple[int, int] | None, k: int) -> np.ndarray:
    """The definition of the order: NaN above all numbers, equal logits in order of class."""
    table = None if size is None else axes(logits.shape[2:], size, "half_pixel")
    full = np.empty((*logits.shape[:2], *(size or logits.shape[2:])))
    for n, rows, part in interpolated(Logits(logits, logits.dtype.name), table):
        full[n][:, rows] = part
    return np.lexsort([-full, ~np.isnan(full)], axis=1)[:, :k]


def integers(classes: int, most: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Logits of few values: many pixels have equal classes, in cells and on lines between them."""
    rng = np.random.default_rng(seed)
    return rng.integers(-most, most + 1, (2, classes, 7, 10)).astype(np.float32)


@pytest.mark.parametrize("size", [None, (28, 40), (29, 61)])
@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.usefixtures("backend")
def test_equal_classes_are_in_order(size: tuple[int, int] | None, k: int) -> None:
    """Exactly, whatever the backend; scaling makes steps that are no powers of two."""
    for classes, most in ((6, 1), (9, 3)):
        logits = integers(classes, most) * np.float32(1.7)
        seg = segpost.postprocess(logits, size=size, want=("labels", "topk", "entropy"), topk=k)
        np.testing.assert_array_equal(seg.topk.labels, order_of(logits, size, k))
        np.testing.assert_array_equal(seg.topk.labels[:, 0], seg.labels)
    constant = np.zeros((1, 5, 3, 3), np.float32)
    seg = segpost.postprocess(constant, size=size, want=("topk",), topk=k)
    np.testing.assert_array_equal(seg.topk.labels, order_of(constant, size, k))


@pytest.mark.usefixtures("backend")
def test_close_classes_are_in_order() -> None:
    """Differences below the precision of float32 arithmetic, at large and small logits."""
    random = np.random.default_rng(3)
    for offset in (0.0, 1e3, -1e5):
        base = random.normal(size=(1, 1, 6, 9)) * 3 + offset
        shift = random.choice([-1e-7, 0.0, 1e-7, 2.0], (1, 8, 6, 9)) * max(1.0, abs(offset))
        logits = (base + shift).astype(np.float32)
        seg = segpost.postprocess(logits, size=(31, 50), want=("labels", "topk", "margin"))
        np.testing.assert_array_equal(seg.topk.labels, order_of(logits, (31, 50), 3))


@pytest.mark.parametrize("size", [None, (21, 30)])
@pytest.mark.usefixtures("backend")
def test_order_where_logits_are_not_finite(size: tuple[int, int] | None) -> None:
    """NaN comes first, then +inf; classes at -inf are in order of class."""
    logits = integers(6, 4, seed=1)
    random = np.random.default_rng(2)
    for value, share in ((-np.inf, 0.3), (np.nan, 0.02), (np.inf, 0.02)):
        logits[random.random(logits.shape) < share] = value
    seg = segpost.postprocess(logits, size=size, want=("labels", "topk"), topk=4, nan="propagate")
    order = order_of(logits, size, 4)
    np.testing.assert_array_equal(seg.topk.labels, order)
    np.testing.assert_array_equal(seg.labels, order[:, 0])


@pytest.mark.parametrize("classes", [200, 300])
@pytest.mark.usefixtures("backend")
def test_order_of_many_classes(classes: int) -> None:
    """Keys of many classes are coarse: their probabilities are not."""
    logits = noise(3.0, classes)[:1]
    seg = segpost.postprocess(logits, size=SIZE, want=RANKED, topk=4)
    check(seg, probabilities_of(logits), 4)
    np.testing.assert_array_equal(seg.topk.labels, order_of(logits, SIZE, 4))
