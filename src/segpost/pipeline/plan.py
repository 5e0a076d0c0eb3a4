"""The plan of a `postprocess` call: how logits are read, and the memory for the results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from segpost._core import validation
from segpost._core.arrays import Array, label_dtype
from segpost._core.contract import Logits
from segpost._core.degenerate_logits import refuse_degenerate_logits
from segpost._core.device import context_of
from segpost._core.logits import InputLogits, as_logits, resolve_threshold
from segpost.color.operations import class_alpha
from segpost.pipeline.options import Options, call_settings, check_logits
from segpost.pipeline.segmentation import Segmentation
from segpost.spatial.resampling import Resampling, plan_resampling


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
    template: Logits  # of the first call; others have its fields but for the values
    resampling: Resampling
    lut: Array | None  # colors of the classes
    alpha: Array | None  # their weights in the overlay
    outputs: Outputs
    wrap: Callable[[Array], Any]  # makes the caller's kind of array

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H, W) of the results."""
        return self.outputs.labels.shape


def prepare(logits: Any, kind: str, options: Options) -> tuple[Plan, Logits]:
    """Convert logits (or probabilities, by `kind`), check them, and plan the call."""
    is_probabilities = kind == "probabilities"
    source = as_logits(logits, options.axis)
    refuse_degenerate_logits(source, type(logits), call_settings(options, is_probabilities))
    check_logits(source, options, is_probabilities)
    return build_plan(source, options, is_probabilities), source.logits


def build_plan(source: InputLogits, options: Options, is_probabilities: bool) -> Plan:
    """Plan the call, and allocate its results, from the shape, type and device of the logits."""
    (values, kind, *_), array, class_axis = source
    n, classes, *size = values.shape
    quantization = options.quantization or (1.0, 0.0)
    threshold = resolve_threshold(
        options.threshold, classes, quantization, of_probabilities=is_probabilities
    )
    resampling = plan_resampling((*size,), options.size, options.grid, options.letterbox)
    labels = classes if threshold is None else 2
    wanted, palette = options.outputs, options.palette
    lut = alpha = None
    if palette is not None and wanted & {"color", "overlay"}:
        rows, lut = palette.looks(labels)
        if "overlay" in wanted:
            alpha = class_alpha(options.alpha, len(palette))[rows]
    empty, shape = context_of(values).empty, (n, *resampling.size)
    probabilities = None
    if "probabilities" in wanted and (options.crf is None or 0 in shape):
        if class_axis == -1:
            probabilities = empty((*shape, classes), np.float32).transpose(0, 3, 1, 2)
        else:
            probabilities = empty((n, classes, *resampling.size), np.float32)
    dtype = options.confidence_dtype
    return Plan(
        options=options,
        is_probabilities=is_probabilities,
        is_batch=array.array.ndim == 4,
        class_axis=class_axis,
        template=Logits(values, kind, *quantization, threshold, resampling.origin),
        resampling=resampling,
        lut=lut,
        alpha=alpha,
        outputs=Outputs(
            labels=empty(shape, label_dtype(labels)),
            confidence=empty(shape, dtype) if "confidence" in wanted else None,
            probabilities=probabilities,
            color=empty((*shape, 3), np.uint8) if "color" in wanted else None,
            overlay=empty((*shape, 3), np.uint8) if "overlay" in wanted else None,
        ),
        wrap=array.wrap,
    )


def as_plan_image(image: object, plan: Plan) -> Array | None:
    """Return the image as (N, H, W, 3); it must have the size of the results."""
    if image is None:
        if "overlay" in plan.options.outputs:
            raise ValueError('want has "overlay", which needs image=')
        return None
    array = validation.as_image_array(image, kept=True).array
    if array.ndim == 3:
        array = array[None]
    n, *size = plan.shape
    if array.shape[0] != n:
        raise ValueError(f"image has {array.shape[0]} images, logits have {n}")
    if array.shape[:-1] != plan.shape:
        raise ValueError(
            f"image of shape {array.shape[-3:]} does not fit labels of {n} x {tuple(size)}; "
            f"pass size={tuple(array.shape[-3:-1])} to get labels at the image's size"
        )
    return array


def wrap_outputs(plan: Plan, image: Array | None, probabilities: Array | None) -> Segmentation:
    """Return the results of a plan as the caller's kind of array."""

    def wrap(array: Array | None) -> Any:
        return None if array is None else plan.wrap(array if plan.is_batch else array[0])

    if probabilities is not None and plan.class_axis == -1:
        probabilities = probabilities.transpose(0, 2, 3, 1)
    labels, confidence, _, color, overlay = plan.outputs
    return Segmentation(
        labels=wrap(labels) if "labels" in plan.options.outputs else None,
        confidence=wrap(confidence),
        probabilities=wrap(probabilities),
        color=wrap(color),
        overlay=wrap(overlay),
        palette=plan.options.palette,
        image=image if image is None or plan.is_batch else image[0],
    )
