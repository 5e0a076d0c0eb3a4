"""Processor time of the demo's results, with segpost and with plain NumPy code."""

from __future__ import annotations

import importlib
import statistics
import textwrap
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import segpost

Array = npt.NDArray[Any]

ROUNDS = 7
MIN_ROUND_SECONDS = 0.03  # long against the clock's resolution
SLOW_ROUNDS = 3  # of calls that take longer than a second
LOOP_ROWS = 16
NOTE_WIDTH = 96  # columns of the terminal
HEAD = ("code", "CPU time", "times segpost", "full-size logits", "labels that differ")


class Row(NamedTuple):
    """The time of one implementation, and how its labels differ from those of segpost."""

    name: str
    seconds: float  # CPU time of all threads
    ratio: float  # to segpost's
    intermediate_bytes: int | None  # of full-size logits; None where the input has full size
    different: int  # pixels with another label
    compared: int


class Table(NamedTuple):
    """Timings, and notes about what was timed."""

    rows: list[Row]
    notes: list[str]


def measure(logits: Array, size: tuple[int, int], palette: segpost.Palette) -> Table:
    """Return the times of labels and colors at full size: segpost, NumPy, and a pixel loop.

    Times are processor times of all threads, on which other processes have little influence, and
    medians of interleaved rounds.

    Parameters
    ----------
    logits : float array of shape (C, h, w)
    size : (height, width)
        Of the labels.
    palette : Palette
        The colors.
    """
    colors = palette.colors
    full = upsample(logits, size)
    rows = np.linspace(0, size[0] - 1, LOOP_ROWS).astype(np.intp)
    channels_last = np.ascontiguousarray(full[:, rows].transpose(1, 2, 0))

    def with_segpost() -> segpost.Segmentation:
        want = ("labels", "color")
        return segpost.postprocess(logits, size=size, palette=palette, want=want)

    def with_numpy() -> tuple[Array, Array]:
        labels = upsample(logits, size).argmax(axis=0)
        return labels, colors[labels]

    def with_loop() -> Array:
        return pixel_loop(channels_last, colors)

    def upsample_only() -> Array:
        return upsample(logits, size)

    functions = [with_segpost, with_numpy, with_loop, upsample_only]
    own, numpy, loop_rows, upsampling = _median_seconds(functions, ROUNDS)
    loop = upsampling + loop_rows * size[0] / LOOP_ROWS
    seg = with_segpost()
    different = int((with_numpy()[0] != seg.labels).sum())
    different_in_loop = int((with_loop() != seg.color[rows]).any(axis=2).sum())
    pixels, loop_pixels = seg.labels.size, LOOP_ROWS * size[1]
    table = [
        Row("segpost", own, 1.0, 0, 0, 0),
        Row("NumPy, vectorized", numpy, numpy / own, full.nbytes, different, pixels),
        Row(
            "NumPy and a Python loop, extrapolated",
            *(loop, loop / own, full.nbytes, different_in_loop, loop_pixels),
        ),
    ]
    shape = " x ".join(map(str, logits.shape))
    task = f"{shape} {logits.dtype} logits to labels and colors of {size[0]} x {size[1]}"
    notes = [
        *_notes(task, ROUNDS),
        "NumPy, vectorized: bilinear upsampling, argmax(axis=0), palette[labels]. Python loop: the "
        "same upsampling, then palette[np.argmax(logits[i, j, :])] for every pixel, measured on "
        f"{LOOP_ROWS} rows.",
    ]
    return Table(table, notes)


def measure_crf(crf: segpost.DenseCRF, logits: Array, image: Array) -> Table:
    """Return the time of a CRF, and of pydensecrf where it is installed.

    The CRF refines the probabilities of the logits at the size of the image.

    Parameters
    ----------
    crf : DenseCRF
        With one Gaussian and one bilateral term.
    logits : float array of shape (C, h, w)
    image : uint8 array of shape (H, W, 3)
    """
    probabilities: Array = segpost.postprocess(
        logits, size=image.shape[:2], want=("probabilities",)
    ).probabilities

    def with_segpost() -> Array:
        return crf(probabilities, image)

    functions: dict[str, Callable[[], Array]] = {"segpost": with_segpost}
    try:
        library = importlib.import_module("pydensecrf.densecrf")
    except ImportError:
        note = "pydensecrf is not installed, so it is not in the table."
    else:
        note = "pydensecrf: one thread, the same energies and terms; both approximate their sums."
        functions["pydensecrf"] = lambda: _run_pydensecrf(library, crf, probabilities, image)
    medians = _median_seconds(list(functions.values()), SLOW_ROUNDS)
    maps = [function().argmax(axis=0) for function in functions.values()]
    rows: list[Row] = []
    for name, seconds, labels in zip(functions, medians, maps, strict=True):
        different, compared = int((labels != maps[0]).sum()), labels.size if rows else 0
        rows.append(Row(name, seconds, seconds / medians[0], None, different, compared))
    shape = " x ".join(map(str, probabilities.shape))
    task = f"{shape} probabilities refined by {crf.iterations} iterations of a dense CRF"
    return Table(rows, [*_notes(task, SLOW_ROUNDS), note])


