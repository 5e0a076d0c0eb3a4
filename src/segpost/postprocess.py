"""Everything after the network, in one call."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from segpost import _checks, _dispatch, _gpu_crf
from segpost._arrays import Array, Incoming, Outgoing, label_dtype, outgoing
from segpost._device import DeviceArray, place_of
from segpost._dispatch import Logits
from segpost.colors import Palette, as_palette
from segpost.crf import DenseCRF
from segpost.geometry import Axes
from segpost.palette import overlay as lay_over
from segpost.segmentation import Segmentation

WANTED = ("labels", "confidence", "probabilities", "color", "overlay")
CONFIDENCE_MODES = ("exact", "fast")
CONFIDENCE_DTYPES = ("float32", "uint8")


def postprocess(
    logits: Any,
    *,
    axis: int = -3,
    size: tuple[int, int] | None = None,
    grid: str = "half_pixel",
    image: Any = None,
    palette: Palette | str | None = None,
    alpha: Any = 0.5,
    crf: DenseCRF | str | None = None,
    threshold: float | None = None,
    quantization: tuple[float, int] | None = None,
    confidence_mode: str = "exact",
    confidence_dtype: str = "float32",
    nan: str = "raise",
    check: str = "sync",
    want: Iterable[str] = ("labels",),
) -> Segmentation:
    """Labels, confidence, colors and overlay of a network's logits, upsampled on the way.

    Parameters
    ----------
    logits : array of shape (C, h, w) or (N, C, h, w)
        As in `argmax`; channels last with ``axis=-1``.
    axis : int
        The class axis, -3 or -1.
    size : (H, W), optional
        Size of everything that comes out; that of the logits where left out. No full-size logits
        are ever made.
    grid : {"half_pixel", "align_corners", "asymmetric"}
        As in `argmax`.
    image : uint8 array of shape (H, W, 3) or (N, H, W, 3), optional
        The photograph, for the overlay, for `crf` and for `Segmentation.figure`.
    palette : Palette or str, optional
        Needed for "color" and "overlay"; also used by `Segmentation.save`.
    alpha : float or sequence of floats
        Weight of the colors in the overlay, as in `overlay`.
    crf : DenseCRF or {"pydensecrf", "deeplab"}, optional
        Refine the probabilities along the edges of the image: everything that comes out follows
        from the refined ones. All probabilities are made at full size for it. `nan` has no say
        then: NaN is an error.
    threshold : float, optional
        For a one-channel sigmoid head: label 1 where sigmoid(logit) > threshold. The comparison is
        made on logits, exactly: logit > log(threshold / (1 - threshold)), rounded to the logits'
        precision.
    quantization : (scale, zero_point), optional
        For int8 or uint8 logits (TFLite, ONNX): a real logit is scale * (value - zero_point).
        Labels do not depend on it; confidence and probabilities do.
    confidence_mode : {"exact", "fast"}
        Confidence within 1e-6 of float64, or within 1e-5 where that is faster. (Upsampled, that is
        what rounding errors come to, 3e-7 at most where it was measured; 4e-6 is what is proven.)
    confidence_dtype : {"float32", "uint8"}
        "uint8" is for who only shows it: ``np.rint(255 * confidence)``, of which backends may
        differ by 1 where the confidence is next to a tie; 0 where `nan` lets there be none.
    nan : {"raise", "propagate"}
        As in `argmax` and `softmax`.
    check : {"sync", "deferred", "off"}
        As in `argmax`.
    want : iterable of {"labels", "confidence", "probabilities", "color", "overlay"}
        What to make. Confidence is the probability of the label.

    Returns
    -------
    segmentation : Segmentation
        Its fields are None where not asked for, and arrays of the kind of `logits` otherwise:
        labels (N, H, W) uint8 or int32, confidence (N, H, W) of `confidence_dtype`, probabilities
        (N, C, H, W) float32 (class axis where the logits have it), color and overlay (N, H, W, 3)
        uint8; without N where the logits have none.

    Raises
    ------
    ValueError, TypeError
        For anything that does not fit together: the message names the argument, what came and where
        the first bad value is.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> logits = np.zeros((21, 2, 2), np.float32)
    >>> logits[15, :, 1] = 9.0
    >>> seg = segpost.postprocess(logits, size=(4, 4), palette="voc", want=("labels", "color"))
    >>> seg.labels[0], seg.color[0, -1]
    (array([ 0, 15, 15, 15], dtype=uint8), array([192, 128, 128], dtype=uint8))
    """
    plan, view, picture = planned(
        logits,
        image,
        axis=axis,
        size=size,
        grid=grid,
        palette=palette,
        alpha=alpha,
        crf=crf,
        threshold=threshold,
        quantization=quantization,
        confidence_mode=confidence_mode,
        confidence_dtype=confidence_dtype,
        nan=nan,
        check=check,
        want=want,
    )
    return segmentation(plan, picture, run(plan, view, picture))


class Plan(NamedTuple):
    """What is made of logits of one shape and type, checked, and the memory for it."""

    batch: slice  # the axes of results
    counted: int  # the class axis
    view: Logits  # the first of them
    axes: Axes | None
    shape: tuple[int, int, int]
    chosen: Palette | None
    lut: Array | None
    alpha: Any
    refiner: DenseCRF | None
    wanted: set[str]
    fast: bool
    nan: str
    check: str
    labels: Outgoing
    color: Outgoing | None
    overlay: Outgoing | None
    confidence: Outgoing | None
    probabilities: Outgoing | None  # None of refined ones, which are new every time


def planned(
    logits: Any,
    image: Any,
    *,
    axis: int = -3,
    size: tuple[int, int] | None = None,
    grid: str = "half_pixel",
    palette: Palette | str | None = None,
    alpha: Any = 0.5,
    crf: DenseCRF | str | None = None,
    threshold: float | None = None,
    quantization: tuple[float, int] | None = None,
    confidence_mode: str = "exact",
    confidence_dtype: str = "float32",
    nan: str = "raise",
    check: str = "sync",
    want: Iterable[str] = ("labels",),
) -> tuple[Plan, Logits, Array | None]:
    """A plan, and views of what it is carried out with first."""
    view, given, counted = _checks.logits_view(logits, axis)
    _checks.one_of(nan, "nan", _checks.NAN_RULES)
    _checks.one_of(check, "check", _checks.CHECKS)
    _checks.one_of(confidence_mode, "confidence_mode", CONFIDENCE_MODES)
    _checks.one_of(confidence_dtype, "confidence_dtype", CONFIDENCE_DTYPES)
    wanted = checked_want(want)
    refiner = _refiner(crf, threshold)
    chosen = None if palette is None else as_palette(palette)
    view = _with_quantization(view, quantization, wanted | ({"crf"} if refiner else set()))
    view = with_threshold(view, threshold)
    classes = view.values.shape[1] if view.threshold is None else 2
    if chosen is not None:
        _check_palette(chosen, classes, given, counted)
    elif wanted & {"color", "overlay"}:
        name = "color" if "color" in wanted else "overlay"
        raise ValueError(f'want has "{name}", which needs palette=')
    axes = _checks.resampling(view, size, grid)
    shape = _checks.output_shape(view, axes)
    picture = pictured(image, shape, wanted)
    if view.threshold is None:
        _checks.one_channel_warning(view)

    batch = slice(4 - given.array.ndim, None)

    def make(name: str, full: tuple[int, ...], dtype: Any) -> Outgoing | None:
        if name not in wanted:
            return None
        return outgoing(None, full, dtype, given.wrap, given.array)

    labels = outgoing(None, shape, label_dtype(classes), given.wrap, given.array)
    color = make("color", (*shape, 3), np.uint8)
    overlay = make("overlay", (*shape, 3), np.uint8)
    confidence = make("confidence", shape, np.dtype(confidence_dtype))
    n, c = view.values.shape[:2]
    spread = (n, c, *shape[1:]) if counted == -3 else (*shape, c)
    probabilities = None  # refined ones are there before
    if refiner is None or not math.prod(shape):
        probabilities = make("probabilities", spread, np.float32)
    lut = None if chosen is None else class_colors(chosen, classes)
    checked = batch, counted, view, axes, shape, chosen, lut, alpha, refiner, wanted
    made = labels, color, overlay, confidence, probabilities
    return Plan(*checked, confidence_mode == "fast", nan, check, *made), view, picture


def run(plan: Plan, view: Logits, picture: Array | None) -> Outgoing | None:
    """Fill the memory of a plan, from logits like its own; also the probabilities."""
    _, counted, _, axes, shape, chosen, lut, alpha, refiner, wanted, fast, nan, check = plan[:13]
    labels, color, overlay, confidence, probabilities = plan[13:]
    if math.prod(shape):
        backend = _dispatch.backend(view.values, picture, check=check)
        painted = None if color is None else color.array
        if refiner is not None:
            view, axes = _refined(refiner, view, axes, shape, picture, nan), None
        sure = None if confidence is None or refiner is not None else confidence.array
        out = None if probabilities is None else probabilities.array
        if out is not None and counted == -1:
            out = out.transpose(0, 3, 1, 2)
        beside = sure if out is None else None
        report = backend.argmax(view, axes, labels.array, painted, lut, beside, fast)
        if nan == "raise":
            if beside is not None:
                _checks.raise_undefined(report, view, shape)
            _checks.raise_bad_logits(report, view, shape)
        if refiner is not None:
            if "probabilities" in wanted:
                q = view.values if counted == -3 else view.values.transpose(0, 2, 3, 1)
                probabilities = Outgoing(q, labels.wrap)
            if confidence is not None:
                _largest(view.values, confidence.array)
        elif out is not None:
            report = backend.softmax(view, axes, out, sure)
            if nan == "raise":
                _checks.raise_undefined(report, view, shape)
        if overlay is not None and picture is not None and chosen is not None:
            lay_over(picture, labels.array, chosen, alpha=alpha, check=check, out=overlay.array)
    return probabilities


def segmentation(plan: Plan, picture: Array | None, probabilities: Outgoing | None) -> Segmentation:
    """What is in the memory of a plan, as the caller's kind of array."""
    batch = plan.batch

    def done(made: Outgoing | None) -> Any:
        if made is None:
            return None
        return made.wrap(made.array.reshape(made.array.shape[batch]))

    return Segmentation(
        labels=done(plan.labels if "labels" in plan.wanted else None),
        confidence=done(plan.confidence),
        probabilities=done(probabilities),
        color=done(plan.color),
        overlay=done(plan.overlay),
        palette=plan.chosen,
        image=None if picture is None else picture.reshape(picture.shape[batch]),
    )


