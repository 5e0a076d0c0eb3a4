"""Masks of sigmoid heads, upsampled: as bytes and as COCO's run-length codes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from benches.harness import scenes
from benches.harness.jobs import CODES, MASKS, Array, Job
from benches.harness.pytest_support import parametrized, run_benchmark

SIZE = (1080, 1920)


@lru_cache(maxsize=1)
def instances() -> Array:
    """A hundred instances of a detector: one blob in each mask, with a ragged border."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:160, :160]
    centers = random.uniform(20, 140, (2, 100, 1, 1))
    radius = random.uniform(8, 50, (100, 1, 1))
    distance = np.hypot(y - centers[0], x - centers[1])
    logits: Array = (0.5 * (radius - distance)).astype(np.float32)
    return logits + random.normal(0, 0.4, logits.shape).astype(np.float32)


@lru_cache(maxsize=1)
def noise() -> Array:
    """The worst case: every cell has both signs."""
    return scenes.iid(10, 160, 160)


def jobs() -> list[Job]:
    """The cases of this file."""
    return [
        Job("100 masks to RLE", CODES, instances, SIZE),
        Job("100 masks", MASKS, instances, SIZE),
        Job("10 masks of noise to RLE", CODES, noise, SIZE),
        Job("10 masks of noise", MASKS, noise, SIZE),
    ]


@pytest.mark.parametrize(("job", "entry"), parametrized(jobs))
def test_masks(job: Any, entry: Any, benchmark: Any) -> None:
    run_benchmark(benchmark, job, entry)
