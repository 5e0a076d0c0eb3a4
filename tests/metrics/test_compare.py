"""`compare`: deltas of two runs on the same images, their intervals, p-values and reports."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import segpost
from segpost import ConfusionMatrix, RunComparison
from segpost.metrics.image_sums import MEANS
from segpost.metrics.resampling import PART_IMAGES, sum_drawn, sum_exchanged

NAMES = ["road", "car", "sky", "train"]


def counted(right: float, seed: int = 0, images: int = 12, **options: Any) -> ConfusionMatrix:
    """Images of four classes, one of them absent, of which a share of the pixels is right."""
    settings: dict[str, Any] = {"ignore_index": 255, "class_names": NAMES, "per_image": True}
    cm = ConfusionMatrix(4, **{**settings, **options})
    for k in range(images):
        target = np.random.default_rng(k).integers(0, 3, (8, 8))
        target[0, :3] = 255
        random = np.random.default_rng([7 + seed, k])
        wrong = random.integers(0, 3, (8, 8))
        wrong[1, 0] = 9  # no class
        preds = np.where(random.random((8, 8)) < right, target % 5, wrong)
        cm.update(preds=preds, target=target, ids=f"town/{k}")
    return cm


def compared(**options: Any) -> RunComparison:
    """A worse and a better run."""
    return segpost.compare(counted(0.5), counted(0.7, 1), **{"samples": 300, **options})


def scores_with_repeats(cm: ConfusionMatrix, repeats: list[int], **policy: Any) -> list[float]:
    """The scores of a data set with every image as often as said, by counting it again."""
    total = ConfusionMatrix(4, ignore_index=255, per_image=True)
    for image, times in zip(cm.images, repeats, strict=True):
        for _ in range(times):
            total._add_images([image._replace(id=None)])
    scores = total.compute(**policy)
    means = [scores.summary()[name] for name in MEANS]
    return [*means, *np.where(scores.in_mean | scores.ignored, scores.iou, np.nan)]


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"absent": 0.0},
        {"absent": "nan"},
        {"predicted_only": "exclude"},
        {"mean": "image"},
        {"mean": "class_image"},
    ],
)
def test_scores_of_drawn_data_sets_are_those_of_their_counts(policy: dict[str, Any]) -> None:
    """Sums over images give what counting the drawn images again gives."""
    cm = counted(0.5, images=6)
    columns = cm.compute(**policy).images.columns()
    repeats = sum_drawn(np.eye(6), 5, seed=1)
    found = columns.scores(sum_drawn(columns.values, 5, seed=1))
    for row, times in zip(found, repeats, strict=True):
        expected = scores_with_repeats(cm, times.astype(int).tolist(), **policy)
        np.testing.assert_allclose(row[:-1], expected[:-1], rtol=1e-12)


@pytest.mark.parametrize(("images", "samples"), [(1, 20), (2, 500), (30, 3000), (1000, 60)])
def test_repeats_are_multinomial(images: int, samples: int) -> None:
    """Rows sum to the images; mean 1, variance 1 - 1/N, covariance -1/N; all images alike."""
    drawn = sum_drawn(np.eye(images), samples, seed=3)
    assert drawn.shape == (samples, images)
    assert (drawn.sum(axis=1) == images).all()
    assert (drawn >= 0).all()
    assert (drawn == np.floor(drawn)).all()
    variance = 1 - 1 / images
    error = 5 * math.sqrt(variance / samples)
    assert (np.abs(drawn.mean(axis=0) - 1) <= error + 1e-12).all()
    assert drawn.var() == pytest.approx(variance, abs=0.05)
    if images == 30:
        covariance = np.cov(drawn.T)
        off = covariance[~np.eye(images, dtype=bool)].mean()
        assert off == pytest.approx(-1 / images, abs=0.003)
        shares = np.bincount(drawn.astype(int).ravel(), minlength=5)[:5] / drawn.size
        binomial = [math.comb(30, k) * 29 ** (30 - k) / 30**30 for k in range(5)]
        np.testing.assert_allclose(shares, binomial, atol=0.01)
    again = sum_drawn(np.eye(images), samples, seed=3)
    np.testing.assert_array_equal(drawn, again)
    other = sum_drawn(np.eye(images), samples, seed=4)
    assert images == 1 or (drawn != other).any()


def test_images_of_all_parts_are_drawn_alike() -> None:
    """Rows sum to the images; images of any two parts have the covariance of a multinomial."""
    images, samples = 2 * PART_IMAGES + 100, 400
    place = np.arange(images)
    groups = np.stack([place < PART_IMAGES, place >= 2 * PART_IMAGES, place % 2 == 0], axis=1)
    drawn = sum_drawn(np.concatenate([np.ones((images, 1)), groups], axis=1), samples, seed=5)
    assert (drawn[:, 0] == images).all()
    shares = groups.mean(axis=0)
    error = np.sqrt(images * shares * (1 - shares) / samples)
    assert (np.abs(drawn[:, 1:].mean(axis=0) - images * shares) < 5 * error).all()
    expected = images * (groups.T @ groups.astype(float) / images - np.outer(shares, shares))
    scale = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
    assert (np.abs(np.cov(drawn[:, 1:].T) - expected) < 0.3 * scale).all()
    exchanged = sum_exchanged(groups.astype(float), samples, seed=5)
    assert (np.abs(exchanged.mean(axis=0) / groups.sum(axis=0) - 0.5) < 0.03).all()


def test_swaps_are_fair_coins() -> None:
    """0 and 1, each half of the time, for each image and independent of its neighbor."""
    drawn = sum_exchanged(np.eye(13), 4000, seed=0)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert (np.abs(drawn.mean(axis=0) - 0.5) < 0.04).all()
    assert abs((drawn[:, 1:] * drawn[:, :-1]).mean() - 0.25) < 0.01


def test_deltas_are_those_of_the_scores() -> None:
    """Each a and b is a score of the matrices; intervals hold the delta; the seed decides."""
    a, b = counted(0.5), counted(0.7, 1)
    comparison = segpost.compare(a, b, samples=500)
    ours, others = a.compute(), b.compute()
    for name in MEANS:
        delta = comparison[name]
        assert delta.a == pytest.approx(ours.summary()[name], rel=1e-14)
        assert delta.b == pytest.approx(others.summary()[name], rel=1e-14)
        assert delta.delta == delta.b - delta.a
        assert delta.low < delta.delta < delta.high
        assert delta.p_value <= 0.02
    for label, name in enumerate(NAMES[:3]):
        assert comparison[name].a == pytest.approx(ours.iou[label], rel=1e-14)
    assert all(map(math.isnan, comparison["train"][1:]))
    with pytest.raises(KeyError):
        comparison["tram"]
    assert comparison == segpost.compare(a, b, samples=500)
    assert comparison != segpost.compare(a, b, samples=500, seed=1)
    wide = segpost.compare(a, b, samples=500, level=0.99)["miou"]
    assert wide.low < comparison["miou"].low < comparison["miou"].high < wide.high
    assert pickle.loads(pickle.dumps(comparison)) == comparison


def test_p_values_are_those_of_all_exchanges() -> None:
    """Of 7 images all 128 exchanges can be counted."""
    a, b = counted(0.5, images=7), counted(0.55, 1, images=7)
    comparison = segpost.compare(a, b, samples=3000)
    states = [np.array([image.state(4) for image in cm.images]) for cm in (a, b)]

    def iou_of(state: np.ndarray, label: int) -> float:
        hits = state[label, label]
        return float(hits / (state[label].sum() + state[:-1, label].sum() - hits))

    def pixel_accuracy(state: np.ndarray) -> float:
        return float(np.trace(state[:-1, :-1]) / state[:-1].sum())

    scores: dict[str, Callable[[np.ndarray], float]] = {
        "pixel_accuracy": pixel_accuracy,
        "car": lambda state: iou_of(state, 1),
    }
    for name, score in scores.items():
        observed = abs(score(states[1].sum(0)) - score(states[0].sum(0)))
        larger = 0
        for swap in itertools.product((False, True), repeat=7):
            mask = np.array(swap)[:, None, None]
            one, other = (np.where(mask, states[1 - k], states[k]).sum(0) for k in (0, 1))
            larger += abs(score(other) - score(one)) >= observed - 1e-12
        assert comparison[name].p_value == pytest.approx(larger / 128, abs=0.04)


def test_runs_that_are_the_same() -> None:
    """No delta, intervals of no width, p-values of 1, nothing that fell."""
    comparison = segpost.compare(counted(0.5), counted(0.5), samples=50)
    assert comparison["miou"][3:] == (0.0, 0.0, 0.0, 1.0)
    assert comparison.fallen() == comparison.risen() == []
    assert comparison.grown() == comparison.shrunk() == []
    assert "Images that fell" not in str(comparison)


def test_images_are_paired_by_ids() -> None:
    """In any order; those of one run are named and not counted."""
    a, b = counted(0.5), counted(0.7, 1)
    reordered = b.with_images(np.array([5, 3, 11, 0]))
    assert reordered.image_ids == [f"town/{k}" for k in (5, 3, 11, 0)]
    comparison = segpost.compare(a, reordered, samples=50)
    assert comparison.ids == tuple(f"town/{k}" for k in (0, 11, 3, 5))
    assert len(comparison.only_a) == 8
    assert comparison.only_b == ()
    subset = a.with_images(np.array([0, 3, 5, 11]))
    assert comparison["miou"].a == subset.compute().miou
    assert subset.outside == {(1, 9): 1} or sum(subset.outside.values()) >= 1
    assert "Only a has 8 more: 'town/1', 'town/2', 'town/4' and 5 more." in str(comparison)
    loaded = [ConfusionMatrix.from_json(cm.to_json()) for cm in (a, b)]
    assert segpost.compare(*loaded, samples=50)["miou"] == segpost.compare(a, b, samples=50)["miou"]


def test_images_and_confusions_that_changed() -> None:
    """The largest change first, with both numbers; the sum of the confusions is the change."""
    a, b = counted(0.5), counted(0.7, 1)
    comparison = segpost.compare(a, b, samples=10)
    own = {name: b.compute().images.miou[k] for k, name in enumerate(b.image_ids)}
    risen = comparison.risen(3)
    assert [image.delta for image in risen] == sorted((i.delta for i in risen), reverse=True)
    assert risen[0].b == own[risen[0].id]
    assert risen[0].delta == risen[0].b - risen[0].a > 0
    fallen = segpost.compare(b, a, samples=10).fallen(3)
    assert [image.id for image in fallen] == [image.id for image in risen]
    shrunk = comparison.shrunk(1)[0]
    t, p = NAMES.index(shrunk.target), NAMES.index(shrunk.predicted)
    assert (shrunk.a, shrunk.b) == (a.matrix[t, p], b.matrix[t, p])
    assert shrunk.delta == shrunk.b - shrunk.a < 0
    assert shrunk.share == shrunk.delta / a.state[t].sum()
    changes = comparison.shrunk(99) + comparison.grown(99)
    assert sum(c.delta for c in changes) == np.trace(a.matrix) - np.trace(b.matrix)


def test_conventions_of_libraries_and_excluded_classes() -> None:
    """Scores are those of the dialect, also where it is a mean over images."""
    a, b = counted(0.5), counted(0.7, 1)
    for dialect in ("mmseg", "cityscapes", "smp"):
        found = segpost.compare(a, b, samples=20, dialect=dialect)["miou"]
        assert found.b == pytest.approx(b.compute(dialect).miou, rel=1e-14)
        assert found.low <= found.delta <= found.high
    found = segpost.compare(a, b, samples=20, exclude="road")["miou"]
    assert found.a == a.compute(exclude="road").miou


def test_reports_say_the_same() -> None:
    """Text, Markdown, LaTeX, CSV, JSON and HTML; percentages on demand."""
    comparison = compared(names=("main", "a|b_c"))
    miou = comparison["miou"]
    shown = f"{miou.delta:+.4f}"
    for text in (
        str(comparison),
        comparison.to_markdown(),
        comparison.to_latex(),
        comparison._repr_html_(),
        repr(comparison),
    ):
        assert shown in text
    assert r"a\|b_c" in comparison.to_markdown()
    assert r"\begin{tabular}{lrrrrrr}" in comparison.to_latex()
    percent = comparison.to_markdown(percent=True)
    assert f"{100 * miou.delta:+.2f}" in percent
    assert "Scores are percentages." in percent
    rows = list(csv.DictReader(io.StringIO(comparison.to_csv())))
    assert float(rows[0]["delta"]) == miou.delta
    assert [row["name"] for row in rows] == [*MEANS, *NAMES]
    assert rows[-1]["delta"] == ""
    content = json.loads(comparison.to_json())
    assert content["scores"][0] == miou._asdict()
    assert content["classes"][3]["delta"] is None
    assert content["shared_images"] == 12
    assert len(content["risen"]) == len(comparison.risen(20))


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"ignore_index": None, "invalid_target": "drop"}, "ignore_index is"),
        ({"class_names": ["road", "car", "sky", "tram"]}, "'train' for class 3 and 'tram'"),
        ({"invalid_preds": "drop"}, "invalid_preds is miss and drop"),
    ],
)
def test_runs_must_count_alike(other: dict[str, Any], sentence: str) -> None:
    """An error names the setting and both values."""
    with pytest.raises(ValueError, match="a and b cannot be compared") as raised:
        segpost.compare(counted(0.5), counted(0.5, **other))
    assert sentence in str(raised.value)


def test_mistakes() -> None:
    """Without ids or shared images, with other targets, and with arguments that cannot be."""
    a = counted(0.5)
    with pytest.raises(ValueError, match="b has no counts of images with ids"):
        segpost.compare(a, a.sums())
    stranger = ConfusionMatrix(4, ignore_index=255, class_names=NAMES, per_image=True)
    stranger.update(preds=np.zeros((8, 8), int), target=np.zeros((8, 8), int), ids="x")
    with pytest.raises(ValueError, match="a and b share no image: ids are 'town/0'"):
        segpost.compare(a, stranger)
    stranger.update(preds=np.zeros((8, 8), int), target=np.zeros((8, 8), int), ids="town/3")
    with pytest.raises(ValueError, match="other targets for 1 of 1 shared images, first 'town/3'"):
        segpost.compare(a, stranger)
    with pytest.raises(TypeError, match="b must be a ConfusionMatrix, got str"):
        segpost.compare(a, "b.json")  # type: ignore[arg-type]
    for name, value, message in (
        ("samples", 0, "samples must be at least 1"),
        ("samples", 1.5, "samples must be an integer"),
        ("samples", 10**9, "samples must be at most 1,000,000"),
        ("level", 1.0, "level must be between 0 and 1"),
        ("level", math.nan, "level must be finite"),
        ("level", "0.9", "level must be a number"),
        ("seed", -1, "seed must be at least 0"),
        ("seed", None, "seed must be an integer"),
        ("names", ("main",), "names must be two different strings"),
        ("names", ("main", "main"), "names must be two different strings"),
        ("names", ("a", "b", "c"), "names must be two different strings"),
        ("names", "ab", "names must be two strings"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            segpost.compare(a, a, **{name: value})  # type: ignore[arg-type]


def test_how_many_are_listed_and_drawn_is_checked() -> None:
    """Counts are no slices: -1 is not all but the last."""
    a = counted(0.5)
    comparison, images = segpost.compare(a, counted(0.7, 1), samples=5), a.compute().images
    calls: list[Callable[..., Any]] = [
        comparison.fallen, comparison.risen, comparison.grown, comparison.shrunk, images.worst,
        a.compute().top_confusions,
    ]  # fmt: skip
    for call in calls:
        assert call(0) == []
        with pytest.raises(ValueError, match="count must be at least 0"):
            call(-1)
    for options in ({"samples": 0}, {"level": 2}, {"seed": -1}):
        with pytest.raises(ValueError, match=f"{next(iter(options))} must be"):
            images.bootstrap(**options)
    with pytest.raises(TypeError, match="seed must be an integer, got None"):
        images.bootstrap(seed=None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"q must be in 0\.\.1, got 95"):
        images.quantile(95)


def test_one_image_has_no_interval() -> None:
    """Every data set that is drawn from one image is that image."""
    comparison = segpost.compare(counted(0.5, images=1), counted(0.7, 1, images=1), samples=50)
    miou = comparison["miou"]
    assert math.isnan(miou.low)
    assert math.isnan(miou.high)
    assert (miou.delta > 0, miou.p_value) == (True, 1)
    assert "over 1 shared image." in str(comparison)


def test_a_level_is_not_rounded() -> None:
    """99.9% is not 100%."""
    assert "Intervals hold 99.9% of 20 data sets" in str(compared(level=0.999, samples=20))
