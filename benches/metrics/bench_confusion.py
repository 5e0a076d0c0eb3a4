"""Confusion matrices from label maps and from logits, and Boundary IoU."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np
import pytest

from benches.baselines import with_cython, with_numba, with_numpy, with_torch, with_torchmetrics
from benches.baselines.ours import COUNTING_BARE, NUMBA, TWO_THREADS
from benches.harness import scenes
from benches.harness.jobs import OURS, VOID, Array, Job
from benches.harness.pytest_support import parametrized, run_benchmark
from benches.labels.bench_labels import street_scene

BIG = (1024, 2048)
BRIEF = (
    OURS,
    COUNTING_BARE,
    "segpost, SIMD level x86_64_v3",
    "segpost, SIMD level x86_64_v2",
    NUMBA,
    with_numpy.BINCOUNT,
    "NumPy: bincount(256 * t + p), no mask",
    with_torch.BINCOUNT,
    with_torchmetrics.CLASS,
    with_torchmetrics.CLASS + with_torchmetrics.UNCHECKED,
    with_cython.NAME,
    with_numba.NAME,
)
THREADED = (
    OURS,
    TWO_THREADS,
    with_cython.NAME,
    with_numpy.BINCOUNT,
    with_torch.BINCOUNT,
    f"{with_torch.BINCOUNT}, two threads",
    with_torch.ARGMAX_BINCOUNT,
    f"{with_torch.ARGMAX_BINCOUNT}, two threads",
)


@lru_cache(maxsize=1)
def street() -> tuple[Array, Array]:
    """Prediction and target."""
    return scenes.street_maps(*BIG, 19)


def crop(height: int, width: int) -> tuple[Array, Array]:
    """From the middle of the street."""
    y, x = (BIG[0] - height) // 2, (BIG[1] - width) // 2
    preds, target = (one[y : y + height, x : x + width].copy() for one in street())
    return preds, target


def constant() -> tuple[Array, Array]:
    """One class everywhere."""
    return np.full(BIG, 3, np.uint8), np.full(BIG, 3, np.uint8)


def independent(classes: int) -> tuple[Array, Array]:
    """Every pixel by itself, the worst case of everything that looks for runs."""
    rng = np.random.default_rng(3)
    preds, target = (rng.integers(0, classes, BIG).astype(np.uint8) for _ in range(2))
    target[rng.random(BIG) < 0.1] = VOID
    return preds, target


@lru_cache(maxsize=1)
def full_logits() -> Array:
    """The street scene's logits as a network gives them that upsamples by itself."""
    job = Job("", "labels", street_scene(), BIG)
    return np.ascontiguousarray(with_numpy.upsampler(job)())


@lru_cache(maxsize=1)
def logits_target() -> Array:
    """Their target."""
    rng = np.random.default_rng(5)
    labels = full_logits().argmax(axis=0).astype(np.uint8)
    return scenes.with_void(rng, scenes.mistaken(rng, labels))


def pair(
    title: str, maps: Callable[[], tuple[Array, Array]], dtype: Any = np.uint8, **options: Any
) -> Job:
    """A job on two label maps."""

    @cache
    def typed() -> tuple[Array, Array]:
        preds, target = (one.astype(dtype) for one in maps())
        return preds, target

    return Job(
        title,
        options.pop("task", "confusion"),
        labels=lambda: typed()[0],
        target=lambda: typed()[1],
        note=lambda: scenes.statistics(*typed()),
        **options,
    )


def from_logits(
    title: str, logits: Callable[[], Array], size: tuple[int, int] | None, **options: Any
) -> Job:
    """A job on logits and a label map."""

    def note() -> str:
        labels, target = full_logits().argmax(axis=0), logits_target()
        return f"Target of {target.dtype}. {scenes.statistics(labels, target)}"

    task = "confusion from logits"
    return Job(title, task, logits, size, target=logits_target, note=note, **options)


def jobs() -> list[Job]:
    """The cases of this file."""
    maps = street
    two: dict[str, Any] = {"threads": 2, "only": THREADED}
    return [
        pair("confusion, street", maps),
        pair("confusion, street, int64", maps, np.int64),
        pair("confusion, street, int32", maps, np.int32, only=BRIEF),
        *(
            pair(
                f"confusion, independent, {c} classes",
                partial(independent, c),
                classes=c,
                only=BRIEF,
            )
            for c in (19, 150, 255)
        ),
        pair("confusion, constant", constant, only=BRIEF),
        pair("confusion, street, 513 x 513", partial(crop, 513, 513), only=BRIEF),
        pair("confusion, street, 65 x 65", partial(crop, 65, 65), only=BRIEF),
        pair("confusion, street, two threads", maps, **two),
        from_logits("confusion from logits, full resolution", full_logits, None),
        from_logits("confusion from logits, low resolution", street_scene, BIG),
        from_logits("confusion from logits, two threads", full_logits, None, **two),
        pair("Boundary IoU", maps, task="boundary IoU"),
    ]


@pytest.mark.parametrize(("job", "entry"), parametrized(jobs))
def test_confusion(job: Any, entry: Any, benchmark: Any) -> None:
    run_benchmark(benchmark, job, entry)
