"""`postprocess` of volumes: labels, and what is known of the probabilities of the classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._backends.volumes import sum_volumes
from segpost._core import errors
from segpost._core.arguments import as_output_size
from segpost._core.arrays import Array, label_dtype
from segpost._core.contract import LogitErrors, Logits
from segpost._core.degenerate_logits import may_be_degenerate, refuse_degenerate_logits
from segpost._core.device import context_of
from segpost._core.logits import InputLogits, as_logits, resolve_threshold
from segpost._core.sampling import VolumeAxes
from segpost._core.suspicious_logits import warn_of_volume_axis
from segpost._core.suspicious_volumes import warn_of_volume_sides
from segpost._core.thresholds import cutoffs
from segpost.labels.decoded import refuse_probabilities
from segpost.labels.volume_masks import binarize_volumes
from segpost.labels.volumes import label_volumes
from segpost.pipeline.options import Options
from segpost.pipeline.plan import call_settings, check_type, pixel_bytes_of
from segpost.pipeline.ranked import as_levels
from segpost.pipeline.results import OF_PROBABILITIES, TopK
from segpost.pipeline.segmentation import Segmentation
from segpost.spatial.resampling import plan_resampling

OUTPUTS = OF_PROBABILITIES | {"labels"}
PROBABILITIES = "custom", "probabilities"  # name and kind of the convention that volumes may have


class VolumeOutputs(NamedTuple):
    """The memory for the results; None where one is not wanted."""

    labels: Array  # [N, D, H, W]
    confidence: Array | None
    probabilities: Array | None  # [N, C, D, H, W]
    entropy: Array | None
    margin: Array | None
    top_labels: Array | None  # [N, k, D, H, W]
    top_probabilities: Array | None


class VolumePlan(NamedTuple):
    """How volumes of one shape, element type and device are processed."""

    options: Options
    template: Logits  # those that the plan was made for
    axes: VolumeAxes | None
    class_axis: int  # of the caller's logits
    is_batch: bool
    outputs: VolumeOutputs
    wrap: Callable[[Array], Any]  # makes the caller's kind of array


def segment_volumes(
    logits: object, image: object, options: Options, *, is_implied: bool = False
) -> Segmentation[Any, Any]:
    """Compute the results of volumes; see `postprocess`.

    `is_implied` says that the size alone makes them volumes. Labels come first. Confidence,
    entropy, margin and the largest probabilities follow from one more pass over the logits, all
    probabilities from another. Nothing but the results is computed at the output size.

    Raises
    ------
    ValueError, TypeError
        For options that volumes do not have, and as `postprocess`.
    """
    if is_implied and len(getattr(logits, "shape", ())) == 3:  # those of an image
        as_output_size(options.size)
    refuse_options(image, options)
    source = as_logits(logits, options.axis, 3)
    if options.crf is not None:
        from segpost.pipeline.volume_crf import segment_refined_volumes

        unrefined = _probabilities_of(source, logits, options)
        return segment_refined_volumes(options.crf, unrefined, source.class_axis, image, options)
    if options.convention is not None and (
        options.threshold is not None or options.outputs != {"labels"}
    ):
        from segpost.pipeline.volume_probabilities import segment_probability_volumes

        refuse_degenerate(source, type(logits), options)
        return segment_probability_volumes(source, type(logits), options)
    plan = plan_volumes(source, type(logits), options)
    write_volumes(plan, source.logits)
    return wrap_volumes(plan)


def _probabilities_of(source: InputLogits, logits: Any, options: Options) -> Any:
    """Return the probabilities of the output size, for a CRF: those of a convention are there."""
    if options.convention is not None:
        from segpost.pipeline.volume_probabilities import check_own_size

        check_own_size(source, options)
        return logits
    outputs = frozenset({"probabilities"})
    plain = options._replace(crf=None, outputs=outputs, nan="raise", probabilities_dtype="float32")
    plan = plan_volumes(source, type(logits), plain)
    write_volumes(plan, source.logits)
    return wrap_volumes(plan).probabilities


def refuse_degenerate(source: InputLogits, argument_type: type, options: Options) -> None:
    """Refuse arrays that are no logits, and warn of axes in another order."""
    if may_be_degenerate(source.logits):
        refuse_degenerate_logits(source, argument_type, call_settings(options, False))
    warn_of_volume_axis(source.array, source.class_axis)


def plan_volumes(source: InputLogits, argument_type: type, options: Options) -> VolumePlan:
    """Check logits of volumes against the options, and allocate the results.

    Raises
    ------
    ValueError, TypeError
        For options that do not fit the logits.
    """
    argument, array, class_axis = source
    n, classes, *grid_size = argument.values.shape
    refuse_degenerate(source, argument_type, options)
    quantization = options.quantization or (1.0, 0.0)
    if check_type(argument.kind, options):
        refuse_probabilities(argument, quantization, None)
    threshold = None
    if options.threshold is not None:
        threshold = resolve_threshold(options.threshold, classes, quantization)
    labels = classes if threshold is None else 2
    resampling = plan_resampling(
        (*grid_size,),
        options.size,
        options.grid,
        None,
        options.scale,
        options.nearest_axis,
        pixel_bytes=n * pixel_bytes_of(options.outputs, options.confidence_dtype, classes, labels),
    )
    is_default = options.is_axis_default
    warn_of_volume_sides(array.array.shape, class_axis, resampling.size, is_axis_default=is_default)
    return VolumePlan(
        options,
        Logits(argument.values, argument.kind, *quantization, threshold),
        resampling.axes,
        class_axis,
        array.array.ndim == 5,
        _allocate(argument.values, resampling.size, labels, class_axis, options),
        array.wrap,
    )


def write_volumes(plan: VolumePlan, logits: Logits) -> None:
    """Write the results of logits, which have the shape and element type of the plan.

    Raises
    ------
    ValueError
        For values that are not allowed.
    """
    if plan.outputs.labels.size:
        argument = plan.template._replace(values=logits.values)
        _label(argument, plan.axes, plan.outputs.labels, plan.options)
        _rate(argument, plan.axes, plan.outputs, plan.options)


def wrap_volumes(plan: VolumePlan) -> Segmentation[Any, Any]:
    """Return the results as the caller's kind of arrays."""
    options, outputs = plan.options, plan.outputs
    index = ... if plan.is_batch else 0

    def result(name: str, values: Array | None) -> Any:
        if values is None or name not in options.outputs:
            return None
        return plan.wrap(values[index])

    top = outputs.top_probabilities
    if top is not None:
        top = as_levels(top, options.probabilities_dtype)
    probabilities = outputs.probabilities
    if probabilities is not None:
        probabilities = as_levels(probabilities, options.probabilities_dtype)
        if plan.class_axis == -1:
            probabilities = np.moveaxis(probabilities, 1, -1)
    return Segmentation(
        labels=result("labels", outputs.labels),
        confidence=result("confidence", outputs.confidence),
        probabilities=result("probabilities", probabilities),
        entropy=result("entropy", outputs.entropy),
        margin=result("margin", outputs.margin),
        topk=None if top is None else TopK(result("topk", outputs.top_labels), result("topk", top)),
        palette=options.palette,
        volume=True,
    )


