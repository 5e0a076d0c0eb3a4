"""Reader of the palette files of this folder, one file a dataset.

A file ``NAME.txt`` is a header of lines ``key: value``, a blank line, and one line ``name rrggbb``
for every class in the order of its label; a name may have spaces. The keys are

source
    The dataset, and where its names and colors are published. Needed.
order
    An integer: the place of the palette in `list_palettes`. Palettes without one come last.
aliases
    Other names of the palette, separated by commas.
ignore_index
    The label of pixels without a class.
void
    The color of `ignore_index`, as rrggbb. Needed where there is an `ignore_index`. Most datasets
    name none: it is black, or VOC's e0e0c0 where black is the color of a class.
inverse
    "yes" if every label has a color of its own, so that colors can be turned into labels. "no"
    where the dataset itself, or the tool that published its colors, repeats some. Needed.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent
KEYS = ("source", "order", "aliases", "ignore_index", "void", "inverse")

RGB = tuple[int, int, int]


class Dataset(NamedTuple):
    """The classes of a dataset: ``names[i]`` and ``colors[i]`` belong to label ``i``."""

    names: tuple[str, ...]
    colors: tuple[RGB, ...]
    ignore_index: int | None
    void: RGB | None
    source: str


@lru_cache
def list_palettes(folder: Path = FOLDER) -> tuple[str, ...]:
    """Return the names of all palettes, without their aliases, in their order."""
    headers = _read_headers(folder)
    return tuple(sorted(headers, key=lambda name: (_order(headers[name]), name)))


@lru_cache
def list_palettes_of(classes: int, folder: Path = FOLDER) -> tuple[str, ...]:
    """Return the names of the palettes with as many classes."""
    palettes = list_palettes(folder)
    return tuple(name for name in palettes if len(read_dataset(name, folder).names) == classes)


@lru_cache
def list_aliases(folder: Path = FOLDER) -> dict[str, tuple[str, ...]]:
    """Return the other names of every palette."""
    return {
        name: tuple(alias for alias, palette in _aliases(folder).items() if palette == name)
        for name in list_palettes(folder)
    }


@lru_cache
def read_dataset(name: str, folder: Path = FOLDER) -> Dataset:
    """Return the classes of a dataset.

    Parameters
    ----------
    name : str
        The name or an alias of a palette.
    folder : path
        The folder of the palette files.

    Raises
    ------
    KeyError
        If no palette has that name.
    ValueError
        If its file cannot be read as one: the message names the file and the line.

    Examples
    --------
    >>> from segpost.color.datasets.reader import read_dataset
    >>> loveda = read_dataset("loveda")
    >>> loveda.names[3], loveda.colors[3], loveda.ignore_index
    ('water', (0, 0, 255), 255)
    """
    headers = _read_headers(folder)
    file = folder / f"{_find_name(name, folder)}.txt"
    header = headers[file.stem]
    names, colors = _read_classes(file)
    ignore_index = int(header["ignore_index"]) if "ignore_index" in header else None
    void = _parse_color(header["void"], file) if ignore_index is not None else None
    used = [color for label, color in enumerate(colors) if label != ignore_index]
    used += [] if void is None else [void]
    if (len(set(used)) == len(used)) != (header["inverse"] == "yes"):
        raise ValueError(f"{file.name}: the colors contradict 'inverse: {header['inverse']}'")
    return Dataset(names, colors, ignore_index, void, header["source"])


def _find_name(name: str, folder: Path) -> str:
    """Return the name that a palette's file has; KeyError if there is none."""
    aliases = _aliases(folder)
    name = aliases.get(name, name)
    if name not in _read_headers(folder):
        names = ", ".join(list_palettes(folder))
        raise KeyError(f"unknown palette {name!r}; known: {names}")
    return name


@lru_cache
def _aliases(folder: Path) -> dict[str, str]:
    headers = _read_headers(folder)
    aliases: dict[str, str] = {}
    for name, header in headers.items():
        for alias in filter(None, map(str.strip, header.get("aliases", "").split(","))):
            if alias in headers or alias in aliases:
                raise ValueError(f"{name}.txt: the alias {alias!r} is another palette's name")
            aliases[alias] = name
    return aliases


@lru_cache
def _read_headers(folder: Path) -> dict[str, dict[str, str]]:
    return {file.stem: _read_header(file) for file in folder.glob("*.txt")}


def _read_header(file: Path) -> dict[str, str]:
    header: dict[str, str] = {}
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                break
            key, colon, value = (part.strip() for part in line.partition(":"))
            if key not in KEYS or not colon or key in header:
                raise ValueError(
                    f"{file.name}, line {number}: a header line must be 'key: value', each of "
                    f"{', '.join(KEYS)} at most once, got {line.strip()!r}"
                )
            header[key] = value
    needed = ["source", "inverse", *(["void"] if "ignore_index" in header else [])]
    missing = [key for key in needed if not header.get(key)]
    if missing:
        raise ValueError(f"{file.name}: the header has no {missing[0]!r}")
    if header["inverse"] not in ("yes", "no"):
        raise ValueError(f"{file.name}: inverse must be yes or no, got {header['inverse']!r}")
    for key in ("order", "ignore_index"):
        if not header.get(key, "0").removeprefix("-").isdecimal():
            raise ValueError(f"{file.name}: {key} must be an integer, got {header[key]!r}")
    return header


def _order(header: dict[str, str]) -> float:
    return float(header.get("order", "inf"))


def _read_classes(file: Path) -> tuple[tuple[str, ...], tuple[RGB, ...]]:
    lines = file.read_text(encoding="utf-8").splitlines()
    start = next((i for i, line in enumerate(lines) if not line.strip()), len(lines))
    names, colors = [], []
    for number, line in enumerate(lines[start + 1 :], start + 2):
        name, _, code = line.rpartition(" ")
        if not name.strip():
            raise ValueError(
                f"{file.name}, line {number}: a class must be 'name rrggbb', got {line!r}"
            )
        names.append(name)
        colors.append(_parse_color(code, file, number))
    if not names:
        raise ValueError(f"{file.name}: there are no classes below the header and a blank line")
    return tuple(names), tuple(colors)


def _parse_color(code: str, file: Path, line: int | None = None) -> RGB:
    try:
        red, green, blue = bytes.fromhex(code)
    except ValueError:
        where = file.name if line is None else f"{file.name}, line {line}"
        raise ValueError(f"{where}: a color must be rrggbb, got {code!r}") from None
    return red, green, blue
