"""Colors of labels: palettes, label maps to pictures and back, overlays."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from segpost import _checks, _dispatch, _palettes
from segpost._arrays import Array, incoming, outgoing

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
            if isinstance(names, str) or not all(isinstance(name, str) for name in names):
                raise TypeError("names must be a sequence of strings")
            if len(names) != len(table):
                raise ValueError(f"names must have {len(table)} entries, one a color, got {len(names)}")
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
        self._packed = rows[:, 0] | rows[:, 1] << 8 | rows[:, 2] << 16

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

        if not 1 <= n <= 65536:
            raise ValueError(f"n must be in 1..65536, got {n}")
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
        """Groups of labels that share one color, `ignore_index` included where it is one of them."""
        groups: dict[Color, list[int]] = {}
        for label, color in self._labeled():
            groups.setdefault(color, []).append(label)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    def color(self, label: int) -> Color:
        """Red, green and blue of one label."""
        if label == self._ignore_index and self._void is not None:
            return self._void
        if not 0 <= label < len(self):
            raise ValueError(f"label must be in 0..{len(self) - 1}, got {label}")
        return _triple(self._colors[label])

    def name(self, label: int) -> str:
        """Name of one label; its number where the palette has no names."""
        if label == self._ignore_index:
            return "void"
        return str(label) if self._names is None else self._names[label]

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

    def _labeled(self) -> Iterator[tuple[int, Color]]:
        """Every label that can occur, with its color; `ignore_index` takes precedence."""
        for label in range(len(self)):
            if label != self._ignore_index:
                yield label, _triple(self._colors[label])
        if self._ignore_index is not None and self._void is not None:
            yield self._ignore_index, self._void

    def packed(self) -> npt.NDArray[np.uint32]:
        """0x00bbggrr of every class and, last, of void: the table the kernels look colors up in."""
        return self._packed


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


def colorize(labels: Any, palette: Palette | str, *, out: Any = None) -> Any:
    """The color of every label.

    Parameters
    ----------
    labels : integer array of shape (..., H, W)
        Signed or unsigned, 8 to 64 bits, any strides. Floats and booleans are refused.
    palette : Palette or str
        Labels equal to its `ignore_index` become its `void` color.
    out : uint8 array of shape (..., H, W, 3), optional
        Where to write.

    Returns
    -------
    color : uint8 array of shape (..., H, W, 3), red first, of the kind of `labels`

    Raises
    ------
    ValueError
        For labels that have no color: how many, the first and where it is.
    TypeError
        For labels that are no integers.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> segpost.colorize(np.uint8([[0, 15, 255]]), "voc")
    array([[[  0,   0,   0],
            [192, 128, 128],
            [224, 224, 192]]], dtype=uint8)
    """
    chosen = as_palette(palette)
    given = _checks.labels_view(labels)
    maps = given.array
    result = outgoing(out, (*maps.shape, 3), np.uint8, given.wrap, maps, packed=2)
    ignore = chosen.ignore_index
    lut = chosen.packed()
    bad = _dispatch.Bad()
    for offset, (part, target) in _stacks(maps, result.array):
        bad = _merge(bad, _dispatch.backend().colorize(part, lut, ignore, target), offset)
    _checks.raise_bad_labels(bad, maps, len(chosen), ignore)
    return result.result()


def overlay(
    image: Any,
    labels: Any,
    palette: Palette | str,
    *,
    alpha: float | Sequence[float] = 0.5,
    contour: int = 0,
    out: Any = None,
) -> Any:
    """The labels' colors laid over an image.

    Parameters
    ----------
    image : uint8 array of shape (..., H, W, 3)
    labels : integer array of shape (..., H, W)
    palette : Palette or str
    alpha : float or sequence of K floats
        Weight of the color, 0 (the image) to 1 (the color), for all classes or one a class. It is
        rounded to 1/256; the result is (image (256 - a) + color a + 128) / 256, rounded down.
    contour : int
        Width in pixels of opaque lines between different labels; 0 draws none.
    out : uint8 array of the shape of `image`, optional
        Where to write.

    Returns
    -------
    picture : uint8 array of the shape of `image`, of the kind of `image`

    Raises
    ------
    ValueError, TypeError
        For shapes that do not fit, a float image, labels without a color, alpha outside 0..1.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> image = np.full((1, 2, 3), 100, np.uint8)
    >>> segpost.overlay(image, np.uint8([[0, 15]]), "voc", alpha=[0.0] + [0.5] * 20)
    array([[[100, 100, 100],
            [146, 114, 114]]], dtype=uint8)
    """
    chosen = as_palette(palette)
    picture = _checks.image_view(image)
    maps = _checks.labels_view(labels).array
    if picture.array.shape[:-1] != maps.shape:
        raise ValueError(
            f"image of shape {picture.array.shape} does not fit labels of shape {maps.shape}; "
            "labels at the image's size come from segpost.argmax(logits, size=image.shape[:2])"
        )
    if isinstance(contour, bool) or not isinstance(contour, numbers.Integral):
        raise TypeError(f"contour must be an integer, got {contour!r}")
    if not 0 <= contour <= 64:
        raise ValueError(f"contour must be in 0..64 pixels, got {contour}")
    lut = chosen.packed()
    weights = _alpha(alpha, len(chosen))
    ignore = chosen.ignore_index
    result = outgoing(
        out, picture.array.shape, np.uint8, picture.wrap, picture.array, maps, packed=2
    )
    bad = _dispatch.Bad()
    for offset, (pixels, part, target) in _stacks(picture.array, maps, result.array):
        found = _dispatch.backend().overlay(
            pixels, part, lut, weights, ignore, int(contour), target
        )
        bad = _merge(bad, found, offset)
    _checks.raise_bad_labels(bad, maps, len(chosen), ignore)
    return result.result()


def labels_from_colors(image: Any, palette: Palette | str, *, out: Any = None) -> Any:
    """The labels that a color picture was made from: the inverse of `colorize`.

    Parameters
    ----------
    image : uint8 array of shape (..., H, W, 3)
    palette : Palette or str
        Must give every label a color of its own.
    out : array of shape (..., H, W), optional
        uint8 where that holds every label, int32 otherwise.

    Returns
    -------
    labels : array of shape (..., H, W), of the kind of `image`

    Raises
    ------
    ValueError
        If two labels share a color (no inverse exists), or the image has a color that is not in the
        palette: how many pixels, the first color and where it is.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> labels = np.uint8([[0, 15, 255]])
    >>> segpost.labels_from_colors(segpost.colorize(labels, "voc"), "voc")
    array([[  0,  15, 255]], dtype=uint8)
    """
    chosen = as_palette(palette)
    if chosen.duplicates:
        groups = ", ".join(
            f"{' = '.join(map(str, group))} {chosen.color(group[0])}"
            for group in chosen.duplicates[:3]
        )
        raise ValueError(
            f"palette gives {len(chosen.duplicates)} colors to more than one label, so no picture "
            f"can be read back with it: {groups}{', ...' if len(chosen.duplicates) > 3 else ''}"
        )
    picture = _checks.image_view(image)
    pairs = sorted((r | g << 8 | b << 16, label) for label, (r, g, b) in chosen._labeled())
    keys = np.array([key for key, _ in pairs], np.uint32)
    values = np.array([label for _, label in pairs], np.int32)
    dtype = np.uint8 if 0 <= values.min() and values.max() <= 255 else np.int32
    shape = picture.array.shape[:-1]
    result = outgoing(out, shape, dtype, picture.wrap, picture.array, packed=1)
    bad = _dispatch.Bad()
    for offset, (pixels, target) in _stacks(picture.array, result.array):
        found = _dispatch.backend().labels_from_colors(pixels, keys, values, target)
        bad = _merge(bad, found, offset)
    if bad.count:
        _checks.raise_bad_colors(bad, picture.array)
    return result.result()


def _alpha(alpha: Any, classes: int) -> npt.NDArray[np.uint16]:
    """alpha * 256 as integers, one a class and, for void, the mean of them."""
    values = np.asarray(alpha, np.float64)
    if values.ndim > 1 or (values.ndim == 1 and len(values) != classes):
        raise ValueError(f"alpha must be a number or {classes} numbers, got shape {values.shape}")
    if not bool(((values >= 0) & (values <= 1)).all()):
        raise ValueError(f"alpha must be in 0..1, got {alpha!r}")
    weights = np.rint(np.broadcast_to(values, classes) * 256)
    return np.append(weights, np.rint(weights.mean())).astype(np.uint16)


def _stacks(*arrays: Array) -> Iterator[tuple[int, tuple[Array, ...]]]:
    """Arrays of shape (..., H, W) and (..., H, W, 3) as stacks of three and four dimensions.

    Also the flat pixel index at which each stack starts. Nothing is copied.
    """
    pixels = [a[..., 0] if a.ndim > min(b.ndim for b in arrays) else a for a in arrays]
    lead = pixels[0].shape[:-2]
    if not pixels[0].size:
        return
    if len(lead) == 0:
        yield 0, tuple(a[None] for a in arrays)
    elif len(lead) == 1:
        yield 0, arrays
    else:
        size = math.prod(pixels[0].shape[-3:])
        for flat, index in enumerate(np.ndindex(lead[:-1])):
            yield flat * size, tuple(a[index] for a in arrays)


def _merge(bad: _dispatch.Bad, found: _dispatch.Bad, offset: int) -> _dispatch.Bad:
    first = bad.first if bad.count else found.first + offset
    return _dispatch.Bad(bad.count + found.count, first)


def _color_table(colors: Any, name: str) -> npt.NDArray[np.uint8]:
    table = incoming(np.asarray(colors), name).array
    if table.dtype.kind not in "iu":
        hint = "; 0..1 floats become (colors * 255).round().astype(int)" if table.dtype.kind == "f" else ""
        raise TypeError(f"{name} must be integers in 0..255, got dtype {table.dtype}{hint}")
    if table.ndim != 2 or table.shape[1] != 3 or not len(table):
        raise ValueError(f"{name} must have shape (K, 3), got {table.shape}")
    outside = (table < 0) | (table > 255)
    if outside.any():
        place = tuple(int(i) for i in np.argwhere(outside)[0])
        raise ValueError(
            f"{name} has {int(outside.sum())} values outside 0..255, first {table[place]} at {place}"
        )
    if len(table) > 65536:
        raise ValueError(f"{name} must have at most 65536 rows, got {len(table)}")
    result = table.astype(np.uint8)
    result.flags.writeable = False
    return result


def _triple(color: Array) -> Color:
    red, green, blue = (int(v) for v in color)
    return red, green, blue


@lru_cache(maxsize=64)
def _named(name: str) -> Palette:
    try:
        entry = _palettes.entry(name.lower().replace("-", "_").replace(" ", "_"))
    except KeyError:
        known = ", ".join(_palettes.NAMES)
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
