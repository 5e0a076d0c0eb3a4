"""The same jobs under pytest-benchmark: one test a contender, one group a job."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from benches.harness import measure
from benches.harness.jobs import OURS, Absent, Entry, Job, entries

ROUNDS = 5


def parametrized(jobs: Callable[[], list[Job]]) -> list[Any]:
    """(job, entry) for every contender of every job."""
    return [
        pytest.param(job, entry, id=f"{slug(job.title)}--{slug(entry.name)}")
        for job in jobs()
        for entry in entries(job)
    ]


def slug(text: str) -> str:
    """For test ids that -k can select."""
    return re.sub(r"[^a-z0-9.]+", "_", text.lower()).strip("_")


def run_benchmark(benchmark: Any, job: Job, entry: Entry) -> None:
    """Time a contender; beside it, its ratio to segpost in rounds that are interleaved."""
    try:
        contender = entry.ready(job)
    except Absent as error:
        pytest.skip(f"absent: {error}")
    ours = next(one for one in entries(job) if one.name == OURS).ready(job)
    theirs, own = measure.interleave([contender, ours], ROUNDS, measure.clock(job))
    benchmark.group = job.title
    benchmark.extra_info["threads"] = entry.threads
    benchmark.extra_info["ratio to segpost"] = theirs.ms / own.ms
    benchmark.extra_info["extrapolated by"] = contender.factor
    benchmark.pedantic(contender.run, rounds=ROUNDS, iterations=1, warmup_rounds=1)
