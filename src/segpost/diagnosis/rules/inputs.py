"""The input of the network, beside the image and the normalization that was meant."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.input_fit import (
    CHANNELS,
    FLIPS,
    MAX_UNRELATED_FIT,
    MIN_BLOCK_FIT,
    MIN_FIT,
    InputFit,
    fit_input,
)
from segpost.diagnosis.rule import RuleResult, rule
from segpost.diagnosis.rules.common.cures import array_code
from segpost.diagnosis.values import Float64

MAX_OVERSHOOT = 0.25  # of the range: what no resampling filter overshoots
IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))  # mean and std of bytes
CONTRAST = 57.0  # the standard deviation of the bytes of photographs, about
SAME_SCALE = 0.03  # by which scales may differ, and means as a share of the contrast
NEAR_SCALE = 0.3  # within which another normalization hardly matters to a network
BLOCK_SLACK = 3  # times as much is allowed where only means of blocks are compared
OTHER_INPUT = "input-not-finite input-constant"


@rule(
    "input-not-finite",
    needs="input",
    ranks="certain",
    cure="input = (image / 255 - mean) / np.maximum(std, 1e-3)  # no std of 0",
)
def input_not_finite(context: DiagnosticContext) -> RuleResult | None:
    """The network's input holds NaN or infinities."""
    bad = ~np.isfinite(context.input)
    if not bad.any():
        return None
    image, channel, y, x = (int(i) for i in np.argwhere(bad)[0])
    return RuleResult(
        "certain",
        f"{int(bad.sum())} of {bad.size} input values are not finite",
        {"count": int(bad.sum()), "of": int(bad.size)},
        f"image {image}, channel {channel}, y {y}, x {x}",
    )


@rule(
    "input-constant",
    needs="input",
    ranks="certain likely",
    cure="image = np.asarray(Image.open(path).convert('RGB'))  # path: the image's; look at it",
    unless="input-not-finite",
)
def input_constant(context: DiagnosticContext) -> RuleResult | None:
    """Every pixel of the network's input is the same: the network does not see the image. (An image
    of one color is no mistake.)
    """
    array, image = context.input, context.inputs.image
    if array[0, 0].size < 16 or np.ptp(array, axis=(0, 2, 3)).max() > 0:
        return None
    if image is not None and np.ptp(image) == 0:
        return None
    values = ", ".join(f"{value:g}" for value in array[0, :, 0, 0])
    return RuleResult(
        "likely" if image is None else "certain",
        f"all {array.size // 3} pixels of the input are ({values})",
        {"values": values},
    )


@rule(
    "input-bgr",
    needs="input image mean",
    ranks="certain likely",
    cure="input = (image / 255 - mean) / std  # image: red, green, blue",
    unless=OTHER_INPUT,
)
def input_bgr(context: DiagnosticContext) -> RuleResult | None:
    """Red and blue are exchanged in the input, as in the result of OpenCV's imread."""
    fit = _fit_of(context)
    if fit is None or fit.order != (2, 1, 0) or fit.flip or fit.layout:
        return None
    name = _name_normalization(context, fit)
    return _as_result(
        context, fit, f"the image {name}, with red and blue exchanged", input_code(context, fit)
    )


@rule(
    "input-channels-mixed",
    needs="input image mean",
    ranks="certain likely",
    cure="input = (image / 255 - mean) / std  # image: in its own colors",
    unless=OTHER_INPUT + " input-bgr",
)
def input_channels_mixed(context: DiagnosticContext) -> RuleResult | None:
    """The channels of the input are mixtures of those of the image (a gray image, for example), or
    are in an order that is neither red, green, blue nor blue, green, red.
    """
    fit = _fit_of(context)
    if fit is None or fit.order == (0, 1, 2) or fit.flip or fit.layout:
        return None
    if fit.order is None and not fit.is_gray and fit.share < 0.999:
        return None  # a change of hue, as augmentations make
    if fit.is_gray:
        text = "a gray image in all channels"
    elif fit.order is not None:
        text = f"channels {', '.join(CHANNELS[channel] for channel in fit.order)} of the image"
    else:
        text = "mixtures of the channels of the image: " + "; ".join(
            " ".join(f"{weight:+.3g} {name}" for weight, name in zip(row, CHANNELS, strict=True))
            for row in fit.weights
        )
    return _as_result(context, fit, text, input_code(context, None))


