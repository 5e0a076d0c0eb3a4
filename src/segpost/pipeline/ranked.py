"""Entropy, margin and the largest probabilities, beside the other results of `postprocess`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from segpost._backends import registry
from segpost._core import errors
from segpost._core.arrays import Array, as_input_array, label_dtype
from segpost._core.contract import Logits
from segpost._core.device import context_of
from segpost._core.sampling import Axes
from segpost._core.validation import check_on_cpu
from segpost.pipeline.execute import execute
from segpost.pipeline.options import Options
from segpost.pipeline.plan import Plan, wrap_outputs
from segpost.pipeline.results import TopK
from segpost.pipeline.segmentation import Segmentation

LEVELS = {"uint8": 255, "uint16": 65535}  # that stand for a probability of 1


def segment_ranked(
    plan: Plan, logits: Logits, image: Array | None, options: Options
) -> Segmentation[Any, Any]:
    """Carry out a plan, and add what is known of the order of the classes.

    Labels come first, from argmax. Confidence, entropy, margin and the largest probabilities follow
    from one more pass over the logits, which are small. `options` are those of the caller; of
    refined or decoded probabilities the plan has all of them.
    """
    has_probabilities = plan.is_probabilities or options.crf is not None
    if has_probabilities:
        check_on_cpu(
            plan.outputs.labels,
            lambda device: (
                "entropy, margin and top-k of probabilities, which crf= makes, are for arrays on "
                f"the CPU, these are on {device}: copy the logits to the CPU, x.cpu() of a torch "
                "tensor, or leave crf= out"
            ),
        )
    if "topk" in options.outputs and options.probabilities_dtype == "uint16":
        _check_dtype_on_cpu(plan.outputs.labels)
    confidence = plan.outputs.confidence
    inner = plan
    if not has_probabilities and plan.template.threshold is None:
        inner = plan._replace(outputs=plan.outputs._replace(confidence=None))
    image, probabilities = execute(inner, logits, image)
    if inner is plan:
        confidence = None  # `execute` has written it
    if has_probabilities:
        assert probabilities is not None
        with np.errstate(divide="ignore"):
            ranked, axes = Logits(np.log(probabilities), "float32"), None
    else:
        region = plan.resampling.region
        values = logits.values if region is None else logits.values[region]
        ranked, axes = plan.template._replace(values=values), plan.resampling.axes
    probabilities_output = probabilities if "probabilities" in options.outputs else None
    results = _rank(plan, ranked, axes, confidence, options)
    segmentation = wrap_outputs(plan, image, probabilities_output)
    wrap, index = plan.wrap, ... if plan.is_batch else 0
    wrapped: dict[str, Any] = {
        name: None if array is None else wrap(array[index]) for name, array in results.items()
    }
    labels, top = wrapped.pop("top_labels"), wrapped.pop("top_probabilities")
    wrapped["topk"] = None if labels is None else TopK(labels, top)
    return replace(segmentation, **wrapped)


def _rank(
    plan: Plan, logits: Logits, axes: Axes | None, confidence: Array | None, options: Options
) -> dict[str, Array | None]:
    """Return entropy, margin and the largest probabilities; write confidence."""
    wanted, outputs = options.outputs, plan.outputs
    is_sigmoid = logits.threshold is not None
    shape, classes = outputs.labels.shape, 2 if is_sigmoid else logits.values.shape[1]
    empty = context_of(logits.values).empty
    n, *size = shape
    top_labels = top = None
    if "topk" in wanted:
        if options.topk > classes:
            raise ValueError(f"topk is {options.topk}, but there are {classes} classes")
        top_labels = empty((n, options.topk, *size), label_dtype(classes))
        is_byte = options.probabilities_dtype == "uint8"
        top = empty((n, options.topk, *size), np.uint8 if is_byte else np.float32)
    entropy = empty(shape, np.float32) if "entropy" in wanted else None
    margin = empty(shape, np.float32) if "margin" in wanted else None
    if outputs.labels.size:
        backend = registry.backend(outputs.labels, check=options.check)
        counts = backend.rank_classes(
            logits,
            axes,
            None if is_sigmoid or options.decode != "argmax" else outputs.labels,
            confidence,
            entropy,
            margin,
            top_labels,
            top,
        )
        if options.nan == "raise" and counts.undefined_count:
            errors.raise_bad_logits(counts, logits, shape, of_probabilities=True)
    return {
        "entropy": entropy,
        "margin": margin,
        "top_labels": top_labels,
        "top_probabilities": None if top is None else as_levels(top, options.probabilities_dtype),
    }


def as_levels(probabilities: Array, dtype: str) -> Array:
    """Return float32 probabilities, or rounded to all levels of an integer; bytes as they are.

    Undefined probabilities are 0 as integers.
    """
    if dtype == "float32" or probabilities.dtype == np.uint8:
        return probabilities
    result = np.empty(probabilities.shape, dtype)
    for one, out in zip(probabilities, result, strict=True):
        for plane, rounded in zip(one, out, strict=True):
            rounded[...] = np.rint(np.nan_to_num(plane) * np.float32(LEVELS[dtype]))
    return result


def _check_dtype_on_cpu(array: Array) -> None:
    """Refuse the conversion of results on a device."""
    check_on_cpu(
        array,
        lambda device: (
            f"probabilities_dtype is for results on the CPU, these are on {device}: take float32 "
            "and convert them there"
        ),
    )


def with_probabilities_dtype(
    segmentation: Segmentation[Any, Any], dtype: str
) -> Segmentation[Any, Any]:
    """Return a segmentation whose probabilities have an element type.

    Raises
    ------
    TypeError
        For probabilities on a device, which are converted there.
    """
    if segmentation.probabilities is None:
        return segmentation
    source = as_input_array(segmentation.probabilities, "probabilities")
    _check_dtype_on_cpu(source.array)
    results: dict[str, Any] = {"probabilities": source.wrap(as_levels(source.array, dtype))}
    return replace(segmentation, **results)
