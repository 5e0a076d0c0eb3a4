"""Sampling grids on which the labels of the logits fit the target better than on the caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from segpost._core.arrays import Array
from segpost._core.sampling import GRIDS, affine
from segpost._core.suspicious_sizes import fits_transposed
from segpost.diagnosis.coded_maps import CodedMaps
from segpost.diagnosis.explanation import Explanation
from segpost.diagnosis.placements import EXCHANGED, Placement

MIN_GRID_PIXELS = 64  # whose label depends on the grid
MAX_GRID_RESIDUAL = 0.85  # of the errors
MAX_STRIDE = 32  # of common networks
ROUNDING = 2.5  # pixels by which a fitted padding misses
MIN_GRID_IMAGES = 5  # that all fit better: a network may favor another grid by itself


class ResizableLogits(NamedTuple):
    """Logits of the same images as the target, whose labels can be computed on any grid."""

    size: tuple[int, int]  # (h, w)
    grid: str  # of the caller
    argmax: Callable[[tuple[int, int], str], Array]  # of a size and a grid: (N, H, W) labels
    are_predicted: bool  # whether the prediction is that of these logits


def is_grid_offset(
    grid: Explanation, shift: Explanation, logits: ResizableLogits | None, size: tuple[int, int]
) -> bool:
    """Return whether a shift is about the offset between two grids."""
    if shift.name != "shift" or logits is None:
        return False
    offsets = (shift.detail["down"], shift.detail["right"])
    for n_in, n_out, offset in zip(logits.size, size, offsets, strict=True):
        declared, true = (
            _mean_coordinate(n_in, n_out, grid.detail[key]) for key in ("labels_grid", "grid")
        )
        stride = n_out / n_in
        if abs(offset - (true - declared) * stride) > max(1, stride / 8):
            return False
    return True


def is_grid_scale(
    window: Explanation, logits: ResizableLogits | None, size: tuple[int, int]
) -> bool:
    """Return whether a window differs from the whole by no more than sampling grids do.

    Grids differ by up to a stride at the edges, as much in width as in height. Without logits the
    stride may be any up to that of common networks, on grids that differ by half of it.
    """
    if window.name != "window":
        return False
    edges = [float(edge) for edge in window.detail["top_bottom_left_right"].split(", ")]
    pads: list[float] = []
    limits = [MAX_STRIDE / 2, MAX_STRIDE / 2]
    if logits is not None:
        limits = [out / inside for out, inside in zip(size, logits.size, strict=True)]
    for start, stop, side in ((edges[0], edges[1], size[0]), (edges[2], edges[3], size[1])):
        pads += [start * side / (stop - start), (1 - stop) * side / (stop - start)]
    is_small = (abs(np.array(pads)) <= np.repeat(limits, 2) + 1).all()
    is_equal = max(abs(pads[0] - pads[2]), abs(pads[1] - pads[3])) <= ROUNDING
    return bool(is_small and is_equal)


def iter_grids(maps: CodedMaps, logits: ResizableLogits | None) -> Iterator[Explanation]:
    """Yield the grids on which the labels of the logits fit the target better.

    One picture is a hint. More are likely where nearly each of them fits better.
    """
    if logits is None or logits.size == maps.size:
        return
    labels = {grid: _labels_on(maps, logits, grid) for grid in GRIDS}
    used = logits.grid
    if not logits.are_predicted:
        same = [grid for grid in GRIDS if np.array_equal(labels[grid], maps.whole)]
        if not same:
            return  # the labels do not come from these logits alone
        used = logits.grid if logits.grid in same else same[0]
    declared = labels[used]
    for grid in GRIDS:
        if grid == used:
            continue
        is_right, was_right = labels[grid] == maps.target, declared == maps.target
        gained = is_right.astype(np.int8) - was_right
        gained[maps.target == maps.no_code] = 0
        better, worse = int((gained > 0).sum()), int((gained < 0).sum())
        if better < 1.5 * worse or better + worse < MIN_GRID_PIXELS:
            continue
        sums = gained.reshape(len(gained), -1).sum(axis=1, dtype=np.int64)
        images = int(np.count_nonzero(sums))
        images_worse = int(np.count_nonzero(sums < 0))
        is_likely = images >= MIN_GRID_IMAGES and not images_worse and better >= 4 * worse
        right, valid_pixels = maps.count_equal(labels[grid])
        was_wrong = 1 - maps.count_equal(declared)[0] / max(valid_pixels, 1)
        if 1 - right / max(valid_pixels, 1) > MAX_GRID_RESIDUAL * was_wrong:
            continue  # it corrects a few of many errors
        yield Explanation(
            "grid",
            right,
            valid_pixels,
            {"grid": grid, "labels_grid": used, "pixels_better": better, "pixels_worse": worse},
            1 - maps.wrong_share,
            "likely" if is_likely else "hint",
        )


def _labels_on(maps: CodedMaps, logits: ResizableLogits, grid: str) -> Array:
    """Return the coded labels of the logits at target size."""
    return maps.encode(logits.argmax(maps.size, grid)[: len(maps.predicted)])


def _mean_coordinate(n_in: int, n_out: int, grid: str) -> float:
    """Return the mean source coordinate of the outputs."""
    step, offset, denominator = affine(n_in, n_out, grid)
    return (step * (n_out - 1) / 2 + offset) / denominator


def iter_exchanged(logits: ResizableLogits | None, size: tuple[int, int]) -> Iterator[Placement]:
    """Yield the transposed labels of logits that have one stride only if they are transposed.

    The prediction, which has the target's size, shows these logits stretched.
    """
    if logits is None or not logits.are_predicted or not fits_transposed(logits.size, size):
        return
    rows, columns = (
        ((2 * np.arange(n_out) + 1) * n_in) // (2 * n_out)
        for n_out, n_in in zip(size, size[::-1], strict=True)
    )
    yield Placement("turn", rows, columns, True, {"how": EXCHANGED})
