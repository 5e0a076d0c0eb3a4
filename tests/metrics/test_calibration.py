"""Calibration and its kernel, for every backend, and beside torchmetrics in float64."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
from conftest import FAST, scene, switch
from label_maps import ignored, label_map
from numpy.testing import assert_array_equal
from torchmetrics.functional.classification import (
    binary_calibration_error,
    multiclass_calibration_error,
)

import segpost
from segpost import Calibration
from segpost._backends import registry
from segpost._core.calibration_contract import TEMPERATURES, CalibrationSums
from segpost._core.fixed_point import ONE, as_fixed_point, as_float64, carry
from segpost._core.intervals import find_intervals
from segpost._core.logits import as_logits
from segpost._core.sampling import GRIDS
from segpost.metrics.calibration_sums import empty_sums
from segpost.spatial.resampling import plan_resampling

NEAR = 1e-6  # an edge of an interval


def noise(shape: tuple[int, ...], scale: float = 3.0, seed: int = 0) -> np.ndarray:
    """Logits of noise."""
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)


def drawn_target(logits: np.ndarray, temperature: float = 1.0, seed: int = 1) -> np.ndarray:
    """Targets (N, H, W), drawn from the probabilities of a temperature."""
    power = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    shares = (power / power.sum(axis=1, keepdims=True)).cumsum(axis=1)
    draw = np.random.default_rng(seed).random(shares[:, :1].shape)
    return np.array((shares[:, :-1] < draw).sum(axis=1), np.uint8)


def resized(logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Logits in float64 by torch."""
    double = torch.from_numpy(logits).double()
    full = torch.nn.functional.interpolate(double, size=size, mode="bilinear", align_corners=False)
    result: np.ndarray = full.numpy()
    return result


def measured(logits: np.ndarray, target: np.ndarray, classes: int, **options: Any) -> Any:
    """The scores of one update."""
    measure = Calibration(classes, **options)
    measure.update(logits, target)
    return measure.compute()


def searched_temperature(logits: np.ndarray, target: np.ndarray) -> float:
    """The temperature of the smallest NLL, by golden section in float64."""
    real = np.moveaxis(logits.astype(np.float64), 1, -1).reshape(-1, logits.shape[1])
    labels = target.reshape(-1)

    def nll(exponent: float) -> float:
        scaled = real / np.exp(exponent)
        below = scaled - scaled.max(axis=1, keepdims=True)
        sums = np.log(np.exp(below).sum(axis=1))
        return float((sums - below[np.arange(len(labels)), labels]).mean())

    low, high, share = np.log(0.5), np.log(8.0), (5**0.5 - 1) / 2
    for _ in range(36):
        a, b = high - share * (high - low), low + share * (high - low)
        low, high = (low, b) if nll(a) < nll(b) else (a, high)
    return float(np.exp((low + high) / 2))


def sums_of(
    name: str, argument: Any, axes: Any, target: np.ndarray, void: np.ndarray, bins: int
) -> tuple[Any, CalibrationSums]:
    """What a backend adds."""
    sums = empty_sums(argument.values.shape[1], bins, True, True)
    for _ in switch(name):
        errors = registry.backend().calibration_logits(argument, axes, target, void, sums)
    fractions = ("confidence", "class_confidence", "loss", "curve")
    carried = {field: carry(getattr(sums, field)) for field in fractions}
    return errors, sums._replace(**carried)


def assert_near(one: CalibrationSums, other: CalibrationSums) -> None:
    """Integers are equal, but for the intervals of confidences next to an edge."""
    assert_array_equal(one.pixels, other.pixels)
    pixels = max(int(one.pixels[0]), 1)
    for counts, fractions in (("counts", "confidence"), ("class_counts", "class_confidence")):
        a, b = getattr(one, counts), getattr(other, counts)
        assert_array_equal(a.sum(axis=-2), b.sum(axis=-2))
        moved = abs(np.cumsum(a - b, axis=-2)).max(initial=0)
        assert moved <= 2 + pixels // 100
        sums, wanted = (as_float64(getattr(part, fractions)).sum(axis=-1) for part in (one, other))
        np.testing.assert_allclose(sums, wanted, atol=NEAR * pixels, rtol=0)
    np.testing.assert_allclose(
        as_float64(one.loss), as_float64(other.loss), rtol=1e-5, atol=4e-6 * pixels
    )
    assert one.curve is not None
    assert other.curve is not None
    np.testing.assert_allclose(
        as_float64(one.curve), as_float64(other.curve), rtol=2e-5, atol=2e-5 * pixels
    )


