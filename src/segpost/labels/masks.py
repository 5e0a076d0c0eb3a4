"""`binarize`: masks of sigmoid heads, with upsampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict, get_args, overload

import numpy as np
import numpy.typing as npt

from segpost._backends import registry
from segpost._backends.codes import compress_each
from segpost._core import arguments, errors, rle
from segpost._core.arguments import Check, NanRule
from segpost._core.array_types import ArrayT, HostArray, LabelArray, SupportsArray
from segpost._core.arrays import LABEL_KINDS, Array, OutputArray, allocate_output
from segpost._core.contract import LogitErrors, Logits
from segpost._core.degenerate_logits import may_be_degenerate, warn_of_label_map
from segpost._core.logits import InputLogits, as_logits, check_quantized, resolve_quantization
from segpost._core.run_lengths import RunLengths, keep_connected
from segpost._core.sampling import Grid
from segpost._core.suspicious_logits import volume_cure, warn_of_layout
from segpost._core.suspicious_probabilities import warn_of_probabilities
from segpost._core.suspicious_sizes import check_sides
from segpost._core.thresholds import as_thresholds, cutoffs
from segpost._core.unknown_names import explain_arguments
from segpost.labels.mask_outputs import as_class_order, mask_output, paint_labels, paint_masks
from segpost.labels.volume_masks import binarize_volumes, volume_output, warn_of_axes
from segpost.labels.volumes import are_volumes, resolve_nearest_axis
from segpost.spatial.letterbox import Letterbox
from segpost.spatial.resampling import plan_resampling

if TYPE_CHECKING:
    from typing_extensions import Unpack

MaskEncoding = Literal["mask", "bits", "rle", "labels"]
ENCODINGS: tuple[str, ...] = get_args(MaskEncoding)
PixelEncoding = Literal["mask", "bits", "labels"]
Probability = float | Sequence[float] | npt.NDArray[Any]


class BinarizeSettings(TypedDict, total=False):
    """The arguments of `binarize` that decide nothing about the type of its result."""

    threshold: Probability
    size: Sequence[int] | None
    grid: Grid
    letterbox: Letterbox | None
    scale: float | Sequence[float] | None
    axis: int | None
    volume: bool | None
    nearest_axis: int | None
    quantization: tuple[float, float] | None
    hysteresis: tuple[Probability, Probability] | None
    class_order: Sequence[int] | None
    nan: NanRule
    check: Check


@overload
def binarize(
    logits: Any, *, encoding: Literal["rle"], **settings: Unpack[BinarizeSettings]
) -> list[Any]: ...
@overload
def binarize(
    logits: HostArray,
    *,
    encoding: PixelEncoding = ...,
    out: npt.NDArray[Any] | None = ...,
    **settings: Unpack[BinarizeSettings],
) -> LabelArray: ...
@overload
def binarize(
    logits: ArrayT,
    *,
    encoding: PixelEncoding = ...,
    out: ArrayT | None = ...,
    **settings: Unpack[BinarizeSettings],
) -> ArrayT: ...
@overload
def binarize(
    logits: SupportsArray,
    *,
    encoding: PixelEncoding = ...,
    out: npt.NDArray[Any] | None = ...,
    **settings: Unpack[BinarizeSettings],
) -> LabelArray: ...
@explain_arguments
def binarize(
    logits: Any,
    *,
    threshold: Probability = 0.5,
    size: Sequence[int] | None = None,
    grid: Grid = "half_pixel",
    letterbox: Letterbox | None = None,
    scale: float | Sequence[float] | None = None,
    encoding: MaskEncoding = "mask",
    axis: int | None = None,
    volume: bool | None = None,
    nearest_axis: int | None = None,
    quantization: tuple[float, float] | None = None,
    hysteresis: tuple[Probability, Probability] | None = None,
    class_order: Sequence[int] | None = None,
    nan: NanRule = "raise",
    check: Check = "sync",
    out: Any = None,
) -> Any:
    """Compute the masks of sigmoid heads: where the sigmoid exceeds a threshold, after upsampling.

    Multi-label heads, instance masks, and the masks of SAM have a sigmoid for every channel.
    Floats of the output size are never in memory.

    Parameters
    ----------
    logits : array of shape (C, h, w) or (N, C, h, w)
        As in `argmax`, of images or volumes; C is the number of masks. Before the sigmoid.
        Integers need `quantization`.
    threshold : float, or one a class
        A probability in 0..1. A pixel is set where sigmoid(v) > threshold, with v its interpolated
        logit: where v > ln(threshold / (1 - threshold)), compared without a rounding error. At
        0.5 that is v > 0; at 0 every pixel is set but those of -inf, at 1 none.
    size, grid, letterbox, scale
        As in `argmax`.
    encoding : {"mask", "bits", "rle", "labels"}
        "mask": uint8 of 0 and 1. "bits": eight pixels of a row in one byte, as of
        ``numpy.packbits(mask, axis=-1)`` along the width. "rle": COCO's run-length codes, equal to
        those of pycocotools. "labels": one label map, in which later classes cover earlier ones,
        as of nnU-Net's regions.
    axis : int, optional
        The class axis, -3 (default; of volumes -4) or -1; masks have it, too.
    volume, nearest_axis : optional
        As in `argmax`. Volumes have the encodings "mask" and "labels", without hysteresis.
    quantization : (scale, zero_point), optional
        A real logit is scale * (value - zero_point).
    hysteresis : (low, high), optional
        Two probabilities, each one number or one a class, instead of `threshold`. Pixels above
        `low` are set that are connected, by their four neighbors, to a pixel above `high`.
    class_order : sequence of int, optional
        For "labels": the label of every channel, from 1 on by default, in the order in which
        they are written: nnU-Net's ``regions_class_order``. Pixels of no class are 0, too,
        where a class has that label.
    nan : {"raise", "propagate"}
        NaN is an error, or its pixels are not set, as in NumPy and torch.
    check : {"sync", "deferred", "off"}
        As in `argmax`.
    out : array of the result's shape and dtype, optional
        Where to write; not for "rle".

    Returns
    -------
    masks : uint8 array of shape (C, H, W) or (N, C, H, W)
        For "mask", of the array type of `logits`. For "bits" W is ceil(W / 8).
    codes : list of dict
        For "rle": ``{"size": [H, W], "counts": bytes}`` for every class; of a batch, a list of them
        for every image.
    labels : array of shape (H, W) or (N, H, W)
        For "labels": uint8 if all labels are up to 255, else int32.

    Raises
    ------
    ValueError
        For thresholds outside 0..1, or not one for every class; for NaN, and where infinities meet;
        for a wrong shape, axis, size or grid.
    TypeError
        For elements or devices that segpost cannot read; for integers without `quantization`.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> logits = np.float32([[[-1, 3]], [[2, -4]]])  # two masks, 1 x 2
    >>> segpost.binarize(logits, size=(1, 4))
    array([[[0, 0, 1, 1]],
    <BLANKLINE>
           [[1, 1, 0, 0]]], dtype=uint8)
    >>> segpost.binarize(logits, size=(1, 4), threshold=[0.5, 0.9], encoding="labels")
    array([[0, 0, 1, 1]], dtype=uint8)
    >>> segpost.binarize(logits, size=(1, 4), encoding="rle")[0]
    {'size': [1, 4], 'counts': b'22'}
    """
    for value, name, allowed in (
        (nan, "nan", arguments.NAN_RULES),
        (check, "check", arguments.CHECKS),
        (encoding, "encoding", ENCODINGS),
    ):
        arguments.check_choice(value, name, allowed)
    is_volume = are_volumes(volume, axis, size)
    spatial = 3 if is_volume else 2
    source = as_logits(logits, -spatial - 1 if axis is None else axis, spatial, min_classes=0)
    quantization = resolve_quantization(quantization)
    may_be_volume = axis is None and volume is None
    _check_values(source, quantization, volume_cure(size) if may_be_volume else "")
    shape = source.logits.values.shape
    levels = _as_levels(threshold, hysteresis, shape[1])
    order = as_class_order(class_order, shape[1], encoding)
    nearest = resolve_nearest_axis(nearest_axis, is_volume)
    if is_volume:
        _refuse_encoding(encoding, hysteresis)
    plan = _plan(source, levels, size, grid, letterbox, scale, nearest, quantization or (1.0, 0.0))
    if encoding == "rle":
        if out is not None:
            raise ValueError('out is for arrays; encoding="rle" returns a list')
        codes = _codes(plan, nan, check)
        return codes if source.array.array.ndim == 4 else codes[0]
    if is_volume:
        warn_of_axes(source, plan.size, is_axis_default=axis is None)
        values = order if encoding == "labels" else None
        output = volume_output(out, plan.shape, source, values)
        if output.masks.size:
            counts = binarize_volumes(
                plan.logits, plan.axes, plan.cutoffs, values, output.masks, check
            )
            _raise_bad_values(counts, plan, nan)
        return output.result()
    if encoding == "labels":
        return _labels(plan, source, order, nan, check, out).result()
    return _masks(plan, source, encoding == "bits", nan, check, out)


class _Plan(NamedTuple):
    """Checked arguments: logits (N, C, h, w), and the cutoffs of their weighted sums."""

    logits: Logits
    axes: Any  # Axes, of volumes VolumeAxes, or None
    cutoffs: Array  # [C] float64
    low: Array | None  # those of hysteresis: smaller or equal
    size: tuple[int, ...]  # (H, W), of volumes (D, H, W)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the masks, (N, C, H, W) or (N, C, D, H, W)."""
        return (*self.logits.values.shape[:2], *self.size)


