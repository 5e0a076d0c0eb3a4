"""`merged_blocks`: the results of an image that is too large for memory, block by block."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from segpost._backends import registry
from segpost._core import errors
from segpost._core.arguments import as_integer, as_output_size, check_choice
from segpost._core.arrays import Array, as_input_array, label_dtype
from segpost._core.contract import Logits
from segpost._core.memory import check_memory
from segpost._core.sampling import Grid
from segpost.color.palette import PaletteLike, as_palette
from segpost.labels.operations import argmax
from segpost.pipeline.options import CONFIDENCE_DTYPES, ConfidenceDtype
from segpost.pipeline.results import Want
from segpost.pipeline.segmentation import Segmentation
from segpost.spatial.merger import Average, Merger
from segpost.spatial.tiling import Blocks, Window
from segpost.spatial.window_weights import format_pixels

STRIP_BYTES = 2 << 20  # of the mean
BLOCK_OUTPUTS: tuple[str, ...] = ("labels", "confidence", "probabilities")


def merged_blocks(
    read: Callable[[int], Any],
    size: tuple[int, int],
    classes: int,
    windows: Iterable[Window],
    *,
    block: int | tuple[int, int] = 1024,
    only: Iterable[int] | None = None,
    average: Average = "probabilities",
    axis: int = -3,
    grid: Grid = "half_pixel",
    weight: Any = 1.0,
    nodata: int | None = None,
    palette: PaletteLike | None = None,
    confidence_dtype: ConfidenceDtype = "float32",
    want: Iterable[Want] = ("labels",),
) -> Iterator[tuple[int, int, Segmentation[Any, Any]]]:
    """Merge the windows of a large image, and return its results block by block.

    The memory is that of one block and one window, whatever the image: ``8 * classes`` bytes for
    each pixel of the block. Results are the same bits for every size of blocks: those of a `Merger`
    of the whole image. Blocks are independent of each other, so that they can be computed in any
    order, again, and by other processes (`only`).

    Parameters
    ----------
    read : function of an integer
        Returns the logits of the window with this index, of shape (C, h, w) or (1, C, h, w):
        ``logits.__getitem__`` of a Zarr array or of a list, or a function that loads a file. It is
        called once for each block that the window meets.
    size : (H, W)
        The size of the image.
    classes : int
        The number of classes.
    windows : iterable of (y, x, height, width)
        The windows in the image, in the order of `read` and of the additions.
    block : int or (height, width)
        The size of a block; those at the bottom and on the right may be smaller.
    only : iterable of int, optional
        The indices of the blocks to compute, counted row by row; all by default.
    average, axis, grid, weight
        As in `Merger` and in `Merger.add`, for every window.
    nodata : int, optional
        The label of pixels that are in no window, such as 255. Their confidence is 0, and their
        probabilities are 1 / C. Without it such pixels are an error.
    palette : Palette, str, (K, 3) integers, or dict, optional
        That of the results, as in `postprocess`.
    confidence_dtype : {"float32", "uint8"}
        As in `postprocess`.
    want : iterable of {"labels", "confidence", "probabilities"}
        The results to compute. With ``average="logits"`` they are those of the mean of the logits.

    Yields
    ------
    y, x : integers
        The position of the block in the image.
    segmentation : Segmentation
        Its results; labels have the shape (height, width).

    Raises
    ------
    ValueError, TypeError
        For arguments that are invalid, for windows outside the image, for pixels in no window
        (before any logits are read), and for what `Merger.add` refuses.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> windows = list(segpost.windows((5, 8), (4, 4), (1, 4)))
    >>> logits = [np.eye(2, dtype=np.float32)[k % 2].reshape(2, 1, 1) for k in range(len(windows))]
    >>> labels = np.zeros((5, 8), np.uint8)
    >>> for y, x, seg in segpost.merged_blocks(logits.__getitem__, (5, 8), 2, windows, block=3):
    ...     height, width = seg.labels.shape
    ...     labels[y : y + height, x : x + width] = seg.labels
    >>> labels[0]
    array([0, 0, 0, 0, 1, 1, 1, 1], dtype=uint8)
    """
    height, width = as_output_size(size)
    placed = _as_windows(windows, (height, width))
    wanted = frozenset([want] if isinstance(want, str) else want)
    if not wanted or not wanted <= set(BLOCK_OUTPUTS):
        raise ValueError(f"want must be any of {', '.join(BLOCK_OUTPUTS)}, got {want!r}")
    check_choice(confidence_dtype, "confidence_dtype", CONFIDENCE_DTYPES)
    classes = Merger((1, 1), classes, average=average).classes
    if nodata is not None:
        nodata = _as_nodata(nodata, classes)
    parts = Blocks((height, width), block)
    blocks: Sequence[Window] = parts
    if only is not None:
        blocks = [parts[k] for k in _as_indices(only, len(parts))]
    area = math.prod(parts[0][2:])  # the largest block
    check_memory(
        (4 * classes + 9) * area, f"block {block!r} of {classes} classes", "make it smaller"
    )
    if nodata is None:
        _check_coverage(placed, blocks)
    shown = None if palette is None else as_palette(palette)

    def compute(region: Window) -> tuple[int, int, Segmentation[Any, Any]]:
        merger: Merger[Any] = Merger((height, width), classes, average=average, region=region)
        for index in _meeting(placed, region):
            y, x, h, w = placed[index].tolist()
            logits = read(int(index))
            try:
                merger.add(logits, window=(y, x, h, w), axis=axis, grid=grid, weight=weight)
            except (ValueError, TypeError) as error:
                where = f"window {index} at y {y}, x {x} of {h} x {w}"
                raise type(error)(f"{where}: {error}") from error
        uncovered = None
        if nodata is not None:
            uncovered = ~_coverage(placed, region)
            if uncovered.any():  # a weight of 0 leaves the other pixels as they are
                zeros = np.zeros((classes, 1, 1), np.float32)
                merger.add(zeros, window=region, weight=uncovered.astype(np.float32))
        results = _results(merger, wanted, confidence_dtype)
        if uncovered is not None:
            for name, value in (("labels", nodata), ("confidence", 0)):
                if name in results:
                    np.asarray(results[name])[uncovered] = value
        return region[0], region[1], Segmentation(**results, palette=shown)

    return map(compute, blocks)


def _results(merger: Merger[Any], wanted: frozenset[str], confidence_dtype: str) -> dict[str, Any]:
    """Return what is wanted of a merger's mean.

    The value of a pixel does not depend on its position in the block, as that of `postprocess` may
    in the last bit of the confidence. So mean probabilities, where they are not wanted themselves,
    are computed in strips that stay in the cache. Mean logits may be undefined, and the error names
    a pixel of the block.
    """
    (top, _, height, width), classes = merger.region, merger.classes
    if classes == 1 and "labels" in wanted:
        argmax(merger.result())  # an error that names the cure
    rows = height
    if merger.average == "probabilities" and "probabilities" not in wanted:
        rows = min(max(STRIP_BYTES // (4 * classes * width), 1), height)
    outputs: dict[str, Array] = {}
    if "labels" in wanted:
        outputs["labels"] = np.empty((height, width), label_dtype(classes))
    if "confidence" in wanted:
        outputs["confidence"] = np.empty((height, width), confidence_dtype)
    for y, _, mean in merger.blocks((rows, width)):
        source = as_input_array(mean, "logits")
        strip = {name: values[y - top : y - top + rows] for name, values in outputs.items()}
        if "probabilities" in wanted:
            is_mean = merger.average == "probabilities"
            strip["probabilities"] = source.array if is_mean else np.empty_like(source.array)
            outputs["probabilities"] = strip["probabilities"]
        _compute_strip(source.array[None], strip, merger.average)
    return {name: source.wrap(values) for name, values in outputs.items()}


def _compute_strip(values: Array, outputs: Mapping[str, Array], average: str) -> None:
    """Write the results of a mean (1, C, h, w)."""
    backend, logits = registry.backend(values), Logits(values, "float32")
    shape = (1, *values.shape[2:])
    labels, confidence, probabilities = (
        None if (output := outputs.get(name)) is None else output[None] for name in BLOCK_OUTPUTS
    )
    if labels is not None:
        counts = backend.argmax(logits, None, labels)
        errors.raise_bad_logits(counts, logits, shape)
    if average == "probabilities":
        if confidence is not None:
            backend.reduce_max(values, confidence)
    elif outputs.keys() != {"labels"}:
        counts = backend.softmax(logits, None, probabilities, confidence)
        errors.raise_bad_logits(counts, logits, shape, of_probabilities=True)


def _as_windows(windows: Iterable[Window], size: tuple[int, int]) -> Array:
    """Return windows as integers (N, 4); they must lie in the image."""
    values = list(windows)
    try:
        placed = np.array([[as_integer(n, "windows") for n in window] for window in values])
    except (TypeError, ValueError) as error:
        raise type(error)(f"windows must be (y, x, height, width) of integers: {error}") from None
    if not values or placed.ndim != 2 or placed.shape[1] != 4:
        raise ValueError(
            f"windows must be (y, x, height, width) each, got {len(values)} of shape {placed.shape}"
        )
    ends = placed[:, :2] + placed[:, 2:]
    bad = (placed[:, :2] < 0).any(1) | (placed[:, 2:] < 1).any(1) | (ends > size).any(1)
    if bad.any():
        first = int(bad.argmax())
        raise ValueError(
            f"{int(bad.sum())} of {len(placed)} windows do not lie in {size}, first index {first}: "
            f"{tuple(placed[first].tolist())}"
        )
    return placed


def _as_nodata(nodata: int, classes: int) -> int:
    """Return the label of pixels in no window, which must be no class and fit the labels."""
    value, bounds = as_integer(nodata, "nodata"), np.iinfo(label_dtype(classes))
    if 0 <= value < classes:
        raise ValueError(f"nodata {value} is a class of {classes}")
    if not bounds.min <= value <= bounds.max:
        raise ValueError(f"nodata {value} does not fit labels of {bounds.dtype}")
    return value


def _as_indices(only: Iterable[int], count: int) -> list[int]:
    """Return the indices of blocks to compute."""
    indices = [as_integer(index, "only") for index in only]
    bad = [index for index in indices if not 0 <= index < count]
    if bad:
        raise ValueError(
            f"only has {len(bad)} indices that are none of {count} blocks, first {bad[0]}"
        )
    return indices


def _meeting(windows: Array, region: Window) -> Array:
    """Return the indices of the windows (N, 4) that meet a region, in order."""
    start, end = windows[:, :2], windows[:, :2] + windows[:, 2:]
    first, last = region[:2], (region[0] + region[2], region[1] + region[3])
    return np.flatnonzero(((start < last) & (end > first)).all(axis=1))


def _coverage(windows: Array, region: Window) -> Array:
    """Return which pixels (height, width) of a region are in a window."""
    covered = np.zeros(region[2:], bool)
    y0, x0 = region[:2]
    for y, x, height, width in windows[_meeting(windows, region)].tolist():
        covered[max(y - y0, 0) : y + height - y0, max(x - x0, 0) : x + width - x0] = True
    return covered


def _check_coverage(windows: Array, blocks: Sequence[Window]) -> None:
    """Refuse blocks with pixels that are in no window."""
    for region in blocks:
        uncovered = ~_coverage(windows, region)
        if uncovered.any():
            y, x, height, width = region
            raise ValueError(
                f"windows do not cover the image: {format_pixels(uncovered, region[:2])} of the "
                f"block of {height} x {width} at y {y}, x {x} are in none; pass nodata=255 to give "
                "them that label"
            )
