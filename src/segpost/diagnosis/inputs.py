"""Conversion of the arguments of `diagnose`: arrays, Pillow images, palettes of floats.

Everything is read on the CPU, and nothing is moved from a device.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from segpost._core import sampling
from segpost._core.arguments import ClassNames, check_choice, checked_names
from segpost._core.arrays import Array, InputArray, as_input_array, widen
from segpost._core.contract import Logits
from segpost._core.logits import as_logits, check_quantized, resolve_quantization
from segpost._core.validation import (
    as_image_array,
    as_label_array,
    check_on_cpu,
    refuse_image_as_labels,
)
from segpost.color.operations import labels_from_colors
from segpost.color.palette import Palette, as_palette
from segpost.diagnosis.context import DiagnosticInputs, ImageMetadata
from segpost.diagnosis.decoding import decode_ids, decode_logits
from segpost.diagnosis.values import Bytes, Float64, neighbor_agreement
from segpost.metrics.arguments import as_class_count, as_ignored_values
from segpost.spatial.letterbox import Letterbox

GRAY_MODES = ("1", "L", "P", "I", "F")  # Pillow's modes of one channel begin so: I;16 too
EXIF_ORIENTATION = 0x0112
MAX_UNIT_NORMALIZATION = 1.5  # larger means and deviations are of bytes
ARRAYS = ("labels", "target_colors", "target", "color", "image", "input")  # of `DiagnosticInputs`


class LogitArguments(NamedTuple):
    """Logits and those of a second run, on the axis on which the classes are."""

    array: Array  # in the caller's layout
    logits: Logits
    repeat_logits: Logits | None
    class_axis: int
    is_corrected: bool  # whether the classes are on another axis than the caller's


def as_diagnostic_inputs(
    *,
    logits: Any,
    repeat_logits: Any,
    axis: int,
    grid: str | None,
    letterbox: Letterbox | None,
    threshold: float | None,
    quantization: tuple[float, int] | None,
    labels: Any,
    color: Any,
    target: Any,
    palette: Any,
    class_names: ClassNames | None,
    num_classes: int | None,
    ignore_index: int | Iterable[int] | None,
    image: Any,
    input: Any,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
) -> DiagnosticInputs:
    """Return the arguments of `diagnose` as arrays, after all checks."""
    named_arrays = {"logits": logits, "labels": labels, "color": color, "target": target,
             "image": image, "input": input}  # fmt: skip
    dequantization = resolve_quantization(quantization)
    if grid is not None:
        check_choice(grid, "grid", sampling.GRIDS)
    if letterbox is not None and not isinstance(letterbox, Letterbox):
        raise TypeError(f"letterbox must be a segpost.Letterbox, got {letterbox!r}")
    metadata = read_metadata(labels=labels, target=target, image=image)
    if "labels" in metadata and not metadata["labels"].mode.startswith(GRAY_MODES):
        if color is not None:
            mode = metadata["labels"].mode
            raise ValueError(f"labels are a picture in colors ({mode}), and color is given")
        labels, color = None, labels
    palette_in_0_1 = palette is not None and _is_in_0_1(palette)
    palette = _as_any_palette(palette, palette_in_0_1)
    arrays = (logits, labels, color, target, palette, image, input)
    if all(value is None for value in arrays):
        raise ValueError("there is nothing to look at: pass logits, labels, target, palette ...")
    classes = None if num_classes is None else as_class_count(num_classes)
    names = None
    if class_names is not None:
        names = checked_names(class_names, classes or len(class_names))
        classes = classes or len(class_names)
    if ignore_index is None and palette is not None:
        ignore_index = palette.ignore_index
    readings: dict[str, str] = {}
    labels = decode_ids(labels, "labels", readings)
    target = decode_ids(target, "target", readings)
    logits = decode_logits(logits, readings)
    logit_arguments = None
    if logits is not None:
        expected = classes if classes is not None or palette is None else len(palette)
        logit_arguments = as_logit_arguments(logits, repeat_logits, axis, expected)
        check_quantized(logit_arguments.logits.kind, dequantization)
        channels = logit_arguments.logits.values.shape[1]
        if threshold is not None and channels != 1:
            raise ValueError(f"threshold is for logits of one class, got {channels}")
    elif repeat_logits is not None:
        raise ValueError("repeat_logits are of a second run; pass those of the first as logits")
    inputs = DiagnosticInputs(
        logits_array=None if logit_arguments is None else logit_arguments.array,
        logits=None if logit_arguments is None else logit_arguments.logits,
        repeat_logits=None if logit_arguments is None else logit_arguments.repeat_logits,
        labels=None if labels is None else as_labels(labels, "labels"),
        palette=palette,
        class_names=names,
        num_classes=classes,
        grid=grid,
        letterbox=letterbox,
        threshold=threshold,
        quantization=dequantization,
        class_axis=axis if logit_arguments is None else logit_arguments.class_axis,
        class_axis_corrected=logit_arguments is not None and logit_arguments.is_corrected,
        palette_in_0_1=palette_in_0_1,
        ignored=as_ignored_values(ignore_index),
        metadata=metadata,
        readings=readings,
        **_describe_arguments(named_arrays),
    )
    inputs = _with_target(inputs, target)
    inputs = _with_color(inputs, color)
    inputs = dataclasses.replace(
        inputs,
        image=None if image is None else as_images(image, "image"),
        input=None if input is None else as_network_input(input),
    )
    return _with_ids_of_colors(_with_normalization(inputs, mean, std))


def describe_arrays(inputs: DiagnosticInputs) -> dict[str, str]:
    """Return the shape and dtype of every array by the name of its argument."""
    arrays = {"logits": inputs.logits_array, **{name: getattr(inputs, name) for name in ARRAYS}}
    return {
        name: f"{array.shape} {array.dtype}" for name, array in arrays.items() if array is not None
    }


def without_empty_arrays(inputs: DiagnosticInputs) -> DiagnosticInputs:
    """Return the inputs without arrays that have no pixels: they show nothing."""
    arrays = {name: getattr(inputs, name) for name in ("logits_array", "decoded", *ARRAYS)}
    empty = [name for name, array in arrays.items() if array is not None and not array.size]
    if "logits_array" in empty:
        empty += ["logits", "repeat_logits"]
    removed: dict[str, Any] = dict.fromkeys(empty)
    return dataclasses.replace(inputs, **removed)


def _describe_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the shapes of the arguments as they came, and which are no NumPy arrays."""
    present = {name: value for name, value in arguments.items() if value is not None}
    shapes = {
        name: tuple(value.size[::-1]) if _is_pillow(value) else tuple(np.shape(value))
        for name, value in present.items()
    }
    foreign = frozenset(n for n, value in present.items() if not isinstance(value, np.ndarray))
    return {"shapes": shapes, "foreign": foreign}


