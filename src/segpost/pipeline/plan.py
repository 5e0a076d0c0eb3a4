"""What postprocess makes of logits of one shape: checked once, carried out for every frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core import arguments, errors
from segpost._core import logits as core_logits
from segpost._core.arrays import Array, OutputArray, allocate_output, label_dtype
from segpost._core.contract import ColorOutputs, Logits, OverlayTarget
from segpost._core.degenerate_logits import Settings, refuse_label_maps, refuse_one_class
from segpost._core.device import context_of
from segpost._core.logits import apply_quantization, apply_threshold
from segpost._core.sampling import Axes
from segpost.color.operations import class_alpha
from segpost.color.palette import Palette, as_palette
from segpost.crf.model import DenseCRF
from segpost.pipeline.decoded import check_probabilities, of_labels, refuse_probabilities, resampled
from segpost.pipeline.options import check_palette, checked_want, pictured, refiner_of
from segpost.pipeline.segmentation import Segmentation
from segpost.runtimes.convention import Convention, agreed
from segpost.spatial.letterbox import Letterbox, resampling

CONFIDENCE_MODES = ("exact", "fast")
CONFIDENCE_DTYPES = ("float32", "uint8")


class Plan(NamedTuple):
    """What is made of logits of one shape and type, checked, and the memory for it."""

    batch: slice  # the axes of results
    counted: int  # the class axis
    view: Logits  # the first of them, without what a letterbox cuts off
    axes: Axes | None
    shape: tuple[int, int, int]
    chosen: Palette | None
    lut: Array | None
    weights: Array | None
    refiner: DenseCRF | None
    ready: bool  # probabilities came
    wanted: set[str]
    fast: bool
    nan: str
    check: str
    labels: OutputArray
    color: OutputArray | None
    overlay: OutputArray | None
    confidence: OutputArray | None
    probabilities: OutputArray | None  # None of refined ones, which are new every time


def planned(
    logits: Any,
    image: Any,
    *,
    convention: Convention | None = None,
    axis: int | None = None,
    size: tuple[int, int] | None = None,
    grid: str | None = None,
    letterbox: Letterbox | None = None,
    palette: Palette | str | None = None,
    alpha: Any = 0.5,
    crf: DenseCRF | str | None = None,
    threshold: float | None = None,
    quantization: tuple[float, int] | None = None,
    confidence_mode: str = "exact",
    confidence_dtype: str = "float32",
    nan: str = "raise",
    check: str = "sync",
    want: Iterable[str] = ("labels",),
) -> tuple[Plan, Logits, Array | None]:
    """A plan, and views of what it is carried out with first.

    A convention has picked the logits already.
    """
    axis, grid, quantization = agreed(convention, axis, grid, quantization)
    view, given, counted = core_logits.as_logits(logits, axis)
    arguments.check_choice(nan, "nan", arguments.NAN_RULES)
    arguments.check_choice(check, "check", arguments.CHECKS)
    arguments.check_choice(confidence_mode, "confidence_mode", CONFIDENCE_MODES)
    arguments.check_choice(confidence_dtype, "confidence_dtype", CONFIDENCE_DTYPES)
    wanted = checked_want(want)
    chosen = None if palette is None else as_palette(palette)
    refiner = refiner_of(crf, threshold)
    view = apply_quantization(view, quantization, wanted | ({"crf"} if refiner else set()))
    ready = convention is not None and convention.kind == "probabilities"
    if convention is not None and ready:
        check_probabilities(view, convention)
    elif convention is not None and (refiner or wanted & {"confidence", "probabilities"}):
        refuse_probabilities(view, convention)
    view = apply_threshold(view, threshold, of_probabilities=ready)
    settings = Settings(
        crf=refiner is not None,
        quantized=quantization is not None,
        convention=convention is not None,
        probabilities=ready,
    )
    refuse_one_class(logits, view, given, counted, settings)
    if quantization is None:
        refuse_label_maps(logits, given, counted)
    classes = view.values.shape[1] if view.threshold is None else 2
    if chosen is not None:
        check_palette(chosen, classes, given, counted)
    elif wanted & {"color", "overlay"}:
        name = "color" if "color" in wanted else "overlay"
        raise ValueError(f'want has "{name}", which needs palette=')
    view, axes = resampling(view, size, grid, letterbox)
    shape = core_logits.output_shape(view, axes)
    picture = pictured(image, shape, wanted)

    def make(name: str, full: tuple[int, ...], dtype: Any) -> OutputArray | None:
        if name not in wanted:
            return None
        return allocate_output(None, full, dtype, given.wrap, given.array)

    n, c = view.values.shape[:2]
    spread = (n, c, *shape[1:]) if counted == -3 else (*shape, c)
    lut = weights = None
    if chosen is not None and wanted & {"color", "overlay"}:
        rows, lut = chosen.lookup_table(classes)
        weights = class_alpha(alpha, len(chosen))[rows] if "overlay" in wanted else None
    plan = Plan(
        batch=slice(4 - given.array.ndim, None),
        counted=counted,
        view=view,
        axes=axes,
        shape=shape,
        chosen=chosen,
        lut=lut,
        weights=weights,
        refiner=refiner,
        ready=ready,
        wanted=wanted,
        fast=confidence_mode == "fast",
        nan=nan,
        check=check,
        labels=allocate_output(None, shape, label_dtype(classes), given.wrap, given.array),
        color=make("color", (*shape, 3), np.uint8),
        overlay=make("overlay", (*shape, 3), np.uint8),
        confidence=make("confidence", shape, np.dtype(confidence_dtype)),
        probabilities=None
        if refiner is not None and 0 not in shape
        else make("probabilities", spread, np.float32),
    )
    return plan, view, picture


def run(plan: Plan, view: Logits, picture: Array | None) -> OutputArray | None:
    """Fill the memory of a plan, from logits like its own; also the probabilities."""
    probabilities, confidence = plan.probabilities, plan.confidence
    if 0 in plan.shape:
        return probabilities
    axes, counted, ready = plan.axes, plan.counted, plan.ready
    backend = registry.backend(view.values, picture, check=plan.check)
    if plan.refiner is not None:
        view, axes = _refined(plan, view, picture), None
    out = None if probabilities is None else probabilities.array
    if out is not None and counted == -1:
        out = out.transpose(0, 3, 1, 2)
    made_before = plan.refiner is not None or ready
    sure = None if confidence is None or made_before else confidence.array
    spread = None if ready else out
    report = backend.argmax(
        view, axes, plan.labels.array, _paint(plan, picture), sure, plan.fast, spread
    )
    if plan.nan == "raise":
        if sure is not None or spread is not None:
            errors.raise_undefined(report, view, plan.shape)
        errors.raise_bad_logits(report, view, plan.shape)
    if plan.refiner is not None:
        if "probabilities" in plan.wanted:
            q = view.values if counted == -3 else view.values.transpose(0, 2, 3, 1)
            probabilities = OutputArray(q, plan.labels.wrap)
        if confidence is not None:
            registry.backend(view.values).reduce_max(view.values, confidence.array)
    elif ready:
        if out is not None:
            resampled(view, axes, out)
        if confidence is not None:
            of_labels(view, axes, plan.labels.array, confidence.array)
    return probabilities


def segmentation(
    plan: Plan, picture: Array | None, probabilities: OutputArray | None
) -> Segmentation:
    """What is in the memory of a plan, as the caller's kind of array."""
    batch = plan.batch

    def done(made: OutputArray | None) -> Any:
        if made is None:
            return None
        return made.wrap(made.array.reshape(made.array.shape[batch]))

    return Segmentation(
        labels=done(plan.labels if "labels" in plan.wanted else None),
        confidence=done(plan.confidence),
        probabilities=done(probabilities),
        color=done(plan.color),
        overlay=done(plan.overlay),
        palette=plan.chosen,
        image=None if picture is None else picture.reshape(picture.shape[batch]),
    )


def _refined(plan: Plan, view: Logits, picture: Array | None) -> Logits:
    """Probabilities at full size after the CRF: their largest is where that of logits would be."""
    n, classes = view.values.shape[:2]
    made = context_of(view.values).empty((n, classes, *plan.shape[1:]), np.float32)
    if plan.ready:
        resampled(view, plan.axes, made)
    else:
        report = registry.backend(view.values).softmax(view, plan.axes, made, None)
        if plan.nan == "raise":
            errors.raise_undefined(report, view, plan.shape)
    assert plan.refiner is not None
    return Logits(plan.refiner(made, picture), "float32")


def _paint(plan: Plan, picture: Array | None) -> ColorOutputs | None:
    """The pictures to make."""
    if plan.lut is None:
        return None
    laid = None
    if plan.overlay is not None and plan.weights is not None and picture is not None:
        laid = OverlayTarget(picture, plan.weights, plan.overlay.array)
    return ColorOutputs(plan.lut, None if plan.color is None else plan.color.array, laid)
