"""`confusion_matrix`: counts of (target, prediction) pairs, from labels or from logits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, overload

import numpy as np

from segpost._backends.cuda.counts import defer_invalid_labels
from segpost._core import arguments
from segpost._core.arguments import Check
from segpost._core.array_types import ArrayT, HostArray, Int64Array, SupportsArray
from segpost._core.arrays import Array, allocate_output
from segpost._core.device import (
    context_of,
    copy_rows,
    refuse_error_counts_in_graph,
    to_host,
    zeros_on,
)
from segpost._core.sampling import Grid
from segpost._core.suspicious_labels import VOID, warn_of_mask
from segpost._core.unknown_names import explain_arguments
from segpost.metrics.arguments import as_class_count, as_ignored_values
from segpost.metrics.counting import count_pair, raise_logit_errors
from segpost.metrics.counts import CountTable, LabelRules
from segpost.metrics.invalid_labels import raise_invalid_labels
from segpost.metrics.pairs import PredictionPair, as_pair
from segpost.metrics.reading import as_reading
from segpost.runtimes.convention import Convention
from segpost.runtimes.table import ConventionName


@overload
def confusion_matrix(
    preds: Any,
    target: HostArray,
    *,
    num_classes: int,
    ignore_index: int | Iterable[int] | None = ...,
    convention: Convention | ConventionName | None = ...,
    axis: int | None = ...,
    volume: bool | None = ...,
    grid: Grid | None = ...,
    threshold: float | None = ...,
    quantization: tuple[float, int] | None = ...,
    check: Check = ...,
) -> Int64Array: ...
@overload
def confusion_matrix(
    preds: Any,
    target: ArrayT,
    *,
    num_classes: int,
    ignore_index: int | Iterable[int] | None = ...,
    convention: Convention | ConventionName | None = ...,
    axis: int | None = ...,
    volume: bool | None = ...,
    grid: Grid | None = ...,
    threshold: float | None = ...,
    quantization: tuple[float, int] | None = ...,
    check: Check = ...,
) -> ArrayT: ...
@overload
def confusion_matrix(
    preds: Any,
    target: SupportsArray,
    *,
    num_classes: int,
    ignore_index: int | Iterable[int] | None = ...,
    convention: Convention | ConventionName | None = ...,
    axis: int | None = ...,
    volume: bool | None = ...,
    grid: Grid | None = ...,
    threshold: float | None = ...,
    quantization: tuple[float, int] | None = ...,
    check: Check = ...,
) -> Int64Array: ...
@explain_arguments
def confusion_matrix(
    preds: Any,
    target: Any,
    *,
    num_classes: int,
    ignore_index: int | Iterable[int] | None = None,
    convention: Convention | ConventionName | None = None,
    axis: int | None = None,
    volume: bool | None = None,
    grid: Grid | None = None,
    threshold: float | None = None,
    quantization: tuple[float, int] | None = None,
    check: Check = "sync",
) -> Any:
    """Count how often each class of the target was predicted as each class.

    Parameters
    ----------
    preds : integer array of the shape of `target`, or logits
        Logits (C, h, w) or (N, C, h, w), channels last with ``axis=-1``, of any element type that
        `argmax` takes. Where h and w are not the target's they are upsampled to it. Neither a
        label map nor full-size logits are allocated.
    target : integer array
        8 to 64 bits, signed or not, any strides. With logits: (H, W) or (N, H, W).
    num_classes : int
        Number of classes K.
    ignore_index : int or integers, optional
        Target values whose pixels are left out. They may be classes.
    convention : Convention or str, optional
        The output format of a runtime, as in `postprocess`; `preds` is then its output, of logits,
        probabilities or labels. It defines `axis`, `grid` and `quantization`.
    axis, grid
        The class axis of logits and the sampling grid of their upsampling, as in `argmax`.
    volume : bool, optional
        Whether logits are volumes (C, d, h, w) or (N, C, d, h, w), of a target (D, H, W) or
        (N, D, H, W). Labels of volumes are counted in any case.
    threshold : float, optional
        For one-channel logits of a sigmoid head, as in `postprocess`; there are two classes.
    quantization : (scale, zero_point), optional
        For integer logits, as in `postprocess`; only a threshold depends on it.
    check : {"sync", "deferred", "off"}
        As in `argmax`. With the last two the call does not wait for arrays on a device, and pixels
        of which one label is neither a class nor ignored are in no cell.

    Returns
    -------
    matrix : int64 array of shape (K, K), of the array type of `target`, on its device
        Rows are the target's classes, columns the predicted ones, as in scikit-learn and
        torchmetrics.

    Raises
    ------
    ValueError
        For a label that is neither a class nor ignored, in either map: which, how many, and where
        the first is. `ConfusionMatrix` can count predictions of no class instead. For logits of one
        class without `threshold`, and an argument that contradicts the convention.
    TypeError
        For labels that are no integers.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> target = np.uint8([[0, 0, 1, 255]])
    >>> preds = np.uint8([[0, 1, 1, 1]])
    >>> segpost.confusion_matrix(preds=preds, target=target, num_classes=2, ignore_index=255)
    array([[1, 1],
           [0, 1]])
    """
    classes = as_class_count(num_classes)
    rules = LabelRules(classes, as_ignored_values(ignore_index), refuse_preds=True)
    arguments.check_choice(check, "check", arguments.CHECKS)
    reading = as_reading(convention, axis, grid, threshold, quantization, volume)
    pair = as_pair(preds, target, classes, reading)
    matrix = allocate_output(None, (classes, classes), np.int64, pair.wrap, pair.target)
    if context_of(pair.target).on_cpu:
        table = count_pair(pair, rules)
        has_one_class = not np.count_nonzero(table.array[1:-2])
        if has_one_class and rules.ignored.tolist() == [VOID]:
            warn_of_mask(pair.target, "target", "255 is ignored")
        matrix.array[...] = table.matrix
    else:
        _count_on_device(pair, rules, check, matrix.array)
    return matrix.result()


def _count_on_device(pair: PredictionPair, rules: LabelRules, check: str, matrix: Array) -> None:
    """Write the matrix of arrays on a device; only check="sync" waits for it."""
    context = context_of(pair.target)
    if check != "off":
        refuse_error_counts_in_graph(context)
    counts = zeros_on(context, (rules.classes + 2, rules.classes + 1), np.int64)
    errors = pair.add_counts(rules.ignored, counts, check)
    if check == "sync":
        raise_logit_errors(errors, pair)
        table = CountTable(to_host(counts))
        if rules.are_broken_by(table):
            raise_invalid_labels(pair, rules, table)
    elif check == "deferred" and pair.target.size:
        defer_invalid_labels(counts, rules.ignored)
    copy_rows(matrix, counts[: rules.classes, : rules.classes])