def refuse_options(image: object, options: Options) -> None:
    """Refuse what volumes do not have, with what to do instead."""
    convention = options.convention
    if convention is not None and (convention.name, convention.kind) == PROBABILITIES:
        convention = None
    for name, value, cure in (
        ("convention", convention, "pass the array of the logits"),
        ("letterbox", options.letterbox, "pass size=(D, H, W)"),
        (
            "image",
            image if options.crf is None else None,
            "call segpost.overlay with the slices of seg.labels",
        ),
    ):
        if value is not None:
            raise ValueError(f"{name} is for images, got logits of volumes: leave it out, {cure}")
    refused = sorted(options.outputs - OUTPUTS)
    if refused:
        cures = {"regions": "call segpost.regions with the slices of seg.labels"}
        cures["overlay"] = 'call seg.save("case.html", what="overlay", like="image.nii.gz")'
        cure = cures.get(refused[0], f"call segpost.{refused[0]} with the slices of seg.labels")
        if refused[0] == "color":
            cure = "call segpost.colorize(seg.labels, palette)"
        raise ValueError(
            f"want has {refused[0]!r}, which volumes do not have: leave it out, {cure}"
        )


def _allocate(
    values: Array, size: tuple[int, ...], labels: int, class_axis: int, options: Options
) -> VolumeOutputs:
    """Return the memory for the results of logits [N, C, d, h, w]."""
    n, classes = values.shape[:2]
    empty, wanted, shape = context_of(values).empty, options.outputs, (n, *size)

    def floats(name: str, dtype: Any = np.float32) -> Array | None:
        return empty(shape, dtype) if name in wanted else None

    top_labels = top = None
    if "topk" in wanted:
        if options.topk > labels:
            raise ValueError(f"topk is {options.topk}, but there are {labels} classes")
        depth, *plane = size  # slices first, as the kernels write them
        top_shape = (n, depth, options.topk, *plane)
        top_labels = empty(top_shape, label_dtype(labels)).swapaxes(1, 2)
        is_byte = options.probabilities_dtype == "uint8"
        top = empty(top_shape, np.uint8 if is_byte else np.float32).swapaxes(1, 2)
    probabilities = None
    if "probabilities" in wanted:
        probabilities = empty((n, classes, *size), np.float32)
    return VolumeOutputs(
        labels=empty(shape, label_dtype(labels)),
        confidence=floats("confidence", options.confidence_dtype),
        probabilities=probabilities,
        entropy=floats("entropy"),
        margin=floats("margin"),
        top_labels=top_labels,
        top_probabilities=top,
    )


