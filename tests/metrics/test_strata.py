"""Strata of a `ConfusionMatrix`: pixels by distance, size or region, counted apart."""

from __future__ import annotations

import copy
import pickle
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost
from segpost import ConfusionMatrix
from segpost._backends import registry

STRATA = ("near", "far", "sky")


def maps(seed: int, dtype: Any = np.uint8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictions, a target with void and invalid predictions, and strata with void."""
    random = np.random.default_rng(seed)
    target = random.integers(0, 4, (2, 12, 16)).astype(dtype)
    preds = np.where(random.random(target.shape) < 0.5, target, random.integers(0, 6, target.shape))
    target[:, :2] = 255 if np.dtype(dtype).kind == "u" else -1
    strata = random.integers(0, 3, target.shape).astype(dtype)
    strata[:, 5, :7] = 255 if np.dtype(dtype).kind == "u" else -1
    return preds.astype(dtype), target, strata


def empty(**options: Any) -> ConfusionMatrix:
    """A matrix of four classes and three strata."""
    return ConfusionMatrix(4, **{"ignore_index": (255, -1), "strata": STRATA, **options})


def counted(*seeds: int, **options: Any) -> ConfusionMatrix:
    """The counts of the maps of these seeds."""
    cm = empty(**options)
    for seed in seeds:
        preds, target, strata = maps(seed)
        ids = [f"{seed}-{k}" for k in range(2)] if options.get("per_image") else None
        cm.update(preds=preds, target=target, strata=strata, ids=ids)
    return cm


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_a_stratum_counts_its_pixels_alone(backend: str, dtype: Any) -> None:
    """As if the pixels of the others were not there; all pixels are counted as without strata."""
    preds, target, strata = maps(0, dtype)
    cm = empty()
    cm.update(preds=preds, target=target, strata=strata)
    plain = ConfusionMatrix(4, ignore_index=(255, -1))
    plain.update(preds=preds, target=target)
    np.testing.assert_array_equal(cm.state, plain.state)
    for number, name in enumerate(STRATA):
        used = strata == number
        alone = ConfusionMatrix(4, ignore_index=(255, -1))
        alone.update(preds=preds[used], target=target[used])
        part = cm.of_stratum(name)
        np.testing.assert_array_equal(part.state, alone.state)
        assert part.outside == alone.outside != {}
        assert cm.compute(stratum=name) == cm.compute(stratum=number) == alone.compute()
        assert cm.compute("smp", stratum=name).miou == alone.compute("smp").miou
    void = int(np.isin(strata, (255, -1)).sum())
    assert sum(cm.of_stratum(name).pixels for name in STRATA) == cm.pixels - void


def test_logits_have_strata() -> None:
    """Their labels are counted, of the target's size."""
    logits = scene(4, 6, 8)
    labels = segpost.argmax(logits, size=(12, 16))
    target, strata = (part[0] for part in maps(1)[1:])
    cm, of_labels = empty(), empty()
    cm.update(preds=logits, target=target, strata=strata)
    of_labels.update(preds=labels, target=target, strata=strata)
    assert cm == of_labels


def test_one_stratum_an_image() -> None:
    """A name, a number, or one for each image of a batch or a list: tags of images."""
    preds, target, _ = maps(2)
    batch, listed, one_by_one = empty(), empty(), empty()
    batch.update(preds=preds, target=target, strata=["far", "near"])
    listed.update(preds=[*preds], target=[*target], strata=["far", 0])
    numbers = empty()
    numbers.update(preds=preds, target=target, strata=np.array([1, 0]))
    for k, name in enumerate(("far", "near")):
        one_by_one.update(preds=preds[k], target=target[k], strata=name)
    assert batch == listed == one_by_one == numbers
    numbers.update(preds=preds, target=target, strata=list(np.array([1, 0])))
    assert numbers.of_stratum("far").pixels == 2 * preds[0].size
    voids = [empty() for _ in range(3)]
    for cm, strata in zip(voids, ([-1, "far"], (255, 1), np.array([255, 1])), strict=True):
        cm.update(preds=preds, target=target, strata=strata)
    assert voids[0] == voids[1] == voids[2]
    assert (voids[0].pixels, voids[0].of_stratum("far").pixels) == (preds.size, preds[1].size)
    assert batch.of_stratum("sky").pixels == 0
    assert batch.of_stratum("far").pixels == preds[0].size


def test_strata_are_merged_saved_and_copied() -> None:
    """Sums in any order, JSON, pickle, copies, resets; counts of images, too."""
    for options in ({}, {"per_image": True}):
        whole = counted(0, 1, 2, **options)
        parts = [counted(seed, **options) for seed in (2, 0, 1)]
        total = sum(parts[1:], start=parts[0].copy())
        for again in (
            total if not options else ConfusionMatrix.from_json(total.to_json()),
            ConfusionMatrix.from_json(whole.to_json()),
            pickle.loads(pickle.dumps(whole)),
            copy.deepcopy(whole),
            whole.copy(),
        ):
            assert again == whole
            assert again.compute(stratum="far").miou == whole.compute(stratum="far").miou
        fresh = whole.copy()
        fresh.update(*maps(5)[:2], strata=maps(5)[2], ids=["x", "y"] if options else None)
        assert fresh.of_stratum(0).pixels > whole.of_stratum(0).pixels
        fresh.reset()
        assert fresh == empty(**options)
        assert whole.sums().of_stratum("sky").compute() == counted(0, 1, 2).compute(stratum="sky")


def test_images_of_a_stratum() -> None:
    """Scores of images and intervals are those of its pixels, and runs are compared in it."""
    cm = counted(0, 1, per_image=True)
    part = cm.of_stratum("near")
    assert part.image_ids == cm.image_ids
    preds, target, strata = maps(1)
    alone = ConfusionMatrix(4, ignore_index=(255, -1))
    alone.update(preds=preds[1][strata[1] == 0], target=target[1][strata[1] == 0])
    assert cm.compute(stratum="near").images.miou[3] == alone.compute().miou
    delta = segpost.compare(part, part, samples=20)["miou"]
    assert (delta.a, delta.delta) == (part.compute().miou, 0.0)


def test_a_repeated_image_is_counted_once_in_its_strata() -> None:
    """With other strata it is another image: an error that changes nothing."""
    preds, target, strata = (part[0] for part in maps(3))
    cm = empty(duplicates="drop")
    cm.update(preds=preds, target=target, strata=strata, ids="a")
    before = cm.to_json()
    cm.update(preds=preds, target=target, strata=strata, ids="a")
    assert cm.to_json() == before
    with pytest.raises(ValueError, match="with other counts the second time"):
        cm.update(preds=preds, target=target, strata=0, ids="a")
    assert cm.to_json() == before


def test_states_without_strata_are_as_before() -> None:
    """They say nothing of strata, and matrices with others cannot be added."""
    assert "strata" not in ConfusionMatrix(4).to_json()
    with pytest.raises(ValueError, match=r"cannot add two ConfusionMatrix: strata is"):
        empty().merge_state(ConfusionMatrix(4, ignore_index=(255, -1)))
    damaged = counted(0).state_dict()
    damaged["totals"]["strata"][0]["state"][0][0] += 10**6
    with pytest.raises(ValueError, match="strata have more pixels than the state"):
        empty().load_state_dict(damaged)


@pytest.mark.parametrize(
    ("strata", "sentence"),
    [
        (None, "the matrix has near, far, sky, and none was passed"),
        (np.full((2, 12, 16), 3), "384 of 384 values that are no stratum (0..2)"),
        (np.pad(np.full((1, 1, 1), 7), ((0, 1), (3, 8), (2, 13))), "first 7 at (0, 3, 2)"),
        (np.zeros((12, 16), int), "strata of shape (12, 16) do not fit target of shape"),
        (np.zeros((2, 12, 16)), "strata must be integers, got float64"),
        ("faar", "did you mean 'far'?"),
        (3, "strata must be in 0..2, got 3"),
        (["near"] * 3, "strata of shape (3,) do not fit"),
    ],
)
def test_mistakes(strata: Any, sentence: str) -> None:
    """An error names the value, how many there are and where the first is; nothing is counted."""
    cm, (preds, target, _) = empty(), maps(0)
    with pytest.raises((ValueError, TypeError)) as raised:
        cm.update(preds=preds, target=target, strata=strata)
    assert sentence in str(raised.value)
    assert cm == empty()


def test_settings_that_cannot_be() -> None:
    """Names are different, and a stratum is one of them."""
    for strata in (0, 129, ["a", "a"]):
        with pytest.raises(ValueError, match="strata"):
            ConfusionMatrix(2, strata=strata)
    with pytest.raises(TypeError, match=r"pass \['near'\]"):
        ConfusionMatrix(2, strata="near")
    for names in ({"near", "far"}, np.array(["near", "far"])):
        with pytest.raises(TypeError, match="strata must be a list of names or their number"):
            ConfusionMatrix(2, strata=names)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="100 tables of 4,004,001 counts, 400,400,100 together"):
        ConfusionMatrix(2000, strata=100)
    assert ConfusionMatrix(2, strata=2).strata == ("0", "1")
    with pytest.raises(ValueError, match="did you mean 'near'"):
        empty().compute(stratum="naer")
    with pytest.raises(ValueError, match="stratum needs ConfusionMatrix"):
        ConfusionMatrix(2).compute(stratum=0)
    with pytest.raises(ValueError, match="strata need ConfusionMatrix"):
        ConfusionMatrix(2).update(np.zeros((2, 2), int), np.zeros((2, 2), int), strata=0)


