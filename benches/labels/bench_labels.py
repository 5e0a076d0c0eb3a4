"""Labels from logits, upsampled or not, and softmax."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import pytest

from benches.baselines import with_halide, with_openvino
from benches.baselines.with_torch import COMPILED_ARGMAX, EAGER_ARGMAX, EAGER_MAX
from benches.harness import scenes
from benches.harness.jobs import OURS, Array, Job
from benches.harness.pytest_support import parametrized, run_benchmark

DENSE = "segpost dense exact kernel alone, out= reused"
BARE = "segpost kernel alone, out= reused"
BRIEF = (
    OURS,
    BARE,
    DENSE,
    "segpost, Numba backend",
    EAGER_ARGMAX,
    EAGER_MAX,
    COMPILED_ARGMAX,
    "OpenCV: resize of (H, W, C), np.argmax(-1)",
    with_openvino.LABELS,
    with_halide.LABELS,
)


@lru_cache(maxsize=1)
def voc_scene() -> Array:
    """(a): DeepLab's output stride 8 on a VOC crop."""
    return scenes.scene(21, 65, 65, regions=28, objects=14, poles=4, seed=2)


@lru_cache(maxsize=4)
def street_scene(white: float = 0.6) -> Array:
    """(b): output stride 8 on a Cityscapes image."""
    return scenes.scene(19, 128, 256, regions=28, objects=28, poles=9, white=white, seed=2)


@lru_cache(maxsize=1)
def noise() -> Array:
    """The worst case at the size of (b)."""
    return scenes.iid(19, 128, 256)


@lru_cache(maxsize=1)
def full_scene() -> Array:
    """(c): a head at full resolution."""
    return scenes.enlarged(street_scene(), 1024, 2048)


def jobs() -> list[Job]:
    """The cases of this file."""
    big = (1024, 2048)
    noisy = [
        Job(
            f"labels (b), white noise {white:g}",
            "labels",
            partial(street_scene, white),
            big,
            only=BRIEF,
        )
        for white in (1.0, 2.0, 4.0)
    ]
    return [
        Job("labels (a)", "labels", voc_scene, (513, 513), palette="voc"),
        Job("labels (b)", "labels", street_scene, big),
        *noisy,
        Job("labels, iid noise", "labels", noise, big, only=BRIEF),
        Job("labels at full resolution", "labels", full_scene, note="Nobody interpolates."),
        Job("softmax", "softmax", lambda: full_scene()[:, ::4, ::4].copy()),
    ]


@pytest.mark.parametrize(("job", "entry"), parametrized(jobs))
def test_labels(job: Any, entry: Any, benchmark: Any) -> None:
    run_benchmark(benchmark, job, entry)
