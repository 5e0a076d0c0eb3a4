"""Base of the measures that are reported beside a confusion matrix, and their tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

from segpost._core.equality import compare_by_value
from segpost.metrics.base import Accumulator
from segpost.metrics.ratios import Float64, mean_of
from segpost.render.tables import Table, format_score
from segpost.render.text import as_printable


@compare_by_value
class InstanceScores(NamedTuple):
    """Instance-weighted IoU beside the plain one."""

    iiou: Float64  # (C,), NaN where a class has no instances, or is in neither map
    iou: Float64  # (C,)
    category_iiou: dict[str, float]  # of the groups all of whose classes have instances

    @property
    def mean_iiou(self) -> float:
        """Mean over the classes that have one."""
        return mean_of(self.iiou)

    @property
    def mean_category_iiou(self) -> float:
        """Mean over the groups that have one."""
        return mean_of(list(self.category_iiou.values()))


class Measure(Accumulator):
    """Counts over a data set that give tables and data for the report of a confusion matrix."""

    report_key: ClassVar[str]  # of its data in the JSON of a report
    num_classes: int

    def tables(self, names: Sequence[str]) -> list[Table]:
        """Return the tables of the report.

        Parameters
        ----------
        names : sequence of str
            Class names.
        """
        raise NotImplementedError

    def content(self, names: Sequence[str]) -> dict[str, Any]:
        """Return settings, means and classes as plain data; NaN where there is no score."""
        raise NotImplementedError

    def instance_scores(self) -> InstanceScores | None:
        """Return scores of instances, where the measure has them."""
        return None


def class_table(
    title: str,
    columns: dict[str, Float64],
    names: Sequence[str],
    listed: Iterable[int] | None = None,
) -> Table:
    """Make a table with a row for each class, and their mean.

    Parameters
    ----------
    listed : iterable of int, optional
        The classes that have a row; all by default.
    """
    rows: list[tuple[str, ...]] = [
        (
            as_printable(names[label]),
            *(format_score(float(column[label])) for column in columns.values()),
        )
        for label in (range(len(names)) if listed is None else listed)
    ]
    rows.append(("mean", *(format_score(mean_of(column)) for column in columns.values())))
    return Table(title, ("class", *columns), rows, summed=True)


def class_rows(columns: dict[str, Float64], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the values of each class as plain data."""
    values = {key: column.tolist() for key, column in columns.items()}
    return [
        {"class": label, "name": name, **{key: column[label] for key, column in values.items()}}
        for label, name in enumerate(names)
    ]
