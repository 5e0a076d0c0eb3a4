"""Class ids that are the brightness, or one channel, of a palette's colors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segpost.color.palette import Palette
from segpost.diagnosis.context import Case, Int64, listed, named_palettes
from segpost.diagnosis.registry import Claim

MOST = 40  # different values of a palette; with more nearly every value is one of them


def brightness(case: Case, ids: Int64, name: str) -> Claim | None:
    """Ids of which some are no class, and all of them what grey readers make of one palette."""
    beyond = ids[ids >= case.classes] if case.classes is not None else ids[ids > 33]
    if not len(beyond) or len(ids) < 2 or ids.min() < 0:
        return None
    for palette_name, palette in _to_try(case):
        for how, table, void in _readings(palette):
            values = np.unique(table)
            left = ids[~np.isin(ids, values)]
            if len(values) > MOST or len(left) > 1 or (len(left) and left[0] != void):
                continue
            lost = len(table) - len(values)
            return Claim(
                "likely",
                f"the values {listed(ids)} of the {name} are those of the {how} of the palette "
                f"{palette_name!r}" + (f"; {lost} of its classes share theirs" if lost else ""),
                {"values": listed(ids), "palette": palette_name, "classes_lost": lost},
                cure=f"segpost.labels_from_colors(picture, {palette_name!r})  # read as RGB",
            )
    return None


def _to_try(case: Case) -> list[tuple[str, Palette]]:
    """The palette that was given, or else the public ones."""
    known = list(named_palettes())
    if not case.has("palette"):
        return known
    return [next(((n, p) for n, p in known if p == case.palette), ("palette", case.palette))]


def _readings(palette: Palette) -> Iterator[tuple[str, Int64, int]]:
    """What readers make of each color, and of void: ITU-R BT.601 in 16 and in 15 bits, channels."""
    rows = np.array([*palette.colors.tolist(), palette.void or (0, 0, 0)], np.int64)
    red, green, blue = rows.T
    pillow = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
    opencv = (red * 9798 + green * 19235 + blue * 3735 + (1 << 14)) >> 15
    for how, values in (
        ("brightness (Pillow's convert('L'))", pillow),
        ("brightness (OpenCV's imread(path, 0))", opencv),
        ("red channel", red),
        ("green channel", green),
        ("blue channel", blue),
    ):
        yield how, values[:-1], int(values[-1])
