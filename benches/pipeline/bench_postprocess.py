"""The whole step after the network: labels, colors, confidence and overlay in one call."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from benches.baselines.ours import AVX2, BYTES, FAST, NUMBA
from benches.baselines.with_onnxruntime import SOFTMAX
from benches.baselines.with_torch import COMPILED_SOFTMAX, EAGER_SOFTMAX
from benches.harness import scenes
from benches.harness.jobs import OURS, SPREAD, Array, Job
from benches.harness.pytest_support import parametrized, run_benchmark
from benches.labels.bench_labels import street_scene, voc_scene

BRIEF = (
    OURS,
    FAST,
    BYTES,
    NUMBA,
    AVX2,
    EAGER_SOFTMAX,
    COMPILED_SOFTMAX,
    SOFTMAX,
)
SURE = "labels+confidence+color"


@lru_cache(maxsize=1)
def full_scene() -> Array:
    """(c): a head at full resolution."""
    return scenes.enlarged(street_scene(), 1024, 2048)


def full_jobs() -> list[Job]:
    """Labels, confidence and colors of logits of the image's size: one pass over them."""
    full = full_scene()
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(full, 0, -1)), -1, 0)
    note = "Nobody interpolates."
    half = full.astype(np.float16)
    brain = (full.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    kinds: tuple[tuple[str, Array], ...] = (("float16", half), ("bfloat16", brain))
    return [
        Job("labels + confidence + RGB (c)", SURE, full, only=BRIEF, note=note),
        Job("labels + confidence + probabilities (c)", SPREAD, full, only=BRIEF, note=note),
        Job(
            "labels + confidence + RGB (c), channels last",
            SURE,
            last,
            axis=-1,
            only=BRIEF,
            note=note,
        ),
        *(
            Job(
                f"labels + confidence + RGB (c), {kind}",
                SURE,
                values,
                kind=kind,
                only=BRIEF,
                note=note,
            )
            for kind, values in kinds
        ),
    ]


def jobs() -> list[Job]:
    """The cases of this file."""
    big, crop = (1024, 2048), (513, 513)
    street, voc = street_scene(), voc_scene()
    return [
        Job("labels + RGB (a)", "labels+color", voc, crop, palette="voc"),
        Job("labels + RGB (b)", "labels+color", street, big),
        Job("labels + RGB, iid noise", "labels+color", scenes.iid(19, 128, 256), big),
        Job("labels + confidence + RGB (a)", SURE, voc, crop, palette="voc"),
        Job("labels + confidence + RGB (b)", SURE, street, big),
        Job(
            "labels + confidence + RGB, iid noise", SURE, scenes.iid(19, 128, 256), big, only=BRIEF
        ),
        *full_jobs(),
        Job("labels + overlay (b)", "labels+overlay", street, big, image=scenes.photograph(*big)),
    ]


@pytest.mark.parametrize(("job", "entry"), parametrized(jobs))
def test_postprocess(job: Any, entry: Any, benchmark: Any) -> None:
    run_benchmark(benchmark, job, entry)
