"""`class_weights` and `label_counts`: weights of the classes in a loss, by their frequency."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, get_args

import numpy as np

from segpost._core import arguments, validation
from segpost._core.arrays import LABEL_KINDS, Array, as_input_array
from segpost._core.unknown_names import explain_arguments
from segpost.metrics.arguments import as_class_count, as_ignored_values
from segpost.metrics.matrix import ConfusionMatrix
from segpost.metrics.ratios import Float64, Int64

WeightMethod = Literal["median_frequency", "inverse", "effective_number"]
METHODS: tuple[str, ...] = get_args(WeightMethod)


@explain_arguments
def class_weights(
    counts: Any,
    *,
    method: WeightMethod = "median_frequency",
    beta: float = 0.999999,
    absent: float = 0.0,
) -> Float64:
    """Compute weights of the classes in a loss, so that frequent ones do not dominate it.

    Parameters
    ----------
    counts : (C,) integers, or ConfusionMatrix
        Number of target pixels of each class: see `label_counts`. Of a confusion matrix those of
        its targets, without void.
    method : {"median_frequency", "inverse", "effective_number"}
        With f the share of a class among all pixels: "median_frequency" is the median of f over f
        (Eigen and Fergus 2015, with one frequency for all images); "inverse" is 1 / (C f), the
        "balanced" of scikit-learn; "effective_number" is (1 - beta) / (1 - beta ** n) (Cui et al.
        2019), scaled so that the weights of the classes that occur have a mean of 1.
    beta : float
        Of "effective_number", in 0 <= beta < 1. Cui et al. count images and use 0.9 to 0.9999;
        there are more pixels, and only a beta near 1 makes a difference.
    absent : float
        Weight of classes that do not occur. They do not affect the other weights.

    Returns
    -------
    weights : (C,) float64

    Raises
    ------
    ValueError, TypeError
        If counts are no integers, negative, or all zero; for an unknown method or a wrong beta.

    Examples
    --------
    >>> import segpost
    >>> segpost.class_weights([900, 90, 10, 0])
    array([0.1, 1. , 9. , 0. ])
    >>> segpost.class_weights([900, 90, 10], method="inverse").round(2)
    array([ 0.37,  3.7 , 33.33])
    """
    arguments.check_choice(method, "method", METHODS)
    if not 0.0 <= beta < 1.0:
        raise ValueError(f"beta must be in 0 <= beta < 1, got {beta!r}")
    pixels = _class_pixels(counts)
    occurs = pixels > 0
    if not occurs.any():
        raise ValueError(f"counts are all zero: none of the {len(pixels)} classes occurs")
    n = pixels[occurs].astype(np.float64)
    if method == "median_frequency":
        values = np.median(n) / n
    elif method == "inverse":
        values = n.sum() / (len(n) * n)
    else:
        # 1 - beta ** n without cancellation.
        values = 1.0 / -np.expm1(n * np.log(beta)) if beta else np.ones(len(n))
        values /= values.mean()
    weights = np.full(len(pixels), float(absent))
    weights[occurs] = values
    return weights


def label_counts(
    targets: Any, *, num_classes: int, ignore_index: int | Iterable[int] | None = None
) -> Int64:
    """Count the pixels of each class in label maps.

    Parameters
    ----------
    targets : integer array of any shape, or an iterable of them
        Label maps (..., H, W), such as those of a data set, or labels in one axis. Images (H, W, 3)
        and (H, W, 1) are refused.
    num_classes : int
        Number of classes.
    ignore_index : int or integers, optional
        Labels that are not counted (VOC: void), such as 255.

    Returns
    -------
    counts : (num_classes,) int64

    Raises
    ------
    ValueError
        If a label is neither a class nor ignored: how many are, and where the first is.
    TypeError
        If a map holds no integers, or is not in memory of the CPU.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> segpost.label_counts(np.uint8([[0, 0, 1, 255]]), num_classes=3, ignore_index=255)
    array([2, 1, 0])
    """
    classes = as_class_count(num_classes)
    ignored = as_ignored_values(ignore_index)
    counts = np.zeros(classes, np.int64)
    is_iterable = isinstance(targets, (list, tuple)) or not hasattr(targets, "__array__")
    for target in targets if is_iterable else (targets,):
        target_array = as_input_array(target, "targets")
        labels = target_array.array
        if target_array.kind not in LABEL_KINDS:
            raise TypeError(f"targets must be integers, got {target_array.kind}")
        validation.refuse_image_as_labels(labels, "targets")
        values, pixels = np.unique(labels, return_counts=True)
        is_class = (values >= 0) & (values < classes)
        is_ignored = np.isin(values, ignored)
        wrong = ~is_class & ~is_ignored
        if wrong.any():
            index = np.unravel_index(int(np.isin(labels, values[wrong]).argmax()), labels.shape)
            position = tuple(int(i) for i in index)
            raise ValueError(
                f"targets have {int(pixels[wrong].sum())} of {labels.size} labels outside "
                f"0..{classes - 1}, first {labels[index]} at {position}{_cure_of(values[wrong])}"
            )
        used = is_class & ~is_ignored
        counts[values[used].astype(np.int64)] += pixels[used]
    return counts


def _cure_of(wrong: Array) -> str:
    """Return what labels that are no class mean: void, or one class more."""
    if 255 in wrong:
        return "; if 255 means void, pass ignore_index=255"
    return (
        f"; if they are classes, pass num_classes={int(wrong.max()) + 1}"
        if wrong.min() >= 0
        else ""
    )


def _class_pixels(counts: Any) -> Array:
    if isinstance(counts, ConfusionMatrix):
        return np.asarray(counts.state[:-1].sum(axis=1))
    pixels = np.asarray(
        as_input_array(counts, "counts").array if hasattr(counts, "dtype") else counts
    )
    if pixels.ndim != 1 or not pixels.size:
        cure = ""
        if pixels.ndim >= 2 and pixels.dtype.kind in "iu":
            cure = "; those of label maps are segpost.label_counts(labels, num_classes=C)"
            if pixels.ndim == 2 and pixels.shape[0] == pixels.shape[1]:
                cure += ", those of a confusion matrix counts.sum(1)"
        raise ValueError(f"counts must be (C,), one per class, got shape {pixels.shape}{cure}")
    if pixels.dtype.kind not in "iu":
        raise TypeError(
            f"counts must be integers, the pixels of each class, got {pixels.dtype}: shares become "
            "(shares * pixels).round().astype(int)"
        )
    negative = pixels < 0
    if negative.any():
        first = int(negative.argmax())
        raise ValueError(
            f"counts have {int(negative.sum())} negative numbers, first {pixels[first]} of class "
            f"{first}"
        )
    return pixels
