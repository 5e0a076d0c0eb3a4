"""Dialects: each says what its library says, and the reasons for a difference explain it."""

from __future__ import annotations

import functools
import itertools
import math
import pickle
import re
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest
import reference_libraries as peers
from hypothesis import given
from hypothesis import strategies as st
from reference_libraries import Images

import segpost
from segpost.metrics.dialects import DIALECTS, DialectError

PEERS = ("mmseg", "cityscapes", "smp")
ERROR = None
NAN = math.nan


class Case(NamedTuple):
    """Small maps that libraries disagree about."""

    classes: int
    ignored: int | None
    images: list[tuple[list[int], list[int]]]  # predictions, target
    says: dict[str, float | None]  # mIoU; segpost's own as "segpost"


def says(
    own: float, other: float | None = NAN, names: str = "", **more: float | None
) -> dict[str, float | None]:
    """The same for all, but for those named."""
    return {
        **dict.fromkeys(["segpost", *DIALECTS], own),
        **dict.fromkeys(names.split(), other),
        **more,
    }


# The cases of the issue threads, each with what the libraries print for it.
AWKWARD = {
    "a class in neither map": Case(
        4,
        None,
        [([0, 0, 1, 2, 2, 2], [0, 0, 1, 1, 2, 2])],
        says(0.7222, NAN, "voc torchvision", smp=0.7917, paddleseg=0.7917, sklearn=0.5417),
    ),
    "a class that is only predicted": Case(
        4,
        None,
        [([0, 0, 1, 1, 2, 3], [0, 0, 1, 1, 2, 2])],
        says(0.625, 0.8333, "detectron2 monai"),
    ),
    "a prediction of 255": Case(
        3,
        None,
        [([0, 0, 1, 1, 2, 255], [0, 0, 1, 1, 2, 2])],
        says(0.8333, ERROR, "voc torchmetrics detectron2 torchvision monai", keras=1.0),
    ),
    "a prediction of the number of classes": Case(
        3,
        None,
        [([3, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2])],
        says(
            0.8333,
            ERROR,
            "voc monai",
            torchmetrics=0.7222,
            torchvision=0.7222,
            detectron2=1.0,
            keras=1.0,
        ),
    ),
    "such a prediction on the last class": Case(
        3,
        None,
        [([0, 0, 1, 1, 2, 3], [0, 0, 1, 1, 2, 2])],
        says(0.8333, ERROR, "voc torchmetrics torchvision monai", detectron2=1.0, keras=1.0),
    ),
    "a target of 7": Case(
        3,
        None,
        [([0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 7])],
        says(
            0.8333,
            1.0,
            "segpost cityscapes voc detectron2 torchvision keras",
            torchmetrics=ERROR,
            monai=ERROR,
        ),
    ),
    "void as -1": Case(3, -1, [([0, 0, 1, 2, 2, 2, 1], [0, 0, 1, 1, 2, 2, -1])], says(0.7222)),
    "a class as void": Case(
        3,
        0,
        [([0, 1, 1, 1, 2, 0], [0, 0, 1, 1, 2, 2])],
        says(
            0.75,
            0.5,
            "mmseg hf keras paddleseg sklearn",
            voc=ERROR,
            torchvision=ERROR,
            smp=ERROR,
            monai=0.5833,
        ),
    ),
    "a prediction of no class on void": Case(
        3,
        255,
        [([0, 0, 1, 2, 2, 2, 255], [0, 0, 1, 1, 2, 2, 255])],
        says(0.7222, ERROR, "voc detectron2 monai"),
    ),
    "nothing but void": Case(
        3,
        255,
        [([0, 1, 2], [255, 255, 255])],
        says(NAN, ERROR, "sklearn", smp=1.0, paddleseg=1.0, keras=0.0, monai=0.0),
    ),
    "two images": Case(
        2,
        None,
        [
            ([0, 0, 1, 1, 1], [0, 1, 1, 1, 1]),
            ([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]),
        ],
        says(0.7662, monai=0.7268),
    ),
}


