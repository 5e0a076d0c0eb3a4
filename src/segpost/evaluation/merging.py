"""Merging of the shards of a plan, with proof that every image is counted once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from segpost._core.public import public
from segpost._core.text import FILE_ERRORS, describe_error, display_path, format_names
from segpost.evaluation.counting import FailedPair
from segpost.evaluation.pairing import Pairing
from segpost.evaluation.plan import Plan
from segpost.evaluation.shard_files import ShardCounts, decode_shard
from segpost.metrics.base import Accumulator
from segpost.metrics.counts import LabelPairs, add_pairs
from segpost.metrics.image_table import ImageTable, PackedImages
from segpost.metrics.matrix import ConfusionMatrix
from segpost.metrics.measure import Measure
from segpost.metrics.ratios import Int64


@dataclass(frozen=True)
class Coverage:
    """Which images of a plan are counted, each once.

    Attributes
    ----------
    planned, counted : int
        Images.
    missing : list of int
        Shards without a file.
    damaged : dict of int or str to str
        What is wrong with the files of shards, and with files that are none of the plan's.
    failed : list of FailedPair
        Images without counts, in shards that are there.
    """

    planned: int
    counted: int
    missing: list[int] = field(default_factory=list)
    damaged: dict[int | str, str] = field(default_factory=dict)
    failed: list[FailedPair] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether every image of the plan is counted, and nothing else is there."""
        is_whole = not (self.missing or self.damaged or self.failed)
        return is_whole and self.counted == self.planned

    def describe(self) -> list[str]:
        """Return a sentence about each kind of what is not counted."""
        sentences = []
        if self.missing:
            are = "shard is" if len(self.missing) == 1 else "shards are"
            sentences.append(f"{len(self.missing)} {are} missing: {format_ranges(self.missing)}")
        for shard, reason in self.damaged.items():
            what = f"shard {shard}" if isinstance(shard, int) else shard
            sentences.append(f"{what} is not used: {reason}")
        if self.failed:
            names = format_names([failed.id for failed in self.failed])
            noun = "image" if len(self.failed) == 1 else "images"
            sentences.append(f"{len(self.failed)} {noun} failed: {names}")
        if sentences:
            sentences.insert(0, f"{self.counted} of {self.planned} images are counted")
        return sentences


@public
class IncompleteError(ValueError):
    """Images of a plan are not counted, so that `merge_shards` has no counts to return.

    Attributes
    ----------
    coverage : Coverage
        What is counted.
    missing : list of int
        Shards without a file.
    damaged : dict of int or str to str
        What is wrong with the files of shards.
    failed : list of FailedPair
        Images without counts, each with `id`, `file` and `reason`.

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
    >>> try:
    ...     segpost.merge_shards(folder / "run")
    ... except segpost.IncompleteError as error:
    ...     print(error)
    0 of 1 images are counted; 1 shard is missing: 0
    """

    def __init__(self, coverage: Coverage) -> None:
        super().__init__(coverage)
        self.coverage = coverage
        self.missing, self.damaged, self.failed = (
            coverage.missing,
            coverage.damaged,
            coverage.failed,
        )

    def __str__(self) -> str:
        """Return what is not counted."""
        return "; ".join(self.coverage.describe())


class Evaluated(NamedTuple):
    """The counts of all shards.

    Attributes
    ----------
    cm : ConfusionMatrix
        The counts. Those of single images are read when they are first needed.
    measures : tuple of Accumulator
        The counts beside the matrix.
    coverage : Coverage
        Which images they are of.
    """

    cm: ConfusionMatrix
    measures: tuple[Accumulator, ...]
    coverage: Coverage


def merge_shards(run: Path | str, allow_partial: bool = False) -> Evaluated:
    """Add up the shards of a plan, each checked, and prove that every image is counted once.

    The memory that it takes does not grow with the number of images: counts of single images stay
    in the files until `Evaluated.cm` is asked for them.

    Parameters
    ----------
    run : path
        The folder of the plan.
    allow_partial : bool
        Return counts although images are not counted.

    Returns
    -------
    evaluated : Evaluated

    Raises
    ------
    IncompleteError
        If shards are missing or damaged, or images failed: which. Not with `allow_partial`.
    ValueError
        If the plan is missing or damaged.

    Examples
    --------
    >>> import tempfile, numpy as np, segpost
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("preds", "targets"):
    ...     (folder / name).mkdir()
    ...     for k in range(3):
    ...         np.save(folder / name / f"{k}.npy", np.uint8([[0, 1]]))
    >>> job = segpost.Evaluation(folder / "preds", folder / "targets", num_classes=2)
    >>> plan = job.plan(folder / "run", shard_images=2)
    >>> report = segpost.count_shard(folder / "run", 0)
    >>> try:
    ...     segpost.merge_shards(folder / "run")
    ... except segpost.IncompleteError as error:
    ...     print(error.missing)
    [1]
    """
    plan = Plan.read(run)
    counts, coverage, whole = _sum_shards(plan)
    if not coverage.is_complete and not allow_partial:
        raise IncompleteError(coverage)
    total = plan.counter.empty_counts()
    load = cache(partial(_load_images, plan, whole))
    images = ImageTable.deferred(total.cm.state.size, coverage.counted, True, load)
    total.cm.add_counts(counts.state.reshape(total.cm.state.shape), counts.outside, images)
    for measure in counts.measures:
        if isinstance(measure, Measure) and images:
            measure.name_images(images)
    failed = [failed.id for failed in coverage.failed]
    record_coverage((total.cm, *counts.measures), coverage.is_complete, plan.pairing(), failed)
    return Evaluated(total.cm, counts.measures, coverage)


