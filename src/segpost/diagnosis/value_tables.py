"""Tables of the values that ids become when a picture of them is read in another way.

A table is a hypothesis: many fit few values. It is believed where prediction and target agree
through it, or where more values fit than chance would make fit one of the tables that were tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from segpost.color.palette import Palette
from segpost.diagnosis.class_maps import MAX_RESIDUAL, MIN_MINOR_SHARE
from segpost.diagnosis.correlation import correlate_counts, match_classes
from segpost.diagnosis.values import Int64

MAX_STRETCHED_ID = 40  # the largest id of a picture whose values were stretched to 0..255
MAX_FACTOR = 60  # by which ids are multiplied to be seen
LIKELY_BITS = 6.0  # of evidence: one chance in 64 that some table fits values at random
MIN_FITTED = 0.02  # least share of the pixels that a table must correct


class ValueTable(NamedTuple):
    """The value of each class in a picture that was read in another way."""

    reading: str  # "the red channel of ..."
    values: Int64  # by class
    void: int  # the value of void; -1 where there is none
    alternatives: int  # tables of the kind that are tried
    detail: dict[str, str | int]
    cure: str  # of an array whose name is {0}


def iter_gray_tables(palettes: list[tuple[str, Palette]]) -> Iterator[ValueTable]:
    """Yield what image readers return for the colors of palettes.

    Brightness is ITU-R BT.601 in fixed point, of 16 bits in Pillow, of 14 and 15 in versions of
    OpenCV, of 8 in libpng; and the mean of the channels.
    """
    for name, palette in palettes:
        rows = np.array([*palette.colors.tolist(), palette.void or (0, 0, 0)], np.int64)
        red, green, blue = rows.T
        readings = (
            ("brightness (Pillow's convert('L'))",
             (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16),
            ("brightness (OpenCV's imread(path, 0))",
             (red * 9798 + green * 19235 + blue * 3735 + (1 << 14)) >> 15),
            ("brightness (OpenCV's cvtColor)",
             (red * 4899 + green * 9617 + blue * 1868 + (1 << 13)) >> 14),
            ("brightness (libpng's, as OpenCV reads PNG)",
             (red * 6969 + green * 23434 + blue * 2365) >> 15),
            ("brightness (rounded down)", (299 * red + 587 * green + 114 * blue) // 1000),
            ("mean of the channels", (red + green + blue) // 3),
            ("red channel", red),
            ("green channel", green),
            ("blue channel", blue),
        )  # fmt: skip
        for reading, values in readings:
            yield ValueTable(
                f"{reading} of the palette {name!r}",
                values[:-1],
                int(values[-1]) if palette.void else -1,
                len(readings) * len(palettes),
                {"palette": name},
                "",
            )


def iter_stretched_tables(ids: Int64, classes: int | None) -> Iterator[ValueTable]:
    """Yield ids stretched so that the largest is 255, and ids multiplied by a whole number."""
    most = MAX_STRETCHED_ID if classes is None else min(classes - 1, MAX_STRETCHED_ID)
    if 255 in ids and 0 in ids:
        for largest in range(2, most + 1):
            steps = np.arange(largest + 1)
            seen = set()
            for values in (
                np.minimum(steps * 256 // largest, 255),
                np.rint(steps * 255 / largest).astype(np.int64),
                steps * 255 // largest,
            ):
                if values.tobytes() in seen:
                    continue
                seen.add(values.tobytes())
                yield ValueTable(
                    f"ids 0..{largest} stretched to 0..255, as plt.imsave does",
                    values,
                    -1,
                    most,
                    {"largest_id": largest},
                    f"np.rint({{0}} * {largest}.0 / 255).astype('uint8')",
                )
    factor = int(np.gcd.reduce(ids)) if len(ids) else 0
    is_several = np.count_nonzero(ids) >= 2  # of one id the divisor is the id itself
    if (
        is_several
        and 2 <= factor <= MAX_FACTOR
        and ids.max() // factor < (classes or MAX_STRETCHED_ID)
    ):
        yield ValueTable(
            f"ids multiplied by {factor}",
            np.arange(ids.max() // factor + 1) * factor,
            -1,
            MAX_FACTOR,
            {"factor": factor},
            f"{{0}} // {factor}",
        )


def evidence_bits(table: ValueTable, ids: Int64) -> float | None:
    """Return by how many bits the values speak for the table; None where one does not fit.

    Zero and 255 are in nearly every table and prove nothing.
    """
    values = np.unique(table.values)
    rest = ids[~np.isin(ids, values)]
    if len(rest) > 1 or (len(rest) and rest[0] != table.void):
        return None
    telling = int(np.count_nonzero((ids != 0) & (ids != 255) & np.isin(ids, values)))
    return float(telling * np.log2(256 / len(values)) - np.log2(table.alternatives))


def correlations(table: ValueTable, values: Int64, matrix: Int64) -> tuple[float, float]:
    """Return the correlation of the counts as they are, and with rows read through a table.

    See `fits` for the parameters.
    """
    labels = {value: label for label, value in reversed([*enumerate(table.values.tolist())])}
    codes = {value: code for code, value in enumerate(values.tolist())}
    n = len(values)
    read = np.zeros((n + 1, n + 1), np.int64)  # the last row is of labels that are not predicted
    for value, code in codes.items():
        read[codes.get(labels.get(value, -1), n), :n] += matrix[code]
    return correlate_counts(matrix), correlate_counts(read)


def matching_bits(table: ValueTable, values: Int64, matrix: Int64) -> float:
    """Return the bits by which a table is proved that gives each value its best matching class.

    Of k values, k! orders are possible. See `fits` for the parameters.
    """
    matched = values[match_classes(matrix)]
    labels = {value: label for label, value in reversed([*enumerate(table.values.tolist())])}
    occurs = matrix.sum(axis=1) > 0
    read = [labels.get(value, -1) for value in values[occurs].tolist()]
    return math.log2(math.factorial(len(read))) if matched[occurs].tolist() == read else 0.0


def fits(table: ValueTable, values: Int64, matrix: Int64) -> tuple[float, float] | None:
    """Return the agreement before and after rows of counts are read through a table, or None.

    Parameters
    ----------
    values : (V,) int64
        Of both axes.
    matrix : (V, V) int64
        Counts of the values that may be those of a table (rows) and of classes (columns).
    """
    valid_pixels = int(matrix.sum())
    codes = {value: code for code, value in enumerate(values.tolist())}
    hits = np.zeros(len(values), np.int64)  # by row
    moved = 0
    for label, value in enumerate(table.values.tolist()):
        if label in codes and value in codes:
            count = int(matrix[codes[value], codes[label]])
            hits[codes[value]] += count
            moved += count if value != label else 0
    support = matrix.sum(axis=1)
    if not valid_pixels or moved < MIN_FITTED * valid_pixels:
        return None
    right, before = int(hits.sum()), int(np.trace(matrix))
    commonest = int(support.argmax())
    minor = valid_pixels - int(support[commonest])
    minor_right = right - int(hits[commonest])
    wrong = valid_pixels - right
    if (
        wrong > MAX_RESIDUAL * min(valid_pixels - before, minor)
        or minor_right < MIN_MINOR_SHARE * minor
    ):
        return None
    return before / valid_pixels, right / valid_pixels