def read_metadata(**images: Any) -> dict[str, ImageMetadata]:
    """Return what the Pillow images among the arguments know beside their pixels."""
    metadata = {}
    for name, image in images.items():
        if _is_pillow(image):
            palette = None
            if image.mode == "P":
                palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
            orientation = int(image.getexif().get(EXIF_ORIENTATION, 1))
            metadata[name] = ImageMetadata(image.mode, image.format or "", palette, orientation)
    return metadata


def as_logit_arguments(
    logits: Any, repeat_logits: Any, axis: int, classes: int | None
) -> LogitArguments:
    """Return the logits with their classes on the axis that has as many of them.

    The other axis is taken where only that one has the length `classes`, and the labels on it are
    at least as smooth.
    """
    _as_host_array(logits, "logits")
    view, source, class_axis = as_logits(logits, axis)
    is_corrected = False
    if classes is not None and view.values.shape[1] not in (classes, 1):
        other = -1 if class_axis == -3 else -3
        if source.array.shape[other] == classes:
            moved = as_logits(logits, other)[0]
            is_corrected = neighbor_agreement(moved) >= neighbor_agreement(view)
            if is_corrected:
                view, class_axis = moved, other
    repeat = None
    if repeat_logits is not None:
        repeat_source = _as_host_array(repeat_logits, "repeat_logits")
        if repeat_source.array.shape != source.array.shape:
            raise ValueError(
                f"repeat_logits must have the shape of logits, {source.array.shape}, "
                f"got {repeat_source.array.shape}"
            )
        repeat = as_logits(repeat_logits, class_axis)[0]
    return LogitArguments(source.array, view, repeat, class_axis, is_corrected)


def as_labels(value: Any, name: str) -> Array:
    """Return (N, H, W) labels; a black and white Pillow image gives 0 and 1."""
    if _is_pillow(value) and value.mode == "1":
        value = np.asarray(value).astype(np.uint8)
    _as_host_array(value, name)
    array = as_label_array(value, name).array
    refuse_image_as_labels(array, name, batch="diagnose wider ones")
    if array.ndim > 3:
        hint = f"; drop the channel axis: {name}[:, 0]" if array.shape[1] == 1 else ""
        raise ValueError(f"{name} must have shape (H, W) or (N, H, W), got {array.shape}{hint}")
    return array if array.ndim == 3 else array[None]


def as_images(value: Any, name: str) -> Bytes:
    """Return (N, H, W, 3) bytes."""
    if _is_pillow(value):
        if value.mode == "F" or value.mode.startswith("I"):  # Pillow would clip, not scale
            raise ValueError(f"{name} has more than 8 bits a channel; convert it to 8 bits")
        value = np.asarray(value.convert("RGB"))
    _as_host_array(value, name)
    array = as_image_array(value, name).array
    if array.ndim > 4:
        raise ValueError(f"{name} must have shape (H, W, 3) or (N, H, W, 3), got {array.shape}")
    return array if array.ndim == 4 else array[None]


