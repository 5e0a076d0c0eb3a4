"""Labels beside the logits that they come from: the very operation that was wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segpost._core.arrays import Array, widen
from segpost._core.sampling import GRIDS
from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.rule import RuleResult, rule
from segpost.diagnosis.rules.common.cures import argmax_code, array_code, is_batched
from segpost.diagnosis.rules.common.reshaping import undo_reshape
from segpost.diagnosis.values import format_position, format_values, max_probability

# Rules whose mistake, repeated on the logits, gives the very labels.
EXACT_CODES = ("wrong-argmax-axis", "reshaped-labels", "transposed-labels", "argmax-times-255",
         "cast-before-argmax", "letterbox-not-removed", "argmax-before-resize",
         "labels-on-another-grid")  # fmt: skip


@rule(
    "wrong-argmax-axis",
    needs="logits labels",
    ranks="certain",
    cure="labels = segpost.argmax(logits)",
    unless="one-channel",
)
def wrong_argmax_axis(context: DiagnosticContext) -> RuleResult | None:
    """The labels are the argmax over another axis of the logits than that of the classes; over a
    batch of one it is 0 everywhere.
    """
    if context.labels_match_logits:
        return None
    logits, labels = context.logits_array, context.labels
    class_axis = context.inputs.class_axis % logits.ndim
    for axis in range(logits.ndim):
        rest = (*logits.shape[:axis], *logits.shape[axis + 1 :])
        if axis == class_axis or rest[-2:] != labels.shape[-2:] or 0 in rest:
            continue
        argmax = widen(logits, context.logits.kind).argmax(axis)
        if argmax.size == labels.size and np.array_equal(argmax.reshape(labels.shape), labels):
            return RuleResult(
                "certain",
                f"the labels are the argmax over axis {axis} of logits of shape {logits.shape}, "
                f"whose classes are on axis {class_axis}",
                {"axis": axis, "class_axis": class_axis, "shape": str(logits.shape)},
                f"axis {axis}",
                f"labels = {argmax_code(context, size=_trusted_size(context))}",
            )
    return None


@rule(
    "reshaped-labels",
    needs="logits labels",
    ranks="certain",
    cure="labels = segpost.argmax(logits)  # transpose, never reshape, to move the class axis",
    unless="one-channel",
)
def reshaped_labels(context: DiagnosticContext) -> RuleResult | None:
    """The labels are the argmax of logits whose layout was changed with reshape, not transpose."""
    values = context.logits.values
    if (
        context.labels_match_logits
        or values.shape[1] < 2
        or context.labels.shape != context.logits_size
    ):
        return None
    # Undoing a reshape is the same operation as a reshape, seen from the other layout.
    reshaped = undo_reshape(context)
    if not np.array_equal(widen(reshaped.values, reshaped.kind).argmax(axis=1), context.labels):
        return None
    shape = str(context.logits_array.shape)
    return RuleResult(
        "certain",
        f"the labels are the argmax of the logits after a reshape of {shape}, which shuffles "
        "classes and pixels",
        {"shape": shape},
        cure=f"{_argmax_cure(context)}  # to move the class axis: transpose, never reshape",
    )


@rule(
    "transposed-labels",
    needs="logits labels",
    ranks="certain",
    cure="labels = labels.swapaxes(-1, -2)  # Pillow's sizes are (width, height)",
    unless="one-channel",
)
def transposed_labels(context: DiagnosticContext) -> RuleResult | None:
    """The labels are those of the logits with height and width exchanged: transposed, or reshaped
    to (width, height).
    """
    n, h, w = context.logits_size
    if context.labels_match_logits or context.labels.size != n * h * w:
        return None
    expected = context.labels_at_logits_size
    candidates = {
        "transposed": expected.transpose(0, 2, 1),
        "reshaped to (width, height)": expected.reshape(n, w, h),
    }
    shapes = {"labels": str(context.labels.shape), "logits": str(context.logits_array.shape)}
    for how, labels in candidates.items():
        if np.array_equal(labels, context.labels) and not np.array_equal(expected, labels):
            code = array_code(context, "labels")
            batch = f"{n}, " if is_batched(context) else ""
            undone = f"{code}.swapaxes(-1, -2)"
            if how != "transposed":
                undone = f"{code}.reshape({batch}{h}, {w})"
            return RuleResult(
                "certain",
                f"the labels are those of the logits {how}",
                {"how": how, **shapes},
                cure=f"labels = {undone}  # Pillow's sizes are (width, height)",
            )
    return None


@rule(
    "argmax-times-255",
    needs="labels",
    ranks="certain likely hint",
    cure="labels = ((256 - labels.astype(int)) % 256).astype('uint8')  # save ids from now on",
    unless="one-channel wrong-argmax-axis",
)
def argmax_times_255(context: DiagnosticContext) -> RuleResult | None:
    """The labels were multiplied by 255 and cast to uint8, as for an image of 0..1: label k became
    256 - k. The inverse is exact.
    """
    ids = context.label_ids.values
    nonzero = ids[ids != 0]
    if not len(nonzero) or nonzero.min() < 1 or nonzero.max() > 255:
        return None
    evidence = {"ids": format_values(ids), "inverted": format_values((256 - ids) % 256)}
    code = array_code(context, "labels")
    cure = f"labels = ((256 - {code}.astype(int)) % 256).astype('uint8')  # save ids from now on"
    if context.inputs.logits is not None and not context.labels_match_logits:
        for labels in context.iter_resized_labels():
            if np.array_equal(labels.astype(np.int64) * 255 % 256, context.labels):
                message = (
                    f"the labels are exactly (argmax * 255) % 256 of the logits: {evidence['ids']}"
                )
                return RuleResult("certain", message, evidence, cure=cure)
    shown = format_values(nonzero)
    if context.classes is None:
        inverse = 256 - nonzero
        if len(nonzero) < 2 or inverse.max() > 3 * len(nonzero):
            return None
        message = f"all labels but 0 lie near 255: {shown}; (label * 255) % 256 does that"
        return RuleResult("likely" if len(nonzero) >= 3 else "hint", message, evidence, cure=cure)
    is_inverse_known = (256 - nonzero < context.classes).all() and nonzero.tolist() != [255]
    if not len(context.out_of_range(context.label_ids)) or not is_inverse_known:
        return None
    return RuleResult(
        "likely",
        f"labels {shown} are not below {context.classes}, and 256 - label is: (label * 255) cast "
        "to uint8 does that",
        evidence,
        cure=cure,
    )


@rule(
    "cast-before-argmax",
    needs="logits labels",
    ranks="certain likely",
    cure="labels = segpost.argmax(logits)  # cast labels, never probabilities",
    unless="one-channel wrong-argmax-axis",
)
def cast_before_argmax(context: DiagnosticContext) -> RuleResult | None:
    """Probabilities were cast to integers before the argmax: all below 1 became 0, and with them
    the labels.
    """
    values = context.logits.values
    if (
        values.shape[1] < 2
        or context.labels_match_logits
        or values.dtype.kind in "iu"
        or not context.is_finite
    ):
        return None
    expected = next(context.iter_resized_labels(), None)
    if expected is None or context.labels.max(initial=0) >= values.shape[1]:
        return None
    if context.labels.shape == context.logits_size:
        if not all(np.array_equal(cast, labels) for cast, labels in _iter_cast_labels(context)):
            return None
    elif context.labels.any() or not expected.any() or _has_probability_of_1(context):
        return None
    lost = int((expected != context.labels).sum())
    return RuleResult(
        "certain" if context.labels.any() else "likely",  # zeros may have other causes
        f"{lost} of {context.labels.size} labels differ from those of the logits, and all are "
        "those of probabilities that were cast to integers first",
        {"labels_lost": lost, "of": int(context.labels.size)},
        cure=f"{_argmax_cure(context)}  # cast labels, never probabilities",
    )


@rule(
    "letterbox-not-removed",
    needs="logits labels letterbox",
    ranks="certain",
    cure="labels = segpost.argmax(logits, letterbox=letterbox)",
    unless="one-channel",
)
def letterbox_not_removed(context: DiagnosticContext) -> RuleResult | None:
    """The labels are those of the whole padded input, stretched over the image: the padding of the
    letterbox was not removed.
    """
    box = context.inputs.letterbox
    if box is None or context.labels.shape[1:] != box.image_size or context.labels_match_logits:
        return None
    if not context.labels.size or not context.logits.values.size:
        return None
    for grid in GRIDS:
        if np.array_equal(context.argmax(box.image_size, grid, padded=True), context.labels):
            return RuleResult(
                "certain",
                f"the labels are those of the whole {box.input_size[0]} x {box.input_size[1]} "
                f"input, of which the image fills {box.content_size[0]} x {box.content_size[1]}",
                {"input": str(box.input_size), "content": str(box.content_size), "grid": grid},
                cure=_argmax_cure(context),
            )
    return None


@rule(
    "argmax-before-resize",
    needs="logits labels",
    ranks="certain",
    cure="labels = segpost.argmax(logits, size=size)  # enlarges the logits, not the labels",
    unless="one-channel wrong-argmax-axis argmax-times-255 cast-before-argmax "
    "letterbox-not-removed",
)
def argmax_before_resize(context: DiagnosticContext) -> RuleResult | None:
    """The argmax was taken at the logits' size and the labels were resized by nearest neighbor.
    Their edges are blocks, and interpolated logits have a higher IoU.
    """
    n, h, w = context.logits_size
    height, width = context.labels.shape[1:]
    is_larger = context.labels.shape[0] == n and height * width > h * w and 0 not in (n, h, w)
    if not is_larger or context.labels_match_logits:
        return None
    small = context.labels_at_logits_size
    for offset in (0.5, 0.0):
        rows, columns = (
            np.floor((np.arange(n_out) + offset) * n_in / n_out).astype(int)
            for n_in, n_out in ((h, height), (w, width))
        )
        if np.array_equal(small[:, rows[:, None], columns], context.labels):
            return RuleResult(
                "certain",
                f"the labels are the argmax of {h} x {w} logits, enlarged to {height} x {width} "
                "by nearest neighbor",
                {"logits": f"{h} x {w}", "labels": f"{height} x {width}"},
                cure=f"{_argmax_cure(context)}  # enlarges the logits, not the labels",
            )
    return None


@rule(
    "labels-on-another-grid",
    needs="logits labels grid",
    ranks="certain",
    cure="labels = segpost.argmax(logits, size=size, grid=grid)",
    unless="one-channel argmax-before-resize",
)
def labels_on_another_grid(context: DiagnosticContext) -> RuleResult | None:
    """The labels were resized on another sampling grid than the one that was passed."""
    if (
        context.labels.shape[0] != context.logits_size[0]
        or context.labels.shape == context.logits_size
    ):
        return None
    if context.labels_match_logits:
        return None
    declared = context.inputs.grid
    size = (int(context.labels.shape[1]), int(context.labels.shape[2]))
    for grid in GRIDS:
        if grid != declared and np.array_equal(context.argmax(size, grid), context.labels):
            return RuleResult(
                "certain",
                f"the labels are those of the logits on grid {grid!r}, and grid={declared!r} was "
                "passed",
                {"grid": grid, "grid_argument": str(declared)},
                cure=_argmax_cure(context),
            )
    return None


@rule(
    "labels-of-other-logits",
    needs="logits labels",
    ranks="likely",
    cure="labels = segpost.argmax(logits, size=size)",
    unless="one-channel class-axis reshape-not-transpose nan-logits " + " ".join(EXACT_CODES),
)
def labels_of_other_logits(context: DiagnosticContext) -> RuleResult | None:
    """The labels agree with those of the logits at less than half of the pixels: they belong to
    another image or another network, or were changed afterwards.
    """
    if (
        context.labels.shape[0] != context.logits_size[0]
        or not context.labels.size
        or not context.logits.values.size
        or context.has_raw_threshold
    ):
        return None
    size = (int(context.labels.shape[1]), int(context.labels.shape[2]))
    expected = context.argmax(size, context.inputs.grid or "half_pixel")
    agreement = float((expected == context.labels).mean())
    if agreement >= 0.5:
        return None
    return RuleResult(
        "likely",
        f"the labels are those of the logits at {agreement:.1%} of the pixels only",
        {"agreement": agreement},
        format_position(expected != context.labels),
        _argmax_cure(context),
    )


def _holds_probabilities(context: DiagnosticContext) -> bool:
    """Return whether all sampled logits lie in 0..1."""
    return bool(context.logit_samples.min() >= 0 and context.logit_samples.max() <= 1)


def _has_probability_of_1(context: DiagnosticContext) -> bool:
    """Return whether a class but 0 has a probability of 1 somewhere, which a cast would keep."""
    pixels = context.logit_samples
    largest = pixels.max(axis=1) if _holds_probabilities(context) else max_probability(pixels)
    return bool(((largest.astype(np.float32) == 1) & (pixels.argmax(axis=1) > 0)).any())


def _iter_cast_labels(context: DiagnosticContext) -> Iterator[tuple[Array, Array]]:
    """Yield some rows of the argmax of probabilities cast to integers, and of the labels."""
    are_probabilities = _holds_probabilities(context)
    rows = max(1, (1 << 16) // max(context.labels.shape[2], 1))
    for y in range(0, context.labels.shape[1], rows):
        part = widen(context.logits.values[:, :, y : y + rows], context.logits.kind)
        if not are_probabilities:
            part = np.exp(part - part.max(axis=1, keepdims=True))
            part /= part.sum(axis=1, keepdims=True)
        cast = part.astype(np.float32).astype(np.uint8).argmax(axis=1)
        yield cast, context.labels[:, y : y + rows]


def _argmax_cure(context: DiagnosticContext) -> str:
    """Return code for the labels of the logits at the size that they should have."""
    return f"labels = {argmax_code(context, grid=context.inputs.grid)}"


def _trusted_size(context: DiagnosticContext) -> str | None:
    """Return no size where only the labels, which are wrong, have one."""
    inputs = context.inputs
    return "" if inputs.target is None and inputs.image is None else None
