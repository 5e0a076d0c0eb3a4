"""The whole step after the network: labels, colors, confidence and overlay in one call."""

from __future__ import annotations

from typing import Any

import pytest

from benches import scenes
from benches.bench_labels import street_scene, voc_scene
from benches.jobs import Job
from benches.pytest_support import parametrized, run_benchmark


def jobs() -> list[Job]:
    """The cases of this file."""
    big, crop = (1024, 2048), (513, 513)
    street, voc = street_scene(), voc_scene()
    return [
        Job("labels + RGB (a)", "labels+color", voc, crop, palette="voc"),
        Job("labels + RGB (b)", "labels+color", street, big),
        Job("labels + RGB, iid noise", "labels+color", scenes.iid(19, 128, 256), big),
        Job("labels + confidence + RGB (a)", "labels+confidence+color", voc, crop, palette="voc"),
        Job("labels + confidence + RGB (b)", "labels+confidence+color", street, big),
        Job("labels + overlay (b)", "labels+overlay", street, big, image=scenes.photograph(*big)),
    ]


@pytest.mark.parametrize(("job", "entry"), parametrized(jobs))
def test_postprocess(job: Any, entry: Any, benchmark: Any) -> None:
    run_benchmark(benchmark, job, entry)
