"""The input of a network computed of images of any bands and element type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import segpost

LETTERBOX = segpost.Letterbox.fit((30, 47), (24, 24))
SETTINGS: dict[str, Any] = {"mean": 0.25, "std": 2.0, "scale": 1 / 128}


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize(
    ("bands", "dtype"),
    [(1, "uint8"), (4, "uint16"), (3, "float16"), (2, "float64"), (9, "int16")],
)
def test_every_backend_gives_the_definition(
    bands: int, dtype: str, antialias: bool, backend: str, rng: np.random.Generator
) -> None:
    """Values of all types and strides are those of float64, within the error of float32."""
    pixels = (rng.random((2, 30, 47, bands)) * 200).astype(dtype)
    flipped = pixels[:, ::-1, :, ::-1].copy()[:, ::-1, :, ::-1]
    images = (pixels, flipped, pixels.transpose(0, 3, 1, 2).copy().transpose(0, 2, 3, 1))
    with segpost.use_backend("reference"):
        wanted = LETTERBOX.apply(pixels, antialias=antialias, **SETTINGS)
    for image in images:
        result = LETTERBOX.apply(image, antialias=antialias, **SETTINGS)
        assert result.shape == (2, bands, 24, 24)
        np.testing.assert_allclose(result, wanted, rtol=0, atol=2e-6)
    last = LETTERBOX.apply(pixels, antialias=antialias, layout="nhwc", dtype="float16", **SETTINGS)
    np.testing.assert_allclose(last.transpose(0, 3, 1, 2), wanted, rtol=1e-3, atol=1e-3)
