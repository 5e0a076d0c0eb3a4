"""Pairing of predictions with targets, instance maps and images, by the names of their files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from segpost._core.text import display_path, format_names
from segpost.files.images import IMAGE_SUFFIXES, LABEL_SUFFIXES
from segpost.files.listing import is_single_file, list_files
from segpost.files.tensors import LOGITS_SUFFIXES


class Pair(NamedTuple):
    """A prediction and its target, with the target's key as id, and maybe its instance map."""

    id: str
    preds: Path
    target: Path
    instances: Path | None = None


class Pairing(NamedTuple):
    """The pairs of a data set, and the files that pair with nothing.

    Attributes
    ----------
    pairs : sequence of Pair
        In the order of their ids.
    targets_without_preds, preds_without_target : list of str
        Keys of files.
    pairs_without_instances : sequence of str
        Ids of pairs that were left out, because they have no instance map.
    """

    pairs: Sequence[Pair]
    targets_without_preds: list[str]
    preds_without_target: list[str]
    pairs_without_instances: Sequence[str] = ()

    def describe_unpaired(self) -> list[str]:
        """Return a sentence about each kind of file that pairs with nothing."""
        missing, extra = self.targets_without_preds, self.preds_without_target
        without_instances = self.pairs_without_instances
        total = len(self.pairs) + len(missing) + len(without_instances)
        sentences = []
        if missing:
            count = f"{len(missing)} of {total} targets have no prediction"
            sentences.append(f"{count}: {format_names(missing)}")
        if extra:
            count = f"{len(extra)} predictions have no target"
            sentences.append(f"{count}: {format_names(extra)}")
        if without_instances:
            count = f"{len(without_instances)} of {total} targets have no map of instances"
            sentences.append(f"{count}: {format_names(without_instances)}")
        return sentences


def pair_files(
    preds: Path,
    targets: Path,
    *,
    pred_suffixes: Sequence[str] = (),
    target_suffixes: Sequence[str] = (),
) -> Pairing:
    """Return the pairs of two sources, by the paths of their files, or else by names alone.

    Parameters
    ----------
    preds, targets : Path
        A folder, searched with everything below it; a file; or a .txt file with a path a line.
    pred_suffixes, target_suffixes : sequence of str
        Ends of names that are removed; files that end otherwise do not belong to the data set.
        Without any, the common ones are removed where they are.

    Raises
    ------
    ValueError, OSError
        If a source holds no such files, names are ambiguous, or nothing pairs.
    """
    pred_files = list_files(preds, "preds=", (*LABEL_SUFFIXES, *LOGITS_SUFFIXES), pred_suffixes)
    target_files = list_files(targets, "targets=", LABEL_SUFFIXES, target_suffixes)
    if is_single_file(preds) and is_single_file(targets):
        target = target_files[0]
        return Pairing([_check_distinct(Pair(target.key, pred_files[0].path, target.path))], [], [])
    paths = _unique_paths(pred_files, "preds=", "pred_suffixes= says which are meant")
    target_paths = _unique_paths(target_files, "targets=", "target_suffixes= says which are meant")
    paths, target_paths, ids = _common_keys(paths, target_paths, "preds=")
    pairs = [
        _check_distinct(Pair(ids[key], paths[key], target_paths[key]))
        for key in sorted(target_paths.keys() & paths)
    ]
    return Pairing(
        sorted(pairs),
        sorted(ids[key] for key in target_paths.keys() - paths),
        sorted(paths.keys() - target_paths),
    )


