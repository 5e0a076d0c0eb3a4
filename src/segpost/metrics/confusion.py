"""Counts of (target, prediction) pairs, from labels or from logits: `confusion_matrix`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, NoReturn

import numpy as np

from segpost._backends import registry
from segpost._backends.cuda.counts import defer_outside
from segpost._core import arguments, errors, validation
from segpost._core import logits as core_logits
from segpost._core.arguments import as_integer
from segpost._core.arrays import (
    LABEL_KINDS,
    Array,
    InputArray,
    allocate_output,
    as_input_array,
    iter_stacks,
    label_dtype,
)
from segpost._core.contract import DeferredErrors, LogitErrors, Logits
from segpost._core.degenerate_logits import cure_of_preds
from segpost._core.device import (
    context_of,
    copy_rows,
    refuse_error_counts_in_graph,
    to_host,
    wait_on_stream,
    zeros_on,
)
from segpost._core.logits import apply_threshold
from segpost._core.sampling import Axes

STRIP = 1 << 16  # pixels looked at together when values are listed
MOST_LISTED = 1024  # up to which values are kept apart


class Pair(NamedTuple):
    """Predictions and their target, checked and viewed."""

    preds: Array | Logits  # labels of the target's shape, or logits
    axes: Axes | None  # from the logits' grid to the target's
    target: Array

    def images(self) -> Iterator[Pair]:
        """One pair for every image, which are the last two axes of the target."""
        for index in np.ndindex(self.target.shape[:-2]):
            if isinstance(self.preds, Logits):
                n = index[0] if index else 0
                preds: Array | Logits = self.preds._replace(values=self.preds.values[n : n + 1])
            else:
                preds = self.preds[index]
            yield Pair(preds, self.axes, self.target[index])

    def on_host(self) -> Pair:
        """The same on the CPU, for errors that look at values."""
        preds = self.preds
        if isinstance(preds, Logits):
            preds = preds._replace(values=to_host(preds.values))
        else:
            preds = to_host(preds)
        return Pair(preds, self.axes, to_host(self.target))


def confusion_matrix(
    preds: Any,
    target: Any,
    *,
    num_classes: int,
    ignore_index: int | Iterable[int] | None = None,
    axis: int = -3,
    grid: str = "half_pixel",
    check: str = "sync",
) -> Any:
    """How often each class of the target was predicted as each class.

    Parameters
    ----------
    preds : integer array of the shape of `target`, or logits
        Logits (C, h, w) or (N, C, h, w), channels last with ``axis=-1``, of any element type that
        `argmax` takes. Where h and w are not the target's they are upsampled to them. Neither
        label map nor full-size logits are ever made.
    target : integer array
        8 to 64 bits, signed or not, any strides. With logits: (H, W) or (N, H, W).
    num_classes : int
        Number of classes K.
    ignore_index : int or integers, optional
        Target values whose pixels are left out. They may be classes.
    axis, grid
        The class axis of logits and how their grid lies on the target, as in `argmax`.
    check : {"sync", "deferred", "off"}
        As in `argmax`. With the last two nothing waits for arrays on a device, and pixels of which
        one label is neither class nor ignored are in no cell.

    Returns
    -------
    matrix : int64 array of shape (K, K), of the kind of `target`, on its device
        Rows are the target's classes, columns the predicted ones, as in scikit-learn and
        torchmetrics.

    Raises
    ------
    ValueError
        For a label that is neither a class nor ignored, in either map: which, how many, and where
        the first is. `ConfusionMatrix` can count predictions of no class instead. For logits of one
        class: `ConfusionMatrix.update` has `threshold` for a sigmoid head.
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
    classes = class_count(num_classes)
    ignored = ignored_values(ignore_index)
    arguments.check_choice(check, "check", arguments.CHECKS)
    pair, given = view(preds, target, classes, axis, grid, None)
    matrix = allocate_output(None, (classes, classes), np.int64, given.wrap, given.array)
    place = context_of(pair.target)
    if place.on_cpu:
        counts = count(pair, classes, ignored, "raise")
        _raise_outside(counts, pair, classes, ignored)
        matrix.array[...] = counts[:classes, :classes]
        return matrix.result()
    if check != "off":
        refuse_error_counts_in_graph(place)
    cells = zeros_on(place, (classes + 2, classes + 1), np.int64)
    report = add_counts(pair, ignored, cells, check)
    if check == "sync":
        _raise_report(report, pair)
        _raise_outside(to_host(cells), pair, classes, ignored)
    elif check == "deferred" and pair.target.size:
        defer_outside(cells, ignored)
    copy_rows(matrix.array, cells[:classes, :classes])
    return matrix.result()


