"""Exceptions for the error counts of kernels."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Set
from typing import Any, NoReturn

import numpy as np

from segpost._core.arrays import Array, widen
from segpost._core.contract import LabelErrors, LogitErrors, Logits
from segpost._core.device import to_host
from segpost._core.public import public


@public
class InputWarning(UserWarning):
    """The values of an argument, which is valid, suggest that it means something else.

    The message names the argument and the cure. Where the values are as intended,
    ``warnings.simplefilter("ignore", segpost.InputWarning)`` says so. It is issued for

    - logits that change more along the other possible class axis than along the rest, where their
      shape is unusual, too; in `segpost run`, the nearest sample along the finest axis of a volume;
    - logits with channels last that were reshaped, not transposed; one array of each
      shape is read;
    - a batch that changes more from image to image than from class to class, as a volume does, and
      one of as many images as a data set's palette has colors; targets (N, D, H, W) of which every
      slice is counted as an image;
    - a size, an image, a target or a window whose aspect ratio is that of the logits (or labels)
      only if it is transposed, a size of a volume that fits only in the order x, y, z, or with the
      classes on the other end; a NIfTI header with two spacings; logits of another aspect ratio
      than a letterbox's input, and a scale that looks like a size;
    - probabilities where logits are expected: by `softmax`, by `Merger`, or with a threshold;
      logits in 0..1 where confidence is wanted; a threshold of `binarize` that is 0 or 1;
    - logits that are all one value, two label maps as logits, and label maps with a threshold, as
      of `binarize`; class logits of queries that lack the column of "no object";
    - labels that are 0 and 255 only where 255 is ignored, and labels in a file whose name ends with
      that of another result;
    - masks that have their own axis last, and a confidence of masks above 1;
    - an image that was in 0..1, or normalized, before it became uint8, and a large one that is all
      0, if it is no frame of a `Stream`; an image in 0..1, or a normalized one, with a `sigma_rgb`
      for 0..255, and the reverse; a mean and a deviation that are exchanged, or of which one is
      left out;
    - names of characters that the font of a picture lacks;
    - a palette with names of more classes than the logits have, colors in 0..1, or all equal,
      or of a data set with red and blue exchanged, and class names that are words for colors;
    - at `compute` of `ConfusionMatrix` and of the other measures: predictions that are no class,
      where their values show why, such as preds and target that are exchanged; targets that were
      divided by 255, masks of 0 and an ignored 255, a void of 255 that is counted as the last of
      256 classes, predictions that are the next class almost everywhere, and nothing that was
      counted;
    - energies of a dense CRF that sum to 1, probabilities that do not, and weights below 0;
    - `use_backend` without a ``with`` block.

    Examples
    --------
    >>> import warnings, numpy as np, segpost
    >>> cm = segpost.ConfusionMatrix(2)
    >>> preds, target = np.float32([[[0.1, 0.9]]]), np.uint8([[0, 1]])  # after a sigmoid
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     cm.update(preds, target, threshold=0.5)
    >>> caught[0].category is segpost.InputWarning
    True
    """


MAX_SAMPLE = 4096  # pixels whose colors are looked up with the channels exchanged

# Subjects that report what an input means by themselves, without warnings.
REPORTING = ("segpost.diagnosis", "segpost.fingerprints")


def warn_of_input(message: str) -> None:
    """Issue an `InputWarning` at the line of the caller's code, outside of segpost."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and _is_own(frame.f_globals):
        if str(frame.f_globals.get("__name__")).startswith(REPORTING):
            return
        frame, level = frame.f_back, level + 1
    warnings.warn(message, InputWarning, stacklevel=level)


def _is_own(module: dict[str, Any]) -> bool:
    """Whether a module, as its global names, is one of this package."""
    return str(module.get("__name__")).partition(".")[0] == "segpost"


