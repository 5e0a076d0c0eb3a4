"""Labels of volumes, upsampled trilinearly."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest

from benches.harness import scenes
from benches.harness.jobs import VOLUME, Array, Job
from benches.harness.pytest_support import parametrized, run_benchmark


@lru_cache(maxsize=1)
def volume() -> Array:
    """Medical networks: 25 classes at half the resolution and less."""
    return scenes.volume(25, (64, 80, 80))


def note() -> str:
    """How much of it is undecided."""
    return f"{scenes.undecided(volume()):.0%} of the cells have several first maxima."


def jobs() -> list[Job]:
    """The cases of this file."""
    size = (160, 256, 256)
    return [
        Job("volume", VOLUME, volume, volume=size, note=note),
        Job("volume, two threads", VOLUME, volume, volume=size, threads=2),
    ]


@pytest.mark.parametrize(("job", "entry"), parametrized(jobs))
def test_volumes(job: Any, entry: Any, benchmark: Any) -> None:
    run_benchmark(benchmark, job, entry)
