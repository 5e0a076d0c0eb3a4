"""A dense CRF whose unary or image has other units says so, and the cure gives the right labels."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import segpost
from segpost.typing import Quality

Y, X = np.mgrid[:48, :64]
TRUTH = ((Y - 24) ** 2 + (X - 32) ** 2 < 150).astype(np.uint8)
IMAGE = np.where(TRUTH[..., None] == 1, [200, 60, 60], [60, 120, 200]).astype(np.uint8)
FIRST = np.clip(
    0.5 + 0.35 * (2.0 * TRUTH - 1) + np.random.default_rng(0).normal(0, 0.35, TRUTH.shape),
    0.02,
    0.98,
)
TWO = np.stack([1 - FIRST, FIRST]).astype(np.float32)
THREE = np.stack([0.9 * (1 - FIRST), 0.9 * FIRST, np.full_like(FIRST, 0.1)]).astype(np.float32)


def share_right(probabilities: Any) -> float:
    """The share of pixels with the label of the truth."""
    return float((np.asarray(probabilities).argmax(0) == TRUTH).mean())


def test_an_image_of_0_to_1(backend: str) -> None:
    """Sigmas of 0..255 see one color in it; both cures of the message see all."""
    small = (IMAGE / 255).astype(np.float32)
    with pytest.warns(segpost.InputWarning, match=r"pass image \* 255, or sigma_rgb / 255"):
        blind = segpost.dense_crf(TWO, small)
    assert share_right(blind) < 0.95
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = segpost.dense_crf(TWO, small * 255)
        bilateral = {"sigma_xy": 80, "sigma_rgb": 13 / 255, "weight": 10}
        second = segpost.dense_crf(TWO, small, bilateral=bilateral)
    assert share_right(first) > 0.99
    assert share_right(second) > 0.99


@pytest.mark.parametrize("image", [np.zeros((48, 64, 3)), np.full((48, 64, 1), 0.5)])
def test_an_image_of_one_color_passes(image: Any) -> None:
    """It has no units."""
    segpost.dense_crf(TWO, image.astype(np.float32))


@pytest.mark.parametrize("probabilities", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_logarithms_as_energies(backend: str, probabilities: Any, kind: str) -> None:
    """log p is the energy with the other sign, which the message says."""
    logarithms = np.log(probabilities).astype(kind)
    with pytest.raises(ValueError, match="energies have the other sign: pass -probabilities"):
        segpost.dense_crf(logarithms, IMAGE, unary="energies")
    cured = segpost.dense_crf(-logarithms, IMAGE, unary="energies")
    assert share_right(cured) > 0.99


@pytest.mark.parametrize("probabilities", [TWO, THREE], ids=["two", "three"])
def test_energies_as_probabilities(probabilities: Any) -> None:
    """-log p is no logits, whose sign is the other one."""
    with pytest.raises(ValueError, match="they look like energies: pass unary='energies'"):
        segpost.dense_crf(-np.log(probabilities), IMAGE)
    with pytest.raises(ValueError, match="they look like logits: pass unary='logits'"):
        segpost.dense_crf(np.log(probabilities), IMAGE)


def test_probabilities_as_energies() -> None:
    """They are refused; of two labels they may be 1 - p, and that is a warning."""
    with pytest.raises(ValueError, match="pass unary='probabilities'"):
        segpost.dense_crf(THREE, IMAGE, unary="energies")
    assert share_right(segpost.dense_crf(THREE, IMAGE, unary="probabilities")) > 0.99
    with pytest.warns(segpost.InputWarning, match="pass unary='probabilities'"):
        wrong = segpost.dense_crf(TWO, IMAGE, unary="energies")
    assert share_right(wrong) < 0.1


def test_probabilities_as_logits() -> None:
    """Their softmax would make them alike; logits in 0..1 do not sum to 1."""
    with pytest.raises(ValueError, match=r"unary='logits'.* pass unary='probabilities'"):
        segpost.dense_crf(THREE, IMAGE, unary="logits")
    segpost.dense_crf(THREE / 2, IMAGE, unary="logits", iterations=1)


def test_a_normalized_image() -> None:
    """A sigma for 0 to 255 tells none of its colors apart; both cures are no warning."""
    normalized = ((IMAGE / 255 - 0.45) / 0.22).astype(np.float32)
    with pytest.warns(segpost.InputWarning, match="before its normalization") as caught:
        wrong = segpost.dense_crf(TWO, normalized)
    assert caught[0].filename == __file__
    term = {"sigma_xy": 80.0, "sigma_rgb": 13 / 255 / 0.22, "weight": 10.0}
    small = segpost.dense_crf(TWO, normalized, bilateral=term)
    assert share_right(small) > share_right(wrong)
    assert share_right(segpost.dense_crf(TWO, IMAGE)) > share_right(wrong)


@pytest.mark.parametrize(
    "energies",
    [
        -np.log(TWO),
        (TWO < 0.5).astype(np.float32),  # 0 for the label, 1 for the other
        np.zeros_like(THREE),
        np.full_like(TWO, 0.5),
        THREE * 5,
    ],
)
def test_energies_that_pass(energies: Any) -> None:
    segpost.dense_crf(energies, IMAGE, unary="energies", iterations=1)


@pytest.mark.parametrize("quality", ["fast", "default"])
def test_a_lattice_without_the_own_term(quality: Quality) -> None:
    """It is refused, and each cure of the message runs."""
    with pytest.raises(ValueError, match=r"own_term=False with quality=.* is inexact"):
        segpost.DenseCRF(own_term=False, quality=quality)
    p, image = TWO[:, :12, :16], IMAGE[:12, :16]
    exact = segpost.DenseCRF(own_term=False, quality=quality, method="exact")(p, image)
    high = segpost.DenseCRF(own_term=False, quality="high")(p, image)
    assert exact.shape == high.shape == p.shape
    segpost.DenseCRF(own_term=False, quality=quality, bilateral=None)(p, image)
