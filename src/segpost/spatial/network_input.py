"""How an image becomes a network's input: the settings, and the sizes and positions they give."""

from __future__ import annotations

import math
import numbers
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypedDict, get_args

import numpy as np

from segpost._core import arguments
from segpost._core.arrays import Array
from segpost._core.bands import IMAGENET, Bands, Stretch
from segpost._core.errors import warn_of_input
from segpost._core.memory import check_memory

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


TAP_BYTES = 192  # a pixel of a side, while the filter of a resize is computed
PLAIN_NUMBERS = (float, int)  # True is none
DEFAULTS = {"mean": 0.0, "std": 1.0}  # of `Letterbox.apply`
MAX_OF_UNIT_RANGE = 2.0  # means and deviations of pixels in 0..1 are below it


class Geometry(NamedTuple):
    """The sizes of a letterbox."""

    image_size: tuple[int, int]
    input_size: tuple[int, int]
    content_size: tuple[int, int]
    offset: tuple[int, int]


class InputSettings(TypedDict, total=False):
    """The keyword arguments of `Letterbox.apply` other than `out`, for type checkers."""

    bands: Bands | None
    stretch: Stretch | None
    mean: Any
    std: Any
    scale: float | None
    pad: Any
    channel_order: ChannelOrder
    layout: Layout
    dtype: InputDtype
    antialias: bool


def check_input_format(
    channel_order: object, layout: object, dtype: object, antialias: object
) -> None:
    """Check the settings of `Letterbox.apply` that are no numbers."""
    arguments.check_choice(channel_order, "channel_order", CHANNEL_ORDERS)
    arguments.check_choice(layout, "layout", LAYOUTS)
    arguments.check_choice(dtype, "dtype", DTYPES)
    if not isinstance(antialias, bool):
        raise TypeError(f"antialias must be True or False, got {antialias!r}")


def fit_inside(image: tuple[int, ...], box: tuple[int, ...]) -> tuple[int, ...]:
    """Return the largest size, rounded, with the image's aspect ratio that fits in a box."""
    (height, width), (max_height, max_width) = image, box
    is_tall = max_height * width <= max_width * height
    numerator, denominator = (max_height, height) if is_tall else (max_width, width)
    return tuple(
        max((2 * side * numerator + denominator) // (2 * denominator), 1) for side in image
    )


def check_resize_memory(size: tuple[int, int], pixel_bytes: int, name: str) -> None:
    """Refuse a resize to a size that needs more memory than there is, results and tables."""
    needed = TAP_BYTES * sum(size) + pixel_bytes * math.prod(size)
    check_memory(needed, f"a letterbox of {name} {size}", "use a smaller one")


def nearest_inputs(n_in: int, n_out: int) -> Array:
    """Return for every output the input that contains its center."""
    return (2 * np.arange(n_out, dtype=np.int64) + 1) * n_in // (2 * n_out)


def as_band_numbers(value: Any, name: str, count: int) -> Array:
    """Return a number for each of `count` bands, of one number or of as many."""
    values = [value] if isinstance(value, (numbers.Real, np.number)) else value
    if not isinstance(values, (list, tuple, np.ndarray)) or len(values) not in (1, count):
        words = {1: "one number", 3: "one number or three"}
        expected = words.get(count, f"one number or {count}, one for each band")
        raise TypeError(f"{name} must be {expected}, got {value!r}")
    return np.full(count, [arguments.as_real(number, name) for number in values], np.float64)


def normalization(settings: InputSettings, count: int, largest_pixel: float) -> Array:
    """Return gain, shift and padding of each band, (3, B): the input is gain * pixel + shift.

    Parameters
    ----------
    settings : InputSettings
        All of them.
    count : int
        The number of bands.
    largest_pixel : float
        The largest absolute value of a pixel.

    Raises
    ------
    ValueError, TypeError
        If a number is of a wrong type or out of its range, if mean and std are those of pixels in
        0..255 beside a scale of 1/255, or if the input would be beyond the range of its dtype.
    """
    mean, std, pad = (settings[name] for name in ("mean", "std", "pad"))
    scale = 1 / 255 if settings["scale"] is None else settings["scale"]
    are_sequences = isinstance(mean, (tuple, list)) and isinstance(std, (tuple, list))
    if are_sequences and (*mean,) == IMAGENET["std"] and (*std,) == IMAGENET["mean"]:
        warn_of_input(
            f"mean {mean!r} and std {std!r} are exchanged: those of ImageNet are "
            f"mean={IMAGENET['mean']}, std={IMAGENET['std']}"
        )
    elif not are_sequences:
        _warn_of_half_of_imagenet(mean, std)
    arguments_of_table = mean, std, pad, scale, settings["dtype"], count, largest_pixel
    if all(map(_is_constant, (mean, std, pad, scale))):
        return _constant_table(*arguments_of_table)
    return _normalization_table(*arguments_of_table)


def _warn_of_half_of_imagenet(mean: object, std: object) -> None:
    """Warn if one of ImageNet's mean and deviation is left out, which belong together."""
    for name, value, other_name, other in (("mean", mean, "std", std), ("std", std, "mean", mean)):
        if not isinstance(value, (tuple, list)) or (*value,) != IMAGENET[name]:
            continue
        if type(other) is float and other == DEFAULTS[other_name]:
            warn_of_input(
                f"{name} is that of ImageNet, and {other_name} is {other!r}: networks that were "
                f"trained with one have both, pass {other_name}={IMAGENET[other_name]}"
            )


def _is_constant(value: object) -> bool:
    """Whether a setting is a number, a tuple of them, or a word: equal ones mean the same."""
    if type(value) is tuple:
        return all(type(number) in PLAIN_NUMBERS for number in value)
    return type(value) in PLAIN_NUMBERS or type(value) is str


@lru_cache(maxsize=64)
def _constant_table(*arguments_of_table: Any) -> Array:
    table = _normalization_table(*arguments_of_table)
    table.flags.writeable = False
    return table


def _normalization_table(
    mean: Any, std: Any, pad: Any, scale: Any, dtype: str, count: int, largest_pixel: float
) -> Array:
    """Return gain, shift and padding of each band."""
    unit = float(as_band_numbers(scale, "scale", 1)[0])
    means, deviations = as_band_numbers(mean, "mean", count), as_band_numbers(std, "std", count)
    if not (deviations > 0).all():
        raise ValueError(f"std must be positive, got {std!r}")
    if unit == 1 / 255 and max(abs(means).max(), deviations.max()) > MAX_OF_UNIT_RANGE:
        raise ValueError(
            f"mean {mean!r} and std {std!r} are in units of 0..255, but scale is 1/255, which "
            "makes pixels 0..1: pass scale=1, or mean and std divided by 255"
        )
    gain, shift = unit / deviations, -means / deviations
    padding = np.zeros(count)
    if not isinstance(pad, str):
        padding = gain * as_band_numbers(pad, "pad", count) + shift
    elif pad != "mean":
        raise ValueError(f'pad must be a number, three numbers or "mean", got {pad!r}')
    largest = float(np.abs([shift, largest_pixel * gain + shift, padding]).max())
    limit = float(np.finfo(dtype).max)
    if largest > limit:
        raise ValueError(
            f"dtype {dtype} holds no value beyond {limit:g}, but with this scale, mean, std "
            f"and pad the input reaches {largest:g}"
        )
    return np.stack([gain, shift, padding])
