"""Outputs of networks that were read as another type, summed over another axis, or thresholded."""

from __future__ import annotations

import numpy as np

from segpost._core.arrays import Array, widen
from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.rule import RuleResult, rule
from segpost.diagnosis.rules.common.cures import argmax_code, array_code
from segpost.diagnosis.values import MIN_PIXELS

SUM_TOLERANCE = 1e-3  # of probabilities that add up to 1
JUMP = 128  # levels of 8 bits between neighbors: a value that wrapped
MIN_JUMPS, MAX_JUMP_SHARE = 32, 0.02  # of pairs of neighbors: after and before the change
LONG_JUMP, MIN_LONG_JUMPS = 224, 8  # levels, from one end of the range to the other; how many
SYMMETRIC = 1e-5  # of the range: what a mean with a flipped pass leaves
MIN_AGREEMENT = 0.9  # of a threshold with the target, where it explains the labels


@rule(
    "softmax-wrong-axis",
    needs="logits",
    ranks="certain",
    cure="probabilities = softmax(logits, axis=class_axis)  # both: of the network",
)
def softmax_wrong_axis(context: DiagnosticContext) -> RuleResult | None:
    """The softmax was taken over the batch, the rows or the columns: there the values add up to 1,
    and over the classes they do not.
    """
    pixels, values = context.logit_samples, context.logits.values
    if values.shape[1] < 2 or not context.is_finite or values.dtype.kind != "f":
        return None
    if pixels.min() < 0 or pixels.max() > 1 + SUM_TOLERANCE or np.ptp(pixels) == 0:
        return None
    if abs(pixels.sum(axis=1) - 1).max() <= SUM_TOLERANCE:
        return None
    names = {0: "the batch", 2: "the rows", 3: "the columns"}
    for axis, name in names.items():
        if values.shape[axis] < 2:
            continue
        if abs(values.sum(axis=axis, dtype=np.float64) - 1).max() <= SUM_TOLERANCE:
            return RuleResult(
                "certain",
                f"the values lie in 0..1 and add up to 1 over {name}, not over the classes: the "
                "softmax was taken over the wrong axis",
                {"axis": axis, "shape": str(context.logits_array.shape)},
                cure="probabilities = model(input).softmax(1)  # model: the network without its "
                "softmax; what was normalized so cannot be undone",
            )
    return None


@rule(
    "wrapped-logits",
    needs="logits",
    ranks="certain likely",
    cure="logits = logits.view(np.uint8)  # the type of the runtime's output",
)
def wrapped_logits(context: DiagnosticContext) -> RuleResult | None:
    """Logits of 8 bits were read with the wrong sign: between neighbors they jump by more than half
    of the range, and read as the other type they do not.
    """
    values = context.logits.values
    if values.dtype not in (np.int8, np.uint8) or values.shape[3] < 2:
        return None
    other = np.dtype(np.uint8 if values.dtype == np.int8 else np.int8)
    swapped = np.ascontiguousarray(values).view(other)
    jumps, swapped_jumps = (_count_jumps(array, JUMP) for array in (values, swapped))
    pairs = values[..., 1:].size
    is_ends = jumps >= MIN_LONG_JUMPS and 2 * _count_jumps(values, LONG_JUMP) > jumps
    if (
        (jumps < MIN_JUMPS and not is_ends)
        or swapped_jumps > MAX_JUMP_SHARE * pairs
        or jumps < 8 * max(swapped_jumps, 1)
    ):
        return None
    code = array_code(context, "logits")
    return RuleResult(
        "certain" if not swapped_jumps and jumps >= MIN_JUMPS else "likely",
        f"{jumps} of {pairs} neighbors of the {values.dtype} logits differ by more than 128, and "
        f"{swapped_jumps} if the same bytes are read as {other}: the labels are wrong",
        {
            "jumps": jumps,
            "jumps_as_other": swapped_jumps,
            "of": int(pairs),
            "type": str(values.dtype),
        },
        cure=f"logits = {code}.view(np.{other})",
    )


