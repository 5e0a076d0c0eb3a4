"""Tables and data of the measures that are reported beside a confusion matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from segpost.metrics.base import Accumulator
from segpost.metrics.measure import InstanceScores, Measure
from segpost.render.tables import Table


def tables(measures: Sequence[Accumulator], names: Sequence[str]) -> list[Table]:
    """Return the tables of every measure.

    Parameters
    ----------
    measures : sequence of BoundaryIoU, TrimapIoU, BoundaryF, InstanceIoU or Calibration
    names : sequence of str
        Class names.

    Raises
    ------
    TypeError, ValueError
        If one is another measure, or of another number of classes.
    """
    return [table for measure in _checked(measures, names) for table in measure.tables(names)]


def content(measures: Sequence[Accumulator], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return everything that the measures hold as plain data; NaN where there is no score."""
    return {measure.report_key: measure.content(names) for measure in _checked(measures, names)}


def instance_scores(measures: Sequence[Accumulator], names: Sequence[str]) -> InstanceScores | None:
    """Return the scores of the first measure of instances; None where there is none."""
    scores = (measure.instance_scores() for measure in _checked(measures, names))
    return next((one for one in scores if one is not None), None)


def measured_scores(measures: Sequence[Accumulator], names: Sequence[str]) -> dict[str, float]:
    """Return the scores of all measures that a gate may name."""
    values: dict[str, float] = {}
    for measure in measures:
        if isinstance(measure, Measure):
            values |= measure.named_scores(names)
    return values


def _checked(measures: Sequence[Accumulator], names: Sequence[str]) -> Iterator[Measure]:
    for measure in measures:
        kind = type(measure).__name__
        if not isinstance(measure, Measure):
            raise TypeError(f"measures: reports know nothing of {kind}")
        if measure.num_classes != len(names):
            raise ValueError(
                f"measures: {kind} is of {measure.num_classes} classes, "
                f"the scores are of {len(names)}"
            )
        yield measure
