"""The dense CRF beside pydensecrf: a photograph at a time and a batch, one and two threads.

What is timed begins with probabilities and an image and ends with refined probabilities in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest

from benches.baselines.ours import NUMBA, TWO_THREADS
from benches.baselines.ours_crf import FAST, FAST_TWO, HIGH, HIGH_TWO, NUMBA_TWO
from benches.baselines.with_pydensecrf import COMPAT, COMPAT_TWO, NAME
from benches.harness.jobs import CRF, OURS, Array, Job
from benches.harness.pytest_support import parametrized, run_benchmark
from benches.harness.scenes import competing, refinable

CONTENDERS = (OURS, FAST, HIGH, NUMBA, COMPAT, NAME)
THREADED = (OURS, TWO_THREADS, FAST_TWO, HIGH_TWO, NUMBA_TWO, COMPAT_TWO, NAME)


@lru_cache(maxsize=1)
def batch(side: int = 128) -> tuple[Array, Array]:
    """Squares of both photographs, four of each."""
    pieces = []
    for name in ("china", "flower"):
        probabilities, image = refinable(name, 375, 500, 21)
        for y, x in ((0, 0), (40, 340), (200, 100), (240, 300)):
            here = slice(y, y + side), slice(x, x + side)
            pieces.append((probabilities[(slice(None), *here)], image[here]))
    return np.stack([one for one, _ in pieces]), np.stack([one for _, one in pieces])


def case(title: str, arrays: Callable[[], tuple[Array, Array]], **options: Any) -> Job:
    """A job with what the CRF has to do as its note."""

    def note() -> str:
        chance = (arrays()[0].max(axis=(-2, -1)) > 1e-5).sum(axis=-1)
        return f"{chance.max()} labels have a probability above 1e-5 anywhere."

    return Job(
        title,
        CRF,
        probabilities=lambda: arrays()[0],
        image=lambda: arrays()[1],
        note=note,
        **options,
    )


def both(
    title: str, arrays: Callable[[], tuple[Array, Array]], without: str = "", **options: Any
) -> list[Job]:
    """On one thread, in CPU time, and on two, by the clock on the wall."""
    one, two = (
        tuple(name for name in names if not without or without not in name)
        for names in (CONTENDERS, THREADED)
    )
    return [
        case(title, arrays, only=one, **options),
        case(f"{title}, two threads", arrays, only=two, threads=2, **options),
    ]


def jobs() -> list[Job]:
    """The cases of this file."""
    voc = partial(refinable, "china", 375, 500, 21)
    city = partial(refinable, "china", 1024, 2048, 19)
    rivals = partial(competing, "china", 375, 500, 21)
    many = partial(refinable, "china", 375, 500, 150)
    few = partial(refinable, "china", 375, 500, 21, present=4)
    return [
        *both("dense CRF (a)", voc),
        *both("dense CRF (b)", voc, preset="deeplab"),
        *both("dense CRF (c)", city, without=HIGH, iterations=5, tracked=False),
        *both("dense CRF (d), few labels", few),
        *both("dense CRF (e), batch", batch),
        *both("dense CRF (f), competing labels", rivals),
        *both("dense CRF (g), competing labels", rivals, preset="deeplab"),
        case("dense CRF (h), 150 labels", many, only=(OURS, FAST, NAME), tracked=False),
    ]


@pytest.mark.parametrize(("job", "entry"), parametrized(jobs))
def test_crf(job: Any, entry: Any, benchmark: Any) -> None:
    run_benchmark(benchmark, job, entry)
