"""`MaskAP`: its forms, its state, and its errors."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from mask_ap_cases import CATEGORIES, awkward_cases, encode, random_case

import segpost

TRUTH = np.zeros((3, 20, 30), bool)
TRUTH[0, :10, :10], TRUTH[1, 12:, 5:25], TRUTH[2, 3:9, 15:28] = True, True, True
PREDS = np.roll(TRUTH, 1, axis=2)
LABELS, SCORES = [1, 3, 1], [0.75, 0.5, 0.25]


def id_map(masks: np.ndarray) -> np.ndarray:
    """Ids 1, 2, ... of masks that do not overlap."""
    return np.asarray((masks * np.arange(1, len(masks) + 1)[:, None, None]).sum(axis=0))


def infos(**more: Any) -> list[dict[str, Any]]:
    rows = [{"id": 1 + k, "category_id": c} for k, c in enumerate(LABELS)]
    return [{**row, **{key: v[k] for key, v in more.items()}} for k, row in enumerate(rows)]


def coco_rows(masks: np.ndarray, **more: Any) -> list[dict[str, Any]]:
    rows = infos(**more)
    return [{**row, "segmentation": encode(mask)} for row, mask in zip(rows, masks, strict=True)]


def plain_codes(masks: np.ndarray) -> list[dict[str, Any]]:
    """Run-length codes without compression."""
    codes = []
    for mask in masks:
        pixels = np.concatenate([[0], mask.T.ravel(), [2]])  # they begin with a run of 0
        ends = np.flatnonzero(np.diff(pixels))
        codes.append({"size": [*mask.shape], "counts": np.diff(ends, prepend=0).tolist()})
    return codes


def measured(preds: Any, target: Any, **options: Any) -> segpost.MaskAPScores:
    measure = segpost.MaskAP(CATEGORIES)
    measure.update(preds, target, **options)
    return measure.compute()


WANTED = measured(
    {"masks": PREDS, "scores": SCORES, "labels": LABELS}, {"masks": TRUTH, "labels": LABELS}
)


def test_scores_of_an_example() -> None:
    """IoU is 9/11, 19/21 and 12/14: class 1 is found at 7 and 8 of 10 thresholds, class 3 at 9."""
    assert WANTED.class_ap.tolist()[:2] == pytest.approx([(7 + 0.5 * 51 / 101) / 10, 0.9])
    assert np.isnan(WANTED.class_ap[2])
    assert WANTED.ap50 == pytest.approx(1)
    assert WANTED.ap_small == WANTED.ap
    assert WANTED.ar(max_detections=1) < WANTED.ar() == WANTED.stats[8]
    assert WANTED.targets[:, 0].tolist() == [2, 1, 0]
    assert np.isnan(WANTED.mean_ap(iou=0.77))


@pytest.mark.parametrize(
    ("preds", "target"),
    [
        (
            {
                "masks": np.uint8(PREDS),
                "scores": np.array(SCORES, np.float32),
                "labels": np.array(LABELS),
            },
            None,
        ),
        ({"masks": [encode(m) for m in PREDS], "scores": SCORES, "labels": LABELS}, None),
        (coco_rows(PREDS, score=SCORES), coco_rows(TRUTH, iscrowd=[0, 0, 0])),
        ((id_map(PREDS), infos(score=SCORES)), (id_map(TRUTH), infos())),
        (
            {"segmentation": id_map(PREDS), "segments_info": infos(score=SCORES)},
            [{"masks": plain_codes(TRUTH), "labels": LABELS}],
        ),
        (
            (
                id_map(PREDS),
                [segpost.Segment(1 + k, LABELS[k], SCORES[k], 9, (0, 0, 1, 1)) for k in range(3)],
            ),
            {"masks": TRUTH, "labels": LABELS, "area": TRUTH.sum(axis=(1, 2))},
        ),
    ],
)
def test_forms(backend: str, preds: Any, target: Any) -> None:
    """Every form of masks gives the same scores, on every backend."""
    assert measured(preds, target or {"masks": TRUTH, "labels": LABELS}) == WANTED


def test_forms_of_torch() -> None:
    """Tensors, as torchmetrics takes them."""
    torch = pytest.importorskip("torch")
    preds = {"masks": PREDS, "scores": np.array(SCORES, np.float32), "labels": np.array(LABELS)}
    target = {"masks": TRUTH, "labels": np.array(LABELS)}
    preds, target = (
        {key: torch.from_numpy(value) for key, value in one.items()} for one in (preds, target)
    )
    assert measured([preds], [target]) == WANTED


def test_result_of_segment_queries() -> None:
    """Instances against themselves are all right."""
    y, x = np.mgrid[:32, :32]
    masks = np.stack([6 - np.hypot(y - a, x - a) for a in (7, 22)]).astype(np.float32)
    classes = np.array([[5, 0, 0], [0, 5, 0]], np.float32)
    seg = segpost.segment_queries(classes, masks, task="instance", size=(64, 64))
    measure = segpost.MaskAP(2)
    measure.update(preds=seg, target=(seg.labels, seg.segments))
    assert measure.compute().ap == pytest.approx(1)


def parts() -> list[segpost.MaskAP]:
    """Measures of a random data set, one an image."""
    random = np.random.default_rng(3)
    found: list[segpost.MaskAP] = []
    for _ in range(4):
        case = random_case(random)
        for image in case.target:
            measure = segpost.MaskAP(CATEGORIES)
            measure.update(case.preds[image], case.target[image], ids=f"{len(found)}")
            found.append(measure)
    return found


def test_parts_add_up_in_any_order() -> None:
    """Sums have the same bytes, and so have states that were saved and pickles."""
    measures = parts()
    total, other = (sum(some, segpost.MaskAP(CATEGORIES)) for some in (measures, measures[::-1]))
    assert total.to_json() == other.to_json()
    for copy in (
        segpost.MaskAP.from_json(total.to_json()),
        pickle.loads(pickle.dumps(total)),
        total.copy(),
    ):
        assert copy == total
        assert copy.compute() == total.compute()
    anonymous = total.sums(), other.sums()
    assert anonymous[0] == anonymous[1]
    assert "0" not in anonymous[0]._image_names()
    assert total.compute(image="1") == measures[1].compute()
    with pytest.raises(ValueError, match=r"ids has '0' twice"):
        total.merge_state(measures[0])
    total.reset()
    assert total == segpost.MaskAP(CATEGORIES)


def test_duplicates_are_dropped() -> None:
    """An image that comes again counts once; its own counts are kept."""
    measure = segpost.MaskAP(CATEGORIES, duplicates="drop")
    for _ in range(2):
        measure.update(coco_rows(PREDS, score=SCORES), coco_rows(TRUTH), ids="a")
    measure.update([], coco_rows(TRUTH), ids="b")
    assert measure.compute(image="a") == WANTED
    assert segpost.MaskAP.from_json(measure.to_json()).compute() == measure.compute()
    assert measure.compute().targets[:, 0].tolist() == [4, 2, 0]


def test_reports() -> None:
    """Tables and data have the numbers of `stats`."""
    measure = segpost.MaskAP(CATEGORIES, class_names={1: "person", 3: "car", 17: "cat"})
    measure.update(coco_rows(PREDS, score=SCORES), coco_rows(TRUTH))
    means, classes = measure.tables()
    assert [row[0] for row in classes.rows] == ["person", "car", "cat", "mean"]
    assert len(means.rows) == 12
    content = measure.content()
    assert content["means"]["AP"] == WANTED.ap
    assert content["classes"][1]["category"] == 3


def test_other_rules() -> None:
    """Thresholds, areas and numbers of detections of one's own."""
    measure = segpost.MaskAP(
        CATEGORIES,
        iou_thresholds=[0.8],
        area_ranges={"all": (0, 1e10), "wide": (100, 1e10)},
        max_detections=[2],
    )
    measure.update(coco_rows(PREDS, score=SCORES), coco_rows(TRUTH))
    scores = measure.compute()
    assert scores.precision.shape == (1, 101, 3, 2, 1)
    assert scores.targets.tolist() == [[2, 1], [1, 1], [0, 0]]
    assert len(scores.stats) == 3 + 1 + 1 + 1
    assert np.isnan(scores.ap50)
    with pytest.raises(ValueError, match=r"area must be one of 'all', 'wide'"):
        scores.mean_ap(area="tiny")
    with pytest.raises(ValueError, match=r"max_detections must be one of \(2,\), got 100"):
        scores.ar(max_detections=100)


