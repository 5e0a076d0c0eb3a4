"""What `segpost run` does with each item, and the threads that do it."""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

import segpost
from segpost._core.text import FILE_ERRORS, ErrorText, describe_error, display_path
from segpost.cli.run.inputs import Images, Item
from segpost.cli.run.journal import FileSum, sum_of_file
from segpost.cli.run.outputs import OutputFolder
from segpost.cli.run.volumes import VolumeMaker, volume_name

ITEMS_PER_THREAD = 2  # that are begun before a result is needed
Value = TypeVar("Value")
Result = TypeVar("Result")


class ItemResult(NamedTuple):
    """What became of an item.

    Attributes
    ----------
    problem : ErrorText or None
        Why it failed.
    notes : sequence of str
        Sentences for the user.
    was_done : bool
        Whether a former run had made its outputs.
    """

    problem: ErrorText | None = None
    notes: Sequence[str] = ()
    was_done: bool = False


class Worker:
    """Makes the outputs of items.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments of the command.
    want : set of str
        The outputs.
    images : Images
        The photographs.
    outputs : OutputFolder
        Where to write.
    """

    def __init__(
        self,
        arguments: argparse.Namespace,
        want: set[str],
        images: Images,
        outputs: OutputFolder,
    ) -> None:
        self.images, self.outputs = images, outputs
        self.size = arguments.size
        self.volumes = VolumeMaker(arguments, want) if arguments.volume else None
        self.skips_done = arguments.resume
        palette = None if arguments.palette is None else segpost.Palette.named(arguments.palette)
        self.options: dict[str, Any] = {
            "convention": arguments.convention,
            "axis": arguments.axis,
            "grid": arguments.grid,
            "palette": palette,
            "alpha": arguments.alpha,
            "crf": arguments.crf,
            "threshold": arguments.threshold,
            "decode": arguments.decode,
            "quantization": arguments.quantization and tuple(arguments.quantization),
            "want": want,
        }
        self.holds_labels = has_labels(arguments)

    def make(self, item: Item) -> ItemResult:
        """Write the outputs of an item, and return what became of it.

        Raises
        ------
        OutputError
            If they cannot be written; what is wrong with the inputs is part of the result.
        """
        if item.problem is not None:
            return ItemResult(item.problem)
        try:
            image_path = self.images.path_of(item.name)
            inputs = self._sum_inputs(item, image_path)
            if self.skips_done and self.outputs.is_done(item.name, inputs):
                return ItemResult(was_done=True)
            notes: list[str] = []
            save = self._saver(item, image_path, notes)
            self.outputs.write(item.name, inputs, save)
            return ItemResult(notes=notes)
        except FILE_ERRORS as error:
            return ItemResult(describe_error(error, item.about))

    def _sum_inputs(self, item: Item, image_path: Path | None) -> dict[str, FileSum]:
        """Return the check sums of the files that an item is made of."""
        sums = {str(item.file.path): item.file.sum}
        if image_path is not None:
            sums[str(image_path)] = (
                sum_of_file(image_path) if self.images.is_folder else self.images.sum
            )
        return sums

    def _saver(
        self, item: Item, image_path: Path | None, notes: list[str]
    ) -> Callable[[Path], list[str]]:
        """Return a function that writes the outputs of an item into a folder.

        The computation is over then: errors of the function are those of the outputs.
        """
        volumes = self.volumes
        if volumes is not None:
            result = volumes.segment(item, image_path)
            return lambda folder: volumes.save(result, folder, item, image_path)
        logits = item.read()
        image = None if image_path is None else self.images.read(image_path)
        size = self.size
        if size is None and image is not None:
            size = image.shape[:2]
        seg = segpost.postprocess(logits, size=size, image=image, **self.options)
        return lambda folder: self._save(seg, folder, item, notes)

    def _save(
        self, seg: segpost.Segmentation, folder: Path, item: Item, notes: list[str]
    ) -> list[str]:
        """Write what a segmentation has, as ``KIND.png``, and return the names.

        Labels become an indexed PNG where their dtype is uint8, or where they are those of the
        file and their values fit; notes say where they do not.
        """
        names = []
        if seg.labels is not None:
            labels = seg.labels
            fits = self.holds_labels and bool((labels >= 0).all() and (labels <= 255).all())
            is_png = fits or labels.dtype == np.uint8
            names.append(f"labels.{'png' if is_png else 'npy'}")
            seg.save(folder / names[0])
            if not is_png:
                notes.append(
                    f"{display_path(item.file.path)}: more than 256 classes fit no indexed PNG; "
                    f"wrote {display_path(Path(item.name))}.{names[0]}"
                )
        for kind in ("color", "overlay", "confidence"):
            if getattr(seg, kind) is not None:
                names.append(f"{kind}.png")
                seg.save(folder / names[-1], what=kind)
        return names


def has_labels(arguments: argparse.Namespace) -> bool:
    """Return whether the files hold labels, as the convention says."""
    convention = arguments.convention and segpost.Convention.named(arguments.convention)
    return bool(convention) and convention.kind == "labels"


def expected_names(
    items: Iterable[Item], want: set[str], arguments: argparse.Namespace
) -> Iterator[str]:
    """Yield the names of the files that the items become, as far as their headers say."""
    convention = arguments.convention and segpost.Convention.named(arguments.convention)
    axis = arguments.axis or (convention.axis if convention else -3)
    for item in items:
        if item.header is None:
            continue
        if arguments.volume:
            for what in sorted(want):
                name = volume_name(what, arguments.like is not None, arguments.overlay_as)
                yield f"{item.name}.{name}"
            continue
        shape = item.header.shape if item.position is None else item.header.shape[1:]
        classes = shape[axis] if len(shape) >= 3 else 0
        if "labels" in want:
            yield f"{item.name}.labels.{'npy' if classes > 256 else 'png'}"
        for kind in sorted(want - {"labels"}):
            yield f"{item.name}.{kind}.png"


def map_in_order(
    function: Callable[[Value], Result], values: Iterable[Value], jobs: int
) -> Iterator[Result]:
    """Yield the results of a function in the order of the values, with `jobs` threads.

    Where the caller stops early, no further value is begun, and those that are end first.
    """
    if jobs == 1:
        yield from map(function, values)
        return
    remaining = iter(values)
    with ThreadPoolExecutor(jobs) as pool:
        running: deque[Future[Result]] = deque()
        try:
            while True:
                for value in islice(remaining, ITEMS_PER_THREAD * jobs - len(running)):
                    running.append(pool.submit(copy_context().run, function, value))
                if not running:
                    return
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()
