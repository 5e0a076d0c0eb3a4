"""Palettes: a color and a name for every class."""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from segpost._core.arrays import Array, as_input_array
from segpost.color import datasets

Color = tuple[int, int, int]


class Palette:
    """A color and a name for every class; immutable.

    Parameters
    ----------
    colors : (K, 3) integers in 0..255
        Red, green, blue of classes 0 to K - 1. Floats are refused: 0..1 or 0..255 is a guess.
    names : sequence of K strings, optional
        Class names, for legends and messages.
    void : (3,) integers, optional
        Color of `ignore_index`; black where it is left out.
    ignore_index : int, optional
        The label that means "no class" (255 in most datasets).

    Raises
    ------
    ValueError, TypeError
        For a wrong shape, values outside 0..255, floats, or a wrong number of names.

    Examples
    --------
    >>> import segpost
    >>> palette = segpost.Palette([(0, 0, 0), (255, 0, 0)], names=["road", "car"])
    >>> len(palette), palette.color(1), palette.name(1)
    (2, (255, 0, 0), 'car')
    """

    def __init__(
        self,
        colors: Any,
        names: Sequence[str] | None = None,
        void: Sequence[int] | None = None,
        ignore_index: int | None = None,
    ) -> None:
        table = _color_table(colors, "colors")
        if names is not None:
            strings = isinstance(names, Sequence) and all(isinstance(name, str) for name in names)
            if isinstance(names, str) or not strings:
                raise TypeError("names must be a sequence of strings")
            if len(names) != len(table):
                raise ValueError(
                    f"names must have {len(table)} entries, one a color, got {len(names)}"
                )
        if ignore_index is not None:
            if isinstance(ignore_index, bool) or not isinstance(ignore_index, numbers.Integral):
                raise TypeError(f"ignore_index must be an integer, got {ignore_index!r}")
            if not -(2**31) <= ignore_index < 2**31:
                raise ValueError(f"ignore_index must fit 32 bits, got {ignore_index}")
        self._colors = table
        self._names = None if names is None else tuple(names)
        self._void: Color | None = None
        if void is not None:
            self._void = _triple(_color_table([void], "void")[0])
        elif ignore_index is not None:
            self._void = (0, 0, 0)
        self._ignore_index = None if ignore_index is None else int(ignore_index)
        rows = np.concatenate([table, [self._void or (0, 0, 0)]]).astype(np.uint32)
        self._packed = frozen(rows @ np.array([1, 1 << 8, 1 << 16], np.uint32))
        self._looks: dict[int, tuple[Array, Array]] = {}

    @classmethod
    def named(cls, name: str) -> Palette:
        """The palette of a public dataset, with its class names.

        Parameters
        ----------
        name : str
            "voc", "cityscapes" (train ids), "cityscapes_labelid", "ade20k", "coco_stuff",
            "pascal_context", "pascal_context_59", "mapillary", "mapillary_v2", "loveda",
            "potsdam", "vaihingen" or "isaid".

        Raises
        ------
        ValueError
            If there is none of that name.

        Examples
        --------
        >>> import segpost
        >>> segpost.Palette.named("voc").names[:3]
        ('background', 'aeroplane', 'bicycle')
        """
        if not isinstance(name, str):
            raise TypeError(f"name must be a string, got {name!r}")
        return _named(name)

    @classmethod
    def distinct(cls, n: int) -> Palette:
        """`n` colors far from each other to the eye; the first k are the same for every n.

        Starts with black for a background and goes on with the color farthest, in Oklab, from all
        those before it.

        Examples
        --------
        >>> import segpost
        >>> segpost.Palette.distinct(5) == segpost.Palette(segpost.Palette.distinct(9).colors[:5])
        True
        """
        if isinstance(n, bool) or not isinstance(n, numbers.Integral):
            raise TypeError(f"n must be an integer, got {n!r}")
        if not 1 <= n <= 1024:
            raise ValueError(f"n must be in 1..1024, got {n}")
        return cls(_distinct(int(n)))

    @classmethod
    def from_colormap(cls, name: str, n: int) -> Palette:
        """`n` colors spread evenly over a matplotlib colormap (needs matplotlib)."""
        import matplotlib

        if isinstance(n, bool) or not isinstance(n, numbers.Integral):
            raise TypeError(f"n must be an integer, got {n!r}")
        if not 1 <= n <= 65536:
            raise ValueError(f"n must be in 1..65536, got {n}")
        if name not in matplotlib.colormaps:
            raise ValueError(f"matplotlib has no colormap named {name!r}")
        colors = matplotlib.colormaps[name](np.linspace(0.0, 1.0, n))[:, :3]
        return cls(np.rint(colors * 255).astype(np.uint8))

    @property
    def colors(self) -> npt.NDArray[np.uint8]:
        """(K, 3) uint8, read-only."""
        return self._colors

    @property
    def names(self) -> tuple[str, ...] | None:
        """Class names, or None."""
        return self._names

    @property
    def void(self) -> Color | None:
        """Color of `ignore_index`, or None where there is none."""
        return self._void

    @property
    def ignore_index(self) -> int | None:
        """The label that means "no class", or None."""
        return self._ignore_index

    @property
    def duplicates(self) -> tuple[tuple[int, ...], ...]:
        """Groups of labels that share one color, `ignore_index` among them if it is one."""
        groups: dict[Color, list[int]] = {}
        for label, color in self.labeled():
            groups.setdefault(color, []).append(label)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    def color(self, label: int) -> Color:
        """Red, green and blue of one label."""
        if label == self._ignore_index and self._void is not None:
            return self._void
        return _triple(self._colors[self._class(label)])

    def name(self, label: int) -> str:
        """Name of one label; its number where the palette has no names."""
        if label == self._ignore_index:
            return "void"
        return str(label) if self._names is None else self._names[self._class(label)]

    def _class(self, label: int) -> int:
        if not 0 <= label < len(self):
            raise ValueError(f"label must be in 0..{len(self) - 1}, got {label}")
        return label

    def __len__(self) -> int:
        return len(self._colors)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Palette) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        ignore = "" if self._ignore_index is None else f", ignore_index={self._ignore_index}"
        names = "" if self._names is None else f", names={self._names[0]!r}..{self._names[-1]!r}"
        return f"Palette({len(self)} colors{names}{ignore})"

    def _key(self) -> tuple[object, ...]:
        return self._colors.tobytes(), self._names, self._void, self._ignore_index

    def labeled(self) -> Iterator[tuple[int, Color]]:
        """Every label that can occur, with its color; `ignore_index` takes precedence."""
        for label in range(len(self)):
            if label != self._ignore_index:
                yield label, _triple(self._colors[label])
        if self._ignore_index is not None and self._void is not None:
            yield self._ignore_index, self._void

    def packed(self) -> npt.NDArray[np.uint32]:
        """0x00bbggrr of every class and, last, of void: the table the kernels look colors up in."""
        return self._packed

    def looks(self, classes: int) -> tuple[Array, Array]:
        """For each of so many classes and, last, for void: its row of `packed`, and that color.

        A class that is `ignore_index` looks like void.
        """
        found = self._looks.get(classes)
        if found is None:
            rows = np.append(np.arange(classes), len(self))
            if self._ignore_index is not None and 0 <= self._ignore_index < classes:
                rows[self._ignore_index] = len(self)
            found = self._looks[classes] = frozen(rows), frozen(self._packed[rows])
        return found


