"""The labels of a model with and without its tail, compared pixel by pixel."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from segpost._core.arrays import Array
from segpost.labels.masks import binarize
from segpost.labels.operations import argmax
from segpost.runtimes.appending.inputs import InputSpec, check_inputs, make_inputs
from segpost.runtimes.appending.options import AppendOptions
from segpost.runtimes.appending.plan import Plan
from segpost.runtimes.appending.result import UNCHANGED, CheckReport
from segpost.runtimes.appending.tail import Tail
from segpost.runtimes.appending.ties import find_ties

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
    users = [] if inputs is None else check_inputs(inputs, specs)
    feeds = [*users, *make_inputs(specs)]
    names = [f"inputs[{i}]" for i in range(len(users))]
    names += [f"random input {i}" for i in range(len(feeds) - len(users))]
    pixels, differing, clipped, margin = 0, 0, 0, 0.0
    against, classes = set(), set()
    # Model after model, as one is in memory at a time.
    own = [tail.labels_of(runs.run_unchanged(feed), plan.threshold) for feed in feeds]
    all_logits = [np.asarray(runs.run_logits(feed)) for feed in feeds]
    for name, feed, logits, model_labels in zip(names, feeds, all_logits, own, strict=True):
        expected, source = _expected_labels(tail, options, plan, feed, logits, model_labels)
        against.add(source)
        extra = {plan.image: _image(expected.shape)} if plan.image else {}
        labels = np.asarray(runs.run_appended({**feed, **extra})["labels"])
        if labels.shape != expected.shape:
            raise ValueError(
                f"on {name} labels have shape {labels.shape}, and those of {source} "
                f"{expected.shape}: the model's shapes are not those of its file"
            )
        pixels += labels.size
        classes.update(np.unique(labels).tolist())
        places = np.argwhere(labels != expected)
        if not len(places):
            continue
        ties = find_ties(tail, plan, options, logits, labels, expected, places)
        is_wrong = ties.gaps > ties.limits
        if options.is_standard and source == UNCHANGED:
            is_wrong[:] = True
        if is_wrong.any():
            _raise_different(name, source, runs, labels, expected, places, ties.gaps, is_wrong)
        differing += len(places)
        clipped += int(ties.is_clipped.sum())
        margin = max(margin, float(ties.gaps[~ties.is_clipped].max(initial=0)))
    words = " and ".join(sorted(against))
    return CheckReport(len(feeds), pixels, len(classes), differing, clipped, margin, words)


def _expected_labels(
    tail: Tail,
    options: AppendOptions,
    plan: Plan,
    feed: dict[str, Array],
    logits: Array,
    own: Array,
) -> tuple[Array, str]:
    """Return the labels of the unchanged model, or of segpost where their size is another."""
    size = _size_of(options, plan, tail, feed, logits, own)
    if options.letterbox is None and own.shape[1:] == size:
        return own, UNCHANGED
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
    options: AppendOptions,
    plan: Plan,
    tail: Tail,
    feed: dict[str, Array],
    logits: Array,
    own: Array,
) -> tuple[int, int]:
    """Return the size that the labels of one input should have."""
    if plan.height is not None and plan.width is not None:
        return plan.height, plan.width
    if options.size == "image":
        return OTHER_SIZE
    if options.size == "input":
        name, (height, width) = plan.source
        return feed[name].shape[height], feed[name].shape[width]
    if options.size == "logits":
        height, width = tail.spatial
        return logits.shape[height], logits.shape[width]
    rows, columns = own.shape[1:]
    return rows, columns


def _image(shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)


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
