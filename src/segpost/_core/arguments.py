"""Checks of what measures over a data set take beside arrays."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from segpost._core import sampling


def as_integer(value: Any, name: str) -> int:
    """An integer of any kind; floats and booleans are refused."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None


def checked_names(names: Sequence[str] | None, classes: int) -> tuple[str, ...] | None:
    """One name a class."""
    if names is None:
        return None
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"class_names must be strings, got {names!r}")
    if len(names) != classes:
        raise ValueError(f"class_names has {len(names)} names, num_classes is {classes}")
    return tuple(names)


NAN_RULES = ("raise", "propagate")


CHECKS = ("sync", "deferred", "off")


def check_choice(value: object, name: str, allowed: tuple[str, ...]) -> None:
    """Refuse a word that is not in the list."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def normalize_class_axis(axis: object, ndim: int, first: int = -3) -> int:
    """`first` or -1, whichever way the axis was counted."""
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise TypeError(f"axis must be an integer, got {axis!r}")
    counted = int(axis) - ndim if axis >= 0 else int(axis)
    if counted not in (first, -1):
        raise ValueError(
            f"axis must be {first} (channels first) or -1 (channels last), got {axis} "
            f"of {ndim} dimensions"
        )
    return counted


def resolve_class_axis(
    shape: tuple[int, ...], axis: object, spatial: int, *, integers: bool = False
) -> int:
    """The class axis of logits of a shape, counted from behind."""
    least = spatial + 1
    if len(shape) not in (least, least + 1):
        sizes = "H, W" if spatial == 2 else "D, H, W"
        hint = ""
        if len(shape) == spatial:
            hint = "; a sigmoid head's map needs its class axis and a threshold: logits[None]"
            hint += ", threshold=0.5"
            if spatial == 3:
                hint = "; a one-channel volume needs its class axis: logits[None]"
            elif integers:
                hint = "; these look like labels: segpost.colorize(logits, palette)"
        if spatial == 3:
            hint += "; three numbers in size, or axis=-4, mean a volume"
        raise ValueError(
            f"logits must have {least} dimensions (C, {sizes}) or {least + 1} (N, C, {sizes}), "
            f"classes last with axis=-1, got {len(shape)}: shape {shape}{hint}"
        )
    counted = normalize_class_axis(axis, len(shape), -least)
    if shape[counted] == 0:
        raise ValueError(f"logits have no classes: axis {counted} of shape {shape} has length 0")
    return counted


def as_output_size(size: Any, axes: int = 2, name: str = "size") -> tuple[int, ...]:
    """(height, width), or (depth, height, width), each at least 1."""
    if not isinstance(size, (tuple, list, np.ndarray)) or len(size) != axes:
        wanted = "(height, width)" if axes == 2 else "(depth, height, width)"
        raise ValueError(f"{name} must be {wanted}, got {size!r}")
    for number in size:
        if isinstance(number, (bool, np.bool_)) or not hasattr(number, "__index__"):
            raise TypeError(
                f"{name} must hold {'two' if axes == 2 else 'three'} integers, got {size!r}"
            )
        if int(number) < 1:
            raise ValueError(f"{name} must be at least {(1,) * axes}, got {size!r}")
        if int(number) >= 2**31:
            raise ValueError(f"{name} must be below 2**31 a side, got {size!r}")
    return tuple(int(number) for number in size)


def resolve_grid(grid: object, shape: tuple[int, int], wanted: tuple[int, int]) -> str:
    """The grid, where it matters: by a convention it may be one that nobody has told."""
    if grid is not None:
        check_choice(grid, "grid", sampling.GRIDS)
        return str(grid)
    if shape == wanted:
        return sampling.GRIDS[0]  # all of them are the same
    raise ValueError(
        f"grid must be given to resample {shape} to {wanted}, one of "
        f"{', '.join(map(repr, sampling.GRIDS))}: the convention does not say how the "
        "network's small map lies on its input"
    )


def as_count(value: object, name: str, least: int = 0) -> int:
    """Return an integer of at least `least` and below 2**31."""
    count = as_integer(value, name)
    if not least <= count < 2**31:
        raise ValueError(f"{name} must be at least {least} and below 2**31, got {value!r}")
    return count


def as_real(value: object, name: str, least: float = -math.inf, most: float = math.inf) -> float:
    """Return a finite real number of at least `least` and at most `most`; booleans are refused."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    real = float(value)
    if not math.isfinite(real):
        raise ValueError(f"{name} must be finite, got {value!r}")
    if not least <= real <= most:
        allowed = f"at least {least:g}" if most == math.inf else f"in {least:g}..{most:g}"
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return real
