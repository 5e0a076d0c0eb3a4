"""Pairing of predictions with targets, instance maps and images, by the names of their files."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, overload

from segpost._core.text import display_path, format_names
from segpost.files.images import IMAGE_SUFFIXES, LABEL_SUFFIXES
from segpost.files.listing import DataFile, is_single_file, list_files
from segpost.files.nifti import NIFTI_SUFFIXES, is_nifti
from segpost.files.tensors import LOGITS_SUFFIXES

FIRST_CHANNEL = "_0000"
CHANNEL = re.compile(r"_\d{4}$")  # that nnU-Net puts behind the names of images


class Pair(NamedTuple):
    """A prediction and its target, with the target's key as id, and maybe its instance map."""

    id: str
    preds: Path
    target: Path
    instances: Path | None = None


class PairFiles(NamedTuple):
    """The files of a pair.

    Attributes
    ----------
    id : str
    paths : tuple of str
        Of its prediction, its target and maybe its instance map, relative to their folders.
    sizes : tuple of int or None
        Of these files, in bytes; None where it was not looked up.
    """

    id: str
    paths: tuple[str, ...]
    sizes: tuple[int | None, ...]

    def pair(self, roots: Sequence[Path]) -> Pair:
        """Return the pair of files below these folders."""
        return Pair(self.id, *(root / path for root, path in zip(roots, self.paths, strict=True)))


