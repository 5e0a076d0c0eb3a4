"""What reports say of the measures that are counted beside a confusion matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from segpost.metrics.base import Accumulator
from segpost.metrics.boundary import BoundaryF, BoundaryIoU, TrimapIoU
from segpost.metrics.counts import Float64, mean_of
from segpost.metrics.instances import InstanceIoU, InstanceScores
from segpost.render.tables import Table, number, shown

Measure = BoundaryIoU | TrimapIoU | BoundaryF | InstanceIoU


def tables(measures: Sequence[Accumulator], names: Sequence[str]) -> list[Table]:
    """A table a measure, and one of the categories that have instances.

    Parameters
    ----------
    measures : sequence of BoundaryIoU, TrimapIoU, BoundaryF or InstanceIoU
    names : sequence of str
        Of the classes.

    Raises
    ------
    TypeError, ValueError
        If one is another measure, or of another number of classes.
    """
    found: list[Table] = []
    for measure in _checked(measures, names):
        if isinstance(measure, BoundaryIoU):
            found.append(boundary_table(measure, names))
        elif isinstance(measure, TrimapIoU):
            found.append(trimap_table(measure))
        elif isinstance(measure, BoundaryF):
            found.append(boundary_f_table(measure, names))
        else:
            found += instance_tables(measure, names)
    return found


def content(measures: Sequence[Accumulator], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The same and all the rest as plain data, a measure a key; NaN where there is no score."""
    found: dict[str, dict[str, Any]] = {}
    for measure in _checked(measures, names):
        if isinstance(measure, BoundaryIoU):
            found["boundary"] = boundary_content(measure, names)
        elif isinstance(measure, TrimapIoU):
            found["trimap"] = trimap_content(measure)
        elif isinstance(measure, BoundaryF):
            found["boundary_f"] = boundary_f_content(measure, names)
        else:
            found["instances"] = instance_content(measure, names)
    return found


def instance_scores(measures: Sequence[Accumulator], names: Sequence[str]) -> InstanceScores | None:
    """Those of the first measure of instances."""
    found = (one.compute() for one in _checked(measures, names) if isinstance(one, InstanceIoU))
    return next(found, None)


def boundary_table(measure: BoundaryIoU, names: Sequence[str]) -> Table:
    """Boundary IoU of every class, and the smaller of it and the plain one."""
    scores = measure.compute()
    columns = {"boundary IoU": scores.boundary_iou, "min(IoU, boundary IoU)": scores.min_iou}
    return _class_table(f"Boundary IoU, dilation ratio {measure.dilation_ratio:g}", columns, names)


def trimap_table(measure: TrimapIoU) -> Table:
    """A row a width."""
    scores = measure.compute()
    accuracy = scores.pixel_accuracy.tolist()
    rows: list[tuple[str, ...]] = [
        (str(width), number(miou), number(right))
        for width, miou, right in zip(scores.widths, scores.miou.tolist(), accuracy, strict=True)
    ]
    return Table("Trimap IoU", ("width", "mIoU", "pixel accuracy"), rows, words=0)


def boundary_f_table(measure: BoundaryF, names: Sequence[str]) -> Table:
    """Boundary F of every class, and what it is made of."""
    scores = measure.compute()
    columns = {"F": scores.f, "precision": scores.precision, "recall": scores.recall}
    return _class_table(f"Boundary F, tolerance {measure.tolerance:g}", columns, names)


def instance_tables(measure: InstanceIoU, names: Sequence[str]) -> Iterator[Table]:
    """The classes that have instances; and their categories, where there are any."""
    scores = measure.compute()
    things = [c in measure.things for c in range(measure.num_classes)]
    yield _class_table("Instance-weighted IoU", {"iIoU": scores.iiou}, names, things)
    if scores.category_iiou:
        rows: list[tuple[str, ...]] = [
            (shown(name), number(value)) for name, value in scores.category_iiou.items()
        ]
        rows.append(("mean", number(scores.mean_category_iiou)))
        title = "Instance-weighted IoU of categories"
        yield Table(title, ("category", "iIoU"), rows, summed=True)


def boundary_content(measure: BoundaryIoU, names: Sequence[str]) -> dict[str, Any]:
    """Settings, mean and classes."""
    scores = measure.compute()
    columns = {
        "boundary_iou": scores.boundary_iou,
        "iou": scores.iou,
        "min_iou": scores.min_iou,
    }
    return {
        "dilation_ratio": measure.dilation_ratio,
        "mean_boundary_iou": scores.mean_boundary_iou,
        "classes": _classes(columns, names),
    }


def trimap_content(measure: TrimapIoU) -> dict[str, Any]:
    """Every width with all its classes."""
    scores = measure.compute()
    miou, accuracy, iou = (
        part.tolist() for part in (scores.miou, scores.pixel_accuracy, scores.iou)
    )
    return {
        "widths": [
            {"width": width, "miou": miou[k], "pixel_accuracy": accuracy[k], "iou": iou[k]}
            for k, width in enumerate(scores.widths)
        ]
    }


def boundary_f_content(measure: BoundaryF, names: Sequence[str]) -> dict[str, Any]:
    """Settings, mean and classes."""
    scores = measure.compute()
    columns = {"f": scores.f, "precision": scores.precision, "recall": scores.recall}
    return {
        "tolerance": measure.tolerance,
        "mean_f": scores.mean_f,
        "classes": _classes(columns, names),
    }


def instance_content(measure: InstanceIoU, names: Sequence[str]) -> dict[str, Any]:
    """Settings, means, classes and categories."""
    scores = measure.compute()
    classes = _classes({"iiou": scores.iiou, "iou": scores.iou}, names)
    return {
        "first_id": measure.first_id,
        "mean_iiou": scores.mean_iiou,
        "mean_category_iiou": scores.mean_category_iiou,
        "classes": [
            {**row, "mean_size": measure.things.get(label)} for label, row in enumerate(classes)
        ],
        "categories": scores.category_iiou,
    }


def _class_table(
    title: str,
    columns: dict[str, Float64],
    names: Sequence[str],
    listed: Sequence[bool] | None = None,
) -> Table:
    """A row a class, and their mean."""
    rows: list[tuple[str, ...]] = [
        (shown(name), *(number(float(column[label])) for column in columns.values()))
        for label, name in enumerate(names)
        if listed is None or listed[label]
    ]
    rows.append(("mean", *(number(mean_of(column)) for column in columns.values())))
    return Table(title, ("class", *columns), rows, summed=True)


def _classes(columns: dict[str, Float64], names: Sequence[str]) -> list[dict[str, Any]]:
    values = {key: column.tolist() for key, column in columns.items()}
    return [
        {"class": label, "name": name, **{key: column[label] for key, column in values.items()}}
        for label, name in enumerate(names)
    ]


def _checked(measures: Sequence[Accumulator], names: Sequence[str]) -> Iterator[Measure]:
    for measure in measures:
        kind = type(measure).__name__
        if not isinstance(measure, (BoundaryIoU, TrimapIoU, BoundaryF, InstanceIoU)):
            raise TypeError(f"measures: reports know nothing of {kind}")
        if measure.num_classes != len(names):
            raise ValueError(
                f"measures: {kind} is of {measure.num_classes} classes, "
                f"the scores are of {len(names)}"
            )
        yield measure
