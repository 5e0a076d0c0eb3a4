"""Counts of pairs that stay on their devices until they are read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core.contract import DeferredErrors
from segpost._core.device import Array, context_of, copy_rows, is_capturing, to_host, zeros_on


class Table(NamedTuple):
    """The counts of the batches of one stream."""

    counts: Array  # (C + 2, C + 1) int64, as the backends give them
    errors: Array  # [6] uint64: error counts of logits, where NaN is an error


class DeviceCounts:
    """Tables on devices, one for each stream that batches came on: no stream waits for another.

    Streams have to be there still when the counts are read; those of torch and CuPy are.
    """

    def __init__(self, classes: int, ignored: Array, refused: tuple[bool, bool]) -> None:
        self.shape = classes + 2, classes + 1
        self.ignored, self.refused = ignored, refused  # targets, predictions that are no classes
        self._tables: dict[tuple[int, int, bool], Table] = {}
        self._read: Array | None = None

    def table(self, values: Array, check: str) -> Table:
        """Where counts of `values`, which are on a device, are added to."""
        context = context_of(values)
        if is_capturing(context):
            raise RuntimeError(
                "a CUDA graph is being captured, and its runs could not be counted here: capture "
                "segpost.confusion_matrix(..., check='off') and add up what it gives"
            )
        checked = check == "deferred"
        key = context.device, context.stream, checked
        if key not in self._tables:
            counts = zeros_on(context, self.shape, np.int64)
            self._tables[key] = Table(counts, zeros_on(context, (6,), np.uint64))
        if checked:
            _deferring(values).register(self)
        return self._tables[key]

    def synchronize(self) -> None:
        """Wait for the streams that were used, and have all counts on the CPU.

        Raises
        ------
        ValueError
            If there are bad values; then nothing of what was to be checked is counted.
        """
        read = [
            (checked, to_host(table.counts), to_host(table.errors))
            for (_, _, checked), table in self._tables.items()
        ]
        self._tables = {}
        bad = [0, 0, 0]
        for checked, counts, errors in read:
            if checked:
                bad[0] += self.refused[0] * int(counts[-1].sum())
                bad[1] += self.refused[1] * int(counts[:-2, -1].sum())
                bad[2] += int(errors[0])
        for checked, counts, _ in read:
            if not (checked and any(bad)):
                self._read = counts if self._read is None else self._read + counts
        _raise_bad(bad[0], bad[1], bad[2], self.ignored)

    def take(self) -> Array | None:
        """What has come to the CPU since this was asked last: (C + 2, C + 1). It waits."""
        if self._tables:
            self.synchronize()
        taken, self._read = self._read, None
        return taken


def refuse_more_than_sums(check: str, needs: dict[str, bool]) -> None:
    """Refuse what a sum of counts on a device cannot tell."""
    for what, needed in needs.items():
        if needed:
            raise ValueError(
                f"check={check!r} leaves nothing but sums on the device, and {what} needs more: "
                "pass check='sync'"
            )


def defer_outside(cells: Array, ignored: Array) -> None:
    """Have `raise_deferred` look for labels that are no classes in counts (C + 2, C + 1)."""
    classes = cells.shape[1] - 1
    bad = context_of(cells).empty((2 * classes + 1,), np.int64)  # their cells alone are kept
    copy_rows(bad[None, : classes + 1], cells[classes + 1 :])
    copy_rows(bad[classes + 1 :, None], cells[:classes, classes:])

    def read() -> None:
        numbers = to_host(bad)
        _raise_bad(int(numbers[: classes + 1].sum()), int(numbers[classes + 1 :].sum()), 0, ignored)

    _deferring(cells).defer(read)


def _deferring(array: Array) -> DeferredErrors:
    backend = registry.backend(array)
    assert isinstance(backend, DeferredErrors)
    return backend


def _raise_bad(target: int, preds: int, nan: int, ignored: Array) -> None:
    void = " nor ignored" if len(ignored) else ""
    for number, what in (
        (target, f"values of target that are no classes{void}"),
        (preds, "values of preds that are no classes"),
        (nan, "NaN logits"),
    ):
        if number:
            raise ValueError(
                f"there were {number} {what} in earlier calls with check='deferred'; "
                "check='sync' says which, and where"
            )
