"""Predictions beside their target: converted once, checked, and counted by a backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any, NamedTuple, NoReturn

import numpy as np

from segpost._backends import registry
from segpost._core import logits as core_logits
from segpost._core import validation
from segpost._core.arrays import (
    LABEL_KINDS,
    Array,
    InputArray,
    as_input_array,
    iter_stacks,
    label_dtype,
)
from segpost._core.contract import DeferredErrors, LogitErrors, Logits
from segpost._core.degenerate_logits import cure_of_preds, may_be_degenerate, warn_of_equal_logits
from segpost._core.device import context_of, to_host, wait_on_stream
from segpost._core.logits import check_quantized, resolve_threshold
from segpost._core.sampling import Axes
from segpost._core.suspicious_labels import find_one_hot_axis
from segpost._core.suspicious_logits import warn_by_target
from segpost._core.suspicious_probabilities import warn_of_probabilities
from segpost.metrics.reading import Reading
from segpost.metrics.suspicious_preds import refuse_one_hot
from segpost.spatial.resampling import plan_resampling


class PredictionPair(NamedTuple):
    """Predictions and their target as views, on one device and stream."""

    preds: Array | Logits  # labels of the target's shape, or logits
    axes: Axes | None  # from the logits' grid to the target's
    target: Array  # (..., H, W)
    wrap: Callable[[Array], Any]  # makes a result of the target's array type
    image_axes: int = 2  # the last axes of the target, which are one image; 3 of volumes

    @property
    def image_count(self) -> int:
        """The number of images, or volumes."""
        return prod(self.target.shape[: -self.image_axes])

    def images(self) -> Iterator[PredictionPair]:
        """Yield a pair for every image or volume."""
        if self.target.ndim == self.image_axes:
            yield self
            return
        for index in np.ndindex(self.target.shape[: -self.image_axes]):
            if isinstance(self.preds, Logits):
                n = index[0] if index else 0
                preds: Array | Logits = self.preds._replace(values=self.preds.values[n : n + 1])
            else:
                preds = self.preds[index]
            yield self._replace(preds=preds, target=self.target[index])

    def to_host(self) -> PredictionPair:
        """Copy arrays on a device to the CPU, for errors that name values."""
        preds = self.preds
        if isinstance(preds, Logits):
            preds = preds._replace(values=to_host(preds.values))
        else:
            preds = to_host(preds)
        return self._replace(preds=preds, target=to_host(self.target))

    def labels(self) -> Array:
        """Return the predicted labels, in the target's shape."""
        return self.labels_and_errors()[0]

    def labels_and_errors(self) -> tuple[Array, LogitErrors]:
        """Return the predicted labels, in the target's shape, and the errors of logits."""
        if not isinstance(self.preds, Logits):
            return self.preds, LogitErrors()
        images, channels = self.preds.values.shape[:2]
        shape, dtype = (images, *self.target.shape[-2:]), label_dtype(max(channels, 2))
        labels = context_of(self.preds.values).empty(shape, dtype)
        errors = LogitErrors()
        if labels.size:
            backend = registry.backend(self.preds.values)
            errors = backend.argmax(self.preds, self.axes, labels, None, None)
        return labels.reshape(self.target.shape), errors

    def add_counts(
        self,
        ignored: Array,
        counts: Array,
        check: str = "sync",
        error_buffer: Array | None = None,
    ) -> LogitErrors:
        """Add the counts of the pair to a table of a backend, which may be on the pair's device.

        Parameters
        ----------
        ignored : (n,) int64
            Target values that are ignored.
        counts : (C + 2, C + 1) int64
            The array of a `CountTable`.
        check : {"sync", "deferred", "off"}
            When errors are read from a device; see `confusion_matrix`.
        error_buffer : array, optional
            Memory on the device to which the error counts of logits are added instead.
        """
        if not self.target.size:
            return LogitErrors()
        if not isinstance(self.preds, Logits):
            backend = registry.backend(self.preds, self.target, check=check)
            for _, (preds, target) in iter_stacks(self.preds, self.target):
                backend.confusion_labels(preds, target, ignored, counts)
            return LogitErrors()
        backend = registry.backend(self.preds.values, self.target, check=check)
        if error_buffer is not None and isinstance(backend, DeferredErrors):
            backend = backend.with_error_buffer(error_buffer)
        target = self.target if self.target.ndim == 3 else self.target[None]
        return backend.confusion_logits(self.preds, self.axes, target, ignored, counts)