def raise_bad_logits(
    errors: LogitErrors,
    logits: Logits,
    shape: tuple[int, ...],
    *,
    of_probabilities: bool = False,
    propagation: str | None = "lets NaN win",
) -> None:
    """Raise an error if logits have NaN, or if pixels of the result are undefined.

    `shape` is that of the labels. If `of_probabilities`, undefined pixels are those without
    probabilities; softmax does not count the NaN that cause them. `propagation` is what
    ``nan="propagate"`` does; None where the caller has no such argument.
    """
    has_cure = propagation is not None
    if not (errors.nan_count or errors.undefined_count):
        return
    values = logits.values
    n, classes, *size = values.shape
    if of_probabilities and not errors.nan_count:
        nan = np.isnan(widen(values, logits.kind))
        if nan.any():
            errors = LogitErrors(int(nan.sum()), int(nan.any(axis=1).argmax()))
    if errors.nan_count:
        image, *coordinates = position_of(errors.nan_first, (n, *size))
        pixel: Any = (image, slice(None), *coordinates)
        label = int(np.isnan(widen(values[pixel], logits.kind)).argmax())
        if any(logits.origin):
            coordinates = [*map(sum, zip(coordinates, logits.origin, strict=True))]
        raise ValueError(
            f"logits have {errors.nan_count} NaN of {n * classes * math.prod(size)} values, first "
            f"at image {image}, class {label}, {format_position(coordinates)}; "
            "look for a float16 overflow or a division by zero in the network"
            + (f'; nan="propagate" {propagation}' if has_cure else "")
        )
    image, *coordinates = position_of(errors.undefined_first, shape)
    position = f"first at image {image}, {format_position(coordinates)}"
    if of_probabilities:
        raise ValueError(
            f"logits give no probabilities at {errors.undefined_count} of {math.prod(shape)} "
            f"pixels, {position}: a class is +inf there, or every class is -inf"
            + ('; pass nan="propagate" to get NaN' if has_cure else "")
        )
    unit = "pixels" if len(coordinates) == 2 else "voxels"
    raise ValueError(
        f"logits give no answer at {errors.undefined_count} of {math.prod(shape)} output {unit}, "
        f"{position}: every class is -inf there, or infinities meet (inf - inf); "
        'pass nan="propagate" for the rule of numpy.argmax'
    )


def raise_bad_masks(errors: LogitErrors, logits: Logits, shape: tuple[int, ...]) -> None:
    """Raise an error if logits have NaN, or if pixels of masks (N, C, H, W) are undefined."""
    n, classes, *size = shape
    if errors.nan_count:
        raise_bad_logits(errors, logits, (n, *size), propagation="sets no pixel for NaN")
    if errors.undefined_count:
        image, channel, *coordinates = position_of(errors.undefined_first, shape)
        raise ValueError(
            f"logits give no answer at {errors.undefined_count} of {math.prod(shape)} pixels of "
            f"{n * classes} masks, first at image {image}, class {channel}, "
            f"{format_position(coordinates)}: infinities meet (inf - inf); "
            'pass nan="propagate" to leave these pixels 0'
        )


def raise_bad_labels(
    errors: LabelErrors, labels: Array, classes: int, ignore_index: int | None
) -> None:
    """Raise an error if labels have no color."""
    if not errors.count:
        return
    position = np.unravel_index(errors.first, labels.shape)
    allowed = f"0..{classes - 1}" + (f" or {ignore_index}" if ignore_index is not None else "")
    mask = "; for a mask of 0 and 255 pass labels // 255" if labels[position] == 255 else ""
    raise ValueError(
        f"labels have {errors.count} of {labels.size} values outside {allowed}, first "
        f"{labels[position]} at {format_index(position)}; the palette has {classes} colors. "
        f"Give it more colors, or an ignore_index with a void color{mask}"
    )


def raise_bad_colors(errors: LabelErrors, image: Array, keys: Set[int]) -> NoReturn:
    """Raise the error of colors that are not in the palette, whose keys are r + 256 g + 65536 b."""
    position = np.unravel_index(errors.first, image.shape[:-1])
    color = tuple(int(v) for v in to_host(image[position]))
    cure = "a label image must be saved without loss and never resized with interpolation"
    colors = to_host(image).reshape(-1, 3)[:: max(image.size // (3 * MAX_SAMPLE), 1)]
    match_count = len({*_color_keys(colors)} & keys)
    swapped = {*_color_keys(colors[:, ::-1])}
    if swapped <= keys and len(swapped) > max(match_count, 1):
        cure = "red and blue are exchanged, as OpenCV reads them: pass image[..., ::-1]"
    raise ValueError(
        f"image has {errors.count} of {image.size // 3} pixels whose color is not in the palette, "
        f"first {color} at {format_index(position)}; {cure}"
    )


def _color_keys(colors: Array) -> list[int]:
    """Return colors (n, 3) as the keys r + 256 g + 65536 b."""
    red, green, blue = colors.astype(np.uint32).T
    keys: list[int] = (red | green << 8 | blue << 16).tolist()
    return keys


def position_of(flat: int, shape: tuple[int, ...]) -> list[int]:
    """Return the index of an element of an array from its flat index."""
    return [int(i) for i in np.unravel_index(flat, shape)]


def format_position(position: list[int]) -> str:
    """Return an index as text with the names of the spatial axes."""
    return ", ".join(f"{'zyx'[i - len(position)]} {index}" for i, index in enumerate(position))


def format_index(position: tuple[Any, ...]) -> str:
    """Return an index as text in brackets."""
    return "[" + ", ".join(str(int(i)) for i in position) + "]"


def add_label_errors(errors: LabelErrors, more: LabelErrors, offset: int) -> LabelErrors:
    """Return the sum of two counts, the second of an array that starts at a flat index."""
    first = errors.first if errors.count else more.first + offset
    return LabelErrors(errors.count + more.count, first)
