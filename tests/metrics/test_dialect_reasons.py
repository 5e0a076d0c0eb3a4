"""Comparisons of dialects: the reasons for a difference are true, and explain it."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any, NamedTuple

import numpy as np
import pytest
from dialect_cases import AWKWARD, NAN, count_all, maps
from hypothesis import given
from hypothesis import strategies as st

import segpost
from segpost.metrics.dialects import DIALECTS, DialectError

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
                if known and "kept" in kinds and row.counts_ignored_as_misses:
                    cell = (t, -1)
            elif not known or not 0 <= p < classes:
                assert row.remap is not None
                remapped = row.remap(t, p, classes)
                kind = (
                    "preds"
                    if known
                    else "wrong"
                    if remapped and remapped[0] > classes
                    else "classes"
                )
                own = (t, -1) if known and maps.invalid_preds == "miss" else None
                cell = remapped if kind in kinds else own
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
    return sum(means) / len(means) if means else row.empty_mean if "nothing" in kinds else NAN


def is_true(
    kind: str, match: re.Match[str], maps: Maps, parts: list[list[tuple[int, int]]]
) -> bool:
    """Whether the classes, or the number, of a reason are in what is counted."""
    pixels = [(t, p) for image in maps.images for t, p in image if t not in maps.ignored]
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
    wrong = [p for t, p in pixels if t not in known]
    return {
        "preds": count == sum(t in known and p not in known for t, p in pixels),
        "wrong": count == sum(p in known for p in wrong),
        "classes": 1 <= count <= len(wrong),
        "void": count == sum(map(len, maps.images)) - len(pixels),
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
    comparison = count_all(maps(case), case.classes, case.ignored).compare_dialects()
    assert comparison[dialect].why == ((why,) if why else ())
    assert why in comparison.to_markdown()


LABELS = st.sampled_from([0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 7, 17, 255, 300, -1, -2])
IMAGES = st.lists(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=12), max_size=3)
IGNORED = st.sampled_from([(), (255,), (-1,), (0,), (2,), (4, 255), (1, 255)])


@pytest.mark.filterwarnings("ignore:nothing was counted")
@given(IMAGES, st.integers(2, 5), IGNORED, st.sampled_from(["miss", "drop"]))
def test_reasons_are_true_and_explain_the_number(
    images: list[list[tuple[int, int]]], classes: int, ignored: tuple[int, ...], invalid: Any
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
                cm.compute(dialect=line.dialect)  # type: ignore[arg-type]
            continue
        same = line.miou == own or (math.isnan(line.miou) and math.isnan(own))
        assert same == (not line.why)
        kinds = kinds_of(line.why)
        made = explained(maps, line.dialect, kinds)
        assert made == pytest.approx(line.miou, abs=1e-12, nan_ok=True), line
        parts = cells(maps, line.dialect, kinds)
        assert all(is_true(kind, match, maps, parts) for kind, match in kinds.items()), line
