"""Conversion of the arrays that a dense CRF takes into batches."""

from __future__ import annotations

import math
from typing import NoReturn

import numpy as np

from segpost._backends import registry
from segpost._core.arguments import normalize_class_axis
from segpost._core.arrays import LABEL_KINDS, Array, InputArray, as_input_array, widen
from segpost._core.contract import MAX_FEATURES, LabelErrors
from segpost._core.device import context_of
from segpost._core.errors import add_label_errors, warn_of_input
from segpost._core.suspicious_probabilities import warn_of_scores
from segpost._core.validation import channels_last, check_integer_labels
from segpost.crf.batch import Guide, UnaryBatch
from segpost.crf.settings import Settings

FLOATS = ("float16", "bfloat16", "float32", "float64")
GUIDE_KINDS = ("uint8", "int8", "uint16", "int16", *FLOATS)  # float32 holds the integers exactly
MAX_CHANNELS = MAX_FEATURES - 3  # three features are the position
MAX_SAMPLE = 256  # pixels that are read to tell units
UNIT_TOLERANCE = 1e-2  # of a sum of float16
PROBABILITY_SLACK = 1e-3  # what rounding may add to a probability
MAX_BYTE = 255  # that stands for a probability of 1
MAX_PIXELS = 2**31 - 1  # of one image


def as_unary_batch(probabilities: object, settings: Settings) -> UnaryBatch:
    """Return the unary argument as a batch, whatever ``settings.unary`` says that it is.

    Raises
    ------
    TypeError
        If the array is not of floats, or not of integers where it is to hold labels.
    ValueError
        If its shape does not fit the settings.
    """
    is_labels = settings.unary == "labels"
    name = "probabilities"
    if settings.unary != name:
        name = f"probabilities (unary={settings.unary!r})"
    input_array = as_input_array(probabilities, "probabilities")
    shape = input_array.array.shape
    axes = ("D", "H", "W") if settings.volume else ("H", "W")
    if is_labels:
        check_integer_labels(input_array, name)
    elif input_array.kind not in FLOATS:
        hint = ""
        if _are_scaled_probabilities(input_array, -1 if settings.axis == -1 else -1 - len(axes)):
            hint = "; they sum to 255, as probabilities of 8 bits: pass probabilities / 255"
        elif input_array.kind in LABEL_KINDS and len(shape) <= len(axes) + 1:
            hint = "; label maps need unary='labels' and num_classes="
        raise TypeError(f"{name} must be floats, got {input_array.kind}{hint}")
    expected = axes if is_labels else ("L", *axes)
    num_batch_axes = len(shape) - len(expected)
    if num_batch_axes not in (0, 1):
        one = ", ".join(expected)
        last = "" if is_labels else ", labels last with axis=-1"
        hint = "" if settings.volume else "; a volume needs volume=True"
        raise ValueError(f"{name} must have shape ({one}) or (N, {one}){last}, got {shape}{hint}")
    class_axis = first = -1 - len(axes)
    if settings.axis is not None:
        class_axis = normalize_class_axis(settings.axis, len(shape) + is_labels, first)
    num_labels = int(settings.num_classes or 0) if is_labels else shape[class_axis]
    if num_labels < 2:
        hint = "; for a sigmoid head stack 1 - p and p" if num_labels == 1 else ""
        raise ValueError(
            f"{name} must have at least two labels: axis {class_axis} of shape {shape} has length "
            f"{num_labels}{hint}"
        )
    start = num_batch_axes + (not is_labels and class_axis != -1)
    spatial_shape = shape[start : start + len(axes)]
    num_pixels = math.prod(spatial_shape)
    if num_pixels > MAX_PIXELS:
        raise ValueError(
            f"{name} of shape {shape} have {num_pixels} pixels an image; at most {MAX_PIXELS} can "
            "be refined at once: cut it into overlapping tiles"
        )
    if settings.unary in ("energies", "logits") and num_pixels:
        _refuse_other_units(input_array, class_axis, settings.unary)
    depth, height, width = spatial_shape if settings.volume else (1, *spatial_shape)
    batch_shape = shape[:num_batch_axes]
    one_shape = (num_labels, *spatial_shape)
    if class_axis == -1:
        one_shape = (*spatial_shape, num_labels)
    return UnaryBatch(
        input_array=input_array,
        name=name,
        settings=settings,
        num_labels=num_labels,
        num_images=math.prod(batch_shape),
        size=(depth, height, width),
        is_batched=num_batch_axes == 1,
        labels_last=class_axis == -1,
        shape=(*batch_shape, *one_shape),
        map_shape=(*batch_shape, *spatial_shape),
    )


