"""What `Calibration` counts: logits beside their target, and confidences beside what is right."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np

from segpost._backends import registry
from segpost._core import validation
from segpost._core.arrays import FLOAT_KINDS, LABEL_KINDS, Array, as_input_array, widen
from segpost._core.contract import LogitErrors, Logits
from segpost._core.device import context_of, wait_on_stream
from segpost._core.errors import format_index, raise_bad_logits
from segpost._core.logits import (
    as_logits,
    check_quantized,
    resolve_quantization,
    with_both_classes,
)
from segpost._core.suspicious_logits import warn_by_target
from segpost._core.suspicious_probabilities import warn_before_softmax
from segpost.metrics.pairs import PredictionPair
from segpost.metrics.ratios import Float64, Mask
from segpost.spatial.resampling import plan_resampling

OPERATION = "calibration_logits"


def _refuse_other_arrays(logits: Any, target: Any) -> None:
    """Raise an error for confidences or labels in the place of logits.

    Raises
    ------
    TypeError
    """
    dimensions, others = getattr(logits, "ndim", 3), getattr(target, "ndim", 2)
    if dimensions > 2:
        return
    if others > dimensions:
        raise TypeError("logits and target are exchanged: pass (logits, target)")
    kind = str(getattr(logits, "dtype", ""))
    if "float" in kind and "bool" in str(getattr(target, "dtype", "")):
        raise TypeError(
            "logits have no class axis, and target is of booleans: pass them by their names, "
            "confidence= and correct="
        )
    if "int" in kind:
        raise TypeError(
            f"logits must be (C, h, w), before argmax, got labels, {kind} of shape "
            f"{tuple(logits.shape)}: labels have no confidence"
        )


def as_logit_pair(
    logits: Any,
    target: Any,
    classes: int,
    size: object,
    axis: int,
    grid: object,
    quantization: object,
) -> PredictionPair:
    """Convert and check logits and their target, and plan how they are resized to it."""
    _refuse_other_arrays(logits, target)
    of_any_axes = as_input_array(logits, "logits")
    if of_any_axes.array.ndim == 5:
        raise ValueError(
            f"logits of shape {of_any_axes.array.shape} are of volumes, and calibration is of "
            "images: pass the slices of each volume, logits[0].swapaxes(0, 1) and target[0]"
        )
    argument, array, class_axis = as_logits(of_any_axes, axis)
    registry.backend(argument.values, operation=OPERATION)  # or an error: not on devices
    target_array = as_input_array(target, "target")
    validation.check_integer_labels(target_array, "target")
    validation.check_same_device(array, "logits", target_array, "target")
    scaling = resolve_quantization(quantization)
    check_quantized(array.kind, scaling)
    if scaling is None and array.kind in LABEL_KINDS:
        raise TypeError(
            f"logits must be floats, got {array.kind}; of a quantized network pass "
            "quantization=(scale, zero_point)"
        )
    labels, shape = target_array.array, array.array.shape
    if labels.ndim != array.array.ndim - 1 or (labels.ndim == 3 and len(labels) != shape[0]):
        raise ValueError(
            f"target of shape {labels.shape} does not fit logits of shape {shape}: it has the "
            "shape of the logits without the class axis, and any height and width"
        )
    channels = argument.values.shape[1]
    if channels != classes and (channels, classes) != (1, 2):
        other = -1 if class_axis == -3 else -3
        hint = f"; pass axis={other}" if shape[other] == classes else ""
        raise ValueError(
            f"logits have {channels} classes on axis {class_axis} of shape {shape}, but "
            f"num_classes is {classes}{hint}"
        )
    if size is not None and tuple(np.ravel(np.asarray(size)).tolist()) != labels.shape[-2:]:
        raise ValueError(f"size is {size!r}, but the target is {labels.shape[-2:]}")
    scale, zero_point = scaling or (1.0, 0.0)
    argument = argument._replace(scale=scale, zero_point=zero_point)
    if channels == 1:
        argument = with_both_classes(argument._replace(threshold=zero_point))
    if 0 in labels.shape:
        return PredictionPair(argument, None, labels, target_array.wrap)
    axes = plan_resampling(argument.values.shape[2:], labels.shape[-2:], grid).axes
    if 0 in argument.values.shape:
        raise ValueError(f"logits of shape {shape} hold nothing, target has {labels.size} pixels")
    warn_before_softmax(argument, "pass numpy.log(probabilities)")
    warn_by_target(argument, labels, class_axis)
    values = wait_on_stream(context_of(labels), argument.values)
    return PredictionPair(argument._replace(values=values), axes, labels, target_array.wrap)


def raise_without_probabilities(errors: LogitErrors, pair: PredictionPair) -> NoReturn:
    """Raise the error of logits that have no probabilities somewhere."""
    logits = pair.preds
    assert isinstance(logits, Logits)
    shape = (logits.values.shape[0], *pair.target.shape[-2:])
    raise_bad_logits(errors, logits, shape, of_probabilities=True, propagation=None)
    raise AssertionError("no error of the logits")


def as_confidences(confidence: Any, correct: Any) -> tuple[Float64, Mask]:
    """Return (N, P) confidences and whether each is right; N is 1 but of arrays (N, H, W)."""
    values, hits = as_input_array(confidence, "confidence"), as_input_array(correct, "correct")
    for array, name in ((values, "confidence"), (hits, "correct")):
        validation.check_on_cpu(array.array, f"{name} must be on the CPU, got {{}}".format)
    if values.kind not in FLOAT_KINDS:
        raise TypeError(f"confidence must be floats, got {values.kind}")
    if hits.kind != "bool" and hits.kind not in LABEL_KINDS:
        raise TypeError(f"correct must be booleans, or integers 0 and 1, got {hits.kind}")
    shape = values.array.shape
    if shape != hits.array.shape:
        raise ValueError(f"correct of shape {hits.array.shape} does not fit confidence of {shape}")
    _check_range(hits.array, "correct", "0 and 1", (hits.array == 0) | (hits.array == 1))
    real = widen(values.array, values.kind).astype(np.float64)
    _check_range(real, "confidence", "0..1", (real >= 0) & (real <= 1))
    images = math.prod(shape[:-2]) if len(shape) > 2 else 1
    return real.reshape(images, -1), hits.array.astype(bool).reshape(images, -1)


def _check_range(values: Array, name: str, allowed: str, is_valid: Array) -> None:
    if not is_valid.all():
        first = np.unravel_index(int(is_valid.argmin()), values.shape)
        raise ValueError(
            f"{name} has {int((~is_valid).sum())} of {values.size} values outside {allowed}, "
            f"first {values[first]} at {format_index(first)}"
        )
