"""The input of the network, beside the image and the normalization that was meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from segpost._core.arrays import Array
from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.rule import RuleResult, rule
from segpost.diagnosis.values import Float64

MAX_DIFFERENCE = 0.02  # of the range: what rounding, JPEG and slight resizing leave
MAX_OVERSHOOT = 0.25  # of the range: what no resampling filter overshoots
SAMPLED_PIXELS = 1 << 16  # on which normalizations are compared
IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))  # mean and std of bytes
DECLARED = "normalized with mean and std"  # the normalization of the caller


class Normalization(NamedTuple):
    """A map of an image of 0..255 to an input: (value - mean) / std, for each channel."""

    name: str
    mean: Float64
    std: Float64
    bgr: bool = False

    def apply(self, images: Array) -> Array:
        """Return the input of (N, 3, H, W) images."""
        shape = (1, 3, 1, 1)
        values: Array = (images[:, ::-1] if self.bgr else images) - self.mean.reshape(shape)
        values /= self.std.reshape(shape)
        return values


class Match(NamedTuple):
    """The normalization that gives the input, and how close it comes."""

    normalization: Normalization
    is_same_size: bool  # compared pixel by pixel
    difference: float  # mean, as a share of the range


@rule(
    "input-not-finite",
    needs="input",
    ranks="certain",
    cure="x = (image / 255 - mean) / np.maximum(std, 1e-3)  # no std of 0",
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
    cure="image = np.asarray(PIL.Image.open(path).convert('RGB'))  # and look at it",
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
    cure="x = x[:, ::-1]  # the network wants red, green, blue",
    unless="input-not-finite input-constant",
)
def input_bgr(context: DiagnosticContext) -> RuleResult | None:
    """Red and blue are exchanged in the input, as in the result of OpenCV's imread."""
    match = _match_normalization(context)
    if match is None or not match.normalization.bgr:
        return None
    return RuleResult(
        "certain" if match.is_same_size else "likely",
        f"the input is the image {match.normalization.name}",
        {"difference": match.difference, "same_size": match.is_same_size},
    )


@rule(
    "input-normalization",
    needs="input image mean",
    ranks="certain likely",
    cure="x = (image / 255 - mean) / std",
    unless="input-not-finite input-constant input-bgr",
)
def input_normalization(context: DiagnosticContext) -> RuleResult | None:
    """The input is the image, normalized in another way than by mean and std."""
    match = _match_normalization(context)
    if match is None or match.normalization.name == DECLARED:
        return None
    name = match.normalization.name
    return RuleResult(
        "certain" if match.is_same_size else "likely",
        f"the input is the image {name}, which is not the normalization of mean and std",
        {"found": name, "difference": match.difference, "same_size": match.is_same_size},
    )


@rule(
    "input-range",
    needs="input mean",
    ranks="certain likely",
    cure="x = (image / 255 - mean) / std",
    unless="input-not-finite input-constant input-bgr input-normalization",
)
def input_range(context: DiagnosticContext) -> RuleResult | None:
    """The input has values that no image of bytes has after this normalization: it was not divided
    by 255, not normalized, or normalized twice.
    """
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
    found = f"{least.min():.3g}..{largest.max():.3g}"
    if overshoot > MAX_OVERSHOOT:
        is_bytes = least.min() >= 0 and largest.max() > 2
        guess = "an image of 0..255" if is_bytes else "another normalization"
        message = f"the input lies in {found}, and the normalization allows {allowed}: {guess}"
        return RuleResult("certain", message, evidence)
    is_unit = least.min() >= 0 and 0.5 < largest.max() <= 1
    if is_unit and (low < -0.9).all() and (high > 1.5).all():
        return RuleResult(
            "likely",
            f"the input lies in {found}, all of it in 0..1, and the normalization allows {allowed}",
            evidence,
            cure="x = (x - mean) / std  # only the division by 255 was done",
        )
    return None


def _match_normalization(context: DiagnosticContext) -> Match | None:
    """Return the normalization of the image that gives the input, or None."""
    match: Match | None = context.cached("normalization", lambda: _search(context))
    return match


def _search(context: DiagnosticContext) -> Match | None:
    images = np.moveaxis(context.image, -1, 1).astype(np.float64)
    fed = context.input
    if len(images) != len(fed) or images.std(axis=(0, 2, 3)).min() < 1:
        return None  # of images of about one color every normalization is alike
    is_same_size = images.shape == fed.shape
    if is_same_size:
        step = max(1, int(np.sqrt(fed[:, 0].size / SAMPLED_PIXELS)))
        images, fed = images[:, :, ::step, ::step], fed[:, :, ::step, ::step]
    matches = []
    for normalization in _iter_normalizations(context):
        scale = 255 / abs(normalization.std).max()
        difference = _distance(normalization.apply(images), fed, is_same_size) / scale
        matches.append(Match(normalization, is_same_size, difference))
    declared = matches[0]
    best = min(matches, key=lambda match: match.difference)
    limit = MAX_DIFFERENCE if is_same_size else 2 * MAX_DIFFERENCE
    if best.difference > limit:
        return None
    # The caller's normalization is believed where it fits nearly as well.
    is_close = best.difference > 0.25 * declared.difference
    return declared if declared.difference <= limit and is_close else best


def _distance(a: Array, b: Array, is_same_size: bool) -> float:
    """Return the mean difference of two inputs, or that of their means and deviations."""
    if is_same_size:
        return float(abs(a - b).mean())
    axes = (0, 2, 3)
    return float(
        max(
            abs(a.mean(axis=axes) - b.mean(axis=axes)).max(),
            abs(a.std(axis=axes) - b.std(axis=axes)).max(),
        )
    )


def _iter_normalizations(context: DiagnosticContext) -> Iterator[Normalization]:
    """Yield the caller's normalization, then those of known mistakes."""
    mean, std = context.mean, context.std
    zero, one = np.zeros(3), np.ones(3)
    mistakes = {
        "in 0..255, not normalized": (zero, one),
        "in 0..1, not normalized": (zero, 255 * one),
        "in -1..1": (127.5 * one, 127.5 * one),
        "with ImageNet's mean and std": (np.array(IMAGENET[0]), np.array(IMAGENET[1])),
        "with mean and std but not divided by 255": (mean / 255, std / 255),
        "with the mean subtracted only": (mean, one),
        "with mean and std in the order blue, green, red": (mean[::-1], std[::-1]),
        "normalized twice": (mean + std * mean / 255, std * std / 255),
    }
    for name, (means, deviations) in {DECLARED: (mean, std), **mistakes}.items():
        yield Normalization(name, means, deviations)
        yield Normalization(f"{name}, with red and blue exchanged", means, deviations, True)
