"""segpost's dense CRF: qualities, backends, threads."""

from __future__ import annotations

from typing import Any

import segpost
from benches.baselines.ours import NUMBA, TWO_THREADS
from benches.harness.jobs import CRF, OURS, Job, Outputs, Run, contender

FAST = 'segpost, quality="fast"'
HIGH = 'segpost, quality="high"'
FAST_TWO = f"{FAST}, two threads"
HIGH_TWO = f"{HIGH}, two threads"
NUMBA_TWO = f"{NUMBA}, two threads"


def call(job: Job, **settings: Any) -> Run:
    """The public interface; a batch is one call."""
    crf = segpost.DenseCRF.preset(job.preset, iterations=job.iterations, **settings)  # type: ignore[arg-type]
    return lambda: (crf(job.probabilities, job.image),)


def on_two_threads(run_one: Run) -> Run:
    """The same with two threads."""

    def run() -> Outputs:
        segpost.set_num_threads(2)
        try:
            return run_one()
        finally:
            segpost.set_num_threads(1)

    return run


def by_numba(job: Job) -> Run:
    """The same by the Numba backend."""
    run_default = call(job)

    def run() -> Outputs:
        with segpost.use_backend("numba"):
            return run_default()

    return run


@contender(OURS, CRF)
def default(job: Job) -> Run:
    return call(job)


@contender(FAST, CRF)
def fast(job: Job) -> Run:
    return call(job, quality="fast")


@contender(HIGH, CRF)
def high(job: Job) -> Run:
    return call(job, quality="high")


@contender(NUMBA, CRF)
def numba_backend(job: Job) -> Run:
    return by_numba(job)


@contender(TWO_THREADS, CRF, threads=2)
def two_threads(job: Job) -> Run:
    return on_two_threads(call(job))


@contender(FAST_TWO, CRF, threads=2)
def fast_two_threads(job: Job) -> Run:
    return on_two_threads(call(job, quality="fast"))


@contender(HIGH_TWO, CRF, threads=2)
def high_two_threads(job: Job) -> Run:
    return on_two_threads(call(job, quality="high"))


@contender(NUMBA_TWO, CRF, threads=2)
def numba_two_threads(job: Job) -> Run:
    return on_two_threads(by_numba(job))
