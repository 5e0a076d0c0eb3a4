"""Results of a crop in the whole: those of a postprocess of padded logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import segpost

torch = pytest.importorskip("torch")

WANT: Any = ("labels", "confidence", "probabilities", "entropy", "margin", "topk")
SIZE, START, CROP = (9, 8, 11), (2, 0, 5), (4, 5, 6)
BOX = tuple(slice(a, a + n) for a, n in zip(START, CROP, strict=True))


def logits_of(*shape: int) -> np.ndarray:
    """Random logits."""
    return np.random.default_rng(3).normal(0, 3, shape).astype(np.float32)


def padded(logits: np.ndarray, size: Any = SIZE, box: Any = BOX) -> np.ndarray:
    """Logits of the whole, where class 0 is certain outside the crop."""
    whole = np.full((*logits.shape[: -len(size)], *size), -1e4, np.float32)
    np.moveaxis(whole, -len(size) - 1, 0)[0] = 1e4
    whole[(..., *box)] = logits
    return whole


def arrays_of(seg: segpost.Segmentation) -> dict[str, Any]:
    """Every array of a segmentation."""
    found = {name: getattr(seg, name) for name in WANT}
    top = found.pop("topk")
    if top is not None:
        found["top labels"], found["top probabilities"] = top
    return {name: value for name, value in found.items() if value is not None}


def check_same(got: segpost.Segmentation, wanted: segpost.Segmentation) -> None:
    """Arrays of equal kind, type, shape and values."""
    mine, theirs = arrays_of(got), arrays_of(wanted)
    assert mine.keys() == theirs.keys()
    for name, array in mine.items():
        assert (type(array), array.dtype) == (type(theirs[name]), theirs[name].dtype), name
        np.testing.assert_allclose(
            np.asarray(array), np.asarray(theirs[name]), atol=1e-6, err_msg=name
        )


@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("kind", ["numpy", "torch", "levels"])
def test_every_result_of_volumes(batch: tuple[int, ...], kind: str) -> None:
    logits = logits_of(*batch, 4, *CROP)
    options: dict[str, Any] = {"volume": True, "want": WANT}
    if kind == "levels":
        options |= {"confidence_dtype": "uint8", "probabilities_dtype": "uint16"}
    given: Any = [logits, padded(logits)]
    if kind == "torch":
        given = [torch.from_numpy(one) for one in given]
    crop, whole = (segpost.postprocess(one, **options) for one in given)
    seg = crop.uncrop(SIZE, START)
    check_same(seg, whole)
    assert seg.volume
    assert seg.labels.shape == (*batch, *SIZE)


def test_images_and_channels_last() -> None:
    size, start, crop = (9, 8), (2, 1), (4, 6)
    box = tuple(slice(a, a + n) for a, n in zip(start, crop, strict=True))
    logits = logits_of(3, *crop)
    whole = segpost.postprocess(padded(logits, size, box), want=WANT)
    check_same(segpost.postprocess(logits, want=WANT).uncrop(list(size), start), whole)
    volume = logits_of(3, *CROP)
    options: dict[str, Any] = {"volume": True, "axis": -1, "want": ("labels", "probabilities")}
    last = segpost.postprocess(np.moveaxis(volume, 0, -1), **options)
    whole = segpost.postprocess(np.moveaxis(padded(volume), 0, -1), **options)
    check_same(last.uncrop(SIZE, START), whole)


def test_a_sigmoid_head_has_probability_zero_outside() -> None:
    logits = logits_of(1, *CROP)
    options: dict[str, Any] = {"volume": True, "threshold": 0.3, "want": WANT[:3]}
    whole = np.full((1, *SIZE), -1e4, np.float32)
    index: Any = (..., *BOX)
    whole[index] = logits
    seg = segpost.postprocess(logits, **options).uncrop(SIZE, START)
    check_same(seg, segpost.postprocess(whole, **options))


def test_argmax_into_a_part_of_the_labels() -> None:
    """As the documentation of `uncrop` has it, resampled."""
    logits = logits_of(4, 2, 3, 3)
    labels = np.zeros(SIZE, np.uint8)
    segpost.argmax(logits, size=CROP, out=labels[BOX])
    seg = segpost.postprocess(logits, size=CROP).uncrop(SIZE, START)
    np.testing.assert_array_equal(seg.labels, labels)


def test_what_cannot_be_uncropped() -> None:
    seg = segpost.postprocess(logits_of(3, *CROP), volume=True)
    cases: list[tuple[Any, Any, str]] = [
        (SIZE, (2, 4, 5), r"size \(4, 5, 6\) from start=\(2, 4, 5\) on do not lie in size=\(9, 8"),
        (SIZE, (-1, 0, 0), r"start must be at least 0 on every axis, got \(-1, 0, 0\)"),
        (SIZE, (0, 0), r"start must be \(z, y, x\)"),
        (SIZE[1:], START, r"size must be \(depth, height, width\)"),
        (CROP[::-1], (0, 0, 0), "both are z, y, x"),
    ]
    for size, start, message in cases:
        with pytest.raises(ValueError, match=message):
            seg.uncrop(size, start)
    with pytest.raises(TypeError, match="start"):
        seg.uncrop(SIZE, (0.5, 0, 0))  # type: ignore[arg-type]
    colored = segpost.postprocess(logits_of(3, 4, 5), palette="voc", want=("labels", "color"))
    with pytest.raises(ValueError, match="has color, which cannot be uncropped: leave it out"):
        colored.uncrop((9, 9), (0, 0))
