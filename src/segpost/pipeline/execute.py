"""A plan carried out: the calls of the backend, in order, and their error counts as exceptions."""

from __future__ import annotations

import numpy as np

from segpost._backends import registry
from segpost._core import errors, validation
from segpost._core.arguments import size_cure
from segpost._core.arrays import Array
from segpost._core.contract import ColorOutputs, LogitErrors, Logits, OverlayTarget
from segpost._core.device import context_of
from segpost._core.sampling import Axes
from segpost._core.suspicious_images import warn_of_unit_image
from segpost.labels.decoded import gather_label_probability, resize_probabilities
from segpost.pipeline.decoding import decode_labels, logits_of, paint_labels
from segpost.pipeline.options import Options
from segpost.pipeline.plan import Plan


def as_guide(image: object, *, is_frame: bool = False) -> Array:
    """Return a view (N, H, W, 3) of the image argument, which may be a frame of a video."""
    source = validation.as_image_array(image, outlives_call=True)
    warn_of_unit_image(source.array, is_frame=is_frame)
    return source.array[None] if source.array.ndim == 3 else source.array


def execute(plan: Plan, logits: Logits, image: Array | None) -> tuple[Array | None, Array | None]:
    """Write the results of logits to the memory of a plan.

    Parameters
    ----------
    plan : Plan
    logits : Logits
    image : array of shape (N, H, W, 3) or None

    Returns
    -------
    image : array of shape (N, H, W, 3) or None
        The image.
    probabilities : array of shape (N, C, H, W) or None
        Those of the plan, or with a CRF new ones.
    """
    options, outputs, resampling = plan.options, plan.outputs, plan.resampling
    guide = image
    if guide is not None or outputs.overlay is not None:
        guide = check_guide(guide, outputs.labels.shape, options)
    if not outputs.labels.size:
        return guide, outputs.probabilities
    values = logits.values if resampling.region is None else logits.values[resampling.region]
    template = plan.template
    logits = template if values is template.values else Logits(values, *template[1:])
    if plan.is_probabilities or options.crf is not None:
        return guide, _execute_probabilities(plan, logits, guide)
    is_decoded, colors = options.decode != "argmax", _color_outputs(plan, guide)
    counts = run_argmax(
        logits,
        resampling.axes,
        outputs.labels,
        None if is_decoded else colors,
        outputs.confidence,
        options.fast_confidence,
        outputs.probabilities,
        check=options.check,
    )
    if options.nan == "raise" and (counts.nan_count or counts.undefined_count):
        has_probabilities = outputs.confidence is not None or outputs.probabilities is not None
        errors.raise_bad_logits(
            counts, logits, outputs.labels.shape, of_probabilities=has_probabilities
        )
    if is_decoded:
        decode_labels(logits, resampling.axes, outputs.labels, options.decode, options.nan)
        paint_labels(outputs.labels, colors)
    return guide, outputs.probabilities


def run_argmax(
    logits: Logits,
    axes: Axes | None,
    labels: Array,
    colors: ColorOutputs | None = None,
    confidence: Array | None = None,
    fast: bool = False,
    probabilities: Array | None = None,
    *,
    check: str = "sync",
) -> LogitErrors:
    """Write labels and colors, and with them confidence and probabilities, as `Backend.argmax`.

    A backend that does not compute all of them in one pass gets two calls. The undefined pixels are
    then those without probabilities, of which those without a label are some.
    """
    image = None if colors is None or colors.overlay is None else colors.overlay.image
    backend = registry.backend(labels, image, check=check)
    if confidence is None and probabilities is None:
        return backend.argmax(logits, axes, labels, colors)
    if backend.fuses(
        resized=axes is not None,
        sigmoid=logits.threshold is not None,
        probabilities=probabilities is not None,
    ):
        return backend.argmax(logits, axes, labels, colors, confidence, fast, probabilities)
    counts = backend.argmax(logits, axes, labels, colors)
    return counts.undefined_as(backend.softmax(logits, axes, probabilities, confidence))