@pytest.mark.parametrize(
    ("preds", "target", "message"),
    [
        ({"masks": PREDS, "labels": LABELS}, [], r"preds needs scores"),
        ({"masks": PREDS, "scores": SCORES}, [], r"preds needs 'masks' and 'labels'"),
        ({"masks": PREDS, "scores": SCORES[:2], "labels": LABELS}, [], r"3 masks and 2 scores"),
        (
            {"masks": PREDS, "scores": [0.5, np.nan, np.inf], "labels": LABELS},
            [],
            r"scores have 2 of 3 values that are not finite, first nan at 1",
        ),
        (
            {"masks": PREDS, "scores": SCORES, "labels": [1, 2, 5]},
            [],
            r"preds has 2 masks of unknown categories, first 2; list it in categories=",
        ),
        (
            {"masks": PREDS[:, :10], "scores": SCORES, "labels": LABELS},
            {"masks": TRUTH, "labels": LABELS},
            r"one size, got \(10, 30\) and \(20, 30\)",
        ),
        ((id_map(PREDS), infos(score=SCORES)[:2]), [], r"1 ids that its segments do not list"),
        ((id_map(PREDS), infos()), [], r"segments need 'score'"),
        ({"masks": PREDS * 2, "scores": SCORES, "labels": LABELS}, [], r"must hold 0 and 1"),
        ([[], []], [[]], r"preds has 2 images, target 1"),
    ],
)
def test_wrong_values(preds: Any, target: Any, message: str) -> None:
    """Errors name the argument, how many, the first and the cure; nothing is counted."""
    measure = segpost.MaskAP(CATEGORIES)
    with pytest.raises(ValueError, match=message):
        measure.update(preds, target)
    assert measure == segpost.MaskAP(CATEGORIES)


