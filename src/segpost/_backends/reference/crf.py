"""Definition of the dense CRF: mean field over every pair of pixels, in O(N^2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from segpost._core.arrays import widen
from segpost._core.contract import Array, CrfStep, Pairwise, Unary, UnaryErrors

Float64 = npt.NDArray[np.float64]

KEPT = 4096  # pixels up to which kernels stay in memory: 128 MiB a term
BLOCK = 1 << 22  # entries of a kernel that are made at once beyond that
NOTHING = 1e-6  # a pixel that the others reach with no more, its own term left out, is alone
OUTSIDE = 1e-3  # how far a probability may leave 0..1


def dense_crf(
    unary: Unary, terms: Sequence[Pairwise], include_self: bool, method: str, quality: str
) -> Solver:
    """Always exact, whatever `method` and `quality` say."""
    return Solver(unary, terms, include_self)


class Solver:
    """Q_l(i) <- softmax_l(-U_l(i) + what all pixels say of l)."""

    def __init__(self, unary: Unary, terms: Sequence[Pairwise], include_self: bool) -> None:
        energy, self.bad = energies(unary)
        self.energy = energy.reshape(len(energy), -1)  # [L, N]
        fine = not (self.bad.count or self.bad.out_of_range or self.bad.infeasible)
        self.kernels = [Kernel(term, energy.shape[1:], include_self) for term in terms if fine]

    def messages(self, q: Float64) -> Float64:
        """Those of all terms, attraction included: [L, N] from [L, N]."""
        return sum((kernel.messages(q) for kernel in self.kernels), np.zeros_like(q))

    def infer(
        self,
        out: Array,
        iterations: int,
        start: Array | None,
        tolerance: float | None,
        trace: bool,
    ) -> list[CrfStep]:
        """The steps from the start to what is in `out`."""
        q = softmax_of_energies(-self.energy)
        if start is not None:
            q = start.astype(np.float64).reshape(q.shape)
        change = np.nan
        steps = []
        for done in range(iterations + 1):
            last = done == iterations or (tolerance is not None and change <= tolerance)
            messages = np.zeros_like(q) if last and not trace else self.messages(q)
            steps.append(CrfStep(*self.free_energy(q, messages, trace), change))
            if last:
                break
            before, q = q, softmax_of_energies(messages - self.energy)
            if trace or tolerance is not None:
                change = float(np.abs(q - before).max(initial=0.0))
        out[...] = q.reshape(out.shape)
        return steps

    def free_energy(self, q: Float64, messages: Float64, trace: bool) -> tuple[float, float, float]:
        """Entropy, unary and pairwise energy; an impossible label costs nothing."""
        if not trace:
            return np.nan, np.nan, np.nan
        some = q > 0
        entropy = float(np.sum(q[some] * np.log(q[some])))
        return entropy, float(np.sum(q[some] * self.energy[some])), -float(np.sum(q * messages))


class Kernel:
    """exp(-|f_i - f_j|^2 / 2), normalized by its sums, with the compatibility of labels."""

    def __init__(self, term: Pairwise, size: tuple[int, ...], include_self: bool) -> None:
        self.include_self = include_self
        self.compatibility = term.compatibility
        self.features = features(term, size)
        self.pixels = int(np.prod(size))
        self.kept = [*self.made()] if self.pixels <= KEPT else None
        sums = np.concatenate([np.zeros(0), *(rows.sum(axis=1) for _, rows in self.blocks())])
        exponent = {"symmetric": -0.5, "row": -1.0, "column": -1.0, "none": 0.0}
        factor = np.maximum(sums, NOTHING) ** exponent[term.normalization]
        if term.normalization != "none":
            factor[sums <= NOTHING] = 0.0
        self.left = np.ones_like(sums) if term.normalization == "column" else factor
        self.right = np.ones_like(sums) if term.normalization == "row" else factor

    def messages(self, q: Float64) -> Float64:
        """[L, N] from [L, N]."""
        weighted = (self.right * q).T
        found = np.empty_like(weighted)
        for first, rows in self.blocks():
            found[first : first + len(rows)] = rows @ weighted
        gathered = self.left * found.T
        if self.compatibility.ndim == 2:
            return np.asarray(self.compatibility @ gathered)
        return self.compatibility[..., None] * gathered

    def blocks(self) -> Iterator[tuple[int, Float64]]:
        """Rows of the kernel, and the index of the first."""
        return self.made() if self.kept is None else iter(self.kept)

    def made(self) -> Iterator[tuple[int, Float64]]:
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
    """Places and guide of all pixels, in units of their sigmas; a constant one is left out."""
    found: list[Any] = []
    if term.sigma is not None:
        places = zip(np.indices(size), term.sigma, size, strict=True)
        found += [place.ravel() / sigma for place, sigma, n in places if n > 1]
    if term.guide is not None and term.guide_sigma is not None:
        channels = term.guide.reshape(-1, len(term.guide_sigma)).T.astype(np.float64)
        found += [*(channels / term.guide_sigma[:, None])]
    return found


def energies(unary: Unary) -> tuple[Float64, UnaryErrors]:
    """U = -log of the unary, [L, D, H, W], and the values that have none."""
    values = widen(unary.values, unary.kind).astype(np.float64)
    out_of_range = np.zeros(values.shape, bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        if unary.unary_kind == "probabilities":
            bad = ~np.isfinite(values)
            out_of_range = ~bad & ((values < -OUTSIDE) | (values > 1 + OUTSIDE))
            energy = -np.log(np.maximum(values, unary.clamp))
        elif unary.unary_kind == "logits":
            bad = np.isnan(values) | (values == np.inf)
            shifted = values - values.max(axis=0)
            energy = np.log(np.exp(shifted).sum(axis=0)) - shifted
        else:
            bad = np.isnan(values) | (values == -np.inf)
            energy = values
        none = values == -np.inf if unary.unary_kind == "logits" else energy == np.inf
    infeasible = none.all(axis=0) & ~bad.any(axis=0)
    return energy, UnaryErrors(*_first(bad), *_first(out_of_range), *_first(infeasible))


def softmax_of_energies(values: Float64) -> Float64:
    """Over the labels, the first axis."""
    power = np.exp(values - values.max(axis=0))
    return np.asarray(power / power.sum(axis=0))


def _first(bad: Array) -> tuple[int, int]:
    """Count and first flat index of the true entries."""
    count = int(bad.sum())
    return count, int(bad.argmax()) if count else -1
