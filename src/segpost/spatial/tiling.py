"""Sliding windows and blocks: how parts of a size cover an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

from segpost._core import arguments
from segpost._core.unknown_names import explain_arguments

Window = tuple[int, int, int, int]  # y, x, height, width
VolumeWindow = tuple[int, int, int, int, int, int]  # z, y, x, depth, height, width


@overload
def windows(
    image_size: tuple[int, int], window: tuple[int, int], stride: tuple[int, int]
) -> Iterator[Window]: ...
@overload
def windows(
    image_size: tuple[int, int, int],
    window: tuple[int, int, int],
    stride: tuple[int, int, int],
) -> Iterator[VolumeWindow]: ...
@explain_arguments
def windows(
    image_size: tuple[int, ...], window: tuple[int, ...], stride: tuple[int, ...]
) -> Iterator[tuple[int, ...]]:
    """Return windows that cover an image or a volume without a gap, row by row.

    Parameters
    ----------
    image_size : (H, W) or (D, H, W)
        The size of the image or the volume.
    window : (height, width) or (depth, height, width)
        The size of every window; a side longer than the image's is cut to it.
    stride : (down, across) or (along, down, across)
        The distance between neighboring windows, at most one window. The last window of an axis is
        moved back inside the image.

    Yields
    ------
    y, x, height, width : integers
        The argument `window` of `Merger.add`; of volumes z, y, x, depth, height and width, that of
        `VolumeMerger.add`, slice by slice.

    Raises
    ------
    ValueError, TypeError
        If a size is invalid, or if the stride leaves gaps.

    Examples
    --------
    >>> import segpost
    >>> list(segpost.windows((4, 10), (4, 4), (4, 4)))
    [(0, 0, 4, 4), (0, 4, 4, 4), (0, 6, 4, 4)]
    """
    is_volume = all(
        isinstance(size, (tuple, list)) and len(size) == 3 for size in (image_size, window)
    )
    dimensions = 3 if is_volume else 2
    image = arguments.as_output_size(image_size, dimensions, name="image_size")
    sides = arguments.as_output_size(window, dimensions, name="window")
    steps = arguments.as_output_size(stride, dimensions, name="stride")
    if any(step > side for step, side in zip(steps, sides, strict=True)):
        raise ValueError(f"stride {steps} leaves gaps between windows of {sides}")
    sides = tuple(min(side, total) for side, total in zip(sides, image, strict=True))
    lasts = [total - side for total, side in zip(image, sides, strict=True)]
    return ((*start, *sides) for start in _starts(lasts, steps))


def _starts(lasts: Sequence[int], steps: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Return the positions from 0 to `lasts`, the last axis first to change; none is stored."""
    if not lasts:
        yield ()
        return
    for start in range(0, lasts[0] + steps[0], steps[0]):
        for rest in _starts(lasts[1:], steps[1:]):
            yield (min(start, lasts[0]), *rest)


class Blocks(Sequence[Window]):
    """Blocks that cover an area, each pixel once, row by row; none is stored.

    Parameters
    ----------
    size : (H, W)
        The size of the area.
    block : int or (height, width)
        The size of a block; those at the bottom and on the right may be smaller.
    """

    def __init__(self, size: tuple[int, int], block: int | tuple[int, int]) -> None:
        sides = block if isinstance(block, (tuple, list, np.ndarray)) else (block, block)
        self._size = size
        self._height, self._width = arguments.as_output_size(sides, name="block")
        self._across = -(-size[1] // self._width)
        self._count = -(-size[0] // self._height) * self._across

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Window: ...
    @overload
    def __getitem__(self, index: slice) -> list[Window]: ...
    def __getitem__(self, index: int | slice) -> Window | list[Window]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(self._count))]
        if not 0 <= index < self._count:
            raise IndexError(index)
        y, x = index // self._across * self._height, index % self._across * self._width
        return y, x, min(self._height, self._size[0] - y), min(self._width, self._size[1] - x)


def shift_slice(part: slice, distance: int) -> slice:
    """Return a slice moved by a distance."""
    return slice(part.start + distance, part.stop + distance)


def mirror_slice(part: slice, length: int) -> slice:
    """Return a slice of a reversed axis of a length."""
    return slice(length - part.stop, length - part.start)
