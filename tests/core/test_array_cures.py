"""What is passed in place of an array: the error says what to pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost

loose: Any = segpost  # whose calls no type checker reads
LOGITS = scene(3, 16, 24)
SEG = segpost.postprocess(LOGITS)
IMAGE = np.full((16, 24, 3), 90, np.uint8)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda seg: segpost.colorize(seg, "voc"), "labels"),
        (lambda seg: segpost.overlay(IMAGE, seg, "voc"), "labels"),
        (lambda seg: segpost.regions(seg).areas, "labels"),
        (lambda seg: segpost.resize_labels(seg, (32, 48)), "labels"),
        (lambda seg: segpost.ConfusionMatrix(3).update(seg, SEG.labels), "preds"),
    ],
)
def test_results_of_postprocess(call: Callable[[Any], Any], name: str) -> None:
    """A `Segmentation` is no array; its labels, as the error has them, are."""
    with pytest.raises(TypeError, match=f"got Segmentation; pass {name}.labels$"):
        call(SEG)
    call(SEG.labels)


class Network:
    """A network that was not called."""

    def forward(self, image: Any) -> Any:
        """Return logits."""
        return LOGITS

    __call__ = forward


def test_networks_and_paths() -> None:
    """A network in place of its output, and paths in place of what is in the files."""
    with pytest.raises(TypeError, match="got Network; it is a network: pass what it returns"):
        loose.argmax(Network())
    assert segpost.argmax(Network()(IMAGE)).shape == (16, 24)
    for path in ("logits.npy", Path("logits.npy")):
        with pytest.raises(TypeError, match=r"np\.load reads a \.npy file"):
            loose.argmax(path)
