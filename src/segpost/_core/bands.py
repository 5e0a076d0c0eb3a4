"""Images of any bands and any type: which bands are used, and how values become 0..255."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from segpost._core.arguments import as_integer, as_real
from segpost._core.arrays import Array, InputArray, as_input_array
from segpost._core.validation import as_image_array, channels_last, check_on_cpu

Limit = float | str  # a value of the image, or a percentage of its values such as "2%"
Stretch = tuple[Limit, Limit] | Sequence[tuple[Limit, Limit]]
Bands = int | Sequence[int]

# Mean and std of most networks, in 0..1.
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
STRETCH_CURE = (
    "pass stretch=(low, high), the values that become 0 and 255, such as (0, 1), or "
    'stretch=("2%", "98%"), those of percentages of the pixels'
)


def is_plain_rgb(array: InputArray) -> bool:
    """Return whether an image is uint8 and has three channels, first or last."""
    shape = array.array.shape
    return array.kind == "uint8" and len(shape) >= 3 and 3 in (shape[-1], shape[-3])


def as_band_array(image: object, size: tuple[int, ...]) -> InputArray:
    """Return an image on the CPU as an input array (..., H, W, B) of numbers.

    The axis of the bands follows from the `size` (H, W); if it could be the first or the last, it
    is the last. An image (H, W) has one band.

    Raises
    ------
    ValueError, TypeError
        If the image is not of that size, or does not hold numbers.
    """
    source = as_input_array(image, "image")
    array, shape = source.array, source.array.shape
    check_on_cpu(
        array,
        lambda device: f"image is on {device}; bands are selected on the CPU: copy it there",
    )
    if source.kind in ("bool", "bfloat16"):
        raise TypeError(f"image must be uint8, uint16 or float, got {source.kind}")
    if len(shape) >= 3 and shape[-3:-1] == size:
        return source
    if len(shape) >= 3 and shape[-2:] == size:
        return source._replace(array=channels_last(array))
    if shape == size:
        return source._replace(array=array[..., None])
    raise ValueError(
        f"image must have shape (..., {size[0]}, {size[1]}, bands) or (..., bands, {size[0]}, "
        f"{size[1]}), got {shape}"
    )


def select_bands(array: Array, bands: Bands | None) -> Array:
    """Return bands of an image (..., H, W, B), which are counted from 1; None is all of them.

    Raises
    ------
    ValueError, TypeError
        If a band is not an integer from 1 to B.
    """
    if bands is None:
        return array
    listed = [bands] if isinstance(bands, (numbers.Integral, np.integer)) else bands
    if not isinstance(listed, (list, tuple, np.ndarray)) or not len(listed):
        raise TypeError(f"bands must be a number or a sequence of numbers, got {bands!r}")
    chosen = [as_integer(band, "bands") for band in listed]
    count = array.shape[-1]
    bad = [band for band in chosen if not 1 <= band <= count]
    if bad:
        raise ValueError(
            f"bands are counted from 1, as in rasterio and GDAL, to {count} of this image, got "
            f"{bands!r}"
        )
    return array[..., [band - 1 for band in chosen]]


def stretch_to_255(array: Array, stretch: Stretch) -> Array:
    """Return bands (..., H, W, B) with values low to high as 0 to 255, in float64.

    Percentages are those of each image. What is below low or above high becomes 0 or 255; NaN
    stays.

    Raises
    ------
    ValueError, TypeError
        If the stretch is no pair of limits, nor one for each band, or if a low is not below its
        high.
    """
    if array.ndim > 3 and len(array):
        return np.stack([stretch_to_255(image, stretch) for image in array])
    pairs = _as_pairs(stretch, array.shape[-1])
    result = np.empty(array.shape, np.float64)
    for band, limits in enumerate(pairs):
        values = array[..., band]
        low, high = (_resolve_limit(limit, values) for limit in limits)
        if not low < high:
            raise ValueError(
                f"stretch of band {band + 1} is from {low:g} to {high:g}: the first must be smaller"
            )
        scaled = (values.astype(np.float64) - low) * (255 / (high - low))
        result[..., band] = np.clip(scaled, 0, 255)
    return result


def as_rgb_image(
    image: object, size: tuple[int, ...], bands: Bands | None, stretch: Stretch | None
) -> InputArray:
    """Return an image of any bands and type as uint8 (..., H, W, 3), to be looked at.

    Parameters
    ----------
    image : array of shape (..., H, W, B), (..., B, H, W) or (H, W)
        One band is shown in grey.
    size : (H, W)
        The size of the image.
    bands : int or three ints, optional
        The bands for red, green and blue, from 1; one is shown in grey.
    stretch : (low, high), optional
        The values that become 0 and 255, for all bands or for each.

    Raises
    ------
    ValueError, TypeError
        If the image does not say which bands are its colors, or how its values become 0..255, and
        the arguments do not either. NaN becomes 0.
    """
    source = as_input_array(image, "image")
    shape = source.array.shape
    if bands is None and stretch is None:
        fits = shape == size or size in (shape[-3:-1], shape[-2:])
        if is_plain_rgb(source) or not fits:
            return as_image_array(source)
    source = as_band_array(source, size)
    count = source.array.shape[-1]
    pixels = select_bands(source.array, bands)
    if pixels.shape[-1] not in (1, 3):
        raise ValueError(
            f"image has {count} bands, got bands={bands!r}; pass those of red, green and blue, "
            "counted from 1, such as bands=(1, 2, 3) to drop an alpha channel"
        )
    if stretch is not None:
        pixels = np.rint(np.nan_to_num(stretch_to_255(pixels, stretch), nan=0.0)).astype(np.uint8)
    elif source.kind != "uint8":
        raise TypeError(f"image must be uint8, got {source.kind}; {STRETCH_CURE}")
    return InputArray(
        np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:-1], 3))), "uint8", source.wrap
    )


def _as_pairs(stretch: Any, count: int) -> list[tuple[Any, Any]]:
    """Return the two limits of each band."""
    is_pair = _is_sequence(stretch) and len(stretch) == 2
    if is_pair and not any(map(_is_sequence, stretch)):
        return [(stretch[0], stretch[1])] * count
    if _is_sequence(stretch) and all(_is_sequence(pair) and len(pair) == 2 for pair in stretch):
        if len(stretch) != count:
            raise ValueError(f"stretch has {len(stretch)} pairs, and the image {count} bands")
        return [(low, high) for low, high in stretch]
    raise TypeError(f"stretch must be (low, high), or such a pair for each band, got {stretch!r}")


def _is_sequence(value: object) -> bool:
    return isinstance(value, (list, tuple, np.ndarray))


def _resolve_limit(limit: Any, values: Array) -> float:
    """Return a limit as a value of the image; percentages are of its values without NaN."""
    if not isinstance(limit, str):
        return as_real(limit, "stretch")
    number = limit.removesuffix("%").strip()
    try:
        percentage = float(number)
    except ValueError:
        percentage = -1.0
    if not (limit.endswith("%") and 0 <= percentage <= 100):
        raise ValueError(f'stretch must have numbers or percentages such as "2%", got {limit!r}')
    finite = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    if not finite.size:
        raise ValueError("stretch has percentages, but the image has no values")
    return float(np.percentile(finite, percentage))
