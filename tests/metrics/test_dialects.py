"""Dialects: each says what its library says."""

from __future__ import annotations

import functools
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import reference_libraries as peers
from dialect_cases import AWKWARD, ERROR, NAN, count_all, maps
from reference_libraries import Images

import segpost
from segpost import Scores
from segpost.metrics.dialects import DIALECTS, DialectError
from segpost.metrics.ratios import ratio

PEERS = ("mmseg", "cityscapes", "smp")


def random_maps(seed: int) -> tuple[Images, int, int | None]:
    """Some images with everything that libraries disagree about, in changing company."""
    random = np.random.default_rng(seed)
    classes = int(random.integers(2, 7))
    ignored = [None, 255, -1, classes, int(random.integers(classes))][seed % 5]
    bad = np.array([classes, classes + 1, 7, 17, 255, 300, -1, -2])
    kind = seed // 5 % 5
    in_target, in_preds = (
        random.choice(classes, int(random.integers(1, classes + 1)), replace=False)
        for _ in range(2)
    )
    images = []
    for _ in range(random.integers(1, 4)):
        shape = tuple(random.integers(1, 9, 2))
        target = random.choice(in_target, shape)
        preds = np.where(random.random(shape) < 0.5, target, random.choice(in_preds, shape))
        if ignored is not None:
            void = 1.0 if kind == 4 and seed % 3 else 0.3
            target = np.where(random.random(shape) < void, ignored, target)
        if kind in (1, 3):
            preds = np.where(random.random(shape) < 0.15, random.choice(bad), preds)
        if kind in (2, 3):
            wrong = (random.random(shape) < 0.15) & (target != ignored)
            target = np.where(wrong, random.choice(bad), target)
        images.append((preds.astype(np.int64), target.astype(np.int64)))
    return images, classes, ignored


def share_of_predicted(scores: Scores) -> float:
    """Right pixels / pixels that are predicted as a class."""
    return scores.mean("precision", "micro")


def dice_with_zeros(scores: Scores) -> float:
    """Mean Dice of all classes, 0 for those in neither map."""
    true_positives, support, predicted = scores.class_counts
    return float(np.nan_to_num(ratio(2 * true_positives, support + predicted)).mean())


def fwiou_or_zero(scores: Scores) -> float:
    """Frequency-weighted IoU, 0 where nothing counts."""
    return scores.fwiou if scores.pixels else 0.0


# What each library prints, under its own names: an attribute of Scores, or more. Most of them also
# print lists: the IoU of every class, some its recall, as `iou` and `recall` of the scores.
PRINTED: dict[str, dict[str, str | Callable[[Scores], float]]] = {
    "mmseg": {"aAcc": "pixel_accuracy", "mIoU": "miou", "mAcc": "mean_accuracy"},
    "hf": {
        "mean_iou": "miou",
        "mean_accuracy": "mean_accuracy",
        "overall_accuracy": "pixel_accuracy",
    },
    "cityscapes": {"averageScoreClasses": "miou", "averageScoreCategories": "mean_category_iou"},
    "voc": {"avacc": "miou"},
    "torchmetrics": {"JaccardIndex": "miou"},
    "detectron2": {
        "mIoU": "miou",
        "fwIoU": fwiou_or_zero,
        "mACC": "mean_accuracy",
        "pACC": "pixel_accuracy",
    },
    "torchvision": {"global correct": "pixel_accuracy", "mean IoU": "miou"},
    "smp": {"iou_score": "miou"},
    "keras": {"mean_io_u": "miou"},
    "paddleseg": {
        "mIoU": "miou",
        "Acc": share_of_predicted,
        "Kappa": "kappa",
        "Dice": dice_with_zeros,
    },
    "sklearn": {"jaccard_score": "miou"},
    "monai": {"MeanIoU": "miou"},
}


def printed(scores: Scores) -> dict[str, float]:
    """What the library of the scores' dialect prints to its user, as shares of 1."""
    return {
        name: float(getattr(scores, value) if isinstance(value, str) else value(scores))
        for name, value in PRINTED[scores.dialect].items()
        if scores.snapshot.groups is not None or value != "mean_category_iou"
    }