def _refiner(crf: object, threshold: object) -> DenseCRF | None:
    """What refines probabilities of images."""
    if crf is None:
        return None
    chosen = DenseCRF.preset(crf) if isinstance(crf, str) else crf
    if not isinstance(chosen, DenseCRF):
        raise TypeError(f"crf must be a DenseCRF or the name of a preset, got {crf!r}")
    if chosen.unary != "probabilities" or chosen.volume:
        what = "volume=True" if chosen.volume else f"unary={chosen.unary!r}"
        raise ValueError(
            f"crf has {what}, but postprocess refines the probabilities of images that it makes "
            "of the logits: leave that out"
        )
    if threshold is not None:
        raise ValueError(
            "crf needs probabilities of two labels, a head with threshold= has one; call "
            "segpost.dense_crf(np.stack([1 - p, p]), image) with the sigmoid p"
        )
    return replace(chosen, axis=None)


def _refined(
    crf: DenseCRF,
    view: Logits,
    axes: Axes | None,
    shape: tuple[int, int, int],
    picture: Array | None,
    nan: str,
) -> Logits:
    """Probabilities at full size after the CRF: their largest is where that of logits would be."""
    n, classes = view.values.shape[:2]
    made = place_of(view.values).empty((n, classes, *shape[1:]), np.float32)
    report = _dispatch.backend(view.values).softmax(view, axes, made, None)
    if nan == "raise":
        _checks.raise_undefined(report, view, shape)
    return Logits(crf(made, picture), "float32")


