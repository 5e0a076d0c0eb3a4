"""Pairs of files become counts, several at a time; the order is that of the ids."""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import segpost
from segpost import ConfusionMatrix, Palette
from segpost.cli.evaluation.measures import update
from segpost.cli.messages import sentence, shown
from segpost.evaluation.classes import Classes, LabelMap, nearest
from segpost.evaluation.pairing import Pair
from segpost.files import images
from segpost.files.images import Array, Size
from segpost.metrics.base import Accumulator

ITEM_ERRORS = (ValueError, TypeError, OSError, MemoryError)
BLOCK = 256  # images that are added up before the sum takes them


class Read(NamedTuple):
    """The arrays of a pair."""

    preds: Array  # labels of the target's shape, or logits
    target: Array


class Counts(NamedTuple):
    """What is counted of a pair, or of many."""

    cm: ConfusionMatrix
    measures: tuple[Accumulator, ...]  # beside it


class Result(NamedTuple):
    """What became of a pair: its counts, or why there are none."""

    pair: Pair
    counts: Counts | None
    problem: str = ""


@dataclass(frozen=True)
class Reader:
    """How files become labels, and labels counts."""

    classes: Classes
    label_map: LabelMap | None
    map_to: str
    colors: Palette | None
    resize: bool
    axis: int
    grid: str
    threshold: float | None
    invalid_preds: str
    max_pixels: int
    measures: tuple[Accumulator, ...]  # empty ones

    @classmethod
    def of(
        cls,
        arguments: argparse.Namespace,
        classes: Classes,
        map_: LabelMap | None,
        measures: tuple[Accumulator, ...],
    ) -> Reader:
        """As the options say."""
        return cls(
            classes,
            map_,
            arguments.map_to,
            None if arguments.colors is None else Palette.named(arguments.colors),
            arguments.resize == "nearest",
            arguments.axis,
            arguments.grid,
            arguments.threshold,
            arguments.invalid_preds,
            arguments.max_pixels,
            measures,
        )

    def empty(self) -> Counts:
        """No counts yet."""
        cm = ConfusionMatrix(
            self.classes.number,
            ignore_index=self.classes.ignore,
            class_names=self.classes.names,
            groups=self.classes.groups,
            per_image=True,
            invalid_preds=self.invalid_preds,
        )
        return Counts(cm, tuple(measure.copy() for measure in self.measures))

    def count(self, pair: Pair) -> Result:
        """The counts of one pair, or what is wrong with it."""
        try:
            read = self.read(pair)
            counts = self.empty()
            counts.cm.update(
                preds=read.preds,
                target=read.target,
                ids=[pair.id],
                axis=self.axis,
                grid=self.grid,
                threshold=self.threshold,
            )
            if counts.measures:
                labels = self._labels(read)
                update(counts.measures, labels, read.target, self._instances(pair, read.target))
        except _Problem as problem:
            return Result(pair, None, str(problem))
        except ITEM_ERRORS as error:  # the core's sentences begin with what they are about
            about = pair.target if str(error).startswith("target") else pair.preds
            if pair.instances is not None and str(error).startswith("instances"):
                about = pair.instances
            return Result(pair, None, sentence(error, shown(about)))
        return Result(pair, counts)

    def read(self, pair: Pair) -> Read:
        """Both files, mapped and resized as was asked for."""
        with _about(pair.target):
            target = images.read_labels(pair.target, self.colors, self._check)
            if self.label_map is not None and self.map_to != "preds":
                target = self.label_map(target)
        size = (target.shape[0], target.shape[1])
        with _about(pair.preds):
            preds = self._prediction(pair.preds, size)
            if preds.ndim == 2:
                if self.label_map is not None and self.map_to != "target":
                    preds = self.label_map(preds)
                if preds.shape != size:
                    preds = nearest(preds, size)
            elif self.label_map is not None and self.map_to != "target":
                raise ValueError(f"--map-to {self.map_to}: it holds logits, not labels to map")
        return Read(preds, target)

    def labels(self, pair: Pair) -> Read:
        """The same, with the labels that logits are counted as."""
        read = self.read(pair)
        return Read(self._labels(read), read.target)

    def _labels(self, read: Read) -> Array:
        """The predicted labels."""
        if read.preds.ndim == 2:
            return read.preds
        seg = segpost.postprocess(
            read.preds,
            axis=self.axis,
            size=(read.target.shape[0], read.target.shape[1]),
            grid=self.grid,
            threshold=self.threshold,
        )
        labels: Array = seg.labels
        return labels

    def _instances(self, pair: Pair, target: Array) -> Array | None:
        """The map of instances, which fits the target."""
        if pair.instances is None:
            return None

        def check(size: Size) -> None:
            self._check(size)
            if size != target.shape:
                raise ValueError(
                    f"the map of instances is {size[0]} x {size[1]}, its target "
                    f"{target.shape[0]} x {target.shape[1]} (height x width)"
                )

        with _about(pair.instances):
            cure = "wanted is one number a pixel, in up to 32 bits"
            return images.read_labels(pair.instances, None, check, cure)

    def _prediction(self, path: Path, size: Size) -> Array:
        """Labels that fit the target, or logits."""
        if path.suffix.lower() in images.ARRAYS:
            array = images.read_logits(path)
            if array.ndim == 2 and array.dtype.kind in "iub":
                self._check((array.shape[0], array.shape[1]), size)
                return array
            if array.ndim == 4 and len(array) == 1:
                array = array[0]
            if array.ndim != 3 or 0 in array.shape:
                raise ValueError(
                    f"it holds {array.dtype} of shape {array.shape}; wanted are integer labels "
                    "(height, width) or logits (classes, height, width) of one image"
                )
            return array
        return images.read_labels(path, self.colors, lambda found: self._check(found, size))

    def _check(self, size: Size, wanted: Size | None = None) -> None:
        """Refuse, before anything is decoded, what is too large or does not fit."""
        if size[0] * size[1] > self.max_pixels:
            raise ValueError(
                f"{size[0]} x {size[1]} are more pixels than --max-pixels {self.max_pixels}"
            )
        if wanted is not None and size != wanted and not self.resize:
            hint = "--resize nearest fits the prediction to it"
            if size == wanted[::-1]:
                hint = "are height and width swapped?"
            raise ValueError(
                f"the prediction is {size[0]} x {size[1]}, its target {wanted[0]} x {wanted[1]} "
                f"(height x width); {hint}"
            )


