"""`scale=`: the size and the positions of torch's ``scale_factor`` and of ONNX's ``scales``."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import segpost
from segpost.typing import Grid

torch = pytest.importorskip("torch")

ON_CUDA = True
LOGITS = np.random.default_rng(4).normal(size=(3, 7, 9)).astype(np.float32)


def defined(logits: np.ndarray, size: tuple[int, ...], grid: Grid, scale: Any) -> np.ndarray:
    """The labels by fractions, pixel by pixel."""
    classes, *shape = logits.shape
    columns = []
    for n_in, n_out, factor in zip(shape, size, scale, strict=True):
        positions = []
        for o in range(n_out):
            if grid == "half_pixel":
                at = (o + Fraction(1, 2)) / factor - Fraction(1, 2)
            elif grid == "asymmetric":
                at = o / factor
            else:
                at = Fraction(o * (n_in - 1), max(n_out - 1, 1))
            positions.append(min(max(at, Fraction(0)), Fraction(n_in - 1)))
        columns.append(positions)
    values = [[[Fraction(float(v)) for v in row] for row in plane] for plane in logits]
    labels = np.empty(size, np.uint8)
    for i, y in enumerate(columns[0]):
        for j, x in enumerate(columns[1]):
            top, left = min(int(y), shape[0] - 2), min(int(x), shape[1] - 2)
            v, u = y - top, x - left
            scores = [
                (1 - v) * ((1 - u) * p[top][left] + u * p[top][left + 1])
                + v * ((1 - u) * p[top + 1][left] + u * p[top + 1][left + 1])
                for p in values
            ]
            labels[i, j] = scores.index(max(scores))
    assert classes == len(values)
    return labels


@pytest.mark.parametrize("grid", ["half_pixel", "align_corners", "asymmetric"])
@pytest.mark.parametrize("scale", [2, 1.5, 2.7, 0.6, (1.9, 2.4)])
def test_labels_are_those_of_fractions(backend: str, grid: Grid, scale: Any) -> None:
    """The size is the floor; a step is 1 / scale, also where shape * scale is no whole number."""
    factors = scale if isinstance(scale, tuple) else (scale, scale)
    ratios = tuple(Fraction(str(factor)) for factor in factors)
    size = tuple(int(n * ratio) for n, ratio in zip((7, 9), ratios, strict=True))
    labels = segpost.argmax(LOGITS, scale=scale, grid=grid)
    assert labels.shape == size
    np.testing.assert_array_equal(labels, defined(LOGITS, size, grid, ratios))


@pytest.mark.parametrize("scale", [2.0, 1.5, 2.7, 3.3, 0.6])
def test_labels_are_those_of_torch(scale: float) -> None:
    """Where torch's float32 interpolation is not near a tie."""
    up = torch.nn.functional.interpolate(
        torch.from_numpy(LOGITS)[None].double(), scale_factor=scale, mode="bilinear"
    )[0]
    two = up.topk(2, dim=0).values
    clear = (two[0] - two[1] > 1e-6).numpy()
    labels = segpost.argmax(LOGITS, scale=scale)
    assert labels.shape == tuple(up.shape[1:])
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(labels[clear], up.argmax(0).numpy()[clear])


def test_a_size_steps_differently() -> None:
    """With 7 x 2.7 = 18.9, 18 results of a size are farther apart than those of a scale."""
    by_scale, by_size = segpost.argmax(LOGITS, scale=2.7), segpost.argmax(LOGITS, size=(18, 24))
    assert by_scale.shape == by_size.shape == (18, 24)
    assert (by_scale != by_size).any()


def test_of_a_batch_and_of_volumes() -> None:
    """ONNX's scales have a factor for the batch and for the classes, of 1 each."""
    batch = np.stack([LOGITS, LOGITS[::-1]])
    labels = segpost.argmax(batch, scale=[1.0, 1.0, 2.0, 1.5])
    np.testing.assert_array_equal(labels[0], segpost.argmax(LOGITS, scale=(2, 1.5)))
    volume = np.random.default_rng(5).normal(size=(2, 3, 4, 5)).astype(np.float32)
    np.testing.assert_array_equal(
        segpost.argmax(volume, scale=2, volume=True), segpost.argmax(volume, size=(6, 8, 10))
    )


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"scale": 0}, ValueError, "positive"),
        ({"scale": -1.5}, ValueError, "positive"),
        ({"scale": float("nan")}, ValueError, "positive"),
        ({"scale": 1e9}, ValueError, "at most 4096"),
        ({"scale": True}, TypeError, "scale must be a number"),
        ({"scale": (2, 2, 2)}, ValueError, "or 2 numbers.*; for volumes pass volume=True"),
        ({"scale": "2"}, ValueError, "a number, or 2 numbers"),
        ({"scale": (2, 2, 2)}, ValueError, "a number, or 2 numbers"),
        ({"scale": (2, 1, 2, 2)}, ValueError, "resizes the batch or the classes"),
        ({"scale": 2**0.5}, ValueError, "pass size="),
        ({"scale": 0.01}, ValueError, r"gives the size \(0, 0\)"),
        ({"scale": 2, "size": (14, 18)}, ValueError, "size and scale both define"),
    ],
)
def test_what_is_refused(options: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        segpost.argmax(LOGITS, **options)


@pytest.mark.parametrize("volume", [True, False])
def test_four_dimensions(volume: bool) -> None:
    """A batch of images, or one volume: the argument decides."""
    values = np.random.default_rng(6).normal(size=(2, 3, 4, 5)).astype(np.float32)
    labels = segpost.argmax(values, volume=volume)
    np.testing.assert_array_equal(labels, values.argmax(0 if volume else 1))


@pytest.mark.parametrize(
    "options",
    [{"axis": -3, "volume": True}, {"axis": -4, "volume": False}, {"size": (2, 2), "volume": True}],
)
def test_arguments_that_contradict_volume(options: Any) -> None:
    with pytest.raises(ValueError, match=r"volume=.* contradicts"):
        segpost.argmax(np.zeros((2, 3, 4, 5), np.float32), **options)


@pytest.mark.parametrize(("scale", "side"), [(2.3, 100), (1.4, 85), (4.6, 25), (2.3, 7)])
def test_the_size_is_that_of_torch(scale: float, side: int) -> None:
    """The product is rounded in float64, then its floor is taken."""
    logits = np.zeros((2, side, 3), np.float32)
    up = torch.nn.functional.interpolate(
        torch.from_numpy(logits)[None], scale_factor=(scale, 1.0), mode="bilinear"
    )
    assert segpost.argmax(logits, scale=(scale, 1)).shape[0] == up.shape[2]
