"""Colors of labels and overlays."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest

from benches.harness import scenes
from benches.harness.jobs import Array, Job
from benches.harness.pytest_support import parametrized, run_benchmark
from benches.labels.bench_labels import street_scene


@lru_cache(maxsize=1)
def street_labels() -> Array:
    """1024 x 2048 labels of scene (b), enlarged without interpolation."""
    small = street_scene().argmax(axis=0).astype(np.uint8)
    return np.ascontiguousarray(small.repeat(8, axis=0).repeat(8, axis=1))


def jobs() -> list[Job]:
    """The cases of this file."""
    image = partial(scenes.photograph, 1024, 2048)
    return [
        Job("colorize", "color", labels=street_labels),
        Job("overlay", "overlay", labels=street_labels, image=image),
    ]


@pytest.mark.parametrize(("job", "entry"), parametrized(jobs))
def test_palette(job: Any, entry: Any, benchmark: Any) -> None:
    run_benchmark(benchmark, job, entry)
