"""Regions, masks and COCO's codes: those of Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from web_package import Refusal, call_web, last, noisy_logits, same

import segpost

pytestmark = pytest.mark.browser

RANDOM = np.random.default_rng(17)


def check_region(ours: dict[str, Any], theirs: Any) -> None:
    """Every number and the code are equal."""
    for name in ("label", "area"):
        assert ours[name] == getattr(theirs, name)
    assert tuple(ours["box"]) == theirs.box
    assert tuple(ours["centroid"]) == theirs.centroid
    size, counts = ours["rle"]["size"], ours["rle"]["counts"]
    assert {"size": size, "counts": counts.encode()} == theirs.rle()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64"])
@pytest.mark.parametrize("threads", [1, 2])
def test_regions_are_those_of_python(web_build: Path, dtype: str, threads: int) -> None:
    """Of one map and of several; more regions than there is room for at first."""
    few = segpost.argmax(noisy_logits(5, 60, 70)).astype(dtype)
    maps = np.stack([few, np.flip(few), few * 0 + 3])
    many = np.arange(20 * 100).reshape(20, 100) % (120 if dtype == "uint8" else 2000)
    many = many.astype(dtype)
    calls: list[tuple[Any, ...]] = [
        ("regions", labels, {"rle": True}) for labels in (few, maps, many)
    ]
    one, several, full = call_web(web_build, *calls, threads=threads)
    for ours, labels in ((one, few), (full, many)):
        for region, theirs in zip(ours, segpost.regions(labels), strict=True):
            check_region(region, theirs)
            assert region["image"] == 0
    expected = [(i, one) for i, labels in enumerate(maps) for one in segpost.regions(labels)]
    for region, (image, theirs) in zip(several, expected, strict=True):
        check_region(region, theirs)
        assert region["image"] == image


MANY_REGIONS = """(() => {
  const data = Int32Array.from({ length: 130000 }, (_, i) => i);
  const regions = loaded.regions({ data, shape: [500, 260] }, { rle: true });
  return [regions.length, regions.at(-1)];
})()"""


def test_codes_of_many_regions(web_build: Path) -> None:
    """More than a call of JavaScript has arguments."""
    ((count, region),) = call_web(web_build, ("evaluate", MANY_REGIONS))
    labels = np.arange(130000, dtype=np.int32).reshape(500, 260)
    assert count == labels.size
    check_region(region, segpost.regions(labels)[-1])


def test_labels_that_a_number_rounds_are_refused(web_build: Path) -> None:
    """Python has those below 2**63 as they are, and refuses the rest."""
    top = np.array([[3, 2**53 - 1]], np.uint64)
    bottom = -top.astype(np.int64)
    calls = [("regions", labels) for labels in (top, bottom, top + 1, bottom - 1, top * 2048)]
    above, below, *refused = call_web(web_build, *calls)
    assert [one["label"] for one in above] == [3, 2**53 - 1]
    assert [one["label"] for one in below] == [1 - 2**53, -3]
    for answer, text in zip(refused, (2**53, -(2**53), (2**53 - 1) * 2048), strict=True):
        assert answer == (
            "BadValuesError",
            "labels have 1 values outside -(2**53 - 1)..2**53 - 1, which a number of JavaScript "
            f"rounds, first {text} at image 0, y 0, x 1",
            1,
            1,
        )


def test_regions_that_are_not_wanted_are_left_out(web_build: Path) -> None:
    """Small ones, and a label."""
    labels = np.zeros((5, 8), np.uint8)
    labels[0, 0], labels[2:, 3:] = 7, 255
    every, some, none = call_web(
        web_build,
        ("regions", labels),
        ("regions", labels, {"minArea": 2, "ignoreIndex": 255}),
        ("regions", labels[:0]),
    )
    assert [(one["label"], one["area"]) for one in every] == [(0, 24), (7, 1), (255, 15)]
    assert "rle" not in every[0]
    assert [one["label"] for one in some] == [0]
    assert none == []


@pytest.mark.parametrize("threads", [1, 2])
def test_masks_are_those_of_python(web_build: Path, threads: int) -> None:
    """Bytes, bits and codes; one threshold and several; as they are and upsampled."""
    one, several = noisy_logits(4, 9, 11), noisy_logits(2, 4, 30, 40)
    thresholds = [0.1, 0.5, 0.9, 1.0]
    calls, expected = [], []
    for encoding in ("mask", "bits", "rle"):
        for logits in (one, several):
            for size in (None, (330, 470)):
                for threshold in (0.3, thresholds):
                    options: dict[str, Any] = {"threshold": threshold, "encoding": encoding}
                    options |= {} if size is None else {"size": size}
                    calls.append(("binarize", logits, options))
                    expected.append(segpost.binarize(logits, **options))
    for (_, logits, options), ours, theirs in zip(
        calls, call_web(web_build, *calls, threads=threads), expected, strict=True
    ):
        if options["encoding"] != "rle":
            same(ours, theirs)
            continue
        codes = theirs if logits.ndim == 3 else [code for image in theirs for code in image]
        assert [{**code, "counts": code["counts"].encode()} for code in ours] == codes


def test_masks_of_classes_last(web_build: Path) -> None:
    """Masks have their classes first."""
    logits = noisy_logits(3, 9, 11)
    (ours,) = call_web(web_build, ("binarize", last(logits), {"axis": -1}))
    same(ours, segpost.binarize(logits))


def test_refusals_of_masks_and_regions(web_build: Path) -> None:
    """What came, and the cure."""
    logits = noisy_logits(3, 9, 11)
    holes = logits.copy()
    holes[1, 2, 3] = np.nan
    labels = np.zeros((4, 5), np.uint8)
    calls: list[tuple[tuple[Any, ...], str, str]] = [
        (("binarize", logits, {"threshold": 2}), "ValueError", "threshold must be in 0..1, got 2"),
        (
            ("binarize", logits, {"threshold": [0.5, 0.5]}),
            "ValueError",
            "or 3 numbers, got [0.5, 0.5]",
        ),
        (("binarize", logits, {"encoding": "png"}), "ValueError", 'encoding must be one of "mask"'),
        (("binarize", logits, {"letterbox": 1}), "TypeError", 'binarize has no option "letterbox"'),
        (
            ("binarize", holes),
            "BadValuesError",
            "1 NaN, first at image 0, class 1, y 2, x 3; look for",
        ),
        (
            ("binarize", holes, {"encoding": "rle"}),
            "BadValuesError",
            'division by zero in the network; nan: "propagate" sets no pixel there',
        ),
        (
            ("regions", logits),
            "TypeError",
            "labels must be integers, got float32; argmax makes labels",
        ),
        (("regions", labels, {"rle": "no"}), "TypeError", 'rle must be true or false, got "no"'),
        (("regions", labels, {"areas": 2}), "TypeError", 'regions has no option "areas"'),
    ]
    answers = call_web(web_build, *(call for call, _, _ in calls))
    for (call, kind, text), answer in zip(calls, answers, strict=True):
        assert isinstance(answer, Refusal), call
        assert (answer.kind, text in answer.message) == (kind, True), answer
    (propagated,) = call_web(web_build, ("binarize", holes, {"nan": "propagate"}))
    same(propagated, segpost.binarize(holes, nan="propagate"))
