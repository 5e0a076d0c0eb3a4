"""What logits alone show: numbers that are none, heads, layouts, two runs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segpost._core.arrays import Array
from segpost.diagnosis.context import ENOUGH, Case, planes, sampled
from segpost.diagnosis.registry import Claim, symptom

HALVES = ("float16", "bfloat16")
FLAT = 0.3  # logits that differ less give every class about the same probability
NOISE = 1e-3  # of the logits' spread: what kernels that sum in another order make of it
TRAINING = 1e-2
COARSE = 5  # times as much in types of few bits


@symptom(
    "nan-logits",
    needs="logits",
    ranks="certain",
    cure="logits = model.float()(x.float())  # if NaN stays: the first layer that gives it",
)
def nan_logits(case: Case) -> Claim | None:
    """The logits hold NaN: an overflow of float16, or a division by zero. Where a class is NaN the
    label is that class, or 0 where every class is.
    """
    return _bad_numbers(case, np.isnan, "NaN")


@symptom(
    "infinite-logits",
    needs="logits",
    ranks="certain",
    cure="logits = model.float()(x.float())  # float16 ends at 65504",
    unless="nan-logits",
)
def infinite_logits(case: Case) -> Claim | None:
    """The logits hold +inf: an overflow, most often of float16. A class that is -inf everywhere is
    a mask, and no finding.
    """
    return _bad_numbers(case, np.isposinf, "+inf")


@symptom(
    "no-class-possible",
    needs="logits",
    ranks="certain",
    cure="mask = mask & ~mask.all(axis=class_axis, keepdims=True)  # leave a class everywhere",
    unless="nan-logits infinite-logits",
)
def no_class_possible(case: Case) -> Claim | None:
    """Every class is -inf at some pixels, so there is no label and no probability."""
    lost = (case.pixels == -np.inf).all(axis=1)
    if not lost.any():
        return None
    return Claim(
        "certain",
        f"every class is -inf at {int(lost.sum())} of {len(lost)} pixels that were looked at",
        {"pixels": int(lost.sum()), "looked_at": len(lost)},
    )


@symptom(
    "other-number-of-classes",
    needs="logits num_classes",
    ranks="certain",
    cure="model = Model(num_classes=num_classes)  # and a checkpoint of that head",
    unless="class-axis",
)
def other_number_of_classes(case: Case) -> Claim | None:
    """The head has another number of classes than the data set: the weights of another task, or a
    background class too many or too few.
    """
    found, wanted = case.logits.values.shape[1], case.num_classes or 0
    if found == wanted or (found == 1 and wanted <= 2):
        return None
    return Claim(
        "certain",
        f"the logits have {found} classes, and {case.num_classes} are wanted",
        {"classes": found, "num_classes": case.num_classes},
    )


@symptom(
    "one-channel",
    needs="logits",
    ranks="likely hint",
    cure="segpost.postprocess(logits, threshold=0.5)",
)
def one_channel(case: Case) -> Claim | None:
    """The head has one channel, for a sigmoid; its argmax is 0 at every pixel."""
    if case.logits.values.shape[1] != 1 or case.threshold is not None:
        return None
    positive = float((case.pixels > 0).mean()) if case.pixels.size else 0.0
    evidence = {"positive_share": positive}
    black = case.has("labels") and case.labels.size > 0 and not case.labels.any()
    if black and positive > 0:
        return Claim(
            "likely",  # a threshold that nothing reaches gives the same
            f"the logits have one channel and every label is 0, yet {positive:.1%} of the logits "
            "are above 0: argmax over one channel is always 0",
            evidence,
        )
    if case.has("labels"):
        return None
    return Claim(
        "hint",
        "the logits have one channel: argmax would give 0 everywhere, a threshold is meant",
        evidence,
    )


@symptom(
    "quantized-logits",
    needs="logits",
    ranks="likely hint",
    cure="segpost.postprocess(logits, quantization=(scale, zero_point))",
)
def quantized_logits(case: Case) -> Claim | None:
    """The logits are the raw integers of a quantized network. Their labels are right; a softmax of
    them is not, until scale and zero point are applied.
    """
    if case.quantization is not None or case.logits.values.shape[1] < 2 or not case.finite:
        return None
    whole = case.pixels == np.rint(case.pixels)
    if not whole.all() or abs(case.pixels).max(initial=0) > 255 or len(np.unique(case.pixels)) < 8:
        return None
    sure = float(confidence(case.pixels).mean())
    integer = not case.logits.kind.startswith(("float", "bfloat"))
    return Claim(
        "likely" if integer else "hint",
        f"the logits are integers in {case.pixels.min():g}..{case.pixels.max():g}: as they are, "
        f"their softmax would say {sure:.3f} sure on average",
        {
            "least": float(case.pixels.min()),
            "largest": float(case.pixels.max()),
            "mean_confidence": sure,
        },
    )


@symptom(
    "softmax-twice",
    needs="logits",
    ranks="likely",
    cure="probabilities = model(x)  # no softmax after a network that ends with one",
)
def softmax_twice(case: Case) -> Claim | None:
    """Softmax of a softmax: probabilities that add up to 1, no two of a pixel further apart than a
    factor of e, and the inner ones come out whole when the outer softmax is undone.
    """
    if not _probabilities(case):
        return None
    inner = _inner(case.pixels)
    if inner is None:
        return None
    return Claim(
        "likely",
        f"the classes add up to 1 and none is more than e times another; undone, a softmax is left "
        f"whose largest class has {inner.max(axis=1).mean():.3f} on average, not "
        f"{case.pixels.max(axis=1).mean():.3f}",
        {
            "mean_confidence": float(case.pixels.max(axis=1).mean()),
            "mean_confidence_inside": float(inner.max(axis=1).mean()),
        },
    )


@symptom(
    "probabilities-as-logits",
    needs="logits",
    ranks="certain",
    cure="probabilities = logits  # no softmax; segpost.dense_crf(probabilities, image)",
    unless="softmax-twice",
)
def probabilities_as_logits(case: Case) -> Claim | None:
    """What is called logits are probabilities already: at every pixel they add up to 1. Their
    argmax is right; another softmax would flatten them.
    """
    if not _probabilities(case):
        return None
    sums = case.pixels.sum(axis=1)
    return Claim(
        "certain",
        f"all classes lie in 0..1 and add up to 1 at each of {len(sums)} pixels that were looked "
        f"at: a softmax of them would say {confidence(case.pixels).mean():.3f} sure where they say "
        f"{case.pixels.max(axis=1).mean():.3f}",
        {
            "sum_from": float(sums.min()),
            "sum_to": float(sums.max()),
            "mean_confidence": float(case.pixels.max(axis=1).mean()),
        },
    )


@symptom(
    "sigmoid-as-logits",
    needs="logits",
    ranks="hint",
    cure="masks = values > 0.5  # each class by itself; or the logits before the sigmoid",
    unless="softmax-twice probabilities-as-logits",
)
def sigmoid_as_logits(case: Case) -> Claim | None:
    """All values lie in 0..1 and do not add up to 1: sigmoids of single classes, of which more than
    one may hold at a pixel.
    """
    values = case.pixels
    if not case.finite or values.min() < 0 or values.max() > 1 or np.ptp(values) < 0.5:
        return None
    if (values == np.rint(values)).all():
        return None
    return Claim(
        "hint",
        f"all logits lie in {values.min():.3g}..{values.max():.3g}, and their sums over the "
        f"classes in {values.sum(axis=1).min():.3g}..{values.sum(axis=1).max():.3g}",
        {"least": float(values.min()), "largest": float(values.max())},
    )


@symptom(
    "untrained-head",
    needs="logits",
    ranks="likely",
    cure="missing, unexpected = model.load_state_dict(state, strict=False); print(missing)",
    unless="softmax-twice probabilities-as-logits sigmoid-as-logits",
)
def untrained_head(case: Case) -> Claim | None:
    """The largest probability is hardly above 1/C anywhere: the head's weights are as they were
    initialized, because the checkpoint was not loaded or has other names.
    """
    classes = case.pixels.shape[1]
    if classes < 2 or not case.finite or len(case.pixels) < 16:
        return None
    spread = np.quantile(np.ptp(case.pixels, axis=1), 0.99)
    if spread > FLAT or not np.ptp(case.pixels) or _right_anyway(case):
        return None
    sure = confidence(case.pixels)
    top = case.winners
    return Claim(
        "likely",
        f"the largest probability is {sure.mean():.4f} on average, 1/{classes} is "
        f"{1 / classes:.4f}, and the logits of a pixel differ by {spread:.3g} at most at 99% of "
        "them",
        {
            "mean_confidence": float(sure.mean()),
            "chance": 1 / classes,
            "spread": float(spread),
            "classes_that_win": len(top.values),
        },
    )


@symptom(
    "constant-logits",
    needs="logits",
    ranks="likely",
    cure="segpost.diagnose(input=x, image=image, mean=mean, std=std)  # then the exported graph",
)
def constant_logits(case: Case) -> Claim | None:
    """Every class has the same logit at every pixel: the network does not see its input."""
    if len(case.pixels) < ENOUGH or not case.finite:
        return None
    spread = float(np.ptp(case.pixels, axis=0).max())
    size = float(abs(case.pixels).max())
    if spread > 1e-6 * max(size, 1e-30):
        return None
    return Claim(
        "likely",
        f"no logit changes by more than {spread:.3g} over {len(case.pixels)} pixels",
        {"spread": spread, "largest": size},
    )


@symptom(
    "runs-differ",
    needs="logits again",
    ranks="certain hint",
    cure="model.eval()  # and training=False in Keras",
    unless="nan-logits",
)
def runs_differ(case: Case) -> Claim | None:
    """Two runs of one input differ: dropout is active, or batch norm takes the statistics of the
    batch. Differences of rounding (another order of a sum on a GPU) are a hint at most.
    """
    one, other = case.pixels, sampled(case.again, case.quantization)
    if not np.isfinite(other).all() or not one.size or not case.finite:
        return None
    largest = float(abs(one - other).max())
    spread = max(float(np.ptp(one)), 1e-30)
    if largest <= NOISE * spread:
        return None
    few_bits = case.logits.kind in HALVES or case.logits.values.dtype.kind in "iu"
    changed = float((one.argmax(axis=1) != other.argmax(axis=1)).mean())
    return Claim(
        "certain" if largest > TRAINING * spread * (COARSE if few_bits else 1) else "hint",
        f"two runs of one input differ by up to {largest:.3g}, {largest / spread:.1%} of the "
        f"logits' range, and in {changed:.1%} of the labels",
        {"largest_difference": largest, "range": spread, "labels_changed": changed},
    )


@symptom(
    "dead-class",
    needs="logits",
    ranks="hint",
    cure="print(head.weight[k].abs().max(), head.bias[k])  # beside the checkpoint's",
    unless="nan-logits constant-logits untrained-head",
)
def dead_class(case: Case) -> Claim | None:
    """A class has the same logit at every pixel, where others vary: its weights are zero."""
    if len(case.pixels) < ENOUGH or case.pixels.shape[1] < 2 or not case.finite:
        return None
    spread = np.ptp(case.pixels, axis=0)
    dead = np.flatnonzero(spread == 0)
    if not len(dead) or len(dead) == len(spread):
        return None
    return Claim(
        "hint",
        f"{len(dead)} of {len(spread)} classes have the same logit at every pixel, first class "
        f"{case.name(int(dead[0]))}",
        {"classes": len(dead), "first": int(dead[0])},
    )


def confidence(pixels: Array) -> Array:
    """The largest probability of every pixel (S, C)."""
    with np.errstate(over="ignore"):
        made: Array = 1 / np.exp(pixels - pixels.max(axis=1, keepdims=True)).sum(axis=1)
    return made


def _right_anyway(case: Case) -> bool:
    """Whether most of several classes are those of the target: such logits are small, and made."""
    aligned = case.aligned
    return aligned is not None and aligned.varied and aligned.before.wrong < 0.5


def _bad_numbers(case: Case, test: Callable[[Array], Array], word: str) -> Claim | None:
    """Count values over all logits, and name the first bad channel."""
    if not case.logits.kind.startswith(("float", "bfloat")):
        return None
    total, first, channels = 0, "", set()
    for image, label, plane in planes(case.logits):
        bad = test(plane)
        if not bad.any():
            continue
        total += int(bad.sum())
        channels.add(label)
        if not first:
            y, x = (int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))
            first = f"image {image}, class {case.name(label)}, y {y}, x {x}"
    if not total:
        return None
    size = case.logits.values.size
    half = f" in {case.logits.kind}" if case.logits.kind in HALVES else ""
    return Claim(
        "certain",
        f"{total} of {size} logits are {word}{half}, in {len(channels)} of "
        f"{case.logits.values.shape[1]} channels, first channel {min(channels)}",
        {"count": total, "of": size, "channels": len(channels), "first_channel": min(channels)},
        first,
    )


def _probabilities(case: Case) -> bool:
    """Whether the sampled logits are probabilities; a constant proves nothing."""
    values = case.pixels
    few = values.shape[1] < 2 or len(values) < 16
    if few or not case.finite or not case.logits.kind.startswith(("float", "bfloat")):
        return False
    off = 2e-2 if case.logits.kind in HALVES else 1e-4
    if values.min() < 0 or values.max() > 1 + off or not np.ptp(values):
        return False
    return bool(abs(values.sum(axis=1) - 1).max() <= off)


def _inner(values: Array) -> Array | None:
    """The probabilities inside of a second softmax, or None where there was no first."""
    if values.min() <= 0 or (values.max(axis=1) / values.min(axis=1)).max() > np.e * 1.02:
        return None
    logs = np.log(values)
    inner: Array = logs + (1 - logs.sum(axis=1, keepdims=True)) / values.shape[1]
    if inner.min() < -1e-2 or inner.max() < 0.9:  # of small logits it would not be so whole
        return None
    return inner