def _largest(values: Array, out: Array) -> None:
    """Of every pixel, over axis 1."""
    if isinstance(values, DeviceArray):
        _gpu_crf.largest(values, out)
    elif out.dtype == np.uint8:
        np.rint(255 * values.max(axis=1), out=out, casting="unsafe")
    else:
        values.max(axis=1, out=out)


def class_colors(palette: Palette, classes: int) -> Array:
    """Packed colors of the classes, void's where a class is the palette's `ignore_index`."""
    packed = palette.packed()
    lut = packed[:classes].copy()
    if palette.ignore_index is not None and 0 <= palette.ignore_index < classes:
        lut[palette.ignore_index] = packed[-1]
    return lut


def checked_want(want: Iterable[str]) -> set[str]:
    """The names of what is to be made."""
    if isinstance(want, str):
        raise TypeError(f"want must be a collection of names such as ({want!r},), got {want!r}")
    names = list(want)
    for name in names:
        _checks.one_of(name, "want", WANTED)
    if not names:
        raise ValueError(f"want is empty; it takes any of {', '.join(map(repr, WANTED))}")
    return set(names)


def _with_quantization(view: Logits, quantization: object, wanted: set[str]) -> Logits:
    integers = not view.kind.startswith(("float", "bfloat"))
    if quantization is None:
        missing = wanted & {"confidence", "probabilities", "crf"}
        if integers and missing:
            raise TypeError(
                f"logits are {view.kind}: for {' and '.join(sorted(missing))} pass "
                "quantization=(scale, zero_point); a softmax of raw integers means nothing"
            )
        return view
    if not integers:
        raise TypeError(f"quantization is for integer logits, got {view.kind}")
    if not isinstance(quantization, (tuple, list)) or len(quantization) != 2:
        raise ValueError(f"quantization must be (scale, zero_point), got {quantization!r}")
    scale, zero_point = quantization
    for name, number in (("scale", scale), ("zero_point", zero_point)):
        if isinstance(number, bool) or not isinstance(number, (numbers.Real, np.number)):
            raise TypeError(
                f"quantization's {name} must be one number, got {number!r}; with a scale for each "
                "class the raw values cannot be compared: dequantize first"
            )
    if not (math.isfinite(scale) and scale > 0 and math.isfinite(zero_point)):
        raise ValueError(f"quantization's scale must be positive and finite, got {quantization!r}")
    return view._replace(scale=float(scale), zero_point=float(zero_point))


