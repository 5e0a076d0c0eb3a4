"""The labels of a model with and without its tail, compared pixel by pixel."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from segpost._core.arrays import Array
from segpost._core.sampling import axes
from segpost.labels.masks import binarize
from segpost.labels.operations import argmax
from segpost.runtimes.appending.inputs import InputSpec, check_inputs, make_inputs
from segpost.runtimes.appending.options import AppendOptions
from segpost.runtimes.appending.plan import Plan
from segpost.runtimes.appending.result import CheckReport
from segpost.runtimes.appending.tail import SOFT_ROUNDING, Tail

SINGLE = 2.0**-24  # of coordinates, which runtimes compute in float32
COORDINATE_STEPS = 3  # roundings of one coordinate
VALUE_STEPS = 12  # roundings of the difference of two interpolated logits
OTHER_SIZE = (61, 83)  # of the image that is drawn on where the model fixes none


class Runs(Protocol):
    """A runtime that runs a model without changes, its logits, and the model that was made."""

    name: str  # of the runtime

    def specs(self) -> list[InputSpec]:
        """Return the inputs of the unchanged model."""

    def run_unchanged(self, feeds: dict[str, Array]) -> Array:
        """Return the output of the unchanged model."""

    def run_logits(self, feeds: dict[str, Array]) -> Array:
        """Return the logits before the tail."""

    def run_appended(self, feeds: dict[str, Array]) -> dict[str, Array]:
        """Return the results of the new model, by the words of `want`."""


def check_labels(
    runs: Runs, tail: Tail, options: AppendOptions, plan: Plan, inputs: Any
) -> CheckReport:
    """Compare labels on random inputs and on the user's.

    Raises
    ------
    ValueError
        If labels differ where no tie explains it: how many, and where the first is.
    """
    specs = runs.specs()
    feeds = [] if inputs is None else check_inputs(inputs, specs)
    named = [(f"inputs[{i}]", one) for i, one in enumerate(feeds)]
    made = [(f"random input {i}", one) for i, one in enumerate(make_inputs(specs))]
    pixels, differing, margin, against = 0, 0, 0.0, set()
    for name, feed in [*named, *made]:
        logits = np.asarray(runs.run_logits(feed))
        expected, source = _expected_labels(runs, tail, options, plan, feed, logits)
        against.add(source)
        extra = {plan.image: _image(expected.shape)} if plan.image else {}
        results = runs.run_appended({**feed, **extra})
        labels = np.asarray(results["labels"])
        if labels.shape != expected.shape:
            raise ValueError(
                f"on {name} labels have shape {labels.shape}, and those of {source} "
                f"{expected.shape}: the model's shapes are not those of its file"
            )
        pixels += labels.size
        places = np.argwhere(labels != expected)
        if not len(places):
            continue
        gaps, limits = _ties(tail, plan, options, logits, labels, expected, places)
        is_wrong = np.ones(len(places), bool) if options.is_standard else gaps > limits
        if is_wrong.any():
            _raise_different(name, source, runs, labels, expected, places, gaps, is_wrong)
        differing += len(places)
        margin = max(margin, float(gaps.max()))
    return CheckReport(
        len(named) + len(made), pixels, differing, margin, " and ".join(sorted(against))
    )


def _expected_labels(
    runs: Runs,
    tail: Tail,
    options: AppendOptions,
    plan: Plan,
    feed: dict[str, Array],
    logits: Array,
) -> tuple[Array, str]:
    """Return the labels of the unchanged model, or of segpost where their size is another."""
    own = tail.labels_of(runs.run_unchanged(feed), plan.threshold)
    size = _size_of(options, plan, tail, feed, own)
    if options.letterbox is None and own.shape[1:] == size:
        return own, "the unchanged model"
    common: dict[str, Any] = {"axis": tail.class_axis, "grid": plan.grid}
    if options.letterbox is not None:
        common["letterbox"] = options.letterbox
    else:
        common["size"] = size
    if plan.threshold is None:
        labels: Any = argmax(logits, nan=options.nan, **common)  # type: ignore[call-overload]
        return np.asarray(labels), "segpost.argmax"
    masks = binarize(logits, threshold=float(np.float32(plan.threshold)), **common)
    return np.asarray(masks).reshape(-1, *np.shape(masks)[-2:]), "segpost.binarize"


def _size_of(
    options: AppendOptions, plan: Plan, tail: Tail, feed: dict[str, Array], own: Array
) -> tuple[int, int]:
    """Return the size that the labels of one input should have."""
    if plan.height is not None and plan.width is not None:
        return plan.height, plan.width
    if options.size == "image":
        return OTHER_SIZE
    if options.size == "input":
        name, (height, width) = plan.source
        return feed[name].shape[height], feed[name].shape[width]
    height, width = own.shape[1:]
    return height, width


def _image(shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)


def _ties(
    tail: Tail,
    plan: Plan,
    options: AppendOptions,
    logits: Array,
    labels: Array,
    expected: Array,
    places: Array,
) -> tuple[Array, Array]:
    """Return how far the logits of both labels are apart at pixels, and what rounding explains.

    A runtime computes coordinates in float32, whose error grows with the sides of the logits and
    moves the values by a part of the difference between neighbors; and it rounds the values.
    """
    values = logits.astype(np.float64)
    if tail.class_axis == -1:
        values = values.transpose(0, 3, 1, 2)
    if options.letterbox is not None:
        nothing = np.zeros(len(places))
        return np.full(len(places), np.inf), nothing
    at = axes(values.shape[2:], labels.shape[1:], plan.grid)
    n, y, x = places.T
    total, corners, sizes = np.zeros(len(n)), [], []
    for rows, row_weights in _both(at.y, y):
        for columns, column_weights in _both(at.x, x):
            one, other = _pair(values, plan, n, rows, columns, labels[n, y, x], expected[n, y, x])
            corners.append(one - other)
            sizes.append(np.maximum(abs(one), abs(other)))
            total += row_weights * column_weights * (one - other)
    spread = np.max(corners, axis=0) - np.min(corners, axis=0)
    height, width = values.shape[2:]
    limits = SINGLE * COORDINATE_STEPS * (height + width) * spread
    limits += tail.rounding * VALUE_STEPS * np.max(sizes, axis=0) + tail.step
    if tail.kind == "probabilities" or any(s.kind in ("softmax", "sigmoid") for s in tail.steps):
        limits += SOFT_ROUNDING
    if tail.dtype.startswith(("int", "uint")):
        limits += 2  # a resize of integers gives whole numbers
    return abs(total), limits


def _both(axis: Any, places: Array) -> list[tuple[Array, Array]]:
    """Return both samples of an axis, and their weights."""
    first = axis.cell[places]
    second = np.minimum(first + 1, axis.n_in - 1)
    return [(first, axis.w0[places] / axis.den), (second, axis.w1[places] / axis.den)]


def _pair(
    values: Array, plan: Plan, n: Array, rows: Array, columns: Array, one: Array, other: Array
) -> tuple[Array, Array]:
    """Return the logits of two labels; of one channel the logit and the cutoff."""
    if plan.threshold is None:
        classes = values.shape[1]
        return (
            values[n, np.clip(one, 0, classes - 1), rows, columns],
            values[n, np.clip(other.astype(np.int64), 0, classes - 1), rows, columns],
        )
    with np.errstate(divide="ignore"):
        cutoff = np.log(plan.threshold) - np.log1p(-plan.threshold)
    return values[n, 0, rows, columns], np.full(len(n), cutoff)


def _raise_different(
    name: str,
    source: str,
    runs: Runs,
    labels: Array,
    expected: Array,
    places: Array,
    gaps: Array,
    is_wrong: Array,
) -> None:
    worst = int(np.argmax(np.where(is_wrong, gaps, -1)))
    first = tuple(int(i) for i in places[np.argmax(is_wrong)])
    raise ValueError(
        f"on {name} {int(is_wrong.sum())} of {labels.size} labels are not those of {source} in "
        f"{runs.name}, first {int(labels[first])} for {int(expected[first])} at image {first[0]}, "
        f"y {first[1]}, x {first[2]}; the logits of the two differ by up to {gaps[worst]:.3g}, "
        "which is no rounding. Look at this input; check=False returns the model as it is"
    )