def differs(dialect: Any, peer: peers.Peer, images: Images, classes: int, void: int | None) -> str:
    """What a dialect has otherwise than its library; empty where all is the same."""
    wanted, stopped, scores, refused = {}, "", None, ""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            wanted = peer(images, classes, void)
    except Exception as error:
        stopped = str(error) or repr(error)
    try:
        scores = count_all(images, classes, void).compute(dialect=dialect)
    except DialectError as error:
        refused = str(error)
    if scores is None or stopped:
        return "" if stopped and refused else f"library: {stopped or wanted}, segpost: {refused}"
    ours: dict[str, Any] = printed(scores)
    rounded = wanted.pop("printed", {})
    assert wanted.keys() & ours.keys()
    ours |= {"iou": scores.iou, "recall": scores.recall}
    for name, value in wanted.items():
        # a number that is infinite there, as PaddleSeg's kappa can be, is none here
        theirs = np.where(np.isfinite(value), value, NAN)
        if not np.allclose(ours[name], theirs, rtol=0, atol=2e-6, equal_nan=True):
            return f"{name} is {value} there and {ours[name]} here"
    for name, value in rounded.items():
        if not np.isclose(100 * ours[name], value, rtol=0, atol=0.0051, equal_nan=True):
            return f"{name} is shown as {value} there and is {ours[name]} here"
    return ""


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_cases_have_the_numbers_of_the_libraries(name: str) -> None:
    """The number of every library for every case, or its error, without any of them."""
    case = AWKWARD[name]
    cm = count_all(maps(case), case.classes, case.ignored)
    for dialect, wanted in case.says.items():
        try:
            got = cm.compute(dialect=None if dialect == "segpost" else dialect).miou  # type: ignore[arg-type]
        except DialectError:
            assert wanted is ERROR, dialect
            continue
        assert wanted is not ERROR, dialect
        assert got == pytest.approx(wanted, abs=5e-5, nan_ok=True), dialect


def marked(dialect: str) -> Any:
    """A dialect whose library is installed with the tests, or with the peers."""
    return pytest.param(dialect, marks=pytest.mark.peers) if dialect in PEERS else dialect


@pytest.mark.parametrize("dialect", [marked(name) for name in peers.LIBRARIES])
def test_a_dialect_says_what_the_library_says(dialect: str) -> None:
    """The library itself, for the awkward cases and 250 random ones: numbers, lists and errors."""
    peer = peers.LIBRARIES[dialect]
    for name, case in AWKWARD.items():
        assert not differs(dialect, peer, maps(case), case.classes, case.ignored), name
    for seed in range(250):
        assert not differs(dialect, peer, *random_maps(seed)), seed


@pytest.mark.parametrize("dialect", peers.DEFINITIONS)
def test_a_dialect_says_what_the_definition_says(dialect: str) -> None:
    """A definition of its own for libraries that cannot be installed everywhere."""
    peer = peers.DEFINITIONS[dialect]
    for name, case in AWKWARD.items():
        assert not differs(dialect, peer, maps(case), case.classes, case.ignored), name
    for seed in range(500):
        images, classes, ignored = random_maps(seed)
        if dialect == "detectron2":  # a state does not know which; see dialects.py
            images = [(np.where((t == ignored) & (p == classes), 255, p), t) for p, t in images]
        assert not differs(dialect, peer, images, classes, ignored), seed


def test_torchmetrics_says_the_same_when_it_validates() -> None:
    """With validate_args=True, the default, for labels that are classes or void."""
    for seed in range(250):
        images, classes, ignored = random_maps(seed)
        images = [
            (p.clip(0, classes - 1), np.where(t == ignored, t, t.clip(0, classes - 1)))
            for p, t in images
        ]

        peer = functools.partial(peers.torchmetrics, validate=True)
        assert not differs("torchmetrics", peer, images, classes, ignored), seed