class Sum:
    """Counts of many images, added up in blocks: adding one to many looks at all of them."""

    def __init__(self, empty: Callable[[], Counts]) -> None:
        self._total, self._empty, self._block = empty(), empty, empty()

    def add(self, counts: Counts) -> None:
        """Add the counts of one image."""
        _add(counts, to=self._block)
        if len(self._block.cm.images) >= BLOCK:
            self.finish()

    def finish(self) -> Counts:
        """All that was added."""
        _add(self._block, to=self._total)
        self._block = self._empty()
        return self._total


def _add(counts: Counts, *, to: Counts) -> None:
    to.cm.merge_state(counts.cm)
    for total, part in zip(to.measures, counts.measures, strict=True):
        total.merge_state(part)


def counted(count: Callable[[Pair], Result], pairs: Iterable[Pair], jobs: int) -> Iterator[Result]:
    """The results in the order of the pairs, `jobs` of them in work at a time.

    Parameters
    ----------
    count : function of a pair
    pairs : iterable of Pair
    jobs : int
        Threads: Pillow decodes and segpost counts without Python's lock.
    """
    if jobs == 1:
        yield from map(count, pairs)
        return
    rest = iter(pairs)
    with ThreadPoolExecutor(jobs) as pool:
        try:
            running: deque[Future[Result]] = deque()
            while True:
                for pair in islice(rest, 4 * jobs - len(running)):
                    running.append(pool.submit(copy_context().run, count, pair))
                if not running:
                    return
                yield running.popleft().result()
        finally:  # also where the reader stops early, as Ctrl-C does
            pool.shutdown(wait=False, cancel_futures=True)


class _Problem(Exception):
    """What is wrong with a file, its name included."""


@contextmanager
def _about(path: Path) -> Iterator[None]:
    """Errors inside are about one file, and begin with its name."""
    try:
        yield
    except ITEM_ERRORS as error:
        raise _Problem(sentence(error, shown(path))) from error
