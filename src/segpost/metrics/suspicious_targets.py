"""Targets that are valid, but whose counts show that they mean something else."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from segpost._core.errors import warn_of_input
from segpost.metrics.counts import CountSnapshot

MIN_PIXELS = 16  # that are no coincidence
MIN_CLASSES = 5  # of which a target has two
MAX_SHARE = 0.5  # of predictions that are one of the two
MAX_BACKGROUND = 0.1  # of predictions of class 0, if all targets are
VOID = 255
MIN_MASK_PIXELS = 100  # of the foreground of masks, and of their background
MIN_MASK_SHARE = 0.02  # of all pixels
MAX_COUNTED = 200  # classes that data sets have beside a void of 255
MIN_SHIFTED = 0.5  # share of pixels whose prediction is the next class
MAX_UNSHIFTED = 0.1  # share of pixels whose prediction is right
MIN_SHIFTED_CLASSES = 3


def warn_of_slices(shapes: Iterable[tuple[int, ...]]) -> None:
    """Warn if targets (N, D, H, W) are counted as N x D images; `shapes` are those of targets."""
    for shape in shapes:
        if len(shape) == 4 and shape[1] > 1:
            warn_of_input(
                f"target of shape {shape} is counted as {shape[0] * shape[1]} images: pass "
                f"volume=True if these are {shape[0]} volumes of {shape[1]} slices, volume=False "
                "if they are images"
            )
            return


def warn_of_nothing(counts: CountSnapshot) -> None:
    """Warn if there are no scores, because nothing was counted, or ignored pixels only."""
    pixels = int(counts.state.sum())
    if not pixels:
        warn_of_input("nothing was counted: call update(preds, target) before compute")
    elif pixels >= MIN_PIXELS and not np.count_nonzero(counts.state[:-1]):
        warn_of_input(
            f"all of {pixels} pixels have an ignored target (ignore_index is "
            f"{counts.settings['ignore_index']}): there are no scores"
        )


def warn_of_targets(counts: CountSnapshot) -> None:
    """Warn of targets whose classes are not those of the data set."""
    for warn in (_warn_of_masks, _warn_of_counted_void, _warn_of_shift, _warn_of_division):
        warn(counts)


def _warn_of_masks(counts: CountSnapshot) -> None:
    """Warn if targets are 0 and 255 only, and 255 is ignored."""
    state, ignored = counts.state, tuple(counts.settings["ignore_index"])
    if ignored != (VOID,) or np.count_nonzero(state[1:-1]):
        return
    background, void = int(state[0].sum()), int(state[-1].sum())
    if min(background, void) >= max(MIN_MASK_PIXELS, MIN_MASK_SHARE * (background + void)):
        warn_of_input(
            f"target is 0 at {background} pixels and ignored, 255, at the other {void}, so that "
            "all scores are those of class 0: for masks of 0 and 255 pass target // 255"
        )


def _warn_of_counted_void(counts: CountSnapshot) -> None:
    """Warn if 255 is the last of 256 classes, far beyond the others."""
    state = counts.state
    if counts.num_classes <= VOID or not np.count_nonzero(state[VOID]):
        return
    others = [int(label) for label in np.flatnonzero(state[:-1].any(axis=1)) if label != VOID]
    largest = max(others, default=0)
    pixels = int(state[VOID].sum())
    if pixels < MIN_PIXELS or largest > MAX_COUNTED or counts.num_classes != VOID + 1:
        return
    cure = f"if it means void, pass ignore_index=255 and num_classes={largest + 1}"
    if others == [0]:
        cure = "for masks of 0 and 255 pass target // 255 and preds // 255, and num_classes=2"
    warn_of_input(
        f"target is 255 at {pixels} pixels, which count as a class of {counts.num_classes}, and at "
        f"most {largest} elsewhere; {cure}"
    )


def _warn_of_shift(counts: CountSnapshot) -> None:
    """Warn if most predictions are the class after that of the target, or the one before."""
    matrix = counts.state[:-1, :-1]
    if np.count_nonzero(counts.state[:-1, -1]):  # which has a warning of its own
        return
    pixels = int(counts.state[:-1].sum())
    if pixels < MIN_PIXELS or matrix.trace() > MAX_UNSHIFTED * pixels:
        return
    classes = np.flatnonzero(matrix.any(axis=1))
    for shift, cure in ((1, "preds - 1, or target + 1"), (-1, "preds + 1, or target - 1")):
        agreement = int(matrix.trace(shift))
        largest = matrix[classes].argmax(axis=1) == classes + shift
        if agreement > MIN_SHIFTED * pixels and largest.sum() >= MIN_SHIFTED_CLASSES:
            warn_of_input(
                f"preds are the target {shift:+} at {agreement / pixels:.0%} of {pixels} pixels: "
                "does one of them start at another label, as ADE20K's with and without "
                f"reduce_zero_label? Pass {cure}"
            )


def _warn_of_division(counts: CountSnapshot) -> None:
    """Warn if targets are 0 and 1 only, and most predictions are not: labels divided by 255."""
    classes, state = counts.num_classes, counts.state
    if classes < MIN_CLASSES or np.count_nonzero(state[2:-1]):
        return
    predicted = state[:2].sum(axis=0)
    pixels = int(predicted.sum())
    limit = MAX_SHARE if np.count_nonzero(state[1]) else MAX_BACKGROUND
    if np.count_nonzero(predicted[2:-1]) < 3 or predicted[:2].sum() > limit * pixels:
        return
    if pixels >= MIN_PIXELS:
        warn_of_input(
            f"target is 0 or 1 at all of {pixels} pixels, and preds are other classes at "
            f"{1 - predicted[:2].sum() / pixels:.0%}: was the target divided by 255, as "
            "torchvision's ToTensor does? Pass np.asarray(image) of its Pillow image"
        )
