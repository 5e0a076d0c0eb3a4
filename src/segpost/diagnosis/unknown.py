"""What cannot be told from what was given, and what would tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from segpost.diagnosis.context import Case
from segpost.diagnosis.rules.argmaxes import EXACT
from segpost.diagnosis.rules.logits import confidence
from segpost.render.findings import Finding


class Unknown(NamedTuple):
    """A question that the data leave open."""

    question: str
    would_tell: str


def unknowns(case: Case, findings: tuple[Finding, ...]) -> Iterator[Unknown]:
    """The questions of a case, what is odd about it first."""
    known = {finding.code for finding in findings}
    yield from _one_class(case, known)
    yield from _disagreement(case, findings)
    if not case.has("target") and case.has("predicted"):
        yield Unknown(
            "whether the prediction lies where the picture has it, and whether its classes mean "
            "the same",
            "target=",
        )
    if case.has("logits") and not case.has("again"):
        yield Unknown(
            "whether dropout or batch norm are in training mode",
            "again=, the logits of a second run of the same input",
        )
    if case.has("logits") and (
        not case.has("input") or not case.has("image") or not case.has("mean")
    ):
        yield Unknown(
            "whether the network was fed what it was trained on: normalization, RGB or BGR",
            "input=, image=, mean= and std=",
        )
    if case.has("labels") and not case.has("logits"):
        yield Unknown("whether the labels are those of the logits", "logits=")


def _one_class(case: Case, known: set[str]) -> Iterator[Unknown]:
    """A prediction of one class may be right."""
    if not case.has("predicted") or known & {"one-class", "one-channel", "nan-logits", *EXACT}:
        return
    ids = case.predicted_ids
    if len(ids.values) != 1:
        return
    only = case.name(int(ids.values[0]))
    sure = ""
    if case.has("logits") and case.finite and case.pixels.shape[1] > 1:
        sure = f", {confidence(case.pixels).mean():.3f} sure on average"
    if not case.has("target"):
        yield Unknown(
            f"whether it is wrong that all {ids.pixels} pixels are class {only}{sure}: a picture "
            "of nothing else looks the same",
            "its target, or the prediction of a picture that is known to show another class",
        )
    elif case.known_ids.values.tolist() == ids.values.tolist():
        yield Unknown(
            f"whether the network knows another class: prediction and target are class {only} "
            "only, and one that always says so would be right here, too",
            "a target of more than one class",
        )


def _disagreement(case: Case, findings: tuple[Finding, ...]) -> Iterator[Unknown]:
    """A prediction that is wrong in no known way."""
    if case.aligned is None or not case.aligned.telling or findings:
        return
    wrong = case.aligned.before.wrong
    if wrong < 0.3:
        return
    yield Unknown(
        f"why {wrong:.1%} of the pixels disagree with the target: no offset, letterbox, grid, flip "
        "or other order of the classes explains it, so it may be the training",
        "the same on pictures of the training set, and input= with image=, mean= and std=",
    )
