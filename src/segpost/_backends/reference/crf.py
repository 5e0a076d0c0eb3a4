"""Definition of the dense CRF: mean field over all pairs of pixels, in O(N^2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from segpost._core.arrays import widen
from segpost._core.contract import Array, CrfStep, Pairwise, Unary, UnaryErrors

Float64 = npt.NDArray[np.float64]

MAX_CACHED_PIXELS = 4096  # pixels up to which kernels are cached: 128 MiB per term
BLOCK = 1 << 22  # kernel elements that are computed together in larger images
MIN_SUM = 1e-6  # a pixel with a smaller sum over the other pixels gets no messages
RANGE_TOLERANCE = 1e-3  # distance by which a probability may be outside 0..1


def dense_crf(
    unary: Unary, terms: Sequence[Pairwise], include_self: bool, method: str, quality: str
) -> Solver:
    """Return the exact solver, for every `method` and `quality`."""
    return Solver(unary, terms, include_self)


class Solver:
    """Mean field by its definition: Q_l(i) <- softmax_l(-U_l(i) + messages_l(i))."""

    def __init__(self, unary: Unary, terms: Sequence[Pairwise], include_self: bool) -> None:
        energy, self.bad = energies(unary)
        self.energy = energy.reshape(len(energy), -1)  # [L, N]
        is_valid = not (self.bad.count or self.bad.out_of_range or self.bad.infeasible)
        self.kernels = [Kernel(term, energy.shape[1:], include_self) for term in terms if is_valid]

    def messages(self, q: Float64) -> Float64:
        """Return the messages of all terms, weighted by compatibility: [L, N] from [L, N]."""
        return sum((kernel.messages(q) for kernel in self.kernels), np.zeros_like(q))

    def infer(
        self,
        out: Array,
        iterations: int,
        start: Array | None,
        tolerance: float | None,
        trace: bool,
    ) -> list[CrfStep]:
        """Write the final Q to `out`, and return the steps."""
        q = softmax_of_energies(-self.energy)
        if start is not None:
            q = start.astype(np.float64).reshape(q.shape)
        change = np.nan
        steps = []
        for iteration in range(iterations + 1):
            last = iteration == iterations or (tolerance is not None and change <= tolerance)
            messages = np.zeros_like(q) if last and not trace else self.messages(q)
            steps.append(CrfStep(*self.free_energy(q, messages, trace), change))
            if last:
                break
            previous, q = q, softmax_of_energies(messages - self.energy)
            if trace or tolerance is not None:
                change = float(np.abs(q - previous).max(initial=0.0))
        out[...] = q.reshape(out.shape)
        return steps

    def free_energy(self, q: Float64, messages: Float64, trace: bool) -> tuple[float, float, float]:
        """Return entropy, unary and pairwise energy; labels of probability 0 contribute nothing."""
        if not trace:
            return np.nan, np.nan, np.nan
        is_possible = q > 0
        entropy = float(np.sum(q[is_possible] * np.log(q[is_possible])))
        return (
            entropy,
            float(np.sum(q[is_possible] * self.energy[is_possible])),
            -float(np.sum(q * messages)),
        )


class Kernel:
    """A term: exp(-|f_i - f_j|^2 / 2), normalized, with the compatibility of labels."""

    def __init__(self, term: Pairwise, size: tuple[int, ...], include_self: bool) -> None:
        self.include_self = include_self
        self.compatibility = term.compatibility
        self.features = features(term, size)
        self.pixels = int(np.prod(size))
        self.cached_blocks = [*self.compute_blocks()] if self.pixels <= MAX_CACHED_PIXELS else None
        sums = np.concatenate([np.zeros(0), *(rows.sum(axis=1) for _, rows in self.blocks())])
        exponent = {"symmetric": -0.5, "row": -1.0, "column": -1.0, "none": 0.0}
        factor = np.maximum(sums, MIN_SUM) ** exponent[term.normalization]
        if term.normalization != "none":
            factor[sums <= MIN_SUM] = 0.0
        self.left = np.ones_like(sums) if term.normalization == "column" else factor
        self.right = np.ones_like(sums) if term.normalization == "row" else factor

    def messages(self, q: Float64) -> Float64:
        """Return the messages of the term: [L, N] from [L, N]."""
        weighted = (self.right * q).T
        sums = np.empty_like(weighted)
        for first, rows in self.blocks():
            sums[first : first + len(rows)] = rows @ weighted
        messages = self.left * sums.T
        if self.compatibility.ndim == 2:
            return np.asarray(self.compatibility @ messages)
        return self.compatibility[..., None] * messages

    def blocks(self) -> Iterator[tuple[int, Float64]]:
        """Iterate over blocks of rows of the kernel, with the index of the first row."""
        return self.compute_blocks() if self.cached_blocks is None else iter(self.cached_blocks)

    def compute_blocks(self) -> Iterator[tuple[int, Float64]]:
        """Compute the blocks one after the other."""
        height = max(BLOCK // max(self.pixels, 1), 1)
        for first in range(0, self.pixels, height):
            square = np.zeros((min(height, self.pixels - first), self.pixels))
            for feature in self.features:
                square += (feature[first : first + height, None] - feature) ** 2
            rows = np.exp(-0.5 * square)
            if not self.include_self:
                np.fill_diagonal(rows[:, first:], 0.0)
            yield first, rows


def features(term: Pairwise, size: tuple[int, ...]) -> list[Float64]:
    """Return positions and guide of all pixels in sigmas, without constant positions."""
    result: list[Any] = []
    if term.sigma is not None:
        positions = zip(np.indices(size), term.sigma, size, strict=True)
        result += [position.ravel() / sigma for position, sigma, n in positions if n > 1]
    if term.guide is not None and term.guide_sigma is not None:
        channels = term.guide.reshape(-1, len(term.guide_sigma)).T.astype(np.float64)
        result += [*(channels / term.guide_sigma[:, None])]
    return result


def energies(unary: Unary) -> tuple[Float64, UnaryErrors]:
    """Return the energies U = -log of the unary, [L, D, H, W], and the errors of its values."""
    values = widen(unary.values, unary.kind).astype(np.float64)
    out_of_range = np.zeros(values.shape, bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        if unary.unary_kind == "probabilities":
            bad = ~np.isfinite(values)
            out_of_range = ~bad & ((values < -RANGE_TOLERANCE) | (values > 1 + RANGE_TOLERANCE))
            energy = -np.log(np.maximum(values, unary.clamp))
        elif unary.unary_kind == "logits":
            bad = np.isnan(values) | (values == np.inf)
            shifted = values - values.max(axis=0)
            energy = np.log(np.exp(shifted).sum(axis=0)) - shifted
        else:
            bad = np.isnan(values) | (values == -np.inf)
            energy = values
        is_impossible = values == -np.inf if unary.unary_kind == "logits" else energy == np.inf
    infeasible = is_impossible.all(axis=0) & ~bad.any(axis=0)
    return energy, UnaryErrors(*_first(bad), *_first(out_of_range), *_first(infeasible))


def softmax_of_energies(values: Float64) -> Float64:
    """Return the softmax over the labels, the first axis."""
    power = np.exp(values - values.max(axis=0))
    return np.asarray(power / power.sum(axis=0))


def _first(mask: Array) -> tuple[int, int]:
    """Return the number and the first flat index of the true elements."""
    count = int(mask.sum())
    return count, int(mask.argmax()) if count else -1