def _label(logits: Logits, axes: VolumeAxes | None, labels: Array, options: Options) -> None:
    """Write the labels."""
    backend = registry.backend(logits.values, labels, check=options.check)
    if logits.threshold is not None and axes is not None:
        quantization = logits.scale, logits.zero_point
        levels = cutoffs((float(options.threshold),), axes, quantization)
        plain = logits._replace(threshold=None)
        counts = binarize_volumes(plain, axes, levels, np.ones(1, np.int32), labels, options.check)
    else:
        counts = label_volumes(backend, logits, axes, labels)
    if options.nan == "raise":
        errors.raise_bad_logits(counts, logits, labels.shape)


def _rate(
    logits: Logits, axes: VolumeAxes | None, outputs: VolumeOutputs, options: Options
) -> None:
    """Write what is known of the probabilities."""
    backend = registry.backend(logits.values, check=options.check)

    def operate(
        of_images: Callable[..., LogitErrors],
        of_volumes: Callable[..., LogitErrors],
        *wanted: Array | None,
    ) -> LogitErrors:
        if axes is not None:
            return of_volumes(logits, axes, *wanted)
        return sum_volumes(logits, wanted, lambda slices, images: of_images(slices, None, *images))

    ranked = (outputs.entropy, outputs.margin, outputs.top_labels, outputs.top_probabilities)
    confidence, total = outputs.confidence, LogitErrors()
    if any(output is not None for output in ranked):
        labels = None if logits.threshold is not None else outputs.labels
        total = operate(backend.rank_classes, backend.rank_volume, labels, confidence, *ranked)
        confidence = None
    if confidence is not None or outputs.probabilities is not None:
        maps = outputs.probabilities, confidence
        total = operate(backend.softmax, backend.softmax_volume, *maps)
    if options.nan == "raise":
        errors.raise_bad_logits(total, logits, outputs.labels.shape, of_probabilities=True)
