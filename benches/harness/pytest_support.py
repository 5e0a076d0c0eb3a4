"""The same jobs under pytest-benchmark: one test a contender, one group a job."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from benches.baselines.ours import (
    ACCUMULATOR,
    BOXED_INTO,
    BOXED_LAST,
    BYTES,
    FAST,
    STREAM,
    TWO_THREADS,
)
from benches.harness import measure
from benches.harness.jobs import FLOOR_RATIO, OURS, Absent, Entry, Job, entries

ROUNDS = 5
FLOOR_VISITS = 2  # before a contender is timed, and again after it
# What users call, with the default backend and SIMD level: the rows that a change can slow down.
OWN = (OURS, FAST, BYTES, STREAM, TWO_THREADS, ACCUMULATOR, BOXED_INTO, BOXED_LAST)


def parametrized(jobs: Callable[[], list[Job]]) -> list[Any]:
    """(job, entry) for every contender of every job; segpost's own have the marker `own`."""
    return [
        pytest.param(
            job,
            entry,
            id=f"{slug(job.title)}--{slug(entry.name)}",
            marks=[pytest.mark.own] if is_own(job, entry) else [],
        )
        for job in jobs()
        for entry in entries(job)
    ]


def is_own(job: Job, entry: Entry) -> bool:
    """Whether the marker `own` selects it: what users call, on all threads of the job."""
    return job.tracked and entry.name in OWN and entry.threads == job.threads


def slug(text: str) -> str:
    """For test ids that -k can select."""
    return re.sub(r"[^a-z0-9.]+", "_", text.lower()).strip("_")


def run_benchmark(benchmark: Any, job: Job, entry: Entry) -> None:
    """Time a contender; beside it, its ratios to the floor of its bytes and to segpost.

    Times of two runs do not compare, ratios to what was timed beside them do.
    """
    try:
        contender = entry.ready(job)
        others = [] if entry.name in OWN else [entry_of(job, OURS).ready(job)]
    except Absent as error:
        pytest.skip(f"absent: {error}")
    benchmark.group = job.title
    benchmark.extra_info["threads"] = entry.threads
    benchmark.extra_info["extrapolated by"] = contender.factor
    for ours in others:
        theirs, own = measure.interleave([contender, ours], ROUNDS, measure.clock(job))
        benchmark.extra_info["ratio to segpost"] = theirs.ms / own.ms
    floor = measure.floor(job)
    before = measure.interleave(floor, FLOOR_VISITS)
    benchmark(contender.run)
    after = measure.interleave(floor, FLOOR_VISITS)
    if benchmark.stats is not None:  # None with --benchmark-disable
        quietest = sum(min(a.best_ms, b.best_ms) for a, b in zip(before, after, strict=True))
        milliseconds = 1e3 * benchmark.stats.stats.min * contender.factor
        benchmark.extra_info[FLOOR_RATIO] = milliseconds / quietest


def entry_of(job: Job, name: str) -> Entry:
    """The contender of that name."""
    return next(entry for entry in entries(job) if entry.name == name)