def view(
    preds: Any, target: Any, classes: int, axis: int, grid: str, threshold: float | None
) -> tuple[Pair, InputArray]:
    """Both arguments as views, and the target as it came."""
    truth = as_input_array(target, "target")
    validation.check_integer_labels(truth, "target")
    labels = truth.array
    validation.refuse_image_as_labels(labels, "target")
    if labels.ndim == 0:
        raise ValueError("target is a single number; it must be an array of labels")
    given = as_input_array(preds, "preds")
    validation.check_same_device(given, "preds", truth, "target")
    shape = given.array.shape
    if len(shape) != labels.ndim + 1:
        if len(shape) == labels.ndim and shape == labels.shape:
            validation.check_integer_labels(given, "preds")
            if threshold is not None:
                raise ValueError("threshold is for logits of one class, but preds are labels")
            return Pair(
                wait_on_stream(context_of(labels), _flat(given.array)), None, _flat(labels)
            ), truth
        hint = ""
        if labels.ndim == 4 and labels.shape[1] == 1:
            hint = "; drop the target's channel axis: target[:, 0]"
        elif sorted(shape) == sorted(labels.shape):
            hint = "; are height and width swapped in one of them?"
        elif len(shape) == labels.ndim:
            hint = "; resize the one or the other with nearest neighbors, or give logits"
        raise ValueError(
            f"preds of shape {shape} do not fit target of shape {labels.shape}: labels have the "
            f"target's shape, logits one axis more{hint}"
        )
    logits, _, counted = core_logits.as_logits(preds, axis)
    logits = logits._replace(values=wait_on_stream(context_of(labels), logits.values))
    logits = apply_threshold(logits, threshold)
    found = 2 if logits.threshold is not None else shape[counted]
    if found != classes or found == 1:
        hint = ""
        if found == 1 and (classes <= 2 or given.kind in LABEL_KINDS):
            hint = f"; {cure_of_preds(preds, given, counted)}"
        elif shape[-1 if counted == -3 else -3] == classes:
            hint = f"; pass axis={-1 if counted == -3 else -3}"
        raise ValueError(
            f"preds are logits of {found} class{'' if found == 1 else 'es'} on axis {counted} of "
            f"shape {shape}, but num_classes is {classes}{hint}"
            if found != classes
            else f"preds of shape {shape} have one class on axis {counted}, so that every label "
            f"would be 0{hint}"
        )
    if logits.values.shape[0] != (labels.shape[0] if labels.ndim == 3 else 1):
        raise ValueError(
            f"preds have {logits.values.shape[0]} images, target has {labels.shape[0]}"
        )
    empty = 0 in labels.shape
    axes = None if empty else core_logits.resampling_axes(logits, labels.shape[-2:], grid)
    if not empty and 0 in logits.values.shape:
        raise ValueError(f"preds of shape {shape} hold nothing, target has {labels.size} pixels")
    return Pair(logits, axes, labels), truth


def _flat(labels: Array) -> Array:
    """At least two axes."""
    return labels if labels.ndim > 1 else labels[None]


def count(pair: Pair, classes: int, ignored: Array, nan: str) -> Array:
    """The counts of a pair, as the backends give them: (C + 2, C + 1). It waits for a device."""
    counts = np.zeros((classes + 2, classes + 1), np.int64)
    report = add_counts(pair, ignored, counts)
    if nan == "raise":
        _raise_report(report, pair)
    return counts


def add_counts(
    pair: Pair, ignored: Array, counts: Array, check: str = "sync", found: Array | None = None
) -> LogitErrors:
    """Add the counts of a pair to a table, which may be on the pair's device: then nothing waits.

    `found` is memory there for what the logits have that they should not.
    """
    if not pair.target.size:
        return LogitErrors()
    if not isinstance(pair.preds, Logits):
        backend = registry.backend(pair.preds, pair.target, check=check)
        for _, (preds, target) in iter_stacks(pair.preds, pair.target):
            backend.confusion_labels(preds, target, ignored, counts)
        return LogitErrors()
    target = _stacked(pair.target)
    backend = registry.backend(pair.preds.values, target, check=check)
    if found is not None and isinstance(backend, DeferredErrors):
        backend = backend.with_error_buffer(found)
    return backend.confusion_logits(pair.preds, pair.axes, target, ignored, counts)