@pytest.mark.peers
def test_cityscapes_averages_categories_without_ignored_labels(rng: np.random.Generator) -> None:
    """All 34 labels counted, 15 of them ignored: classes and categories of cityscapesScripts."""
    module = peers.library("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling")
    labels = [label for label in module.labels if label.id >= 0]
    module.args.quiet = True
    groups = {
        name: [label.id for label in members if label.id >= 0]
        for name, members in module.category2labels.items()
    }
    for _ in range(40):
        some = rng.choice(34, int(rng.integers(2, 20)), replace=False)
        target = rng.choice(some, (9, 11))
        preds = np.where(rng.random(target.shape) < 0.6, target, rng.choice(some, target.shape))
        table = module.generateMatrix(module.args)
        np.add.at(table, (target, preds), 1)
        cm = segpost.ConfusionMatrix(
            34,
            ignore_index=[label.id for label in labels if label.ignoreInEval],
            groups=groups,
        )
        cm.update(preds=preds, target=target)
        scores = cm.compute(dialect="cityscapes")
        iou = {x.name: module.getIouScoreForLabel(x.id, table, module.args) for x in labels}
        by_name = {x: module.getIouScoreForCategory(x, table, module.args) for x in groups}
        np.testing.assert_allclose(scores.iou, list(iou.values()))
        np.testing.assert_allclose(list(scores.category_iou.values()), list(by_name.values()))
        wanted = [module.getScoreAverage(values, module.args) for values in (iou, by_name)]
        np.testing.assert_allclose(list(printed(scores).values()), wanted)


def test_category_scores_are_printed_only_where_there_are_categories() -> None:
    """Without groups there is no averageScoreCategories."""
    scores = count_all([(np.array([[0, 1]]), np.array([[0, 0]]))], 2).compute(dialect="cityscapes")
    assert list(printed(scores)) == ["averageScoreClasses"]


def test_several_ignored_values_of_which_one_is_a_class() -> None:
    """Only libraries that filter or have a table of labels can say that."""
    target, preds = np.array([[0, 1, 1, 2, 255, 0]]), np.array([[1, 1, 0, 2, 2, 2]])
    line = {
        line.dialect: line for line in count_all([(preds, target)], 3, [0, 255]).compare_dialects()
    }
    assert [name for name in line if line[name].miou is not None] == ["cityscapes", "sklearn"]
    assert line["mmseg"].why == ("it has one ignore_index; here one of several is a class",)
    assert line["cityscapes"].miou == pytest.approx((1 / 2 + 1) / 2)
    assert line["sklearn"].miou == pytest.approx((0 + 1 / 2 + 1) / 3)
    outside = count_all([(preds, np.where(target == 0, 7, target))], 3, [7, 255])
    assert all(line.miou is not None for line in outside.compare_dialects())


def test_a_mean_over_images_needs_their_counts() -> None:
    """MONAI's mean cannot be had from the sum; the error says how to count."""
    cm = segpost.ConfusionMatrix(2)
    cm.update(preds=np.array([[0, 1]]), target=np.array([[0, 0]]))
    with pytest.raises(DialectError, match="per_image=True"):
        cm.compute(dialect="monai")
    assert cm.compare_dialects()["monai"].why[0].endswith("count with per_image=True")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_single_class(dialect: Any) -> None:
    """Where a library makes nonsense of a single class there is no score."""
    cm = count_all([(np.zeros((2, 3), np.int64), np.zeros((2, 3), np.int64))], 1)
    if dialect in ("mmseg", "smp", "monai"):
        with pytest.raises(DialectError, match="single class"):
            cm.compute(dialect=dialect)
    else:
        assert cm.compute(dialect=dialect).miou == 1.0


def test_errors_name_the_library_and_the_labels() -> None:
    """And they survive a process pool."""
    cm = count_all([(np.array([[0, 9]]), np.array([[0, 1]]))], 2)
    with pytest.raises(DialectError, match="VOCevalseg: prediction 9 on target 1") as caught:
        cm.compute(dialect="voc")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.why) == (str(caught.value), caught.value.why)
    assert isinstance(caught.value, ValueError)
    with pytest.raises(ValueError, match="dialect must be"):
        cm.compute(dialect="VOC")  # type: ignore[arg-type]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_scores_of_a_dialect_are_pickled(dialect: Any) -> None:
    """Scores by any library's convention survive pickling, with all that they hold."""
    cm = count_all([(np.array([[0, 1, 1, 0]]), np.array([[0, 1, 0, 0]]))], 2)
    scores = cm.compute(dialect)
    again = pickle.loads(pickle.dumps(scores))
    assert again.to_json() == scores.to_json()
    assert again.convention == DIALECTS[dialect]
