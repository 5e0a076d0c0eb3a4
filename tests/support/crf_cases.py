"""Images for dense CRFs, and the mean field once more, written another way than the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from conftest import scene
from definitions import definition, once

import segpost

EXACT = 1e-4  # max |dQ| of method="exact"
LATTICE = 1e-2  # mean |dQ| of method="lattice"
SMALL: dict[str, Any] = {
    "gaussian": {"sigma": 1.5, "weight": 2.0},
    "bilateral": {"sigma_xy": 5.0, "sigma_rgb": 20.0, "weight": 3.0},
    "iterations": 4,
}


def reference(probabilities: Any, image: Any = None, **settings: Any) -> np.ndarray:
    """What the definition says."""
    return np.asarray(definition(segpost.dense_crf, probabilities, image, **settings))  # type: ignore[arg-type]


def potts(labels: int) -> np.ndarray:
    """A cost for any two labels that differ."""
    return 1 - np.eye(labels)


def energies(probabilities: Any, clamp: float = 1e-5) -> np.ndarray:
    """-log of clamped probabilities, (L, N)."""
    flat = np.asarray(probabilities, np.float64).reshape(len(probabilities), -1)
    return np.asarray(-np.log(np.maximum(flat, clamp)))


def problem(
    labels: int = 4, height: int = 12, width: int = 9, channels: int = 3, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Uncertain float32 probabilities (L, H, W), and a uint8 picture that knows the regions."""
    random = np.random.default_rng(seed)
    logits = scene(labels, height, width, seed) + random.normal(0, 1.5, (labels, height, width))
    colors = random.integers(20, 235, (labels, channels))
    image = colors[scene(labels, height, width, seed).argmax(0)]
    noisy = (image + random.normal(0, 6, image.shape)).clip(0, 255).astype(np.uint8)
    return segpost.softmax(logits.astype(np.float32)), noisy


def near(got: Any, wanted: Any, mean: float) -> None:
    """The same probabilities but for a mean difference."""
    assert got.shape == wanted.shape
    assert np.abs(np.asarray(got, np.float64) - wanted).mean() <= mean


@once
def kernel(
    size: tuple[int, ...],
    sigma: float | tuple[float, ...] | None,
    guide: np.ndarray | None = None,
    guide_sigma: float | tuple[float, ...] = 1.0,
    normalization: str = "symmetric",
    own: bool = True,
) -> np.ndarray:
    """K(i, j), pair by pair."""
    pixels = list(np.ndindex(size))
    matrix = np.zeros((len(pixels), len(pixels)))
    for i, a in enumerate(pixels):
        for j, b in enumerate(pixels):
            square = 0.0
            if sigma is not None:
                square += float((((np.array(a) - b) / sigma) ** 2).sum())
            if guide is not None:
                apart = guide[a].astype(np.float64) - guide[b].astype(np.float64)
                square += float(((apart / guide_sigma) ** 2).sum())
            matrix[i, j] = np.exp(-square / 2) if own or i != j else 0.0
    sums = matrix.sum(1)
    with np.errstate(divide="ignore"):
        inverse = np.where(sums > 1e-6, 1 / sums, 0.0)
    if normalization == "symmetric":
        return np.sqrt(inverse)[:, None] * matrix * np.sqrt(inverse)
    if normalization == "row":
        return inverse[:, None] * matrix
    return matrix * inverse if normalization == "column" else matrix


def mean_field(
    energy: np.ndarray, terms: list[tuple[np.ndarray, np.ndarray]], iterations: int
) -> np.ndarray:
    """Q of every step (T + 1, L, N) for energies (L, N) and pairs of a kernel and costs (L, L)."""
    q = np.exp(-energy)
    steps = [q / q.sum(0)]
    for _ in range(iterations):
        total = energy.copy()
        for matrix, costs in terms:
            total += np.einsum("lm,ij,mj->li", costs, matrix, steps[-1], optimize=True)
        q = np.exp(total.min(0) - total)
        steps.append(q / q.sum(0))
    return np.array(steps)


def free_energy(
    q: np.ndarray, energy: np.ndarray, terms: list[tuple[np.ndarray, np.ndarray]]
) -> float:
    """Sum of Q log Q and of Q U, and half of what all pairs of pixels cost."""
    pairs = sum(
        np.einsum("li,lm,ij,mj->", q, costs, matrix, q, optimize=True) for matrix, costs in terms
    )
    return float((q * np.log(np.maximum(q, 1e-300))).sum() + (q * energy).sum() + pairs / 2)
