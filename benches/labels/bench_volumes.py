"""Labels of volumes, upsampled trilinearly."""

from __future__ import annotations

from typing import Any

import pytest

from benches.harness import scenes
from benches.harness.jobs import VOLUME, Job
from benches.harness.pytest_support import parametrized, run_benchmark


def jobs() -> list[Job]:
    """The case of medical networks: 25 classes at half the resolution and less."""
    logits, size = scenes.volume(25, (64, 80, 80)), (160, 256, 256)
    note = f"{scenes.undecided(logits):.0%} of the cells have several first maxima."
    return [
        Job("volume", VOLUME, logits, volume=size, note=note),
        Job("volume, two threads", VOLUME, logits, volume=size, threads=2),
    ]


@pytest.mark.parametrize(("job", "entry"), parametrized(jobs))
def test_volumes(job: Any, entry: Any, benchmark: Any) -> None:
    run_benchmark(benchmark, job, entry)
