"""Counting of one shard of a plan into its file."""

from __future__ import annotations

import contextlib
import os
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from segpost._core.arrays import Array
from segpost._core.text import ErrorText, describe_error
from segpost.evaluation.counting import PairCounts, PairResult
from segpost.evaluation.isolated import survives
from segpost.evaluation.pairing import PairFiles
from segpost.evaluation.plan import ROOTS, Plan
from segpost.evaluation.shard_files import FailedImage, ShardCounts, encode_shard
from segpost.evaluation.tries import TryRecord
from segpost.files.images import limit_pixels
from segpost.files.writing import atomic_write
from segpost.metrics.image_table import ImageTable

MAX_DEATHS = 3  # of processes at an image that another process can count
BLOCK_BYTES = 1 << 20
DIED = "its process died twice here"


class ShardReport(NamedTuple):
    """What was done about a shard: a few bytes, which an engine sends to its driver.

    Attributes
    ----------
    shard : int
        Its number.
    counted, failed : int
        Images with and without counts.
    seconds : float
        How long it took.
    was_there : bool
        Whether the file was there already, newer than its inputs, so that nothing was done.
    """

    shard: int
    counted: int
    failed: int
    seconds: float
    was_there: bool


def count_shard(
    run: Path | str,
    shard: int,
    *,
    preds: Path | str | None = None,
    targets: Path | str | None = None,
    instances: Path | str | None = None,
    again: bool = False,
    on_image: Callable[[], None] = lambda: None,
) -> ShardReport:
    """Count a shard of a plan, and write its counts to its file.

    It can be called again, at the same time and on other machines: the same files give the same
    bytes, and a file that is whole is left as it is, if no input is newer. An image whose files are
    damaged is recorded in the shard. So is an image at which a process dies, and then another one.

    Parameters
    ----------
    run : path
        The folder of the plan, which `Evaluation.plan` has written.
    shard : int
        The number of the shard.
    preds, targets, instances : path, optional
        The folders of the files, where they are not those that were planned.
    again : bool
        Count a shard again in which images failed.
    on_image : function
        Called after every image.

    Returns
    -------
    report : ShardReport

    Raises
    ------
    ValueError
        If there is no plan, or no such shard.
    OSError
        If the shard cannot be written: an error of the run, not of an image.

    Examples
    --------
    >>> import tempfile, numpy as np, segpost
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("preds", "targets"):
    ...     (folder / name).mkdir()
    ...     np.save(folder / name / "a.npy", np.uint8([[0, 1]]))
    >>> job = segpost.Evaluation(folder / "preds", folder / "targets", num_classes=2)
    >>> plan = job.plan(folder / "run")
    >>> reports = [segpost.count_shard(folder / "run", k) for k in plan.missing()]
    >>> reports[0].counted, segpost.merge_shards(folder / "run").cm.compute().miou
    (1, 1.0)
    """
    plan = Plan.read(run)
    number = plan.check_shard(shard)
    roots = plan.roots(preds=preds, targets=targets, instances=instances)
    record = TryRecord(plan.shard_path(number).with_suffix(".try"))
    start = time.monotonic()
    with contextlib.suppress(ValueError, FileNotFoundError):
        old_counts = plan.read_counts(number)
        if not (again and old_counts.failed) and not plan.has_changed(number, roots):
            record.remove()
            return _report(old_counts, start, was_there=True)
    try:
        with limit_pixels(plan.counter.reader.options.max_pixels):
            counts = _ShardCounter(plan, number, roots, record).count(on_image)
        with atomic_write(plan.shard_path(number)) as path:
            path.write_bytes(encode_shard(counts))
    except BaseException:
        record.close()
        raise
    record.remove()
    return _report(counts, start, was_there=False)


class _ShardCounter:
    """Counts the images of a shard one after the other."""

    def __init__(self, plan: Plan, shard: int, roots: Sequence[Path], record: TryRecord) -> None:
        self.plan, self.shard, self.roots, self.record = plan, shard, roots, record
        self.deaths, self.unclear_deaths = record.deaths()

    def count(self, on_image: Callable[[], None]) -> ShardCounts:
        """Return the counts of all images."""
        planned = self.plan.shard(self.shard)
        total = self.plan.counter.empty_counts()
        images = ImageTable((total.cm.num_classes + 1) ** 2)
        checksums = np.zeros((len(planned.images), len(self.roots)), np.uint32)
        failed = []
        for number, image in enumerate(planned.images):
            result = self._count_image(number, image, checksums[number])
            if isinstance(result, PairCounts):
                images = images.extended(result.cm.images)
                for measure, added in zip(total.measures, result.measures, strict=True):
                    measure.merge_state(added)
            else:
                failed.append(FailedImage(number, *self._without_roots(result)))
            on_image()
        self.record.leave()
        return ShardCounts(
            self.plan.id,
            self.shard,
            planned.digest,
            failed,
            checksums,
            images.pack(),
            [measure.sums().state_dict()["totals"] for measure in total.measures],
        )

    def _count_image(
        self, number: int, image: PairFiles, checksums: Array
    ) -> PairCounts | ErrorText:
        """Return the counts of an image, or the reason why there are none."""
        died = self.deaths[number]
        if died >= MAX_DEATHS:
            return ErrorText("", DIED)
        if died or self.unclear_deaths[number]:
            self.record.leave()  # the other process is at the image, not this one
            if not survives(self.plan, self.shard, number, self.roots):
                return ErrorText("", DIED)
        self.record.begin(number)
        pair = image.pair(self.roots)
        for k, (path, size) in enumerate(zip(pair[1:], image.sizes, strict=False)):
            try:
                checksums[k] = _checksum(Path(str(path)), size)
            except (OSError, ValueError) as error:
                return describe_error(error, path)
        result: PairResult = self.plan.counter.count(pair)
        return result.counts or result.problem or ErrorText("", "it has no counts")

    def _without_roots(self, text: ErrorText) -> tuple[str, str]:
        """Return the file and the reason of an error, with names in place of the folders."""
        location, reason = text
        for name, root in zip(ROOTS, self.roots, strict=False):
            folder = f"{root}{os.sep}"
            location = location.replace(folder, f"{name}/")
            reason = reason.replace(folder, f"{name}/")
        return location, reason


def _checksum(path: Path, size: int | None) -> int:
    """Return the CRC-32 of a file, which must have the planned size."""
    checksum = length = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            checksum = zlib.crc32(block, checksum)
            length += len(block)
    if size is not None and length != size:
        raise ValueError(f"it has {length:,} bytes, and had {size:,} when it was planned")
    return checksum


def _report(counts: ShardCounts, start: float, was_there: bool) -> ShardReport:
    counted, failed = len(counts.images.lengths), len(counts.failed)
    return ShardReport(counts.shard, counted, failed, time.monotonic() - start, was_there)
