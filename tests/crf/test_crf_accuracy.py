"""The error of the lattice against the exact mean field, and that of pydensecrf if installed."""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from typing import Any

import numpy as np
import pytest
from crf_cases import reference

import segpost
from segpost import DenseCRF

ON_CUDA = True

SEEDS = (0, 1, 2, 3)
PRESETS = ("pydensecrf", "deeplab")


def smooth(random: np.random.Generator, sigma: float) -> np.ndarray:
    """A random field of unit variance, (40, 56)."""
    x = np.arange(-12, 13) / sigma
    field = random.normal(size=(40, 56))
    for axis in (0, 1):
        field = np.apply_along_axis(np.convolve, axis, field, np.exp(-x * x / 2), "same")
    return np.asarray(field / field.std())


@cache
def photograph(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Regions of their own color, shading, grain; and probabilities that half know the regions."""
    random = np.random.default_rng(seed)
    region = (smooth(random, 4) > 0) + 2 * (smooth(random, 5) > 0.5)
    shade = np.stack([smooth(random, 6) for _ in range(3)], axis=-1)
    colors = random.integers(20, 236, (4, 3))
    image = colors[region] + 15 * shade + random.normal(0, 4, shade.shape)
    logits = np.stack([1.5 * smooth(random, 3) for _ in range(6)])
    logits[:4] += 2.5 * (region == np.arange(4)[:, None, None])
    return segpost.softmax(logits.astype(np.float32)), image.clip(0, 255).astype(np.uint8)


@cache
def exact(seed: int, preset: Any) -> np.ndarray:
    """One iteration of the definition: later ones amplify differences where pixels can flip."""
    crf = DenseCRF.preset(preset)
    terms = {"gaussian": crf.gaussian, "bilateral": crf.bilateral}
    return reference(*photograph(seed), **terms, iterations=1)


def error(preset: Any, quality: Any, method: Any = "lattice") -> float:
    """Mean |dQ| over all photographs."""
    crf = DenseCRF.preset(preset, iterations=1, quality=quality, method=method)
    return float(np.mean([np.abs(crf(*photograph(s)) - exact(s, preset)).mean() for s in SEEDS]))


def peer_error(preset: Any) -> float:
    """The same of pydensecrf."""
    dcrf: Any = importlib.import_module("pydensecrf.densecrf")

    crf: Any = DenseCRF.preset(preset)
    (gaussian,), (bilateral,) = crf.gaussian, crf.bilateral
    errors = []
    for seed in SEEDS:
        p, image = photograph(seed)
        labels, height, width = p.shape
        d = dcrf.DenseCRF2D(width, height, labels)
        d.setUnaryEnergy(-np.log(p.clip(1e-5, 1)).reshape(labels, -1))
        d.addPairwiseGaussian(sxy=gaussian["sigma"], compat=gaussian["weight"])
        d.addPairwiseBilateral(
            sxy=bilateral["sigma_xy"],
            srgb=bilateral["sigma_rgb"],
            rgbim=image,
            compat=bilateral["weight"],
        )
        q = np.array(d.inference(1)).reshape(p.shape)
        errors.append(np.abs(q - exact(seed, preset)).mean())
    return float(np.mean(errors))


@pytest.mark.parametrize("preset", PRESETS)
def test_quality_buys_accuracy(fast_backend: str, preset: str) -> None:
    """The errors of the qualities are those of the docs; "fast" is the lattice of pydensecrf."""
    fast = error(preset, "fast")
    assert error(preset, "default") <= 0.9 * fast
    assert error(preset, "high") <= 0.6 * fast
    assert 1e-4 < fast < 4e-3


@pytest.mark.parametrize("preset", PRESETS)
def test_exact_is_exact(fast_backend: str, preset: str) -> None:
    """method="exact" differs from the definition by the rounding of float32."""
    assert error(preset, "default", method="exact") < 1e-6


@pytest.mark.skipif(
    importlib.util.find_spec("pydensecrf") is None, reason="pydensecrf is not installed"
)
@pytest.mark.parametrize("preset", PRESETS)
def test_nearer_than_pydensecrf(fast_backend: str, preset: str) -> None:
    """The default is no further from the definition, "high" at most 0.6 times as far."""
    peer = peer_error(preset)
    assert error(preset, "default") <= peer
    assert error(preset, "high") <= 0.6 * peer
