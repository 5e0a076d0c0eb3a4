"""Writing of the plan of an evaluation."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from itertools import repeat
from json.encoder import encode_basestring_ascii as quote
from pathlib import Path
from typing import Any

import numpy as np

from segpost._core.arguments import as_integer
from segpost._core.text import display_path
from segpost.evaluation.counting import PairCounter
from segpost.evaluation.pairing import PairFiles, Pairing
from segpost.evaluation.plain_data import counter_settings
from segpost.evaluation.plan import INDEX, OFFSET, PLAN, SHARDS, VERSION, Plan, PlanError, plan_id
from segpost.evaluation.shard_files import encode_json
from segpost.files.writing import atomic_write

SHARD_IMAGES = 256
MAX_SHARD_IMAGES = 1 << 20
BLOCK_BYTES = 1 << 20


def write_plan(
    run: Path,
    pairing: Pairing,
    counter: PairCounter,
    shard_images: int,
    sources: Mapping[str, Path],
    facts: Mapping[str, str],
) -> Plan:
    """Write a plan, or return the one in the folder if it is the same.

    Parameters
    ----------
    run : Path
        The folder, which is made.
    pairing : Pairing
        The images.
    counter : PairCounter
        Reads and counts them.
    shard_images : int
        Images of a shard.
    sources : mapping of str to Path
        What `preds`, `targets` and maybe `instances` were.
    facts : mapping of str to str
        Options for reports. They and the folders are no part of the plan's id.

    Raises
    ------
    PlanError
        If the folder has another plan.
    OSError
        If a file cannot be read, or the folder cannot be written to.
    """
    size = as_integer(shard_images, "shard_images")
    if not 1 <= size <= MAX_SHARD_IMAGES:
        raise ValueError(f"shard_images must be in 1..{MAX_SHARD_IMAGES}, got {size}")
    run = run.absolute()
    (run / SHARDS).mkdir(parents=True, exist_ok=True)
    folders = [str(source_root(source)) for source in sources.values()]
    pairs = pairing.pairs
    with tempfile.TemporaryFile(dir=run) as lines:
        whole, offsets, offset = hashlib.sha256(), [0], 0
        for first in range(0, len(pairs), size):
            content = _encode_images(pairs.files(first, first + size), pairs.roots, folders)
            whole.update(content)
            lines.write(content)
            offset += len(content)
            offsets.append(offset)
        index = np.array(offsets, OFFSET).tobytes()
        head: dict[str, Any] = {
            "segpost": "Plan",
            "version": VERSION,
            "images": len(pairs),
            "shard_images": size,
            "settings": counter_settings(counter),
            "unpaired": [list(names) for names in pairing[1:]],
            "lines": whole.hexdigest(),
            "index": hashlib.sha256(index).hexdigest(),
            "roots": dict(zip(sources, folders, strict=True)),
            "facts": dict(facts),
        }
        head["id"] = plan_id(head)
        if (run / PLAN).exists():
            return _same_plan(run, head)
        with atomic_write(run / INDEX) as path:
            path.write_bytes(index)
        with atomic_write(run / PLAN) as path, path.open("wb") as file:
            file.write(f"{encode_json(head)}\n".encode())
            lines.seek(0)
            shutil.copyfileobj(lines, file, BLOCK_BYTES)
    return Plan.read(run)


def source_root(source: Path) -> Path:
    """Return the folder that the files of a source are relative to."""
    return (source if source.is_dir() else source.parent).absolute()


def _same_plan(run: Path, head: Mapping[str, Any]) -> Plan:
    """Return the plan of a folder, which must have this head."""
    plan = Plan.read(run)
    if plan.id == head["id"]:
        return plan
    where = display_path(run)
    if plan.shard_images != head["shard_images"]:
        reason = f"its shards have {plan.shard_images} images, not {head['shard_images']}"
    elif plan.head["settings"] != head["settings"]:
        reason = "its options are others"
    else:
        reason = (
            f"its {plan.images} images are not the {head['images']} that are there now, or their "
            "files have other sizes"
        )
    raise PlanError(f"{where} has another plan: {reason}; another folder takes the new one")


def _encode_images(
    images: Sequence[PairFiles], roots: Sequence[Path], folders: Sequence[str]
) -> bytes:
    """Return the lines of images, as `encode_json` writes them.

    Parameters
    ----------
    images : sequence of PairFiles
        The images.
    roots : sequence of Path
        What their names are relative to.
    folders : sequence of str
        What the paths in the plan are relative to.
    """
    columns, sizes = [], []
    for number, (root, folder) in enumerate(zip(roots, folders, strict=True)):
        prefix = os.path.join(root, "")
        names = [image.paths[number] for image in images]
        paths = [name if name[0] == "/" else prefix + name for name in names]
        relative = map(_relative, names, paths, repeat(folder))
        columns.append([quote(path) for path in relative])
        sizes_of_images = [image.sizes[number] for image in images]
        sizes.append([
            str(os.stat(path).st_size if size is None else size)
            for path, size in zip(paths, sizes_of_images, strict=True)
        ])  # fmt: skip
    rows = zip(images, zip(*columns, strict=True), zip(*sizes, strict=True), strict=True)
    lines = [
        f"[{quote(image.id)},[{','.join(paths)}],[{','.join(numbers)}]]\n"
        for image, paths, numbers in rows
    ]
    return "".join(lines).encode()


def _relative(name: str, path: str, folder: str) -> str:
    """Return the path of a file relative to a folder, which lies there by this name."""
    if not os.path.isabs(name) and ".." not in name:
        return name
    absolute = os.path.abspath(path)
    if absolute.startswith(folder + os.sep):
        return Path(absolute[len(folder) + 1 :]).as_posix()
    return Path(os.path.relpath(absolute, folder)).as_posix()