def counted(images: Images, classes: int, ignored: Any = None) -> segpost.ConfusionMatrix:
    """Counts of everything, whatever the labels."""
    cm = segpost.ConfusionMatrix(
        classes, ignore_index=ignored, per_image=True, invalid_target="drop"
    )
    for preds, target in images:
        cm.update(preds=preds, target=target)
    return cm


def maps(case: Case) -> Images:
    """Two rows, since cityscapesScripts and torchmetrics take pictures."""
    return [(np.array([p, p]), np.array([t, t])) for p, t in case.images]


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


def differs(dialect: str, peer: peers.Peer, images: Images, classes: int, void: int | None) -> str:
    """What a dialect has otherwise than its library; empty where all is the same."""
    wanted, stopped, scores, refused = {}, "", None, ""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            wanted = peer(images, classes, void)
    except Exception as error:
        stopped = str(error) or repr(error)
    try:
        scores = counted(images, classes, void).compute(dialect=dialect)
    except DialectError as error:
        refused = str(error)
    if scores is None or stopped:
        return "" if stopped and refused else f"library: {stopped or wanted}, segpost: {refused}"
    ours: dict[str, Any] = DIALECTS[dialect].printed(scores)
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
    cm = counted(maps(case), case.classes, case.ignored)
    for dialect, wanted in case.says.items():
        try:
            got = cm.compute(dialect=None if dialect == "segpost" else dialect).miou
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
        printed = DIALECTS["cityscapes"].printed(scores)
        np.testing.assert_allclose(list(printed.values()), wanted)


def test_category_scores_are_printed_only_where_there_are_categories() -> None:
    """Without groups there is no averageScoreCategories."""
    scores = counted([(np.array([[0, 1]]), np.array([[0, 0]]))], 2).compute(dialect="cityscapes")
    assert list(DIALECTS["cityscapes"].printed(scores)) == ["averageScoreClasses"]


def test_several_ignored_values_of_which_one_is_a_class() -> None:
    """Only libraries that filter or have a table of labels can say that."""
    target, preds = np.array([[0, 1, 1, 2, 255, 0]]), np.array([[1, 1, 0, 2, 2, 2]])
    line = {
        line.dialect: line for line in counted([(preds, target)], 3, [0, 255]).compare_dialects()
    }
    assert [name for name in line if line[name].miou is not None] == ["cityscapes", "sklearn"]
    assert line["mmseg"].why == ("it has one ignore_index; here one of several is a class",)
    assert line["cityscapes"].miou == pytest.approx((1 / 2 + 1) / 2)
    assert line["sklearn"].miou == pytest.approx((0 + 1 / 2 + 1) / 3)
    outside = counted([(preds, np.where(target == 0, 7, target))], 3, [7, 255])
    assert all(line.miou is not None for line in outside.compare_dialects())


def test_a_mean_over_images_needs_their_counts() -> None:
    """MONAI's mean cannot be had from the sum; the error says how to count."""
    cm = segpost.ConfusionMatrix(2)
    cm.update(preds=np.array([[0, 1]]), target=np.array([[0, 0]]))
    with pytest.raises(DialectError, match="per_image=True"):
        cm.compute(dialect="monai")
    assert cm.compare_dialects()["monai"].why[0].endswith("count with per_image=True")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_single_class(dialect: str) -> None:
    """Where a library makes nonsense of a single class there is no score."""
    cm = counted([(np.zeros((2, 3), np.int64), np.zeros((2, 3), np.int64))], 1)
    if dialect in ("mmseg", "smp", "monai"):
        with pytest.raises(DialectError, match="single class"):
            cm.compute(dialect=dialect)
    else:
        assert cm.compute(dialect=dialect).miou == 1.0


def test_errors_name_the_library_and_the_labels() -> None:
    """And they survive a process pool."""
    cm = counted([(np.array([[0, 9]]), np.array([[0, 1]]))], 2)
    with pytest.raises(DialectError, match="VOCevalseg: prediction 9 on target 1") as caught:
        cm.compute(dialect="voc")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.why) == (str(caught.value), caught.value.why)
    assert isinstance(caught.value, ValueError)
    with pytest.raises(ValueError, match="dialect must be"):
        cm.compute(dialect="VOC")


