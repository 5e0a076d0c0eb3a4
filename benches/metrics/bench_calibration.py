"""Calibration of low-resolution logits, beside torchmetrics on probabilities of the full size."""

from __future__ import annotations

from typing import Any

import pytest

from benches.harness.jobs import CALIBRATION, Job
from benches.harness.pytest_support import parametrized, run_benchmark
from benches.labels.bench_labels import street_scene
from benches.metrics.bench_confusion import BIG, logits_target


def jobs() -> list[Job]:
    """The cases of this file."""
    return [Job("calibration", CALIBRATION, street_scene, BIG, target=logits_target)]


@pytest.mark.parametrize(("job", "entry"), parametrized(jobs))
def test_calibration(job: Any, entry: Any, benchmark: Any) -> None:
    run_benchmark(benchmark, job, entry)
