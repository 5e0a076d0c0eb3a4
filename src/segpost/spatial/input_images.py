"""The network's input computed of an image: resized, padded and normalized."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from segpost._backends import registry
from segpost._core import sampling
from segpost._core.arguments import size_cure
from segpost._core.arrays import Array, InputArray, allocate_output, as_input_array
from segpost._core.bands import (
    STRETCH_CURE,
    as_band_array,
    is_plain_rgb,
    select_bands,
    stretch_to_255,
)
from segpost._core.suspicious_images import warn_of_unit_image
from segpost._core.validation import as_image_array
from segpost.spatial.network_input import (
    Geometry,
    InputSettings,
    check_input_format,
    check_resize_memory,
    normalization,
)


def compute_input(geometry: Geometry, image: object, settings: InputSettings, out: Any) -> Any:
    """Return the input of a network, as `Letterbox.apply`, which has all the settings.

    Raises
    ------
    ValueError, TypeError
        For images of another size or type, and for invalid settings.
    """
    layout, dtype, antialias = settings["layout"], settings["dtype"], settings["antialias"]
    check_input_format(settings["channel_order"], layout, dtype, antialias)
    source = as_input_array(image, "image")
    bands, stretch = settings["bands"], settings["stretch"]
    is_plain = bands is None and stretch is None and is_plain_rgb(source)
    if is_plain:
        source = as_image_array(source)
    else:
        source = _as_bands(source, geometry.image_size, settings)
    pixels = source.array
    if pixels.ndim > 4:
        raise ValueError(f"image must have shape (H, W, 3) or (N, H, W, 3), got {pixels.shape}")
    if pixels.shape[-3:-1] != geometry.image_size:
        size = pixels.shape[-3:-1]
        cure = size_cure(geometry.image_size, size)
        raise ValueError(
            f"image is {size[0]} x {size[1]}, this letterbox is for "
            f"{geometry.image_size[0]} x {geometry.image_size[1]}"
            f"{cure or f'; for this image call segpost.Letterbox.fit({size}, ...)'}"
        )
    if is_plain:
        warn_of_unit_image(pixels)
    count = pixels.shape[-1]
    colors = normalization(settings, count, _largest(pixels, is_plain or stretch is not None))
    if settings["channel_order"] == "bgr" and count != 3:
        raise ValueError(
            f'channel_order="bgr" is for three bands, got {count}: select them by bands'
        )
    backend = registry.backend(pixels, operation="letterbox")
    items = 0 if out is not None else math.prod(pixels.shape[:-3]) * count
    check_resize_memory(geometry.input_size, items * np.dtype(dtype).itemsize, "input_size")
    shape = (count, *geometry.input_size) if layout == "nchw" else (*geometry.input_size, count)
    output = allocate_output(out, (*pixels.shape[:-3], *shape), dtype, source.wrap, pixels)
    planes, pixels = (a if a.ndim == 4 else a[None] for a in (output.array, pixels))
    if layout == "nhwc":
        planes = planes.transpose(0, 3, 1, 2)
    if settings["channel_order"] == "bgr":
        planes, colors = planes[:, ::-1], colors[:, ::-1]
    rows, columns = (
        sampling.taps(*sides, antialias)
        for sides in zip(geometry.image_size, geometry.content_size, strict=True)
    )
    colors = np.ascontiguousarray(colors)
    backend.letterbox(pixels, rows, columns, geometry.offset, colors, planes)
    return output.result()


def _as_bands(source: InputArray, size: tuple[int, int], settings: InputSettings) -> InputArray:
    """Return the selected bands of an image, stretched to 0..255 if that is wanted."""
    source = as_band_array(source, size)
    pixels = select_bands(source.array, settings["bands"])
    if settings["stretch"] is not None:
        pixels = stretch_to_255(pixels, settings["stretch"])
    elif source.kind != "uint8" and settings["scale"] is None:
        raise TypeError(
            f"image must be uint8, got {source.kind}; pass scale=, by which the values were "
            f"multiplied in the training of the network, or {STRETCH_CURE.removeprefix('pass ')}"
        )
    bad = ~np.isfinite(pixels)
    if bad.any():
        first = np.unravel_index(int(bad.argmax()), bad.shape)
        raise ValueError(
            f"image has {int(bad.sum())} values of {bad.size} that are NaN or infinite, the first "
            f"at y {first[-3]}, x {first[-2]}, band {first[-1] + 1}"
        )
    return source._replace(array=pixels)


def _largest(pixels: Array, is_in_255: bool) -> float:
    """Return the largest absolute value of an image, 255 of one in 0..255."""
    if is_in_255 or pixels.dtype == np.uint8 or not pixels.size:
        return 255.0
    return max(abs(float(pixels.max())), abs(float(pixels.min())))
