"""Labels for Dice and IoU: the definition beside its formulas, and every backend beside it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import segpost
from segpost._backends import registry
from segpost._backends.decoding import ThresholdSearch, bins_between, code_of
from segpost._backends.reference.decoding import label_pixels, threshold_of
from segpost._backends.threads import num_threads
from segpost._core.contract import LogitErrors, Logits
from segpost._core.expected_scores import UNIT, probability_levels
from segpost._core.exponential import exp_float32
from segpost._core.sampling import axes

SCORES = ("dice", "iou")
score = pytest.mark.parametrize("score", SCORES)


def decode(logits: Logits, table: Any, score: str, fill: int = 9) -> tuple[np.ndarray, LogitErrors]:
    """The labels of the selected backend; pixels that it leaves have the label `fill`."""
    n, _, h, w = logits.values.shape
    size = (h, w) if table is None else (table.y.n_out, table.x.n_out)
    labels = np.full((n, *size), fill, np.uint8)
    return labels, registry.backend(labels).decode_labels(logits, table, score, labels)


def defined(logits: Logits, table: Any, score: str, fill: int = 9) -> Any:
    with segpost.use_backend("reference"):
        return decode(logits, table, score, fill)


def check(logits: Logits, table: Any, score: str) -> np.ndarray:
    """The selected backend gives the labels and the errors of the definition."""
    labels, errors = decode(logits, table, score)
    expected, of_definition = defined(logits, table, score)
    np.testing.assert_array_equal(labels, expected)
    assert errors == of_definition
    return labels


def noise(shape: tuple[int, ...], scale: float = 3.0, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)


def expected_scores(levels: np.ndarray, score: str) -> list[Fraction]:
    """The approximate expected score of the tau largest, for tau = 0, 1, ... (RankSEG-RMA)."""
    p = sorted((Fraction(int(level), UNIT) for level in levels), reverse=True)
    scores = [Fraction(0)]
    for tau in range(1, len(p) + 1):
        inside = sum(p[:tau], Fraction(0))
        extra = sum(p, Fraction(0)) + tau
        size = extra + 1 if score == "dice" else extra - inside
        scores.append((2 if score == "dice" else 1) * inside / size if size else Fraction(0))
    return scores


@score
@given(
    st.lists(
        st.sampled_from([0, 1, 3, 5, 1 << 20, 1 << 28, 1 << 29, 5 << 27, 7 << 27, UNIT]),
        min_size=1,
        max_size=12,
    )
)
@settings(deadline=None, max_examples=60)
def test_threshold_is_that_of_the_largest_score(score: str, levels: list[int]) -> None:
    scores = expected_scores(np.array(levels), score)
    threshold = threshold_of(np.array(levels), score)
    selected = sum(level > threshold for level in levels)
    assert selected == scores.index(max(scores))


def brute_force(levels: np.ndarray, score: str) -> list[int]:
    """The multiclass rule, pixel by pixel, with fractions."""
    p = [[Fraction(int(level), UNIT) for level in plane] for plane in levels]
    is_active = [max(plane) > Fraction(1, 2) for plane in p]
    selected = []
    for plane, values, active in zip(levels, p, is_active, strict=True):
        scores = expected_scores(plane, score)
        count = scores.index(max(scores)) if active else 0
        ranked = sorted(range(len(values)), key=lambda i: -values[i])[:count]
        selected.append(set(ranked))
    labels = []
    alone = [{i for i in own if sum(i in other for other in selected) == 1} for own in selected]
    for i in range(levels.shape[1]):
        gains = {}
        choosers = [c for c in range(len(p)) if i in selected[c]]
        candidates = [c for c in range(len(p)) if is_active[c]] or list(range(len(p)))
        for c in choosers or candidates:
            inside = sum((p[c][j] for j in alone[c]), Fraction(0))
            extra = sum(p[c], Fraction(0)) + len(alone[c])
            if score == "dice":
                before, after = inside / (extra + 1), (inside + p[c][i]) / (extra + 2)
                gains[c] = 2 * (after - before)
            else:
                union = extra - inside
                before = inside / union if union else Fraction(0)
                gains[c] = (inside + p[c][i]) / (union + 1 - p[c][i]) - before
        labels.append(max(gains, key=lambda c: (gains[c], -c)))
    return labels


@score
@pytest.mark.parametrize("scale", [0.0, 0.5, 2.0, 6.0])
def test_labels_are_those_of_the_largest_gains(score: str, scale: float) -> None:
    for seed in range(6):
        levels = probability_levels(noise((4, 11), scale, seed).astype(np.float64), 1.0)
        assert label_pixels(levels, score, False).tolist() == brute_force(levels, score)


def test_levels_are_near_softmax_in_float64() -> None:
    values = noise((30, 400), 6.0).astype(np.float64)
    power = np.exp(values - values.max(axis=0))
    levels = probability_levels(values, 1.0) / UNIT
    np.testing.assert_allclose(levels, power / power.sum(axis=0), rtol=1e-6, atol=2.0**-31)
    x = np.linspace(-86, 0, 10001, dtype=np.float32)
    np.testing.assert_allclose(exp_float32(x), np.exp(x.astype(np.float64)), rtol=1.3e-7)


@score
@pytest.mark.parametrize("scale", [0.0, 0.3, 3.0, 40.0])
@pytest.mark.parametrize("size", [None, (61, 130), (7, 5)])
@pytest.mark.usefixtures("fast_backend")
def test_noise(score: str, scale: float, size: tuple[int, int] | None) -> None:
    values = noise((2, 7, 9, 13), scale)
    table = None if size is None else axes((9, 13), size, "half_pixel")
    check(Logits(values, "float32"), table, score)


@score
@pytest.mark.usefixtures("fast_backend")
def test_ties(score: str) -> None:
    values = np.round(noise((1, 5, 12, 70), 1.5))
    labels = check(Logits(values, "float32"), None, score)
    assert len(np.unique(labels)) > 1
    both = np.repeat(noise((1, 1, 8, 9)), 3, axis=1)  # three classes, equal everywhere
    assert not check(Logits(both, "float32"), None, score).any()  # the first


@score
@pytest.mark.usefixtures("fast_backend")
def test_rare_classes_have_thresholds_far_below_one_half(score: str) -> None:
    """A class with one sure pixel and a little probability everywhere."""
    values = np.zeros((1, 3, 40, 60), np.float32)
    values[0, 0] = 4.0
    values[0, 1] = noise((40, 60), 1.0) - 3.0
    values[0, 1, 3, 5] = 9.0
    levels = probability_levels(values[0].reshape(3, -1).astype(np.float64), 1.0)
    assert threshold_of(levels[1], score) < UNIT >> 2
    values[0, 1] -= 2.0
    values[0, 1, 3, 5] = 4.5
    check(Logits(values, "float32"), axes((40, 60), (120, 181), "half_pixel"), score)
    check(Logits(values, "float32"), None, score)


@score
@pytest.mark.usefixtures("fast_backend")
def test_thresholds_below_all_upper_bins(score: str) -> None:
    """One pixel just above 1/2 and 10^4 just below 2^-9: the lower bins are searched, too."""
    p = np.full((100, 120), 0.0015)
    p[50, 60] = 0.51
    values = np.log(np.stack([1 - p, p]))[None].astype(np.float32)
    levels = probability_levels(values[0].reshape(2, -1).astype(np.float64), 1.0)
    assert 0 < threshold_of(levels[1], score) < 1 << 21
    labels = check(Logits(values, "float32"), None, score)
    assert labels[0].sum() in (1, p.size)


@score
@pytest.mark.usefixtures("fast_backend")
def test_one_channel(score: str) -> None:
    values = noise((2, 1, 17, 23)) - 1.0
    table = axes((17, 23), (50, 71), "align_corners")
    labels = check(Logits(values, "float32", threshold=0.0), table, score)
    assert labels.max() == 1
    low = check(Logits(values - 20.0, "float32", threshold=0.0), table, score)
    assert not low.any()  # no probability above 1/2


@score
@pytest.mark.usefixtures("fast_backend")
def test_values_without_probabilities(score: str) -> None:
    values = noise((2, 4, 10, 70))
    values[0, 1, 2, 3] = np.nan
    values[0, :, 4, 5] = -np.inf
    values[1, 2, 6, 66] = np.inf
    values[1, 3, 7] = -np.inf  # an impossible class is not undefined
    for table in (None, axes((10, 70), (33, 150), "half_pixel")):
        labels = check(Logits(values, "float32"), table, score)
        assert (labels == 9).any()  # those pixels keep what they had


@score
@pytest.mark.parametrize("kind", ["float16", "float64", "int8"])
@pytest.mark.usefixtures("fast_backend")
def test_element_types_and_strides(score: str, kind: str) -> None:
    values = (noise((1, 19, 20, 5), 4.0) * 3).astype(kind).transpose(0, 3, 1, 2)[:, ::-1, :, ::2]
    logits = Logits(values, kind, 0.25, 3.0)
    check(logits, None, score)
    check(logits, axes(values.shape[2:], (40, 77), "half_pixel"), score)


@score
@pytest.mark.usefixtures("fast_backend")
def test_large_logits(score: str) -> None:
    """Interpolation rounds by more than the range in which exp is not 0."""
    values = noise((1, 5, 6, 8)).astype(np.float64) * 1e20
    values[0, 1] = values[0, 0]
    check(Logits(values, "float64"), axes((6, 8), (40, 70), "half_pixel"), score)
    check(Logits(values * 1e262, "float64"), axes((6, 8), (40, 70), "half_pixel"), score)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.usefixtures("fast_backend")
def test_threads(threads: int) -> None:
    before = num_threads()
    segpost.set_num_threads(threads)
    try:
        values = noise((4, 6, 20, 30), 2.0)
        check(Logits(values, "float32"), axes((20, 30), (90, 150), "half_pixel"), "iou")
    finally:
        segpost.set_num_threads(before)


def test_bins_hold_the_levels_between_their_edges() -> None:
    bins = bins_between(0, 1 << 21, (1, 1))
    first, count = int(bins.first[0, 0]), bins.counts.shape[2]
    assert 0 <= ((code_of(1) - 1) >> bins.shift) - first < count
    assert ((code_of(1 << 21) - 1) >> bins.shift) - first == count - 1
    upper = bins_between(1 << 21, UNIT, (1, 1))
    assert ((code_of(1 << 21) - 1) >> upper.shift) - int(upper.first[0, 0]) == -1


def test_search_without_active_classes() -> None:
    bins = bins_between(1 << 21, UNIT, (1, 2))
    search = ThresholdSearch(bins, np.array([[UNIT, UNIT]]), "iou", False)
    assert np.isinf(search.edges()).all()
    assert search.candidates().tolist() == [[1, 1]]
