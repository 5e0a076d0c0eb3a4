"""Names of scores: `miou`, `dice`, `iou.road`, and their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from segpost._core.text import suggest_name
from segpost.metrics.values import PER_CLASS, ClassScore, ScoreValues

OF_GROUPS = "category_iou"


def score_named(
    scores: ScoreValues, name: str, measured: Mapping[str, float] | None = None
) -> float:
    """Return a score by its name.

    Parameters
    ----------
    scores : ScoreValues
    name : str
        A key of `ScoreValues.summary`, such as "miou"; a score of classes, such as "dice", for its
        mean; that score and a class, "iou.road" or "iou.0"; or "category_iou" and a group. A class
        whose name is a number is found by its name first.
    measured : mapping of str to float, optional
        Scores of measures beside the confusion matrix, as of `Measure.named_scores`.

    Raises
    ------
    ValueError
        If there is no such score.
    """
    summary = scores.summary()
    measured = {} if measured is None else measured
    if name in summary:
        return summary[name]
    if name in measured:
        return measured[name]
    if name in PER_CLASS:
        return scores.mean(cast(ClassScore, name))
    kind, _, member = name.partition(".")
    if kind in PER_CLASS and member:
        label = _class_number(scores, name, kind, member)
        return float(getattr(scores, kind)[label])
    groups = {} if scores.snapshot.groups is None else scores.category_iou
    if kind == OF_GROUPS and member in groups:
        return groups[member]
    choices = [*summary, *PER_CLASS, *measured, *(f"{OF_GROUPS}.{group}" for group in groups)]
    if kind in PER_CLASS:
        choices = [f"{kind}.{label}" for label in scores.class_names]
    question = suggest_name(name, choices)
    listed = ", ".join([*summary, *PER_CLASS, *(key for key in measured if "." not in key)])
    raise ValueError(
        f"there is no score {name!r}{question or f'; there are {listed}'}; "
        f"of a class it is {PER_CLASS[0]}.{scores.class_names[0]}"
    )


def _class_number(scores: ScoreValues, name: str, kind: str, member: str) -> int:
    """Return the number of a class by its name, or by its number."""
    names = scores.class_names
    if member in names:
        return names.index(member)
    if member.isdecimal() and int(member) < scores.num_classes:
        return int(member)
    question = suggest_name(name, [f"{kind}.{label}" for label in names])
    raise ValueError(
        f"there is no score {name!r}: none of the {len(names)} classes is {member!r}{question}"
    )
