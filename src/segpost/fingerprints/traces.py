"""What the values themselves show: the number format that they went through, and how they were
enlarged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from segpost._core.arrays import Array

GROUP_VALUES = 1 << 18
MIN_VALUES = 64  # fewer may be round by chance
MIN_LEVELS, MAX_LEVELS = 8, 256  # of values that eight bits hold
LEVEL_SAMPLE = 4096
MAX_OFF_LEVEL = 1e-2  # of the step between levels
MAX_LINES = 8  # rows and columns that are looked at
MIN_SMOOTH_SHARE = 0.4  # of the differences that are zero where a polynomial was sampled
MAX_NEAREST_SHARE = 0.67  # of the steps of an axis at which nearest neighbor changes
MIN_SIDE = 12
ORDERS = (("linear", 2), ("cubic", 4))  # the order of differences that are zero inside of a cell
NOISE = 64 * np.finfo(np.float32).eps  # of the largest value; differences add up rounding


def channel_groups(array: Array) -> Iterator[Array]:
    """Yield channels (C, rows, columns) in groups of about `GROUP_VALUES` values."""
    count = max(GROUP_VALUES * len(array) // array.size, 1)
    return (array[first : first + count] for first in range(0, len(array), count))


def find_format(array: Array) -> str:
    """Return the number format to which all values are rounded: "bfloat16", "float16" or "int8".

    An empty string stands for no such format. Whole numbers show nothing: every format holds them.
    A sample decides most; what follows takes the memory of a few channels of (C, rows, columns).
    """
    if array.size < MIN_VALUES or array.dtype.itemsize < 4:
        return ""
    if any((part != part.astype(np.float32)).any() for part in channel_groups(array)):
        return ""
    places = np.arange(0, array.size, max(1, array.size // LEVEL_SAMPLE))
    sample = array[np.unravel_index(places, array.shape)].astype(np.float32)
    if (np.rint(sample) == sample).all():
        return ""
    for name, is_rounded in FORMATS.items():
        if is_rounded(sample) and all(map(is_rounded, channel_groups(array))):
            return name
    return "int8" if _has_levels(array, sample) else ""


def _is_bfloat16(values: Array) -> bool:
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return not (bits & 0xFFFF).any()


def _is_float16(values: Array) -> bool:
    with np.errstate(over="ignore"):
        return bool((values.astype(np.float16) == values).all())


FORMATS: dict[str, Callable[[Array], bool]] = {"bfloat16": _is_bfloat16, "float16": _is_float16}


def _has_levels(array: Array, sample: Array) -> bool:
    """Return whether all values are multiples of one step, in no more than `MAX_LEVELS` levels."""
    if not MIN_LEVELS <= len(np.unique(sample)) <= MAX_LEVELS:
        return False
    levels = np.array([], np.float32)
    for part in channel_groups(array):
        levels = np.union1d(levels, part)
        if len(levels) > MAX_LEVELS:
            return False
    levels = levels.astype(np.float64)
    steps = np.diff(levels)
    steps = steps[steps > 1e-6 * np.abs(levels).max()]  # rounding of the product with the scale
    if not len(steps):
        return False
    multiples = (levels - levels[0]) / steps.min()
    return bool(
        multiples[-1] < MAX_LEVELS
        and np.abs(multiples - np.rint(multiples)).max() < MAX_OFF_LEVEL * MAX_LEVELS / 8
    )


def find_enlarging(array: Array) -> str:
    """Return how (C, rows, columns) were enlarged: "nearest", "linear", "cubic" or "".

    An empty string stands for what cannot be seen: no enlarging, or one by less than about three.
    """
    kinds = {_kind_of_lines(lines) for lines in (_rows(array), _rows(array.swapaxes(1, 2)))}
    return kinds.pop() if len(kinds) == 1 else ""


def _rows(array: Array) -> Array:
    """Return some lines along the last axis."""
    step = max(1, array.shape[1] // MAX_LINES)
    channels = array[:MAX_LINES]
    lines: Array = channels[:, ::step].reshape(-1, array.shape[2]).astype(np.float64)
    return lines


def _kind_of_lines(lines: Array) -> str:
    if lines.shape[1] < MIN_SIDE:
        return ""
    largest = np.abs(lines).max() or 1.0
    spread = lines.std(1) > NOISE * largest  # a line of one value shows nothing
    lines = lines[spread]
    if not len(lines):
        return ""
    changes = (lines[:, 1:] != lines[:, :-1]).any(0)
    if changes.mean() <= MAX_NEAREST_SHARE:
        return "nearest"
    for kind, order in ORDERS:
        differences = np.abs(np.diff(lines, order, axis=1))
        if (differences <= NOISE * largest).mean() >= MIN_SMOOTH_SHARE:
            return kind
    return ""