def with_threshold(view: Logits, threshold: object) -> Logits:
    """A one-channel head's logits with the logit at which class 1 begins."""
    if threshold is None:
        return view
    classes = view.values.shape[1]
    if classes != 1:
        raise ValueError(f"threshold is for logits of one class, got {classes}")
    if isinstance(threshold, bool) or not isinstance(threshold, (numbers.Real, np.number)):
        raise TypeError(f"threshold must be a number, got {threshold!r}")
    probability = float(threshold)
    if not 0.0 < probability < 1.0:
        raise ValueError(f"threshold is a probability between 0 and 1, got {threshold!r}")
    level = math.log(probability / (1.0 - probability))
    return view._replace(threshold=level / view.scale + view.zero_point)


def _check_palette(palette: Palette, classes: int, given: Incoming, counted: int) -> None:
    """Refuse a palette that is too short, or that shows that another axis holds the classes.

    A palette of 256 colors (all that uint8 can say) and a one-channel head show nothing.
    """
    other = -1 if counted == -3 else -3
    fits_other = given.array.shape[other] == len(palette) != classes
    telling = given.array.shape[counted] > 1 and len(palette) != 256
    if classes <= len(palette) and not (fits_other and telling):
        return
    hint = ""
    if fits_other:
        hint = (
            f"; axis {other} of shape {given.array.shape} has {len(palette)}: pass axis={other}, "
            f"or a palette of {classes} colors if axis {counted} is right"
        )
    raise ValueError(
        f"logits have {classes} classes on axis {counted}, "
        f"but palette has {len(palette)} colors{hint}"
    )


def pictured(image: object, shape: tuple[int, int, int], wanted: set[str]) -> Array | None:
    """The photograph, of the size of what comes out."""
    if image is None:
        if "overlay" in wanted:
            raise ValueError('want has "overlay", which needs image=')
        return None
    array = _checks.image_view(image, kept=True).array
    if array.ndim == 3:
        array = array[None]
    if array.shape[0] != shape[0]:
        raise ValueError(f"image has {array.shape[0]} images, logits have {shape[0]}")
    if array.shape[:-1] != shape:
        raise ValueError(
            f"image of shape {array.shape[-3:]} does not fit labels of {shape[0]} x {shape[1:]}; "
            f"pass size={tuple(array.shape[-3:-1])} to get labels at the image's size"
        )
    return array
