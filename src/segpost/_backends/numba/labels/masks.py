"""The operations of binarize on Numba, plane by plane and strip by strip."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba import tiles
from segpost._backends.numba.labels.mask_rows import threshold_rows
from segpost._backends.numba.threads import run
from segpost._backends.numba.tiles import Strip, table
from segpost._backends.reference.labels import count_nan
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.run_lengths import RunLengths, runs_of_toggles
from segpost._core.sampling import Axes, same_size_axes
from segpost._core.thresholds import sides

STRIP_IN = 1 << 18  # logits of a strip
STRIP_OUT = 1 << 18  # output pixels of a strip
Undefined = tuple[int, int]  # the number of undefined pixels, and the first flat index


class _Planes:
    """Logits, and what the kernel needs to threshold them."""

    def __init__(
        self, logits: Logits, axes: Axes | None, cutoffs: Array, swapped: bool = False
    ) -> None:
        _, classes, height, width = logits.values.shape
        grid = axes or same_size_axes((height, width))
        self.shape = (classes, grid.y.n_out, grid.x.n_out)
        self.cutoffs = cutoffs
        self.swapped = swapped
        dtype = tiles.number(logits.kind)
        den = grid.den
        self.levels = [tuple(sides(float(cutoff), den, dtype)) for cutoff in cutoffs]
        if swapped:
            logits = logits._replace(values=logits.values.transpose(0, 1, 3, 2))
            grid = Axes(grid.x, grid.y)
        self.logits, self.grid = logits, grid
        self.tables = table(grid.y), table(grid.x)
        self.strips = tiles.strips(
            logits._replace(values=logits.values[:, :1]), grid, STRIP_IN, STRIP_OUT
        )

    def threshold(self, strip: Strip, c: int, mark: int, out: Array, toggles: Array) -> Any:
        """Threshold a strip of a class; return the number of toggles, and undefined pixels."""
        part = self.logits._replace(values=self.logits.values[:, c : c + 1])
        rows = tiles.frozen(tiles.grid_rows(part, strip)[:, 0])
        count, undefined, row, column = threshold_rows(
            rows,
            *self.tables,
            strip.cell0,
            strip.y0,
            strip.y1,
            self.cutoffs[c],
            self.levels[c],
            self.swapped,
            mark,
            out,
            toggles,
        )
        classes, height, width = self.shape
        first = ((strip.n * classes + c) * height + row) * width + column
        return count, (undefined, first)


def binarize(
    logits: Logits, axes: Axes | None, cutoffs: Array, masks: Array, packed: bool
) -> LogitErrors:
    """Write 1 where the interpolated logit exceeds the cutoff of its channel, else 0."""
    planes = _Planes(logits, axes, cutoffs)
    no_toggles = np.empty(0, np.int64)

    def work(part: tuple[Strip, int]) -> Undefined:
        strip, c = part
        target = masks[strip.n, c, strip.y0 : strip.y1]
        out = target
        if packed or not target.flags.c_contiguous:
            out = np.empty((strip.y1 - strip.y0, planes.grid.x.n_out), np.uint8)
        out[...] = 0
        _, undefined = planes.threshold(strip, c, 1, out, no_toggles)
        if packed:
            target[...] = np.packbits(out, axis=-1)
        elif out is not target:
            target[...] = out
        return undefined  # type: ignore[no-any-return]

    parts = [(strip, c) for strip in planes.strips for c in range(len(cutoffs))]
    return _sum_errors(logits, run(work, parts, logits.values.size + masks.size))


def binarize_labels(
    logits: Logits, axes: Axes | None, cutoffs: Array, values: Array, labels: Array
) -> LogitErrors:
    """Write the value of the last channel whose logit exceeds its cutoff; 0 where none does."""
    planes = _Planes(logits, axes, cutoffs)
    no_toggles = np.empty(0, np.int64)

    def work(strip: Strip) -> list[Undefined]:
        out, copy_back = tiles.target(labels[strip.n, strip.y0 : strip.y1])
        out[...] = 0
        undefined = [
            planes.threshold(strip, c, int(value), out, no_toggles)[1]
            for c, value in enumerate(values)
        ]
        copy_back()
        return undefined

    parts_of_strips = run(work, planes.strips, logits.values.size + labels.size * len(values))
    return _sum_errors(logits, [undefined for part in parts_of_strips for undefined in part])


def binarize_runs(
    logits: Logits, axes: Axes | None, cutoffs: Array
) -> tuple[RunLengths, LogitErrors]:
    """Return the counts of all masks, which `segpost._core.rle` defines."""
    planes = _Planes(logits, axes, cutoffs, swapped=True)
    classes, height, width = planes.shape
    no_pixels = np.empty((0, 0), np.uint8)

    def work(part: tuple[Strip, int]) -> tuple[Array, Undefined]:
        strip, c = part
        toggles = np.empty((strip.y1 - strip.y0) * (planes.grid.x.n_out + 1), np.int64)
        count, undefined = planes.threshold(strip, c, 1, no_pixels, toggles)
        return toggles[:count].copy(), undefined

    parts = [(strip, c) for strip in planes.strips for c in range(classes)]
    parts_of_strips = run(work, parts, logits.values.size * 2)
    images = logits.values.shape[0]
    toggles: list[list[Array]] = [[] for _ in range(images * classes)]
    for (strip, c), (places, _) in zip(parts, parts_of_strips, strict=True):
        toggles[strip.n * classes + c].append(places)
    runs = runs_of_toggles([np.concatenate(part) for part in toggles], height * width)
    return runs, _sum_errors(logits, [undefined for _, undefined in parts_of_strips])


def _sum_errors(logits: Logits, undefined: list[Undefined]) -> LogitErrors:
    """Return the sum of errors."""
    bad = [part for part in undefined if part[0]]
    errors = count_nan(logits)
    if not bad:
        return errors
    return errors._replace(
        undefined_count=sum(count for count, _ in bad),
        undefined_first=min(first for _, first in bad),
    )
