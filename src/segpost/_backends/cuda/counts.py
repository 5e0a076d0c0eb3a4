"""Counts and their errors in device memory, until they are read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core.contract import DeferredErrors
from segpost._core.device import Array, context_of, copy_rows, is_capturing, to_host, zeros_on


class StreamCounts(NamedTuple):
    """Sums of the batches of one stream, in the stream's order."""

    counts: Array  # (C + 2, C + 1) int64, the layout of the backends
    errors: Array  # [6] uint64, pairs of `LogitErrors`, of logits in which NaN are an error


class DeviceCounts:
    """Sums of counts on devices, one for each stream: no stream waits for another.

    Streams must still exist when the counts are read; those of torch and CuPy do.

    Parameters
    ----------
    classes : int
        Number of classes C.
    ignored : (n,) int64
        Target values that are ignored.
    refused : tuple of bool
        Whether invalid targets (neither class nor ignored), and invalid predictions, are an error.
    """

    def __init__(self, classes: int, ignored: Array, refused: tuple[bool, bool]) -> None:
        self.shape = classes + 2, classes + 1
        self.ignored, self.refused = ignored, refused
        self._streams: dict[tuple[int, int, bool], StreamCounts] = {}
        self._read: Array | None = None  # counts on the CPU that `take` has not returned

    def of_stream(self, array: Array, check: str) -> StreamCounts:
        """Return the sums to which the counts of a device array are added."""
        context = context_of(array)
        if is_capturing(context):
            raise RuntimeError(
                "a CUDA graph is being captured, and its runs could not be counted here: capture "
                "segpost.confusion_matrix(..., check='off') and add its results"
            )
        is_checked = check == "deferred"
        key = context.device, context.stream, is_checked
        if key not in self._streams:
            counts = zeros_on(context, self.shape, np.int64)
            self._streams[key] = StreamCounts(counts, zeros_on(context, (6,), np.uint64))
        if is_checked:
            _deferred_errors(array).register(self)
        return self._streams[key]

    def synchronize(self) -> None:
        """Wait for the streams, and read all counts.

        Raises
        ------
        ValueError
            If there are invalid values; then the counts with check="deferred" are dropped.
        """
        sums = [
            (is_checked, to_host(stream.counts), to_host(stream.errors))
            for (_, _, is_checked), stream in self._streams.items()
        ]
        self._streams = {}
        targets = preds = nan = 0
        for is_checked, counts, errors in sums:
            if is_checked:
                targets += self.refused[0] * int(counts[-1].sum())
                preds += self.refused[1] * int(counts[:-2, -1].sum())
                nan += int(errors[0])
        for is_checked, counts, _ in sums:
            if not (is_checked and (targets or preds or nan)):
                self._read = counts if self._read is None else self._read + counts
        _raise_deferred(targets, preds, nan, self.ignored)

    def take(self) -> Array | None:
        """Return the (C + 2, C + 1) counts since the last call, or None; this waits for them."""
        if self._streams:
            self.synchronize()
        counts, self._read = self._read, None
        return counts


def refuse_more_than_sums(check: str, needs: dict[str, bool]) -> None:
    """Raise an error for arguments that need more than the sum of the counts on a device.

    Parameters
    ----------
    check : {"deferred", "off"}
    needs : mapping of str to bool
        Each argument, and whether it is used.
    """
    for argument, is_used in needs.items():
        if is_used:
            raise ValueError(
                f"{argument} needs counts of single images or values; check={check!r} keeps only "
                "their sum on the device: use check='sync'"
            )


def defer_invalid_labels(counts: Array, ignored: Array) -> None:
    """Register the counts of invalid labels with `raise_deferred`.

    Parameters
    ----------
    counts : (C + 2, C + 1) int64
        Counts on a device. Only the cells of invalid labels are copied.
    ignored : (n,) int64
    """
    classes = counts.shape[1] - 1
    cells = context_of(counts).empty((2 * classes + 1,), np.int64)
    copy_rows(cells[None, : classes + 1], counts[classes + 1 :])
    copy_rows(cells[classes + 1 :, None], counts[:classes, classes:])

    def read() -> None:
        sums = to_host(cells)
        targets, preds = int(sums[: classes + 1].sum()), int(sums[classes + 1 :].sum())
        _raise_deferred(targets, preds, 0, ignored)

    _deferred_errors(counts).defer(read)


def _deferred_errors(array: Array) -> DeferredErrors:
    backend = registry.backend(array)
    assert isinstance(backend, DeferredErrors)
    return backend


def _raise_deferred(targets: int, preds: int, nan: int, ignored: Array) -> None:
    """Raise for the first of the three numbers of invalid values that is not 0."""
    alternative = " nor ignored" if len(ignored) else ""
    for count, description in (
        (targets, f"values of target that are no classes{alternative}"),
        (preds, "values of preds that are no classes"),
        (nan, "NaN logits"),
    ):
        if count:
            raise ValueError(
                f"there were {count} {description} in earlier calls with check='deferred'; "
                "check='sync' says which, and where"
            )
