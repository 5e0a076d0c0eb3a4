"""Checks of arguments that are not arrays."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args

import numpy as np

NanRule = Literal["raise", "propagate"]
NAN_RULES: tuple[str, ...] = get_args(NanRule)
Check = Literal["sync", "deferred", "off"]
CHECKS: tuple[str, ...] = get_args(Check)


def as_integer(value: Any, name: str) -> int:
    """Return an integer of any type as int; floats and booleans raise an error."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None


def checked_names(names: Sequence[str] | None, classes: int) -> tuple[str, ...] | None:
    """Return class names as a tuple with one name per class."""
    if names is None:
        return None
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"class_names must be strings, got {names!r}")
    if len(names) != classes:
        raise ValueError(f"class_names has {len(names)} names, num_classes is {classes}")
    return tuple(names)


def check_choice(value: object, name: str, allowed: tuple[str, ...]) -> None:
    """Raise an error unless a value is one of the allowed words."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def as_choices(values: Iterable[str], name: str, allowed: tuple[str, ...]) -> frozenset[str]:
    """Return a collection of allowed words as a set; an empty one raises an error."""
    if isinstance(values, str):
        raise TypeError(f"{name} must be a collection of names such as ({values!r},)")
    words = list(values)
    for word in words:
        check_choice(word, name, allowed)
    if not words:
        raise ValueError(f"{name} is empty; it takes any of {', '.join(map(repr, allowed))}")
    return frozenset(words)


def normalize_class_axis(axis: object, ndim: int, first: int = -3) -> int:
    """Return the class axis counted from the end: `first` (channels first) or -1 (last)."""
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise TypeError(f"axis must be an integer, got {axis!r}")
    class_axis = int(axis) - ndim if axis >= 0 else int(axis)
    if class_axis not in (first, -1):
        raise ValueError(
            f"axis must be {first} (channels first) or -1 (channels last), got {axis} "
            f"of {ndim} dimensions"
        )
    return class_axis


def resolve_class_axis(
    shape: tuple[int, ...], axis: object, spatial: int, *, is_integer: bool = False
) -> int:
    """Return the class axis of logits of a shape, counted from the end.

    Raises
    ------
    ValueError, TypeError
        If the number of dimensions is wrong, or if the axis is neither the first nor the last.
    """
    min_ndim = spatial + 1
    if len(shape) not in (min_ndim, min_ndim + 1):
        sizes = "H, W" if spatial == 2 else "D, H, W"
        hint = ""
        if len(shape) == spatial:
            hint = "; a one-channel volume needs its class axis: logits[None]"
            if spatial == 2:
                hint = (
                    "; these look like labels: segpost.colorize(logits, palette)"
                    if is_integer
                    else "; a sigmoid head's map needs its class axis and a threshold: logits[None]"
                    ", threshold=0.5"
                )
        if spatial == 3:
            hint += "; three numbers in size, or axis=-4, mean a volume"
        raise ValueError(
            f"logits must have {min_ndim} dimensions (C, {sizes}) or {min_ndim + 1} "
            f"(N, C, {sizes}), classes last with axis=-1, got {len(shape)}: shape {shape}{hint}"
        )
    class_axis = normalize_class_axis(axis, len(shape), -min_ndim)
    if shape[class_axis] == 0:
        raise ValueError(f"logits have no classes: axis {class_axis} of shape {shape} has length 0")
    return class_axis


def as_output_size(size: Any, axes: int = 2, name: str = "size") -> tuple[int, ...]:
    """Return (height, width), or (depth, height, width), as integers of at least 1."""
    if not isinstance(size, (tuple, list, np.ndarray)) or len(size) != axes:
        expected = "(height, width)" if axes == 2 else "(depth, height, width)"
        raise ValueError(f"{name} must be {expected}, got {size!r}")
    sides = []
    for side in size:
        if isinstance(side, (bool, np.bool_)) or not hasattr(side, "__index__"):
            raise TypeError(
                f"{name} must hold {'two' if axes == 2 else 'three'} integers, got {size!r}"
            )
        side = int(side)
        if side < 1:
            raise ValueError(f"{name} must be at least {(1,) * axes}, got {size!r}")
        if side >= 2**31:
            raise ValueError(f"{name} must be below 2**31 a side, got {size!r}")
        sides.append(side)
    return tuple(sides)


def as_count(value: object, name: str, minimum: int = 0) -> int:
    """Return an integer of at least `minimum` and below 2**31."""
    count = as_integer(value, name)
    if not minimum <= count < 2**31:
        raise ValueError(f"{name} must be at least {minimum} and below 2**31, got {value!r}")
    return count


def as_real(
    value: object, name: str, minimum: float = -math.inf, maximum: float = math.inf
) -> float:
    """Return a finite real number in `minimum`..`maximum`; booleans raise an error."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    real = float(value)
    if not math.isfinite(real):
        raise ValueError(f"{name} must be finite, got {value!r}")
    if not minimum <= real <= maximum:
        allowed = f"at least {minimum:g}" if maximum == math.inf else f"in {minimum:g}..{maximum:g}"
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return real
