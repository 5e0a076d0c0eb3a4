"""Counting of pairs, several at a time; the order of the results is that of the pairs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from segpost._core.text import FILE_ERRORS, ErrorText, describe_error, display_path
from segpost.evaluation.measures import update_measures
from segpost.evaluation.pairing import Pair
from segpost.evaluation.reading import PairError, PairReader
from segpost.evaluation.spacings import read_spacings
from segpost.metrics.base import Accumulator
from segpost.metrics.matrix import ConfusionMatrix
from segpost.metrics.surface_distance import SurfaceDistance

PAIRS_PER_THREAD = 4  # that are submitted ahead


class PairCounts(NamedTuple):
    """The counts of a pair, or of many: the confusion matrix and the measures beside it."""

    cm: ConfusionMatrix
    measures: tuple[Accumulator, ...]


class FailedPair(NamedTuple):
    """A pair without counts: its id, the file that is to blame, and why."""

    id: str
    file: str
    reason: str


class PairResult(NamedTuple):
    """The counts of a pair, or the reason why there are none."""

    pair: Pair
    counts: PairCounts | None
    problem: ErrorText | None = None

    @property
    def id(self) -> str:
        """The id of the pair."""
        return self.pair.id

    @property
    def file(self) -> str:
        """The file that is to blame, empty where no file is."""
        return "" if self.problem is None else self.problem.location

    @property
    def reason(self) -> str:
        """Why there are no counts, empty where there are."""
        return "" if self.problem is None else self.problem.reason


@dataclass(frozen=True)
class PairCounter:
    """Counts pairs of files.

    Parameters
    ----------
    reader : PairReader
        Reads the files of a pair.
    measures : tuple of Accumulator
        Empty measures that are counted beside the confusion matrix.

    Raises
    ------
    ValueError
        If there are measures, and invalid predictions are to be dropped.
    """

    reader: PairReader
    measures: tuple[Accumulator, ...] = ()

    def __post_init__(self) -> None:
        if self.measures and self.reader.options.invalid_preds == "drop":
            raise ValueError(
                'invalid_preds="drop" leaves predictions out of the confusion matrix alone; '
                "measures= and instances= count them as misses"
            )

    def empty_counts(self) -> PairCounts:
        """Return counts of nothing, with the settings of the evaluation."""
        classes = self.reader.classes
        cm = ConfusionMatrix(
            classes.num_classes,
            ignore_index=classes.ignore_index,
            class_names=classes.names,
            groups=classes.groups,
            per_image=True,
            invalid_preds=self.reader.options.invalid_preds,
        )
        return PairCounts(cm, tuple(measure.copy() for measure in self.measures))

    def count(self, pair: Pair) -> PairResult:
        """Return the counts of a pair, or what is wrong with its files; it does not raise that."""
        reader, options = self.reader, self.reader.options
        try:
            arrays = reader.read(pair)
            counts = self.empty_counts()
            is_of_images = not all(isinstance(m, SurfaceDistance) for m in counts.measures)
            if is_of_images and arrays.are_volumes:
                raise ValueError(
                    "target is a volume, and measures= and instances= count images alone, but for "
                    'measures="surface-distance"'
                )
            counts.cm.update(
                preds=arrays.preds,
                target=arrays.target,
                ids=[pair.id],
                axis=reader.class_axis(arrays),
                volume=arrays.are_volumes,
                grid=options.grid,
                threshold=options.threshold,
            )
            if counts.measures:
                labels, target = reader.as_labels(arrays), arrays.target
                instances = reader.read_instances(pair, (target.shape[0], target.shape[1]))
                spacing = read_spacings([pair]).get(pair.id) if arrays.are_volumes else None
                update_measures(counts.measures, pair.id, labels, target, instances, spacing)
                if arrays.panoptic_maps is not None and reader.panoptic is not None:
                    reader.panoptic.update(counts.measures, pair.id, *arrays.panoptic_maps)
        except PairError as error:
            return PairResult(pair, None, error.text)
        except FILE_ERRORS as error:  # messages of the counting start with the argument's name
            path = pair.target if str(error).startswith("target") else pair.preds
            if pair.instances is not None and str(error).startswith("instances"):
                path = pair.instances
            return PairResult(pair, None, describe_error(error, display_path(path)))
        return PairResult(pair, counts)


class CountSum:
    """The sum of the counts of many images.

    Parameters
    ----------
    empty_counts : function
        Returns counts of nothing.
    """

    def __init__(self, empty_counts: Callable[[], PairCounts]) -> None:
        self._total = empty_counts()

    def add(self, counts: PairCounts) -> None:
        """Add the counts of one image."""
        self._total.cm.merge_state(counts.cm)
        for measure, added in zip(self._total.measures, counts.measures, strict=True):
            measure.merge_state(added)

    def total(self) -> PairCounts:
        """Return the sum of all that was added."""
        return self._total


def count_pairs(
    count: Callable[[Pair], PairResult], pairs: Iterable[Pair], jobs: int = 1
) -> Iterator[PairResult]:
    """Yield the results in the order of the pairs, with `jobs` threads.

    Parameters
    ----------
    count : function of a Pair
        As `PairCounter.count`.
    pairs : iterable of Pair
        What is counted.
    jobs : int
        Threads. Pillow decodes and segpost counts without Python's lock.
    """
    if jobs == 1:
        yield from map(count, pairs)
        return
    remaining = iter(pairs)
    with ThreadPoolExecutor(jobs) as pool:
        try:
            running: deque[Future[PairResult]] = deque()
            while True:
                for pair in islice(remaining, PAIRS_PER_THREAD * jobs - len(running)):
                    running.append(pool.submit(copy_context().run, count, pair))
                if not running:
                    return
                yield running.popleft().result()
        finally:  # also where the caller stops early, as on Ctrl-C
            pool.shutdown(wait=False, cancel_futures=True)