@pytest.mark.parametrize("strata", [1, 3, 128])
@pytest.mark.parametrize("classes", [1, 19, 60, 300])
@pytest.mark.parametrize("noise", [0.01, 0.6])
def test_every_backend_counts_what_the_reference_counts(
    backend: str, strata: int, classes: int, noise: float
) -> None:
    """Of maps with long and short runs, all types and both void values."""
    random = np.random.default_rng(strata * classes)
    kinds = [np.uint8, np.int16, np.int64, np.uint32]
    shape = (2, 37, 91)

    def runs_of(high: int, kind: Any) -> np.ndarray:
        base = random.integers(-1, high + 2, shape)
        keep = np.broadcast_to(random.random(shape) < noise, shape)
        at = np.maximum.accumulate(np.where(keep, np.arange(shape[-1]), 0), axis=-1)
        values = np.take_along_axis(base, at, axis=-1)
        values = np.where(random.random(shape) < 0.02, 255, values)
        return values.astype(kind)

    for k, kind in enumerate(kinds):
        preds, target = runs_of(classes, kind), runs_of(classes, kinds[k - 1])
        numbers = runs_of(strata - 1, kinds[k - 2])
        ignored = np.array([-1, 255], np.int64)
        results = []
        for context in (nullcontext(), segpost.use_backend("reference")):
            counts = np.ones((strata + 2, classes + 2, classes + 1), np.int64)
            with context:
                selected = registry.backend(preds, target, operation="confusion_strata")
                selected.confusion_strata(preds, target, numbers, ignored, counts)
            results.append(counts)
        np.testing.assert_array_equal(results[0], results[1])
        assert results[0].sum() == results[0].size + target.size
