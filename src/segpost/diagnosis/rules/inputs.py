"""What the tensor that the network was fed shows, beside the photograph and the normalization."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from segpost._core.arrays import Array
from segpost.diagnosis.context import Case, Float64
from segpost.diagnosis.registry import Claim, symptom

EXACT = 0.02  # of the range: what rounding, JPEG and a little resizing leave
BEYOND = 0.25  # of the range: what no resampling filter overshoots
IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


class Recipe(NamedTuple):
    """How a photograph of 0..255 becomes an input: (value - mean) / std, for each channel."""

    name: str
    mean: Float64
    std: Float64
    bgr: bool = False


@symptom(
    "input-not-finite",
    needs="input",
    ranks="certain",
    cure="x = (image / 255 - mean) / np.maximum(std, 1e-3)  # no std of 0",
)
def input_not_finite(case: Case) -> Claim | None:
    """The network's input holds NaN or infinities."""
    bad = ~np.isfinite(case.input)
    if not bad.any():
        return None
    at = [int(i) for i in np.argwhere(bad)[0]]
    return Claim(
        "certain",
        f"{int(bad.sum())} of {bad.size} input values are not finite",
        {"count": int(bad.sum()), "of": int(bad.size)},
        f"image {at[0]}, channel {at[1]}, y {at[2]}, x {at[3]}",
    )


@symptom(
    "input-constant",
    needs="input",
    ranks="certain likely",
    cure="image = np.asarray(PIL.Image.open(path).convert('RGB'))  # and look at it",
    unless="input-not-finite",
)
def input_constant(case: Case) -> Claim | None:
    """Every pixel of the network's input is the same: it does not see the picture. (A picture may
    be of one color; where it is given, it is looked at.)
    """
    if case.input[0, 0].size < 16 or np.ptp(case.input, axis=(0, 2, 3)).max() > 0:
        return None
    seen = case.has("image") and np.ptp(case.image) == 0
    if seen:
        return None
    values = ", ".join(f"{value:g}" for value in case.input[0, :, 0, 0])
    return Claim(
        "certain" if case.has("image") else "likely",
        f"all {case.input.size // 3} pixels of the input are ({values})",
        {"values": values},
    )


@symptom(
    "input-bgr",
    needs="input image mean",
    ranks="certain likely",
    cure="x = x[:, ::-1]  # the network wants red, green, blue",
    unless="input-not-finite input-constant",
)
def input_bgr(case: Case) -> Claim | None:
    """Red and blue are exchanged in the input, as OpenCV's imread has them."""
    made = _made_by(case)
    if made is None or not made[0].bgr:
        return None
    recipe, exact, off = made
    return Claim(
        "certain" if exact else "likely",
        f"the input is the photograph with red and blue exchanged, {recipe.name}",
        {"difference": off, "same_size": exact},
    )


@symptom(
    "input-normalization",
    needs="input image mean",
    ranks="certain likely",
    cure="x = (image / 255 - mean) / std",
    unless="input-not-finite input-constant input-bgr",
)
def input_normalization(case: Case) -> Claim | None:
    """The input is the photograph, normalized in another way than was said."""
    made = _made_by(case)
    if made is None or made[0].name == "as said":
        return None
    recipe, exact, off = made
    return Claim(
        "certain" if exact else "likely",
        f"the input is the photograph {recipe.name}, which is not the normalization that was said",
        {"found": recipe.name, "difference": off, "same_size": exact},
    )


