"""Pictures resized, padded and normalized to a network's input."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from benches.harness import scenes
from benches.harness.jobs import LETTERBOX, Job
from benches.harness.pytest_support import parametrized, run_benchmark


def jobs() -> list[Job]:
    """A VOC picture made larger, a video frame made smaller, a street scene as it is."""
    voc = partial(scenes.photograph, 375, 500)
    frame = partial(scenes.photograph, 1080, 1920)
    plain = "Two rows and two columns a pixel, as OpenCV reads them."
    return [
        Job("letterbox (a)", LETTERBOX, size=(513, 513), image=voc),
        Job("letterbox (b)", LETTERBOX, size=(513, 513), image=frame, note="Antialiased."),
        Job(
            "letterbox (b), not antialiased",
            LETTERBOX,
            size=(513, 513),
            image=frame,
            antialias=False,
            note=plain,
        ),
        Job(
            "letterbox (c), normalized only",
            LETTERBOX,
            size=(1024, 2048),
            image=partial(scenes.photograph, 1024, 2048),
        ),
    ]


@pytest.mark.parametrize(("job", "entry"), parametrized(jobs))
def test_letterbox(job: Any, entry: Any, benchmark: Any) -> None:
    run_benchmark(benchmark, job, entry)
