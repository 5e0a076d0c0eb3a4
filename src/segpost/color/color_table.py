"""Tables of colors: checked, and constant."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from segpost._core.arrays import Array, as_input_array
from segpost._core.errors import warn_of_input
from segpost.color.datasets import list_palettes_of, read_dataset

MAX_COLORS = 65536
MIN_COLORS = 10  # of a data set
MIN_EQUAL_COLORS = 3  # that are no accident: a mask and its background may be alike


def as_color_table(colors: Any, name: str) -> npt.NDArray[np.uint8]:
    """Return colors as a constant (K, 3) array.

    Raises
    ------
    ValueError, TypeError
        If they are not (K, 3) integers in 0..255: the message counts the bad values and names the
        first.
    """
    if isinstance(colors, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array and its mask would be lost")
    try:
        table = as_input_array(np.asarray(colors), name).array
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name} must have shape (K, 3): {error}") from None
    if not table.size:
        raise ValueError(f"{name} must have shape (K, 3), got {table.shape}")
    if table.dtype.kind not in "iu":
        hint = (
            f"; 0..1 floats become ({name} * 255).round().astype(int)"
            if table.dtype.kind == "f"
            else ""
        )
        raise TypeError(f"{name} must be integers in 0..255, got dtype {table.dtype}{hint}")
    if table.ndim != 2 or table.shape[1] != 3 or not len(table):
        hint = f"; np.reshape({name}, (-1, 3)) of a flat list" if table.ndim == 1 else ""
        raise ValueError(f"{name} must have shape (K, 3), got {table.shape}{hint}")
    outside = (table < 0) | (table > 255)
    if outside.any():
        position = tuple(int(i) for i in np.argwhere(outside)[0])
        raise ValueError(
            f"{name} has {int(outside.sum())} values outside 0..255, "
            f"first {table[position]} at {position}"
        )
    if len(table) > MAX_COLORS:
        raise ValueError(f"{name} must have at most {MAX_COLORS} rows, got {len(table)}")
    return as_constant(table.astype(np.uint8))


def as_constant(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a copy that cannot be made writeable: the whole process shares palettes."""
    return np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)


def as_palette_table(palette: Any) -> npt.NDArray[np.uint8]:
    """Return the argument `palette` as a constant (K, 3) array, as `as_color_table`."""
    table = as_color_table(palette, "palette")
    _warn_of_exchanged_colors(table)
    _warn_of_equal_colors(table)
    return table


def _warn_of_exchanged_colors(table: npt.NDArray[np.uint8]) -> None:
    """Warn if colors are those of a data set with red and blue exchanged, as OpenCV has them."""
    if len(table) < MIN_COLORS:
        return
    exchanged = table[:, ::-1].tolist()
    for name in list_palettes_of(len(table)):
        colors = [[*color] for color in read_dataset(name).colors]
        if colors == exchanged != table.tolist():
            warn_of_input(
                f"palette has the colors of {name!r} with red and blue exchanged, but colors are "
                f"red, green, blue: pass palette={name!r}, or palette[:, ::-1]"
            )


def warn_of_unit_colors(table: Array) -> None:
    """Warn of colors of 0 and 1 that are not grey: with grey, a color image holds labels."""
    if table.max() == 1 and (table != table[:, :1]).any():
        warn_of_input(
            "colors have only the values 0 and 1, of 0..255: all of them are black; those in 0..1 "
            "become np.multiply(colors, 255)"
        )


def _warn_of_equal_colors(table: Array) -> None:
    """Warn if all of several colors are equal, so that they show no class."""
    if len(table) >= MIN_EQUAL_COLORS and (table == table[0]).all():
        warn_of_input(
            f"all of {len(table)} colors of palette are {tuple(table[0].tolist())}, so that "
            f"classes look alike: for distinct ones pass segpost.Palette.distinct({len(table)})"
        )