def _stacked(target: Array) -> Array:
    return target if target.ndim == 3 else target[None]


def _raise_report(report: LogitErrors, pair: Pair) -> None:
    if isinstance(pair.preds, Logits):
        shape = _stacked(pair.target).shape
        errors.raise_bad_logits(report, pair.preds, (shape[0], shape[1], shape[2]))


def _raise_outside(counts: Array, pair: Pair, classes: int, ignored: Array) -> None:
    if counts[classes + 1].any():
        raise_bad_target(pair, classes, ignored)
    if counts[:classes, classes].any():
        raise_bad_preds(pair, classes, ignored)


def checked_counts(
    image: Pair, pair: Pair, classes: int, ignored: Array, nan: str, *, refuse: bool = True
) -> Array:
    """The counts of one image of a pair; an error names its place in all of the pair."""
    try:
        counts = count(image, classes, ignored, nan)
    except ValueError:
        count(pair, classes, ignored, nan)
        raise
    if refuse and counts[classes + 1].any():
        raise_bad_target(pair, classes, ignored)
    return counts


def labels_of(pair: Pair) -> Array:
    """The predicted labels, in the target's shape."""
    logits = pair.preds
    if not isinstance(logits, Logits):
        return logits
    size = pair.target.shape[-2:]
    place = context_of(logits.values)
    made = place.empty((logits.values.shape[0], *size), label_dtype(max(logits.values.shape[1], 2)))
    if made.size:
        registry.backend(logits.values).argmax(logits, pair.axes, made, None, None)
    return made.reshape(pair.target.shape)


def class_count(num_classes: object) -> int:
    """The number of classes, at least one."""
    number = as_integer(num_classes, "num_classes")
    if not 1 <= number <= 1 << 14:
        raise ValueError(f"num_classes must be in 1..{1 << 14}, got {number}")
    return number


def ignored_values(ignore_index: object) -> Array:
    """The target values that are void, sorted and each once."""
    if ignore_index is None:
        return np.empty(0, np.int64)
    if hasattr(ignore_index, "tolist"):  # an array, or a number of one
        ignore_index = ignore_index.tolist()
    given = ignore_index if isinstance(ignore_index, Iterable) else [ignore_index]
    if isinstance(given, (str, bytes)):
        raise TypeError(f"ignore_index must be an integer or integers, got {ignore_index!r}")
    values = {as_integer(value, "ignore_index") for value in given}
    for value in values:
        if not -(2**63) <= value < 2**63 - 1:
            raise ValueError(f"ignore_index must be in the range of int64, got {value}")
    return np.array(sorted(values), np.int64)


def listed_up_to(classes: int) -> int:
    """Labels that are larger, or as far below 0, are all one in `outside`."""
    return max((classes + 1) ** 2, MOST_LISTED)