def _refuse_other_units(energies: InputArray, class_axis: int, unary: str) -> None:
    """Refuse energies or logits that are probabilities, and energies that are their logarithms.

    A sample of the pixels is read. Two labels whose energies sum to 1 may be 1 - p, and a label of
    energy 0 beside others of 1 is valid: these are a warning, and pass.
    """
    if not context_of(energies.array).on_cpu:
        return
    sample = _sample_pixels(energies, class_axis)
    if not np.isfinite(sample).all() or (sample == sample[:1]).all():
        return
    if (
        unary == "energies"
        and sample.max() <= 0
        and np.allclose(np.exp(sample).sum(-1), 1, atol=UNIT_TOLERANCE)
    ):
        raise ValueError(
            "probabilities (unary='energies') are logarithms of probabilities: exp of them sums to "
            "1 at every pixel that was read; energies have the other sign: pass -probabilities"
        )
    is_distribution = sample.min() >= 0 and np.allclose(sample.sum(-1), 1, atol=UNIT_TOLERANCE)
    if not is_distribution or np.isin(sample, (0, 1)).all():
        return
    sentence = (
        f"probabilities (unary={unary!r}) sum to 1 at every pixel that was read, as probabilities "
        "do: pass unary='probabilities'"
    )
    if sample.shape[-1] > 2:
        raise ValueError(sentence)
    warn_of_input(sentence)


