"""Distances of the same images by every library's convention, and why they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from segpost._core.equality import compare_by_value
from segpost.metrics.dialect_lines import DialectLines
from segpost.metrics.distance_dialects import DISTANCE_DIALECTS, DistanceDialect
from segpost.metrics.distance_scores import SurfaceScores
from segpost.metrics.ratios import Float64, mean_of
from segpost.render import tables
from segpost.render.notebook import format_compact_table, format_result
from segpost.render.tables import Table, format_score

TITLE = "Surface distances by the conventions of other libraries"
SAME = 1e-12  # relative: scores that differ by less are the same


@compare_by_value
@dataclass(frozen=True)
class DistanceLine:
    """The scores of one library."""

    dialect: str
    library: str
    scores: SurfaceScores = field(hash=False)
    why: tuple[str, ...]  # they differ from segpost's


@compare_by_value
@dataclass(frozen=True)
class DistanceComparison(DialectLines[DistanceLine]):
    """The scores of the same images in every dialect; iterates over its lines, prints as a table.

    The first line is segpost's.
    """

    lines: tuple[DistanceLine, ...]

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        return format_result(TITLE, format_compact_table(self.table()))

    def to_markdown(self) -> str:
        """Return the table in Markdown."""
        return tables.format_markdown([self.table()])

    def table(self) -> Table:
        """Return a table with a row for each library: means over the classes."""
        names = list(_columns(self.lines[0].scores))
        rows: list[tuple[str, ...]] = [
            (
                line.dialect,
                *(format_score(mean_of(values)) for values in _columns(line.scores).values()),
                "; ".join(line.why),
            )
            for line in self
        ]
        return Table("", ("dialect", *names, "why"), rows, wrapped=True)


def compare_scores(scores: Mapping[str, SurfaceScores]) -> DistanceComparison:
    """Say why the scores of each dialect differ from segpost's.

    Parameters
    ----------
    scores : mapping of str to SurfaceScores
        By dialect, of the same images.
    """
    own = scores["segpost"]
    return DistanceComparison(
        tuple(
            DistanceLine(
                name,
                dialect.library,
                scores[name],
                tuple(_reasons(own, scores[name], dialect)),
            )
            for name, dialect in DISTANCE_DIALECTS.items()
        )
    )


def _columns(scores: SurfaceScores) -> dict[str, Float64]:
    columns = {"HD": scores.hd}
    columns |= {f"HD{p:g}": values for p, values in scores.percentiles.items()}
    return columns | {"ASSD": scores.assd, "MASD": scores.masd, "NSD": scores.nsd}


def _reasons(own: SurfaceScores, other: SurfaceScores, dialect: DistanceDialect) -> Iterator[str]:
    """Yield what the two conventions treat differently on these images, each once."""
    if own.one_sided.any() and dialect.one_sided_reason:
        yield dialect.one_sided_reason
    if (own.images == 0).any() and dialect.absent_reason:
        yield dialect.absent_reason
    is_measured = (own.images > 0) & (own.one_sided == 0)
    reasons: dict[str, None] = {}  # in order
    for (name, values), (_, others) in zip(_by_name(own), _by_name(other), strict=True):
        is_other = ~np.isclose(values, others, rtol=SAME, atol=0.0, equal_nan=True)
        if (is_other & is_measured).any():
            reasons |= dict.fromkeys(dialect.reasons.get(name, ()))
    yield from reasons


def _by_name(scores: SurfaceScores) -> Iterator[tuple[str, Float64]]:
    yield "hd", scores.hd
    for values in scores.percentiles.values():
        yield "percentiles", values
    yield from (("assd", scores.assd), ("masd", scores.masd), ("nsd", scores.nsd))