def outside(pair: Pair, classes: int, ignored: Array) -> dict[tuple[int, int], int]:
    """How often each (target, prediction) occurs of which one is neither class nor void.

    Values beyond what any library could take for a cell of its matrix count as that limit,
    (classes + 1)^2 and at least 1024, or as its negative.
    """
    if not isinstance(pair.preds, Logits) and pair.preds.dtype == pair.target.dtype == np.uint8:
        return _outside_bytes(pair, classes, ignored)
    limit = listed_up_to(classes)
    found: dict[tuple[int, int], int] = {}
    for preds, target in _strips(pair.on_host()):
        bad = ~_is_void(target, ignored)
        bad &= (target < 0) | (target >= classes) | (preds < 0) | (preds >= classes)
        if bad.any():  # each pair as one number
            base = 2 * limit + 1
            codes = (_clip(target[bad], limit) + limit) * base + _clip(preds[bad], limit) + limit
            values, times = np.unique(codes, return_counts=True)
            for value, n in zip(values.tolist(), times.tolist(), strict=True):
                key = (value // base - limit, value % base - limit)
                found[key] = found.get(key, 0) + n
    return found


def _outside_bytes(pair: Pair, classes: int, ignored: Array) -> dict[tuple[int, int], int]:
    """The same for bytes, of which 255 classes and one value more are all there are."""
    counts = count(pair, 255, np.empty(0, np.int64), "raise")
    times = np.concatenate([counts[:255], counts[-1:]])
    times[[value for value in ignored.tolist() if 0 <= value <= 255]] = 0
    times[:classes, :classes] = 0
    rows, columns = times.nonzero()
    return {(t, p): int(times[t, p]) for t, p in zip(rows.tolist(), columns.tolist(), strict=True)}


def raise_bad_target(pair: Pair, classes: int, ignored: Array) -> NoReturn:
    """Name the target values that are neither classes nor ignored."""
    total, listed, first = _census(pair, classes, ignored, of_target=True)
    values = ", ".join(f"{value} ({times} times)" for value, times in listed[:8])
    more = f" and {len(listed) - 8} other values" if len(listed) > 8 else ""
    allowed = f"0..{classes - 1}"
    if len(ignored):
        allowed += f" or ignored ({', '.join(map(str, ignored.tolist()))})"
    hint = ""
    if listed[0][0] in (255, -1) and not len(ignored):
        hint = f"; if {listed[0][0]} means void, pass ignore_index={listed[0][0]}"
    elif all(0 <= value <= 33 for value, _ in listed) and classes == 19:
        hint = "; are these Cityscapes labelIds? 19 classes are trainIds"
    elif listed[0][0] == classes and len(listed) == 1:
        hint = "; do the labels start at 1?"
    raise ValueError(
        f"target has {total} of {pair.target.size} values outside {allowed}: {values}{more}, "
        f"first at {first}{hint}"
    )


def raise_bad_preds(pair: Pair, classes: int, ignored: Array) -> NoReturn:
    """Name the predictions that are no classes."""
    total, listed, first = _census(pair, classes, ignored, of_target=False)
    values = ", ".join(f"{value} ({times} times)" for value, times in listed[:8])
    more = f" and {len(listed) - 8} other values" if len(listed) > 8 else ""
    raise ValueError(
        f"preds have {total} of {pair.target.size} values outside 0..{classes - 1} where the "
        f"target is not void: {values}{more}, first at {first}"
    )


def _census(
    pair: Pair, classes: int, ignored: Array, *, of_target: bool
) -> tuple[int, list[tuple[int, int]], str]:
    """Bad values of one map: how many, each with its count (most frequent first), the first."""
    times: dict[int, int] = {}
    first, place = -1, 0
    for preds, target in _strips(pair.on_host()):
        bad = ~_is_void(target, ignored)
        values = target if of_target else preds
        bad &= (values < 0) | (values >= classes)
        if not of_target:
            bad &= (target >= 0) & (target < classes)
        if bad.any():
            if first < 0:
                first = place + int(bad.argmax())
            for value, n in zip(*np.unique(values[bad], return_counts=True), strict=True):
                times[int(value)] = times.get(int(value), 0) + int(n)
        place += len(target)
    shape = pair.target.shape
    index = [int(i) for i in np.unravel_index(first, shape)]
    listed = sorted(times.items(), key=lambda item: (-item[1], item[0]))
    return sum(times.values()), listed, str(index)


def _strips(pair: Pair) -> Iterator[tuple[Array, Array]]:
    """Predictions and target in order, some rows at a time, flat."""
    labels = labels_of(pair)
    rows = max(1, STRIP // max(pair.target.shape[-1], 1))
    for index in np.ndindex(pair.target.shape[:-2]):
        preds, target = labels[index], pair.target[index]
        for y in range(0, target.shape[0], rows):
            yield preds[y : y + rows].reshape(-1), target[y : y + rows].reshape(-1)


def _is_void(target: Array, ignored: Array) -> Array:
    void = np.zeros(target.shape, bool)
    for value in ignored:
        void |= target == int(value)
    return void


def _clip(values: Array, limit: int) -> Array:
    low = 0 if values.dtype.kind == "u" else max(-limit, np.iinfo(values.dtype).min)
    high = min(limit, np.iinfo(values.dtype).max)
    return np.clip(values, low, high).astype(np.int64)
