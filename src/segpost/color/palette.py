"""`Palette`: a color and a name for every class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from segpost._core.arguments import ClassNames, as_integer
from segpost._core.arrays import Array
from segpost._core.public import public
from segpost._core.text import suggest_name
from segpost._core.unknown_names import SuggestingType
from segpost.color.color_table import (
    MAX_COLORS,
    as_color_table,
    as_constant,
    as_palette_table,
    warn_of_unit_colors,
)
from segpost.color.datasets.names import PaletteName
from segpost.color.datasets.reader import list_aliases, read_dataset
from segpost.color.distinct import MAX_DISTINCT, distinct_colors
from segpost.color.mappings import TEXT_CURE, read_mapping, read_names
from segpost.color.refused_uses import RefusedUses, raise_no_label

Color = tuple[int, int, int]

MAX_SHOWN_COLORS = 256  # in a notebook


@public
class Palette(RefusedUses, metaclass=SuggestingType):
    """A color and a name for every class; immutable.

    Parameters
    ----------
    colors : (K, 3) integers in 0..255
        Red, green and blue of classes 0 to K - 1. Floats are refused: whether they are in 0..1 or
        in 0..255 would be a guess.
    names : sequence of K strings, optional
        Class names, for legends and messages.
    void : (3,) integers, optional
        Color of `ignore_index`; black by default.
    ignore_index : int, optional
        The label that means "no class" (255 in most datasets).

    Raises
    ------
    ValueError, TypeError
        If `colors` or `void` has a wrong shape, values outside 0..255 or floats, if the number of
        names is not that of colors, or if `ignore_index` is not an integer of 32 bits.

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
        _refuse_names(colors)
        table = as_color_table(colors, "colors")
        if names is not None:
            are_strings = isinstance(names, Sequence) and all(isinstance(n, str) for n in names)
            if isinstance(names, str) or not are_strings:
                raise TypeError("names must be a sequence of strings")
            if len(names) != len(table):
                raise ValueError(
                    f"names must have {len(table)} entries, one a color, got {len(names)}"
                )
        if ignore_index is not None:
            ignore_index = as_integer(ignore_index, "ignore_index")
            if not -(2**31) <= ignore_index < 2**31:
                raise ValueError(f"ignore_index must fit 32 bits, got {ignore_index}")
        warn_of_unit_colors(table)
        self._colors = table
        self._names = None if names is None else tuple(names)
        self._void: Color | None = None
        if void is not None:
            self._void = _as_color(as_color_table([void], "void")[0])
        elif ignore_index is not None:
            self._void = (0, 0, 0)
        self._ignore_index = ignore_index
        rows = np.concatenate([table, [self._void or (0, 0, 0)]]).astype(np.uint32)
        self._packed = as_constant(rows @ np.array([1, 1 << 8, 1 << 16], np.uint32))
        self._lookup_tables: dict[int, tuple[Array, Array]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Palette, (self._colors, self._names, self._void, self._ignore_index)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Read a pickle of the first release, which held the attributes."""
        arguments = (state[name] for name in ("_colors", "_names", "_void", "_ignore_index"))
        Palette.__init__(self, *arguments)

    @classmethod
    def named(cls, name: PaletteName) -> Palette:
        """Return the palette of a public dataset, with its class names.

        Parameters
        ----------
        name : str
            Such as "voc" (also "pascal"), "cityscapes" (also "city"; train ids),
            "cityscapes_labelid", "ade20k" (also "ade") or "coco_stuff" (also "coco"); the error of
            an unknown name lists all, with their other names. Case does not matter, and "-" and
            " " are "_".

        Raises
        ------
        ValueError
            If there is no palette of that name: the message lists those there are.
        TypeError
            If `name` is not a string.

        Examples
        --------
        >>> import segpost
        >>> segpost.Palette.named("voc").names[:3]
        ('background', 'aeroplane', 'bicycle')
        """
        if not isinstance(name, str):
            raise TypeError(f"name must be a string, got {name!r}")
        return _find_palette(name)

    @classmethod
    def distinct(cls, n: int) -> Palette:
        """Return a palette of `n` colors that are far from each other to the eye.

        The first is black, for a background, and the first k are the same for every n. The first
        twelve can be told apart with protanopia, deuteranopia and tritanopia, too: their smallest
        difference (CIEDE2000; 2 is just visible) is 14 in simulations of these by Machado et al.
        (2009), Viénot et al. (1999) and Brettel et al. (1997), and 29 with normal vision; that of
        the first 32 is 6 and 13. The colors after the first 64 are only far from all before them.

        Parameters
        ----------
        n : int
            At least 1 and at most 1024.

        Raises
        ------
        ValueError, TypeError
            If `n` is out of that range, or not an integer.

        Examples
        --------
        >>> import segpost
        >>> segpost.Palette.distinct(5) == segpost.Palette(segpost.Palette.distinct(9).colors[:5])
        True
        """
        n = as_integer(n, "n")
        if not 1 <= n <= MAX_DISTINCT:
            raise ValueError(f"n must be in 1..{MAX_DISTINCT}, got {n}")
        return cls(distinct_colors(n))

    @classmethod
    def from_names(cls, names: ClassNames) -> Palette:
        """Return a palette of distinct colors for class names, as `distinct` chooses them.

        Parameters
        ----------
        names : sequence of str, or mapping of int to str
            The names in the order of the labels, or by label 0 to K - 1, such as
            ``model.config.id2label`` of a network of Hugging Face; at most 1024. As ``palette=``
            and as ``class_names=`` such a dict can be passed itself.

        Raises
        ------
        ValueError, TypeError
            If names are no strings, or if the labels are not 0 to K - 1.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> id2label = {0: "wall", 1: "sky"}
        >>> segpost.Palette.from_names(id2label).names
        ('wall', 'sky')
        >>> segpost.colorize(np.uint8([[0]]), palette=id2label)
        array([[[0, 0, 0]]], dtype=uint8)
        """
        colors, listed = read_names(names)
        return cls(colors, listed)

    @classmethod
    def from_colormap(cls, name: str, n: int) -> Palette:
        """Return a palette of `n` colors at equal steps of a matplotlib colormap.

        Parameters
        ----------
        name : str
            A name of ``matplotlib.colormaps``. Needs matplotlib.
        n : int
            At least 1 and at most 65536.

        Raises
        ------
        ValueError, TypeError
            If matplotlib has no colormap of that name, or `n` is not an integer in that range.
        """
        import matplotlib

        n = as_integer(n, "n")
        if not 1 <= n <= MAX_COLORS:
            raise ValueError(f"n must be in 1..{MAX_COLORS}, got {n}")
        if name not in matplotlib.colormaps:
            raise ValueError(f"matplotlib has no colormap named {name!r}")
        colors = matplotlib.colormaps[name](np.linspace(0.0, 1.0, n))[:, :3]
        return cls(np.rint(colors * 255).astype(np.uint8))

    @property
    def colors(self) -> npt.NDArray[np.uint8]:
        """The colors of the classes, (K, 3) uint8, read-only."""
        return self._colors

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names of the classes, or None."""
        return self._names

    @property
    def void(self) -> Color | None:
        """The color of `ignore_index`, or None if the palette has neither."""
        return self._void

    @property
    def ignore_index(self) -> int | None:
        """The label that means "no class", or None if there is none."""
        return self._ignore_index

    @property
    def duplicates(self) -> tuple[tuple[int, ...], ...]:
        """The groups of labels that share one color, `ignore_index` included."""
        groups: dict[Color, list[int]] = {}
        for label, color in self.items():
            groups.setdefault(color, []).append(label)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    def color(self, label: int) -> Color:
        """Return red, green and blue of one label."""
        if label == self._ignore_index and self._void is not None:
            return self._void
        return _as_color(self._colors[self._check_label(label)])

    def name(self, label: int) -> str:
        """Return the name of one label, or its number if the palette has no names."""
        if label == self._ignore_index:
            return "void"
        return str(label) if self._names is None else self._names[self._check_label(label)]

    def _check_label(self, label: int) -> int:
        if not hasattr(label, "__index__"):
            raise_no_label(label, self._names)
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

    def _repr_html_(self) -> str:
        """Return colors, labels and names for a notebook."""
        from segpost.render.notebook import format_colors, format_paragraph, format_result

        entries = [
            (f"{label} {self.name(label)}" if self._names else str(label), color)
            for label, color in self.items()
        ]
        rest = len(entries) - MAX_SHOWN_COLORS
        more = format_paragraph(f"and {rest} more" if rest > 0 else "")
        return format_result(repr(self), format_colors(entries[:MAX_SHOWN_COLORS]), more)

    def _key(self) -> tuple[object, ...]:
        return self._colors.tobytes(), self._names, self._void, self._ignore_index

    def items(self) -> Iterator[tuple[int, Color]]:
        """Return an iterator over all labels with their colors, `ignore_index` last."""
        for label in range(len(self)):
            if label != self._ignore_index:
                yield label, _as_color(self._colors[label])
        if self._ignore_index is not None and self._void is not None:
            yield self._ignore_index, self._void

    def packed(self) -> npt.NDArray[np.uint32]:
        """Return the colors as 0x00bbggrr, (K + 1,) uint32: those of the classes, then void's."""
        return self._packed

    def lookup_table(self, n: int) -> tuple[Array, Array]:
        """Return where kernels look up the colors of `n` classes.

        Parameters
        ----------
        n : int
            The number of classes, at most that of colors.

        Returns
        -------
        rows : (n + 1,) integer array
            For each class and, last, for void: its row of `packed`. That of a class which is
            `ignore_index` is void's.
        lut : (n + 1,) uint32 array
            The colors of these rows.
        """
        tables = self._lookup_tables.get(n)
        if tables is None:
            rows = np.append(np.arange(n), len(self))
            if self._ignore_index is not None and 0 <= self._ignore_index < n:
                rows[self._ignore_index] = len(self)
            tables = as_constant(rows), as_constant(self._packed[rows])
            self._lookup_tables[n] = tables
        return tables


# What functions take as `palette`: a palette or its name; (K, 3) integers in 0..255, as a list or
# an array; or a dict, as `read_mapping` documents it.
PaletteLike = Palette | PaletteName | Sequence[Sequence[int]] | Mapping[Any, Any] | npt.NDArray[Any]


def as_palette(palette: object) -> Palette:
    """Return a Palette, given one, its name, its colors or a dict; see `PaletteLike`.

    Raises
    ------
    ValueError, TypeError
        For anything else: the message says what is wrong, and the cure.
    """
    if isinstance(palette, Palette):
        return palette
    if isinstance(palette, str):
        return _find_palette(palette)
    if isinstance(palette, Mapping):
        colors, names, void, ignore_index = read_mapping(palette)
        return Palette(as_color_table(colors, "palette"), names, void, ignore_index)
    is_sequence = isinstance(palette, (list, tuple))
    if is_sequence and any(isinstance(color, str) for color in cast(Any, palette)):
        raise TypeError(f"palette is a list of strings; {TEXT_CURE}")
    if is_sequence or hasattr(palette, "__array__") or hasattr(palette, "__dlpack__"):
        return Palette(as_palette_table(palette))
    raise TypeError(
        "palette must be a segpost.Palette, the name of one, a list or an array of colors, or a "
        f"dict of them, got {type(palette).__name__}"
    )


def _refuse_names(colors: object) -> None:
    """Raise an error for what `Palette.named` and `Palette.from_names` take."""
    if isinstance(colors, str):
        raise TypeError(
            f"colors is a text; the palette of a data set is segpost.Palette.named({colors!r})"
        )
    if isinstance(colors, (list, tuple)) and any(isinstance(color, str) for color in colors):
        raise TypeError(f"colors is a list of strings; {TEXT_CURE}")
    if isinstance(colors, Mapping):
        raise TypeError(
            "colors is a dict; functions take it as palette=, and segpost.Palette takes lists: "
            "segpost.Palette(list(colors.values()))"
        )


def _as_color(color: Array) -> Color:
    red, green, blue = (int(v) for v in color)
    return red, green, blue


@lru_cache(maxsize=64)
def _find_palette(name: str) -> Palette:
    try:
        dataset = read_dataset(name.lower().replace("-", "_").replace(" ", "_"))
    except KeyError:
        aliases = list_aliases()
        question = suggest_name(name, chain(aliases, *aliases.values()))
        choices = (f"{n} (also {', '.join(also)})" if also else n for n, also in aliases.items())
        raise ValueError(
            f"there is no palette named {name!r}{question or '.'} Known are {', '.join(choices)}"
        ) from None
    return Palette(dataset.colors, dataset.names, dataset.void, dataset.ignore_index)
