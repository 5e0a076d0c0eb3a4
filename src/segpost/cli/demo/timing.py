"""What the same pictures cost with segpost and with the NumPy code that people write."""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import segpost

Array = npt.NDArray[Any]

ROUNDS = 7
ROUND_SECONDS = 0.03  # long against the clock's resolution
SLOW_ROUNDS = 3  # of what takes longer than a second
LOOP_ROWS = 16
HEAD = ("way", "CPU time", "times segpost", "full-size logits", "labels that differ")


class Row(NamedTuple):
    """One line of the table."""

    name: str
    seconds: float  # CPU time of all threads
    ratio: float  # to segpost's
    floats: int | None  # bytes of full-size logits in between; None where that is no question
    different: int  # pixels whose label is not segpost's
    compared: int


class Table(NamedTuple):
    """The timings and what they were taken on."""

    rows: list[Row]
    notes: list[str]  # what has to be known to read it


def measure(logits: Array, size: tuple[int, int], palette: segpost.Palette) -> Table:
    """Time labels and colors at full size: segpost, vectorized NumPy, and a loop over pixels.

    Processor time, of all threads together, so that a busy machine or an idle second core changes
    little; the median of interleaved rounds.
    """
    colors = palette.colors
    full = upsample(logits, size)
    some = np.linspace(0, size[0] - 1, LOOP_ROWS).astype(np.intp)
    last = np.ascontiguousarray(full[:, some].transpose(1, 2, 0))

    def ours() -> segpost.Segmentation:
        want = ("labels", "color")
        return segpost.postprocess(logits, size=size, palette=palette, want=want)

    def vectorized() -> tuple[Array, Array]:
        labels = upsample(logits, size).argmax(axis=0)
        return labels, colors[labels]

    def loop() -> Array:
        return pixel_loop(last, colors)

    def upsampling() -> Array:
        return upsample(logits, size)

    fused, numpy, part, before = _medians([ours, vectorized, loop, upsampling], ROUNDS)
    looped = before + part * size[0] / LOOP_ROWS
    seg = ours()
    wrong = int((vectorized()[0] != seg.labels).sum())
    wrong_looped = int((loop() != seg.color[some]).any(axis=2).sum())
    held = full.nbytes
    pixels, compared = seg.labels.size, LOOP_ROWS * size[1]
    rows = [
        Row("segpost", fused, 1.0, 0, 0, 0),
        Row("NumPy, vectorized", numpy, numpy / fused, held, wrong, pixels),
        Row(
            "NumPy and a Python loop, extrapolated",
            *(looped, looped / fused, held, wrong_looped, compared),
        ),
    ]
    shape = " x ".join(map(str, logits.shape))
    task = f"{shape} {logits.dtype} logits to labels and colors of {size[0]} x {size[1]}"
    notes = [
        *_notes(task, ROUNDS),
        "NumPy, vectorized: bilinear upsampling, argmax(axis=0), palette[labels]. Python loop: the",
        "same upsampling, then palette[np.argmax(logits[i, j, :])] for every pixel, measured on "
        f"{LOOP_ROWS} rows.",
    ]
    return Table(rows, notes)


def measure_crf(crf: segpost.DenseCRF, logits: Array, image: Array) -> Table:
    """Time a CRF of one Gaussian and one bilateral term, beside pydensecrf where it is installed.

    It refines the probabilities that the logits have at the size of the image.
    """
    made = segpost.postprocess(logits, size=image.shape[:2], want=("probabilities",))
    probabilities: Array = made.probabilities

    def ours() -> Array:
        return crf(probabilities, image)  # type: ignore[no-any-return]

    ways: dict[str, Callable[[], Array]] = {"segpost": ours}
    try:
        peer = importlib.import_module("pydensecrf.densecrf")
    except ImportError:
        said = "pydensecrf is not installed, so it is not in the table."
    else:
        said = "pydensecrf: one thread, the same energies and terms; both approximate their sums."
        ways["pydensecrf"] = lambda: _pydensecrf(peer, crf, probabilities, image)
    taken = _medians(list(ways.values()), SLOW_ROUNDS)
    labels = [way().argmax(axis=0) for way in ways.values()]
    rows = [
        Row(way, s, s / taken[0], None, int((map_ != labels[0]).sum()), map_.size if i else 0)
        for i, (way, s, map_) in enumerate(zip(ways, taken, labels, strict=True))
    ]
    shape = " x ".join(map(str, probabilities.shape))
    task = f"{shape} probabilities refined by {crf.iterations} iterations of a dense CRF"
    return Table(rows, [*_notes(task, SLOW_ROUNDS), said])