def hard_case(case: int) -> tuple[Any, ...]:
    """Logits and a target of any size, type and strides, as arguments of `sums_of`."""
    random = np.random.default_rng(case)
    classes = int(random.choice([2, 3, 7, 19])) if case % 10 else 300 if case == 20 else 70
    n, h, w = (int(random.integers(1, top)) for top in (3, 7, 12))
    size = (int(random.integers(1, 40)), int(random.integers(1, 60)))
    logits = noise((n, classes, h, w), float(random.choice([0.3, 3.0, 20.0])), case)
    if case % 5 == 1:
        logits = logits.astype(str(random.choice(["float64", "float16"])))
    if case % 7 == 2:
        logits[:, 1:][random.random(logits[:, 1:].shape) < 0.2] = -np.inf
    if case % 3 == 1:
        logits = np.moveaxis(np.moveaxis(logits, 1, -1).copy(), -1, 1)
    if case % 8 == 7:
        size = (h, w)
    argument = as_logits(logits, -3).logits
    if case % 6 == 3:
        argument = argument._replace(scale=0.25, zero_point=3.0)
    axes = plan_resampling((h, w), size, str(random.choice(GRIDS))).axes
    target = label_map(random, (n, *size), classes + (case % 4 == 0), wild=case % 9 == 5)
    return argument, axes, target, ignored(random, classes), int(random.choice([1, 10, 15, 100]))


@functools.cache
def wanted_sums(case: int) -> tuple[Any, CalibrationSums]:
    """What the definition adds."""
    return sums_of("reference", *hard_case(case))


@pytest.mark.parametrize("backend_name", FAST)
def test_kernel_is_that_of_the_definition(backend_name: str) -> None:
    """Sums of 30 hard cases."""
    for case in range(30):
        errors, sums = sums_of(backend_name, *hard_case(case))
        wanted_errors, wanted = wanted_sums(case)
        assert errors == wanted_errors
        assert_near(sums, wanted)


@pytest.mark.parametrize("size", [(24, 40), (96, 160), (50, 33)])
def test_scores_are_those_of_float64(backend: str, size: tuple[int, int]) -> None:
    """ECE and MCE of torchmetrics in float64; Brier score and NLL of their formulas."""
    logits = noise((2, 7, 24, 40))
    full = resized(logits, size)
    target = drawn_target(full, 2.0)
    target[:, :3] = 255
    scores = measured(logits, target, 7, ignore_index=255)
    power = np.exp(full - full.max(axis=1, keepdims=True))
    probability = power / power.sum(axis=1, keepdims=True)
    preds, labels = torch.from_numpy(probability), torch.from_numpy(target).long()
    settings: Any = {"num_classes": 7, "n_bins": 15, "ignore_index": 255}
    ece = multiclass_calibration_error(preds, labels, norm="l1", **settings)
    assert scores.ece == pytest.approx(float(ece), abs=2e-6)
    mce = multiclass_calibration_error(preds, labels, norm="max", **settings)
    assert scores.mce == pytest.approx(float(mce), abs=2e-4)
    valid = target < 255
    hot = np.moveaxis(np.eye(7)[target % 7], -1, 1)
    brier = ((probability - hot) ** 2).sum(axis=1)[valid].mean()
    assert scores.brier == pytest.approx(brier, abs=1e-6)
    nll = torch.nn.functional.cross_entropy(torch.from_numpy(full), labels, ignore_index=255)
    assert scores.nll == pytest.approx(float(nll), abs=2e-6)
    flat = np.moveaxis(probability, 1, -1)[valid]
    for c in range(7):
        found = defined_ece(flat[:, c], target[valid] == c, 15)
        assert scores.class_ece[c] == pytest.approx(found, abs=2e-5)
    assert scores.classwise_ece == pytest.approx(np.mean(scores.class_ece))


def defined_ece(confidence: np.ndarray, hits: np.ndarray, bins: int) -> float:
    """The definition of the ECE."""
    index = find_intervals(confidence, bins)
    gaps = np.bincount(index, hits, bins) - np.bincount(index, confidence, bins)
    return float(abs(gaps).sum() / len(hits))


