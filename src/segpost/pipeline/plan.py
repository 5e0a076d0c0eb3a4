"""The plan of a `postprocess` call: how logits are read, and the memory for the results."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arrays import LABEL_KINDS, Array, label_dtype
from segpost._core.contract import ColorOutputs, Logits
from segpost._core.degenerate_logits import (
    CallSettings,
    may_be_degenerate,
    refuse_degenerate_logits,
)
from segpost._core.device import context_of
from segpost._core.errors import warn_of_input
from segpost._core.logits import InputLogits, check_quantized, resolve_threshold
from segpost._core.suspicious_logits import (
    volume_cure,
    warn_by_image,
    warn_of_layout,
)
from segpost._core.suspicious_probabilities import warn_of_probabilities
from segpost._core.suspicious_sizes import check_sides
from segpost.color.datasets import list_palettes_of
from segpost.color.operations import class_alpha
from segpost.color.palette import Palette
from segpost.labels.decoded import check_probabilities, refuse_probabilities
from segpost.pipeline.options import Options
from segpost.pipeline.results import OF_PROBABILITIES
from segpost.pipeline.segmentation import Segmentation
from segpost.spatial.resampling import Resampling, plan_resampling

OF_COLORS = frozenset({"color", "overlay"})  # the results that need a palette
MIN_CLASSES_OF_DATASET = 10  # fewer are often the caller's own


class Outputs(NamedTuple):
    """The memory that the kernels write to; None where an output is not wanted."""

    labels: Array  # [N, H, W]
    confidence: Array | None  # [N, H, W]
    probabilities: Array | None  # [N, C, H, W]; None with a CRF, which allocates its own
    color: Array | None  # [N, H, W, 3]
    overlay: Array | None  # [N, H, W, 3]


class Plan(NamedTuple):
    """Everything about a call that does not depend on the values of the logits."""

    options: Options
    is_probabilities: bool  # by the convention
    is_batch: bool
    class_axis: int  # of the caller's layout
    template: Logits  # of the first call; later ones have its fields but for the values
    resampling: Resampling
    paint: ColorOutputs | None  # without an overlay, which needs an image
    alpha: Array | None  # weights of the classes in the overlay
    outputs: Outputs
    wrap: Callable[[Array], Any]  # makes the caller's kind of array


def build_plan(
    source: InputLogits, argument_type: type, kind: str, options: Options, image: Array | None
) -> Plan:
    """Check logits (or probabilities, by `kind`) against the options, and plan the call.

    The plan follows from the options and from the shape, type and device of the logits. Values are
    read only to refuse arrays that are no logits. `argument_type` is the type of the argument.
    An image (N, H, W, 3) has the size of the results, and confirms it.

    Raises
    ------
    ValueError, TypeError
        For options that do not fit the logits.
    """
    logits, array, class_axis = source
    values, is_probabilities = logits.values, kind == "probabilities"
    n, classes, *size = values.shape
    if options.decode != "argmax" and classes == 1 and options.crf is None:
        options = options._replace(threshold=0.5)  # of a sigmoid; decoding finds a better one
    needs_values = check_type(logits.kind, options)
    if may_be_degenerate(logits):
        settings = call_settings(options, is_probabilities)
        refuse_degenerate_logits(source, argument_type, settings)
    quantization = options.quantization or (1.0, 0.0)
    convention = None if options.convention is None else options.convention.name
    if is_probabilities:
        check_probabilities(logits, quantization, str(convention))
    elif needs_values:
        refuse_probabilities(logits, quantization, convention)
    threshold, labels = None, classes
    if options.threshold is not None:
        labels = 2
        if convention is None:
            warn_of_probabilities(array, "logits")
        threshold = resolve_threshold(
            options.threshold, classes, quantization, of_probabilities=is_probabilities
        )
    lut, alpha = color_tables(options, labels, array.array.shape, class_axis)
    pixel_bytes = 0
    if not (options.size is options.scale is options.letterbox is None):
        pixel_bytes = pixel_bytes_of(options.outputs, options.confidence_dtype, classes, labels)
    resampling = plan_resampling(
        (*size,),
        options.size,
        options.grid,
        options.letterbox,
        options.scale,
        pixel_bytes=n * pixel_bytes,
    )
    may_be_volume = options.is_axis_default and options.palette is None
    warn_of_layout(array, class_axis, volume_cure(options.size) if may_be_volume else "")
    if options.letterbox is None and size[0] != size[1]:
        if image is not None:
            warn_by_image(logits, image, class_axis)
        if options.size is not None:
            logits_shape = array.array.shape if options.is_axis_default else None
            check_sides((*size,), resampling.size, logits_shape, confirmed=image is not None)
    empty, shape, wanted = context_of(values).empty, (n, *resampling.size), options.outputs
    probabilities = None
    if "probabilities" in wanted and (options.crf is None or 0 in shape):
        if class_axis == -1:
            probabilities = empty((*shape, classes), np.float32).transpose(0, 3, 1, 2)
        else:
            probabilities = empty((n, classes, *resampling.size), np.float32)
    confidence = empty(shape, options.confidence_dtype) if "confidence" in wanted else None
    color = empty((*shape, 3), np.uint8) if "color" in wanted else None
    overlay = empty((*shape, 3), np.uint8) if "overlay" in wanted else None
    outputs = Outputs(empty(shape, label_dtype(labels)), confidence, probabilities, color, overlay)
    return Plan(  # by place: names would take a microsecond
        options,
        is_probabilities,
        array.array.ndim == 4,
        class_axis,
        Logits(values, logits.kind, *quantization, threshold, resampling.origin),
        resampling,
        None if lut is None else ColorOutputs(lut, color),
        alpha,
        outputs,
        array.wrap,
    )


def with_image_size(options: Options, logits: Logits, image: Array) -> Options:
    """Return options with the image's size, if nothing else says it and the logits are not larger.

    Parameters
    ----------
    options : Options
    logits : Logits
    image : array of shape (N, H, W, 3)
    """
    if not (options.size is None and options.letterbox is None and options.scale is None):
        return options
    size, grid_size = image.shape[-3:-1], logits.values.shape[2:]
    if size == grid_size or size[0] < grid_size[0] or size[1] < grid_size[1]:
        return options
    return options._replace(size=size)


@lru_cache(maxsize=256)
def pixel_bytes_of(outputs: frozenset[str], confidence: str, classes: int, labels: int) -> int:
    """Return the bytes of all results of a pixel; `confidence` is the element type of that."""
    sizes = {
        "confidence": np.dtype(confidence).itemsize,
        "probabilities": 4 * classes,
        "color": 3,
        "overlay": 3,
    }
    wanted = sum(sizes.get(name, 0) for name in outputs)
    return wanted + np.dtype(label_dtype(labels)).itemsize


def check_type(kind: str, options: Options) -> bool:
    """Check the element type against the quantization; return whether real values are needed."""
    is_decoded = options.decode != "argmax"
    needs_values = (
        is_decoded or options.crf is not None or not OF_PROBABILITIES.isdisjoint(options.outputs)
    )
    if needs_values and kind in LABEL_KINDS and options.quantization is None:
        names = {*OF_PROBABILITIES & options.outputs} | ({"crf"} if options.crf else set())
        names |= {f"decode={options.decode!r}"} if is_decoded else set()
        raise TypeError(
            f"logits are {kind}: for {' and '.join(sorted(names))} pass "
            "quantization=(scale, zero_point); a softmax of raw integers means nothing"
        )
    check_quantized(kind, options.quantization)
    return needs_values


def call_settings(options: Options, is_probabilities: bool) -> CallSettings:
    """Return the settings that decide what the logits can be."""
    return CallSettings(
        threshold=options.threshold is not None,
        quantized=options.quantization is not None,
        crf=options.crf is not None,
        convention=options.convention is not None,
        probabilities=is_probabilities,
    )


def color_tables(
    options: Options, labels: int, shape: tuple[int, ...], class_axis: int, subject: str = ""
) -> tuple[Array | None, Array | None]:
    """Return the colors of the labels and their weights, for the outputs that need them.

    `subject` is what an error says of the classes, in place of the logits and their axis.
    """
    palette = options.palette
    if palette is None and options.outputs.isdisjoint(OF_COLORS):
        return None, None
    wanted = options.outputs & OF_COLORS
    if palette is None:
        raise ValueError(f'want has "{min(wanted)}", which needs palette=')
    subject = subject or f"logits have {labels} classes on axis {class_axis}"
    _check_palette(palette, labels, shape, class_axis, subject)
    if not wanted:
        return None, None
    rows, lut = palette.lookup_table(labels)
    if "overlay" not in wanted:
        return lut, None
    return lut, class_alpha(options.alpha, len(palette))[rows]


def _check_palette(
    palette: Palette, labels: int, shape: tuple[int, ...], class_axis: int, subject: str
) -> None:
    """Refuse a palette that is too short, or that shows that another axis holds the classes.

    A palette of 256 colors (for all values of uint8) and a one-channel head show nothing.
    """
    colors = len(palette)
    other = -1 if class_axis == -3 else -3
    fits_other = shape[other] == colors != labels
    is_informative = shape[class_axis] > 1 and colors != 256
    if labels <= colors and not (fits_other and is_informative):
        if _has_images_on_class_axis(shape, class_axis, colors) and labels < colors:
            warn_of_input(
                f"logits of shape {shape} are read as {colors} images of {labels} classes, but "
                f"palette has {colors} colors: are axes 0 and 1 exchanged, as of images that were "
                "stacked on axis 1? Pass logits.swapaxes(0, 1)"
            )
        elif 2 < labels < colors and palette.names is not None:
            _warn_of_other_classes(labels, colors, subject)
        return
    hint = ""
    if fits_other:
        hint = (
            f"; axis {other} of shape {shape} has {colors}: pass axis={other}, "
            f"or a palette of {labels} colors if axis {class_axis} is right"
        )
    elif not hint:
        hint = f"; pass the palette of the network's classes, or segpost.Palette.distinct({labels})"
    raise ValueError(f"{subject}, but palette has {colors} colors{hint}")


def _has_images_on_class_axis(shape: tuple[int, ...], class_axis: int, colors: int) -> bool:
    """Whether the first axis of a batch is as long as a data set's palette."""
    return len(shape) == 4 and class_axis == -3 and shape[0] == colors >= MIN_CLASSES_OF_DATASET


