"""Label maps to pictures and back: colorize, overlay, labels_from_colors."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from segpost._backends import registry
from segpost._core import arguments, contract, errors, validation
from segpost._core.arrays import InputArray, allocate_output, iter_stacks
from segpost.color.palette import Palette, as_palette


def colorize(labels: Any, palette: Palette | str, *, check: str = "sync", out: Any = None) -> Any:
    """The color of every label.

    Parameters
    ----------
    labels : integer array of shape (..., H, W)
        Signed or unsigned, 8 to 64 bits, any strides. Floats and booleans are refused.
    palette : Palette or str
        Labels equal to its `ignore_index` become its `void` color.
    check : {"sync", "deferred", "off"}
        As in `argmax`.
    out : uint8 array of shape (..., H, W, 3), optional
        Where to write.

    Returns
    -------
    color : uint8 array of shape (..., H, W, 3), red first, of the kind of `labels`

    Raises
    ------
    ValueError
        For labels that have no color: how many, the first and where it is.
    TypeError
        For labels that are no integers.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> segpost.colorize(np.uint8([[0, 15, 255]]), "voc")
    array([[[  0,   0,   0],
            [192, 128, 128],
            [224, 224, 192]]], dtype=uint8)
    """
    chosen = as_palette(palette)
    given = validation.as_label_array(labels)
    validation.refuse_image_as_labels(given.array)
    return paint(given, chosen, out, check)


def paint(given: InputArray, chosen: Palette, out: Any = None, check: str = "sync") -> Any:
    """Colorize for label maps that are known to be none other."""
    arguments.check_choice(check, "check", arguments.CHECKS)
    maps = given.array
    result = allocate_output(out, (*maps.shape, 3), np.uint8, given.wrap, maps, packed=2)
    ignore = chosen.ignore_index
    lut = chosen.packed()
    backend = registry.backend(maps, result.array, check=check)
    bad = contract.LabelErrors()
    for offset, (part, target) in iter_stacks(maps, result.array):
        bad = _merge(bad, backend.colorize(part, lut, ignore, target), offset)
    errors.raise_bad_labels(bad, maps, len(chosen), ignore)
    return result.result()


def overlay(
    image: Any,
    labels: Any,
    palette: Palette | str,
    *,
    alpha: float | Sequence[float] = 0.5,
    contour: int = 0,
    check: str = "sync",
    out: Any = None,
) -> Any:
    """The labels' colors laid over an image.

    Parameters
    ----------
    image : uint8 array of shape (..., H, W, 3)
    labels : integer array of shape (..., H, W)
    palette : Palette or str
    alpha : float or sequence of K floats
        Weight of the color, 0 (the image) to 1 (the color), for all classes or one a class (void
        then gets their mean). It is rounded to 1/256; the result is
        (image (256 - a) + color a + 128) / 256, rounded down.
    contour : int
        Width in pixels of opaque lines between different labels; 0 draws none.
    check : {"sync", "deferred", "off"}
        As in `argmax`.
    out : uint8 array of the shape of `image`, optional
        Where to write.

    Returns
    -------
    picture : uint8 array of the shape of `image`, of the kind of `image`

    Raises
    ------
    ValueError, TypeError
        For shapes that do not fit, a float image, labels without a color, alpha outside 0..1.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> image = np.full((1, 2, 3), 100, np.uint8)
    >>> segpost.overlay(image, np.uint8([[0, 15]]), "voc", alpha=[0.0] + [0.5] * 20)
    array([[[100, 100, 100],
            [146, 114, 114]]], dtype=uint8)
    """
    chosen = as_palette(palette)
    arguments.check_choice(check, "check", arguments.CHECKS)
    picture = validation.as_image_array(image)
    maps = validation.as_label_array(labels).array
    if picture.array.shape[:-1] != maps.shape:
        validation.refuse_image_as_labels(maps)
        raise ValueError(
            f"image of shape {picture.array.shape} does not fit labels of shape {maps.shape}; "
            "labels at the image's size come from segpost.argmax(logits, size=image.shape[:2])"
        )
    if isinstance(contour, bool) or not isinstance(contour, numbers.Integral):
        raise TypeError(f"contour must be an integer, got {contour!r}")
    if not 0 <= contour <= 64:
        raise ValueError(f"contour must be in 0..64 pixels, got {contour}")
    lut = chosen.packed()
    weights = class_alpha(alpha, len(chosen))
    ignore = chosen.ignore_index
    result = allocate_output(
        out, picture.array.shape, np.uint8, picture.wrap, picture.array, maps, packed=2
    )
    backend = registry.backend(picture.array, maps, result.array, check=check)
    bad = contract.LabelErrors()
    for offset, (pixels, part, target) in iter_stacks(picture.array, maps, result.array):
        found = backend.overlay(pixels, part, lut, weights, ignore, int(contour), target)
        bad = _merge(bad, found, offset)
    errors.raise_bad_labels(bad, maps, len(chosen), ignore)
    return result.result()


def labels_from_colors(
    image: Any, palette: Palette | str, *, check: str = "sync", out: Any = None
) -> Any:
    """The labels that a color picture was made from: the inverse of `colorize`.

    Parameters
    ----------
    image : uint8 array of shape (..., H, W, 3)
    palette : Palette or str
        Must give every label a color of its own.
    check : {"sync", "deferred", "off"}
        As in `argmax`.
    out : array of shape (..., H, W), optional
        uint8 where that holds every label, int32 otherwise.

    Returns
    -------
    labels : array of shape (..., H, W), of the kind of `image`

    Raises
    ------
    ValueError
        If two labels share a color (no inverse exists), or the image has a color that is not in the
        palette: how many pixels, the first color and where it is.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> labels = np.uint8([[0, 15, 255]])
    >>> segpost.labels_from_colors(segpost.colorize(labels, "voc"), "voc")
    array([[  0,  15, 255]], dtype=uint8)
    """
    chosen = as_palette(palette)
    arguments.check_choice(check, "check", arguments.CHECKS)
    if chosen.duplicates:
        groups = ", ".join(
            f"{' = '.join(map(str, group))} {chosen.color(group[0])}"
            for group in chosen.duplicates[:3]
        )
        raise ValueError(
            f"palette gives {len(chosen.duplicates)} colors to more than one label, so no picture "
            f"can be read back with it: {groups}{', ...' if len(chosen.duplicates) > 3 else ''}"
        )
    picture = validation.as_image_array(image)
    pairs = sorted((r | g << 8 | b << 16, label) for label, (r, g, b) in chosen.labeled())
    keys = np.array([key for key, _ in pairs], np.uint32)
    values = np.array([label for _, label in pairs], np.int32)
    dtype = np.uint8 if values.min() >= 0 and values.max() <= 255 else np.int32
    shape = picture.array.shape[:-1]
    result = allocate_output(out, shape, dtype, picture.wrap, picture.array, packed=1)
    backend = registry.backend(picture.array, result.array, check=check)
    bad = contract.LabelErrors()
    for offset, (pixels, target) in iter_stacks(picture.array, result.array):
        found = backend.labels_from_colors(pixels, keys, values, target)
        bad = _merge(bad, found, offset)
    if bad.count:
        errors.raise_bad_colors(bad, picture.array)
    return result.result()


def class_alpha(alpha: Any, classes: int) -> npt.NDArray[np.uint16]:
    """alpha * 256 as integers, one a class and, for void, the mean of them."""
    if isinstance(alpha, (bool, str, np.ma.MaskedArray)):
        raise TypeError(f"alpha must be a number or {classes} numbers, got {alpha!r}")
    values = np.asarray(alpha, np.float64)
    if values.ndim > 1 or (values.ndim == 1 and len(values) != classes):
        raise ValueError(f"alpha must be a number or {classes} numbers, got shape {values.shape}")
    if not bool(((values >= 0) & (values <= 1)).all()):
        raise ValueError(f"alpha must be in 0..1, got {alpha!r}")
    weights = np.rint(np.broadcast_to(values, classes) * 256)
    return np.append(weights, np.rint(weights.mean())).astype(np.uint16)


def _merge(
    bad: contract.LabelErrors, found: contract.LabelErrors, offset: int
) -> contract.LabelErrors:
    first = bad.first if bad.count else found.first + offset
    return contract.LabelErrors(bad.count + found.count, first)