@rule(
    "input-flipped",
    needs="input image mean",
    ranks="certain likely",
    cure="input = input[..., ::-1]  # or undo the flip in the prediction",
    unless=OTHER_INPUT,
)
def input_flipped(context: DiagnosticContext) -> RuleResult | None:
    """The input is the image mirrored or turned, so the prediction is, too."""
    fit = _fit_of(context)
    if fit is None or not fit.flip:
        return None
    is_transposed, *steps = FLIPS[fit.flip]
    row, column = ("::-1" if step < 0 else ":" for step in steps)
    last, axes = ("", "-1, -2") if _is_channels_first(context) else (", :", "-2, -3")
    cure = f"input = {array_code(context, 'input')}[..., {row}, {column}{last}]"
    if is_transposed:
        cure += f".swapaxes({axes})"
    return _as_result(context, fit, f"the image {fit.flip}", cure)


@rule(
    "input-reshaped",
    needs="input image mean",
    ranks="certain",
    cure="input = np.moveaxis(image, -1, -3)  # not reshape, which leaves the numbers in place",
    unless=OTHER_INPUT,
)
def input_reshaped(context: DiagnosticContext) -> RuleResult | None:
    """The image was reshaped from (H, W, 3) to (3, H, W), not transposed: pixels are shuffled."""
    fit = _fit_of(context)
    if fit is None or fit.layout != "reshaped":
        return None
    return _as_result(
        context, fit, "the image reshaped to (3, H, W), not transposed", input_code(context, None)
    )


@rule(
    "input-of-other-image",
    needs="input image mean",
    ranks="likely",
    cure="input = (image / 255 - mean) / std  # image: the one that is segmented",
    unless=OTHER_INPUT + " input-reshaped",
)
def input_of_other_image(context: DiagnosticContext) -> RuleResult | None:
    """The input is no linear map of the image, in none of its channels and flips: it belongs to
    another image, or to another part of it.
    """
    fit = context.cached("input fit", lambda: _search(context))
    if fit is None or fit.share > MAX_UNRELATED_FIT or _is_reshaped_rows(context):
        return None
    return RuleResult(
        "likely",
        f"the image explains {fit.share:.0%} of the variance of a channel of the input, in the "
        "best of its flips: the input is of another image, or of another part of it",
        {"explained_variance": fit.share, "same_size": fit.is_same_size},
        cure=input_code(context, None),
    )


@rule(
    "input-normalization",
    needs="input image mean",
    ranks="certain likely hint",
    cure="input = (image / 255 - mean) / std",
    unless=OTHER_INPUT + " input-bgr input-channels-mixed input-reshaped",
)
def input_normalization(context: DiagnosticContext) -> RuleResult | None:
    """The input is the image, normalized in another way than by mean and std. Where the difference
    is small, networks hardly mind, and it is a hint.
    """
    fit = _fit_of(context)
    if fit is None or fit.order is None or (fit.layout and fit.layout != "read as int8"):
        return None
    distance = _distance(fit, context.mean, context.std)
    slack = SAME_SCALE * (1 if fit.is_same_size else BLOCK_SLACK)
    if fit.layout == "" and distance <= slack:
        return None
    name = _name_normalization(context, fit)
    if fit.layout:
        name = "whose bytes 128 to 255 were read as -128 to -1 (int8)"
    result = _as_result(context, fit, f"the image {name}", input_code(context, fit))
    if fit.layout == "" and distance <= NEAR_SCALE:
        result = result._replace(rank="hint")
    return result._replace(
        message=f"{result.message}, which is not the normalization of mean and std",
        evidence={"normalization": name, **result.evidence},
    )