class Pairs(Sequence[Pair]):
    """Pairs whose files lie in a folder each; a `Pair` is built when it is asked for.

    Parameters
    ----------
    roots : sequence of Path
        The folders of predictions, targets and maybe instance maps.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = tuple(roots)

    @abstractmethod
    def files(self, start: int, stop: int) -> list[PairFiles]:
        """Return the files of some pairs."""

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | list[Pair]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(f"there is no pair {index} among {len(self)}")
        (files,) = self.files(index, index + 1)
        return files.pair(self.roots)


class ListedPairs(Pairs):
    """Pairs of files that were listed.

    Parameters
    ----------
    roots : sequence of Path
        Their folders.
    listed : list of PairFiles
        Their files.
    """

    def __init__(self, roots: Sequence[Path], listed: list[PairFiles]) -> None:
        super().__init__(roots)
        self.listed = listed

    def __len__(self) -> int:
        return len(self.listed)

    def files(self, start: int, stop: int) -> list[PairFiles]:
        """Return the files of some pairs."""
        return self.listed[start:stop]


class Pairing(NamedTuple):
    """The pairs of a data set, and the files that pair with nothing.

    Attributes
    ----------
    pairs : Pairs
        In the order of their ids.
    targets_without_preds, preds_without_target : list of str
        Keys of files.
    pairs_without_instances : sequence of str
        Ids of pairs that were left out, because they have no instance map.
    """

    pairs: Pairs
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
    instances: bool = False,
) -> Pairing:
    """Return the pairs of two sources, by the paths of their files, or else by names alone.

    Parameters
    ----------
    preds, targets : Path
        A folder, searched with everything below it; a file; or a .txt file with a path a line.
    pred_suffixes, target_suffixes : sequence of str
        Ends of names that are removed; files that end otherwise do not belong to the data set.
        Without any, the common ones are removed where they are.
    instances : bool
        Whether the files are maps of instances, as Cityscapes' instanceIds.

    Raises
    ------
    ValueError, OSError
        If a source holds no such files, names are ambiguous, or nothing pairs.
    """
    target_kinds = (*LABEL_SUFFIXES, *NIFTI_SUFFIXES)
    pred_kinds = (*target_kinds, *LOGITS_SUFFIXES)
    pred_files = list_files(preds, "preds=", pred_kinds, pred_suffixes, instances=instances)
    target_files = list_files(
        targets, "targets=", target_kinds, target_suffixes, instances=instances
    )
    roots = pred_files[0].folder, target_files[0].folder
    if is_single_file(preds) and is_single_file(targets):
        (pred,), (target,) = pred_files, target_files
        _check_distinct({"prediction": pred, "target": target})
        return Pairing(ListedPairs(roots, [_pair_files(target.key, pred, target)]), [], [])
    preds_by_key = _unique_files(pred_files, "preds=", "pred_suffixes= says which are meant")
    by_key = _unique_files(target_files, "targets=", "target_suffixes= says which are meant")
    preds_by_key, by_key, ids = _common_keys(preds_by_key, by_key, "preds=")
    pairs, without_preds = [], []
    for key, target in by_key.items():
        if (pred_file := preds_by_key.get(key)) is None:
            without_preds.append(ids.get(key, key))
            continue
        if _may_be_one(pred_file, target):
            _check_distinct({"prediction": pred_file, "target": target})
        pairs.append(_pair_files(ids.get(key, key), pred_file, target))
    return Pairing(
        ListedPairs(roots, sorted(pairs)),
        sorted(without_preds),
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
    roots, listed = pairing.pairs.roots, pairing.pairs.files(0, len(pairing.pairs))
    if is_single_file(instances) and len(listed) == 1:
        by_id = {listed[0].id: files[0]}
    else:
        maps = _unique_files(files, "instances=", "instance_suffixes= says which are meant")
        targets = {pair.id: DataFile(pair.id, pair.paths[1], roots[1]) for pair in listed}
        maps, targets, ids = _common_keys(maps, targets, "instances=")
        by_id = {ids.get(key, key): maps[key] for key in targets.keys() & maps}
    pairs, without = [], []
    for pair in listed:
        if (instance_file := by_id.get(pair.id)) is None:
            without.append(pair.id)
            continue
        for kind, path, root in zip(("prediction", "target"), pair.paths, roots, strict=True):
            _check_distinct({kind: DataFile(pair.id, path, root), "instances": instance_file})
        pairs.append(
            PairFiles(pair.id, (*pair.paths, instance_file.name), (*pair.sizes, instance_file.size))
        )
    return pairing._replace(
        pairs=ListedPairs((*roots, files[0].folder), pairs), pairs_without_instances=without
    )


def find_images(images: Path, ids: Iterable[str]) -> dict[str, Path]:
    """Return the image of every id that has one in a folder, by path, or else by name alone.

    Of volumes it may be nnU-Net's first channel, whose name ends in _0000.
    """
    by_key: dict[str, Path] = {}
    for file in list_files(images, "images=", (*IMAGE_SUFFIXES, *NIFTI_SUFFIXES)):
        by_key.setdefault(file.key, file.path)
        if file.key.endswith(FIRST_CHANNEL) and is_nifti(file.path):
            by_key.setdefault(file.key.removesuffix(FIRST_CHANNEL), file.path)
    by_name = {_last_part(key): path for key, path in sorted(by_key.items(), reverse=True)}
    paths = {id_: by_key.get(id_) or by_name.get(_last_part(id_)) for id_ in ids}
    return {id_: path for id_, path in paths.items() if path is not None}


def _last_part(key: str) -> str:
    """Return a key without its folders."""
    return key.rpartition("/")[2]


def _pair_files(id_: str, preds: DataFile, target: DataFile) -> PairFiles:
    return PairFiles(id_, (preds.name, target.name), (preds.size, target.size))


def _unique_files(files: Sequence[DataFile], what: str, hint: str) -> dict[str, DataFile]:
    """Return files by key; two files of one key are an error."""
    unique = {file.key: file for file in files}
    if len(unique) < len(files):
        times = Counter(file.key for file in files)
        ambiguous = [key for key, number in times.items() if number > 1]
        key = min(ambiguous)
        count = "1 name belongs" if len(ambiguous) == 1 else f"{len(ambiguous)} names belong"
        raise ValueError(
            f"{what}: {count} to more than one file, {key!r} to "
            f"{format_names([str(file.path) for file in files if file.key == key])}; {hint}"
        )
    return unique


def _common_keys(
    files: dict[str, DataFile], targets: dict[str, DataFile], what: str
) -> tuple[dict[str, DataFile], dict[str, DataFile], dict[str, str]]:
    """Return files and targets by keys that both have, and the targets' own keys by new ones.

    The keys stay where they share one, or else become names without folders.

    Raises
    ------
    ValueError
        If they share neither, or names alone are ambiguous.
    """
    if not files.keys().isdisjoint(targets):
        return files, targets, {}
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


def _may_be_one(file: DataFile, other: DataFile) -> bool:
    """Return whether two files may be the same one, by their inodes."""
    return file.inode == other.inode or file.inode is None or other.inode is None


def _check_distinct(files: dict[str, DataFile]) -> None:
    """Refuse a file that is two things at once."""
    (kind, file), (other_kind, other) = files.items()
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
