"""Operations between label maps and color images: colorize, overlay, labels_from_colors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from segpost._backends import registry
from segpost._core.arguments import CHECKS, Check, as_integer, check_choice
from segpost._core.array_types import ArrayT, HostArray, LabelArray, SupportsArray, UInt8Array
from segpost._core.arrays import Array, InputArray, allocate_output, as_input_array, iter_stacks
from segpost._core.bands import Bands, Stretch, as_rgb_image
from segpost._core.contract import LabelErrors
from segpost._core.errors import add_label_errors, raise_bad_colors, raise_bad_labels
from segpost._core.suspicious_images import warn_of_unit_image
from segpost._core.suspicious_labels import VOID, find_one_hot_axis, warn_of_mask
from segpost._core.unknown_names import explain_arguments
from segpost._core.validation import (
    as_image_array,
    as_label_array,
    describe_image_shape,
    refuse_exchanged,
    refuse_image_as_labels,
)
from segpost.color.color_table import as_constant
from segpost.color.palette import Palette, PaletteLike, as_palette

MAX_CONTOUR = 64  # pixels
VOID_REASON = "255 is the palette's ignore_index, and has the color of void"


@overload
def colorize(
    labels: HostArray,
    palette: PaletteLike,
    *,
    check: Check = ...,
    out: npt.NDArray[Any] | None = ...,
) -> UInt8Array: ...
@overload
def colorize(
    labels: ArrayT,
    palette: PaletteLike,
    *,
    check: Check = ...,
    out: ArrayT | None = ...,
) -> ArrayT: ...
@overload
def colorize(
    labels: SupportsArray,
    palette: PaletteLike,
    *,
    check: Check = ...,
    out: npt.NDArray[Any] | None = ...,
) -> UInt8Array: ...
@explain_arguments
def colorize(labels: Any, palette: PaletteLike, *, check: Check = "sync", out: Any = None) -> Any:
    """Return a color image of a label map.

    Parameters
    ----------
    labels : integer array of shape (..., H, W)
        Signed or unsigned, 8 to 64 bits, any strides. Floats and booleans are refused.
    palette : Palette, str, (K, 3) integers, or dict
        A palette or its name; the colors of labels 0 to K - 1, as a list or an array of integers in
        0..255; or a dict ``{label: color}``, ``{label: (name, color)}``, ``{name: color}`` in the
        order of the labels, or ``{label: name}``, which gets distinct colors. Labels equal to the
        `ignore_index` of the palette get its `void` color; in a dict that is a label 255 or -1
        beside 0 to K - 1.
    check : {"sync", "deferred", "off"}
        As in `argmax`.
    out : uint8 array of shape (..., H, W, 3), optional
        The array to write to.

    Returns
    -------
    color : uint8 array of shape (..., H, W, 3), red first, of the array type of `labels`

    Raises
    ------
    ValueError
        If labels have no color: the message says how many, which is first, and where it is.
    TypeError
        If labels are not integers.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> segpost.colorize(np.uint8([[0, 15, 255]]), "voc")
    array([[[  0,   0,   0],
            [192, 128, 128],
            [224, 224, 192]]], dtype=uint8)
    """
    is_name = isinstance(labels, str) and not isinstance(palette, (str, Palette))
    if isinstance(labels, Palette) or is_name:
        raise TypeError("labels and palette are exchanged: segpost.colorize(labels, palette)")
    chosen = as_palette(palette)
    input_array = as_label_array(labels)
    refuse_image_as_labels(input_array.array)
    _refuse_one_hot(input_array.array, len(chosen))
    return colorize_labels(input_array, chosen, out, check)


def colorize_labels(
    labels: InputArray, palette: Palette, out: Any = None, check: Check = "sync"
) -> Any:
    """Return a color image of a label map without asking whether its shape is that of an image."""
    check_choice(check, "check", CHECKS)
    array = labels.array
    output = allocate_output(out, (*array.shape, 3), np.uint8, labels.wrap, array, packed=2)
    ignore_index = palette.ignore_index
    lut = palette.packed()
    if ignore_index == VOID:
        warn_of_mask(array, "labels", VOID_REASON)
    backend = registry.backend(array, output.array, check=check)
    errors = LabelErrors()
    for offset, (stack, color) in iter_stacks(array, output.array):
        errors = add_label_errors(errors, backend.colorize(stack, lut, ignore_index, color), offset)
    raise_bad_labels(errors, array, len(palette), ignore_index)
    return output.result()


@overload
def overlay(
    image: HostArray,
    labels: Any,
    palette: PaletteLike,
    *,
    alpha: float | Sequence[float] = ...,
    contour: int = ...,
    bands: Bands | None = ...,
    stretch: Stretch | None = ...,
    check: Check = ...,
    out: npt.NDArray[Any] | None = ...,
) -> UInt8Array: ...
@overload
def overlay(
    image: ArrayT,
    labels: Any,
    palette: PaletteLike,
    *,
    alpha: float | Sequence[float] = ...,
    contour: int = ...,
    bands: Bands | None = ...,
    stretch: Stretch | None = ...,
    check: Check = ...,
    out: ArrayT | None = ...,
) -> ArrayT: ...
@overload
def overlay(
    image: SupportsArray,
    labels: Any,
    palette: PaletteLike,
    *,
    alpha: float | Sequence[float] = ...,
    contour: int = ...,
    bands: Bands | None = ...,
    stretch: Stretch | None = ...,
    check: Check = ...,
    out: npt.NDArray[Any] | None = ...,
) -> UInt8Array: ...
@explain_arguments
def overlay(
    image: Any,
    labels: Any,
    palette: PaletteLike,
    *,
    alpha: float | Sequence[float] = 0.5,
    contour: int = 0,
    bands: Bands | None = None,
    stretch: Stretch | None = None,
    check: Check = "sync",
    out: Any = None,
) -> Any:
    """Return an image blended with the colors of its labels.

    Parameters
    ----------
    image : array of shape (..., H, W, B), (..., B, H, W) or (H, W)
        RGB of uint8; with `bands` and `stretch` any number of bands of any type. Where both layouts
        would fit, the channels are last. One band is shown in grey.
    labels : integer array of shape (..., H, W)
    palette : Palette, str, (K, 3) integers, or dict
        As in `colorize`.
    alpha : float or sequence of K floats
        The weight of the color, from 0 (the image) to 1 (the color): one for all classes, or one a
        class, of which void gets the mean. It is rounded to a / 256; the result is
        (image (256 - a) + color a + 128) / 256, rounded down.
    contour : int
        The width in pixels, 0 to 64, of opaque lines between different labels.
    bands : int or three ints, optional
        The bands that are red, green and blue, counted from 1 as in rasterio, GDAL and QGIS.
    stretch : (low, high) or such a pair for each band, optional
        The values that become 0 and 255; what lies beyond them becomes 0 or 255, and NaN 0.
        ``("2%", "98%")`` are the percentiles of each band. Images of another type than uint8 need
        it.
    check : {"sync", "deferred", "off"}
        As in `argmax`.
    out : uint8 array of shape (..., H, W, 3), optional
        The array to write to.

    Returns
    -------
    overlay : uint8 array of shape (..., H, W, 3) and of the array type of `image`
        Its channels are last, also where those of the image are first.

    Raises
    ------
    ValueError, TypeError
        If the shapes do not fit, the image is not uint8 and not stretched, it has other bands than
        three and none are selected, labels have no color, or `alpha` or `contour` is out of its
        range.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> image = np.full((1, 2, 3), 100, np.uint8)
    >>> segpost.overlay(image, np.uint8([[0, 15]]), "voc", alpha=[0.0] + [0.5] * 20)
    array([[[100, 100, 100],
            [146, 114, 114]]], dtype=uint8)
    """
    chosen = _as_last_palette(palette, "overlay(image, labels, palette)", image, labels)
    check_choice(check, "check", CHECKS)
    try:
        maps = as_label_array(labels).array
        pixels = as_rgb_image(image, maps.shape[-2:], bands, stretch)
    except (ValueError, TypeError):
        refuse_exchanged(image, labels, "overlay(image, labels, palette)")
        raise
    if pixels.array.shape[:-1] != maps.shape:
        refuse_image_as_labels(maps)
        _refuse_one_hot(maps, len(chosen))
        from segpost.color.misfits import fit_cure  # for errors alone

        raise ValueError(
            f"image of shape {describe_image_shape(image, pixels.array)} does not fit labels of "
            f"shape {maps.shape}; {fit_cure(pixels.array.shape[:-1], maps.shape)}"
        )
    warn_of_unit_image(pixels.array)
    contour = as_integer(contour, "contour")
    if not 0 <= contour <= MAX_CONTOUR:
        raise ValueError(f"contour must be in 0..{MAX_CONTOUR} pixels, got {contour}")
    lut = chosen.packed()
    weights = class_alpha(alpha, len(chosen))
    ignore_index = chosen.ignore_index
    if ignore_index == VOID:
        warn_of_mask(maps, "labels", VOID_REASON)
    output = allocate_output(
        out, pixels.array.shape, np.uint8, pixels.wrap, pixels.array, maps, packed=2
    )
    backend = registry.backend(pixels.array, maps, output.array, check=check)
    errors = LabelErrors()
    for offset, (stack, stack_labels, target) in iter_stacks(pixels.array, maps, output.array):
        more = backend.overlay(stack, stack_labels, lut, weights, ignore_index, contour, target)
        errors = add_label_errors(errors, more, offset)
    raise_bad_labels(errors, maps, len(chosen), ignore_index)
    return output.result()


@overload
def labels_from_colors(
    image: HostArray,
    palette: PaletteLike,
    *,
    check: Check = ...,
    out: npt.NDArray[Any] | None = ...,
) -> LabelArray: ...
@overload
def labels_from_colors(
    image: ArrayT,
    palette: PaletteLike,
    *,
    check: Check = ...,
    out: ArrayT | None = ...,
) -> ArrayT: ...
@overload
def labels_from_colors(
    image: SupportsArray,
    palette: PaletteLike,
    *,
    check: Check = ...,
    out: npt.NDArray[Any] | None = ...,
) -> LabelArray: ...
@explain_arguments
def labels_from_colors(
    image: Any, palette: PaletteLike, *, check: Check = "sync", out: Any = None
) -> Any:
    """Return the label map of a color image: the inverse of `colorize`.

    Parameters
    ----------
    image : uint8 array of shape (..., H, W, 3) or (..., 3, H, W)
        As in `overlay`.
    palette : Palette, str, (K, 3) integers, or dict
        As in `colorize`; every label has a color of its own.
    check : {"sync", "deferred", "off"}
        As in `argmax`.
    out : array of shape (..., H, W), optional
        uint8 where that holds every label, int32 otherwise.

    Returns
    -------
    labels : array of shape (..., H, W), of the array type of `image`

    Raises
    ------
    ValueError
        If two labels share a color, so that no inverse exists, or if the image has colors that are
        not in the palette: the message says at how many pixels, which is first, and where it is.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> labels = np.uint8([[0, 15, 255]])
    >>> segpost.labels_from_colors(segpost.colorize(labels, "voc"), "voc")
    array([[  0,  15, 255]], dtype=uint8)
    """
    chosen = _as_last_palette(palette, "labels_from_colors(image, palette)", image)
    check_choice(check, "check", CHECKS)
    if chosen.duplicates:
        groups = ", ".join(
            f"{' = '.join(map(str, group))} {chosen.color(group[0])}"
            for group in chosen.duplicates[:3]
        )
        raise ValueError(
            f"palette gives {len(chosen.duplicates)} colors to more than one label, so no image "
            f"can be turned into labels: {groups}{', ...' if len(chosen.duplicates) > 3 else ''}"
        )
    if as_input_array(image, "image").array.ndim == 2:
        from segpost.color.misfits import refuse_label_map  # for errors alone

        refuse_label_map(image)
    pixels = as_image_array(image)
    pairs = sorted((r | g << 8 | b << 16, label) for label, (r, g, b) in chosen.items())
    keys = np.array([key for key, _ in pairs], np.uint32)
    values = np.array([label for _, label in pairs], np.int32)
    dtype = np.uint8 if values.min() >= 0 and values.max() <= 255 else np.int32
    shape = pixels.array.shape[:-1]
    output = allocate_output(out, shape, dtype, pixels.wrap, pixels.array, packed=1)
    backend = registry.backend(pixels.array, output.array, check=check)
    errors = LabelErrors()
    for offset, (stack, target) in iter_stacks(pixels.array, output.array):
        more = backend.labels_from_colors(stack, keys, values, target)
        errors = add_label_errors(errors, more, offset)
    if errors.count:
        raise_bad_colors(errors, pixels.array, {key for key, _ in pairs})
    return output.result()


def _as_last_palette(palette: Any, call: str, *others: object) -> Palette:
    """Return the palette, the last argument of a call; an error says where it stands instead."""
    try:
        return as_palette(palette)
    except (ValueError, TypeError):
        from segpost.color.misfits import refuse_palette_before  # for errors alone

        refuse_palette_before(call, *others)
        raise


def _refuse_one_hot(labels: Array, classes: int) -> None:
    """Raise an error for labels with an axis of 0 and 1 for every class of a palette."""
    axis = find_one_hot_axis(labels, classes)
    if axis is not None:
        position = axis + labels.ndim
        raise ValueError(
            f"labels of shape {labels.shape} are one-hot along axis {position}: each class would "
            f"be an image of labels 0 and 1; pass labels.argmax({position})"
        )


def class_alpha(alpha: Any, classes: int) -> npt.NDArray[np.uint16]:
    """Return alpha * 256 as integers: one a class, then their mean for void."""
    return _uniform_alpha(alpha, classes) if type(alpha) is float else _alpha_of(alpha, classes)


@lru_cache(maxsize=256)
def _uniform_alpha(alpha: float, classes: int) -> npt.NDArray[np.uint16]:
    return as_constant(_alpha_of(alpha, classes))


def _alpha_of(alpha: Any, classes: int) -> npt.NDArray[np.uint16]:
    if isinstance(alpha, (bool, str, np.ma.MaskedArray)):
        raise TypeError(f"alpha must be a number or {classes} numbers, got {alpha!r}")
    values = np.asarray(alpha, np.float64)
    if values.ndim > 1 or (values.ndim == 1 and len(values) != classes):
        raise ValueError(f"alpha must be a number or {classes} numbers, got shape {values.shape}")
    if not bool(((values >= 0) & (values <= 1)).all()):
        raise ValueError(f"alpha must be in 0..1, got {alpha!r}")
    weights = np.rint(np.broadcast_to(values, classes) * 256)
    return np.append(weights, np.rint(weights.mean())).astype(np.uint16)