def _run_pydensecrf(
    library: Any, crf: segpost.DenseCRF, probabilities: Array, image: Array
) -> Array:
    """Return the probabilities that pydensecrf refines with the same terms."""
    labels, height, width = probabilities.shape
    model = library.DenseCRF2D(width, height, labels)
    energies = -np.log(np.maximum(probabilities, crf.clamp))
    model.setUnaryEnergy(energies.reshape(labels, -1))
    terms: Any = (crf.gaussian, crf.bilateral)
    (gaussian,), (bilateral,) = terms
    model.addPairwiseGaussian(sxy=gaussian["sigma"], compat=gaussian["weight"])
    model.addPairwiseBilateral(
        sxy=bilateral["sigma_xy"],
        srgb=bilateral["sigma_rgb"],
        rgbim=np.array(image),  # it refuses arrays that are read-only
        compat=bilateral["weight"],
    )
    return np.asarray(model.inference(crf.iterations)).reshape(probabilities.shape)


def upsample(logits: Array, size: tuple[int, int]) -> Array:
    """Return (C, h, w) logits at another size, bilinear on the half-pixel grid, with NumPy."""
    (top, bottom, down), (left, right, across) = (
        _interpolation(n_in, n_out, logits.dtype)
        for n_in, n_out in zip(logits.shape[1:], size, strict=True)
    )
    rows = logits[:, top] * (1 - down)[:, None] + logits[:, bottom] * down[:, None]
    return rows[:, :, left] * (1 - across) + rows[:, :, right] * across  # type: ignore[no-any-return]


def pixel_loop(logits: Array, palette: Array) -> Array:
    """Return the colors of (H, W, C) logits, by the loop over pixels that notebooks have."""
    colored = np.zeros((*logits.shape[:2], 3), np.uint8)
    for i in range(logits.shape[0]):
        for j in range(logits.shape[1]):
            colored[i, j, :] = palette[np.argmax(logits[i, j, :])]
    return colored


def format_table(table: Table) -> str:
    """Return a table for a terminal, with its notes below it."""
    body = table_lines(table)
    widths = [max(map(len, column)) for column in zip(*body, strict=True)]
    lines = []
    for line in body:
        first = line[0].ljust(widths[0])
        rest = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        lines.append("  ".join((first, *rest)).rstrip())
    notes = (textwrap.fill(note, NOTE_WIDTH, break_on_hyphens=False) for note in table.notes)
    return "\n".join([*lines, *notes])


def table_lines(table: Table) -> list[tuple[str, ...]]:
    """Return a table as strings, its head first, without columns that are empty."""
    body = [HEAD, *map(_row_cells, table.rows)]
    columns = [i for i in range(len(HEAD)) if any(line[i] for line in body[1:])]
    return [tuple(line[i] for i in columns) for line in body]


def _row_cells(row: Row) -> tuple[str, ...]:
    size = row.intermediate_bytes
    memory = "" if size is None else f"{size / 1e6:.1f} MB" if size else "none"
    return (
        row.name,
        f"{row.seconds * 1e3:,.2f} ms",
        f"{row.ratio:,.0f}" if row.ratio >= 10 else f"{row.ratio:.1f}",
        memory,
        f"{row.different:,} of {row.compared:,}" if row.compared else "",
    )


def _notes(task: str, rounds: int) -> list[str]:
    """Return what was timed, and how."""
    count = segpost.num_threads()
    threads = "1 thread" if count == 1 else f"up to {count} threads"
    return [
        f"{task}; segpost on {threads}.",
        f"Processor time of all threads together, median of {rounds} interleaved rounds.",
    ]


def _interpolation(n_in: int, n_out: int, dtype: Any) -> tuple[Array, Array, Array]:
    """Return the two input positions of every output position, and the weight of the second."""
    source = np.clip((np.arange(n_out) + 0.5) * n_in / n_out - 0.5, 0, n_in - 1)
    low = np.floor(source).astype(np.intp)
    return low, np.minimum(low + 1, n_in - 1), (source - low).astype(dtype)


def _median_seconds(functions: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Return the median processor time of each function, in interleaved rounds."""
    repeats = []
    for function in functions:
        for _ in range(2):  # the first call also fills caches and starts threads
            start = time.process_time()
            function()
            once = max(time.process_time() - start, 1e-6)
            if once > MIN_ROUND_SECONDS:
                break
        repeats.append(max(1, round(MIN_ROUND_SECONDS / once)))
    seconds: list[list[float]] = []
    for _ in range(rounds):
        of_round = []
        for function, count in zip(functions, repeats, strict=True):
            start = time.process_time()
            for _ in range(count):
                function()
            of_round.append((time.process_time() - start) / count)
        seconds.append(of_round)
    return [statistics.median(column) for column in zip(*seconds, strict=True)]
