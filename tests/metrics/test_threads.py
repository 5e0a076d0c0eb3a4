"""Measures and mergers that threads share: no count is lost, and copies have locks of their own."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from thread_runs import THREADS, run_in_threads

import segpost

UPDATES = 30
TARGET = np.array([[0, 1, 2, 2], [1, 1, 0, 255], [2, 0, 1, 1]], np.uint8)
PREDS = np.roll(TARGET, 1, axis=1) % 5 % 3
INSTANCES = np.array([[0, 1, 2, 2], [1, 1, 0, 0], [2, 0, 3, 3]], np.uint16)

MEASURES: dict[str, Callable[[], Any]] = {
    "confusion": lambda: segpost.ConfusionMatrix(3, ignore_index=255),
    "images": lambda: segpost.ConfusionMatrix(3, ignore_index=255, per_image=True),
    "boundary iou": lambda: segpost.BoundaryIoU(3, ignore_index=255),
    "surface distance": lambda: segpost.SurfaceDistance(3, ignore_index=255),
    "boundary f": lambda: segpost.BoundaryF(3, ignore_index=255),
    "trimap": lambda: segpost.TrimapIoU(3, ignore_index=255, widths=(1, 2)),
    "instances": lambda: segpost.InstanceIoU(3, ignore_index=255, things={1: 3.0, 2: 2.0}),
}


@pytest.fixture(autouse=True)
def _frequent_switches(frequent_switches: None) -> None:
    """In every test."""


def update(measure: Any, **options: Any) -> None:
    """Count the small maps once."""
    if isinstance(measure, segpost.InstanceIoU):
        options["instances"] = INSTANCES
    measure.update(PREDS, TARGET, **options)


@pytest.mark.parametrize("name", MEASURES)
def test_updates_of_threads_add_up(name: str) -> None:
    """The counts of all updates of all threads are in the sum, whichever come between."""
    measure, once = MEASURES[name](), MEASURES[name]()
    update(once)

    def work(number: int) -> None:
        for _ in range(UPDATES):
            update(measure)
            measure.compute()

    run_in_threads(work)
    assert measure == sum([once] * (THREADS * UPDATES))


def test_ids_of_threads_are_counted_once() -> None:
    """Threads that count the same images: each of them is counted once."""
    cm = segpost.ConfusionMatrix(3, ignore_index=255, duplicates="drop")

    def work(number: int) -> None:
        for image in range(UPDATES):
            update(cm, ids=f"image {image}")

    run_in_threads(work)
    assert len(cm.images) == UPDATES
    assert cm.pixels == UPDATES * TARGET.size


def test_measures_that_are_added_to_each_other() -> None:
    """Two threads, one a += b, the other b += a: neither waits for the other for ever."""
    a, b = MEASURES["boundary iou"](), MEASURES["boundary iou"]()

    def work(number: int) -> None:
        for _ in range(UPDATES):
            if number % 2:
                a.merge_state(b)
            else:
                b.merge_state(a)

    run_in_threads(work)
    assert a == b == MEASURES["boundary iou"]()


@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_windows_of_threads_are_merged(average: Any) -> None:
    """The windows of all threads are in the mean."""
    logits = np.stack([np.full((200, 250), value, np.float32) for value in (0.0, 2.0)])
    merger = segpost.Merger((400, 250), 2, average=average)

    def work(number: int) -> None:
        for _ in range(UPDATES // 3):
            for y in (0, 100, 200):
                merger.add(logits, window=(y, 0, 200, 250))

    run_in_threads(work)
    seen = THREADS * (UPDATES // 3) * np.repeat(np.array([1, 2, 2, 1], np.float32), 100)
    assert_array_equal(merger._weights, np.broadcast_to(seen[:, None], (400, 250)))
    expected = 2.0 if average == "logits" else 1 / (1 + np.exp(-2))
    assert merger.result()[1] == pytest.approx(expected, abs=1e-5)


def change(one: Any, _: int) -> None:
    """Update a measure, or add to a merger."""
    if isinstance(one, segpost.Merger):
        one.add(np.zeros((2, 8, 5), np.float32))
    else:
        update(one)


@pytest.mark.parametrize("name", [*MEASURES, "merger"])
def test_copies_have_locks_of_their_own(name: str) -> None:
    """Copies and pickles neither keep the lock of their source nor wait for it."""
    source = segpost.Merger((8, 5), 2) if name == "merger" else MEASURES[name]()
    copies = [copy.copy(source), copy.deepcopy(source), pickle.loads(pickle.dumps(source))]
    assert len({id(one._lock) for one in (source, *copies)}) == 4
    copies += [source.copy()] if hasattr(source, "copy") else []
    with source._lock:
        for one in copies:
            run_in_threads(partial(change, one))
