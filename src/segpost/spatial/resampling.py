"""Resampling of logits: which of them are read, and where each output pixel lies on their grid."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from segpost._core import sampling
from segpost._core.arguments import as_output_size, as_scale, check_choice, size_cure
from segpost._core.errors import warn_of_input
from segpost._core.memory import UNCHECKED, check_memory
from segpost._core.sampling import Interval
from segpost._core.suspicious_sizes import MIN_SIDE, has_one_stride
from segpost.spatial.letterbox import Letterbox

Slices = tuple[slice, ...]
MAX_STRIDE = 64  # of networks
MAX_INEQUALITY = 1.15  # of strides, beyond the rounding of whole sizes
TABLE_BYTES = 64  # an output of an axis, while its table is computed


class Resampling(NamedTuple):
    """The way from the grid of the logits to the pixels (or voxels) of the result."""

    size: tuple[int, ...]  # (H, W) or (D, H, W) of the result
    axes: Any = None  # Axes, of volumes VolumeAxes; None where nothing is interpolated
    region: Slices | None = None  # index of the logits (N, C, h, w) that are read; None: all
    origin: tuple[int, int] = (0, 0)  # row and column of the first logit that is read


def plan_resampling(
    shape: tuple[int, ...],
    size: object,
    grid: object,
    letterbox: object = None,
    scale: object = None,
    nearest: int | None = None,
    *,
    pixel_bytes: int = 0,
) -> Resampling:
    """Plan the resampling of logits of a shape (h, w) or (d, h, w).

    Parameters
    ----------
    shape : tuple of int
        The spatial shape of the logits.
    size : tuple of int or None
        The size of the result; that of the logits if None.
    grid : {"half_pixel", "align_corners", "asymmetric"} or None
        The sampling grid; None is one that a convention does not define.
    letterbox : Letterbox, optional
        The geometry of the network's input, of (h, w) only: the result is the image inside it.
    scale : number, or one for each axis, optional
        Instead of a size: the size is the floor of shape times scale, and neighboring results are
        1 / scale logits apart.
    nearest : int, optional
        The axis of a volume that takes the nearest sample.
    pixel_bytes : int
        The bytes of memory that the results take for every pixel.

    Raises
    ------
    ValueError, TypeError
        If an argument is invalid, if `size` contradicts the letterbox, or if the grid is unknown
        and matters.
    MemoryError
        If the results and the tables of the axes need more memory than this process may have.
    """
    if grid is not None:
        check_choice(grid, "grid", sampling.GRIDS)
    if scale is not None:
        return _plan_scale(shape, size, grid, letterbox, scale, nearest, pixel_bytes)
    if letterbox is not None:
        return _plan_crop(shape, size, grid, letterbox, pixel_bytes)
    size = shape if size is None else as_output_size(size, len(shape))
    if size != shape and 0 not in shape:
        _check_memory(size, pixel_bytes, "size {}", size)
    return _plan_size(shape, size, grid, nearest)


@lru_cache(maxsize=256)
def _plan_size(
    shape: tuple[int, ...], size: tuple[int, ...], grid: object, nearest: int | None
) -> Resampling:
    """Plan the resampling to a size that was checked."""
    if size == shape or 0 in shape:
        return Resampling(shape)
    return Resampling(size, _axes_of(shape, size, grid, nearest=nearest))


def part_of_resampling(whole: Resampling, rows: slice, columns: slice) -> Resampling:
    """Return the resampling of a part of an image's result: the same values at fewer pixels.

    Parameters
    ----------
    whole : Resampling
        Of an image.
    rows, columns : slice
        The part of the result, with a start and a stop that lie in it.
    """
    outputs = rows, columns
    size = tuple(part.stop - part.start for part in outputs)
    if size == whole.size:
        return whole
    used: tuple[slice, slice] = outputs
    axes = None
    if whole.axes is not None:
        (used_rows, y), (used_columns, x) = map(
            sampling.part_of_axis, (whole.axes.y, whole.axes.x), outputs
        )
        used, axes = (used_rows, used_columns), sampling.Axes(y, x)
    rows, columns = (
        slice(start + part.start, start + part.stop)
        for start, part in zip(whole.origin, used, strict=True)
    )
    region = (slice(None), slice(None), rows, columns)
    return Resampling(size, axes, region, (rows.start, columns.start))


def _plan_scale(
    shape: tuple[int, ...],
    size: object,
    grid: object,
    letterbox: object,
    scale: object,
    nearest: int | None,
    pixel_bytes: int,
) -> Resampling:
    """Plan the resampling by a scale, as torch's ``scale_factor`` and ONNX's ``scales``."""
    for name, value in (("size", size), ("letterbox", letterbox)):
        if value is not None:
            raise ValueError(f"{name} and scale both define the size of the result: leave one out")
    factors = as_scale(scale, len(shape))
    if any(up > MAX_STRIDE * down for up, down in factors):
        warn_of_input(
            f"scale is {scale!r}, by which height and width are multiplied; for a result of that "
            "size pass size=, (height, width)"
        )
    # The floor of a product in float64, as torch has it.
    output = tuple(int(n * (up / down)) for n, (up, down) in zip(shape, factors, strict=True))
    if 0 in output and 0 not in shape:
        raise ValueError(f"scale {scale!r} of logits of size {shape} gives the size {output}")
    if 0 in shape or all(up == down for up, down in factors):
        return Resampling(output)
    _check_memory(output, pixel_bytes, "scale {!r} of logits of size {}", scale, shape)
    return Resampling(output, _axes_of(shape, output, grid, factors, nearest))


def _axes_of(
    shape: tuple[int, ...],
    size: tuple[int, ...],
    grid: object,
    scale: sampling.Scale | None = None,
    nearest: int | None = None,
) -> Any:
    """Return the axes of an image or a volume; an unknown grid is an error."""
    if grid is None:
        _raise_unknown_grid(shape, size)
    if len(shape) == 2:
        build: Any = sampling.axes
        return build(shape, size, grid, scale)
    build = sampling.volume_axes
    return build(shape, size, grid, scale, nearest)


def _check_memory(size: tuple[int, ...], pixel_bytes: int, argument: str, *values: object) -> None:
    """Refuse a size of the results, by an argument of values, that needs too much memory."""
    table_bytes, pixels = _extent_of(size)
    needed = table_bytes + pixel_bytes * pixels
    if needed >= UNCHECKED:
        cure = "pass a smaller size, or compute the image in parts"
        check_memory(needed, argument.format(*values), cure)


@lru_cache(maxsize=256)
def _extent_of(size: tuple[int, ...]) -> tuple[int, int]:
    """Return the bytes of the tables of all axes, and the number of pixels."""
    return TABLE_BYTES * sum(size), math.prod(size)


def _plan_crop(
    shape: tuple[int, ...], size: object, grid: object, letterbox: object, pixel_bytes: int
) -> Resampling:
    """Plan the resampling of the part of the logits that shows the image of a letterbox."""
    if not isinstance(letterbox, Letterbox):
        raise TypeError(f"letterbox must be a segpost.Letterbox, got {letterbox!r}")
    if len(shape) != 2:
        raise ValueError("letterbox is for images, got logits of volumes")
    image_size, input_size = letterbox.image_size, letterbox.input_size
    if size is not None and as_output_size(size) != image_size:
        raise ValueError(
            f"size is {size}, but letterbox gives results of the size {image_size} of its image: "
            f"leave size out{size_cure(image_size, as_output_size(size))}"
        )
    if 0 in shape:
        raise ValueError(
            f"logits are empty ({shape[0]} x {shape[1]}): letterbox has nothing to crop"
        )
    if shape[0] * input_size[1] != shape[1] * input_size[0]:
        _warn_of_other_input(shape, input_size)
    if grid is None:
        if shape != input_size:
            _raise_unknown_grid(shape, input_size)
        grid = sampling.GRIDS[0]  # all grids are the same there
    _check_memory(image_size, pixel_bytes, "letterbox with image_size {}", image_size)
    return _crop(shape, str(grid), letterbox)


@lru_cache(maxsize=256)
def _crop(shape: tuple[int, ...], grid: str, letterbox: Letterbox) -> Resampling:
    """Return the resampling of the image inside a letterbox, whose arguments were checked."""
    height, width = shape
    image_size = letterbox.image_size
    intervals = map(Interval, letterbox.offset, letterbox.content_size, letterbox.input_size)
    (rows, columns), axes = sampling.cropped_axes((height, width), image_size, grid, (*intervals,))
    region = (slice(None), slice(None), rows, columns)
    return Resampling(image_size, axes, region, (rows.start, columns.start))


def _warn_of_other_input(shape: tuple[int, ...], input_size: tuple[int, int]) -> None:
    """Warn if logits have not the shape of a letterbox's input: networks have one stride."""
    strides = [total / n for total, n in zip(input_size, shape, strict=True)]
    is_stretched = max(strides) > MAX_INEQUALITY * min(strides)
    if is_stretched and min(shape) >= MIN_SIDE and not has_one_stride(shape, input_size):
        warn_of_input(
            f"logits of {shape[0]} x {shape[1]} would have strides of {strides[0]:g} and "
            f"{strides[1]:g} for the input of {input_size[0]} x {input_size[1]} that letterbox "
            "describes: pass the letterbox of the network's input, or size= of the image that was "
            "resized without one"
        )


def _raise_unknown_grid(shape: tuple[int, ...], size: tuple[int, ...]) -> NoReturn:
    """Ask for the grid, which a convention may leave open."""
    raise ValueError(
        f"grid must be given to resample {shape} to {size}, one of "
        f"{', '.join(map(repr, sampling.GRIDS))}: the convention does not define the sampling grid "
        "of the network's output"
    )
