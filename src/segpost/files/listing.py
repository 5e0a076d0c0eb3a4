"""The files of a data set, and what they are known by: their names without the usual ends."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from segpost.cli.messages import NAMED, named, shown

# What names end with and the other side's do not.
SUFFIXES = (
    "_leftImg8bit",
    "_gtFine_labelIds",
    "_gtFine_labelTrainIds",
    "_gtCoarse_labelIds",
    "_gtCoarse_labelTrainIds",
    "_predictions",
    "_prediction",
    "_preds",
    "_pred",
    "_labels",
    "_label",
    "_masks",
    "_mask",
    "_seg",
    "_target",
    "_gt",
    "_logits",
    "_image",
)
INSTANCE_SUFFIXES = (
    "_gtFine_instanceIds",
    "_gtCoarse_instanceIds",
    "_instanceIds",
    "_instances",
    "_instance",
)
# Files of Cityscapes that lie beside the label maps and are none; and the only maps of instances.
NO_LABELS = ("_color", "_instanceIds", "_instanceTrainIds")
INSTANCES = ("_instanceIds",)


class Found(NamedTuple):
    """A file, and the path that it is known by: without suffixes, / between its parts."""

    key: str
    path: Path


def find(
    place: Path,
    what: str,
    kinds: Collection[str],
    suffixes: Sequence[str] = (),
    *,
    instances: bool = False,
) -> list[Found]:
    """The files of a place, sorted by what they are known by."""
    if is_one(place):
        if not place.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(place))
        return [Found(_key(place.name, suffixes, instances) or place.stem, place)]
    listed = list(_lines(place)) if place.suffix.lower() == ".txt" else list(_below(place))
    files = [(name, path) for name, path in listed if path.suffix.lower() in kinds]
    if not files:
        others = sorted({path.suffix.lower() for _, path in listed if path.suffix})
        raise ValueError(
            f"{what}: {shown(place)} holds no {', '.join(dict.fromkeys(kinds))} file"
            + (f", but {len(listed)} of {', '.join(others[:NAMED])}" if others else "")
        )
    found = [Found(key, path) for name, path in files if (key := _key(name, suffixes, instances))]
    if not found:
        ends = suffixes or (INSTANCES if instances else ("_labelIds", "_labelTrainIds"))
        raise ValueError(
            f"{what}: no file in {shown(place)} has a name that ends with "
            f"{' or '.join(map(repr, ends))} before its suffix; there is "
            f"{named([name for name, _ in files])}"
        )
    return sorted(found)


def is_one(place: Path) -> bool:
    """Whether a place is one file, not a folder or a list."""
    return not place.is_dir() and place.suffix.lower() != ".txt"


def _below(folder: Path, above: tuple[tuple[int, int], ...] = ()) -> Iterator[tuple[str, Path]]:
    """Relative names and paths of the files below, without hidden ones; links are followed."""
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            path = folder / entry.name
            if entry.is_dir():
                for name, inner in _below(path, (*above, here)):
                    yield f"{entry.name}/{name}", inner
            elif entry.is_file() or not path.exists():  # a dead link fails later; no pipes
                yield entry.name, path


def _lines(place: Path) -> Iterator[tuple[str, Path]]:
    """The paths that a list names, relative to it."""
    text = place.read_bytes().decode("utf-8", "surrogateescape")
    lines = (line.strip(" \t\r") for line in text.lstrip("\ufeff").split("\n"))
    names = [line for line in lines if line]
    if not names:
        raise ValueError(f"{shown(place)} names no file")
    if any("\0" in name for name in names):
        raise ValueError(f"{shown(place)} is no list of paths: it holds zero bytes")
    repeated = sorted(name for name, times in Counter(names).items() if times > 1)
    if repeated:
        raise ValueError(f"{shown(place)} names {named(repeated)} more than once")
    missing = [name for name in names if not (place.parent / name).is_file()]
    if missing:
        raise ValueError(
            f"{shown(place)} names {len(missing)} of {len(names)} files that are not there, "
            f"relative to {shown(place.parent)}: {named(missing)}"
        )
    for name in names:
        yield Path(name).as_posix(), place.parent / name


def _key(name: str, suffixes: Sequence[str], instances: bool) -> str | None:
    """A name without its suffixes; None where it is none of the data set's."""
    before, slash, last = name.rpartition("/")
    stem = last.rpartition(".")[0] or last
    if suffixes:
        end = next((s for s in suffixes if stem.endswith(s) and len(stem) > len(s)), None)
        return None if end is None else before + slash + stem[: -len(end)]
    wrong = not stem.endswith(INSTANCES) if instances else stem.endswith(NO_LABELS)
    if wrong and ("_gtFine_" in stem or "_gtCoarse_" in stem):
        return None
    ends = (*INSTANCE_SUFFIXES, *SUFFIXES) if instances else SUFFIXES
    shorter = True
    while shorter:
        end = next((s for s in ends if stem.endswith(s) and len(stem) > len(s)), "")
        stem, shorter = stem[: len(stem) - len(end)], bool(end)
    return before + slash + stem