def _check_values(
    source: InputLogits, quantization: tuple[float, float] | None, cure_of_volumes: str
) -> None:
    """Refuse integers without a quantization, and warn of a wrong axis and of probabilities."""
    kind = source.array.kind
    check_quantized(kind, quantization)
    if kind in LABEL_KINDS and quantization is None:
        raise TypeError(
            f"logits are {kind}: pass quantization=(scale, zero_point) of the network's output; a "
            "sigmoid of raw integers means nothing; of bytes that are probabilities take "
            "logits > 127"
        )
    if may_be_degenerate(source.logits) and quantization is None:
        warn_of_label_map(source.array)
    if source.logits.values.ndim == 4:
        warn_of_layout(source.array, source.class_axis, cure_of_volumes)
    warn_of_probabilities(
        source.array, "logits", "compare them yourself, or pass np.log(logits / (1 - logits))"
    )


def _refuse_encoding(encoding: str, hysteresis: object) -> None:
    """Refuse what volumes do not have."""
    if encoding not in ("mask", "labels"):
        raise ValueError(
            f'encoding={encoding!r} is for images: volumes have "mask" and "labels"; for the bits '
            "call numpy.packbits(masks, axis=-1)"
        )
    if hysteresis is not None:
        raise ValueError("hysteresis is for images, got logits of volumes: pass threshold=")


