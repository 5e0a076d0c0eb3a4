"""Sizes that need more memory than there is: refused at once, with the bytes and the cure."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from conftest import NATIVE

import segpost
from segpost._backends import registry
from segpost._core import memory

LONG = 2**31 - 1  # the longest side that a size may have
LOGITS = np.zeros((2, 4, 4), np.float32)
VOLUMES = np.zeros((2, 4, 4, 4), np.float32)
IMAGE = np.zeros((4, 4, 3), np.uint8)
WIDE = np.broadcast_to(np.float32(0.5), (30, 40_000, 40_000))

Box = segpost.Letterbox
CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "argmax, tables": (lambda: segpost.argmax(LOGITS, size=(LONG, 1)), "size"),
    "argmax, labels": (lambda: segpost.argmax(LOGITS, size=(LONG, LONG)), "size"),
    "argmax, volumes": (lambda: segpost.argmax(VOLUMES, size=(LONG, LONG, LONG)), "size"),
    "argmax, scale": (
        lambda: segpost.argmax(np.broadcast_to(np.float32(0), (2, 99_999, 99_999)), scale=64),
        "scale 64",
    ),
    "argmax, letterbox": (
        lambda: segpost.argmax(LOGITS, letterbox=Box((LONG, LONG), (4, 4), (4, 4))),
        "letterbox with image_size",
    ),
    "postprocess, tables": (lambda: segpost.postprocess(LOGITS, size=(LONG, 1)), "size"),
    "postprocess, probabilities": (
        lambda: segpost.postprocess(LOGITS, size=(2**20, 2**20), want=("probabilities",)),
        "size",
    ),
    "Merger": (lambda: segpost.Merger((LONG, LONG), 3), "size"),
    "Merger, classes": (lambda: segpost.Merger((9, 9), 2**40), "classes"),
    "Merger, region": (
        lambda: segpost.Merger((LONG, LONG), 3, region=(9, 9, LONG - 9, LONG - 9)),
        "region",
    ),
    "merged_blocks": (
        lambda: segpost.merged_blocks(
            lambda _: LOGITS, (LONG, LONG), 2, [(0, 0, LONG, LONG)], block=LONG
        ),
        "block",
    ),
    "Letterbox.apply": (lambda: Box((4, 4), (LONG, LONG), (9, 9)).apply(IMAGE), "input_size"),
    "Letterbox.apply_labels": (
        lambda: Box((4, 4), (LONG, LONG), (9, 9)).apply_labels(IMAGE[..., 0], void=255),
        "input_size",
    ),
    "Letterbox.undo_labels": (
        lambda: Box((LONG, LONG), (4, 4), (4, 4)).undo_labels(IMAGE[..., 0]),
        "image_size",
    ),
    "dense_crf": (lambda: segpost.dense_crf(WIDE, None, bilateral=None), "dense_crf of 30 labels"),
}


@pytest.mark.parametrize("case", CASES)
def test_sizes_beyond_the_memory_are_refused_before_any_is_taken(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "memory_limit", lambda: 32 << 30)
    call, argument = CASES[case]
    tracemalloc.start()
    try:
        with pytest.raises(MemoryError, match=rf"{argument}.* needs [\d,.]+ [GT]iB .*; \w+"):
            call()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**22  # bytes


def merger(height: int, width: int, average: Any = "probabilities") -> Callable[[Any], None]:
    """`add` of a merger of 21 classes, whose sums are stored already."""
    add: Callable[[Any], None] = segpost.Merger((height, width), 21, average=average).add
    return add


FRUGAL: dict[str, Callable[[], Callable[[Any], Any]]] = {
    "Merger.add": lambda: merger(256, 512),
    "Merger.add, resized": lambda: merger(512, 1024),
    "Merger.add of logits": lambda: merger(256, 512, "logits"),
    "fingerprint": lambda: segpost.fingerprint,
    "argmax": lambda: segpost.argmax,
    "postprocess": lambda: partial(segpost.postprocess, want=("labels", "confidence")),
}


@pytest.mark.skipif(not NATIVE, reason="no native backend")
@pytest.mark.parametrize("case", FRUGAL)
@pytest.mark.parametrize("has_channels_last", [False, True])
def test_logits_are_not_copied(case: str, has_channels_last: bool) -> None:
    """An operation takes less than a quarter of the memory of its logits, 11 MB."""
    logits = np.random.default_rng(0).normal(size=(21, 256, 512)).astype(np.float32)
    if has_channels_last:
        logits = np.ascontiguousarray(logits.transpose(1, 2, 0)).transpose(2, 0, 1)
    call = FRUGAL[case]()
    call(logits)
    tracemalloc.start()
    try:
        call(logits)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < logits.nbytes / 4


def test_windows_and_blocks_of_a_huge_size_are_not_stored() -> None:
    size = (LONG, LONG)
    first = list(itertools.islice(segpost.windows(size, (1, 1), (1, 1)), 2))
    assert first == [(0, 0, 1, 1), (0, 1, 1, 1)]
    *_, last = segpost.windows((1, LONG), (1, 2**30), (1, 2**29))
    assert last == (0, LONG - 2**30, 1, 2**30)
    blocks = segpost.merged_blocks(lambda _: LOGITS, size, 2, [(0, 0, 9, 9)], block=9, nodata=7)
    y, x, segmentation = next(iter(blocks))
    assert (y, x, segmentation.labels.shape) == (0, 0, (9, 9))


def test_memory_that_cannot_be_allocated_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("std::bad_alloc")

    monkeypatch.setattr(registry.backend(LOGITS), "dense_crf", fail)
    probabilities = np.full((2, 5, 6), 0.5, np.float32)
    with pytest.raises(MemoryError, match=r"2 labels and 5 x 6 pixels .*; refine parts"):
        segpost.dense_crf(probabilities, np.zeros((5, 6, 3), np.uint8))


def test_the_limit_of_the_address_space_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 29, resource.RLIM_INFINITY))
    assert memory.memory_limit() == 1 << 29
    with pytest.raises(MemoryError, match=r"this process may have 0\.5 GiB"):
        segpost.Merger((10_000, 10_000), 2)


def test_the_limit_of_a_container_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "memory.max").write_text("100\n")
    monkeypatch.setattr(
        memory, "CGROUP_LIMITS", (str(tmp_path / "memory.max"), str(tmp_path / "none"))
    )
    assert memory.memory_limit() == 100
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.memory_limit() != 100
