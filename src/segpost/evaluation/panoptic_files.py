"""Panoptic data sets of COCO: a JSON file of segments, and a folder of PNG files in colors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from segpost._core.text import display_path, format_names
from segpost.evaluation.pairing import ListedPairs, PairFiles, Pairing
from segpost.files.tables import read_json_object

MAX_JSON_BYTES = 1 << 30
MISSING_CURE = "the folder of the PNG files is called as the JSON file, without .json"


class PanopticCategory(NamedTuple):
    """A category of a panoptic JSON file."""

    id: int
    name: str
    is_thing: bool


class PanopticJson(NamedTuple):
    """The content of a panoptic JSON file."""

    path: Path
    folder: Path  # of its PNG files
    files: dict[int | str, str]  # the names of PNG files, by image id
    segments: dict[str, list[dict[str, Any]]]  # by name of PNG file
    categories: tuple[PanopticCategory, ...]  # ascending; of predictions there may be none


def find_json(source: Path) -> Path:
    """Return the JSON file of a source: the file, or a folder with one of its name beside it.

    Raises
    ------
    ValueError
        If there is none.
    """
    path = source if source.suffix.lower() == ".json" else source.with_name(f"{source.name}.json")
    if not path.is_file():
        raise ValueError(
            f"{display_path(path)} is missing: panoptic=coco takes a JSON file of segments, beside "
            'the folder of its PNG files; panoptic="ids" takes maps whose ids have the class'
        )
    return path


def read_panoptic_json(source: Path) -> PanopticJson:
    """Read the segments of all images.

    Parameters
    ----------
    source : Path
        The JSON file, or the folder of its PNG files.

    Raises
    ------
    ValueError, OSError
        If it is no panoptic JSON file, or has an image or a category twice.
    """
    path = find_json(source)
    status = path.stat()
    return _read_once(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=2)
def _read_once(path: Path, *_: int) -> PanopticJson:
    """Read a file that did not change since it was read; the numbers are its time and size."""
    where = display_path(path)
    content = read_json_object(path, MAX_JSON_BYTES)
    rows = content.get("annotations")
    if not isinstance(rows, list):
        raise ValueError(f"{where}: it has no list of annotations, as panoptic JSON of COCO has")
    files: dict[int | str, str] = {}
    segments = {}
    for number, row in enumerate(rows):
        name, image, infos = (
            row.get(key) if isinstance(row, Mapping) else None
            for key in ("file_name", "image_id", "segments_info")
        )
        if not isinstance(name, str) or image is None or not isinstance(infos, list):
            raise ValueError(
                f"{where}: annotation {number} needs 'image_id', 'file_name' and 'segments_info'; "
                "COCO's files of instances have other annotations"
            )
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"{where}: the file name {name!r} leaves the folder of PNG files")
        files.setdefault(image, name)
        segments[name] = infos
    if len(files) < len(rows) or len(segments) < len(rows):
        images = Counter(row["image_id"] for row in rows) + Counter(
            row["file_name"] for row in rows
        )
        twice = [key for key, count in images.items() if count > 1]
        raise ValueError(
            f"{where}: {len(twice)} images are there twice, first {twice[0]!r}; leave one out"
        )
    return PanopticJson(
        path, path.with_suffix(""), files, segments, _read_categories(content, where)
    )


def pair_panoptic(preds: PanopticJson, targets: PanopticJson) -> Pairing:
    """Return the pairs of PNG files, by image id.

    Raises
    ------
    ValueError
        If PNG files are missing, or nothing pairs.
    """
    for side in (preds, targets):
        missing = [name for name in side.files.values() if not (side.folder / name).is_file()]
        if missing:
            raise ValueError(
                f"{display_path(side.path)}: {len(missing)} of {len(side.files)} PNG files are not "
                f"in {display_path(side.folder)}: {format_names(missing)}; {MISSING_CURE}"
            )
    common = [image for image in targets.files if image in preds.files]
    if not common:
        ids = [format_names([*map(str, side.files)]) for side in (targets, preds)]
        raise ValueError(
            f"no image_id of the targets is one of the predictions: {ids[0]} and {ids[1]}"
        )
    pairs = [
        PairFiles(_key(targets.files[k]), (preds.files[k], targets.files[k]), (None, None))
        for k in common
    ]
    return Pairing(
        ListedPairs((preds.folder, targets.folder), sorted(pairs)),
        sorted(_key(name) for k, name in targets.files.items() if k not in preds.files),
        sorted(_key(name) for k, name in preds.files.items() if k not in targets.files),
    )


def _key(name: str) -> str:
    """Return the id of the image of a PNG file."""
    return name.rpartition(".")[0] or name


def _read_categories(content: Mapping[str, Any], where: str) -> tuple[PanopticCategory, ...]:
    """Return the categories, in ascending order."""
    rows: Sequence[Any] = content.get("categories") or []
    categories = []
    for number, row in enumerate(rows):
        id_, is_thing = (
            row.get(key) if isinstance(row, Mapping) else None for key in ("id", "isthing")
        )
        if not isinstance(id_, int) or not isinstance(is_thing, int):
            raise ValueError(f"{where}: category {number} needs 'id', 'name' and 'isthing'")
        categories.append(PanopticCategory(id_, str(row.get("name", id_)), bool(is_thing)))
    times = Counter(category.id for category in categories)
    twice = [number for number, count in times.items() if count > 1]
    if twice:
        raise ValueError(f"{where}: {len(twice)} categories are there twice, first {twice[0]}")
    return tuple(sorted(categories))