def _as_levels(
    threshold: object, hysteresis: object, classes: int
) -> tuple[tuple[float, ...], tuple[float, ...] | None]:
    """Return the thresholds of every class, and the lower ones of hysteresis."""
    if hysteresis is None:
        levels = as_thresholds(threshold, classes)
        if levels and levels[0] in (0.0, 1.0) and len({*levels}) == 1:
            which = "no pixel" if levels[0] else "every pixel"
            errors.warn_of_input(
                f"threshold={levels[0]:g} sets {which}: it is compared with the sigmoid of logits; "
                "for logits above 0 pass threshold=0.5"
            )
        return levels, None
    if not (isinstance(threshold, float) and threshold == 0.5):
        raise ValueError(
            f"threshold and hysteresis exclude each other, got threshold={threshold!r}: the two "
            "of hysteresis are enough"
        )
    if not isinstance(hysteresis, (tuple, list)) or len(hysteresis) != 2:
        raise ValueError(f"hysteresis must be (low, high), got {hysteresis!r}")
    low, high = (
        as_thresholds(value, classes, f"hysteresis' {name} threshold")
        for value, name in zip(hysteresis, ("low", "high"), strict=True)
    )
    bad = [i for i, (a, b) in enumerate(zip(low, high, strict=True)) if a > b]
    if bad:
        first = bad[0]
        raise ValueError(
            f"hysteresis must be (low, high), but low is above high for {len(bad)} of {classes} "
            f"classes, first {low[first]} above {high[first]} for class {first}"
        )
    return high, low


