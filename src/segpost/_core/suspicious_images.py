"""Images that are valid, but whose values show that they mean something else."""

from __future__ import annotations

import numpy as np

from segpost._core.arrays import Array
from segpost._core.device import DeviceArray
from segpost._core.errors import warn_of_input

MIN_PIXELS = 16  # of an image whose values say anything


def warn_of_unit_image(values: Array) -> None:
    """Warn if all values of an image (..., H, W, C) of uint8 are 0 or 1: floats that were cast.

    Of most images one value is read. An image of one value is none of these.
    """
    if values.dtype != np.uint8 or isinstance(values, DeviceArray) or not values.size:
        return
    if values.item(values.size // 2) > 1:
        return
    for sample in (values[..., :1, :], values):
        if sample.max() > 1:
            return
    if values.size >= 3 * MIN_PIXELS and values.min() == 0 and values.max() == 1:
        warn_of_input(
            "image has only the values 0 and 1, of 0..255: it is black; an image of floats in 0..1 "
            "becomes (image * 255).round().astype('uint8')"
        )