WHY = {
    "absent": r"a class in neither map (counts as [\d.]+|makes the mean NaN): (?P<names>.+)",
    "only": r"a class that is only predicted is left out of the mean(?P<image> of that image)?: "
    r"(?P<names>.+)",
    "kept": r"an ignored class stays in the mean: (?P<names>.+)",
    "preds": r"a prediction of no class is .+: (?P<count>\d+) pixels?",
    "wrong": r"a prediction on a target that is no class is a false positive: (?P<count>\d+) "
    r"pixels?",
    "classes": r"a target that is no class is counted as a class: (?P<count>\d+) pixels?",
    "void": r"a prediction on a void target is a false positive: (?P<count>\d+) pixels?",
    "images": r"it is a mean over (?P<count>\d+) images, not over the data set",
    "nothing": "a mean of nothing is 0",
}


def kinds_of(why: tuple[str, ...]) -> dict[str, re.Match[str]]:
    """The reasons by kind; every one is of a kind."""
    found = {}
    for reason in why:
        matches = {kind: re.fullmatch(text, reason) for kind, text in WHY.items()}
        ((kind, match),) = [(kind, match) for kind, match in matches.items() if match]
        assert kind not in found
        found[kind] = match
    return found


class Maps(NamedTuple):
    """Labels as pairs of target and prediction, image by image, and how they are counted."""

    images: list[list[tuple[int, int]]]
    classes: int
    ignored: tuple[int, ...]
    invalid_preds: str


def cells(maps: Maps, dialect: str, kinds: Any) -> list[list[tuple[int, int]]]:
    """What segpost counts, -1 for no class, but as the library does for reasons of these kinds."""
    row, classes = DIALECTS[dialect], maps.classes
    result = []
    for image in maps.images:
        found: list[tuple[int, int]] = []
        result.append(found)
        for t, p in image:
            known = 0 <= t < classes
            cell: tuple[int, int] | None = (t, p)
            if t in maps.ignored:
                cell = (-1, p) if "void" in kinds else None
                if known and "kept" in kinds and row.ignored_misses:
                    cell = (t, -1)
            elif not known or not 0 <= p < classes:
                place = row.place(t, p, classes)
                kind = "preds" if known else "wrong" if place and place[0] > classes else "classes"
                own = (t, -1) if known and maps.invalid_preds == "miss" else None
                cell = place if kind in kinds else own
            if cell is not None:
                t, p = (label if 0 <= label < classes else -1 for label in cell)
                found.append((t, p))
    return result


def explained(maps: Maps, dialect: str, kinds: Any) -> float:
    """segpost's mean, but with the library's conventions where there are reasons of these kinds."""
    row, parts = DIALECTS[dialect], cells(maps, dialect, kinds)
    means = []
    for part in parts if "images" in kinds else [list(itertools.chain(*parts))]:
        values = []
        for c in range(maps.classes):
            hits, either = part.count((c, c)), sum(c in pair for pair in part)
            if c in maps.ignored and "kept" not in kinds:
                continue
            if not either:
                if ("absent" in kinds or c in maps.ignored) and row.policy.absent != "exclude":
                    values.append(float(row.policy.absent))
            elif "only" not in kinds or any(t == c for t, _ in part):
                values.append(hits / either)
        if values:
            means.append(sum(values) / len(values))
    return sum(means) / len(means) if means else row.empty if "nothing" in kinds else NAN


def is_true(
    kind: str, match: re.Match[str], maps: Maps, parts: list[list[tuple[int, int]]]
) -> bool:
    """Whether the classes, or the number, of a reason are in what is counted."""
    counted = [(t, p) for image in maps.images for t, p in image if t not in maps.ignored]
    known, said = range(maps.classes), match.groupdict()
    every = list(itertools.chain(*parts))
    if "names" in said:
        images = parts if said.get("image") else [every]
        listed = list(map(int, re.sub(r" and \d+ more$", "", said["names"]).split(", ")))
        only = [{p for _, p in image if p >= 0} - {t for t, _ in image} for image in images]
        return {
            "absent": not any(c in pair for pair in every for c in listed),
            "only": set(listed) <= set().union(*only),
            "kept": set(listed) <= set(maps.ignored),
        }[kind]
    count = int(said.get("count") or 0)
    wrong = [p for t, p in counted if t not in known]
    return {
        "preds": count == sum(t in known and p not in known for t, p in counted),
        "wrong": count == sum(p in known for p in wrong),
        "classes": 1 <= count <= len(wrong),
        "void": count == sum(map(len, maps.images)) - len(counted),
        "images": 2 <= count <= len(maps.images),
        "nothing": not any(t >= 0 and t not in maps.ignored for t, _ in every),
    }[kind]