def test_temperature_is_that_of_a_search(backend: str) -> None:
    """Within 1e-4 of float64's, for networks that are too sure and not sure enough."""
    for seed, (temperature, classes, scale) in enumerate(
        [(0.6, 3, 0.8), (1.0, 7, 3.0), (1.7, 19, 1.5), (3.0, 12, 6.0), (7.5, 9, 9.0)]
    ):
        logits = noise((1, classes, 40, 50), scale, seed)
        target = drawn_target(logits, temperature, seed)
        scores = measured(logits, target, classes)
        wanted = searched_temperature(logits, target)
        assert scores.temperature == pytest.approx(wanted, rel=1e-4)
        assert measured(logits / np.float32(wanted), target, classes).nll == pytest.approx(
            scores.scaled_nll, abs=1e-5
        )


def test_a_temperature_out_of_range_is_nan() -> None:
    """Of a network that is always right, one that knows nothing, and of an impossible target."""
    logits = noise((1, 3, 20, 20))
    right = logits.argmax(axis=1).astype(np.uint8)
    wrong = logits.argmin(axis=1).astype(np.uint8)
    for target in (right, wrong):
        assert np.isnan(measured(logits, target, 3).temperature)
    assert np.isnan(measured(logits * 0 + 2, right, 3).temperature)
    logits[0, 1, 0, 0], right[0, 0, 0] = -np.inf, 1
    scores = measured(logits, right, 3)
    assert (scores.nll, np.isnan(scores.temperature)) == (np.inf, True)
    assert np.isfinite(scores.brier)


def test_adaptive_error_is_that_of_sorted_pixels(backend: str) -> None:
    """Within its bound, which is small."""
    for seed, scale in enumerate((1.0, 4.0, 12.0)):
        logits = noise((1, 5, 90, 100), scale, seed)
        target = drawn_target(logits, 1.8, seed)
        scores = measured(logits, target, 5)
        power = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
        confidence = (power / power.sum(axis=1, keepdims=True)).max(axis=1).ravel()
        hits = (logits.argmax(axis=1) == target).ravel()
        order = np.argsort(confidence, kind="stable")
        ranges = np.array_split(hits[order] - confidence[order], 15)
        wanted = np.mean([abs(part.mean()) for part in ranges])
        assert abs(scores.ace - wanted) <= scores.ace_bound + 30 / hits.size
        assert scores.ace_bound < 0.03
        assert abs(scores.ace - wanted) < 2e-3


def test_edges_are_those_of_torchmetrics() -> None:
    """An edge is in the bin above it; but 1.0 is in the last bin, and not in one of its own."""
    edges = torch.linspace(0, 1, 9, dtype=torch.float64)[:-1].numpy()
    for correct in (np.zeros(8, bool), np.arange(8) % 2 == 0):
        measure = Calibration(2, bins=8)
        measure.update(confidence=edges, correct=correct)
        wanted = binary_calibration_error(
            torch.from_numpy(edges), torch.from_numpy(correct).long(), n_bins=8
        )
        assert measure.compute().ece == pytest.approx(float(wanted), abs=1e-12)
        assert measure.compute().bins.pixels.tolist() == [1] * 8
    measure.update(confidence=np.array([1.0, np.nextafter(0.5, 0)]), correct=np.array([True, True]))
    assert measure.compute().bins.pixels.tolist() == [1, 1, 1, 2, 1, 1, 1, 2]
    for bins in (1, 3, 15, 100, 1024):
        inner = np.arange(bins) / bins
        assert_array_equal(find_intervals(inner, bins), np.arange(bins))
        assert_array_equal(find_intervals(np.nextafter(inner[1:], 0), bins), np.arange(bins - 1))


def test_ten_billion_pixels_are_exact() -> None:
    """float32 sums end at 2^24: torchmetrics says 0 where the error is 0.02."""
    count = 1 << 20
    confidence = np.full(count, 0.97)
    correct = np.arange(count) % 20 > 0
    part = Calibration(2)
    part.update(confidence=confidence, correct=correct)
    wanted = 0.97 - correct.mean()
    total = part
    for _ in range(14):  # 2^34 pixels
        total = total + total
    assert int(total.compute().bins.pixels.sum()) == count << 14
    assert total.compute().ece == pytest.approx(wanted, abs=1e-12)
    single = torch.full((24 << 20,), 0.97)
    labels = torch.from_numpy(np.tile(correct, 24)).long()
    float32 = float(binary_calibration_error(single, labels, validate_args=False))
    assert abs(float32 - wanted) > 0.01


