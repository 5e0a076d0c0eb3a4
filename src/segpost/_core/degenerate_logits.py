"""Arrays whose argmax is 0 everywhere: logits of one class, and label maps taken for logits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segpost._core.arrays import LABEL_KINDS, Array, InputArray, widen
from segpost._core.contract import Logits
from segpost._core.device import DeviceArray

SIGMOID = "convention=segpost.Convention({axis}kind='probabilities')"
MASK_VALUES = (1, 127, 255)  # of a class's mask: the argmax of masks is meant
MOST_VALUES = 64  # in a sample of label maps
SAME_NEIGHBORS = 0.8  # least share of neighbors that are equal in label maps, both being 0 apart
TIES = 0.2  # least share of pixels with two largest values: both maps have the same label there
PAIRS = 32  # least number of neighbors that show anything


class Settings(NamedTuple):
    """What the call has beside its logits."""

    spatial: int = 2
    crf: bool = False
    quantized: bool = False  # quantization=, or a convention with one
    convention: bool = False
    probabilities: bool = False  # by convention


def refuse_one_class(
    logits: object, view: Logits, given: InputArray, counted: int, settings: Settings | None = None
) -> None:
    """Refuse logits of one class without a threshold: the label of every pixel would be 0.

    `logits` is the argument, `given` and `view` are what the array layer made of it, and `counted`
    is its class axis.

    Raises
    ------
    ValueError
        It names the shape, what the array looks like, and the call that gives the labels.
    """
    if view.values.shape[1] != 1 or view.threshold is not None:
        return
    cure = _cure(_library(logits), given, counted, settings or Settings())
    raise ValueError(
        f"logits of shape {given.array.shape} have one class on axis {counted}, so that the label "
        f"of every pixel would be 0; {cure}"
    )


def _cure(library: str, given: InputArray, counted: int, settings: Settings) -> str:
    """What to call instead."""
    axis = "axis=-1, " if counted == -1 else ""
    integers = given.kind in LABEL_KINDS
    sigmoid = settings.probabilities or _lie_in_0_to_1(given)
    if integers and not settings.quantized:
        labels = f"logits{_channel(given, counted, settings.spatial)}"
        head = "dequantize the output of a sigmoid head first: scale * (logits - zero_point)"
        if settings.spatial == 2 and not settings.crf:
            options = f"threshold=0.5, {axis}quantization=(scale, zero_point)"
            head = f"for a quantized sigmoid head call segpost.postprocess(logits, {options})"
        return f"these look like labels: segpost.colorize({labels}, palette); {head}"
    if settings.spatial == 3 or settings.crf:
        first = "1 - logits" if sigmoid else f"{library}.zeros_like(logits)"
        both = f"{library}.concatenate([{first}, logits], axis={counted})"
        if not sigmoid:
            return f"for a sigmoid head give two classes, zeros and its own: {both}"
        told = f", {SIGMOID.format(axis=axis)}" if settings.crf else ""
        return f"the values lie in 0..1, as after a sigmoid: give two classes, {both}{told}"
    if settings.probabilities or settings.quantized or (settings.convention and not sigmoid):
        return "for a sigmoid head pass threshold=0.5 too"
    if sigmoid:
        options = f"threshold=0.5, {SIGMOID.format(axis=axis)}"
        return (
            "the values lie in 0..1, as after a sigmoid: call "
            f"segpost.postprocess(logits, {options})"
        )
    options = f"threshold=0.5, {axis}".removesuffix(", ")
    return f"for a sigmoid head call segpost.postprocess(logits, {options})"


def cure_of_preds(preds: object, given: InputArray, counted: int) -> str:
    """What to count instead of logits of one class."""
    if given.kind in LABEL_KINDS:
        return f"these look like labels: pass preds{_channel(given, counted, 2)}"
    if _lie_in_0_to_1(given):
        both = f"{_library(preds)}.concatenate([1 - preds, preds], axis={counted})"
        return f"the values lie in 0..1, as after a sigmoid: give two classes, {both}"
    axis = ", axis=-1" if counted == -1 else ""
    call = f"segpost.ConfusionMatrix(2).update(preds, target, threshold=0.5{axis})"
    return f"for a sigmoid head call {call}"


def _channel(given: InputArray, counted: int, spatial: int) -> str:
    """The index that takes the channel away."""
    if counted == -1:
        return "[..., 0]"
    return "[0]" if given.array.ndim == spatial + 1 else "[:, 0]"


def _lie_in_0_to_1(given: InputArray) -> bool:
    """Whether floats on the CPU are shares, and not all 0."""
    if given.kind in LABEL_KINDS or isinstance(given.array, DeviceArray) or not given.array.size:
        return False
    values = widen(given.array, given.kind)
    return bool(values.min() >= 0 and 0 < values.max() <= 1)


def _library(array: object) -> str:
    """The name by which examples call the library of an array."""
    module = type(array).__module__.partition(".")[0]
    return module if module in ("torch", "cupy") else "np"


def refuse_label_maps(logits: object, given: InputArray, counted: int) -> None:
    """Refuse a batch of label maps (N, H, W), which would be taken for logits of N classes.

    Looks at a few thousand pixels of integers on the CPU. Maps of 0 and 1, or of 0 and 255, may be
    the masks of N classes, and pass.

    Raises
    ------
    ValueError
        It names the shape, what was seen, and the calls for labels and for logits.
    """
    array = given.array
    if array.ndim != 3 or counted != -3 or len(array) < 2 or given.kind not in LABEL_KINDS:
        return
    if isinstance(array, DeviceArray) or 0 in array.shape:
        return
    ties = _ties_of_label_maps(array)
    if ties is None:
        return
    floats = "logits.float()" if _library(logits) == "torch" else "logits.astype('float32')"
    raise ValueError(
        f"logits of shape {array.shape} and dtype {given.kind} look like {len(array)} label maps: "
        f"few values, in regions, and at {ties:.0%} of the pixels the largest one in two maps or "
        "more; these look like labels: segpost.colorize(logits, palette); for logits of "
        f"{len(array)} classes pass {floats}"
    )


def _ties_of_label_maps(array: Array) -> float | None:
    """The share of pixels that are equal in two maps, or None of what are no label maps."""
    middle = array[0, array.shape[1] // 2, :256]
    if 2 * np.count_nonzero(middle[1:] == middle[:-1]) < len(middle) - 1:  # most logits end here
        return None
    rows = slice(None, None, max(array.shape[1] // 16, 1))
    if not _in_regions(array[:1, rows, :256], 0):
        return None
    some = array[:8, rows, :256]
    if not _in_regions(some, PAIRS):
        return None
    values = np.unique(some)
    marks = values[values != 0]
    if len(values) > MOST_VALUES or values[0] < -1 or (len(marks) == 1 and marks[0] in MASK_VALUES):
        return None
    columns = slice(None, None, max(array.shape[2] // 64, 1))
    pixels = array[:, rows, columns]
    sums = pixels.sum(axis=0, dtype=np.float64)
    if sums.min() == sums.max():  # counts of votes
        return None
    ties = float(((pixels == pixels.max(axis=0)).sum(axis=0) > 1).mean())
    return ties if ties >= TIES else None


def _in_regions(some: Array, least: int) -> bool:
    """Whether neighbors in a row are equal, those apart that are both 0."""
    left, right = some[..., :-1], some[..., 1:]
    marked = (left != 0) | (right != 0)
    count = int(np.count_nonzero(marked))
    return count >= least and int(((left == right) & marked).sum()) >= SAME_NEIGHBORS * count
