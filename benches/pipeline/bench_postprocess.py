"""The whole step after the network: labels, colors, confidence and overlay in one call."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from benches.baselines import with_halide, with_openvino
from benches.baselines.ours import AVX2, BYTES, FAST, NUMBA
from benches.baselines.with_onnxruntime import POWERS, SOFTMAX
from benches.baselines.with_torch import COMPILED_POWERS, COMPILED_SOFTMAX, EAGER_SOFTMAX
from benches.harness import scenes
from benches.harness.jobs import OURS, SPREAD, Array, Job
from benches.harness.pytest_support import parametrized, run_benchmark
from benches.labels.bench_labels import full_scene, noise, street_scene, voc_scene

BRIEF = (
    OURS,
    FAST,
    BYTES,
    NUMBA,
    AVX2,
    EAGER_SOFTMAX,
    COMPILED_SOFTMAX,
    COMPILED_POWERS,
    SOFTMAX,
    POWERS,
    with_openvino.CONFIDENCE,
    with_halide.CONFIDENCE,
)
SURE = "labels+confidence+color"


def full_scene_last() -> Array:
    """(c) as a view whose class axis is last in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(full_scene(), 0, -1)), -1, 0)


def full_scene_half() -> Array:
    """(c) in float16."""
    return full_scene().astype(np.float16)


def full_scene_brain() -> Array:
    """(c) with the values that bfloat16 has."""
    return (full_scene().view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def full_jobs() -> list[Job]:
    """Labels, confidence and colors of logits of the image's size: one pass over them."""
    title = "labels + confidence + RGB (c)"
    brief: dict[str, Any] = {"only": BRIEF, "note": "Nobody interpolates."}
    spread = "labels + confidence + probabilities (c)"
    return [
        Job(title, SURE, full_scene, **brief),
        Job(spread, SPREAD, full_scene, **brief),
        Job(f"{title}, channels last", SURE, full_scene_last, axis=-1, **brief),
        Job(f"{title}, float16", SURE, full_scene_half, kind="float16", **brief),
        Job(f"{title}, bfloat16", SURE, full_scene_brain, kind="bfloat16", **brief),
    ]


def jobs() -> list[Job]:
    """The cases of this file."""
    big, crop = (1024, 2048), (513, 513)
    street, voc, image = street_scene, voc_scene, partial(scenes.photograph, *big)
    return [
        Job("labels + RGB (a)", "labels+color", voc, crop, palette="voc"),
        Job("labels + RGB (b)", "labels+color", street, big),
        Job("labels + RGB, iid noise", "labels+color", noise, big),
        Job("labels + confidence + RGB (a)", SURE, voc, crop, palette="voc"),
        Job("labels + confidence + RGB (b)", SURE, street, big),
        Job("labels + confidence + RGB, iid noise", SURE, noise, big, only=BRIEF),
        *full_jobs(),
        Job("labels + overlay (b)", "labels+overlay", street, big, image=image),
    ]


@pytest.mark.parametrize(("job", "entry"), parametrized(jobs))
def test_postprocess(job: Any, entry: Any, benchmark: Any) -> None:
    run_benchmark(benchmark, job, entry)
