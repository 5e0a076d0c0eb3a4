"""Mean field of a dense CRF on Numba."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from segpost._backends.numba.crf import unary as crf_unary
from segpost._backends.numba.crf.exact import Exact
from segpost._backends.numba.crf.grid import Grid
from segpost._backends.numba.crf.lattice import Lattice
from segpost._backends.numba.crf.rows import softmax_row
from segpost._backends.numba.crf.terms import Strip, Term, strips, subtract_self_message
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import target
from segpost._core.contract import LATTICES, Array, CrfStep, Pairwise, Unary

NOTHING = np.float32(1e-27)
IMPOSSIBLE = np.float32(-1e29)  # logs of labels that are, and cost nothing


class Pass(NamedTuple):
    """What a walk over all pixels is for."""

    first: bool = False  # there are no messages yet
    send: bool = True  # Q goes on
    trace: bool = False  # energies of the Q before are wanted,
    measure: bool = False  # and nothing else
    start: Array | None = None  # [L, N] Q to begin with
    out: Array | None = None  # [L, N]


class Sums(NamedTuple):
    """Of some pixels, of the Q before; and how far the new one is from it."""

    entropy: float = 0.0
    unary: float = 0.0
    pairwise: float = 0.0
    change: float = 0.0


def dense_crf(
    unary: Unary, terms: Sequence[Pairwise], include_self: bool, method: str, quality: str
) -> Solver:
    """Ready to be inferred, if the unary is any."""
    return Solver(unary, terms, include_self, method, quality)


class Solver:
    """Q is made strip by strip, of messages, and sent on at once; it is nowhere stored."""

    def __init__(
        self, unary: Unary, terms: Sequence[Pairwise], include_self: bool, method: str, quality: str
    ) -> None:
        self.labels, *size = unary.values.shape
        d, h, w = size
        self.strips = strips(d * h, w)
        self.logs, self.offset, self.bad = crf_unary.read(
            unary, [(strip.begin, strip.end) for strip in self.strips]
        )
        self.terms: list[Term] = []
        if self.bad.count or self.bad.out_of_range or self.bad.infeasible:
            return
        for term in terms:
            given = term, (d, h, w), self.labels, self.strips
            if method == "exact":
                self.terms.append(Exact(*given, include_self))
            elif term.guide is None and d == 1:
                self.terms.append(Grid(*given, include_self))
            else:
                self.terms.append(Lattice(*given, LATTICES[quality], include_self))

    def infer(
        self,
        out: Array,
        iterations: int,
        start: Array | None,
        tolerance: float | None,
        trace: bool,
    ) -> list[CrfStep]:
        """The steps from the start to what is in `out`."""
        written, finish = target(out)
        planes = written.reshape(self.labels, -1)
        given = None if start is None else start.reshape(self.labels, -1)
        compare = trace or tolerance is not None
        kept = np.empty_like(self.logs) if compare or self.alone() else None
        nothing = CrfStep(math.nan, math.nan, math.nan, math.nan)
        steps: list[CrfStep] = []
        for done in range(iterations + 1):
            last = done == iterations
            job = Pass(
                first=done == 0,
                send=not last or trace,
                trace=trace and done > 0,
                start=given if done == 0 else None,
                out=planes if last else None,
            )
            sums = self.walk(job, kept)
            if job.trace:
                steps[-1] = self.known(steps[-1], sums)
            steps.append(nothing._replace(change=sums.change if compare and done else math.nan))
            if last or (tolerance is not None and steps[-1].change <= tolerance):
                break
            self.join()
        if trace:
            self.join()
            sums = self.walk(Pass(send=False, trace=True, measure=True), kept)
            steps[-1] = self.known(steps[-1], sums)
        if not last and kept is not None:
            write(kept, 0, planes)
        finish()
        return steps

    def alone(self) -> bool:
        """Whether messages of pixels to themselves have to be taken out."""
        return any(term.self_message is not None for term in self.terms)

    def known(self, step: CrfStep, sums: Sums) -> CrfStep:
        """A step with its energies, the unary's as it was given."""
        return CrfStep(sums.entropy, sums.unary - self.offset, sums.pairwise, step.change)

    def join(self) -> None:
        for term in self.terms:
            term.join()

    def walk(self, job: Pass, kept: Array | None) -> Sums:
        """Over all pixels, once."""
        parts = run(
            lambda strip: self.walk_strip(job, strip, kept), self.strips, 8 * self.logs.size
        )
        entropy, unary, pairwise, change = zip(*parts, strict=True)
        return Sums(sum(entropy), sum(unary), sum(pairwise), max(change))

    def walk_strip(self, job: Pass, strip: Strip, kept: Array | None) -> Sums:
        """Over the pixels of a strip, a few rows at a time."""
        if job.send:
            for term in self.terms:
                term.clear(strip)
        sums = np.zeros(3)
        change = 0.0
        for block in strip.blocks:
            part = slice(block.begin, block.end)
            logs = self.logs[part]
            if job.start is None:
                values = logs.copy()
            else:
                values = np.zeros_like(logs)
                values[:, : self.labels] = job.start[:, part].T
            if not job.first:
                for term in self.terms:
                    term.receive(block, values)
                    if term.self_message is not None and kept is not None:
                        subtract_self_message(
                            values, kept[part], term.self_message[part], term.attraction
                        )
                if job.trace and kept is not None:
                    add_energies(values, logs, kept[part], sums)
            if job.measure:
                continue
            if job.start is None:
                softmax_rows(values)
            if kept is not None:
                change = max(change, keep(values, kept[part], job.first))
            if job.send:
                for term in self.terms:
                    term.send(block, values)
            if job.out is not None:
                write(values, block.begin, job.out)
        return Sums(float(sums[0]), float(sums[1]), float(sums[2]), change)


@kernel
def softmax_rows(values: Any) -> None:
    """Of every row."""
    row = values.shape[1]
    for i in range(values.shape[0]):
        softmax_row(values, i * row, row)


@kernel
def write(values: Any, begin: Any, planes: Any) -> None:
    """Values of the pixels from `begin` on, label by label; softmax leaves none at 0."""
    for label in range(planes.shape[0]):
        plane = planes[label]
        for i in range(values.shape[0]):
            value = values[i, label]
            plane[begin + i] = value if value > NOTHING else np.float32(0.0)


@kernel
def keep(values: Any, kept: Any, first: Any) -> Any:
    """Copy Q; the largest change."""
    change = np.float32(0.0)
    for i in range(values.shape[0]):
        for label in range(values.shape[1]):
            if not first:
                change = max(change, abs(values[i, label] - kept[i, label]))
            kept[i, label] = values[i, label]
    return change


@kernel
def add_energies(values: Any, logs: Any, q: Any, sums: Any) -> None:
    """Of the Q before, whose messages are in `values` on top of the logs."""
    entropy, unary, pairwise = 0.0, 0.0, 0.0
    for i in range(values.shape[0]):
        for label in range(values.shape[1]):
            p = np.float64(q[i, label])
            if p > 0.0 and logs[i, label] > IMPOSSIBLE:
                entropy += p * math.log(p)
                unary -= p * logs[i, label]
                pairwise -= p * (values[i, label] - logs[i, label])
    sums[0] += entropy
    sums[1] += unary
    sums[2] += pairwise
