"""Sigmas in other units than the image's, and weights below 0."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest

import segpost

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.integers(0, 256, (12, 16, 3), dtype=np.uint8)
PROBABILITIES = segpost.softmax(RANDOM.normal(size=(2, 12, 16)).astype(np.float32))


def bilateral(sigma_rgb: Any, **items: Any) -> dict[str, Any]:
    """A bilateral term."""
    return {"sigma_xy": 8, "sigma_rgb": sigma_rgb, "weight": 5, **items}


@pytest.mark.parametrize("kind", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("sigma", [0.05, (0.05, 0.05, 0.05)])
def test_a_sigma_of_0_to_1(kind: str, sigma: Any) -> None:
    """A sigma for an image in 0..1 is a warning with the one in the image's units."""
    image = IMAGE.astype(kind)
    with pytest.warns(segpost.InputWarning, match="no effect there") as caught:
        wrong = segpost.dense_crf(PROBABILITIES, image, bilateral=bilateral(sigma))
    code = re.search(r"sigma_rgb \* 255", str(caught[0].message))
    assert code
    value = np.asarray(eval(code.group(0), {"sigma_rgb": np.asarray(sigma)})).tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        right = segpost.dense_crf(PROBABILITIES, image, bilateral=bilateral(value))
        unit = segpost.dense_crf(
            PROBABILITIES, (IMAGE / 255).astype(np.float32), bilateral=bilateral(sigma)
        )
    assert abs(right - unit).max() < 1e-3 < abs(right - wrong).max()


def test_small_sigmas_that_are_meant() -> None:
    """Maps of regions, whose pixels equal their neighbors, and images in other units."""
    regions = np.arange(6, dtype=np.uint8).repeat(4).reshape(4, 6).repeat(3, 0).repeat(3, 1)
    p = np.full((2, *regions.shape), 0.5, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        segpost.dense_crf(p, regions * 40, bilateral=bilateral(0.1))
        segpost.dense_crf(PROBABILITIES, IMAGE, bilateral=bilateral(3))
        segpost.dense_crf(PROBABILITIES, IMAGE, bilateral=bilateral(1))
        segpost.dense_crf(PROBABILITIES, IMAGE[..., 0] % 2, bilateral=bilateral(0.5))
        features = RANDOM.normal(0, 60, IMAGE.shape).astype(np.float32)
        segpost.dense_crf(PROBABILITIES, features, bilateral=bilateral(0.5))
        segpost.dense_crf(PROBABILITIES[:, :, :1], IMAGE[:, :1], bilateral=bilateral(0.05))


@pytest.mark.parametrize("kind", ["gaussian", "bilateral"])
def test_weights_below_0(kind: str) -> None:
    """A warning says what they do, which the result shows; with a matrix there is none."""
    term: Any = {"sigma": 3.0} if kind == "gaussian" else {"sigma_xy": 8.0, "sigma_rgb": 200.0}
    other: dict[str, Any] = {"gaussian": None, "bilateral": None}
    with pytest.warns(segpost.InputWarning, match=f"{kind}'s weight is -5: .*pass 5 ") as caught:
        crf = segpost.DenseCRF(**{**other, kind: {**term, "weight": -5}})
    assert caught[0].filename == __file__
    apart = segpost.argmax(crf(PROBABILITIES, IMAGE))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alike = segpost.argmax(
            segpost.DenseCRF(**{**other, kind: {**term, "weight": 5}})(PROBABILITIES, IMAGE)
        )
        segpost.DenseCRF(**{**other, kind: {**term, "weight": -5, "compatibility": -np.eye(2)}})
        segpost.DenseCRF(**{**other, kind: {**term, "weight": -5}}, compatibility=[1, 1])

    def changes(labels: Any) -> int:
        return int((np.diff(labels, axis=1) != 0).sum())

    assert changes(alike) < changes(apart)