def test_wrong_types() -> None:
    """Masks without classes, polygons, and dicts of something else."""
    measure = segpost.MaskAP(CATEGORIES)
    with pytest.raises(TypeError, match=r"masks without classes: pass {'masks': masks, 'scores'"):
        measure.update(PREDS, [])
    polygon = [{"segmentation": [[0, 0, 4, 0, 4, 4]], "category_id": 1, "score": 1.0}]
    with pytest.raises(TypeError, match=r"got list; polygons become a code by pycocotools"):
        measure.update(polygon, [])
    with pytest.raises(TypeError, match=r"got a dict of \['boxes'\]"):
        measure.update({"boxes": []}, [])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"categories": [1, 1]}, r"categories has 1 values twice, first 1"),
        ({"categories": 0}, r"categories must be 1 to"),
        ({"iou_thresholds": [0.7, 0.5]}, r"iou_thresholds must ascend"),
        ({"iou_thresholds": [0.0, 0.5]}, r"iou_thresholds must be above 0"),
        ({"max_detections": []}, r"max_detections must have one value"),
        ({"max_detections": [0, 1]}, r"max_detections must be at least 1"),
        ({"area_ranges": {}}, r"area_ranges must have one range"),
        ({"area_ranges": {"a": (5, 1)}}, r"must ascend, got 5 and 1"),
        ({"iou_thresholds": np.linspace(0.1, 0.9, 17).tolist()}, r"at most 64 pairs, got 17 x 4"),
    ],
)
def test_wrong_rules(options: dict[str, Any], message: str) -> None:
    """Rules that cannot be."""
    with pytest.raises(ValueError, match=message):
        segpost.MaskAP(**{"categories": 3, **options})


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (1, [0, 0, 9], r"classes that are not ascending, or not below 3"),
        (2, [0.2, 0.7, 0.5], r"scores that ascend within a class"),
        (2, [0.75, 0.25], r"columns of \[2, 3\] values"),
        (3, [1 << 40, 0, 0], r"matched must be integers of 40 bits"),
        (6, [[1, 1, 0, 0], [1, 1, 0, 0]], r"more matches than true masks"),
    ],
)
def test_damaged_states(column: int, value: Any, message: str) -> None:
    """Counts that cannot be are refused."""
    measure = segpost.MaskAP(CATEGORIES)
    measure.update(coco_rows(PREDS, score=SCORES), coco_rows(TRUTH))
    state = measure.state_dict()
    state["totals"]["detections"][0][column] = value
    with pytest.raises(ValueError, match=message):
        segpost.MaskAP(CATEGORIES).load_state_dict(state)


def test_awkward_cases_have_scores() -> None:
    """Without predictions AP is 0, without targets there is none."""
    scores = {}
    for name, case in awkward_cases().items():
        measure = segpost.MaskAP(CATEGORIES)
        for image in case.target:
            measure.update(case.preds[image], case.target[image], ids=image)
        scores[name] = measure.compute().ap
    assert scores["no predictions"] == 0.0
    assert np.isnan([scores[name] for name in ("nothing", "no targets", "crowd only")]).all()
    assert scores["one pixel"] == pytest.approx(1)
