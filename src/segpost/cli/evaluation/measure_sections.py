"""Sections of the report of `segpost evaluate` about the measures beside the confusion matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from segpost import Calibration, PanopticQuality, SurfaceDistance
from segpost.cli.evaluation.plots import draw_for_page
from segpost.evaluation.outcome import Outcome
from segpost.files.nifti import is_nifti
from segpost.metrics.instances import InstanceIoU
from segpost.metrics.report import measures as report_measures
from segpost.render.html.figures import Color
from segpost.render.html.frame import Section, format_note
from segpost.render.html.tables import format_table
from segpost.render.tables import Table, format_score


def measure_sections(
    outcome: Outcome, names: Sequence[str], colors: Mapping[str, Color]
) -> Iterator[Section]:
    """Yield a section for each kind of measure; those without a measure have no body.

    Parameters
    ----------
    outcome : Outcome
        What was counted.
    names : sequence of str
        Class names.
    colors : mapping of str to (red, green, blue)
        Of the classes, by name.
    """
    panoptic = [one for one in outcome.measures if isinstance(one, PanopticQuality)]
    yield Section(
        "Panoptic quality", _format_tables(report_measures.tables(panoptic, names), colors)
    )
    with_sections = (SurfaceDistance, Calibration, InstanceIoU, PanopticQuality)
    boundaries = [one for one in outcome.measures if not isinstance(one, with_sections)]
    tables = report_measures.tables(boundaries, names)
    yield Section("Boundaries", _format_tables(tables, colors))
    distances = [one for one in outcome.measures if isinstance(one, SurfaceDistance)]
    unit = _unit_of(outcome)
    body = "".join(_distance_table(one, names, colors, unit) for one in distances)
    yield Section("Distances of surfaces", body)
    instances = [one for one in outcome.measures if isinstance(one, InstanceIoU)]
    yield Section("Instances", _format_tables(report_measures.tables(instances, names), colors))
    calibrations = [one for one in outcome.measures if isinstance(one, Calibration)]
    yield Section("Calibration", "".join(_calibration(one, names, colors) for one in calibrations))


def _format_tables(tables: Sequence[Table], colors: Mapping[str, Color]) -> str:
    """Return tables side by side, nothing where there are none."""
    content = "".join(format_table(table, colors) for table in tables)
    return f'<div class="side">{content}</div>' if content else ""


def _distance_table(
    measure: SurfaceDistance, names: Sequence[str], colors: Mapping[str, Color], unit: str
) -> str:
    """Return the distances of every class, and in how many images they were measured."""
    [table] = measure.tables(names)
    counts = measure.content(names)["classes"]
    *rows, mean = table.rows
    rows = [
        (*cells, f"{count['images']:,}", f"{count['one_sided']:,}")
        for cells, count in zip(rows, counts, strict=True)
    ]
    table = table._replace(
        head=(*table.head, "images", "in one map"), rows=[*rows, (*mean, "", "")]
    )
    tolerance = (
        ""
        if measure.tolerance is None
        else f" NSD is the surface Dice at a tolerance of {measure.tolerance:g}; larger is better."
    )
    note = format_note(
        f"Distances are in {unit}, means over the images that have the class; smaller is better."
        f"{tolerance} In one map: images in which only target or prediction has the class."
    )
    return format_table(table, colors) + note


def _unit_of(outcome: Outcome) -> str:
    """Return the unit of distances: the headers of NIfTI files have the steps."""
    targets = [pair.target for pair in outcome.pairing.pairs]
    return "millimeters" if targets and all(map(is_nifti, targets)) else "pixels"


def _calibration(measure: Calibration, names: Sequence[str], colors: Mapping[str, Color]) -> str:
    """Return the reliability diagram, the scores, the bins and the classes."""
    scores = measure.compute()
    description = (
        f"reliability diagram: accuracy of {measure.bins} bins of confidence, "
        f"ECE {format_score(scores.ece)}, MCE {format_score(scores.mce)}"
    )
    figure = draw_for_page(lambda dark: scores.plot(dark=dark), description, "narrow")
    summary, *rest = (format_table(table, colors) for table in measure.tables(names))
    return f'<div class="side">{figure}{summary}</div><div class="rows">{"".join(rest)}</div>'