def _plan(
    source: InputLogits,
    levels: tuple[tuple[float, ...], tuple[float, ...] | None],
    size: Sequence[int] | None,
    grid: Grid,
    letterbox: Letterbox | None,
    scale: float | Sequence[float] | None,
    nearest: int | None,
    quantization: tuple[float, float],
) -> _Plan:
    """Plan the resampling, and compute the cutoffs."""
    logits, array, class_axis = source
    grid_size = logits.values.shape[2:]
    is_image = len(grid_size) == 2
    has_size = size is not None and letterbox is None and grid_size[0] != grid_size[1]
    output, axes, region, origin = plan_resampling(grid_size, size, grid, letterbox, scale, nearest)
    if has_size and is_image:
        check_sides(grid_size, output, array.array.shape if class_axis == -3 else None)
    if region is not None:
        logits = logits._replace(values=logits.values[region], origin=origin)
    high, low = levels
    return _Plan(
        logits,
        axes,
        cutoffs(high, axes, quantization),
        None if low is None else cutoffs(low, axes, quantization),
        output,
    )


def _runs(plan: _Plan, nan: str, check: str) -> RunLengths:
    """Return the runs of all masks."""
    backend = registry.backend(plan.logits.values, check=check, operation="binarize_runs")
    runs, counts = backend.binarize_runs(plan.logits, plan.axes, plan.cutoffs)
    _raise_bad_values(counts, plan, nan)
    if plan.low is None:
        return runs
    low, _ = backend.binarize_runs(plan.logits, plan.axes, plan.low)
    return keep_connected(low, runs, (plan.size[0], plan.size[1]))


def _raise_bad_values(counts: LogitErrors, plan: _Plan, nan: str) -> None:
    """Raise an error for NaN and for undefined pixels, unless they propagate."""
    if nan == "raise":
        errors.raise_bad_masks(counts, plan.logits, plan.shape)


def _codes(plan: _Plan, nan: str, check: str) -> list[list[rle.Rle]]:
    """Return the run-length codes of the masks of every image."""
    n, classes, height, width = plan.shape
    if 0 in plan.shape:
        return [[{"size": [height, width], "counts": b"0"}] * classes for _ in range(n)]
    counts = compress_each(*_runs(plan, nan, check))
    codes: list[rle.Rle] = [{"size": [height, width], "counts": code} for code in counts]
    return [codes[i * classes : (i + 1) * classes] for i in range(n)]


def _labels(
    plan: _Plan, source: InputLogits, order: Array, nan: str, check: str, out: object
) -> OutputArray:
    """Return the output with the labels of the last class that is set."""
    n, _, height, width = plan.shape
    array, is_batch = source.array, source.array.array.ndim == 4
    dtype = np.uint8 if order.max(initial=0) <= 255 else np.int32
    shape = (n, height, width) if is_batch else (height, width)
    output = allocate_output(out, shape, dtype, array.wrap, array.array, packed=1)
    labels = output.array if is_batch else output.array[None]
    if 0 in plan.shape:
        labels[...] = 0
    elif plan.low is not None:
        paint_labels(_runs(plan, nan, check), order, labels)
    else:
        backend = registry.backend(
            plan.logits.values, labels, check=check, operation="binarize_labels"
        )
        counts = backend.binarize_labels(plan.logits, plan.axes, plan.cutoffs, order, labels)
        _raise_bad_values(counts, plan, nan)
    return output


def _masks(
    plan: _Plan, source: InputLogits, packed: bool, nan: str, check: str, out: object
) -> Any:
    """Return the masks, or their bits, as the caller's kind of array."""
    n, classes, height, width = plan.shape
    shape = (n, classes, height, -(-width // 8) if packed else width)
    output = mask_output(out, shape, source)
    if 0 in plan.shape:
        return output.result()
    if plan.low is not None:
        paint_masks(_runs(plan, nan, check), output.masks, width, packed)
    else:
        backend = registry.backend(
            plan.logits.values, output.masks, check=check, operation="binarize"
        )
        counts = backend.binarize(plan.logits, plan.axes, plan.cutoffs, output.masks, packed)
        _raise_bad_values(counts, plan, nan)
    return output.result()
