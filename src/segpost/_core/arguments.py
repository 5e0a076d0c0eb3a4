"""Checks of arguments that are not arrays."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from os import PathLike
from typing import Any, Literal, get_args

import numpy as np

from segpost._core.text import suggest_name

Spacing = tuple[float, float, float]  # z, y, x
NanRule = Literal["raise", "propagate"]
NAN_RULES: tuple[str, ...] = get_args(NanRule)
Check = Literal["sync", "deferred", "off"]
CHECKS: tuple[str, ...] = get_args(Check)
IMAGE_CHANNELS = (1, 3, 4)
MIN_IMAGE_SIDE = 16  # of what is no volume
ColorBy = Literal["class", "instance"]
COLOR_BY: tuple[str, ...] = get_args(ColorBy)
Corner = Literal["upper right", "upper left", "lower right", "lower left"]
CORNERS: tuple[str, ...] = get_args(Corner)
MAX_SCALE_TERM = 4096  # so that weights times float32 logits are exact in float64

ClassNames = Sequence[str] | Mapping[int, str]  # in the order of the labels, or by label


def as_integer(value: Any, name: str) -> int:
    """Return an integer of any type as int; floats and booleans raise an error."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None


def as_names(names: ClassNames, argument: str) -> tuple[str, ...]:
    """Return class names as a tuple; a dict, such as id2label, has the labels 0 to K - 1 as keys.

    Examples
    --------
    >>> from segpost._core.arguments import as_names
    >>> as_names({1: "car", 0: "road"}, "class_names")
    ('road', 'car')
    """
    if isinstance(names, Mapping):
        for key in names:
            if isinstance(key, str) and key.lstrip("-").isdecimal():
                raise TypeError(
                    f"{argument} has labels as text, first {key!r}; pass "
                    f"{argument}={{int(label): name for label, name in {argument}.items()}}"
                )
            if isinstance(key, str):
                raise TypeError(
                    f"{argument} is a dict by name, first {key!r}; pass names by label, such as "
                    "model.config.id2label"
                )
        by_label = {as_integer(key, f"a label of {argument}"): names[key] for key in names}
        missing = next((label for label in range(len(by_label)) if label not in by_label), None)
        if missing is not None:
            raise ValueError(
                f"{argument} must have the labels 0 to {len(by_label) - 1}, got {sorted(by_label)}:"
                f" there is no {missing}"
            )
        names = [by_label[label] for label in range(len(by_label))]
    if isinstance(names, str) or not isinstance(names, Iterable):
        cure = f"; pass {argument}=palette.names" if hasattr(names, "names") else ""
        raise TypeError(f"{argument} must be strings, got {names!r}{cure}")
    listed = tuple(names)
    if not all(isinstance(name, str) for name in listed):
        raise TypeError(f"{argument} must be strings, got {names!r}")
    return listed


def checked_names(names: ClassNames | None, classes: int) -> tuple[str, ...] | None:
    """Return class names as a tuple with one name per class."""
    if names is None:
        return None
    listed = as_names(names, "class_names")
    if len(listed) != classes:
        raise ValueError(f"class_names has {len(listed)} names, num_classes is {classes}")
    return listed


def check_choice(value: object, name: str, allowed: tuple[str, ...]) -> None:
    """Raise an error unless a value is one of the allowed words; it names the most similar one."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(
            f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}"
            f"{suggest_name(value, allowed)}"
        )


def as_choices(values: Iterable[str], name: str, allowed: tuple[str, ...]) -> frozenset[str]:
    """Return a collection of allowed words as a set; an empty one raises an error."""
    if isinstance(values, str):
        raise TypeError(f"{name} must be a collection of names such as ({values!r},)")
    if not hasattr(values, "__iter__"):  # faster than an Iterable
        raise TypeError(
            f"{name} must be a collection of names such as ({allowed[0]!r},), got {values!r}"
        )
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
    shape: tuple[int, ...], axis: object, spatial: int, *, labels: str = "", min_classes: int = 1
) -> int:
    """Return the class axis of logits of a shape, counted from the end.

    `labels` is an expression of the labels that logits without a class axis hold, if they do.

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
                    f"; these look like labels: segpost.colorize({labels}, palette)"
                    if labels
                    else "; a sigmoid head's map needs its class axis and a threshold: logits[None]"
                    ", threshold=0.5"
                )
        if len(shape) == 5:
            hint = "; for volumes pass volume=True"
        if spatial == 3:
            hint += "; three numbers in size, or axis=-4, mean a volume"
        raise ValueError(
            f"logits must have {min_ndim} dimensions (C, {sizes}) or {min_ndim + 1} "
            f"(N, C, {sizes}), classes last with axis=-1, got {len(shape)}: shape {shape}{hint}"
        )
    class_axis = normalize_class_axis(axis, len(shape), -min_ndim)
    if shape[class_axis] < min_classes:
        raise ValueError(f"logits have no classes: axis {class_axis} of shape {shape} has length 0")
    return class_axis