@pytest.mark.parametrize(
    ("name", "dialect", "why"),
    [
        ("a class in neither map", "voc", "a class in neither map makes the mean NaN: 3"),
        ("a class in neither map", "sklearn", "a class in neither map counts as 0: 3"),
        (
            "a class that is only predicted",
            "monai",
            "a class that is only predicted is left out of the mean: 3",
        ),
        ("a prediction of 255", "keras", "a prediction of no class is left out: 2 pixels"),
        ("a prediction of 255", "voc", "prediction 255 on target 2 is an error"),
        (
            "a prediction of the number of classes",
            "torchvision",
            "a prediction of no class is counted as another pair of classes, or an error: 2 pixels",
        ),
        (
            "a target of 7",
            "mmseg",
            "a prediction on a target that is no class is a false positive: 2 pixels",
        ),
        ("a class as void", "hf", "an ignored class stays in the mean: 0"),
        ("a class as void", "smp", "it cannot ignore a class"),
        (
            "a class as void",
            "monai",
            "a prediction on a void target is a false positive: 4 pixels",
        ),
        (
            "a prediction of no class on void",
            "voc",
            "a prediction that is no class is an error on a void target, too",
        ),
        ("nothing but void", "keras", "a mean of nothing is 0"),
        ("nothing but void", "sklearn", "a score of no pixel is an error"),
        ("two images", "monai", "it is a mean over 2 images, not over the data set"),
        ("two images", "mmseg", ""),
    ],
)
def test_reasons_are_short_sentences(name: str, dialect: str, why: str) -> None:
    """The whole of what a line says for cases with one reason, or none."""
    case = AWKWARD[name]
    comparison = counted(maps(case), case.classes, case.ignored).compare_dialects()
    assert comparison[dialect].why == ((why,) if why else ())
    assert why in comparison.to_markdown()


LABELS = st.sampled_from([0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 7, 17, 255, 300, -1, -2])
IMAGES = st.lists(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=12), max_size=3)
IGNORED = st.sampled_from([(), (255,), (-1,), (0,), (2,), (4, 255), (1, 255)])


@given(IMAGES, st.integers(2, 5), IGNORED, st.sampled_from(["miss", "drop"]))
def test_reasons_are_true_and_explain_the_number(
    images: list[list[tuple[int, int]]], classes: int, ignored: tuple[int, ...], invalid: str
) -> None:
    """A number that differs has reasons; each is a fact; together they make the number."""
    maps = Maps(images, classes, ignored, invalid)
    cm = segpost.ConfusionMatrix(
        classes,
        ignore_index=ignored,
        per_image=True,
        invalid_target="drop",
        invalid_preds=invalid,
    )
    for image in images:
        target, preds = np.array(image).T[:, None]
        cm.update(preds=preds, target=target)
    own = cm.compute().miou
    comparison = cm.compare_dialects()
    assert [line.dialect for line in comparison] == list(DIALECTS)
    for line in comparison:
        if line.miou is None:
            assert len(line.why) == 1
            with pytest.raises(DialectError, match=re.escape(line.why[0])):
                cm.compute(dialect=line.dialect)
            continue
        same = line.miou == own or (math.isnan(line.miou) and math.isnan(own))
        assert same == (not line.why)
        kinds = kinds_of(line.why)
        made = explained(maps, line.dialect, kinds)
        assert made == pytest.approx(line.miou, abs=1e-12, nan_ok=True), line
        parts = cells(maps, line.dialect, kinds)
        assert all(is_true(kind, match, maps, parts) for kind, match in kinds.items()), line