@rule(
    "input-range",
    needs="input mean",
    ranks="certain likely",
    cure="input = (image / 255 - mean) / std",
    unless=OTHER_INPUT + " input-bgr input-normalization input-channels-mixed input-reshaped",
    consequence_of="input-of-other-image input-flipped",
)
def input_range(context: DiagnosticContext) -> RuleResult | None:
    """The input has values that no image of bytes has after this normalization: it was not divided
    by 255, not normalized, or normalized twice.
    """
    fit = _fit_of(context) if context.inputs.image is not None else None
    if fit is not None:
        return None  # the image explains the input
    low, high = (0 - context.mean) / context.std, (255 - context.mean) / context.std
    least, largest = context.input.min(axis=(0, 2, 3)), context.input.max(axis=(0, 2, 3))
    width = high - low
    overshoot = float(np.maximum((low - least) / width, (largest - high) / width).max())
    evidence = {
        "least": float(least.min()),
        "largest": float(largest.max()),
        "allowed_least": float(low.min()),
        "allowed_largest": float(high.max()),
    }
    allowed = f"{low.min():.3g}..{high.max():.3g}"
    limits = f"{least.min():.3g}..{largest.max():.3g}"
    if overshoot > MAX_OVERSHOOT:
        is_bytes = least.min() >= 0 and largest.max() > 2
        guess = "an image of 0..255" if is_bytes else "another normalization"
        message = f"the input lies in {limits}, and the normalization allows {allowed}: {guess}"
        cure = _normalize_code(context, array_code(context, "input")) if is_bytes else ""
        return RuleResult("certain", message, evidence, cure=cure)
    is_unit = least.min() >= 0 and 0.5 < largest.max() <= 1
    if is_unit and (low < -0.9).all() and (high > 1.5).all():
        steps = context.input * 255
        are_bytes = float((abs(steps - np.rint(steps)) < 0.02).mean()) > 0.99
        return RuleResult(
            "likely" if are_bytes else "hint",  # an image of little contrast may lie there
            f"the input lies in {limits}, all of it in 0..1, and the normalization allows {allowed}"
            + (", and its values are multiples of 1/255" if are_bytes else ""),
            evidence,
            cure=_normalize_code(context, f"({array_code(context, 'input')} * 255)"),
        )
    return None


def input_code(context: DiagnosticContext, fit: InputFit | None) -> str:
    """Return code for the input of the image by mean and std, in the layout of the input.

    Where the sizes differ it is made of the input itself, by the fit.
    """
    image, fed = context.image, context.input
    if image.shape[1:3] == fed.shape[2:]:
        code = array_code(context, "image")
        values = code if context.inputs.normalizes_bytes else f"{code} / 255"
        code = f"({values} - {_as_triple('mean')}) / {_as_triple('std')}"
        if _is_channels_first(context):
            code = f"np.moveaxis({code}, -1, -3)"
        shapes = context.inputs.shapes
        is_batched = len(shapes["input"]) == 4
        if is_batched and context.inputs.shapes["image"][:-1] != image.shape[:-1]:
            code = f"({code})[None]"
        return f"input = ({code}).astype('float32')"
    if fit is None or fit.order is None:
        return (
            "input = (np.asarray(resized) / 255 - mean) / std  "
            "# resized: the image at the network's size"
        )
    first = _is_channels_first(context)
    code = array_code(context, "input")
    if fit.order == (2, 1, 0):
        code = f"np.flip({code}, {-3 if first else -1})"
    order = list(fit.order)
    means, deviations = fit.mean[np.argsort(order)], fit.std[np.argsort(order)]
    factors = [round(float(v), 6) for v in deviations / context.std]
    terms = [round(float(v), 6) for v in (means - context.mean) / context.std]
    shape = ", (3, 1, 1))" if first else ", (3,))"
    return f"input = {code} * np.reshape({factors}{shape} + np.reshape({terms}{shape}"


