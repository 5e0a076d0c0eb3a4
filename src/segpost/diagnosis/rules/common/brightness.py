"""Class ids that are the brightness, or one channel, of the colors of a palette."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segpost.color.palette import Palette
from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.rule import RuleResult
from segpost.diagnosis.values import Int64, format_values, iter_named_palettes

MAX_GRAY_VALUES = 40  # of a palette; with more, nearly every id is one of them
MAX_KNOWN_ID = 33  # without a number of classes: the largest labelId of Cityscapes


def find_gray_values(context: DiagnosticContext, ids: Int64, name: str) -> RuleResult | None:
    """Return a result where some ids are no class, and all are gray values of one palette."""
    limit = MAX_KNOWN_ID + 1 if context.classes is None else context.classes
    if not (ids >= limit).any() or len(ids) < 2 or ids.min() < 0:
        return None
    for palette_name, palette in _candidate_palettes(context):
        for reading, grays, void in _iter_readings(palette):
            values = np.unique(grays)
            rest = ids[~np.isin(ids, values)]
            if len(values) > MAX_GRAY_VALUES or len(rest) > 1 or (len(rest) and rest[0] != void):
                continue
            lost = len(grays) - len(values)
            return RuleResult(
                "likely",
                f"the values {format_values(ids)} of the {name} are those of the {reading} of the "
                f"palette {palette_name!r}"
                + (f"; {lost} of its classes share theirs" if lost else ""),
                {"values": format_values(ids), "palette": palette_name, "classes_lost": lost},
                cure=f"segpost.labels_from_colors(picture, {palette_name!r})  # read as RGB",
            )
    return None


def _candidate_palettes(context: DiagnosticContext) -> list[tuple[str, Palette]]:
    """Return the caller's palette by its name, or the public palettes."""
    public = list(iter_named_palettes())
    palette = context.inputs.palette
    if palette is None:
        return public
    name = next((name for name, other in public if other == palette), "palette")
    return [(name, palette)]


def _iter_readings(palette: Palette) -> Iterator[tuple[str, Int64, int]]:
    """Yield what image readers return for each color, and for void.

    Brightness is ITU-R BT.601 in fixed point, of 16 bits in Pillow and of 15 in OpenCV.
    """
    rows = np.array([*palette.colors.tolist(), palette.void or (0, 0, 0)], np.int64)
    red, green, blue = rows.T
    pillow = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
    opencv = (red * 9798 + green * 19235 + blue * 3735 + (1 << 14)) >> 15
    for reading, values in (
        ("brightness (Pillow's convert('L'))", pillow),
        ("brightness (OpenCV's imread(path, 0))", opencv),
        ("red channel", red),
        ("green channel", green),
        ("blue channel", blue),
    ):
        yield reading, values[:-1], int(values[-1])
