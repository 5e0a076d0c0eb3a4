"""The plan of an evaluation: all images in shards, in a file that does not change.

``plan.jsonl`` has a line of JSON with the settings, then a line an image: its id, the paths of its
files relative to their folders, and their sizes in bytes. ``plan.index`` has the offset of every
shard's first line as int64, and that of the end, so that a worker reads the lines of its shard
alone.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arguments import as_integer
from segpost._core.text import display_path
from segpost.evaluation.counting import PairCounter
from segpost.evaluation.pairing import PairFiles, Pairing, Pairs
from segpost.evaluation.plain_data import counter_from_settings
from segpost.evaluation.shard_files import ShardCounts, decode_shard, encode_json

PLAN, INDEX, SHARDS = "plan.jsonl", "plan.index", "shards"
VERSION = 1
MAX_HEAD_BYTES = 1 << 26
OFFSET = np.dtype("<i8")
ROOTS = ("preds", "targets", "instances")  # of the files of an image, in this order


class PlanError(ValueError):
    """The plan of a run is missing, damaged, or another one."""


class PlannedShard(NamedTuple):
    """The images of a shard, and the SHA-256 of their lines."""

    images: list[PairFiles]
    digest: str


@dataclass(frozen=True)
class Plan:
    """The plan of a run, as `Evaluation.plan` writes it.

    Attributes
    ----------
    run : Path
        The folder.
    head : dict
        The first line of the plan.
    """

    run: Path
    head: dict[str, Any]

    @classmethod
    def read(cls, run: Path | str) -> Plan:
        """Read the head of the plan in a folder.

        Raises
        ------
        PlanError
            If there is none, or it is damaged.
        OSError
            If it cannot be read.
        """
        path = Path(run) / PLAN
        try:
            with path.open("rb") as file:
                line = file.readline(MAX_HEAD_BYTES)
        except FileNotFoundError:
            raise PlanError(f"{display_path(Path(run))} has no plan") from None
        head = _read_json(line, path)
        if not isinstance(head, dict) or head.get("segpost") != "Plan":
            raise PlanError(f"{display_path(path)} is no plan")
        if head.get("version") != VERSION:
            raise PlanError(
                f"{display_path(path)} has version {head.get('version')!r}, this segpost reads "
                f"{VERSION}"
            )
        if head.get("id") != plan_id(head):
            raise PlanError(f"{display_path(path)} is damaged: its head is not that of its id")
        return cls(Path(run), head)

    @property
    def id(self) -> str:
        """SHA-256 of settings, shard size and lines, which every shard of the plan has."""
        return str(self.head["id"])

    @property
    def images(self) -> int:
        """Number of images."""
        return int(self.head["images"])

    @property
    def shard_images(self) -> int:
        """Images of every shard but the last."""
        return int(self.head["shard_images"])

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.images // self.shard_images)

    @cached_property
    def counter(self) -> PairCounter:
        """What reads and counts the pairs."""
        return counter_from_settings(self.head["settings"])

    def shard_length(self, shard: int) -> int:
        """Return the number of images of a shard."""
        return min(self.shard_images, self.images - shard * self.shard_images)

    def shard_path(self, shard: int) -> Path:
        """Return the path of the counts of a shard."""
        return self.run / SHARDS / f"{shard:06d}.counts"

    def roots(self, **folders: Path | str | None) -> tuple[Path, ...]:
        """Return the folders of predictions, targets and maybe instance maps.

        Parameters
        ----------
        **folders : path, optional
            Other folders than those of the plan, by name: `preds`, `targets`, `instances`.
        """
        roots = self.head["roots"]
        return tuple(Path(folders.get(name) or roots[name]) for name in ROOTS if name in roots)

    def check_shard(self, shard: int) -> int:
        """Return the number of a shard, which must be in the plan."""
        number = as_integer(shard, "shard")
        if not 0 <= number < self.shards:
            raise ValueError(f"shard must be in 0..{self.shards - 1}, got {number}")
        return number

    def shard(self, shard: int) -> PlannedShard:
        """Read the images of a shard; nothing else of the plan is read."""
        start, stop = (int(offset) for offset in self._offsets[shard : shard + 2])
        with (self.run / PLAN).open("rb") as file:
            file.seek(start)
            content = file.read(stop - start)
        images = list(_parse_lines(content, self.run / PLAN))
        if len(images) != self.shard_length(shard):
            raise PlanError(f"{display_path(self.run / PLAN)} is damaged at shard {shard}")
        return PlannedShard(images, hashlib.sha256(content).hexdigest())

    def pairing(self) -> Pairing:
        """Return all pairs, read when they are needed, and the files that pair with nothing."""
        return Pairing(PlannedPairs(self), *(list(names) for names in self.head["unpaired"]))

    def missing(self) -> list[int]:
        """Return the shards that are not counted yet, or whose file is damaged."""
        present = self.shard_files()[0]
        return [k for k in range(self.shards) if k not in present or not self._is_whole(k)]

    def shards_with_failed(self) -> list[int]:
        """Return the shards in which images failed."""
        shards = sorted(self.shard_files()[0])
        return [k for k in shards if self._is_whole(k) and self.read_counts(k).failed]

    def shard_files(self) -> tuple[set[int], list[Path]]:
        """Return the shards that have a file, and further files that are named like shards."""
        present, others = set(), []
        for path in sorted((self.run / SHARDS).glob("[!.]*.counts")):
            name = path.stem
            number = int(name) if name.isdecimal() else self.shards
            if number < self.shards and path == self.shard_path(number):
                present.add(number)
            else:
                others.append(path)
        return present, others

    def files(self) -> list[Path]:
        """Return the files of the plan and its folder of shards."""
        return [self.run / name for name in (PLAN, INDEX, SHARDS)]

    def has_changed(self, shard: int, roots: Sequence[Path]) -> bool:
        """Return whether an input was written after its shard was counted, by their times."""
        try:
            counted = self.shard_path(shard).stat().st_mtime_ns
        except FileNotFoundError:
            return False
        for image in self.shard(shard).images:
            for root, path in zip(roots, image.paths, strict=True):
                try:
                    if os.stat(root / path).st_mtime_ns > counted:
                        return True
                except OSError:  # it was counted, and is gone
                    continue
        return False

    def read_counts(self, shard: int) -> ShardCounts:
        """Return the counts of a shard.

        Raises
        ------
        ValueError
            If the file is damaged, or of another shard or plan.
        OSError
            If it cannot be read.
        """
        counts = decode_shard(self.shard_path(shard).read_bytes())
        if counts.plan != self.id:
            raise ValueError(f"it is of another plan, {counts.plan[:12]}")
        if counts.shard != shard:
            raise ValueError(f"it is shard {counts.shard}, not {shard}")
        numbers = (len(counts.images.lengths), len(counts.failed))
        if sum(numbers) != self.shard_length(shard):
            raise ValueError(
                f"it has {numbers[0]} images and {numbers[1]} failed ones, expected "
                f"{self.shard_length(shard)}"
            )
        return counts

    def _is_whole(self, shard: int) -> bool:
        try:
            self.read_counts(shard)
        except (ValueError, OSError):
            return False
        return True

    def shard_digests(self) -> Iterator[str]:
        """Yield the SHA-256 of the lines of every shard, and check the whole plan at the end.

        Raises
        ------
        PlanError
            If the lines are not those of the plan's id.
        """
        offsets, whole = self._offsets, hashlib.sha256()
        with (self.run / PLAN).open("rb") as file:
            file.seek(int(offsets[0]))
            for length in np.diff(offsets).tolist():
                content = file.read(length)
                whole.update(content)
                yield hashlib.sha256(content).hexdigest()
            rest = file.read(1)
        if rest or whole.hexdigest() != self.head["lines"]:
            raise PlanError(f"{display_path(self.run / PLAN)} is damaged: lines are not its own")

    @cached_property
    def _offsets(self) -> Any:
        path = self.run / INDEX
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.head["index"]:
            raise PlanError(f"{display_path(path)} is damaged, or of another plan")
        # Offsets count from the first line after the head.
        with (self.run / PLAN).open("rb") as file:
            start = len(file.readline(MAX_HEAD_BYTES))
        return np.frombuffer(content, OFFSET) + start


class PlannedPairs(Pairs):
    """The pairs of a plan; the shard of the last one that was asked for is in memory.

    Parameters
    ----------
    plan : Plan
        The plan.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.roots())
        self.plan = plan
        self._shard: tuple[int, list[PairFiles]] = (-1, [])

    def __len__(self) -> int:
        return self.plan.images

    def files(self, start: int, stop: int) -> list[PairFiles]:
        """Return the files of some pairs."""
        return [self._files_of(index) for index in range(start, stop)]

    def _files_of(self, index: int) -> PairFiles:
        shard, number = divmod(index, self.plan.shard_images)
        if self._shard[0] != shard:
            self._shard = (shard, self.plan.shard(shard).images)
        return self._shard[1][number]


def plan_id(head: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a plan says, but for its id, folders and facts for reports."""
    content = {key: value for key, value in head.items() if key not in ("id", "roots", "facts")}
    return hashlib.sha256(encode_json(content).encode()).hexdigest()


def _parse_lines(content: bytes, path: Path) -> Iterator[PairFiles]:
    for line in content.splitlines():
        try:
            name, paths, sizes = json.loads(line)
            yield PairFiles(name, tuple(paths), tuple(sizes))
        except (ValueError, TypeError) as error:
            raise PlanError(f"{display_path(path)} is damaged: {error}") from None


def _read_json(line: bytes, path: Path) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PlanError(f"{display_path(path)} is damaged: {error}") from None
