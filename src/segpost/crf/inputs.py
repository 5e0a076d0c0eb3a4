"""What a dense CRF reads: the unary and the guides, checked and viewed."""

from __future__ import annotations

import math
from typing import NamedTuple, NoReturn

import numpy as np

from segpost._backends import registry
from segpost._core import validation
from segpost._core.arrays import LABEL_KINDS, Array, InputArray, as_input_array, widen
from segpost._core.contract import MAX_FEATURES, LabelErrors, UnaryErrors
from segpost._core.device import context_of

UNARIES = ("probabilities", "logits", "labels", "energies")
FLOATS = ("float16", "bfloat16", "float32", "float64")
GUIDES = ("uint8", "int8", "uint16", "int16", *FLOATS)  # float32 holds the integers exactly
MOST_PIXELS = 2**31 - 1  # of one image


class Field(NamedTuple):
    """The unary of a batch, and where its axes are."""

    given: InputArray
    name: str  # what errors call it
    labels: int
    batch: int
    size: tuple[int, int, int]  # (D, H, W)
    volume: bool
    batched: bool
    last: bool  # whether labels are the last axis

    def stacked(self, array: Array) -> Array:
        """An array of probabilities as (N, L, D, H, W), without a copy."""
        view = array if self.batched else array[None]
        if self.last:
            view = np.moveaxis(view, -1, 1)
        return view if self.volume else view[:, :, None]

    def pixels(self, array: Array) -> Array:
        """An array of one value a pixel as (N, D, H, W), without a copy."""
        view = array if self.batched else array[None]
        return view if self.volume else view[:, None]

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the probabilities that come out."""
        size = self.size if self.volume else self.size[1:]
        one = (*size, self.labels) if self.last else (self.labels, *size)
        return (self.batch, *one) if self.batched else one

    @property
    def lead(self) -> tuple[int, ...]:
        """The shape of a label map."""
        size = self.size if self.volume else self.size[1:]
        return (self.batch, *size) if self.batched else size


class Guide(NamedTuple):
    """A picture for every image of a batch."""

    values: Array  # [N, D, H, W, G]
    kind: str
    ranges: tuple[Array, ...] = ()  # [2, G] of each, where they are known

    def range(self, n: int) -> Array | None:
        """The least and the largest value of its channels."""
        return self.ranges[n] if self.ranges else None


def field(
    probabilities: object, unary: str, axis: int | None, volume: bool, num_classes: int | None
) -> Field:
    """The unary as it came, whatever it means."""
    name = "probabilities" if unary == "probabilities" else f"probabilities (unary={unary!r})"
    given = as_input_array(probabilities, "probabilities")
    shape = given.array.shape
    dense = 0 if unary == "labels" else 1
    axes = ("D, H, W" if volume else "H, W").split(", ")
    if unary == "labels":
        validation.check_integer_labels(given, name)
    elif given.kind not in FLOATS:
        hint = ""
        if given.kind in LABEL_KINDS and len(shape) <= len(axes) + 1:
            hint = "; label maps need unary='labels' and num_classes="
        raise TypeError(f"{name} must be floats, got {given.kind}{hint}")
    extra = len(shape) - len(axes) - dense
    if extra not in (0, 1):
        one = ", ".join(["L"] * dense + axes)
        raise ValueError(
            f"{name} must have shape ({one}) or (N, {one}){', labels last with axis=-1' * dense}, "
            f"got {shape}{'' if volume else '; a volume needs volume=True'}"
        )
    first = -1 - len(axes)
    counted = _label_axis(axis, len(shape) + 1 - dense, first)
    labels = shape[counted] if dense else int(num_classes or 0)
    if labels < 2:
        where = f": axis {counted} of shape {shape} has length {labels}" if dense else ""
        hint = "; for a sigmoid head stack 1 - p and p" if labels == 1 else ""
        raise ValueError(f"{name} must have at least two labels{where}{hint}")
    spatial = (
        shape[extra : extra + len(axes)] if dense == 0 or counted == -1 else shape[first + 1 :]
    )
    pixels = math.prod(spatial)
    if pixels > MOST_PIXELS:
        raise ValueError(
            f"{name} of shape {shape} have {pixels} pixels an image; at most {MOST_PIXELS} can be "
            "refined at once: cut it into overlapping tiles"
        )
    depth, height, width = spatial if volume else (1, *spatial)
    batch = shape[0] if extra else 1
    size = (depth, height, width)
    return Field(given, name, labels, batch, size, volume, extra == 1, counted == -1)


def _label_axis(axis: int | None, ndim: int, first: int) -> int:
    if axis is None:
        return first
    counted = axis - ndim if axis >= 0 else axis
    if counted not in (first, -1):
        raise ValueError(
            f"axis must be {first} (labels first) or -1 (labels last), got {axis} "
            f"of {ndim} dimensions"
        )
    return counted


def guide(image: object, unary: Field, name: str) -> Guide:
    """A guide that fits the unary: of shape (..., H, W, G) or (..., H, W), finite."""
    given = as_input_array(image, name)
    array = given.array
    if given.kind not in GUIDES:
        hint = "; pass .astype('uint8') for colors of 0..255, else .astype('float32')"
        if given.kind == "bool":
            hint = "; pass .astype('uint8')"
        raise TypeError(f"{name} must be of dtype {', '.join(GUIDES)}, got {given.kind}{hint}")
    lead = unary.lead
    if array.shape[: len(lead)] != lead or array.ndim - len(lead) not in (0, 1):
        _raise_misfit(array.shape, unary, name)
    if array.ndim == len(lead):
        array = array[..., None]
    if array.shape[-1] == 0:
        raise ValueError(f"{name} of shape {given.array.shape} has no channels")
    if array.shape[-1] > MAX_FEATURES - 3:
        raise ValueError(
            f"{name} of shape {given.array.shape} has {array.shape[-1]} channels, but at most "
            f"{MAX_FEATURES - 3} can be told apart; reduce them first, by PCA say"
        )
    stacked = array if unary.batched else array[None]
    stacked = stacked if unary.volume else stacked[:, None]
    ranges: tuple[Array, ...] = ()
    if given.kind in FLOATS and array.size:
        ranges, bad = _ranges(stacked, given.kind, name)
        if bad.total:
            place = np.unravel_index(bad.first, array.shape)
            raise ValueError(
                f"{name} has {bad.total} NaN or infinite of {array.size} values, first "
                f"at {[int(i) for i in place[: given.array.ndim]]}"
            )
    return Guide(stacked, given.kind, ranges)


def _ranges(stacked: Array, kind: str, name: str) -> tuple[tuple[Array, ...], LabelErrors]:
    """The ranges of the guides of a batch, and their values that are not finite."""
    backend = registry.backend(stacked)
    if not backend.supports("feature_range", kind):
        raise TypeError(
            f"{name} on {context_of(stacked)} is {kind}, which guides on a device cannot be; "
            "pass .float()"
        )
    ranges, total, first = [], 0, -1
    for n in range(len(stacked)):
        bounds, bad = backend.feature_range(stacked[n], kind)
        ranges.append(bounds)
        if bad.total and not total:
            first = n * math.prod(stacked.shape[1:]) + bad.first
        total += bad.total
    return tuple(ranges), LabelErrors(total, first)


def _raise_misfit(shape: tuple[int, ...], unary: Field, name: str) -> NoReturn:
    """Say why a guide does not fit, as far as its shape shows."""
    lead, axes = unary.lead, 3 if unary.volume else 2
    spatial = lead[-axes:]
    wanted = ", ".join(map(str, lead))
    hint = ""
    if shape[-axes:] == spatial and len(shape) >= len(lead) + 1:
        hint = "; this looks channels first: move the channels last"
    elif unary.batched and spatial in (shape[:axes], shape):
        hint = "; it needs a batch axis too: image[None]"
    elif not unary.batched and shape[1 : axes + 1] == spatial:
        hint = "; it has a batch axis, which the probabilities do not have"
    elif shape[-axes:] == spatial[::-1] or shape[-axes - 1 : -1] == spatial[::-1]:
        hint = "; are height and width swapped?"
    elif not unary.last and unary.name != "probabilities (unary='labels')":
        probabilities = unary.given.array.shape
        start = 1 if unary.batched else 0
        if shape[start : start + axes] == probabilities[start : start + axes]:
            hint = "; are the labels the last axis of the probabilities? pass axis=-1"
    raise ValueError(
        f"{name} of shape {shape} does not fit {unary.name} of shape {unary.given.array.shape}: "
        f"it must be ({wanted}) or ({wanted}, channels){hint}"
    )


def raise_bad_labels(unary: Field, unsure: int | None, bad: LabelErrors) -> None:
    """An error if there are any."""
    labels = unary.given.array
    if bad.total:
        place = tuple(int(i) for i in np.unravel_index(bad.first, labels.shape))
        also = "" if unsure is None else f" or {unsure} (unsure)"
        hint = "; pass unsure= for a value that means 'could be anything'" if not also else ""
        raise ValueError(
            f"{unary.name} have {bad.total} of {labels.size} values outside "
            f"0..{unary.labels - 1}{also}, first {labels[place]} at {list(place)}{hint}"
        )


def raise_bad(bad: UnaryErrors, unary: Field, n: int) -> NoReturn:
    """Turn what a backend met, first in image `n`, into an error; counts are those of all."""
    values = math.prod(unary.shape)
    sizes = unary.size
    if bad.total or bad.outside:
        first = bad.first if bad.total else bad.outside_first
        place = tuple(int(i) for i in np.unravel_index(first, (unary.labels, *sizes)))
        one = widen(unary.stacked(unary.given.array)[n], unary.given.kind)[place]
        where = f"first {one:g} at image {n}, label {place[0]}, {_pixel(place[1:], unary)}"
        if bad.total:
            raise ValueError(
                f"{unary.name} have {bad.total} NaN or infinite of {values} values, {where}"
            )
        raise ValueError(
            f"{unary.name} have {bad.outside} of {values} values outside 0..1, {where}; "
            "they look like logits: pass unary='logits'"
        )
    place = tuple(int(i) for i in np.unravel_index(bad.hopeless_first, sizes))
    why = {
        "probabilities": "all are 0 there; pass a clamp above 0",
        "probabilities (unary='logits')": "all are -inf there",
    }.get(unary.name, "all are +inf there")
    raise ValueError(
        f"{unary.name} allow no label at {bad.hopeless} of {math.prod(unary.lead)} pixels, first "
        f"at image {n}, {_pixel(place, unary)}: {why}"
    )


def _pixel(place: tuple[int, ...], unary: Field) -> str:
    names = ("z", "y", "x")
    return ", ".join(
        f"{name} {i}" for name, i in zip(names, place, strict=True) if unary.volume or name != "z"
    )