def as_network_input(value: Any) -> Float64:
    """Return (N, 3, H, W) float64."""
    source = _as_host_array(value, "input")
    shape = source.array.shape
    if len(shape) not in (3, 4) or 3 not in (shape[-3], shape[-1]):
        raise ValueError(
            f"input must have shape (3, H, W) or (H, W, 3), with or without a batch, got {shape}"
        )
    array = widen(source.array, source.kind).astype(np.float64)
    array = array if array.ndim == 4 else array[None]
    return array if shape[-3] == 3 else np.moveaxis(array, -1, 1)


def _as_host_array(value: Any, name: str) -> InputArray:
    """Return any array on the CPU; an array on a device is an error."""
    source = as_input_array(value, name)
    check_on_cpu(
        source.array,
        lambda device: (
            f"{name} is on {device}, and diagnose reads every value on the CPU; "
            f"pass {name}.cpu(), or copy it with your library"
        ),
    )
    return source


def _is_pillow(value: Any) -> bool:
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def _is_in_0_1(palette: Any) -> bool:
    """Return whether a palette is an array of floats in 0..1."""
    if isinstance(palette, (Palette, str, Mapping)):
        return False
    table = np.asarray(palette)
    is_float = table.dtype.kind == "f" and bool(table.size)
    return is_float and bool(table.min() >= 0) and bool(table.max() <= 1)


def _as_any_palette(palette: Any, in_0_1: bool) -> Palette | None:
    """Return the palette of an argument, which may hold floats in 0..1."""
    if palette is None:
        return None
    return as_palette(np.rint(np.asarray(palette) * 255).astype(np.uint8) if in_0_1 else palette)


def _with_target(inputs: DiagnosticInputs, target: Any) -> DiagnosticInputs:
    """Add the target as ids, or as colors where it is a color image."""
    if target is None:
        return inputs
    if _is_pillow(target):
        is_color = not target.mode.startswith(GRAY_MODES)
    else:
        array = _as_host_array(target, "target").array
        shape = array.shape
        is_color = len(shape) >= 3 and shape[-1] == 3 and min(shape[-3:-1]) > 3
        is_color = is_color and array.dtype == np.uint8
    if is_color:
        return dataclasses.replace(inputs, target_colors=as_images(target, "target"))
    return dataclasses.replace(inputs, target=as_labels(target, "target"))


def _with_color(inputs: DiagnosticInputs, color: Any) -> DiagnosticInputs:
    """Add the image drawn of the labels; an indexed image of labels is one too."""
    if color is not None:
        return dataclasses.replace(inputs, color=as_images(color, "color"))
    labels, metadata = inputs.labels, inputs.metadata.get("labels")
    if labels is None or metadata is None or metadata.palette is None:
        return inputs
    if labels.max(initial=0) >= len(metadata.palette):
        return inputs
    return dataclasses.replace(inputs, color=metadata.palette[labels])


def _with_ids_of_colors(inputs: DiagnosticInputs) -> DiagnosticInputs:
    """Add the ids of color images whose colors are all in the palette."""
    palette = inputs.palette
    if palette is None:
        return inputs
    if inputs.color is not None:
        with contextlib.suppress(ValueError):
            decoded = np.asarray(labels_from_colors(inputs.color, palette))
            inputs = dataclasses.replace(inputs, decoded=decoded)
    if inputs.target_colors is not None:
        with contextlib.suppress(ValueError):
            target = np.asarray(labels_from_colors(inputs.target_colors, palette))
            inputs = dataclasses.replace(inputs, target=target)
    return inputs


def _with_normalization(inputs: DiagnosticInputs, mean: Any, std: Any) -> DiagnosticInputs:
    """Add mean and std of bytes; numbers of an image in 0..1 are multiplied by 255."""
    if (mean is None) != (std is None):
        raise ValueError(f"mean and std belong together, got mean={mean!r} and std={std!r}")
    if mean is None:
        return inputs
    means, deviations = _as_three_numbers(mean, "mean"), _as_three_numbers(std, "std")
    if deviations.min() <= 0:
        raise ValueError(f"std must be above 0, got {std!r}")
    fed = inputs.input
    is_identity = not means.any() and (deviations == 1).all()
    is_fed_bytes = fed is not None and bool(fed.size) and bool(fed.max() > 2)
    largest = max(abs(means).max(), deviations.max())
    normalizes_bytes = largest > MAX_UNIT_NORMALIZATION or (is_identity and is_fed_bytes)
    if not normalizes_bytes:
        means, deviations = means * 255, deviations * 255
    return dataclasses.replace(
        inputs, mean=means, std=deviations, normalizes_bytes=normalizes_bytes
    )


def _as_three_numbers(value: Any, name: str) -> Float64:
    numbers = np.asarray(value, np.float64)
    if numbers.shape != (3,) or not np.isfinite(numbers).all():
        raise ValueError(f"{name} must hold three numbers, got {value!r}")
    return numbers
