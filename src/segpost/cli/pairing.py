"""Which prediction belongs to which target: by their names."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from segpost.cli.pictures import ARRAYS, LABELS

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
# Files of Cityscapes that lie beside the label maps and are none.
NO_LABELS = ("_color", "_instanceIds", "_instanceTrainIds")
NAMED = 3  # files that an error names


class Pair(NamedTuple):
    """A prediction and its target, under the target's name."""

    id: str
    preds: Path
    target: Path


class Pairing(NamedTuple):
    """What belongs together, and what is left over."""

    pairs: list[Pair]  # in the order of their ids
    no_preds: list[str]  # targets
    no_target: list[str]  # predictions


class Found(NamedTuple):
    """A file, and the path that it is known by: without suffixes, / between its parts."""

    key: str
    path: Path


def pair(
    preds: Path,
    targets: Path,
    *,
    pred_suffixes: Sequence[str] = (),
    target_suffixes: Sequence[str] = (),
) -> Pairing:
    """Pair the files of two places: by their paths there, or else by their names alone.

    Parameters
    ----------
    preds, targets : path
        A folder, searched with everything below it; a file; or a .txt file with a path a line.
    pred_suffixes, target_suffixes : sequence of str
        Ends of names that are taken off; files that end otherwise do not belong to the data set.
        Without any, the common ones are taken off where they are.

    Raises
    ------
    ValueError, OSError
        If a place holds no such files, names are ambiguous, or none pairs.
    """
    left = find(preds, "PREDS", (*LABELS, *ARRAYS), pred_suffixes)
    right = find(targets, "TARGETS", LABELS, target_suffixes)
    if _is_one(preds) and _is_one(targets):
        return Pairing([_checked(Pair(right[0].key, left[0].path, right[0].path))], [], [])
    given = _unique(left, "PREDS", "--pred-suffix says which are meant")
    wanted = _unique(right, "TARGETS", "--target-suffix says which are meant")
    ids = {key: key for key in wanted}
    if given.keys().isdisjoint(wanted):
        ids = {_name(key): key for key in wanted}
        if ids.keys().isdisjoint(map(_name, given)):
            raise ValueError(_nothing_pairs(left, right))
        hint = "their folders are called otherwise on the other side"
        given = _unique([(_name(key), path) for key, path in given.items()], "PREDS", hint)
        wanted = _unique([(_name(key), path) for key, path in wanted.items()], "TARGETS", hint)
    pairs = [_checked(Pair(ids[key], given[key], wanted[key])) for key in wanted.keys() & given]
    return Pairing(
        sorted(pairs),
        sorted(ids[key] for key in wanted.keys() - given),
        sorted(given.keys() - wanted),
    )


def find(
    place: Path, what: str, kinds: Collection[str], suffixes: Sequence[str] = ()
) -> list[Found]:
    """The files of a place, sorted by what they are known by."""
    if _is_one(place):
        if not place.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(place))
        return [Found(_key(place.name, suffixes) or place.stem, place)]
    listed = list(_lines(place)) if place.suffix.lower() == ".txt" else list(_below(place))
    files = [(name, path) for name, path in listed if path.suffix.lower() in kinds]
    if not files:
        others = sorted({path.suffix.lower() for _, path in listed if path.suffix})
        raise ValueError(
            f"{what}: {shown(place)} holds no {', '.join(dict.fromkeys(kinds))} file"
            + (f", but {len(listed)} of {', '.join(others[:NAMED])}" if others else "")
        )
    found = [Found(key, path) for name, path in files if (key := _key(name, suffixes))]
    if not found:
        raise ValueError(
            f"{what}: no file in {shown(place)} has a name that ends with "
            f"{' or '.join(map(repr, suffixes))} before its suffix; there is "
            f"{named([name for name, _ in files])}"
        )
    return sorted(found)


def images(place: Path, kinds: Collection[str], wanted: Iterable[str]) -> dict[str, Path]:
    """The photograph of every id, where there is one: by path, or else by name."""
    by_path: dict[str, Path] = {}
    for key, path in find(place, "--images", kinds):
        by_path.setdefault(key, path)
    by_name = {_name(key): path for key, path in sorted(by_path.items(), reverse=True)}
    paths = {key: by_path.get(key) or by_name.get(_name(key)) for key in wanted}
    return {key: path for key, path in paths.items() if path is not None}


def left_over(pairing: Pairing) -> list[str]:
    """Sentences about files that pair with nothing."""
    total = len(pairing.pairs) + len(pairing.no_preds)
    says = []
    if pairing.no_preds:
        many = f"{len(pairing.no_preds)} of {total} targets have no prediction"
        says.append(f"{many}: {named(pairing.no_preds)}")
    if pairing.no_target:
        many = f"{len(pairing.no_target)} predictions have no target"
        says.append(f"{many}: {named(pairing.no_target)}")
    return says


def named(names: Sequence[str]) -> str:
    """The first few names, and how many there are beyond."""
    few = ", ".join(map(repr, names[:NAMED]))
    return few if len(names) <= NAMED else f"{few} and {len(names) - NAMED} more"


def shown(path: Path) -> str:
    """A path as it is, or quoted where it has control characters."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def _is_one(place: Path) -> bool:
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


def _key(name: str, suffixes: Sequence[str]) -> str | None:
    """A name without its suffixes; None where it is none of the data set's."""
    before, slash, last = name.rpartition("/")
    stem = last.rpartition(".")[0] or last
    if suffixes:
        end = next((s for s in suffixes if stem.endswith(s) and len(stem) > len(s)), None)
        return None if end is None else before + slash + stem[: -len(end)]
    if ("_gtFine_" in stem or "_gtCoarse_" in stem) and stem.endswith(NO_LABELS):
        return None
    shorter = True
    while shorter:
        end = next((s for s in SUFFIXES if stem.endswith(s) and len(stem) > len(s)), "")
        stem, shorter = stem[: len(stem) - len(end)], bool(end)
    return before + slash + stem


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _unique(files: Iterable[tuple[str, Path]], what: str, hint: str) -> dict[str, Path]:
    """Paths by key; two files of one key are an error."""
    found: dict[str, list[Path]] = {}
    for key, path in files:
        found.setdefault(key, []).append(path)
    twice = {key: paths for key, paths in found.items() if len(paths) > 1}
    if twice:
        key, paths = min(twice.items())
        many = "1 name belongs" if len(twice) == 1 else f"{len(twice)} names belong"
        raise ValueError(
            f"{what}: {many} to more than one file, {key!r} to "
            f"{named([str(path) for path in paths])}; {hint}"
        )
    return {key: paths[0] for key, paths in found.items()}


def _checked(found: Pair) -> Pair:
    if found.preds.exists() and found.target.exists() and found.preds.samefile(found.target):
        raise ValueError(f"{shown(found.preds)} is prediction and target at once")
    return found


def _nothing_pairs(left: Sequence[Found], right: Sequence[Found]) -> str:
    return (
        f"no prediction has the name of a target: predictions are {named([f.key for f in left])}, "
        f"targets {named([f.key for f in right])}; --pred-suffix and --target-suffix take off what "
        "differs at the end"
    )