def as_output_size(size: Any, axes: int = 2, name: str = "size") -> tuple[int, ...]:
    """Return (height, width), or (depth, height, width), as integers of at least 1."""
    if type(size) is tuple and len(size) == 2 == axes:  # most sizes, in a third of the time
        height, width = size
        if type(height) is int is type(width) and 1 <= height < 2**31 and 1 <= width < 2**31:
            return size
    if not isinstance(size, (tuple, list, np.ndarray)) or len(size) != axes:
        expected = "(height, width)" if axes == 2 else "(depth, height, width)"
        what = f"{size!r}{_size_hint(size, axes)}"
        if axes == 2 and len(getattr(size, "shape", ())) > 1:
            what = f"an array of shape {tuple(size.shape)}; of an image pass image.shape[:2]"
        raise ValueError(f"{name} must be {expected}, got {what}")
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


def refuse_image_shape(size: Sequence[int]) -> None:
    """Raise an error for a size of a volume that is the shape (H, W, 3) of an image."""
    if size[2] in IMAGE_CHANNELS and min(size[:2]) >= MIN_IMAGE_SIDE:
        raise ValueError(
            f"size must be (height, width), got {tuple(size)!r}{_size_hint(tuple(size), 2)}; for "
            "volumes of this size pass volume=True"
        )


def _size_hint(size: Any, axes: int) -> str:
    """Say which size a single number, or the shape of an array, was meant to be."""
    if isinstance(size, (int, np.integer)) and not isinstance(size, bool):
        return f"; a {'square' if axes == 2 else 'cube'} is {(int(size),) * axes}"
    if isinstance(size, (int, float)) and not isinstance(size, bool):
        return f"; a factor is the scale of logits, scale={size!r}: of a size pass integers"
    if isinstance(size, (tuple, list)) and len(size) == 1 and np.shape(size[0]) == (axes,):
        return f"; one size is for all images: {tuple(size[0])!r}"
    if axes != 2 or not isinstance(size, (tuple, list)) or len(size) not in (3, 4):
        return ""
    if size[-1] in IMAGE_CHANNELS:  # last
        sides = "[:2]" if len(size) == 3 else "[1:3]"
        return f"; of an image of this shape pass image.shape{sides}"
    return "; of a tensor of this shape pass tensor.shape[-2:]"


def size_cure(size: Any, expected: Any) -> str:
    """Return the cure of a size (H, W) that is the transposed one of what is expected, or none."""
    if tuple(size) != tuple(expected)[::-1] or size[0] == size[1]:
        return ""
    return (
        "; they are transposed: a size is (height, width), image.shape[:2] of an array or "
        "image.size[::-1] of a Pillow image"
    )


def as_scale(scale: Any, axes: int = 2) -> tuple[tuple[int, int], ...]:
    """Return the scale of every axis as a ratio of integers up to `MAX_SCALE_TERM`.

    One number is the scale of all axes. ONNX's ``scales`` of a batch, (1, 1, y, x), are accepted.
    """
    factors = [scale] * axes if isinstance(scale, numbers.Real) else scale
    if not isinstance(factors, (tuple, list, np.ndarray)) or len(factors) not in (axes, axes + 2):
        cure = "; for volumes pass volume=True" if axes == 2 and np.shape(factors) == (3,) else ""
        raise ValueError(f"scale must be a number, or {axes} numbers, got {scale!r}{cure}")
    if len(factors) == axes + 2:
        if factors[0] != 1 or factors[1] != 1:
            raise ValueError(f"scale {scale!r} resizes the batch or the classes")
        factors = factors[2:]
    return tuple(_as_ratio(factor) for factor in factors)


@lru_cache(maxsize=256)
def _as_ratio(factor: object) -> tuple[int, int]:
    """Return a positive number as the ratio of integers whose float64 it is."""
    if isinstance(factor, (bool, np.bool_)) or not isinstance(factor, numbers.Real):
        raise TypeError(f"scale must be a number, got {factor!r}")
    from fractions import Fraction  # few calls need it

    number = float(factor)
    if not 0 < number <= MAX_SCALE_TERM:
        raise ValueError(f"scale must be positive and at most {MAX_SCALE_TERM}, got {factor!r}")
    ratio = Fraction(number).limit_denominator(MAX_SCALE_TERM)
    if max(ratio.as_integer_ratio()) > MAX_SCALE_TERM or float(ratio) not in (number, factor):
        raise ValueError(
            f"scale must be a ratio of integers up to {MAX_SCALE_TERM}, got {factor!r}: pass size="
        )
    return ratio.as_integer_ratio()


def as_spacing(spacing: object) -> Spacing:
    """Return the distances between voxels along z, y and x.

    Raises
    ------
    ValueError, TypeError
        If they are not three positive numbers.
    """
    if not isinstance(spacing, (tuple, list, np.ndarray)) or len(spacing) != 3:
        raise ValueError(f"spacing must be (z, y, x), got {spacing!r}")
    z, y, x = (as_real(number, "spacing") for number in spacing)
    if min(z, y, x) <= 0:
        raise ValueError(f"spacing must be three positive numbers, got {spacing!r}")
    return z, y, x


def check_path(value: object, name: str) -> None:
    """Refuse what is no path of a file, such as the opened file or its content.

    Raises
    ------
    TypeError
    """
    if not isinstance(value, (str, PathLike)):
        kind = type(value).__name__
        cure = f": pass {name}.get_filename()" if hasattr(value, "get_filename") else ""
        raise TypeError(f"{name} must be the path of a file, got {kind}{cure}")


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
