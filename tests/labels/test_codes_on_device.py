"""Run-length codes of masks on a device: only the places where their bits change are copied."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import scene
from fake_devices import Cuda, Runtime

import segpost
from segpost._backends.cuda import mask_runs

pytestmark = pytest.mark.usefixtures("device")


@pytest.mark.parametrize("height", [1, 31, 32, 33, 127, 130, 259])
@pytest.mark.parametrize("threshold", [0.5, 1e-9, 1 - 1e-9])
def test_codes_are_those_of_the_cpu(height: int, threshold: float) -> None:
    """Columns that end anywhere in a word; masks that are full, and that are empty."""
    logits = scene(3, 12, 9)
    options: Any = {"size": (height, 23), "encoding": "rle", "threshold": threshold}
    there = segpost.binarize(Cuda(logits), **options)
    assert there == segpost.binarize(logits, **options)


def test_many_masks_are_counted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = np.stack([scene(5, 12, 9), scene(5, 12, 9, seed=1)])
    monkeypatch.setattr(mask_runs, "MAX_PIXELS", 3 * 40 * 30)
    options: Any = {"size": (40, 30), "encoding": "rle"}
    assert segpost.binarize(Cuda(logits), **options) == segpost.binarize(logits, **options)


def test_only_changes_are_copied(device: Runtime) -> None:
    """Of masks of a few shapes less than a fifth of their bits is read on the CPU."""
    size = (640, 400)
    logits = scene(4, 16, 10)
    segpost.binarize(Cuda(logits), size=size, encoding="rle")
    assert 0 < device.bytes_read < 4 * size[0] * size[1] / 8 / 5