def as_pairs(preds: Any, target: Any, classes: int, reading: Reading) -> list[PredictionPair]:
    """Convert two arrays to one pair, or two lists of arrays to a pair for each element.

    With a convention, a list beside one target is the output of a runtime.
    """
    is_list = isinstance(preds, (list, tuple)) and reading.convention is None
    if not is_list and not isinstance(target, (list, tuple)):
        return [as_pair(preds, target, classes, reading)]
    elements = zip_lists(preds, target)
    pairs = []
    for index, (one, other) in enumerate(elements):
        try:
            pairs.append(as_pair(one, other, classes, reading))
        except (ValueError, TypeError) as error:
            raise_in_list(error, preds, index)
    return pairs


def zip_lists(preds: Any, target: Any) -> list[tuple[Any, Any]]:
    """Pair the arrays of two lists, which must have one length."""
    are_lists = [isinstance(value, (list, tuple)) for value in (preds, target)]
    if not all(are_lists) or len(preds) != len(target):
        raise ValueError(
            "preds and target must be two arrays, or two lists of arrays of one length, got "
            + " and ".join(
                f"a list of {len(value)}" if is_list else type(value).__name__
                for value, is_list in zip((preds, target), are_lists, strict=True)
            )
        )
    return list(zip(preds, target, strict=True))


def raise_in_list(error: ValueError | TypeError, preds: Any, index: int) -> NoReturn:
    """Raise an error again; where predictions are a list, it names the element."""
    if not isinstance(preds, (list, tuple)):
        raise error
    raise type(error)(f"image {index} of the list: {error}") from error


def as_pair(
    preds: Any, target: Any, classes: int, reading: Reading, image_axes: int = 2
) -> PredictionPair:
    """Convert and check predictions, labels or logits, and their target."""
    preds, kind = reading.pick(preds)
    target_array = as_input_array(target, "target")
    if reading.volume:
        from segpost.metrics.volume_pairs import (  # most calls are of images
            SPATIAL,
            as_volume_labels,
        )

        preds = as_volume_labels(preds, target_array, classes, reading)
        of_labels = reading._replace(volume=False, axis=-3, threshold=None, quantization=None)
        return as_pair(preds, target, classes, of_labels, SPATIAL)
    preds_array = as_input_array(preds, "preds")
    _check_target(target_array, preds_array, image_axes)
    labels, shape = target_array.array, preds_array.array.shape
    is_labels = shape == labels.shape
    fits_kind = kind is None or is_labels == (kind == "labels")
    if (len(shape) != labels.ndim + 1 and not is_labels) or not fits_kind:
        _raise_wrong_shapes(shape, labels, classes)
    if not is_labels:
        return _pair_logits(preds_array, target_array, classes, reading, kind, argument=preds)
    if preds_array.kind not in LABEL_KINDS:
        axis_of_classes = find_one_hot_axis(labels, classes)
        if axis_of_classes is not None:
            raise ValueError(_describe_one_hot_target(labels, axis_of_classes))
    validation.check_integer_labels(preds_array, "preds")
    validation.check_same_device(preds_array, "preds", target_array, "target")
    if reading.threshold is not None:
        raise ValueError("threshold is for logits of one class, but preds are labels")
    if reading.quantization is not None and kind is None:
        raise ValueError("quantization is for integer logits, but preds are labels")
    values = wait_on_stream(context_of(labels), preds_array.array)
    refuse_one_hot(values, labels, classes)
    if labels.ndim == 1:
        values, labels = values[None], labels[None]
    return PredictionPair(values, None, labels, target_array.wrap, image_axes)


def _check_target(target: InputArray, preds: InputArray, image_axes: int) -> None:
    """Refuse a target that is no label map: logits in exchanged arguments, an image, a number."""
    labels, shape = target.array, preds.array.shape
    is_exchanged = target.kind not in LABEL_KINDS and preds.kind in LABEL_KINDS
    if is_exchanged and len(shape) == labels.ndim - 1:
        axis = next((a for a in (-1, -3) if _is_one_hot_along(labels, a)), None)
        if axis is not None:
            raise ValueError(_describe_one_hot_target(labels, axis))
        raise TypeError(
            f"target of shape {labels.shape} has logits, {target.kind}, and preds of shape "
            f"{shape} labels: they are exchanged, pass (preds, target)"
        )
    validation.check_integer_labels(target, "target")
    is_batch = len(shape) == 4 and labels.ndim == 3 and shape[0] == len(labels)
    if image_axes == 2 and not is_batch:
        validation.refuse_image_as_labels(labels, "target")
    if labels.ndim == 0:
        raise ValueError("target is a single number; it must be an array of labels")


def _is_one_hot_along(values: Array, axis: int) -> bool:
    """Return whether floats are 0 and 1, and sum to 1 along an axis."""
    is_one = values == 1
    return bool((is_one | (values == 0)).all() and (is_one.sum(axis=axis) == 1).all())


