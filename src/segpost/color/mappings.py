"""Palettes that a dict describes: by label, by class name, or by both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from numbers import Integral
from typing import Any, NamedTuple

from segpost._core.arguments import as_names
from segpost._core.errors import warn_of_input
from segpost._core.text import format_names
from segpost.color.distinct import distinct_colors

IGNORED_LABELS = (255, -1)  # that a dict may have beside labels 0 to K - 1: its `ignore_index`
HEX_COLOR = re.compile(r"#[0-9a-fA-F]{3,8}")
TEXT_CURE = (
    "class names get colors with segpost.Palette.from_names(names), and words for colors become "
    "integers with PIL.ImageColor.getrgb(word)"
)
COLOR_WORDS = frozenset(
    {"black", "white", "gray", "grey", "red", "green", "blue", "cyan", "magenta", "yellow"}
    | {"orange", "purple", "brown", "pink"}
)


class Entries(NamedTuple):
    """The arguments of a `Palette`."""

    colors: Any
    names: tuple[str, ...] | None = None
    void: Any = None
    ignore_index: int | None = None


def read_mapping(palette: Mapping[Any, Any]) -> Entries:
    """Return the arguments of the `Palette` that a dict describes.

    Parameters
    ----------
    palette : mapping
        ``{label: color}``, ``{label: (name, color)}``, ``{name: color}`` in the order of the
        labels, or ``{label: name}``, whose colors are distinct ones.

    Raises
    ------
    ValueError, TypeError
        For any other dict, and for labels that are not 0 to K - 1, beside one of `IGNORED_LABELS`.

    Examples
    --------
    >>> from segpost.color.mappings import read_mapping
    >>> read_mapping({0: ("road", (128, 64, 128)), 255: ("void", (0, 0, 0))})
    Entries(colors=[(128, 64, 128)], names=('road',), void=(0, 0, 0), ignore_index=255)
    """
    if not palette:
        raise ValueError("palette is an empty dict; it needs a color for every class")
    keys, values = list(palette), list(palette.values())
    if all(isinstance(key, str) for key in keys):
        _refuse_texts(keys, values)
        if any(isinstance(value, str) for value in values):
            raise TypeError(
                "palette must be a dict of integers by class name, got text, first "
                f"{next(value for value in values if isinstance(value, str))!r}; {TEXT_CURE}"
            )
        return Entries(values, tuple(keys))
    if not all(isinstance(key, Integral) and not isinstance(key, bool) for key in keys):
        raise TypeError(
            "palette must be a dict of labels or of class names, got the keys "
            f"{', '.join(map(repr, keys[:3]))}"
        )
    if all(isinstance(value, str) for value in values):
        return Entries(*read_names(palette))
    return _read_labels({int(key): value for key, value in palette.items()})


def read_names(names: Any) -> tuple[Any, tuple[str, ...]]:
    """Return distinct colors for class names, and the names."""
    listed = as_names(names, "names")
    first = next(filter(HEX_COLOR.fullmatch, listed), None)
    if first is not None:
        raise TypeError(
            f"names has {first!r}, which is a color; a color is three integers: "
            "PIL.ImageColor.getrgb reads it"
        )
    if len(listed) > 1 and COLOR_WORDS.issuperset(name.lower() for name in listed):
        warn_of_input(
            f"names are words for colors, {format_names(listed)}, but the colors of class names "
            "are distinct ones; pass integers, such as {0: (255, 0, 0)}, to choose the colors"
        )
    return distinct_colors(len(listed)), listed


def _refuse_texts(keys: list[str], values: list[Any]) -> None:
    """Refuse label2id, and labels that JSON has turned into text."""
    if all(isinstance(value, Integral) for value in values):
        raise TypeError(
            "palette is a dict of labels by name (label2id?); pass names by label: "
            "palette={label: name for name, label in palette.items()}"
        )
    if all(key.lstrip("-").isdecimal() for key in keys):
        raise TypeError(
            f"palette has labels as text, first {keys[0]!r}; pass "
            "palette={int(label): value for label, value in palette.items()}"
        )


def _read_labels(palette: dict[int, Any]) -> Entries:
    """Return the arguments of a palette of colors by label, or of names and colors by label."""
    labels = sorted(palette)
    others = [label for label in IGNORED_LABELS if label in palette and len(palette) != label + 1]
    ignore_index = others[0] if others else None
    if ignore_index is not None:
        labels.remove(ignore_index)
    missing = next((i for i, label in enumerate(labels) if label != i), None)
    if missing is not None or not labels:
        raise ValueError(
            f"palette must be a dict of the labels 0 to {max(len(labels) - 1, 0)}, got "
            f"{', '.join(map(str, sorted(palette)[:5]))}{', ...' if len(palette) > 5 else ''}: "
            f"label {missing or 0} has no color; an ignored label is 255 or -1, or ignore_index= "
            "of segpost.Palette"
        )
    values = [palette[label] for label in labels]
    void = None if ignore_index is None else palette[ignore_index]
    if not any(_is_named_color(value) for value in values):
        return Entries(values, None, void, ignore_index)
    unnamed = next((label for label in labels if not _is_named_color(palette[label])), None)
    if unnamed is not None:
        raise TypeError(
            f"palette has (name, color) for some labels, but {palette[unnamed]!r} for {unnamed}"
        )
    if void is not None and _is_named_color(void):
        void = void[1]
    names = tuple(name for name, _ in values)
    return Entries([color for _, color in values], names, void, ignore_index)


def _is_named_color(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2 and isinstance(value[0], str)
