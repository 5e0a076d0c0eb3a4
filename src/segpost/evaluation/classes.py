"""What the classes of an evaluation are: how many, their names, what is void, what becomes what."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segpost import Palette
from segpost.cli.messages import named, shown
from segpost.metrics.instances import CITYSCAPES_THINGS

Array = npt.NDArray[Any]

MOST_BYTES = 1 << 24  # of a file of names, groups or a map
VOID = 255  # that the maps of public datasets make
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
    """The classes, and how they are drawn."""

    number: int
    names: tuple[str, ...] | None
    ignore: tuple[int, ...]
    groups: dict[str, list[int]] | None
    colors: npt.NDArray[np.uint8]  # (number, 3)


class LabelMap:
    """A table of labels and what they become; labels that are not in it are an error."""

    def __init__(self, table: dict[int, int], name: str, void: int | None = None) -> None:
        self.name = name
        self.void = void  # the value that it makes of what is no class
        self._keys = np.array(sorted(table), np.int64)
        self._values = np.array([table[key] for key in sorted(table)], np.int64)
        small = self._values.size and self._values.min() >= 0 and self._values.max() <= 255
        self._values = self._values.astype(np.uint8 if small else np.int64)
        place, known = self._look_up(np.arange(256))
        self._bytes = (self._values[place].tobytes(), known.tobytes()) if small else None

    def __call__(self, labels: Array) -> Array:
        """The labels that these become.

        Raises
        ------
        ValueError, TypeError
            For labels that are not in the table: which, how many, and where the first is.
        """
        if labels.dtype.kind not in "iu":
            raise TypeError(f"labels must be integers, got {labels.dtype}")
        result: Array
        known: Array
        if labels.dtype == np.uint8 and self._bytes is not None:  # many times as fast
            content = labels.tobytes()
            result, known = (
                np.frombuffer(content.translate(table), dtype).reshape(labels.shape)
                for table, dtype in zip(self._bytes, (np.uint8, bool), strict=True)
            )
        else:
            place, known = self._look_up(labels)
            result = self._values[place]
        if not known.all():
            unknown = ~known
            values, counts = np.unique(labels[unknown], return_counts=True)
            listed = ", ".join(
                f"{value} ({count} times)"
                for value, count in zip(values[:8].tolist(), counts[:8].tolist(), strict=True)
            )
            more = f" and {len(values) - 8} other values" if len(values) > 8 else ""
            first = [int(i) for i in np.argwhere(unknown)[0]]
            raise ValueError(
                f"{int(unknown.sum())} of {labels.size} labels are not in the map {self.name}: "
                f"{listed}{more}, first at {first}"
            )
        return result

    def _look_up(self, labels: Array) -> tuple[Array, Array]:
        """Where labels are among the keys, and whether they are."""
        place = np.minimum(np.searchsorted(self._keys, labels), len(self._keys) - 1)
        return place, self._keys[place] == labels


def classes_of(arguments: argparse.Namespace, label_map: LabelMap | None) -> Classes:
    """The classes that the options say.

    Raises
    ------
    ValueError, OSError
        If they say none, or contradict each other.
    """
    palette = None if arguments.palette is None else Palette.named(arguments.palette)
    names = None if palette is None else palette.names
    if arguments.class_names is not None:
        names = names_in(arguments.class_names)
    told = {
        "--num-classes": arguments.num_classes,
        "--class-names": None if arguments.class_names is None else len(names or ()),
        "--palette": None if palette is None else len(palette),
    }
    numbers = {option: number for option, number in told.items() if number is not None}
    if not numbers:
        raise ValueError("how many classes are there? Give --num-classes N or --palette NAME")
    if len(set(numbers.values())) > 1:
        says = ", ".join(f"{option} says {number}" for option, number in numbers.items())
        raise ValueError(f"the number of classes is not clear: {says}")
    number = next(iter(numbers.values()))
    ignore = tuple(arguments.ignore_index or ())
    if not arguments.ignore_index:
        implied = [
            palette.ignore_index if palette is not None else None,
            label_map.void if label_map is not None and arguments.map_to != "preds" else None,
        ]
        ignore = tuple(sorted({value for value in implied if value is not None}))
    if palette is not None:
        colors = palette.colors
    else:
        distinct = Palette.distinct(min(number, 1024)).colors
        colors = distinct[np.arange(number) % len(distinct)]
    groups = None if arguments.groups is None else _groups(arguments.groups, number, names)
    return Classes(number, names, ignore, groups, colors)


def things(given: str, classes: Classes) -> dict[int, float]:
    """The classes that have instances, and the mean size of one.

    Parameters
    ----------
    given : str
        "cityscapes", or a .json file of sizes by class name or number.
    classes : Classes

    Raises
    ------
    ValueError, OSError
        If there is no such class, it is there twice, or a size is no number.
    """
    names = classes.names
    if given == "cityscapes":
        names = _or_cityscapes(names, classes.number)
        every = _names_of("cityscapes")
        sizes: dict[str, Any] = {every[c]: size for c, size in CITYSCAPES_THINGS.items()}
        where = "things of cityscapes"
    else:
        path = Path(given)
        if path.suffix.lower() != ".json":
            raise ValueError(f"--things takes cityscapes or a .json file, got {given!r}")
        sizes, where = _pairs(path), shown(path)
    known = _by_name(names)
    result: dict[int, float] = {}
    for key, size in sizes.items():
        is_number = key.isdecimal() and _plain(key) not in known
        label = _class(int(key) if is_number else key, known, where)
        if label in result:
            raise ValueError(f"{where}: class {label} is there twice")
        if label >= classes.number:
            raise ValueError(f"{where}: there is no class {label} among {classes.number}")
        if isinstance(size, bool) or not isinstance(size, (int, float)) or not 0 < size < math.inf:
            raise ValueError(f"{where}: {size!r} is no mean size of class {key!r}, in pixels")
        result[label] = float(size)
    if not result:
        raise ValueError(f"{where}: no class has instances")
    return result


def label_map(given: str | None) -> LabelMap | None:
    """The map of that name, or in that file."""
    if given is None:
        return None
    if given == "cityscapes":
        train = {name: label for label, name in enumerate(_names_of("cityscapes"))}
        every = enumerate(_names_of("cityscapes_labelid"))
        table = {label: train.get(name, VOID) for label, name in every}
        return LabelMap({**table, -1: VOID}, "cityscapes (labelId to trainId)", VOID)
    if given == "reduce_zero_label":
        shifted = {label: label - 1 for label in range(1, VOID)}
        return LabelMap({**shifted, 0: VOID, VOID: VOID}, "reduce_zero_label", VOID)
    path = Path(given)
    if path.suffix.lower() != ".json":
        raise ValueError(
            f"--map takes cityscapes, reduce_zero_label or a .json file, got {given!r}"
        )
    table = {}
    for key, value in _pairs(path).items():
        try:
            label = int(key)
        except ValueError:
            raise ValueError(f"{shown(path)}: {key!r} is no label") from None
        if label in table:
            raise ValueError(f"{shown(path)}: label {label} is there twice")
        table[label] = _integer(value, path)
    if not table:
        raise ValueError(f"{shown(path)}: the map is empty")
    return LabelMap(table, shown(path))


def nearest(labels: Array, size: tuple[int, int]) -> Array:
    """Labels at another size: of every output pixel the input pixel that its center lies in."""
    rows, columns = (
        (2 * np.arange(n_out, dtype=np.int64) + 1) * n_in // (2 * n_out)
        for n_in, n_out in zip(labels.shape, size, strict=True)
    )
    result: Array = labels[rows[:, None], columns]
    return result


def _groups(given: str, number: int, names: tuple[str, ...] | None) -> dict[str, list[int]]:
    """Categories as class numbers, from class names or numbers."""
    if given == "cityscapes":
        names = _or_cityscapes(names, number)
        wanted: dict[str, Iterable[Any]] = dict(CITYSCAPES_GROUPS)
        where = "--groups cityscapes"
    else:
        path = Path(given)
        if path.suffix.lower() != ".json":
            raise ValueError(f"--groups takes cityscapes or a .json file, got {given!r}")
        wanted, where = _pairs(path), shown(path)
    known = _by_name(names)
    result = {}
    for group, members in wanted.items():
        if not isinstance(members, (list, tuple)):
            raise ValueError(f"{where}: {group!r} must be a list of classes")
        result[group] = [_class(member, known, where) for member in members]
    return result


def _or_cityscapes(names: tuple[str, ...] | None, number: int) -> tuple[str, ...] | None:
    """The names, which for as many classes as its trainIds are Cityscapes' where none are given."""
    every = _names_of("cityscapes")
    return every if names is None and number == len(every) else names


