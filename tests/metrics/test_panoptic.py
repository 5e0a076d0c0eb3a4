"""PanopticQuality: its definition, the forms of maps, and merging."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import panoptic_cases as cases
import pytest
from panoptic_cases import STUFF, THINGS, VOID_CATEGORY, Case, assert_same_counts, counts_of

import segpost
from segpost import PanopticQuality
from segpost.metrics.report import documents
from segpost.metrics.report import formats as reports


def measured(maps: tuple[Any, Any], *, ids: Any = None, divisor: Any = None, **options: Any) -> Any:
    """A measure of one update."""
    measure = PanopticQuality(THINGS, STUFF, **options)
    measure.update(*maps, ids=ids, label_divisor=divisor)
    return measure


def test_counts_are_those_of_the_definition(backend: str) -> None:
    """Random maps with crowds and void, and awkward ones, at thresholds on both sides of 0.5."""
    random = np.random.default_rng(5)
    listed = [*cases.awkward_cases().values(), *(cases.random_case(random) for _ in range(60))]
    for index, case in enumerate(listed):
        threshold = [0.5, 0.5, 0.75, 0.25, 0.0][index % 5] if index > 14 else 0.5
        scores = measured(case.maps, iou_threshold=threshold).compute()
        assert_same_counts(counts_of(scores), cases.defined_counts(case, threshold=threshold))


def test_scores_follow_from_counts() -> None:
    """PQ is SQ times RQ; a class without segments has NaN, and is in no mean."""
    case = Case(
        np.array([[4, 4, 4, 6, 8, 8]]),
        [{"id": k, "category_id": c} for k, c in ((4, 1), (6, 2), (8, 7))],
        np.array([[4, 4, 5, 5, 8, 8]]),
        [{"id": k, "category_id": c} for k, c in ((4, 1), (5, 1), (8, 7))],
    )
    scores = measured(case.maps).compute()
    assert scores.categories == (1, 2, 5, 7, 9)
    np.testing.assert_array_equal(scores.sq, [2 / 3, 0, np.nan, 1, np.nan])
    np.testing.assert_array_equal(scores.rq, [1 / 1.5, 0, np.nan, 1, np.nan])
    np.testing.assert_allclose(scores.pq, scores.sq * scores.rq)
    assert scores.mean_pq == pytest.approx((4 / 9 + 0 + 1) / 3)
    assert scores.classes_in_mean == 3
    assert scores.things.mean_pq == pytest.approx(2 / 9)
    assert scores.things.categories == (1, 2, 5)
    assert (scores.stuff.mean_pq, scores.stuff.mean_sq, scores.stuff.mean_rq) == (1, 1, 1)
    assert np.isnan(PanopticQuality([1], []).compute().mean_pq)
    assert scores == measured(case.maps).compute()


def test_low_thresholds_match_each_segment_once() -> None:
    """In descending order of IoU; of equal ones the true segment that comes first."""
    infos = [{"id": k, "category_id": 1} for k in (1, 2, 3)]
    halves = (np.array([[1, 1, 2, 2]]), infos[:2]), (np.array([[3, 3, 3, 3]]), infos[2:])
    low = measured(halves, iou_threshold=0.4).compute()
    assert counts_of(low)[1] == [1, 1, 0, 0.5]
    assert counts_of(measured(halves).compute())[1] == [0, 2, 1, 0.0]
    chain = (np.array([[1, 1, 1, 2, 2]]), infos[:2]), (np.array([[1, 1, 2, 2, 2]]), infos[:2])
    assert counts_of(measured(chain, iou_threshold=0.0).compute())[1][:3] == [2, 0, 0]


def forms_of(labels: np.ndarray, infos: list[dict[str, Any]]) -> dict[str, tuple[Any, Any]]:
    """A map in all forms, and the divisor of those that have one."""
    torch = pytest.importorskip("torch")

    pairs = cases.as_pairs(labels, infos)
    divided = np.where(pairs[..., 0] == VOID_CATEGORY, -1, pairs[..., 0] * 2**24 + labels)
    transformers = [{"id": i["id"], "label_id": i["category_id"], "score": 0.9} for i in infos]
    segments = tuple(
        segpost.Segment(i["id"], i["category_id"], 0.9, 1, (0, 0, 1, 1)) for i in infos
    )
    hidden = segpost.Segment(99, 1, 0.9, 0, (0, 0, 0, 0))
    colors = cases.as_colors(labels)
    return {
        "pairs": (pairs, None),
        "pairs of a batch": (pairs[None], None),
        "pairs of a tensor": (torch.from_numpy(pairs), None),
        "listed": ((labels, infos), None),
        "listed batch": ((labels[None], [infos]), None),
        "listed with -1": ((np.where(labels == 0, -1, labels), infos), None),
        "list of one": ([(labels.astype(np.uint32), infos)], None),
        "colors": ((colors, infos), None),
        "colors of a batch": ((colors[None], [infos]), None),
        "transformers": ({"segmentation": labels, "segments_info": transformers}, None),
        "detectron2": ({"panoptic_seg": (labels, infos)}, None),
        "divided": (divided, 2**24),
        "divided batch": (divided[None], 2**24),
        "detectron2, divided": ((divided, None), 2**24),
        "Segmentation": (segpost.Segmentation(labels=labels, segments=segments), None),
        "hidden segment": (segpost.Segmentation(labels=labels, segments=(*segments, hidden)), None),
    }


def test_forms_of_maps_are_equal() -> None:
    """All forms of predictions beside one of the target, and the other way round."""
    random = np.random.default_rng(6)
    for _ in range(4):
        case = cases.random_case(random, crowds=False)
        while {7, 9} & {i["category_id"] for i in [*case.pred_infos, *case.target_infos]}:
            case = cases.random_case(random, crowds=False)
        present = {*case.target.ravel().tolist()}
        infos = [info for info in case.target_infos if info["id"] in present]
        options = {"ignore_index": VOID_CATEGORY}
        plain = (case.preds, case.pred_infos), (case.target, infos)
        wanted = measured(plain, **options)
        for name, (form, divisor) in forms_of(case.preds, case.pred_infos).items():
            assert measured((form, plain[1]), divisor=divisor, **options) == wanted, name
        for name, (form, divisor) in forms_of(case.target, infos).items():
            assert measured((plain[0], form), divisor=divisor, **options) == wanted, name


def test_stuff_is_one_segment_in_pairs() -> None:
    """Its instances have no meaning; in lists each is a segment, but for torchmetrics."""
    pairs = np.array([[[7, 0], [7, 3], [1, 1]]])
    other = np.array([[[7, 5], [7, 5], [1, 1]]])
    assert counts_of(measured((pairs, other)).compute())[7] == [1, 0, 0, 1.0]
    divided = pairs[..., 0] * 10 + pairs[..., 1]
    assert counts_of(measured((divided, other), divisor=10).compute())[7] == [1, 0, 0, 1.0]
    one, two = (
        (np.array([ids]), [{"id": i, "category_id": 7} for i in sorted({*ids})])
        for ids in ([1, 1, 1, 1], [1, 1, 2, 2])
    )
    assert counts_of(measured((two, one)).compute())[7] == [0, 2, 1, 0.0]
    merged = measured((two, one), dialect="torchmetrics")
    assert counts_of(merged.compute())[7] == [1, 0, 0, 1.0]


def test_a_category_that_is_ignored_is_void() -> None:
    """In listed maps, too; a crowd may be given such a category for the dialect torchmetrics."""
    infos = [{"id": 1, "category_id": 1}, {"id": 2, "category_id": 66}]
    measure = measured(
        ((np.array([[1, 1, 2]]), infos), (np.array([[1, 2, 2]]), infos)), ignore_index=[66]
    )
    assert counts_of(measure.compute())[1] == [1, 0, 0, 1.0]


def test_empty_maps_count_nothing(backend: str) -> None:
    """No images, and images without pixels."""
    for shape in [(0, 4, 5, 2), (3, 0, 5, 2), (0, 5, 2)]:
        measure = measured((np.zeros(shape, np.int64), np.zeros(shape, np.int64)))
        assert measure == PanopticQuality(THINGS, STUFF)


def test_parts_add_up_in_any_order() -> None:
    """The same bytes in any order, after JSON and pickle; sums of IoU are exact."""
    random = np.random.default_rng(7)
    parts = [measured(cases.random_case(random).maps, ids=[f"i{k}"]) for k in range(12)]
    whole = sum(parts)
    texts = {sum(parts[k] for k in random.permutation(12)).to_json() for _ in range(8)}
    assert texts == {whole.to_json()}
    assert PanopticQuality.from_json(whole.to_json()) == whole
    assert pickle.loads(pickle.dumps(whole)) == whole
    sums = sum(counts_of(part.compute())[1][3] for part in parts)
    assert counts_of(whole.compute())[1][3] == pytest.approx(sums, abs=1e-12)
    whole.reset()
    assert whole == PanopticQuality(THINGS, STUFF)
    with pytest.raises(ValueError, match="dialect is 'panopticapi' and 'torchmetrics'"):
        parts[0].merge_state(PanopticQuality(THINGS, STUFF, dialect="torchmetrics"))


def test_images_have_ids_and_scores_of_their_own() -> None:
    """No image counts twice; with duplicates="drop" each has its scores."""
    random = np.random.default_rng(8)
    listed = [cases.random_case(random) for _ in range(3)]
    arguments = [list(side) for side in zip(*(case.maps for case in listed), strict=True)]
    measure = PanopticQuality(THINGS, STUFF, duplicates="drop")
    measure.update(*arguments, ids=["a", "b", "c"])
    measure.update(*listed[1].maps, ids="b")
    measure = PanopticQuality.from_json(measure.to_json())
    assert measure.sums() == measured((arguments[0], arguments[1]), duplicates="drop")
    for name, case in zip("abc", listed, strict=True):
        assert measure.compute(image=name) == measured(case.maps).compute()
    with pytest.raises(ValueError, match=r"image 'd' has no counts of its own$"):
        measure.compute(image="d")
    with pytest.raises(ValueError, match='"drop" keeps them'):
        measured(listed[0].maps, ids=["a"]).compute(image="a")
    with pytest.raises(ValueError, match="'a' twice"):
        measured((arguments[0][:2], arguments[1][:2]), ids=["a", "a"])


@pytest.mark.parametrize("damage", ["iou", "counts", "short"])
def test_damaged_states_are_refused(damage: str) -> None:
    """Sums of IoU above the number of matches, negative counts, other numbers of classes."""
    state = measured(cases.awkward_cases()["one pixel"].maps).state_dict()
    if damage == "iou":
        state["totals"]["iou"][0] = 2**64 + 1
    elif damage == "counts":
        state["totals"]["counts"][0][0] = -1
    else:
        state["totals"]["iou"].pop()
    with pytest.raises(ValueError, match="damaged PanopticQuality"):
        PanopticQuality(THINGS, STUFF).load_state_dict(state)


def test_queries_and_panoptic_quality() -> None:
    """The result of `segment_queries` is counted as it is, also of a batch."""
    class_logits = np.array([[9, 0, 0], [0, 9, 0]], np.float32)
    masks = np.full((2, 4, 4), -9, np.float32)
    masks[0, :2], masks[1, 2:] = 9, 9
    head = np.stack([class_logits] * 2), np.stack([masks, masks[:, ::-1]])
    seg = segpost.segment_queries(*head, task="panoptic", thing_classes=[1])
    measure = PanopticQuality(things=[1], stuff=[0])
    measure.update(preds=seg, target=seg)
    assert measure.compute().true_positives.tolist() == [2, 2]
    assert measure.compute().mean_pq == 1


def test_reports() -> None:
    """Means and classes, with names; beside the scores of a matrix, too."""
    names = {1: "car", 2: "person", 5: "dog", 7: "road", 9: "sky"}
    measure = measured(cases.awkward_cases()["one class"].maps, class_names=names)
    means, classes = measure.tables()
    assert means.rows[0] == ("all", "0.4444", "0.6667", "0.6667", "1")
    assert means.rows[2] == ("stuff", "-", "-", "-", "0")
    assert [row[0] for row in classes.rows] == [*names.values(), "mean"]
    content = measure.content()
    assert content["classes"][0]["category"] == 1
    assert content["classes"][0]["true_positives"] == 1
    assert content["means"]["things"]["classes"] == 1
    assert measured(cases.awkward_cases()["crowd"].maps).tables()[1].rows[0][0] == "1"
    matrix = segpost.ConfusionMatrix(5, class_names=[*names.values()])
    matrix.update(np.zeros((1, 1), np.uint8), np.zeros((1, 1), np.uint8))
    scores = matrix.compute()
    assert "Panoptic quality" in reports.text(scores, measures=[measure])
    assert '"panoptic"' in documents.json(scores, [measure])


ONE = np.array([[1, 0]])
INFO = [{"id": 1, "category_id": 1}]
PAIRS = np.array([[[1, 0], [1, 1]]])


@pytest.mark.parametrize(
    ("preds", "target", "message"),
    [
        ((ONE, []), (ONE, INFO), r"preds has 1 pixels of 1 ids .* first 1 at \[0, 0\]"),
        ((ONE, INFO), (ONE + 1, INFO), r"target has 1 pixels of 1 ids .* first 2 at \[0, 0\]"),
        ((ONE, INFO * 2), (ONE, INFO), "preds: id 1 is listed twice"),
        ((ONE, INFO), (ONE[:, :1], INFO), r"one size, got \(1, 2\) and \(1, 1\)"),
        (PAIRS + 2, PAIRS, r"preds has 2 pixels of 1 unknown categories, first 3 at \[0, 0\]"),
        (PAIRS, PAIRS + 2, "target has 2 pixels .* pass ignore_index=3"),
        ((ONE, [{"id": 1, "category_id": 4}]), (ONE, INFO), "unknown categories, first 4"),
        ((ONE, INFO), (ONE, [*INFO, {"id": 9, "category_id": 4}]), "segment 9 has the unknown"),
        ((ONE, [*INFO, {"id": 9, "category_id": 1}]), (ONE, INFO), "1 listed segments have no"),
        (
            (ONE, [{"id": 2**63, "category_id": 1}]),
            (ONE, INFO),
            "'id' must be in the range of int64",
        ),
        ((ONE, [{"id": 1}]), (ONE, INFO), "needs 'id' and 'category_id' or 'label_id'"),
        (ONE, (ONE, INFO), r"ids without categories: pass \(preds, segments_info\)"),
        (np.zeros((1, 1, 1, 1), int), PAIRS, r"must be pairs .* got \(1, 1, 1, 1\)"),
        ([PAIRS, PAIRS], PAIRS, "preds has 2 images, target 1"),
        ([PAIRS, PAIRS + 2], [PAIRS, PAIRS], "image 1: preds has 2 pixels"),
        ((np.zeros((1, 2, 4), np.uint8), INFO), (ONE, INFO), r"pass preds\[..., :3\]"),
        ((ONE[None], [INFO, INFO]), PAIRS, "preds has 1 images and 2 lists"),
        (np.full((1, 1, 2), 2**63, np.uint64), PAIRS, r"preds must be below 2\*\*63"),
    ],
)
def test_bad_maps_are_named(preds: Any, target: Any, message: str) -> None:
    """The argument, what came, how many, where the first is; nothing is counted."""
    measure = PanopticQuality(THINGS, STUFF)
    with pytest.raises(ValueError, match=message):
        measure.update(preds, target)
    assert measure == PanopticQuality(THINGS, STUFF)


@pytest.mark.parametrize(
    ("preds", "message"),
    [
        (PAIRS.astype(np.float32), "preds must be integers"),
        ((np.zeros((1, 2, 3), np.int32), INFO), "colors of uint8, got int32"),
        ({"labels": ONE}, "must have 'segmentation' and 'segments_info'"),
        (segpost.Segmentation(labels=ONE), 'task="panoptic"'),
        ((ONE, [{"id": 1.0, "category_id": 1}]), "must be an integer, got 1.0"),
        ("x.png", "preds must be an array"),
    ],
)
def test_bad_types_are_named(preds: Any, message: str) -> None:
    """What is no map is a TypeError."""
    with pytest.raises(TypeError, match=message):
        PanopticQuality(THINGS, STUFF).update(preds, PAIRS)


def test_the_cure_of_an_unknown_category_works() -> None:
    """As the message says: it is void then."""
    measure = measured((PAIRS + 2, PAIRS), ignore_index=3)
    assert counts_of(measure.compute())[1][:3] == [0, 0, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [2]), "share 1 categories, first 2"),
        (([1, 1], []), "things has 1 categories twice, first 1"),
        (([], []), "must be 1 to"),
        (([2**63], []), "range of int64"),
    ],
)
def test_bad_classes(arguments: Any, message: str) -> None:
    """Classes are checked when the measure is made."""
    with pytest.raises(ValueError, match=message):
        PanopticQuality(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ignore_index": 1}, "ignore_index has 1 categories that are classes, first 1"),
        ({"dialect": "panoptica"}, "dialect must be one of"),
        ({"iou_threshold": 1.5}, "iou_threshold must be in 0..1"),
        ({"class_names": {1: "car"}}, "class_names lacks 4 categories, first 2"),
        ({"class_names": ["car"]}, "class_names has 1 names"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    """So are the others."""
    with pytest.raises(ValueError, match=message):
        PanopticQuality(THINGS, STUFF, **options)
    with pytest.raises(ValueError, match="label_divisor must be in"):
        PanopticQuality(THINGS, STUFF).update(ONE, ONE, label_divisor=0)
    with pytest.raises(TypeError, match="things must be category ids"):
        PanopticQuality("12", STUFF)  # type: ignore[arg-type]


def test_ids_may_be_large(fast_backend: str) -> None:
    """Ids of 24 bits and of 62 give the same counts."""
    random = np.random.default_rng(9)
    case = cases.random_case(random)
    far = {info["id"]: info["id"] + 2**61 for info in [*case.pred_infos, *case.target_infos]}

    def moved(labels: np.ndarray, infos: list[dict[str, Any]]) -> tuple[Any, Any]:
        return np.where(labels > 0, labels + 2**61, 0), [{**i, "id": far[i["id"]]} for i in infos]

    large = measured((moved(*case[:2]), moved(*case[2:])))
    assert large == measured(case.maps)