def add_instances(
    pairing: Pairing, instances: Path, instance_suffixes: Sequence[str] = ()
) -> Pairing:
    """Return the pairs that have an instance map, with it, by the rules of `pair_files`.

    Instance maps of no pair are left alone.

    Parameters
    ----------
    pairing : Pairing
        Predictions and targets.
    instances : Path
        A folder, a file or a list, as in `pair_files`.
    instance_suffixes : sequence of str
        Ends of the names of instance maps.

    Raises
    ------
    ValueError, OSError
        As `pair_files`.
    """
    files = list_files(instances, "instances=", LABEL_SUFFIXES, instance_suffixes, instances=True)
    if is_single_file(instances) and len(pairing.pairs) == 1:
        by_id = {pairing.pairs[0].id: files[0].path}
    else:
        paths = _unique_paths(files, "instances=", "instance_suffixes= says which are meant")
        targets = {pair.id: pair.target for pair in pairing.pairs}
        paths, targets, ids = _common_keys(paths, targets, "instances=")
        by_id = {ids[key]: paths[key] for key in targets.keys() & paths}
    return pairing._replace(
        pairs=[
            _check_distinct(pair._replace(instances=by_id[pair.id]))
            for pair in pairing.pairs
            if pair.id in by_id
        ],
        pairs_without_instances=[pair.id for pair in pairing.pairs if pair.id not in by_id],
    )


def find_images(images: Path, ids: Iterable[str]) -> dict[str, Path]:
    """Return the image of every id that has one in a folder, by path, or else by name alone."""
    by_key: dict[str, Path] = {}
    for key, path in list_files(images, "images=", IMAGE_SUFFIXES):
        by_key.setdefault(key, path)
    by_name = {_last_part(key): path for key, path in sorted(by_key.items(), reverse=True)}
    paths = {id_: by_key.get(id_) or by_name.get(_last_part(id_)) for id_ in ids}
    return {id_: path for id_, path in paths.items() if path is not None}


def _last_part(key: str) -> str:
    """Return a key without its folders."""
    return key.rpartition("/")[2]


def _unique_paths(files: Iterable[tuple[str, Path]], what: str, hint: str) -> dict[str, Path]:
    """Return paths by key; two files of one key are an error."""
    by_key: dict[str, list[Path]] = {}
    for key, path in files:
        by_key.setdefault(key, []).append(path)
    ambiguous = {key: paths for key, paths in by_key.items() if len(paths) > 1}
    if ambiguous:
        key, paths = min(ambiguous.items())
        count = "1 name belongs" if len(ambiguous) == 1 else f"{len(ambiguous)} names belong"
        raise ValueError(
            f"{what}: {count} to more than one file, {key!r} to "
            f"{format_names([str(path) for path in paths])}; {hint}"
        )
    return {key: paths[0] for key, paths in by_key.items()}


def _common_keys(
    paths: dict[str, Path], targets: dict[str, Path], what: str
) -> tuple[dict[str, Path], dict[str, Path], dict[str, str]]:
    """Return files and targets by keys that both have, and the targets' own keys.

    The keys stay where they share one, or else become names without folders.

    Raises
    ------
    ValueError
        If they share neither, or names alone are ambiguous.
    """
    if not paths.keys().isdisjoint(targets):
        return paths, targets, {key: key for key in targets}
    ids = {_last_part(key): key for key in targets}
    if ids.keys().isdisjoint(map(_last_part, paths)):
        raise ValueError(_describe_no_pairs(list(paths), list(targets), what))
    hint = "their folders are called otherwise on the other side"
    paths = _unique_paths([(_last_part(key), path) for key, path in paths.items()], what, hint)
    by_name = [(_last_part(key), path) for key, path in targets.items()]
    return paths, _unique_paths(by_name, "targets=", hint), ids


def _check_distinct(pair: Pair) -> Pair:
    """Return the pair, and refuse a file that is two things at once."""
    kinds = (("prediction", pair.preds), ("target", pair.target), ("instances", pair.instances))
    existing = [(kind, path) for kind, path in kinds if path is not None and path.exists()]
    for (kind, path), (other, other_path) in combinations(existing, 2):
        if path.samefile(other_path):
            raise ValueError(f"{display_path(path)} is {kind} and {other} at once")
    return pair


def _describe_no_pairs(keys: Sequence[str], targets: Sequence[str], what: str) -> str:
    """Return the error about files none of which has the key of a target."""
    noun, plural, argument = "prediction", "predictions", "pred_suffixes="
    if what == "instances=":
        noun, plural, argument = "map of instances", "maps", "instance_suffixes="
    return (
        f"no {noun} has the name of a target: {plural} are {format_names(keys)}, targets "
        f"{format_names(targets)}; {argument} and target_suffixes= take off what differs at the "
        "end"
    )