@rule(
    "symmetric-logits",
    needs="logits",
    ranks="certain hint",
    cure="logits = (model(input) + model(input.flip(-1)).flip(-1)) / 2  # model: the network",
)
def symmetric_logits(context: DiagnosticContext) -> RuleResult | None:
    """The logits are their own mirror image: a flipped pass of test-time augmentation was added
    without being flipped back.
    """
    values = context.logits.values
    if values.shape[3] < 8 or not context.is_finite or len(context.logit_samples) < MIN_PIXELS:
        return None
    row = widen(np.ascontiguousarray(values[:1, :, :1]), context.logits.kind).astype(np.float64)
    if abs(row - row[..., ::-1]).max() > SYMMETRIC * np.ptp(context.logit_samples):
        return None
    rows = np.ascontiguousarray(values[:, :, :: max(1, values.shape[2] // 64)])
    sampled = widen(rows, context.logits.kind).astype(np.float64)
    value_range = float(np.ptp(sampled))
    variation = float(sampled.std(axis=3).max())
    if not np.isfinite(value_range) or variation < 1e-3 * max(value_range, 1e-30):
        return None
    if not value_range or abs(sampled - sampled[..., ::-1]).max() > SYMMETRIC * value_range:
        return None
    image, target = context.inputs.image, context.inputs.target
    for scene in (image, target):  # of a symmetric scene the logits are
        if scene is not None and np.array_equal(scene, scene[:, :, ::-1]):
            return None
    return RuleResult(
        "hint" if image is None and target is None else "certain",
        "the logits equal their mirror image: a pass of the flipped image was added without being "
        "flipped back",
        {"range": value_range},
    )


@rule(
    "one-channel",
    needs="logits",
    ranks="likely hint",
    cure="labels = segpost.postprocess(logits, threshold=0.5).labels",
    consequence_of="bits-as-floats sigmoid-twice",
)
def one_channel(context: DiagnosticContext) -> RuleResult | None:
    """The head has one channel, for a sigmoid; its argmax is 0 at every pixel."""
    if context.logits.values.shape[1] != 1 or context.inputs.threshold is not None:
        return None
    pixels, labels = context.logit_samples, context.inputs.labels
    positive = float((pixels > 0).mean()) if pixels.size else 0.0
    evidence = {"positive_share": positive}
    if labels is None:
        return RuleResult(
            "hint",
            "the logits have one channel: argmax would return 0 everywhere, a threshold is meant",
            evidence,
        )
    if not labels.size or labels.any() or not positive:
        return None
    return RuleResult(
        "likely",  # a threshold that no pixel reaches gives the same labels
        f"the logits have one channel and every label is 0, yet {positive:.1%} of the logits "
        "are above 0: argmax over one channel is always 0",
        evidence,
    )


@rule(
    "threshold-on-logits",
    needs="logits labels",
    ranks="certain",
    cure="labels = segpost.postprocess(logits, threshold=0.5).labels",
)
def threshold_on_logits(context: DiagnosticContext) -> RuleResult | None:
    """The labels of a one-channel head are logits above the threshold, which is a probability: its
    logit is 0 for 0.5.
    """
    if context.logits.values.shape[1] != 1 or context.labels.shape != context.logits_size:
        return None
    if context.labels_match_logits or not context.is_finite:
        return None
    threshold = 0.5 if context.inputs.threshold is None else context.inputs.threshold
    values = context.first_channel
    if not np.array_equal((values > threshold).astype(np.uint8), context.labels):
        return None
    changed = int(((values > 0) != (values > threshold)).sum())
    return RuleResult(
        "certain",
        f"the labels are the logits above {threshold}, which is a probability: {changed} of "
        f"{values.size} pixels are lost",
        {"threshold": threshold, "pixels": changed},
        cure=f"labels = {argmax_code(context)}",
    )


@rule(
    "sigmoid-twice",
    needs="logits target",
    ranks="likely",
    cure="labels = (logits > threshold).astype('uint8')",
)
def sigmoid_twice(context: DiagnosticContext) -> RuleResult | None:
    """The values of a one-channel head are probabilities already: above the threshold they fit the
    target, and after another sigmoid nearly all are foreground.
    """
    pixels = context.logit_samples
    if pixels.shape[1] != 1 or not context.is_finite or not pixels.size:
        return None
    if pixels.min() < 0 or pixels.max() > 1 or np.ptp(pixels) < 0.5:
        return None
    target = context.target
    if len(target) != context.logits_size[0] or context.alignment is None:
        return None
    threshold = 0.5 if context.inputs.threshold is None else context.inputs.threshold
    values = context.first_channel
    rows, columns = (
        (np.arange(n_out) * n_in // n_out)
        for n_in, n_out in zip(values.shape[1:], target.shape[1:], strict=True)
    )
    mask = (values > threshold)[:, rows[:, None], columns]
    is_valid = ~np.isin(target, context.inputs.ignored)
    if not is_valid.any() or not mask[is_valid].any() or mask[is_valid].all():
        return None
    agreement = float((mask == (target == 1))[is_valid].mean())
    as_logits = 1 - context.alignment.wrong_share
    if agreement < MIN_AGREEMENT or 1 - agreement > 0.5 * (1 - as_logits):
        return None
    last = ", 0" if context.inputs.class_axis == -1 else ", 0, :, :"
    return RuleResult(
        "likely",
        f"the logits lie in 0..1; above {threshold} they agree with the target at {agreement:.1%} "
        f"of the pixels, and at {as_logits:.1%} after another sigmoid: they are probabilities",
        {"agreement": as_logits, "agreement_after": agreement},
        cure=f"labels = ({array_code(context, 'logits')}[...{last}] > {threshold}).astype('uint8')",
    )


@rule(
    "threshold-before-argmax",
    needs="logits labels",
    ranks="certain",
    cure="labels = segpost.argmax(logits)  # argmax needs no threshold",
    unless="wrong-argmax-axis",
)
def threshold_before_argmax(context: DiagnosticContext) -> RuleResult | None:
    """Probabilities were compared with 0.5 before the argmax: where no class is above it, the label
    became 0.
    """
    values = context.logits.values
    if values.shape[1] < 2 or context.labels.shape != context.logits_size or not context.is_finite:
        return None
    if context.labels_match_logits or values.dtype.kind in "iu":
        return None
    logits = widen(values, context.logits.kind)
    best: Array = logits.argmax(axis=1)
    if context.logit_samples.min() >= 0 and context.logit_samples.max() <= 1:
        largest = logits.max(axis=1)
    else:
        largest = 1 / np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1)
    expected = np.where(largest > 0.5, best, 0)
    lost = int((expected != best).sum())
    wrong = int((expected != context.labels).sum())
    if not lost or wrong > 0.01 * lost:
        return None
    return RuleResult(
        "certain",
        f"{lost} of {best.size} labels are 0 because no class has a probability above 0.5 there: "
        "probabilities were thresholded before the argmax",
        {"labels_lost": lost, "of": int(best.size)},
        cure=f"labels = {argmax_code(context)}",
    )


def _count_jumps(values: Array, levels: int) -> int:
    """Return the horizontal neighbors of 8-bit values that differ by more than some levels."""
    rows = values.astype(np.int16)
    return int(np.count_nonzero(abs(rows[..., 1:] - rows[..., :-1]) > levels))
