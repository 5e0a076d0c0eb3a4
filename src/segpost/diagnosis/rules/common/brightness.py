"""Ids that are gray values of a palette, or ids that were stretched or multiplied to be seen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segpost.color.palette import Palette
from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.correlation import MIN_CORRELATION
from segpost.diagnosis.rule import RuleResult
from segpost.diagnosis.rules.common.cures import array_code
from segpost.diagnosis.value_tables import (
    LIKELY_BITS,
    ValueTable,
    correlations,
    evidence_bits,
    fits,
    iter_gray_tables,
    iter_stretched_tables,
    matching_bits,
)
from segpost.diagnosis.values import Int64, format_values, iter_named_palettes
from segpost.render.findings import Rank

MAX_TABLE_VALUES = 40  # with more, nearly every id is one of them, which only agreement outweighs
MAX_PALETTES = 3  # that fit without a prediction beside them; values that fit more prove none
MAX_CORRELATION_SHARE = 0.75  # of that through the table, what values as they are may have
HINT_BITS = 4.0  # of evidence for a hint where any id may be a class
MIN_VALUES = 4  # distinct values, where neither a palette nor a prediction was passed


def find_gray_values(context: DiagnosticContext, ids: Int64, name: str) -> RuleResult | None:
    """Return a result where some ids are no class, and all are gray values of one palette."""
    return _find_table(context, ids, name, iter_gray_tables(_candidate_palettes(context)))


def find_stretched_ids(context: DiagnosticContext, ids: Int64, name: str) -> RuleResult | None:
    """Return a result where ids were stretched to 0..255, or multiplied, to be seen."""
    return _find_table(context, ids, name, iter_stretched_tables(ids, context.classes))


def _find_table(
    context: DiagnosticContext, ids: Int64, name: str, tables: Iterator[ValueTable]
) -> RuleResult | None:
    if len(ids) < 2 or ids.min() < 0 or ids.max() > 255:
        return None
    classes = context.classes
    if classes is not None and (ids < classes).all():
        return None
    counts = _counts_of(context, name)
    is_any_size = counts is not None and context.inputs.palette is not None
    fitting = [
        (bits, table)
        for table in tables
        if (is_any_size or len(np.unique(table.values)) <= MAX_TABLE_VALUES)
        and (bits := evidence_bits(table, ids)) is not None
    ]
    if counts is not None:
        agreements = [
            (agreement, bits, table)
            for bits, table in fitting
            if (agreement := fits(table, *counts)) is not None
        ]
        if not agreements:
            return _find_correlated_table(context, ids, name, fitting, counts)
        (before, after), _, table = max(agreements, key=lambda entry: (entry[0][1], entry[1]))
        agreed = f": {before:.1%} of the pixels agree as they are, {after:.1%} if read so"
        return _as_result(context, "likely", table, ids, name, agreed)
    return _find_probable_table(context, ids, name, fitting)


def _find_correlated_table(
    context: DiagnosticContext,
    ids: Int64,
    name: str,
    fitting: list[tuple[float, ValueTable]],
    counts: tuple[Int64, Int64],
) -> RuleResult | None:
    """Return a result where a poor prediction correlates far better with what a table reads.

    A prediction that correlates with nothing does not contradict the values.
    """
    if not fitting:
        return None
    entries = [(*correlations(table, *counts), bits, table) for bits, table in fitting]
    before, after, bits, table = max(entries, key=lambda entry: entry[1:3])
    if max(before, after) < MIN_CORRELATION:
        return _find_probable_table(context, ids, name, fitting)
    if before > MAX_CORRELATION_SHARE * after:
        return None
    bits += matching_bits(table, *counts)
    is_known = context.classes is not None and bits >= LIKELY_BITS
    more = f": the correlation is {before:.2f} as they are, {after:.2f} if read so"
    return _as_result(context, "likely" if is_known else "hint", table, ids, name, more)


def _find_probable_table(
    context: DiagnosticContext, ids: Int64, name: str, fitting: list[tuple[float, ValueTable]]
) -> RuleResult | None:
    """Return a result where the values alone are improbable unless a table was read."""
    if not fitting:
        return None
    classes = context.classes
    bits, table = max(fitting, key=lambda entry: entry[0])
    has_palette = context.inputs.palette is not None or "largest_id" in table.detail
    is_known = classes is not None and bits >= LIKELY_BITS
    fits_few = len({str(other.detail) for _, other in fitting}) <= MAX_PALETTES
    if is_known and fits_few and (has_palette or len(ids) >= MIN_VALUES):
        return _as_result(context, "likely", table, ids, name, "")
    if bits >= 0 if classes is not None else bits >= HINT_BITS and len(ids) >= MIN_VALUES:
        return _as_result(context, "hint", table, ids, name, ", among other things")
    return None


def _counts_of(context: DiagnosticContext, name: str) -> tuple[Int64, Int64] | None:
    """Return values and counts of prediction beside target, the odd one in rows; or None."""
    alignment = context.alignment
    if alignment is None or not alignment.is_usable:
        return None
    matrix = alignment.matrix if name == "target" else alignment.matrix.T
    if (matrix.sum(axis=0) > 0).sum() < 2:  # one class proves nothing
        return None
    return alignment.values, matrix


def _as_result(
    context: DiagnosticContext, rank: Rank, table: ValueTable, ids: Int64, name: str, more: str
) -> RuleResult:
    lost = len(table.values) - len(np.unique(table.values))
    shared = f"; {lost} of its classes share theirs" if lost else ""
    evidence = {"values": format_values(ids), **table.detail}
    code = array_code(context, name)
    if "palette" in table.detail:
        evidence["classes_lost"] = lost
        own = context.inputs.palette is not None
        argument = "palette" if own else repr(table.detail["palette"])
        cure = (
            f"picture = Image.open(path).convert('RGB'); {name} = "
            f"segpost.labels_from_colors(np.asarray(picture), {argument})"
            "  # path: the file; Image: from PIL"
        )
    else:
        cure = f"{name} = {table.cure.format(code)}"
    return RuleResult(
        rank,
        f"the values {evidence['values']} of the {name} are those of the {table.reading}"
        f"{shared}{more}",
        evidence,
        cure=cure,
    )


def _candidate_palettes(context: DiagnosticContext) -> list[tuple[str, Palette]]:
    """Return the caller's palette by its name, or the public palettes."""
    public = list(iter_named_palettes())
    palette = context.inputs.palette
    if palette is None:
        return public
    name = next((name for name, other in public if other == palette), "palette")
    return [(name, palette)]
