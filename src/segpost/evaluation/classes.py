"""The classes of an evaluation: how many, their names, colors, groups, and ignored labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segpost._core.arguments import ClassNames, as_names
from segpost._core.text import display_path, format_names
from segpost.color.distinct import repeated_colors
from segpost.color.palette import Palette, as_palette
from segpost.files.tables import read_json_object
from segpost.metrics.instances import CITYSCAPES_THINGS

CITYSCAPES_GROUPS = {
    "flat": ("road", "sidewalk"),
    "construction": ("building", "wall", "fence"),
    "object": ("pole", "traffic light", "traffic sign"),
    "nature": ("vegetation", "terrain"),
    "sky": ("sky",),
    "human": ("person", "rider"),
    "vehicle": ("car", "truck", "bus", "train", "motorcycle", "bicycle"),
}


class Classes(NamedTuple):
    """The classes of an evaluation.

    Attributes
    ----------
    num_classes : int
    names : tuple of str, or None
    ignore_index : tuple of int
        Labels of the target that are not counted.
    groups : dict of str to list of int, or to such a dict, or None
        Categories of classes.
    colors : uint8 array of shape (num_classes, 3)
        What the classes are drawn with.
    """

    num_classes: int
    names: tuple[str, ...] | None
    ignore_index: tuple[int, ...]
    groups: dict[str, Any] | None
    colors: npt.NDArray[np.uint8]


def build_classes(
    *,
    num_classes: int | None = None,
    palette: str | None = None,
    class_names: ClassNames | None = None,
    ignore_index: Sequence[int] = (),
    implied_ignore_index: int | None = None,
    groups: str | None = None,
) -> Classes:
    """Return the classes that the arguments say together.

    Parameters
    ----------
    num_classes : int, optional
        Their number, where neither a palette nor names tell it.
    palette : str, optional
        A built-in palette, for number, names, ignored label and colors.
    class_names : sequence of str, or dict of them by label, optional
        Names, in place of the palette's.
    ignore_index : sequence of int
        Labels of the target that are not counted. Without any, the palette's and the implied one.
    implied_ignore_index : int, optional
        The ignored label that a label table gives.
    groups : str, optional
        Categories: "cityscapes", or a .json file ``{"group": [class, ...], ...}``.

    Raises
    ------
    ValueError, OSError
        If the arguments tell no number of classes, or contradict each other.

    Examples
    --------
    >>> from segpost.evaluation import build_classes
    >>> classes = build_classes(palette="voc")
    >>> classes.num_classes, classes.names[15], classes.ignore_index
    (21, 'person', (255,))
    """
    colors = None if palette is None else as_palette(palette)
    counts = {
        "num_classes=": num_classes,
        "class_names=": None if class_names is None else len(class_names),
        "palette=": None if colors is None else len(colors),
    }
    present = {argument: count for argument, count in counts.items() if count is not None}
    if not present:
        raise ValueError("how many classes are there? Give num_classes=N or palette=NAME")
    if len(set(present.values())) > 1:
        listed = ", ".join(f"{argument} says {count}" for argument, count in present.items())
        raise ValueError(f"the number of classes is not clear: {listed}")
    count = next(iter(present.values()))
    names = None if colors is None else colors.names
    if class_names is not None:
        names = as_names(class_names, "class_names")
    ignored = tuple(ignore_index)
    if not ignored:
        implied = (None if colors is None else colors.ignore_index, implied_ignore_index)
        ignored = tuple(sorted({label for label in implied if label is not None}))
    return Classes(
        count,
        names,
        ignored,
        None if groups is None else _read_groups(groups, count, names),
        repeated_colors(count) if colors is None else colors.colors,
    )


def read_thing_classes(source: str, classes: Classes) -> dict[int, float]:
    """Return the classes that have instances, and the mean size of an instance in pixels.

    Parameters
    ----------
    source : str
        "cityscapes", or a .json file ``{"class": size, ...}`` of class names or numbers.
    classes : Classes
        The classes of the evaluation.

    Raises
    ------
    ValueError, OSError
        If there is no such class, a class is there twice, or a size is no positive number.
    """
    names = classes.names
    if source == "cityscapes":
        names = _names_or_cityscapes(names, classes.num_classes)
        train_names = _cityscapes_names()
        sizes: dict[str, Any] = {train_names[c]: size for c, size in CITYSCAPES_THINGS.items()}
        where = "things of cityscapes"
    else:
        sizes, where = _read_json(source, "things=")
    labels = _labels_by_name(names)
    things: dict[int, float] = {}
    for key, size in sizes.items():
        is_number = key.isdecimal() and _normalize(key) not in labels
        label = _find_class(int(key) if is_number else key, labels, where)
        if label in things:
            raise ValueError(f"{where}: class {label} is there twice")
        if label >= classes.num_classes:
            raise ValueError(f"{where}: there is no class {label} among {classes.num_classes}")
        if isinstance(size, bool) or not isinstance(size, (int, float)) or not 0 < size < math.inf:
            raise ValueError(f"{where}: {size!r} is no mean size of class {key!r}, in pixels")
        things[label] = float(size)
    if not things:
        raise ValueError(f"{where}: no class has instances")
    return things


def _read_groups(source: str, num_classes: int, names: tuple[str, ...] | None) -> dict[str, Any]:
    """Return categories as class numbers, from class names or numbers."""
    if source == "cityscapes":
        names = _names_or_cityscapes(names, num_classes)
        members: dict[str, Iterable[Any]] = dict(CITYSCAPES_GROUPS)
        where = "groups=cityscapes"
    else:
        members, where = _read_json(source, "groups=")
    labels = _labels_by_name(names)
    return _number_groups(members, labels, where)


def _number_groups(members: dict[str, Any], labels: dict[str, int], where: str) -> dict[str, Any]:
    """Return a tree of groups with the numbers of classes."""
    groups: dict[str, Any] = {}
    for group, classes in members.items():
        if isinstance(classes, dict):
            groups[group] = _number_groups(classes, labels, where)
            continue
        if not isinstance(classes, (list, tuple)):
            raise ValueError(f"{where}: {group!r} must be a list of classes")
        groups[group] = [_find_class(member, labels, where) for member in classes]
    return groups


def _read_json(source: str, argument: str) -> tuple[dict[str, Any], str]:
    """Return the object of a .json file, and what it is called in errors."""
    path = Path(source)
    if path.suffix.lower() != ".json":
        raise ValueError(f"{argument} takes cityscapes or a .json file, got {source!r}")
    return read_json_object(path), display_path(path)


def _names_or_cityscapes(names: tuple[str, ...] | None, count: int) -> tuple[str, ...] | None:
    """Return the names, or those of Cityscapes' trainIds where as many classes have none."""
    train_names = _cityscapes_names()
    return train_names if names is None and count == len(train_names) else names


def _cityscapes_names() -> tuple[str, ...]:
    return Palette.named("cityscapes").names or ()


def _labels_by_name(names: tuple[str, ...] | None) -> dict[str, int]:
    return {_normalize(name): label for label, name in enumerate(names or ())}


def _find_class(member: Any, labels: dict[str, int], where: str) -> int:
    """Return the label of a class that is named or numbered."""
    if isinstance(member, int) and not isinstance(member, bool):
        return member
    if isinstance(member, str) and _normalize(member) in labels:
        return labels[_normalize(member)]
    names = format_names(list(labels)) if labels else "none; class_names= or palette= gives them"
    raise ValueError(f"{where}: no class is called {member!r}; names are {names}")


def _normalize(name: str) -> str:
    """Return a class name without differences of case and of what joins its words."""
    return name.casefold().replace("_", " ").replace("-", " ")