def _sample_pixels(probabilities: InputArray, class_axis: int) -> Array:
    """Return at most about `MAX_SAMPLE` pixels of an array, (pixels, classes) of float64."""
    array, classes = probabilities.array, probabilities.array.shape[class_axis]
    step = max(array.size // (classes * MAX_SAMPLE), 1)
    if class_axis == -1:
        sample = array.reshape(-1, classes)[::step]
    else:
        pixels = math.prod(array.shape[class_axis + 1 :])
        planes = array.reshape(-1, classes, pixels)[..., ::step]
        sample = planes.swapaxes(-2, -1)
    return widen(sample, probabilities.kind).reshape(-1, classes).astype(np.float64)


def warn_of_sigmoids(batch: UnaryBatch) -> None:
    """Warn of probabilities whose sums over the labels differ, as those of sigmoids do."""
    if batch.settings.unary != "probabilities" or not batch.input_array.array.size:
        return
    if context_of(batch.input_array.array).on_cpu:
        class_axis = -1 if batch.labels_last else -4 if batch.settings.volume else -3
        warn_of_scores(_sample_pixels(batch.input_array, class_axis), batch.name)


def _are_scaled_probabilities(array: InputArray, class_axis: int) -> bool:
    """Whether integers sum to 255 over the classes, but for rounding."""
    values = array.array
    if array.kind != "uint8" or values.ndim < -class_axis or not values.size:
        return False
    classes = values.shape[class_axis]
    if classes < 2 or not context_of(values).on_cpu:
        return False
    return bool((abs(_sample_pixels(array, class_axis).sum(-1) - MAX_BYTE) <= classes).all())


def as_guide(image: object, batch: UnaryBatch, name: str) -> Guide:
    """Return an image argument as a guide for every image of a batch.

    Parameters
    ----------
    image : array of shape (..., H, W, G) or (..., H, W), or uint8 of shape (..., 3, H, W)
        Finite, of a type in `GUIDE_KINDS`.
    batch : UnaryBatch
        What it has to fit.
    name : str
        What an error calls it.

    Raises
    ------
    ValueError, TypeError
        If type or shape do not fit, or if values are not finite.
    """
    input_array = as_input_array(image, name)
    array, kind = input_array.array, input_array.kind
    if kind not in GUIDE_KINDS:
        hint = "; pass .astype('uint8') for colors of 0..255, else .astype('float32')"
        if kind == "bool":
            hint = "; pass .astype('uint8')"
        raise TypeError(f"{name} must be of dtype {', '.join(GUIDE_KINDS)}, got {kind}{hint}")
    num_axes = len(batch.map_shape)
    if array.shape[:num_axes] != batch.map_shape or array.ndim - num_axes not in (0, 1):
        is_rgb = kind == "uint8" and array.ndim == num_axes + 1 and array.shape[-3] == 3
        if is_rgb and not batch.settings.volume:
            array = channels_last(array)
        if array.shape[:-1] != batch.map_shape:
            _raise_misfit(input_array.array.shape, batch, name)
    if array.ndim == num_axes:
        array = array[..., None]
    num_channels = array.shape[-1]
    if num_channels == 0:
        raise ValueError(f"{name} of shape {input_array.array.shape} has no channels")
    if num_channels > MAX_CHANNELS:
        raise ValueError(
            f"{name} of shape {input_array.array.shape} has {num_channels} channels, but at most "
            f"{MAX_CHANNELS} can be told apart; reduce them first, by PCA say"
        )
    stack = array if batch.is_batched else array[None]
    stack = stack if batch.settings.volume else stack[:, None]
    if kind not in FLOATS or not array.size:
        return Guide(stack, kind)
    ranges, errors = _ranges_of_floats(stack, kind, name)
    if errors.count:
        position = np.unravel_index(errors.first, array.shape)
        raise ValueError(
            f"{name} has {errors.count} NaN or infinite of {array.size} values, first "
            f"at {[int(i) for i in position[: input_array.array.ndim]]}"
        )
    return Guide(stack, kind, ranges)


def _ranges_of_floats(stack: Array, kind: str, name: str) -> tuple[tuple[Array, ...], LabelErrors]:
    """Return the range of every channel for every image, and the values that are not finite."""
    backend = registry.backend(stack)
    if not backend.supports("feature_range", kind):
        raise TypeError(
            f"{name} on {context_of(stack)} is {kind}, which guides on a device cannot be; "
            "pass .float()"
        )
    ranges, errors = [], LabelErrors()
    for n in range(len(stack)):
        bounds, more = backend.feature_range(stack[n], kind)
        ranges.append(bounds)
        errors = add_label_errors(errors, more, n * math.prod(stack.shape[1:]))
    return tuple(ranges), errors


def _raise_misfit(shape: tuple[int, ...], batch: UnaryBatch, name: str) -> NoReturn:
    """Raise an error for a guide of a wrong shape, with what the shape suggests."""
    num_axes = len(batch.map_shape)
    axes = 3 if batch.settings.volume else 2
    spatial = batch.map_shape[-axes:]
    unary_shape = batch.input_array.array.shape
    hint = ""
    if shape[-axes:] == spatial and len(shape) >= num_axes + 1:
        hint = "; this looks channels first: move the channels last"
    elif batch.is_batched and spatial in (shape[:axes], shape):
        hint = "; it needs a batch axis too: image[None]"
    elif not batch.is_batched and shape[1 : axes + 1] == spatial:
        hint = "; it has a batch axis, which the probabilities do not have"
    elif shape[-axes:] == spatial[::-1] or shape[-axes - 1 : -1] == spatial[::-1]:
        hint = "; are height and width swapped?"
    elif not batch.labels_last and batch.settings.unary != "labels":
        start = 1 if batch.is_batched else 0
        if shape[start : start + axes] == unary_shape[start : start + axes]:
            hint = "; are the labels the last axis of the probabilities? pass axis=-1"
    if not hint and axes == 2 and shape[-1:] == (3,) and batch.settings.unary != "labels":
        size = shape[-3:-1]
        if all(large > small for large, small in zip(size, spatial, strict=True)):
            hint = (
                "; for logits at a lower resolution than the image call "
                'segpost.postprocess(logits, image=image, crf="pydensecrf")'
            )
    expected = ", ".join(map(str, batch.map_shape))
    raise ValueError(
        f"{name} of shape {shape} does not fit {batch.name} of shape {unary_shape}: "
        f"it must be ({expected}) or ({expected}, channels){hint}"
    )
