"""How an image becomes a network's input: the settings, and the sizes and positions they give."""

from __future__ import annotations

import numbers
from typing import Any, Literal, TypedDict, get_args

import numpy as np

from segpost._core import arguments
from segpost._core.arrays import Array

Align = Literal["center", "top_left"]
ALIGNMENTS: tuple[str, ...] = get_args(Align)
ResizeMode = Literal["pad", "stretch"]
MODES: tuple[str, ...] = get_args(ResizeMode)
ChannelOrder = Literal["rgb", "bgr"]
CHANNEL_ORDERS: tuple[str, ...] = get_args(ChannelOrder)
Layout = Literal["nchw", "nhwc"]
LAYOUTS: tuple[str, ...] = get_args(Layout)
InputDtype = Literal["float32", "float16"]
DTYPES: tuple[str, ...] = get_args(InputDtype)


class InputSettings(TypedDict, total=False):
    """The keyword arguments of `Letterbox.apply` other than `out`, for type checkers."""

    mean: Any
    std: Any
    scale: float
    pad: Any
    channel_order: ChannelOrder
    layout: Layout
    dtype: InputDtype
    antialias: bool


def fit_inside(image: tuple[int, ...], box: tuple[int, ...]) -> tuple[int, ...]:
    """Return the largest size, rounded, with the image's aspect ratio that fits in a box."""
    (height, width), (max_height, max_width) = image, box
    is_tall = max_height * width <= max_width * height
    numerator, denominator = (max_height, height) if is_tall else (max_width, width)
    return tuple(
        max((2 * side * numerator + denominator) // (2 * denominator), 1) for side in image
    )


def nearest_inputs(n_in: int, n_out: int) -> Array:
    """Return for every output the input that contains its center."""
    return (2 * np.arange(n_out, dtype=np.int64) + 1) * n_in // (2 * n_out)


def as_triple(value: Any, name: str, *, single: bool = False) -> Array:
    """Return a number for each of three channels, or with `single` one number three times."""
    values = [value] if isinstance(value, (numbers.Real, np.number)) else value
    lengths = (1,) if single else (1, 3)
    if not isinstance(values, (list, tuple, np.ndarray)) or len(values) not in lengths:
        expected = "one number" if single else "one number or three"
        raise TypeError(f"{name} must be {expected}, got {value!r}")
    return np.full(3, [arguments.as_real(number, name) for number in values], np.float64)
