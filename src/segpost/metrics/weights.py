"""`class_weights`: weights of the classes in a loss, from how often they occur."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from segpost._core import arguments
from segpost._core.arrays import LABEL_KINDS, Array, as_input_array
from segpost.metrics.confusion import class_count, ignored_values
from segpost.metrics.matrix import ConfusionMatrix

METHODS = ("median_frequency", "inverse", "effective_number")


def class_weights(
    counts: Any,
    *,
    method: str = "median_frequency",
    beta: float = 0.999999,
    absent: float = 0.0,
) -> npt.NDArray[np.float64]:
    """Weights of the classes in a loss, so that frequent ones do not drown the others.

    Parameters
    ----------
    counts : (C,) integers, or ConfusionMatrix
        How many pixels of the targets each class has: see `label_counts`; of a confusion matrix
        its targets'. Void does not count.
    method : {"median_frequency", "inverse", "effective_number"}
        With f the share of a class among all pixels: "median_frequency" is the median of f over f
        (Eigen and Fergus 2015, with one frequency for all images); "inverse" is 1 / (C f), the
        "balanced" of scikit-learn; "effective_number" is (1 - beta) / (1 - beta ** n) (Cui et al.
        2019), scaled so that the weights of the classes that occur have a mean of 1.
    beta : float
        Of "effective_number", in 0 <= beta < 1. Cui et al. counted pictures and took 0.9 to 0.9999;
        of pixels there are more, and only a beta near 1 makes a difference.
    absent : float
        Weight of classes that do not occur, of which nothing is known. In no other weight do they
        count.

    Returns
    -------
    weights : (C,) float64

    Raises
    ------
    ValueError, TypeError
        If counts are no integers, negative, or all zero; for a wrong method or beta.

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
    n = _counts(counts)
    there = n > 0
    if not there.any():
        raise ValueError(f"counts are all zero: none of the {len(n)} classes occurs")
    present = n[there].astype(np.float64)
    if method == "median_frequency":
        found = np.median(present) / present
    elif method == "inverse":
        found = present.sum() / (len(present) * present)
    else:
        # 1 - beta ** n without cancellation.
        found = 1.0 / -np.expm1(present * np.log(beta)) if beta else np.ones(len(present))
        found /= found.mean()
    weights = np.full(len(n), float(absent))
    weights[there] = found
    return weights


def label_counts(
    targets: Any, *, num_classes: int, ignore_index: int | Iterable[int] | None = None
) -> npt.NDArray[np.int64]:
    """How many pixels each class has in label maps.

    Parameters
    ----------
    targets : integer array of any shape, or an iterable of them
        Label maps, such as those of a data set one after the other.
    num_classes : int
        Number of classes.
    ignore_index : int or integers, optional
        Labels that are void and not counted, such as 255.

    Returns
    -------
    counts : (num_classes,) int64

    Raises
    ------
    ValueError
        If a label is neither a class nor void: how many are, and where the first is.
    TypeError
        If a map is not of integers in memory of the CPU.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> segpost.label_counts(np.uint8([[0, 0, 1, 255]]), num_classes=3, ignore_index=255)
    array([2, 1, 0])
    """
    classes = class_count(num_classes)
    ignored = np.array(ignored_values(ignore_index), np.int64)
    counts = np.zeros(classes, np.int64)
    several = isinstance(targets, (list, tuple)) or not hasattr(targets, "__array__")
    for target in targets if several else (targets,):
        given = as_input_array(target, "targets")
        if given.kind not in LABEL_KINDS:
            raise TypeError(f"targets must be integers, got {given.kind}")
        values, times = np.unique(given.array, return_counts=True)
        inside = (values >= 0) & (values < classes)
        void = np.isin(values, ignored)
        wrong = ~inside & ~void
        if wrong.any():
            place = np.unravel_index(
                int(np.isin(given.array, values[wrong]).argmax()), given.array.shape
            )
            at = tuple(int(i) for i in place)
            raise ValueError(
                f"targets have {int(times[wrong].sum())} of {given.array.size} labels outside "
                f"0..{classes - 1}, first {given.array[place]} at {at}"
            )
        kept = inside & ~void
        counts[values[kept].astype(np.int64)] += times[kept]
    return counts


def _counts(counts: Any) -> Array:
    if isinstance(counts, ConfusionMatrix):
        rows: Array = np.asarray(counts.state)[:-1]  # a row a target, void's last
        return np.asarray(rows.sum(axis=1))
    given = np.asarray(
        as_input_array(counts, "counts").array if hasattr(counts, "dtype") else counts
    )
    if given.ndim != 1 or not given.size:
        raise ValueError(f"counts must be (C,), one a class, got shape {given.shape}")
    if given.dtype.kind not in "iu":
        raise TypeError(f"counts must be integers, got {given.dtype}")
    if (given < 0).any():
        first = int((given < 0).argmax())
        raise ValueError(
            f"counts have {int((given < 0).sum())} negative numbers, first {given[first]} of class "
            f"{first}"
        )
    return given
