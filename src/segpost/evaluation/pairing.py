"""Which prediction belongs to which target: by their names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from segpost.cli.messages import named, shown
from segpost.files.images import ARRAYS, LABELS
from segpost.files.listing import find, is_one


class Pair(NamedTuple):
    """A prediction and its target, under the target's name; and its instances, where wanted."""

    id: str
    preds: Path
    target: Path
    instances: Path | None = None


class Pairing(NamedTuple):
    """What belongs together, and what is left over."""

    pairs: list[Pair]  # in the order of their ids
    no_preds: list[str]  # targets
    no_target: list[str]  # predictions
    no_instances: Sequence[str] = ()  # targets that have a prediction


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
    if is_one(preds) and is_one(targets):
        return Pairing([_checked(Pair(right[0].key, left[0].path, right[0].path))], [], [])
    given = _unique(left, "PREDS", "--pred-suffix says which are meant")
    wanted = _unique(right, "TARGETS", "--target-suffix says which are meant")
    given, wanted, ids = _comparable(given, wanted, "PREDS")
    pairs = [_checked(Pair(ids[key], given[key], wanted[key])) for key in wanted.keys() & given]
    return Pairing(
        sorted(pairs),
        sorted(ids[key] for key in wanted.keys() - given),
        sorted(given.keys() - wanted),
    )


def with_instances(found: Pairing, place: Path, suffixes: Sequence[str] = ()) -> Pairing:
    """The same pairs with their maps of instances, by the rules of `pair`.

    Maps that belong to no pair are no concern; pairs without one are left over.

    Parameters
    ----------
    found : Pairing
    place : path
        A folder, a file or a list, as in `pair`.
    suffixes : sequence of str
        Ends of the maps' names.

    Raises
    ------
    ValueError, OSError
        As `pair`.
    """
    files = find(place, "--instances", LABELS, suffixes, instances=True)
    if is_one(place) and len(found.pairs) == 1:
        paths = {found.pairs[0].id: files[0].path}
    else:
        given = _unique(files, "--instances", "--instance-suffix says which are meant")
        targets = {pair.id: pair.target for pair in found.pairs}
        given, targets, ids = _comparable(given, targets, "--instances")
        paths = {ids[key]: given[key] for key in targets.keys() & given}
    return found._replace(
        pairs=[
            _checked(pair._replace(instances=paths[pair.id]))
            for pair in found.pairs
            if pair.id in paths
        ],
        no_instances=[pair.id for pair in found.pairs if pair.id not in paths],
    )


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
    total = len(pairing.pairs) + len(pairing.no_preds) + len(pairing.no_instances)
    says = []
    if pairing.no_preds:
        many = f"{len(pairing.no_preds)} of {total} targets have no prediction"
        says.append(f"{many}: {named(pairing.no_preds)}")
    if pairing.no_target:
        many = f"{len(pairing.no_target)} predictions have no target"
        says.append(f"{many}: {named(pairing.no_target)}")
    if pairing.no_instances:
        many = f"{len(pairing.no_instances)} of {total} targets have no map of instances"
        says.append(f"{many}: {named(pairing.no_instances)}")
    return says


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


def _comparable(
    given: dict[str, Path], wanted: dict[str, Path], what: str
) -> tuple[dict[str, Path], dict[str, Path], dict[str, str]]:
    """Files and targets by keys that both have: paths, or else names alone; and the targets' own.

    Raises
    ------
    ValueError
        If they share neither, or names alone are ambiguous.
    """
    if not given.keys().isdisjoint(wanted):
        return given, wanted, {key: key for key in wanted}
    ids = {_name(key): key for key in wanted}
    if ids.keys().isdisjoint(map(_name, given)):
        raise ValueError(_nothing_pairs(list(given), list(wanted), what))
    hint = "their folders are called otherwise on the other side"
    given = _unique([(_name(key), path) for key, path in given.items()], what, hint)
    return (
        given,
        _unique([(_name(key), path) for key, path in wanted.items()], "TARGETS", hint),
        ids,
    )


def _checked(found: Pair) -> Pair:
    """The pair; no file may be two things at once."""
    kinds = (("prediction", found.preds), ("target", found.target), ("instances", found.instances))
    there = [(kind, path) for kind, path in kinds if path is not None and path.exists()]
    for (kind, path), (other, same) in combinations(there, 2):
        if path.samefile(same):
            raise ValueError(f"{shown(path)} is {kind} and {other} at once")
    return found


def _nothing_pairs(given: Sequence[str], wanted: Sequence[str], what: str) -> str:
    noun, many, option = "prediction", "predictions", "--pred-suffix"
    if what == "--instances":
        noun, many, option = "map of instances", "maps", "--instance-suffix"
    return (
        f"no {noun} has the name of a target: {many} are {named(given)}, "
        f"targets {named(wanted)}; {option} and --target-suffix take off what differs at the end"
    )
