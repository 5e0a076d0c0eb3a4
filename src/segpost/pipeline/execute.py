"""A plan carried out: the calls of the backend, in order, and their error counts as exceptions."""

from __future__ import annotations

import numpy as np

from segpost._backends import registry
from segpost._backends.cuda import crf as cuda_crf
from segpost._core import errors
from segpost._core.arrays import Array
from segpost._core.contract import Backend, ColorOutputs, LogitErrors, Logits, OverlayTarget
from segpost._core.device import DeviceArray, context_of
from segpost._core.sampling import Axes
from segpost.labels.decoded import gather_label_probability, resize_probabilities
from segpost.pipeline.plan import Plan


def execute(plan: Plan, logits: Logits, image: Array | None) -> Array | None:
    """Write the results of logits to the memory of a plan.

    Returns
    -------
    probabilities : array of shape (N, C, H, W) or None
        Those of the plan, or where there is a CRF its own.
    """
    options, outputs, region = plan.options, plan.outputs, plan.resampling.region
    if not outputs.labels.size:
        return outputs.probabilities
    values = logits.values if region is None else logits.values[region]
    logits = plan.template._replace(values=values)
    backend = registry.backend(outputs.labels, image, check=options.check)
    if plan.is_probabilities or options.crf is not None:
        return _execute_probabilities(plan, backend, logits, image)
    counts = run_argmax(
        backend,
        logits,
        plan.resampling.axes,
        outputs.labels,
        _color_outputs(plan, image),
        outputs.confidence,
        options.fast_confidence,
        outputs.probabilities,
    )
    if options.nan == "raise":
        if outputs.confidence is not None or outputs.probabilities is not None:
            errors.raise_undefined(counts, logits, plan.shape)  # type: ignore[arg-type]
        errors.raise_bad_logits(counts, logits, plan.shape)
    return outputs.probabilities


def run_argmax(
    backend: Backend,
    logits: Logits,
    axes: Axes | None,
    labels: Array,
    colors: ColorOutputs | None = None,
    confidence: Array | None = None,
    fast: bool = False,
    probabilities: Array | None = None,
) -> LogitErrors:
    """Write labels and colors, and with them confidence and probabilities, as `Backend.argmax`.

    A backend that does not compute all of them in one pass gets two calls. The undefined pixels are
    then those without probabilities, of which those without a label are some.
    """
    if confidence is None and probabilities is None:
        return backend.argmax(logits, axes, labels, colors)
    is_fused = backend.fuses(
        resized=axes is not None,
        sigmoid=logits.threshold is not None,
        probabilities=probabilities is not None,
    )
    if is_fused:
        return backend.argmax(logits, axes, labels, colors, confidence, fast, probabilities)
    counts = backend.argmax(logits, axes, labels, colors)
    return counts.undefined_as(backend.softmax(logits, axes, probabilities, confidence))


def _execute_probabilities(
    plan: Plan, backend: Backend, logits: Logits, image: Array | None
) -> Array | None:
    """Write the results of probabilities, or of logits whose probabilities a CRF refines.

    The label is the class with the largest probability, so argmax takes them as it takes logits.
    """
    crf, outputs, axes = plan.options.crf, plan.outputs, plan.resampling.axes
    probabilities = outputs.probabilities
    if crf is not None:
        n, classes = logits.values.shape[:2]
        full = context_of(logits.values).empty((n, classes, *plan.resampling.size), np.float32)
        if plan.is_probabilities:
            resize_probabilities(logits, axes, full)
        else:
            counts = registry.backend(full).softmax(logits, axes, full, None)
            if plan.options.nan == "raise":
                errors.raise_undefined(counts, logits, plan.shape)  # type: ignore[arg-type]
        probabilities = crf(full, image)
        logits, axes = Logits(probabilities, "float32"), None
    elif probabilities is not None:
        resize_probabilities(logits, axes, probabilities)
    counts = backend.argmax(logits, axes, outputs.labels, _color_outputs(plan, image))
    if plan.options.nan == "raise":
        errors.raise_bad_logits(counts, logits, plan.shape)
    if outputs.confidence is not None:
        if isinstance(logits.values, DeviceArray):
            cuda_crf.largest(logits.values, outputs.confidence)
        else:
            gather_label_probability(logits, axes, outputs.labels, outputs.confidence)
    return probabilities if "probabilities" in plan.options.outputs else None


def _color_outputs(plan: Plan, image: Array | None) -> ColorOutputs | None:
    """Return the colors and the overlay to be made of the labels."""
    if plan.lut is None:
        return None
    overlay = None
    if plan.outputs.overlay is not None and plan.alpha is not None and image is not None:
        overlay = OverlayTarget(image, plan.alpha, plan.outputs.overlay)
    return ColorOutputs(plan.lut, plan.outputs.color, overlay)
