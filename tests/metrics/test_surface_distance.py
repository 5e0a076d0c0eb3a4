"""`SurfaceDistance`: scores, sums, states, volumes, reports, and input that is refused."""

from __future__ import annotations

import json
import math
import pickle
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost
from segpost import ConfusionMatrix, SurfaceDistance
from segpost.metrics.exact_means import ExactMean
from segpost.metrics.report import measures as reports
from segpost.render import tables

SIZE = (3, 30, 44)


def maps(seed: int = 0, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Three smooth label maps that nearly agree, the target with void."""
    target = segpost.argmax(np.stack([scene(classes, *SIZE[1:], seed + k) for k in range(3)]))
    preds = np.roll(target, 2, axis=2)
    target[:, 20:26, 30:40] = 255
    return preds, target


def make(**options: Any) -> SurfaceDistance:
    return SurfaceDistance(4, ignore_index=255, tolerance=1.5, **options)


def test_two_squares(backend: str) -> None:
    """Scores that can be counted by hand: a square of 4 x 4 moved by 2 pixels to the right."""
    preds, target = np.zeros((2, 12, 12), np.uint8)
    target[4:8, 2:6] = 1
    preds[4:8, 4:8] = 1
    measure = SurfaceDistance(2, percentiles=(95, 50), tolerance=(1, 1))
    measure.update(preds, target)
    scores = measure.compute()
    # of the 12 pixels on a surface, 4 lie on the other surface, 4 one beside it, 4 two beside it
    assert scores.hd[1] == 2.0
    assert scores.hd95[1] == 2.0
    assert scores.percentile(50)[1] == 1.0
    assert scores.assd[1] == scores.masd[1] == 1.0
    assert scores.nsd[1] == pytest.approx(8 / 12)
    assert scores.mean_hd == scores.hd.mean()
    assert scores.images.tolist() == [1, 1]
    assert scores.one_sided.tolist() == [0, 0]


def test_spacing_of_volumes_and_images() -> None:
    """Three steps are volumes, two are images; distances have their unit."""
    target = np.zeros((6, 7, 8), np.uint8)
    target[2:4, 2:4, 2:4] = 1
    moved = {axis: np.roll(target, 1, axis) for axis in range(3)}
    for axis, step in enumerate((5.0, 0.5, 2.0)):
        measure = SurfaceDistance(2, spacing=(5, 0.5, 2))
        measure.update(moved[axis], target)
        assert measure.compute().hd[1] == step
        of_images = SurfaceDistance(2, spacing=(0.5, 2))
        of_images.update(moved[axis], target)  # 6 images
        assert of_images.compute().images.tolist() == [6, 2 + (axis == 0)]
    one, other = SurfaceDistance(2, spacing=3), SurfaceDistance(2)
    one.update(moved[1], target, volume=True)
    other.update(moved[1], target, volume=True, spacing=(3, 3, 3))
    assert one.compute() == other.compute()
    assert one.compute().hd[1] == 3.0


def test_a_class_in_one_map_alone_is_as_far_as_the_image_is_large() -> None:
    """The diagonal, and no agreement; a class in neither map has no score."""
    target = np.zeros((5, 9), np.uint8)
    preds = target.copy()
    preds[1, 1] = 1
    measure = SurfaceDistance(3, spacing=(2, 1), tolerance=100)
    measure.update(preds, target)
    scores = measure.compute()
    assert scores.hd[1] == scores.hd95[1] == scores.assd[1] == math.hypot(8, 8)
    assert scores.nsd[1] == 0
    assert scores.one_sided.tolist() == [0, 1, 0]
    assert np.isnan([scores.hd[2], scores.assd[2], scores.masd[2], scores.nsd[2]]).all()


def test_void_and_ignored_classes() -> None:
    """Void pixels are of no class in both maps; a class that is ignored has no score."""
    preds, target = np.zeros((2, 10, 10), np.uint8)
    target[2:8, 2:8], preds[2:8, 2:8] = 1, 1
    preds[4, 4], target[4, 4] = 0, 255
    measure = SurfaceDistance(2, ignore_index=255)
    measure.update(preds, target)
    assert measure.compute().hd.tolist() == [0, 0]
    ignored = SurfaceDistance(2, ignore_index=[1, 255])
    ignored.update(preds, target)
    assert np.isnan(ignored.compute().hd[1])
    assert ignored.compute().images[1] == 0
    void = SurfaceDistance(2, ignore_index=255)
    void.update(preds, np.full_like(target, 255))
    assert np.isnan(void.compute().hd).all()


def test_a_distance_that_is_the_tolerance_is_within_it() -> None:
    """3 steps of 1.1 are more than 3.3 in float64, by rounding alone."""
    target = np.zeros((3, 20), np.uint8)
    target[1, 2] = 1
    measure = SurfaceDistance(2, spacing=1.1, tolerance=3.3)
    measure.update(np.roll(target, 3, axis=1), target)
    assert 3 * 1.1 > 3.3
    assert measure.compute().nsd[1] == 1.0


def test_parts_add_up_and_are_saved() -> None:
    """Images counted apart and merged in any order give the same bytes; JSON and pickle too."""
    preds, target = maps(4)
    whole = make()
    whole.update(preds, target)
    parts = [make() for _ in preds]
    for part, p, t in zip(parts, preds, target, strict=True):
        part.update([p], [t])
    a, b, c = parts
    total: Any = sum(parts)
    assert (a + b + c).to_json() == (c + (b + a)).to_json() == total.to_json() == whole.to_json()
    assert SurfaceDistance.from_json(whole.to_json()) == whole
    assert pickle.loads(pickle.dumps(whole)) == whole
    assert whole.compute().hd.tolist() == pytest.approx(
        np.nanmean([part.compute().hd for part in parts], axis=0).tolist()
    )
    whole.reset()
    assert whole == make()


def test_logits_and_labels_measure_alike() -> None:
    """Logits that are smaller than the target are upsampled first, those of volumes too."""
    logits = scene(4, 12, 20)
    labels = segpost.argmax(logits, size=SIZE[1:])
    target = np.roll(labels, 1, axis=0)
    a, b = make(), make()
    a.update(logits, target)
    b.update(labels, target)
    assert a == b
    volume = np.stack([scene(4, 8, 10, k) for k in range(4)], axis=1)
    labels = segpost.argmax(volume, axis=-4, size=(6, 12, 16))
    a, b = make(spacing=(3, 1, 1)), make(spacing=(3, 1, 1))
    a.update(volume, labels[::-1])
    b.update(labels, labels[::-1])
    assert a == b


def test_images_with_ids_are_counted_once_and_have_scores() -> None:
    """The same id twice is an error, or left out; the scores of each image are kept."""
    preds, target = maps(5)
    strict = make()
    strict.update(preds, target, ids=["a", "b", "c"])
    with pytest.raises(ValueError, match="ids has 'b' twice"):
        strict.update(preds[1], target[1], ids="b")
    with pytest.raises(ValueError, match=r'duplicates="drop"'):
        strict.image_scores()
    kept = make(duplicates="drop")
    kept.update(preds, target, ids=["a", "b", "c"])
    kept.update(preds[1], target[1], ids="b")
    assert kept.compute() == strict.compute()
    alone = make()
    alone.update(preds[1], target[1])
    assert list(kept.image_scores()) == ["a", "b", "c"]
    assert kept.image_scores()["b"] == alone.compute()
    assert SurfaceDistance.from_json(kept.to_json()).image_scores() == kept.image_scores()
    volumes = SurfaceDistance(4, ignore_index=255, spacing=(1, 1, 1))
    volumes.update(preds, target, ids="case")
    assert volumes.compute().images.max() == 1


def test_means_are_exact() -> None:
    """Sums of values whose float64 sum depends on the order are equal records in any order."""
    values = [0.1, 1e16, 0.3, 1 / 3, 2.0, 5e-324]
    forward, backward = ExactMean(), ExactMean()
    for value in values:
        forward = forward.merge(ExactMean.of(value))
    for value in values[::-1]:
        backward = ExactMean.of(value).merge(backward)
    assert forward == backward
    assert forward.mean == math.fsum(values) / len(values)
    assert ExactMean.of(0.25).merge(ExactMean.of(0.25)) == ExactMean(1, 1, 2, 0)
    assert math.isnan(ExactMean.of(math.nan).mean)
    assert ExactMean.of(1.0).merge(ExactMean.of(math.inf)).mean == math.inf


def test_reports_have_the_distances() -> None:
    """Tables and data beside a confusion matrix."""
    preds, target = maps(6)
    measure, names = make(), ["road", "car", "tree", "sky"]
    measure.update(preds, target)
    (table,) = reports.tables([measure], names)
    assert table.head == ("class", "HD", "HD95", "ASSD", "MASD", "NSD")
    assert len(table.rows) == 5
    data = reports.content([measure], names)["surface_distance"]
    assert data["mean_hd"] == measure.compute().mean_hd
    assert data["classes"][1]["hd95"] == measure.compute().hd95[1]
    assert data["tolerance"] == 1.5
    percent = tables.in_percent(table)
    assert isinstance(percent, tables.Table)
    assert percent.rows[1][:5] == table.rows[1][:5]  # distances are no shares
    assert percent.rows[1][5] == f"{100 * measure.compute().nsd[1]:.2f}"


def test_a_dialect_that_there_is_not() -> None:
    """The error is that of a mapping, and names those that there are."""
    preds, target = maps(6)
    comparisons = make().compare_dialects(preds, target), ConfusionMatrix(2).compare_dialects()
    for comparison in comparisons:
        with pytest.raises(KeyError, match=r"'tensorflow' is none of .*monai"):
            comparison["tensorflow"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"spacing": 0}, ValueError, "spacing must be positive, got 0"),
        ({"spacing": (1, -1)}, ValueError, r"spacing must be positive, got \(1, -1\)"),
        (
            {"spacing": (1, 1e-300)},
            ValueError,
            r"spacing must be in 1e-60..1e\+60, got .* another unit",
        ),
        ({"spacing": (1, math.nan, 1)}, ValueError, "spacing must be finite, got nan"),
        ({"spacing": (1,)}, ValueError, r"spacing must be a number, \(y, x\) of images or"),
        ({"spacing": "1"}, TypeError, "spacing must be a number, got '1'"),
        ({"spacing": b"12"}, TypeError, "spacing must be a number, got b'12'"),
        ({"spacing": {2, 1}}, TypeError, "spacing must be a number, got {1, 2}"),
        ({"percentiles": (101,)}, ValueError, r"percentiles must be in 0..100, got 101"),
        ({"percentiles": 95}, TypeError, "percentiles must be a sequence of numbers, got 95"),
        ({"percentiles": (95, 95.0)}, ValueError, "percentiles has a number twice"),
        ({"tolerance": -1}, ValueError, "tolerance must be at least 0, got -1"),
        ({"tolerance": (1, 2)}, ValueError, "tolerance has 2 numbers for 3 classes"),
        ({"dialect": "deepmind"}, ValueError, "dialect must be one of"),
    ],
)
def test_bad_arguments(options: Any, error: type[Exception], message: str) -> None:
    """Arguments are checked when the measure is made."""
    with pytest.raises(error, match=message):
        SurfaceDistance(3, **options)


@pytest.mark.parametrize("width", [1, 3])
def test_volumes_as_wide_as_an_image_has_channels(width: int) -> None:
    """Where maps are said to be volumes, (6, 5, 3) is no image of three channels."""
    volume = np.zeros((6, 5, width), np.uint8)
    volume[1:4, 1:3] = 1
    measure = SurfaceDistance(2, spacing=np.array([2.0, 1.0, 1.0]))  # type: ignore[arg-type]
    measure.update(volume, volume)
    measure.update(volume[None], volume[None])
    assert measure.compute().images.tolist() == [2, 2]
    cm = ConfusionMatrix(2)
    cm.update(np.eye(2)[volume].transpose(3, 0, 1, 2), volume, volume=True)
    assert cm.matrix[1, 1] == volume.sum()
    with pytest.raises(ValueError, match=rf"look like \(H, W, {width}\)"):
        cm.update(volume, volume)


def test_maps_that_do_not_fit_are_refused() -> None:
    """Sizes, axes and labels; on an error nothing is counted."""
    preds, target = maps(7)
    measure = make(spacing=(2, 1, 1))
    with pytest.raises(ValueError, match=r"target of volumes is \(D, H, W\)"):
        measure.update(preds[0], target[0])
    with pytest.raises(ValueError, match=r"spacing=\(2.0, 1.0, 1.0\) is \(z, y, x\) of volumes"):
        measure.update(preds, target, volume=False)
    with pytest.raises(ValueError, match=r"spacing=\(1.0, 1.0\) is \(y, x\) of images"):
        make().update(preds, target, volume=True, spacing=(1, 1))
    with pytest.raises(ValueError, match=r"do not fit target of shape"):
        measure.update(preds[:, :-1], target)
    bad = target.copy()
    bad[1, 3, 3] = 99
    with pytest.raises(ValueError, match=r"99 \(1 times\), first at \[1, 3, 3\]"):
        measure.update(preds, bad)
    assert measure == make(spacing=(2, 1, 1))
    with pytest.raises(ValueError, match=r"spacing is None and 2\.0"):
        _ = make() + make(spacing=2)
    with pytest.raises(ValueError, match="percentile 90 was not measured, but 95"):
        measure.compute().percentile(90)
    other = SurfaceDistance(4, percentiles=(90,))
    other.update(preds[0], preds[0])
    assert other.compute().percentile(90).tolist() == [0, 0, 0, 0]  # the cure


@pytest.mark.parametrize(
    "change",
    [
        lambda totals: totals["classes"][1].__setitem__(0, 9),
        lambda totals: totals["means"].pop(),
        lambda totals: totals["means"][0].__setitem__(0, [2, 1, 1, 0]),
        lambda totals: totals["means"][0].__setitem__(0, [1, 0, -1, 0]),
        lambda totals: totals["means"][0].__setitem__(0, [1.5, 0, 1, 0]),
    ],
)
def test_impossible_states_are_refused(change: Any) -> None:
    """A state whose counts cannot be is an error."""
    measure = make()
    measure.update(*maps(8))
    state = json.loads(json.dumps(measure.state_dict()))
    change(state["totals"])
    with pytest.raises(ValueError, match="damaged SurfaceDistance"):
        make().load_state_dict(state)