@symptom(
    "input-range",
    needs="input mean",
    ranks="certain likely",
    cure="x = (image / 255 - mean) / std",
    unless="input-not-finite input-constant input-bgr input-normalization",
)
def input_range(case: Case) -> Claim | None:
    """The input has values that no picture of bytes has under the normalization that was said: it
    was not divided by 255, not normalized, or normalized twice.
    """
    low, high = (0 - case.mean) / case.std, (255 - case.mean) / case.std
    least, largest = case.input.min(axis=(0, 2, 3)), case.input.max(axis=(0, 2, 3))
    width = high - low
    beyond = float(np.maximum((low - least) / width, (largest - high) / width).max())
    evidence = {
        "least": float(least.min()),
        "largest": float(largest.max()),
        "allowed_least": float(low.min()),
        "allowed_largest": float(high.max()),
    }
    said = f"{low.min():.3g}..{high.max():.3g}"
    found = f"{least.min():.3g}..{largest.max():.3g}"
    if beyond > BEYOND:
        guess = "a picture of 0..255" if least.min() >= 0 and largest.max() > 2 else "not that"
        message = f"the input lies in {found}, and the normalization allows {said}: {guess}"
        return Claim("certain", message, evidence)
    unit = least.min() >= 0 and largest.max() <= 1 and largest.max() > 0.5
    if unit and (low < -0.9).all() and (high > 1.5).all():
        return Claim(
            "likely",
            f"the input lies in {found}, all of it in 0..1, and the normalization allows {said}",
            evidence,
            cure="x = (x - mean) / std  # only the division by 255 was made",
        )
    return None


def _made_by(case: Case) -> tuple[Recipe, bool, float] | None:
    """The recipe that makes the input of the photograph; whether pixel by pixel, and how nearly."""
    made: tuple[Recipe, bool, float] | None = case.remembered("recipe", lambda: _search(case))
    return made


def _search(case: Case) -> tuple[Recipe, bool, float] | None:
    photo = np.moveaxis(case.image, -1, 1).astype(np.float64)
    if len(photo) != len(case.input) or not photo.size or not case.input.size:
        return None
    if photo.std(axis=(0, 2, 3)).min() < 1:  # too plain to tell recipes apart
        return None
    exact = photo.shape == case.input.shape
    step = max(1, int(np.sqrt(case.input[:, 0].size / (1 << 16))))
    wanted = case.input[:, :, ::step, ::step] if exact else case.input
    photo = photo[:, :, ::step, ::step] if exact else photo
    found = []
    for recipe in _recipes(case):
        shape = (1, 3, 1, 1)
        mean, std = recipe.mean.reshape(shape), recipe.std.reshape(shape)
        made = (photo[:, ::-1] if recipe.bgr else photo) - mean
        made /= std
        scale = 255 / abs(recipe.std).max()
        found.append((_distance(made, wanted, exact) / scale, recipe))
    off, recipe = min(found, key=lambda pair: pair[0])
    told = found[0][0]
    limit = EXACT if exact else 2 * EXACT
    if off > limit:
        return None
    # What was said is believed where it fits nearly as well.
    if told <= limit and off > 0.25 * told:
        off, recipe = found[0]
    return recipe, exact, float(off)


def _distance(made: Array, wanted: Array, exact: bool) -> float:
    """How far two inputs are from each other; where the sizes differ, their means and spreads."""
    if exact:
        return float(abs(made - wanted).mean())
    axes = (0, 2, 3)
    return float(
        max(
            abs(made.mean(axis=axes) - wanted.mean(axis=axes)).max(),
            abs(made.std(axis=axes) - wanted.std(axis=axes)).max(),
        )
    )


def _recipes(case: Case) -> Iterator[Recipe]:
    """The recipe that was said, then the mistakes that are made."""
    mean, std = case.mean, case.std
    zero, one = np.zeros(3), np.ones(3)
    yield Recipe("as said", mean, std)
    yield Recipe("as said, with red and blue exchanged", mean, std, True)
    plain = {
        "in 0..255, not normalized": (zero, one),
        "in 0..1, not normalized": (zero, 255 * one),
        "in -1..1": (127.5 * one, 127.5 * one),
        "with ImageNet's mean and std": (np.array(IMAGENET[0]), np.array(IMAGENET[1])),
        "with mean and std but not divided by 255": (mean / 255, std / 255),
        "with the mean subtracted only": (mean, one),
        "with mean and std in the order blue, green, red": (mean[::-1], std[::-1]),
        "normalized twice": (mean + std * mean / 255, std * std / 255),
    }
    for name, (m, s) in plain.items():
        yield Recipe(name, m, s)
        yield Recipe(f"{name}, with red and blue exchanged", m, s, True)
