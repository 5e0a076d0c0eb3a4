"""Results that follow from another result: regions of confidence, ties of top-k, a stretch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import segpost
from segpost.typing import Want

ON_CUDA = True


@pytest.mark.parametrize("extra", ["entropy", "margin", "topk"])
def test_the_confidence_of_regions_is_that_of_the_result(
    extra: Want, backend: str, rng: np.random.Generator
) -> None:
    """Regions have the mean of the confidence that the same call returns."""
    logits = rng.normal(size=(3, 4, 4)).astype(np.float32)
    want: tuple[Want, ...] = ("labels", "regions", "confidence", extra)
    seg: Any = segpost.postprocess(logits, size=(9, 9), want=want)
    for region in seg.regions:
        mean = seg.confidence[seg.labels == region.label].mean()
        assert region.confidence == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize(
    ("values", "order"),
    [
        ([0, 0, 2], [2, 0, 1]),
        ([-np.inf, 1, -np.inf, 1], [1, 3, 0, 2]),
        ([3, 3, 3, 3, 3], [0, 1, 2, 3, 4]),
        ([1, 2, 2, 1, 2, 1], [1, 2, 4, 0, 3, 5]),
    ],
)
def test_of_equal_classes_the_first_is_first(
    values: list[float], order: list[int], backend: str
) -> None:
    """Top-k lists ties in the order of the classes, as labels do."""
    logits = np.broadcast_to(np.array(values, np.float32)[:, None, None], (len(values), 3, 5))
    for size in ((3, 5), (7, 9)):
        seg: Any = segpost.postprocess(logits, size=size, want=("topk",), topk=len(values))
        top = np.asarray(seg.topk.labels)
        assert (top == np.array(order)[:, None, None]).all()


def test_integers_have_no_confidence_of_regions() -> None:
    """A softmax of raw integers means nothing."""
    logits = np.arange(48, dtype=np.int8).reshape(3, 4, 4)
    with pytest.raises(TypeError, match="logits are int8: their confidence needs the quant"):
        segpost.regions(logits=logits, size=(8, 8), confidence=True)


def test_a_stretch_is_that_of_each_image(rng: np.random.Generator) -> None:
    """The percentages of an image of a batch are those of the image alone."""
    image = rng.integers(0, 100, (4, 5, 2)).astype(np.uint16)
    letterbox = segpost.Letterbox.fit((4, 5), (4, 5))
    settings: dict[str, Any] = {"stretch": ("2%", "98%"), "mean": 0.0, "std": 1.0}
    alone = letterbox.apply(image, **settings)
    batch = letterbox.apply(np.stack([image, image + 5000]), **settings)
    np.testing.assert_array_equal(batch[0], alone)
    np.testing.assert_array_equal(batch[1], alone)