def _pair_logits(
    preds: InputArray,
    target: InputArray,
    classes: int,
    reading: Reading,
    kind: str | None,
    *,
    argument: Any,
) -> PredictionPair:
    """Check logits against a target, and plan how they are resized to it."""
    validation.check_same_device(preds, "preds", target, "target")
    labels, threshold = target.array, reading.threshold
    logits, _, class_axis = core_logits.as_logits(preds, reading.axis)
    check_quantized(preds.kind, reading.quantization)
    values, class_count = wait_on_stream(context_of(labels), logits.values), logits.values.shape[1]
    if values is not logits.values:
        logits = logits._replace(values=values)
    if threshold is not None:
        threshold = resolve_threshold(
            threshold,
            class_count,
            reading.quantization or (1.0, 0.0),
            of_probabilities=kind == "probabilities",
        )
        logits, class_count = logits._replace(threshold=threshold), 2
        if kind is None:
            warn_of_probabilities(preds, "preds")
    if class_count != classes or class_count == 1:
        _raise_wrong_classes(preds, class_axis, class_count, classes, argument, labels.shape)
    images, target_images = logits.values.shape[0], labels.shape[0] if labels.ndim == 3 else 1
    if images != target_images:
        raise ValueError(f"preds have {images} images, target has {labels.shape[0]}")
    if 0 in labels.shape:
        return PredictionPair(logits, None, labels, target.wrap)
    axes = plan_resampling(logits.values.shape[2:], labels.shape[-2:], reading.grid).axes
    if 0 in logits.values.shape:
        raise ValueError(
            f"preds of shape {preds.array.shape} hold nothing, target has {labels.size} pixels"
        )
    if may_be_degenerate(logits):
        warn_of_equal_logits(preds)
    warn_by_target(logits, labels, class_axis)
    return PredictionPair(logits, axes, labels, target.wrap)


def _raise_wrong_classes(
    preds: InputArray,
    class_axis: int,
    class_count: int,
    classes: int,
    argument: Any,
    target_shape: tuple[int, ...],
) -> NoReturn:
    """Raise the error of logits whose number of classes is wrong, or 1; with the cure."""
    shape = preds.array.shape
    hint = ""
    if class_count == 1 and (classes <= 2 or preds.kind in LABEL_KINDS):
        hint = f"; {cure_of_preds(argument, preds, class_axis)}"
    elif preds.kind == "uint8" and shape in ((*target_shape, 3), (*target_shape, 4)):
        hint = (
            "; these look like colors of (H, W, 3): pass segpost.labels_from_colors(preds, palette)"
        )
    elif shape == (classes, *target_shape):
        hint = "; they are a volume: pass volume=True"
    elif shape[-1 if class_axis == -3 else -3] == classes:
        hint = (
            f"; pass axis={-1 if class_axis == -3 else -3}, or num_classes={class_count} if axis "
            f"{class_axis} is right"
        )
    elif class_count > 1:
        hint = f"; pass num_classes={class_count} if these are the network's classes"
    raise ValueError(
        f"preds are logits of {class_count} class{'' if class_count == 1 else 'es'} on axis "
        f"{class_axis} of shape {shape}, but num_classes is {classes}{hint}"
        if class_count != classes
        else f"preds of shape {shape} have one class on axis {class_axis}, so that every label "
        f"would be 0{hint}"
    )


def _describe_one_hot_target(target: Array, axis: int) -> str:
    """Return the error of a target with an axis of 0 and 1 for every class."""
    position = axis + target.ndim
    return (
        f"target of shape {target.shape} is one-hot along axis {position}: a target holds labels, "
        f"pass target.argmax({position})"
    )


def _raise_wrong_shapes(preds: tuple[int, ...], labels: Array, classes: int) -> NoReturn:
    """Raise the error of labels and a target of other shapes, with what they suggest."""
    axis = find_one_hot_axis(labels, classes)
    if axis is not None:
        raise ValueError(_describe_one_hot_target(labels, axis))
    target, hint = labels.shape, ""
    if len(target) == 4 and target[1] == 1:
        hint = "; drop the target's channel axis: target[:, 0]"
    elif sorted(preds) == sorted(target):
        hint = "; are height and width swapped in one of them?"
    elif len(preds) == len(target) == 3 and preds[1:] == target[1:]:
        hint = f"; the first axes, {preds[0]} and {target[0]}, are the numbers of images"
        if preds[0] == classes:
            hint += ", or is the target of several images, and preds are the logits of one?"
    elif len(preds) == len(target):
        hint = "; resize the one or the other with nearest neighbors, or give logits"
    raise ValueError(
        f"preds of shape {preds} do not fit target of shape {target}: labels have the target's "
        f"shape, logits one axis more{hint}"
    )
