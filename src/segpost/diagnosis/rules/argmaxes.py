"""What labels show beside the logits that they were made of: exactly what was done instead."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segpost._core.arrays import Array, widen
from segpost._core.sampling import GRIDS
from segpost.diagnosis.context import Case, listed, place
from segpost.diagnosis.registry import Claim, symptom
from segpost.diagnosis.rules.layouts import unshuffled
from segpost.diagnosis.rules.logits import confidence

EXACT = ("wrong-argmax-axis", "reshaped-labels", "transposed-labels", "argmax-times-255",
         "cast-before-argmax", "letterbox-not-removed", "argmax-before-resize",
         "labels-on-another-grid")  # fmt: skip


@symptom(
    "wrong-argmax-axis",
    needs="logits labels",
    ranks="certain",
    cure="labels = segpost.argmax(logits)  # or logits.argmax(axis=1) of (N, C, H, W)",
    unless="one-channel",
)
def wrong_argmax_axis(case: Case) -> Claim | None:
    """The labels are the argmax over another axis of the logits than that of the classes; over a
    batch of one it is 0 everywhere.
    """
    if case.labels_agree:
        return None
    classes = case.axis % case.raw.ndim
    labels = case.labels
    for axis in range(case.raw.ndim):
        rest = (*case.raw.shape[:axis], *case.raw.shape[axis + 1 :])
        if axis == classes or rest[-2:] != labels.shape[-2:] or 0 in rest:
            continue
        made = widen(case.raw, case.logits.kind).argmax(axis)
        if made.size == labels.size and np.array_equal(made.reshape(labels.shape), labels):
            return Claim(
                "certain",
                f"the labels are the argmax over axis {axis} of logits of shape {case.raw.shape}, "
                f"whose classes are on axis {classes}",
                {"axis": axis, "class_axis": classes, "shape": str(case.raw.shape)},
                f"axis {axis}",
            )
    return None


@symptom(
    "reshaped-labels",
    needs="logits labels",
    ranks="certain",
    cure="logits = logits.transpose(2, 0, 1)  # not reshape, which leaves the numbers in place",
    unless="one-channel",
)
def reshaped_labels(case: Case) -> Claim | None:
    """The labels are the argmax of logits whose layout was changed with reshape, not transpose."""
    values = case.logits.values
    if case.labels_agree or values.shape[1] < 2 or case.labels.shape != case.own_size:
        return None
    # Undoing a reshape and making one are the same move, seen from the other layout.
    if not np.array_equal(_top(unshuffled(case), case), case.labels):
        return None
    return Claim(
        "certain",
        f"the labels are the argmax of the logits after a reshape of {case.raw_shape()}, which "
        "shuffles classes and places",
        {"shape": case.raw_shape()},
    )


@symptom(
    "transposed-labels",
    needs="logits labels",
    ranks="certain",
    cure="labels = labels.reshape(height, width)  # or .T; Pillow's sizes are (width, height)",
    unless="one-channel",
)
def transposed_labels(case: Case) -> Claim | None:
    """The labels are those of the logits with height and width exchanged: transposed, or reshaped
    to (width, height).
    """
    n, h, w = case.own_size
    if case.labels_agree or case.labels.size != n * h * w:
        return None
    mine = case.own_labels
    moved = {
        "transposed": mine.transpose(0, 2, 1),
        "reshaped to (width, height)": mine.reshape(n, w, h),
    }
    for how, made in moved.items():
        if np.array_equal(made, case.labels) and not np.array_equal(mine, made):
            return Claim(
                "certain",
                f"the labels are those of the logits {how}",
                {"how": how, "labels": str(case.labels.shape), "logits": case.raw_shape()},
            )
    return None


@symptom(
    "argmax-times-255",
    needs="labels",
    ranks="certain likely",
    cure="labels = ((256 - saved.astype(int)) % 256).astype('uint8')  # and save ids from now on",
    unless="one-channel wrong-argmax-axis",
)
def argmax_times_255(case: Case) -> Claim | None:
    """The labels were multiplied by 255 and cast to uint8, as for a picture of 0..1: label k became
    256 - k. The inverse is exact.
    """
    ids = case.label_ids.values
    some = ids[ids != 0]
    if not len(some) or some.min() < 1 or some.max() > 255:
        return None
    evidence = {"ids": listed(ids), "inverted": listed((256 - ids) % 256)}
    made = case.at_labels_size() if case.has("logits") and not case.labels_agree else ()
    if any(np.array_equal(mine.astype(np.int64) * 255 % 256, case.labels) for mine in made):
        return Claim(
            "certain",
            f"the labels are exactly (argmax * 255) % 256 of the logits: {listed(ids)}",
            evidence,
        )
    strange = case.outside(case.label_ids)
    inverted = 256 - some
    if case.classes is None:
        if len(some) < 2 or some.min() < 128:
            return None
        message = f"all labels but 0 lie near 255: {listed(some)}; (label * 255) % 256 does that"
        return Claim("likely", message, evidence)
    if not len(strange) or (inverted >= case.classes).any() or some.tolist() == [255]:
        return None
    return Claim(
        "likely",
        f"labels {listed(some)} are not below {case.classes}, and 256 - label is: (label * 255) "
        "cast to uint8 does that",
        evidence,
    )


@symptom(
    "cast-before-argmax",
    needs="logits labels",
    ranks="certain likely",
    cure="labels = segpost.argmax(logits)  # cast labels, never probabilities",
    unless="one-channel wrong-argmax-axis",
)
def cast_before_argmax(case: Case) -> Claim | None:
    """Probabilities were cast to integers before the argmax: all below 1 became 0, and so did the
    labels.
    """
    values = case.logits.values
    if values.shape[1] < 2 or case.labels_agree or values.dtype.kind in "iu" or not case.finite:
        return None
    mine = next(case.at_labels_size(), None)
    if mine is None or case.labels.max(initial=0) >= values.shape[1]:
        return None
    if case.labels.shape == case.own_size:
        if not all(np.array_equal(made, part) for made, part in _cast_first(case)):
            return None
    elif case.labels.any() or not mine.any() or _whole(case):
        return None
    lost = int((mine != case.labels).sum())
    return Claim(
        "certain" if case.labels.any() else "likely",  # zeros may have other causes
        f"{lost} of {case.labels.size} labels differ from those of the logits, and all are those "
        "of probabilities that were cast to integers first",
        {"labels_lost": lost, "of": int(case.labels.size)},
    )


@symptom(
    "letterbox-not-removed",
    needs="logits labels letterbox",
    ranks="certain",
    cure="segpost.argmax(logits, letterbox=letterbox)",
    unless="one-channel",
)
def letterbox_not_removed(case: Case) -> Claim | None:
    """The labels are those of the whole padded input, stretched over the picture: the letterbox
    that was said was not cut off.
    """
    box = case.letterbox
    if box is None or case.labels.shape[1:] != box.image_size or case.labels_agree:
        return None
    if not case.labels.size or not case.logits.values.size:
        return None
    for grid in GRIDS:
        if np.array_equal(case.argmax(box.image_size, grid, padded=True), case.labels):
            return Claim(
                "certain",
                f"the labels are those of the whole {box.input_size[0]} x {box.input_size[1]} "
                f"input, of which the picture fills {box.content_size[0]} x {box.content_size[1]}",
                {"input": str(box.input_size), "content": str(box.content_size), "grid": grid},
            )
    return None


@symptom(
    "argmax-before-resize",
    needs="logits labels",
    ranks="certain",
    cure="segpost.argmax(logits, size=(H, W))  # enlarges the logits, not the labels",
    unless="one-channel wrong-argmax-axis argmax-times-255 cast-before-argmax "
    "letterbox-not-removed",
)
def argmax_before_resize(case: Case) -> Claim | None:
    """The labels were made at the logits' size and enlarged by nearest neighbor: edges of blocks,
    and points of IoU lost that interpolated logits have.
    """
    n, h, w = case.own_size
    height, width = case.labels.shape[1:]
    small = case.labels.shape[0] != n or height * width <= h * w or 0 in (n, h, w)
    if small or case.labels_agree:
        return None
    mine = case.own_labels
    for first in (0.5, 0.0):
        rows, columns = (
            np.floor((np.arange(n_out) + first) * n_in / n_out).astype(int)
            for n_in, n_out in ((h, height), (w, width))
        )
        if np.array_equal(mine[:, rows[:, None], columns], case.labels):
            return Claim(
                "certain",
                f"the labels are the argmax of {h} x {w} logits, enlarged to {height} x {width} "
                "by nearest neighbor",
                {"logits": f"{h} x {w}", "labels": f"{height} x {width}"},
            )
    return None


@symptom(
    "labels-on-another-grid",
    needs="logits labels grid",
    ranks="certain",
    cure="segpost.argmax(logits, size=(H, W), grid={grid!r})",
    unless="one-channel argmax-before-resize",
)
def labels_on_another_grid(case: Case) -> Claim | None:
    """The labels were enlarged on another sampling grid than the one that was said."""
    if case.labels.shape[0] != case.own_size[0] or case.labels.shape == case.own_size:
        return None
    if case.labels_agree:
        return None
    for grid in GRIDS:
        size = (int(case.labels.shape[1]), int(case.labels.shape[2]))
        if grid != case.grid and np.array_equal(case.argmax(size, grid), case.labels):
            return Claim(
                "certain",
                f"the labels are those of the logits on grid {grid!r}, and {case.grid!r} was said",
                {"grid": grid, "said": str(case.grid)},
                cure=f"segpost.argmax(logits, size=(H, W), grid={case.grid!r})",
            )
    return None


@symptom(
    "labels-of-other-logits",
    needs="logits labels",
    ranks="likely",
    cure="labels = segpost.argmax(logits, size=(H, W))",
    unless="one-channel class-axis reshape-not-transpose nan-logits " + " ".join(EXACT),
)
def labels_of_other_logits(case: Case) -> Claim | None:
    """The labels agree with those of the logits at hardly more pixels than chance would have: they
    are of another picture, another network, or were changed on the way.
    """
    if (
        case.labels.shape[0] != case.own_size[0]
        or not case.labels.size
        or not case.logits.values.size
    ):
        return None
    mine = case.argmax((int(case.labels.shape[1]), int(case.labels.shape[2])), _grid(case))
    agreement = float((mine == case.labels).mean())
    if agreement >= 0.5:
        return None
    return Claim(
        "likely",
        f"the labels are those of the logits at {agreement:.1%} of the pixels only",
        {"agreement": agreement},
        place(mine != case.labels),
    )


def _whole(case: Case) -> bool:
    """Whether some class but 0 has a probability of 1, which a cast would leave."""
    given = bool(case.pixels.min() >= 0 and case.pixels.max() <= 1)
    sure = case.pixels.max(axis=1) if given else confidence(case.pixels)
    return bool(((sure.astype(np.float32) == 1) & (case.pixels.argmax(axis=1) > 0)).any())


def _cast_first(case: Case) -> Iterator[tuple[Array, Array]]:
    """The labels of probabilities that are integers, some rows at a time, and the labels."""
    given = bool(case.pixels.min() >= 0 and case.pixels.max() <= 1)
    rows = max(1, (1 << 16) // max(case.labels.shape[2], 1))
    for y in range(0, case.labels.shape[1], rows):
        part = widen(case.logits.values[:, :, y : y + rows], case.logits.kind)
        if not given:
            part = np.exp(part - part.max(axis=1, keepdims=True))
            part /= part.sum(axis=1, keepdims=True)
        made = part.astype(np.float32).astype(np.uint8).argmax(axis=1)
        yield made, case.labels[:, y : y + rows]


def _grid(case: Case) -> str:
    return case.grid or "half_pixel"


def _top(values: Array, case: Case) -> Array:
    return np.asarray(widen(values, case.logits.kind).argmax(axis=1))
