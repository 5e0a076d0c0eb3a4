"""Pairing of predictions with targets, instance maps and images, by the names of their files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from segpost._core.text import display_path, format_names
from segpost.files.images import IMAGE_SUFFIXES, LABEL_SUFFIXES
from segpost.files.listing import DataFile, is_single_file, list_files
from segpost.files.nifti import NIFTI_SUFFIXES
from segpost.files.tensors import LOGITS_SUFFIXES

CHANNEL = re.compile(r"_\d{4}$")  # that nnU-Net puts behind the names of images


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
    target_kinds = (*LABEL_SUFFIXES, *NIFTI_SUFFIXES)
    pred_files = list_files(preds, "preds=", (*target_kinds, *LOGITS_SUFFIXES), pred_suffixes)
    target_files = list_files(targets, "targets=", target_kinds, target_suffixes)
    if is_single_file(preds) and is_single_file(targets):
        _check_distinct({"prediction": pred_files[0], "target": target_files[0]})
        return Pairing(
            [Pair(target_files[0].key, pred_files[0].path, target_files[0].path)], [], []
        )
    preds_by_key = _unique_files(pred_files, "preds=", "pred_suffixes= says which are meant")
    by_key = _unique_files(target_files, "targets=", "target_suffixes= says which are meant")
    preds_by_key, by_key, ids = _common_keys(preds_by_key, by_key, "preds=")
    pairs = []
    for key in by_key.keys() & preds_by_key:
        _check_distinct({"prediction": preds_by_key[key], "target": by_key[key]})
        pairs.append(Pair(ids[key], preds_by_key[key].path, by_key[key].path))
    return Pairing(
        sorted(pairs),
        sorted(ids[key] for key in by_key.keys() - preds_by_key),
        sorted(preds_by_key.keys() - by_key),
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
        by_id = {pairing.pairs[0].id: files[0]}
    else:
        maps = _unique_files(files, "instances=", "instance_suffixes= says which are meant")
        targets = {pair.id: DataFile(pair.id, pair.target) for pair in pairing.pairs}
        maps, targets, ids = _common_keys(maps, targets, "instances=")
        by_id = {ids[key]: maps[key] for key in targets.keys() & maps}
    pairs = []
    for pair in pairing.pairs:
        if pair.id in by_id:
            for kind, path in (("prediction", pair.preds), ("target", pair.target)):
                _check_distinct({kind: DataFile(pair.id, path), "instances": by_id[pair.id]})
            pairs.append(pair._replace(instances=by_id[pair.id].path))
    return pairing._replace(
        pairs=pairs,
        pairs_without_instances=[pair.id for pair in pairing.pairs if pair.id not in by_id],
    )


def find_images(images: Path, ids: Iterable[str]) -> dict[str, Path]:
    """Return the image of every id that has one in a folder, by path, or else by name alone."""
    by_key: dict[str, Path] = {}
    for key, path, _ in list_files(images, "images=", IMAGE_SUFFIXES):
        by_key.setdefault(key, path)
    by_name = {_last_part(key): path for key, path in sorted(by_key.items(), reverse=True)}
    paths = {id_: by_key.get(id_) or by_name.get(_last_part(id_)) for id_ in ids}
    return {id_: path for id_, path in paths.items() if path is not None}


def _last_part(key: str) -> str:
    """Return a key without its folders."""
    return key.rpartition("/")[2]


def _unique_files(files: Iterable[DataFile], what: str, hint: str) -> dict[str, DataFile]:
    """Return files by key; two files of one key are an error."""
    by_key: dict[str, list[DataFile]] = {}
    for file in files:
        by_key.setdefault(file.key, []).append(file)
    ambiguous = {key: same for key, same in by_key.items() if len(same) > 1}
    if ambiguous:
        key, same = min(ambiguous.items())
        count = "1 name belongs" if len(ambiguous) == 1 else f"{len(ambiguous)} names belong"
        raise ValueError(
            f"{what}: {count} to more than one file, {key!r} to "
            f"{format_names([str(file.path) for file in same])}; {hint}"
        )
    return {key: same[0] for key, same in by_key.items()}


def _common_keys(
    files: dict[str, DataFile], targets: dict[str, DataFile], what: str
) -> tuple[dict[str, DataFile], dict[str, DataFile], dict[str, str]]:
    """Return files and targets by keys that both have, and the targets' own keys.

    The keys stay where they share one, or else become names without folders.

    Raises
    ------
    ValueError
        If they share neither, or names alone are ambiguous.
    """
    if not files.keys().isdisjoint(targets):
        return files, targets, {key: key for key in targets}
    ids = {_last_part(key): key for key in targets}
    if ids.keys().isdisjoint(map(_last_part, files)):
        raise ValueError(_describe_no_pairs(list(files), list(targets), what))
    hint = "their folders are called otherwise on the other side"
    files, targets = (
        _unique_files(
            [file._replace(key=_last_part(key)) for key, file in by_key.items()], name, hint
        )
        for by_key, name in ((files, what), (targets, "targets="))
    )
    return files, targets, ids


def _check_distinct(files: dict[str, DataFile]) -> None:
    """Refuse a file that is two things at once; files of different inodes are not looked up."""
    (kind, file), (other_kind, other) = files.items()
    if file.inode != other.inode and None not in (file.inode, other.inode):
        return
    paths = file.path, other.path
    if all(path.exists() for path in paths) and paths[0].samefile(paths[1]):
        raise ValueError(f"{display_path(paths[0])} is {kind} and {other_kind} at once")


def _describe_no_pairs(keys: Sequence[str], targets: Sequence[str], what: str) -> str:
    """Return the error about files none of which has the key of a target."""
    noun, plural, argument = "prediction", "predictions", "pred_suffixes="
    if what == "instances=":
        noun, plural, argument = "map of instances", "maps", "instance_suffixes="
    hint = ""
    if {CHANNEL.sub("", _last_part(key)) for key in keys} & set(map(_last_part, targets)):
        hint = ". In nnU-Net's folders _0000 ends the names of images, not those of labels"
    return (
        f"no {noun} has the name of a target: {plural} are {format_names(keys)}, targets "
        f"{format_names(targets)}; {argument} and target_suffixes= take off what differs at the "
        f"end{hint}"
    )