def as_palette(palette: object) -> Palette:
    """A Palette, from itself or from its name."""
    if isinstance(palette, Palette):
        return palette
    if isinstance(palette, str):
        return _named(palette)
    raise TypeError(
        f"palette must be a segpost.Palette or the name of one, got {type(palette).__name__}; "
        "colors become a palette with segpost.Palette(colors)"
    )


def _color_table(colors: Any, name: str) -> npt.NDArray[np.uint8]:
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
            "; 0..1 floats become (colors * 255).round().astype(int)"
            if table.dtype.kind == "f"
            else ""
        )
        raise TypeError(f"{name} must be integers in 0..255, got dtype {table.dtype}{hint}")
    if table.ndim != 2 or table.shape[1] != 3 or not len(table):
        raise ValueError(f"{name} must have shape (K, 3), got {table.shape}")
    outside = (table < 0) | (table > 255)
    if outside.any():
        place = tuple(int(i) for i in np.argwhere(outside)[0])
        raise ValueError(
            f"{name} has {int(outside.sum())} values outside 0..255, "
            f"first {table[place]} at {place}"
        )
    if len(table) > 65536:
        raise ValueError(f"{name} must have at most 65536 rows, got {len(table)}")
    return frozen(table.astype(np.uint8))


def frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A copy that nobody can make writeable again: palettes are shared by the whole process."""
    return np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)


def _triple(color: Array) -> Color:
    red, green, blue = (int(v) for v in color)
    return red, green, blue


@lru_cache(maxsize=64)
def _named(name: str) -> Palette:
    try:
        entry = datasets.entry(name.lower().replace("-", "_").replace(" ", "_"))
    except KeyError:
        known = ", ".join(datasets.NAMES)
        raise ValueError(f"there is no palette named {name!r}; known are {known}") from None
    return Palette(entry.colors, entry.names, entry.void, entry.ignore_index)


@lru_cache(maxsize=8)
def _distinct(n: int) -> npt.NDArray[np.uint8]:
    """Farthest-point sampling of the sRGB cube in Oklab (Ottosson 2020)."""
    levels = np.arange(0, 256, 15)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    places = _oklab(cube)
    lightness = places[:, 0]
    usable = (lightness > 0.35) & (lightness < 0.97)
    chosen = [0]
    nearest = np.where(usable, np.inf, -1.0)
    while len(chosen) < n:
        distance = ((places - places[chosen[-1]]) ** 2).sum(axis=1)
        nearest = np.minimum(nearest, np.where(usable, distance, -1.0))
        chosen.append(int(nearest.argmax()))
    return cube[chosen].astype(np.uint8)


def _oklab(colors: Array) -> npt.NDArray[np.float64]:
    """sRGB bytes in Oklab, where equal distances look equally far."""
    encoded = colors / 255.0
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    cones = linear @ np.array(
        [
            [0.4122214708, 0.2119034982, 0.0883024619],
            [0.5363325363, 0.6806995451, 0.2817188376],
            [0.0514459929, 0.1073969566, 0.6299787005],
        ]
    )
    lab: npt.NDArray[np.float64] = np.cbrt(cones) @ np.array(
        [
            [0.2104542553, 1.9779984951, 0.0259040371],
            [0.7936177850, -2.4285922050, 0.7827717662],
            [-0.0040720468, 0.4505937099, -0.8086757660],
        ]
    )
    return lab