def record_coverage(
    measures: Iterable[Accumulator], is_counted: bool, pairing: Pairing, failed: Sequence[str]
) -> None:
    """Record in measures which images of a data set they are of.

    Parameters
    ----------
    measures : iterable of Accumulator
        The counts.
    is_counted : bool
        Whether all pairs are in them.
    pairing : Pairing
        The pairs, and what pairs with nothing.
    failed : sequence of str
        Ids of pairs without counts.
    """
    left_out = (*pairing.targets_without_preds, *pairing.pairs_without_instances)
    complete = is_counted and not pairing.describe_unpaired()
    for measure in measures:
        measure.record_coverage(complete, len(pairing.pairs) + len(left_out), failed)


def find_coverage(plan: Plan) -> Coverage:
    """Return which images of a plan are counted."""
    return _sum_shards(plan)[1]


def format_ranges(numbers: list[int]) -> str:
    """Return ascending numbers as ranges, as the job arrays of Slurm take them.

    Examples
    --------
    >>> from segpost.evaluation.merging import format_ranges
    >>> format_ranges([3, 7, 8, 9])
    '3,7-9'
    """
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


class _Sums(NamedTuple):
    """Counts of many shards."""

    state: Int64  # flat
    outside: LabelPairs
    measures: tuple[Accumulator, ...]


def _sum_shards(plan: Plan) -> tuple[_Sums, Coverage, list[int]]:
    """Return the sum of all shards, which images it is of, and the shards."""
    total = plan.counter.empty_counts()
    state = np.zeros((total.cm.num_classes + 1) ** 2, np.int64)
    sums = _Sums(state, {}, total.measures)
    present, others = plan.shard_files()
    damaged: dict[int | str, str] = {path.name: _describe_other(plan, path) for path in others}
    missing: list[int] = []
    whole: list[int] = []
    failed: list[FailedPair] = []
    counted = 0
    for shard, digest in enumerate(plan.shard_digests()):
        if shard not in present:
            missing.append(shard)
            continue
        try:
            counts = plan.read_counts(shard)
            if counts.lines != digest:
                raise ValueError("its images are not those of the plan")
            _add_shard(sums, counts)
        except FILE_ERRORS as error:
            damaged[shard] = describe_error(error).reason
            continue
        if counts.failed:
            images = plan.shard(shard).images
            failed += [FailedPair(images[f.number].id, f.file, f.reason) for f in counts.failed]
        counted += len(counts.images.lengths)
        whole.append(shard)
    return sums, Coverage(plan.images, counted, missing, damaged, failed), whole


def _add_shard(sums: _Sums, counts: ShardCounts) -> None:
    """Add the counts of a shard; on an error nothing is added."""
    pairs = zip(sums.measures, counts.measures, strict=True)
    parts = [_load_totals(empty, totals) for empty, totals in pairs]
    state = _sum_cells(counts.images, len(sums.state))
    if (sums.state + state < 0).any():
        raise OverflowError("the sum of the counts is beyond int64")
    sums.state[...] += state
    for outside in counts.images.outside.values():
        add_pairs(sums.outside, outside)
    for measure, part in zip(sums.measures, parts, strict=True):
        measure.merge_state(part)


def _describe_other(plan: Plan, path: Path) -> str:
    """Return why a file that is named like a shard is none of the plan."""
    try:
        counts = decode_shard(path.read_bytes())
    except (ValueError, OSError) as error:
        return f"it is no shard of the plan: {describe_error(error).reason}"
    if counts.plan != plan.id:
        return f"it is of another plan, {counts.plan[:12]}"
    return f"it is shard {counts.shard} a second time"


def _sum_cells(images: PackedImages, num_cells: int) -> Int64:
    """Return the sum of images as a flat state, exactly."""
    if len(images.cells) and int(images.cells.max()) >= num_cells:
        raise ValueError("it has cells outside the state")
    if images.counts.dtype.itemsize > 4:  # float64 would round
        state = np.zeros(num_cells, np.int64)
        np.add.at(state, images.cells, images.counts.astype(np.int64))
        return state
    return np.bincount(images.cells, images.counts, num_cells).astype(np.int64)


def _load_totals(empty: Accumulator, totals: object) -> Accumulator:
    measure = empty.copy()
    measure.reset()
    state = measure.state_dict()
    measure.load_state_dict({**state, "totals": totals})
    return measure


def _load_images(plan: Plan, shards: list[int]) -> ImageTable:
    """Read the counts of the images of whole shards, with their ids."""
    table = ImageTable((plan.counter.reader.classes.num_classes + 1) ** 2)
    for shard in shards:
        counts = plan.read_counts(shard)
        table = table.extended_by(counts.images, list(_counted_ids(plan, counts)))
    return table


def _counted_ids(plan: Plan, counts: ShardCounts) -> Iterator[str]:
    """Yield the ids of the images of a shard that did not fail."""
    planned = plan.shard(counts.shard)
    if planned.digest != counts.lines:
        raise ValueError(f"{display_path(plan.run)}: shard {counts.shard} is of other images")
    failed = {failed.number for failed in counts.failed}
    return (image.id for k, image in enumerate(planned.images) if k not in failed)