def _execute_probabilities(plan: Plan, logits: Logits, guide: Array | None) -> Array | None:
    """Write the results of probabilities, or of logits whose probabilities a CRF refines.

    The label is the class with the largest probability, so argmax takes them as it takes logits.
    """
    options, outputs, axes = plan.options, plan.outputs, plan.resampling.axes
    shape, probabilities = outputs.labels.shape, outputs.probabilities
    if options.crf is not None:
        n, classes = logits.values.shape[:2]
        unary = context_of(logits.values).empty((n, classes, *shape[1:]), np.float32)
        if plan.is_probabilities:
            resize_probabilities(logits, axes, unary)
        else:
            counts = registry.backend(unary).softmax(logits, axes, unary, None)
            if options.nan == "raise":
                errors.raise_bad_logits(counts, logits, shape, of_probabilities=True)
        probabilities = options.crf(unary, guide)
        logits, axes = Logits(probabilities, "float32"), None
    elif probabilities is not None:
        resize_probabilities(logits, axes, probabilities)
    is_decoded, colors = options.decode != "argmax", _color_outputs(plan, guide)
    paint = None if is_decoded else colors
    counts = run_argmax(logits, axes, outputs.labels, paint, check=options.check)
    if options.nan == "raise":
        errors.raise_bad_logits(counts, logits, shape)
    if is_decoded:
        _decode_probabilities(plan, logits, axes, probabilities)
        paint_labels(outputs.labels, colors)
    if outputs.confidence is not None:
        if options.crf is not None:
            registry.backend(logits.values).reduce_max(logits.values, outputs.confidence)
        else:
            gather_label_probability(logits, axes, outputs.labels, outputs.confidence)
    return probabilities if "probabilities" in options.outputs else None


def _decode_probabilities(
    plan: Plan, logits: Logits, axes: Axes | None, probabilities: Array | None
) -> None:
    """Replace labels of argmax by decoded ones; probabilities of the output size may be there."""
    labels, is_sigmoid = plan.outputs.labels, plan.template.threshold is not None
    if probabilities is None:
        shape = (len(labels), logits.values.shape[1], *labels.shape[1:])
        probabilities = context_of(logits.values).empty(shape, np.float32)
        resize_probabilities(logits, axes, probabilities)
    full_size = logits_of(probabilities, is_sigmoid=is_sigmoid)
    decode_labels(full_size, None, labels, plan.options.decode, plan.options.nan)


def check_guide(array: Array | None, shape: tuple[int, ...], options: Options) -> Array:
    """Return the image, which must have the size of the results."""
    if array is None:
        raise ValueError('want has "overlay", which needs image=')
    n, *size = shape
    if array.shape[0] != n:
        raise ValueError(f"image has {array.shape[0]} images, logits have {n}")
    if array.shape[:-1] != shape:
        cure = f"pass size={tuple(array.shape[-3:-1])} to get labels at the image's size"
        if options.size is None and size == [*array.shape[-2:-4:-1]]:
            cure = "are height and width of the logits exchanged? Then pass logits.swapaxes"
            cure += "(-3, -2)" if options.axis == -1 else "(-2, -1)"
        letterbox = options.letterbox
        if letterbox is not None:
            cure = f"this letterbox is for images of {letterbox.image_size}"
            cure += size_cure(letterbox.image_size, array.shape[-3:-1])
        raise ValueError(
            f"image of shape {array.shape[-3:]} does not fit labels of {n} x {tuple(size)}; {cure}"
        )
    return array


def _color_outputs(plan: Plan, guide: Array | None) -> ColorOutputs | None:
    """Return the colors and the overlay to be made of the labels."""
    paint, overlay = plan.paint, plan.outputs.overlay
    if paint is None or overlay is None or plan.alpha is None or guide is None:
        return paint
    return paint._replace(overlay=OverlayTarget(guide, plan.alpha, overlay))
