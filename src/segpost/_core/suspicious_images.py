"""Images that are valid, but whose values show that they mean something else."""

from __future__ import annotations

import numpy as np

from segpost._core.arrays import Array
from segpost._core.device import DeviceArray
from segpost._core.errors import warn_of_input

MIN_PIXELS = 16  # of an image whose values say anything
MAX_NORMALIZED = 3  # (pixel - mean) / std, rounded towards 0
MIN_SHARE = 0.02  # of the values -1, 0, 1 and 2 of normalized pixels
MIN_BLACK = 3 << 14  # values of an image that is no example
MAX_ROWS = 64  # whose pixels are compared with their neighbors
MIN_EQUAL = 0.9  # share of equal neighbors in label maps
MIN_COLORS, MAX_COLORS = 3, 64  # of label maps, in those rows


def warn_of_unit_image(values: Array, *, is_frame: bool = False) -> None:
    """Warn if an image (..., H, W, C) of uint8 was cast from floats in 0..1, or normalized ones.

    Of the former all values are 0 or 1, of the latter none is far from 0, or from 256, to which
    negative ones are moved. Of most images one value is read. An image of one value is neither,
    but a large one of 0 is a warning, too, if it is no frame of a video.
    """
    size = values.size
    if not size or isinstance(values, DeviceArray):
        return
    if MAX_NORMALIZED < values.item(size // 2) < 256 - MAX_NORMALIZED:
        return
    for sample in (values[..., :1, :], values):
        largest = sample.max()
        is_far = largest > MAX_NORMALIZED
        if is_far and (sample + np.uint8(MAX_NORMALIZED) > 2 * MAX_NORMALIZED).any():  # modulo 256
            return
    if size < 3 * MIN_PIXELS:
        return
    if is_far and all((values == value).mean() > MIN_SHARE for value in (0, 1, 2, 255)):
        warn_of_input(
            f"image has only values up to {MAX_NORMALIZED} and from {256 - MAX_NORMALIZED} on, of "
            "0..255, as floats have that were normalized and cast; pass the image before its "
            "normalization"
        )
    elif largest == 1 and values.min() == 0:
        warn_of_input(
            "image has only the values 0 and 1, of 0..255: it is black; an image of floats in 0..1 "
            "becomes (image * 255).round().astype('uint8')"
        )
    elif largest == 0 and size >= MIN_BLACK and not is_frame:
        warn_of_input(
            "image is black, all values are 0: an image of floats in 0..1 becomes "
            "(image * 255).round().astype('uint8'); a call to warm up may ignore this"
        )


def warn_of_label_image(image: Array, name: str) -> None:
    """Warn if an image (H, W, 3) is that of a label map: few colors, in regions of one color.

    A part of the rows is read. Photographs have more colors, and noise.
    """
    rows = image[:: max(len(image) // MAX_ROWS, 1)]
    if rows.shape[1] < 2:
        return
    colors = len(np.unique(rows.reshape(-1, 3), axis=0))
    equal = (rows[:, 1:] == rows[:, :-1]).all(axis=-1).mean()
    if MIN_COLORS <= colors <= MAX_COLORS and equal >= MIN_EQUAL:
        warn_of_input(
            f"{name} has {colors} colors in {len(rows)} rows, and {equal:.0%} of their pixels are "
            "equal to the next one, as in a label map: is it the photograph?"
        )