def _pydensecrf(peer: Any, crf: segpost.DenseCRF, probabilities: Array, image: Array) -> Array:
    """The same with pydensecrf."""
    labels, height, width = probabilities.shape
    model = peer.DenseCRF2D(width, height, labels)
    energies = -np.log(np.maximum(probabilities, crf.clamp))
    model.setUnaryEnergy(energies.reshape(labels, -1))
    terms: Any = (crf.gaussian, crf.bilateral)
    (near,), (alike,) = terms
    model.addPairwiseGaussian(sxy=near["sigma"], compat=near["weight"])
    model.addPairwiseBilateral(
        sxy=alike["sigma_xy"],
        srgb=alike["sigma_rgb"],
        rgbim=np.array(image),  # it refuses arrays that are read-only
        compat=alike["weight"],
    )
    return np.asarray(model.inference(crf.iterations)).reshape(probabilities.shape)


def upsample(logits: Array, size: tuple[int, int]) -> Array:
    """Bilinear, half-pixel grid, vectorized: (C, h, w) to (C, H, W) of the same dtype."""
    (top, bottom, down), (left, right, across) = (
        _corners(n_in, n_out, logits.dtype)
        for n_in, n_out in zip(logits.shape[1:], size, strict=True)
    )
    rows = logits[:, top] * (1 - down)[:, None] + logits[:, bottom] * down[:, None]
    return rows[:, :, left] * (1 - across) + rows[:, :, right] * across  # type: ignore[no-any-return]


def pixel_loop(logits: Array, palette: Array) -> Array:
    """The loop of many notebooks, over (H, W, C) logits."""
    colored = np.zeros((*logits.shape[:2], 3), np.uint8)
    for i in range(logits.shape[0]):
        for j in range(logits.shape[1]):
            colored[i, j, :] = palette[np.argmax(logits[i, j, :])]
    return colored


def text(table: Table) -> str:
    """The table for a terminal."""
    body = lines(table)
    widths = [max(map(len, column)) for column in zip(*body, strict=True)]
    told = []
    for line in body:
        first = line[0].ljust(widths[0])
        rest = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        told.append("  ".join((first, *rest)).rstrip())
    return "\n".join([*told, *table.notes])


def lines(table: Table) -> list[tuple[str, ...]]:
    """The table as strings, its head first, without columns that say nothing."""
    body = [HEAD, *map(_cells, table.rows)]
    telling = [i for i in range(len(HEAD)) if any(line[i] for line in body[1:])]
    return [tuple(line[i] for i in telling) for line in body]


def _cells(row: Row) -> tuple[str, ...]:
    floats = "" if row.floats is None else f"{row.floats / 1e6:.1f} MB" if row.floats else "none"
    return (
        row.name,
        f"{row.seconds * 1e3:,.2f} ms",
        f"{row.ratio:,.0f}" if row.ratio >= 10 else f"{row.ratio:.1f}",
        floats,
        f"{row.different:,} of {row.compared:,}" if row.compared else "",
    )


def _notes(task: str, rounds: int) -> list[str]:
    count = segpost.num_threads()
    threads = "1 thread" if count == 1 else f"up to {count} threads"
    return [
        f"{task}; segpost on {threads}.",
        f"Processor time of all threads together, median of {rounds} interleaved rounds.",
    ]


def _corners(n_in: int, n_out: int, dtype: Any) -> tuple[Array, Array, Array]:
    source = np.clip((np.arange(n_out) + 0.5) * n_in / n_out - 0.5, 0, n_in - 1)
    low = np.floor(source).astype(np.intp)
    return low, np.minimum(low + 1, n_in - 1), (source - low).astype(dtype)


def _medians(functions: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    repeats = []
    for function in functions:
        for _ in range(2):  # the first call pays for caches and threads
            start = time.process_time()
            function()
            once = max(time.process_time() - start, 1e-6)
            if once > ROUND_SECONDS:
                break
        repeats.append(max(1, round(ROUND_SECONDS / once)))
    found: list[list[float]] = []
    for _ in range(rounds):
        taken = []
        for function, count in zip(functions, repeats, strict=True):
            start = time.process_time()
            for _ in range(count):
                function()
            taken.append((time.process_time() - start) / count)
        found.append(taken)
    return [statistics.median(column) for column in zip(*found, strict=True)]