def _by_name(names: tuple[str, ...] | None) -> dict[str, int]:
    return {_plain(name): label for label, name in enumerate(names or ())}


def _class(member: Any, known: dict[str, int], where: str) -> int:
    if isinstance(member, int) and not isinstance(member, bool):
        return member
    if isinstance(member, str) and _plain(member) in known:
        return known[_plain(member)]
    few = named(list(known)) if known else "none; --class-names or --palette gives them"
    raise ValueError(f"{where}: no class is called {member!r}; names are {few}")


def names_in(path: Path) -> tuple[str, ...]:
    """The class names of a file, one a line."""
    lines = _text(path).rstrip("\r\n").split("\n")
    names = tuple(line.strip() for line in lines)
    if not all(names):
        raise ValueError(f"{shown(path)}: line {names.index('') + 1} is empty; wanted is a name")
    return names


def _pairs(path: Path) -> dict[str, Any]:
    """A JSON object whose keys are all different."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) < len(pairs):
            keys = [key for key, _ in pairs]
            raise ValueError(f"{next(k for k in keys if keys.count(k) > 1)!r} is there twice")
        return result

    try:
        content = json.loads(_text(path), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{shown(path)}: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{shown(path)}: must hold an object, {{...}}")
    return content


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"{shown(path)} is too large")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{shown(path)} is no UTF-8 text: {error.reason}") from error


def _integer(value: Any, path: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError(f"{shown(path)}: {value!r} is no label")
    return value


def _names_of(palette: str) -> tuple[str, ...]:
    return Palette.named(palette).names or ()


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ").replace("-", " ")
