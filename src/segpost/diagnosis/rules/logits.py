"""Logits alone: values that are not finite, heads, probabilities, and two runs of one input."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from segpost._core.arrays import Array
from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.rule import RuleResult, rule
from segpost.diagnosis.rules.common.cures import argmax_code
from segpost.diagnosis.values import (
    MIN_PIXELS,
    Int64,
    count_values,
    iter_planes,
    max_probability,
    sample_pixels,
)

HALF_KINDS = ("float16", "bfloat16")
FLOAT_KINDS = ("float", "bfloat")  # names of element types begin so
MAX_UNTRAINED_RANGE = 0.3  # of a pixel's logits: every class has about the same probability
MAX_ABOVE_CHANCE = 0.1  # of the pixels: how much better than chance an untrained head may be
ROUNDING = 1e-3  # of the range of the logits: what kernels that sum in another order change
DROPOUT = 1e-2  # of the range: more than rounding changes
HALF_FACTOR = 5  # times as much is allowed in types of few bits


@rule(
    "nan-logits",
    needs="logits",
    ranks="certain",
    cure="logits = model.float()(input.float())  # model: the network; NaN stays: its layer",
)
def nan_logits(context: DiagnosticContext) -> RuleResult | None:
    """The logits hold NaN: an overflow of float16, or a division by zero. Where a class is NaN the
    label is that class, or 0 where every class is NaN.
    """
    return _find_bad_values(context, np.isnan, "NaN")


@rule(
    "infinite-logits",
    needs="logits",
    ranks="certain",
    cure="logits = model.float()(input.float())  # model: the network; float16 ends at 65504",
    unless="nan-logits",
)
def infinite_logits(context: DiagnosticContext) -> RuleResult | None:
    """The logits hold +inf: an overflow, most often of float16. A class that is -inf everywhere is
    masked, which is no mistake.
    """
    return _find_bad_values(context, np.isposinf, "+inf")


@rule(
    "no-class-possible",
    needs="logits",
    ranks="certain",
    cure="mask = mask & ~mask.all(axis=-3, keepdims=True)  # mask: that of the classes, (C, h, w)",
    unless="nan-logits infinite-logits",
)
def no_class_possible(context: DiagnosticContext) -> RuleResult | None:
    """Every class is -inf at some pixels, so these have no label and no probability."""
    lost = (context.logit_samples == -np.inf).all(axis=1)
    if not lost.any():
        return None
    return RuleResult(
        "certain",
        f"every class is -inf at {int(lost.sum())} of {len(lost)} sampled pixels",
        {"pixels": int(lost.sum()), "of": len(lost)},
    )


@rule(
    "other-number-of-classes",
    needs="logits num_classes",
    ranks="certain",
    cure="print(logits.shape, num_classes)  # build the model with num_classes, load such weights",
    unless="class-axis",
)
def other_number_of_classes(context: DiagnosticContext) -> RuleResult | None:
    """The head has another number of classes than the data set: the weights belong to another task,
    or the background class is missing on one side.
    """
    channels, classes = context.logits.values.shape[1], context.inputs.num_classes or 0
    if channels == classes or (channels == 1 and classes <= 2):
        return None
    return RuleResult(
        "certain",
        f"the logits have {channels} classes, and num_classes is {classes}",
        {"classes": channels, "num_classes": classes},
    )


@rule(
    "quantized-logits",
    needs="logits",
    ranks="likely hint",
    cure="labels = segpost.postprocess(logits, quantization=(scale, zero_point)).labels"
    "  # scale, zero_point: of the runtime's output",
    consequence_of="wrapped-logits",
)
def quantized_logits(context: DiagnosticContext) -> RuleResult | None:
    """The logits are the raw integers of a quantized network. Their labels may be right; their
    softmax is wrong until scale and zero point are applied.
    """
    pixels = context.logit_samples
    has_threshold = context.has_raw_threshold
    is_read = pixels.shape[1] > 1 or has_threshold
    if context.inputs.quantization is not None or not is_read or not context.is_finite:
        return None
    if (pixels != np.rint(pixels)).any() or abs(pixels).max() > 255 or len(np.unique(pixels)) < 8:
        return None
    sums = pixels.sum(axis=1)
    if pixels.min() >= 0 and len(np.unique(sums[sums != 0])) == 1:  # votes; 0 where no data are
        return None
    if has_threshold:
        low, high = float(pixels.min()), float(pixels.max())
        return RuleResult(
            "likely",
            f"the logits are integers in {low:g}..{high:g}: without a scale and zero point the "
            "threshold is another one",
            {"least": low, "largest": high},
            cure=f"labels = {argmax_code(context)}  # of the runtime's output",
        )
    confidence = float(max_probability(pixels).mean())
    low, high = float(pixels.min()), float(pixels.max())
    return RuleResult(
        "hint" if context.logits.kind.startswith(FLOAT_KINDS) else "likely",
        f"the logits are integers in {low:g}..{high:g}: without a scale their mean confidence "
        f"would be {confidence:.3f}",
        {"least": low, "largest": high, "mean_confidence": confidence},
    )


@rule(
    "softmax-twice",
    needs="logits",
    ranks="likely",
    cure="probabilities = model(input)  # model: the network, which ends with a softmax itself",
)
def softmax_twice(context: DiagnosticContext) -> RuleResult | None:
    """The softmax of a softmax: probabilities that add up to 1, no two of a pixel more than a
    factor of e apart, and undoing the outer softmax leaves probabilities again.
    """
    if not _are_probabilities(context):
        return None
    inner = _undo_softmax(context.logit_samples)
    if inner is None:
        return None
    outer_confidence = float(context.logit_samples.max(axis=1).mean())
    inner_confidence = float(inner.max(axis=1).mean())
    return RuleResult(
        "likely",
        "the classes add up to 1 and none is more than e times another; undone, a softmax is left "
        f"with a mean confidence of {inner_confidence:.3f}, not {outer_confidence:.3f}",
        {"mean_confidence": outer_confidence, "mean_confidence_inside": inner_confidence},
    )


@rule(
    "probabilities-as-logits",
    needs="logits",
    ranks="certain",
    cure="probabilities = logits  # no softmax; segpost.dense_crf(probabilities, image)",
    unless="softmax-twice",
)
def probabilities_as_logits(context: DiagnosticContext) -> RuleResult | None:
    """The logits are probabilities already: at every pixel they add up to 1. Their argmax is right;
    another softmax would flatten them.
    """
    if not _are_probabilities(context):
        return None
    pixels = context.logit_samples
    sums = pixels.sum(axis=1)
    confidence = float(pixels.max(axis=1).mean())
    return RuleResult(
        "certain",
        f"all classes lie in 0..1 and add up to 1 at each of {len(sums)} sampled pixels: their "
        f"mean confidence is {confidence:.3f}, and after a softmax it would be "
        f"{max_probability(pixels).mean():.3f}",
        {
            "sum_from": float(sums.min()),
            "sum_to": float(sums.max()),
            "mean_confidence": confidence,
        },
    )


@rule(
    "sigmoid-as-logits",
    needs="logits",
    ranks="hint",
    cure="masks = logits > 0.5  # each class by itself; or pass the values before the sigmoid",
    unless="softmax-twice probabilities-as-logits",
    consequence_of="softmax-wrong-axis sigmoid-twice",
)
def sigmoid_as_logits(context: DiagnosticContext) -> RuleResult | None:
    """All values lie in 0..1 and do not add up to 1: a sigmoid of each class, of which more than
    one may hold at a pixel.
    """
    values = context.logit_samples
    if not context.is_finite or values.min() < 0 or values.max() > 1 or np.ptp(values) < 0.5:
        return None
    if (values == np.rint(values)).all():
        return None
    sums = values.sum(axis=1)
    return RuleResult(
        "hint",
        f"all logits lie in {values.min():.3g}..{values.max():.3g}, and their sums over the "
        f"classes in {sums.min():.3g}..{sums.max():.3g}",
        {"least": float(values.min()), "largest": float(values.max())},
    )


@rule(
    "untrained-head",
    needs="logits",
    ranks="likely hint",
    cure="print(segpost.compare_checkpoints(path, model))  # path: its file; model: the network",
    unless="softmax-twice probabilities-as-logits sigmoid-as-logits",
    consequence_of="bits-as-floats softmax-wrong-axis",
)
def untrained_head(context: DiagnosticContext) -> RuleResult | None:
    """The largest probability is hardly above 1/C anywhere: the head has its initial weights,
    because the checkpoint was not loaded or has other names.
    """
    pixels = context.logit_samples
    classes = pixels.shape[1]
    if classes < 2 or not context.is_finite or len(pixels) < 16:
        return None
    difference = float(np.quantile(np.ptp(pixels, axis=1), 0.99))
    if difference > MAX_UNTRAINED_RANGE or not np.ptp(pixels) or _is_mostly_right(context):
        return None
    confidence = float(max_probability(pixels).mean())
    alignment = context.alignment
    is_wrong = alignment is not None and alignment.is_varied and _is_at_chance(alignment.matrix)
    return RuleResult(
        "likely" if is_wrong else "hint",  # a temperature of 60 looks the same
        f"the mean confidence is {confidence:.4f}, 1/{classes} is {1 / classes:.4f}, and at 99% of "
        f"the pixels the logits differ by {difference:.3g} at most",
        {
            "mean_confidence": confidence,
            "chance": 1 / classes,
            "spread": difference,
            "classes_that_win": len(count_values(context.labels_at_logits_size).values),
        },
    )


@rule(
    "constant-logits",
    needs="logits",
    ranks="likely hint",
    cure="found = segpost.diagnose(input=input, image=image, mean=mean, std=std)  # then the graph",
    consequence_of="bits-as-floats",
)
def constant_logits(context: DiagnosticContext) -> RuleResult | None:
    """Every class has the same logit at every pixel: the network does not see its input."""
    pixels = context.logit_samples
    if len(pixels) < MIN_PIXELS or not context.is_finite:
        return None
    difference = float(np.ptp(pixels, axis=0).max())
    largest = float(abs(pixels).max())
    if difference > 1e-6 * max(largest, 1e-30):
        return None
    ids = None if context.inputs.target is None else context.known_ids.values
    is_plain = ids is not None and ids.tolist() == context.predicted_ids.values.tolist()
    image = context.inputs.image
    is_plain = is_plain or (image is not None and not np.ptp(image))
    return RuleResult(
        "hint" if is_plain else "likely",  # an image of one class may have one answer
        f"no logit changes by more than {difference:.3g} over {len(pixels)} pixels",
        {"spread": difference, "largest": largest},
    )


@rule(
    "runs-differ",
    needs="logits repeat_logits",
    ranks="certain hint",
    cure="model.eval()  # model: the network; in Keras: training=False",
    unless="nan-logits",
)
def runs_differ(context: DiagnosticContext) -> RuleResult | None:
    """The output is not deterministic: dropout is active, or batch norm uses the statistics of the
    batch. Differences of rounding (another order of a sum on a GPU) are a hint at most.
    """
    first = context.logit_samples
    second = sample_pixels(context.repeat_logits, context.inputs.quantization)
    if not np.isfinite(second).all() or not first.size or not context.is_finite:
        return None
    difference = float(abs(first - second).max())
    value_range = max(float(np.ptp(first)), 1e-30)
    if difference <= ROUNDING * value_range:
        return None
    has_few_bits = context.logits.kind in HALF_KINDS or context.logits.values.dtype.kind in "iu"
    limit = DROPOUT * value_range * (HALF_FACTOR if has_few_bits else 1)
    changed = float((first.argmax(axis=1) != second.argmax(axis=1)).mean())
    return RuleResult(
        "certain" if difference > limit else "hint",
        f"two runs of one input differ by up to {difference:.3g}, {difference / value_range:.1%} "
        f"of the logits' range, and in {changed:.1%} of the labels",
        {"largest_difference": difference, "range": value_range, "labels_changed": changed},
    )


@rule(
    "dead-class",
    needs="logits",
    ranks="hint",
    cure="print(np.ptp(np.asarray(logits), axis=(-2, -1)))  # 0: the weights are zero",
    unless="nan-logits constant-logits untrained-head",
)
def dead_class(context: DiagnosticContext) -> RuleResult | None:
    """A class has the same logit at every pixel, while others vary: its weights are zero."""
    pixels = context.logit_samples
    if len(pixels) < MIN_PIXELS or pixels.shape[1] < 2 or not context.is_finite:
        return None
    ranges = np.ptp(pixels, axis=0)
    dead = np.flatnonzero(ranges == 0)
    if not len(dead) or len(dead) == len(ranges):
        return None
    return RuleResult(
        "hint",
        f"{len(dead)} of {len(ranges)} classes have the same logit at every pixel, first class "
        f"{context.format_class(int(dead[0]))}",
        {"classes": len(dead), "first": int(dead[0])},
    )


def _is_mostly_right(context: DiagnosticContext) -> bool:
    """Return whether most of several classes agree with the target: such logits are trained."""
    alignment = context.alignment
    return alignment is not None and alignment.is_varied and alignment.wrong_share < 0.5


def _is_at_chance(matrix: Int64) -> bool:
    """Return whether prediction and target agree no more than independent maps would."""
    valid_pixels = max(int(matrix.sum()), 1)
    chance = float(matrix.sum(axis=0) @ matrix.sum(axis=1)) / valid_pixels**2
    return int(np.trace(matrix)) / valid_pixels <= chance + MAX_ABOVE_CHANCE


def _find_bad_values(
    context: DiagnosticContext, is_bad: Callable[[Array], Array], word: str
) -> RuleResult | None:
    """Return a result that counts bad values over all logits and names the first channel."""
    logits = context.logits
    if not logits.kind.startswith(FLOAT_KINDS):
        return None
    count, first, channels = 0, "", set()
    for image, label, plane in iter_planes(logits):
        bad = is_bad(plane)
        if not bad.any():
            continue
        count += int(bad.sum())
        channels.add(label)
        if not first:
            y, x = (int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))
            first = f"image {image}, class {context.format_class(label)}, y {y}, x {x}"
    if not count:
        return None
    size = logits.values.size
    half = f" in {logits.kind}" if logits.kind in HALF_KINDS else ""
    return RuleResult(
        "certain",
        f"{count} of {size} logits are {word}{half}, in {len(channels)} of "
        f"{logits.values.shape[1]} channels, first channel {min(channels)}",
        {"count": count, "of": size, "channels": len(channels), "first_channel": min(channels)},
        first,
    )


def _are_probabilities(context: DiagnosticContext) -> bool:
    """Return whether the sampled logits are probabilities; a constant proves nothing."""
    values, kind = context.logit_samples, context.logits.kind
    is_small = values.shape[1] < 2 or len(values) < 16
    if is_small or not context.is_finite or not kind.startswith(FLOAT_KINDS):
        return False
    tolerance = 2e-2 if kind in HALF_KINDS else 1e-4
    if values.min() < 0 or values.max() > 1 + tolerance or not np.ptp(values):
        return False
    return bool(abs(values.sum(axis=1) - 1).max() <= tolerance)


def _undo_softmax(values: Array) -> Array | None:
    """Return the probabilities inside of a second softmax, or None where there was no first."""
    if values.min() <= 0 or (values.max(axis=1) / values.min(axis=1)).max() > math.e * 1.02:
        return None
    logs = np.log(values)
    inner: Array = logs + (1 - logs.sum(axis=1, keepdims=True)) / values.shape[1]
    least, most = inner.min(), inner.max()
    # Of small logits it would not be so complete.
    is_complete = most >= 0.9 or (most >= 0.6 and least < 2e-2)
    return inner if least >= -1e-2 and is_complete else None
