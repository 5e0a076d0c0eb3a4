"""Arrays whose argmax says nothing: logits of one class or value, and label maps as logits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segpost._core.arrays import FLOAT_KINDS, LABEL_KINDS, Array, InputArray, widen
from segpost._core.contract import Logits
from segpost._core.device import DeviceArray
from segpost._core.errors import warn_of_input
from segpost._core.extensions import load_native
from segpost._core.logits import InputLogits
from segpost._core.suspicious_logits import as_integers, holds_labels, library_of
from segpost._core.suspicious_probabilities import lies_in_0_to_1

SIGMOID_CONVENTION = "convention=segpost.Convention({axis}kind='probabilities')"
MASK_VALUES = (1, 127, 255)  # values of class masks, whose argmax is valid
MAX_LABEL_VALUES = 64  # different values in a sample of label maps
MIN_EQUAL_NEIGHBORS = 0.8  # share of equal neighbors in label maps, without pairs of zeros
MIN_TIES = 0.2  # share of pixels with two largest values, where two maps have the same label
MIN_PAIRS = 32  # number of neighbors that are enough to decide
MAX_UNTIED_MAPS = 8  # more label maps have ties
MAX_UNTIED_LABEL = 150  # of the largest data sets; quantized logits that are saturated are larger
MIN_UNTIED_LABELS = 3  # different values besides 0
VOID = 255
MIN_EQUAL_LOGITS = 8192  # fewer are an example
MAX_READ = 1 << 28  # of which all are read, if some are equal


try:
    are_ordinary = load_native().are_ordinary
except ImportError:  # it is not there, or cannot be loaded

    def are_ordinary(logits: Logits) -> bool:
        """Return False, as the compiled function does where it does not know."""
        return False


class CallSettings(NamedTuple):
    """The settings of a call that decide which logits are valid."""

    threshold: bool = False
    quantized: bool = False  # by quantization=, or by a convention
    crf: bool = False
    convention: bool = False
    probabilities: bool = False  # by the convention


def may_be_degenerate(logits: Logits) -> bool:
    """Whether logits have one class, are integers, or begin with a whole number on the CPU.

    Or with the value in their middle. These are two values, so that logits, of which most are no
    whole numbers and differ, cost no pass over the data.
    """
    if are_ordinary(logits):
        return False
    values, kind = logits.values, logits.kind
    if values.shape[1] == 1 or kind not in FLOAT_KINDS:
        return True
    size = values.size
    if not size or isinstance(values, DeviceArray):
        return False
    item = values.item
    first = item(0)
    is_whole = _is_whole_bfloat16 if kind == "bfloat16" else float.is_integer
    return first == item(size >> 1) or is_whole(first)


def warn_of_label_map(array: InputArray) -> None:
    """Warn of whole numbers from 0 on, as labels are, of which masks would be computed."""
    if not holds_labels(array):
        return
    values = widen(array.array, array.kind)
    if values.min() >= 0:
        warn_of_input(
            f"logits of shape {values.shape} are whole numbers from {values.min():g} to "
            f"{values.max():g}, as labels are, and a mask has all above 0: for the masks of labels "
            "compare them, labels == np.arange(classes)[:, None, None]"
        )


def _is_whole_bfloat16(bits: int) -> bool:
    """Whether the bits of a bfloat16 are those of a whole number; of an infinity, too."""
    exponent = bits >> 7 & 255
    if exponent < 127:  # below 1
        return not bits & 0x7FFF
    return exponent >= 134 or not bits & ((1 << 134 - exponent) - 1)


def refuse_degenerate_logits(
    source: InputLogits, argument_type: type, settings: CallSettings
) -> None:
    """Raise an error for logits of one class without a threshold, and for label maps (N, H, W).

    Label maps would be read as logits of N classes. They are recognized from a few thousand pixels
    of whole numbers on the CPU. Maps of 0 and 1, or of 0 and 255, may be the masks of N classes,
    and pass; of floats, all maps of one value beside 0. A few maps that are seldom equal, label
    maps with a threshold, and logits of one value are a warning.

    Raises
    ------
    ValueError
        It names the shape, what the array looks like, and the call that gives the labels.
    """
    logits, array, class_axis = source
    shape = array.array.shape
    if logits.values.shape[1] == 1 and not settings.threshold:
        cure = _cure_of_one_class(
            len(shape),
            class_axis,
            argument_type,
            settings,
            is_volume=logits.values.ndim == 5,
            is_integer=array.kind in LABEL_KINDS,
            is_labels=holds_labels(array),
            is_sigmoid=settings.probabilities or _is_sigmoid(array),
        )
        raise ValueError(
            f"logits of shape {shape} have one class on axis {class_axis}, so that the label of "
            f"every pixel would be 0; {cure}"
        )
    if isinstance(array.array, DeviceArray) or 0 in shape:
        return
    warn_of_equal_logits(array)
    if settings.threshold and not settings.quantized and holds_labels(array):
        labels = f"logits{_channel_index(len(shape), class_axis, 2)}"
        warn_of_input(
            f"threshold compares the sigmoid of logits, but these are whole numbers from "
            f"{array.array.min():g} to {array.array.max():g}, as labels are, so that every label "
            f"above 0 becomes 1: pass {as_integers(labels, argument_type)} to segpost.colorize, or "
            "compare them yourself"
        )
    if settings.quantized or len(shape) != 3 or class_axis != -3 or len(array.array) < 2:
        return
    ties = _ties_of_label_maps(array)
    if ties is None:
        return
    is_integer = array.kind in LABEL_KINDS
    labels = "logits" if is_integer else as_integers("logits", argument_type)
    appearance = (
        f"logits of shape {shape} and dtype {array.kind} look like {shape[0]} label maps: few "
        "values, in regions, "
    )
    cure = (
        f"these look like labels: segpost.colorize({labels}, palette); for logits of {shape[0]} "
        "classes pass "
    )
    if ties >= MIN_TIES:
        raise ValueError(
            f"{appearance}and at {ties:.0%} of the pixels the largest one in two maps or more; "
            f"{cure}a batch, logits[None]"
        )
    if len(array.array) <= MAX_UNTIED_MAPS and _are_untied_label_maps(array):
        warn_of_input(f"{appearance}the same ones in each map; {cure}logits[None]")


def warn_of_equal_logits(array: InputArray) -> None:
    """Warn if all logits on the CPU are one finite number: of most, a few are read."""
    values = array.array
    if values.size < MIN_EQUAL_LOGITS or isinstance(values, DeviceArray):
        return
    first = values.item(0)
    if first != values.item(values.size // 3):
        return
    if values.size > MAX_READ or not (values[..., :1, :1] == first).all():
        return
    if values.min() != first or values.max() != first:
        return
    number = float(widen(values[..., :1, :1], array.kind).item(0))
    if np.isfinite(number):
        warn_of_input(
            f"logits of shape {values.shape} are all {number + 0:g}, so that the label of every "
            "pixel is 0: does the last layer have its weights, and was its output copied? A "
            "call to warm up may ignore this"
        )


def _cure_of_one_class(
    ndim: int,
    class_axis: int,
    argument_type: type,
    settings: CallSettings,
    *,
    is_volume: bool,
    is_integer: bool,
    is_labels: bool,
    is_sigmoid: bool,
) -> str:
    """Return the call that gives the labels of logits of one class, of `ndim` dimensions."""
    axis, library = "axis=-1, " if class_axis == -1 else "", library_of(argument_type)
    labels = f"logits{_channel_index(ndim, class_axis, 3 if is_volume else 2)}"
    if is_labels:
        labels = as_integers(labels, argument_type)
        return f"these look like labels: segpost.colorize({labels}, palette)"
    if is_integer and not settings.quantized:
        head = "dequantize the output of a sigmoid head first: scale * (logits - zero_point)"
        if not is_volume and not settings.crf:
            options = f"threshold=0.5, {axis}quantization=(scale, zero_point)"
            head = f"for a quantized sigmoid head call segpost.postprocess(logits, {options})"
        return f"these look like labels: segpost.colorize({labels}, palette); {head}"
    if is_volume or settings.crf:
        first = "1 - logits" if is_sigmoid else f"{library}.zeros_like(logits)"
        both = f"{library}.concatenate([{first}, logits], axis={class_axis})"
        if not is_sigmoid:
            return f"for a sigmoid head give two classes, zeros and its own: {both}"
        convention = f", {SIGMOID_CONVENTION.format(axis=axis)}" if settings.crf else ""
        return f"the values lie in 0..1, as after a sigmoid: give two classes, {both}{convention}"
    if settings.probabilities or settings.quantized or (settings.convention and not is_sigmoid):
        return "for a sigmoid head pass threshold=0.5 too"
    if is_sigmoid:
        options = f"threshold=0.5, {SIGMOID_CONVENTION.format(axis=axis)}"
        return (
            "the values lie in 0..1, as after a sigmoid: call "
            f"segpost.postprocess(logits, {options})"
        )
    options = f"threshold=0.5, {axis}".removesuffix(", ")
    return f"for a sigmoid head call segpost.postprocess(logits, {options})"


def cure_of_preds(preds: object, array: InputArray, class_axis: int) -> str:
    """Return what to count instead of predictions that are logits of one class."""
    if array.kind in LABEL_KINDS:
        return (
            f"these look like labels: pass preds{_channel_index(array.array.ndim, class_axis, 2)}"
        )
    if _is_sigmoid(array):
        both = f"{library_of(type(preds))}.concatenate([1 - preds, preds], axis={class_axis})"
        return f"the values lie in 0..1, as after a sigmoid: give two classes, {both}"
    axis = ", axis=-1" if class_axis == -1 else ""
    call = f"segpost.ConfusionMatrix(2).update(preds, target, threshold=0.5{axis})"
    return f"for a sigmoid head call {call}"


def _channel_index(ndim: int, class_axis: int, spatial: int) -> str:
    """Return the index that removes a class axis of length 1."""
    if class_axis == -1:
        return "[..., 0]"
    return "[0]" if ndim == spatial + 1 else "[:, 0]"


def _is_sigmoid(array: InputArray) -> bool:
    """Whether all values are in 0..1, as after a sigmoid, and some are not 0."""
    return lies_in_0_to_1(array) and bool(array.array.any())


def _ties_of_label_maps(array: InputArray) -> float | None:
    """Return the share of pixels whose largest value is in two maps; None if not of label maps."""
    maps, kind = array.array, array.kind
    if _are_equal_maps(array):
        return 1.0
    middle = maps[0, maps.shape[1] // 2, :256]
    if 2 * np.count_nonzero(middle[1:] == middle[:-1]) < len(middle) - 1:  # most logits return here
        return None
    rows = slice(None, None, max(maps.shape[1] // 16, 1))
    for count, min_pairs in ((1, 0), (8, MIN_PAIRS)):
        sample = maps[:count, rows, :256]
        left, right = sample[..., :-1], sample[..., 1:]
        marked = (left != 0) | (right != 0)
        pairs, equal = np.count_nonzero(marked), np.count_nonzero((left == right) & marked)
        if pairs < min_pairs or equal < MIN_EQUAL_NEIGHBORS * pairs:
            return None
    sample = widen(sample, kind)
    values = np.unique(sample)
    marks = values[values != 0]
    is_mask = len(marks) == 1 and marks[0] in MASK_VALUES
    if len(values) > MAX_LABEL_VALUES or values[0] < -1 or is_mask:
        return None
    if kind not in LABEL_KINDS and not _are_label_maps(sample):
        return None
    columns = slice(None, None, max(maps.shape[2] // 64, 1))
    pixels = widen(maps[:, rows, columns], kind)
    sums = pixels.sum(axis=0, dtype=np.float64)
    voted = sums[sums != 0]
    if voted.size and voted.min() == voted.max():  # counts of votes; 0 where there are no data
        return None
    return float(((pixels == pixels.max(axis=0)).sum(axis=0) > 1).mean())


def _are_equal_maps(array: InputArray) -> bool:
    """Whether all maps are one of several whole numbers, in no regions: the label would be 0."""
    maps = array.array
    if maps.item(0) != maps.item(maps.size // len(maps)):  # of two maps; most return here
        return False
    rows = slice(None, None, max(maps.shape[1] // 16, 1))
    sample = maps[:, rows, :256]
    if not (maps[:, :1, :1] == maps[0, 0, 0]).all() or not (sample == sample[0]).all():
        return False
    values = np.unique(widen(sample[0], array.kind))
    are_whole = values[0] >= -1 and (values == np.rint(values)).all()
    return bool(are_whole and len(values) > MIN_UNTIED_LABELS)


def _are_label_maps(maps: Array) -> bool:
    """Whether floats are whole numbers, of which some map has two or more beside 0."""
    if not (maps == np.rint(maps)).all():
        return False
    return any(len(np.unique(one[one != 0])) > 1 for one in maps)


def _are_untied_label_maps(array: InputArray) -> bool:
    """Whether maps of a few whole numbers have the same ones, of the labels of a data set."""
    rows, columns = (slice(None, None, max(side // 64, 1)) for side in array.array.shape[1:])
    maps = widen(array.array[:, rows, columns], array.kind)
    labels = [{*np.unique(one).tolist()} - {0, VOID} for one in maps]
    everywhere = set.intersection(*labels)
    return bool(
        len(everywhere) >= max(MIN_UNTIED_LABELS, len(set.union(*labels)) // 2)
        and max(set.union(*labels)) <= MAX_UNTIED_LABEL
    )
