"""Frames of a video: a stream beside fresh calls and torch's eager loop."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from benches.baselines.ours import STREAM, TENSOR_STREAM, TENSORS
from benches.baselines.with_torch import EAGER_ARGMAX, EAGER_MAX, EAGER_SOFTMAX
from benches.harness import scenes
from benches.harness.jobs import OURS, Job
from benches.harness.pytest_support import parametrized, run_benchmark
from benches.labels.bench_labels import street_scene, voc_scene

FRAMES = (OURS, STREAM, TENSORS, TENSOR_STREAM, EAGER_ARGMAX, EAGER_MAX, EAGER_SOFTMAX)


def jobs() -> list[Job]:
    """The cases of this file."""
    big, crop = (1024, 2048), (513, 513)
    street, voc = street_scene, voc_scene
    sure, laid = "labels+confidence+color", "labels+overlay"
    return [
        Job("frames: labels + RGB, 65 x 65", "labels+color", voc, palette="voc", only=FRAMES),
        Job("frames: labels + RGB (a)", "labels+color", voc, crop, palette="voc", only=FRAMES),
        Job("frames: labels + RGB (b)", "labels+color", street, big, only=FRAMES),
        Job("frames: labels + confidence + RGB (b)", sure, street, big, only=FRAMES),
        Job(
            "frames: labels + overlay (b)",
            laid,
            street,
            big,
            image=partial(scenes.photograph, *big),
            only=FRAMES,
        ),
    ]


@pytest.mark.parametrize(("job", "entry"), parametrized(jobs))
def test_stream(job: Any, entry: Any, benchmark: Any) -> None:
    run_benchmark(benchmark, job, entry)
