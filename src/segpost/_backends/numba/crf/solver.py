"""The solver of a dense CRF on Numba: mean field, strip by strip."""

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

MIN_PROBABILITY = np.float32(1e-27)  # smaller values are written as 0
MIN_LOG = np.float32(-1e29)  # labels with smaller logs are impossible and have no energy


class Pass(NamedTuple):
    """The tasks of one pass over all pixels."""

    first: bool = False  # there are no messages before the first pass
    send: bool = True  # send Q to the terms
    trace: bool = False  # compute the energies of the previous Q,
    measure: bool = False  # and nothing else
    start: Array | None = None  # [L, N] initial Q
    out: Array | None = None  # [L, N]


class Sums(NamedTuple):
    """Energies of the previous Q over some pixels, and the largest change to the new Q."""

    entropy: float = 0.0
    unary: float = 0.0
    pairwise: float = 0.0
    change: float = 0.0


def dense_crf(
    unary: Unary, terms: Sequence[Pairwise], include_self: bool, method: str, quality: str
) -> Solver:
    """Return the solver of a dense CRF of one image."""
    return Solver(unary, terms, include_self, method, quality)


class Solver:
    """Mean field that computes Q strip by strip from messages, and sends it without storing it."""

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
            arguments = term, (d, h, w), self.labels, self.strips
            if method == "exact":
                self.terms.append(Exact(*arguments, include_self))
            elif term.guide is None and d == 1:
                self.terms.append(Grid(*arguments, include_self))
            else:
                self.terms.append(Lattice(*arguments, LATTICES[quality], include_self))

    def infer(
        self,
        out: Array,
        iterations: int,
        start: Array | None,
        tolerance: float | None,
        trace: bool,
    ) -> list[CrfStep]:
        """Write the final Q to `out`, and return the steps."""
        output, finish = target(out)
        planes = output.reshape(self.labels, -1)
        start_planes = None if start is None else start.reshape(self.labels, -1)
        compare = trace or tolerance is not None
        previous = np.empty_like(self.logs) if compare or self.subtracts_self() else None
        no_energies = CrfStep(math.nan, math.nan, math.nan, math.nan)
        steps: list[CrfStep] = []
        for iteration in range(iterations + 1):
            last = iteration == iterations
            job = Pass(
                first=iteration == 0,
                send=not last or trace,
                trace=trace and iteration > 0,
                start=start_planes if iteration == 0 else None,
                out=planes if last else None,
            )
            sums = self.run_pass(job, previous)
            if job.trace:
                steps[-1] = self.with_energies(steps[-1], sums)
            steps.append(
                no_energies._replace(change=sums.change if compare and iteration else math.nan)
            )
            if last or (tolerance is not None and steps[-1].change <= tolerance):
                break
            self.join()
        if trace:
            self.join()
            sums = self.run_pass(Pass(send=False, trace=True, measure=True), previous)
            steps[-1] = self.with_energies(steps[-1], sums)
        if not last and previous is not None:
            write(previous, 0, planes)
        finish()
        return steps

    def subtracts_self(self) -> bool:
        """Return whether messages of pixels to themselves are subtracted."""
        return any(term.self_message is not None for term in self.terms)

    def with_energies(self, step: CrfStep, sums: Sums) -> CrfStep:
        """Return a step with its energies, that of the unary without its normalization."""
        return CrfStep(sums.entropy, sums.unary - self.offset, sums.pairwise, step.change)

    def join(self) -> None:
        """Compute the messages of all terms."""
        for term in self.terms:
            term.join()

    def run_pass(self, job: Pass, previous: Array | None) -> Sums:
        """Run one pass over all pixels."""
        parts = run(
            lambda strip: self.run_pass_of_strip(job, strip, previous),
            self.strips,
            8 * self.logs.size,
        )
        entropy, unary, pairwise, change = zip(*parts, strict=True)
        return Sums(sum(entropy), sum(unary), sum(pairwise), max(change))

    def run_pass_of_strip(self, job: Pass, strip: Strip, previous: Array | None) -> Sums:
        """Run one pass over the pixels of a strip, block by block."""
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
                    if term.self_message is not None and previous is not None:
                        subtract_self_message(
                            values, previous[part], term.self_message[part], term.compatibility
                        )
                if job.trace and previous is not None:
                    add_energies(values, logs, previous[part], sums)
            if job.measure:
                continue
            if job.start is None:
                softmax_rows(values)
            if previous is not None:
                change = max(change, update_previous(values, previous[part], job.first))
            if job.send:
                for term in self.terms:
                    term.send(block, values)
            if job.out is not None:
                write(values, block.begin, job.out)
        return Sums(float(sums[0]), float(sums[1]), float(sums[2]), change)


@kernel
def softmax_rows(values: Any) -> None:
    """Compute the softmax of every row."""
    row = values.shape[1]
    for i in range(values.shape[0]):
        softmax_row(values, i * row, row)


@kernel
def write(values: Any, begin: Any, planes: Any) -> None:
    """Write the values of pixels from `begin` on to planes; tiny values become 0."""
    for label in range(planes.shape[0]):
        plane = planes[label]
        for i in range(values.shape[0]):
            value = values[i, label]
            plane[begin + i] = value if value > MIN_PROBABILITY else np.float32(0.0)


@kernel
def update_previous(values: Any, previous: Any, first: Any) -> Any:
    """Copy Q, and return its largest change."""
    change = np.float32(0.0)
    for i in range(values.shape[0]):
        for label in range(values.shape[1]):
            if not first:
                change = max(change, abs(values[i, label] - previous[i, label]))
            previous[i, label] = values[i, label]
    return change


@kernel
def add_energies(values: Any, logs: Any, q: Any, sums: Any) -> None:
    """Add the energies of the previous Q; `values` contains the logs plus its messages."""
    entropy, unary, pairwise = 0.0, 0.0, 0.0
    for i in range(values.shape[0]):
        for label in range(values.shape[1]):
            p = np.float64(q[i, label])
            if p > 0.0 and logs[i, label] > MIN_LOG:
                entropy += p * math.log(p)
                unary -= p * logs[i, label]
                pairwise -= p * (values[i, label] - logs[i, label])
    sums[0] += entropy
    sums[1] += unary
    sums[2] += pairwise