def _warn_of_other_classes(labels: int, names: int, subject: str) -> None:
    """Warn of a palette of more names, if one is too many or another data set has as many classes.

    Few classes are often the caller's own, with colors of a data set.
    """
    datasets = list_palettes_of(labels) if labels >= MIN_CLASSES_OF_DATASET else ()
    if datasets or names == labels + 1:
        cure = " or ".join(f"palette={name!r}" for name in datasets)
        warn_of_input(
            f"{subject}, but palette names {names}: are "
            f"they those of another data set? Colors are by label; pass "
            f"{cure or 'the names and colors of the network'}, or "
            f"segpost.Palette(palette.colors[:{labels}]) if the first {labels} colors are right"
        )


def wrap_outputs(
    plan: Plan, image: Array | None, probabilities: Array | None
) -> Segmentation[Any, Any]:
    """Return the results of a plan as the caller's kind of array."""
    wrap, index = plan.wrap, ... if plan.is_batch else 0
    if probabilities is not None and plan.class_axis == -1:
        probabilities = probabilities.transpose(0, 2, 3, 1)
    labels, confidence, _, color, overlay = plan.outputs
    regions = None
    if "regions" in plan.options.outputs:
        from segpost.pipeline.regions import find_regions  # most calls want none

        regions = find_regions(labels, confidence, plan.is_batch)
    segmentation: Segmentation[Any, Any] = object.__new__(Segmentation)
    segmentation.__dict__.update(  # of a frozen class `__init__` takes ten times as long
        labels=wrap(labels[index]) if "labels" in plan.options.outputs else None,
        confidence=None if confidence is None else wrap(confidence[index]),
        probabilities=None if probabilities is None else wrap(probabilities[index]),
        color=None if color is None else wrap(color[index]),
        overlay=None if overlay is None else wrap(overlay[index]),
        palette=plan.options.palette,
        image=None if image is None else image[index],
        regions=regions,
    )
    return segmentation