def test_sigmoid_heads_and_quantized_logits(backend: str) -> None:
    """One channel is the logit of class 1 beside 0; integers have the scale of their network."""
    one = noise((2, 1, 12, 16), 4.0)
    target = drawn_target(np.concatenate([one * 0, one], axis=1))
    size = (30, 40)
    wide = np.repeat(np.repeat(target, 3, axis=1), 3, axis=2)[:, : size[0], : size[1]]
    both = measured(np.concatenate([one * 0, one], axis=1), wide, 2)
    assert measured(one, wide, 2) == both
    raw = np.clip(np.rint(noise((1, 4, 9, 9), 30.0)), -128, 127).astype(np.int8)
    labels = drawn_target(raw.astype(np.float32) / 8)
    measure = Calibration(4)
    measure.update(raw, labels, quantization=(0.125, 3))
    real = (raw.astype(np.float32) - 3) / 8
    assert measure.compute().nll == pytest.approx(measured(real, labels, 4).nll, abs=1e-6)
    last = Calibration(4)
    last.update(np.moveaxis(real, 1, -1), labels, axis=-1, size=(9, 9))
    assert last.compute().ece == pytest.approx(measure.compute().ece, abs=1e-6)


def test_threads_change_nothing(fast_backend: str) -> None:
    """The bytes of a state are those of one thread."""
    logits = scene(19, 40, 60)
    target = np.random.default_rng(0).integers(0, 19, (400, 700)).astype(np.uint8)
    texts = set()
    for threads in (1, 3):
        before = segpost.num_threads()
        segpost.set_num_threads(threads)
        try:
            measure = Calibration(19)
            measure.update(logits, target)
            texts.add(measure.to_json())
        finally:
            segpost.set_num_threads(before)
    assert len(texts) == 1


def test_fixed_point_sums() -> None:
    """Every number is rounded once, and sums do not depend on the order."""
    numbers = np.random.default_rng(0).normal(size=1000) * 10.0 ** np.arange(-5, 5).repeat(100)
    pairs = as_fixed_point(numbers)
    assert abs(as_float64(pairs) - numbers).max() <= 0.5 / ONE + 1e-12
    assert_array_equal(carry(pairs.sum(axis=0)), carry(pairs[::-1].sum(axis=0)))
    assert (pairs[:, 1] >= 0).all()
    assert (pairs[:, 1] < ONE).all()
    assert list(TEMPERATURES) == [TEMPERATURES[0] / 2**k for k in range(len(TEMPERATURES))]


def test_volumes_are_passed_slice_by_slice() -> None:
    """The error says how; there is no `volume=`."""
    random = np.random.default_rng(4)
    logits, target = random.normal(size=(1, 3, 2, 4, 5)), random.integers(0, 3, (1, 2, 4, 5))
    measure = segpost.Calibration(3)
    with pytest.raises(ValueError, match=r"pass the slices of each volume") as caught:
        measure.update(logits, target)
    assert "volume=" not in str(caught.value)
    measure.update(logits[0].swapaxes(0, 1), target[0])  # the cure
    assert measure.compute().bins.pixels.sum() == target.size


def test_cures_are_arguments_of_the_measure() -> None:
    """`update` has no `nan`, so that its errors do not name it."""
    target = np.zeros((2, 2), np.uint8)
    for value, message in ((np.nan, "have 1 NaN"), (np.inf, "give no probabilities at 1 of 4")):
        logits = np.zeros((2, 2, 2), np.float32)
        logits[0, 1, 1] = value
        with pytest.raises(ValueError, match=message) as caught:
            segpost.Calibration(2).update(logits, target)
        assert "nan=" not in str(caught.value)
        batch = np.stack([np.zeros_like(logits), logits])
        with pytest.raises(ValueError, match=r"first at image 1, .*y 1, x 1"):
            segpost.Calibration(2).update(batch, np.stack([target, target]))