def _as_triple(name: str) -> str:
    return f"np.asarray({name})"


def _normalize_code(context: DiagnosticContext, values: str) -> str:
    """Return code that normalizes an input of bytes."""
    shape = "(3, 1, 1)" if _is_channels_first(context) else "(3,)"
    unit = "" if context.inputs.normalizes_bytes else " / 255"
    mean, std = (f"np.reshape({name}, {shape})" for name in ("mean", "std"))
    return f"input = ({values}{unit} - {mean}) / {std}"


def _is_channels_first(context: DiagnosticContext) -> bool:
    return context.inputs.shapes["input"][-3] == 3


def _search(context: DiagnosticContext) -> InputFit | None:
    return fit_input(np.moveaxis(context.image, -1, 1), context.input, context.mean, context.std)


def _fit_of(context: DiagnosticContext) -> InputFit | None:
    """Return the fit of the image to the input, or None where it explains too little."""
    fit: InputFit | None = context.cached("input fit", lambda: _search(context))
    if fit is None:
        return None
    return fit if fit.share >= (MIN_FIT if fit.is_same_size else MIN_BLOCK_FIT) else None


def _is_reshaped_rows(context: DiagnosticContext) -> bool:
    fit = _fit_of(context)
    return fit is not None and fit.layout == "reshaped"


def _distance(fit: InputFit, mean: Float64, std: Float64) -> float:
    """Return by how much a fit differs from a normalization: of scale, or of mean by contrast."""
    scales = abs(np.log(np.maximum(fit.std / std, 1e-9)))
    return float(max(scales.max(), (abs(fit.mean - mean) / CONTRAST).max()))


def _name_normalization(context: DiagnosticContext, fit: InputFit) -> str:
    """Return the name of the nearest known normalization, or mean and deviation as found."""
    order = list(fit.order or (0, 1, 2))
    slack = SAME_SCALE * (1 if fit.is_same_size else BLOCK_SLACK)
    near = [
        (distance, name)
        for name, mean, std in _iter_normalizations(context)
        if (distance := _distance(fit, mean[order], std[order])) <= slack
        or (distance := _distance(fit, mean, std)) <= slack
    ]
    if near:
        return min(near)[1]
    means, deviations = (", ".join(f"{v / 255:.3g}" for v in a) for a in (fit.mean, fit.std))
    return f"with mean ({means}) and std ({deviations}) of 0..1"


def _as_result(context: DiagnosticContext, fit: InputFit, text: str, cure: str) -> RuleResult:
    return RuleResult(
        "certain" if fit.is_same_size else "likely",
        f"the input is {text}",
        {
            "explained_variance": fit.share,
            "mean": ", ".join(f"{value:.4g}" for value in fit.mean),
            "std": ", ".join(f"{value:.4g}" for value in fit.std),
            "same_size": fit.is_same_size,
        },
        cure=cure,
    )


def _iter_normalizations(context: DiagnosticContext) -> Iterator[tuple[str, Float64, Float64]]:
    """Yield the caller's normalization, then those of known mistakes, as mean and std of bytes."""
    mean, std = context.mean, context.std
    zero, one = np.zeros(3), np.ones(3)
    yield "normalized with mean and std", mean, std
    yield "in 0..255, not normalized", zero, one
    yield "in 0..1, not normalized", zero, 255 * one
    yield "in -1..1", 127.5 * one, 127.5 * one
    yield "with ImageNet's mean and std", np.array(IMAGENET[0]), np.array(IMAGENET[1])
    yield "with mean and std but not divided by 255", mean / 255, std / 255
    yield "with the mean subtracted only", mean, one
    yield "with mean and std in the order blue, green, red", mean[::-1], std[::-1]
    yield "with mean and std exchanged", std, np.maximum(mean, 1e-9)
    yield "normalized twice", mean + std * mean / 255, std * std / 255
