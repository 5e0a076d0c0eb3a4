"""The arguments of a dense CRF as stacks of images, and each image as backends read it."""

from __future__ import annotations

import math
from typing import NamedTuple, NoReturn

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import Array, InputArray, widen
from segpost._core.contract import LabelErrors, Pairwise, Unary, UnaryErrors
from segpost._core.device import context_of
from segpost._core.errors import warn_of_input
from segpost._core.suspicious_images import warn_of_unit_image
from segpost.crf.settings import Settings

MAX_NORMALIZED = 6  # values from least to largest of (pixel - mean) / std
MIN_UNIT_SIGMA, MAX_UNIT_SIGMA = 5e-3, 0.5  # of an image in 0..1
MIN_SPAN = 32  # of an image that is not in 0..1
FAR = 3  # sigmas, beyond which a color plays no part
MIN_FAR = 0.5  # share of neighbors that far apart, of which photographs have more, label maps less
MAX_ROWS = 64  # whose pixels are compared with their neighbors
MAX_SIGMAS = 100_000  # from one end of a feature to the other; lattice keys are integers


class UnaryBatch(NamedTuple):
    """The unary terms of a batch of images, and where the axes of their array are."""

    input_array: InputArray
    name: str  # what errors call it
    settings: Settings
    num_labels: int
    num_images: int
    size: tuple[int, int, int]  # (D, H, W)
    is_batched: bool  # whether the array has an axis of images
    labels_last: bool
    shape: tuple[int, ...]  # of the probabilities that are returned
    map_shape: tuple[int, ...]  # of a label map

    def as_stack(self, array: Array) -> Array:
        """Return an array of probabilities as (N, L, D, H, W), without a copy."""
        view = array if self.is_batched else array[None]
        if self.labels_last:
            view = np.moveaxis(view, -1, 1)
        return view if self.settings.volume else view[:, :, None]

    def as_map_stack(self, array: Array) -> Array:
        """Return an array of one value a pixel as (N, D, H, W), without a copy."""
        view = array if self.is_batched else array[None]
        return view if self.settings.volume else view[:, None]

    def image(self, n: int) -> Unary:
        """Return the unary term of one image; labels out of range are an error."""
        settings, array = self.settings, self.input_array.array
        if settings.unary == "labels":
            values, errors = self._label_energies(n)
            if errors.count:
                later = (self._label_energies(k)[1].count for k in range(n + 1, self.num_images))
                first = n * math.prod(self.size) + errors.first
                self._raise_bad_labels(LabelErrors(errors.count + sum(later), first))
            return Unary(values, "float32", "energies")
        clamp = settings.clamp if settings.unary == "probabilities" else 0.0
        return Unary(self.as_stack(array)[n], self.input_array.kind, settings.unary, clamp)

    def _label_energies(self, n: int) -> tuple[Array, LabelErrors]:
        labels, settings = self.as_map_stack(self.input_array.array)[n], self.settings
        values = context_of(labels).empty((self.num_labels, *labels.shape), np.float32)
        backend = registry.backend(labels)
        return values, backend.label_energies(labels, settings.certainty, settings.unsure, values)

    def _raise_bad_labels(self, errors: LabelErrors) -> NoReturn:
        labels, unsure = self.input_array.array, self.settings.unsure
        position = tuple(int(i) for i in np.unravel_index(errors.first, labels.shape))
        also = "" if unsure is None else f" or {unsure} (unsure)"
        hint = "; pass unsure= for a value that means 'could be anything'" if not also else ""
        raise ValueError(
            f"{self.name} have {errors.count} of {labels.size} values outside "
            f"0..{self.num_labels - 1}{also}, first {labels[position]} at {list(position)}{hint}"
        )

    def raise_bad_values(self, errors: UnaryErrors, n: int) -> NoReturn:
        """Raise an error for the values of the unary of which the first is in image `n`."""
        array = self.input_array.array
        errors = self._add_later_errors(errors, n)
        if errors.count or errors.out_of_range:
            first = errors.first if errors.count else errors.out_of_range_first
            label, *pixel = (int(i) for i in np.unravel_index(first, (self.num_labels, *self.size)))
            values = widen(self.as_stack(array)[n], self.input_array.kind)
            value = values[(label, *pixel)]
            where = f"first {value:g} at image {n}, label {label}, {self._format_pixel(pixel)}"
            count = math.prod(self.shape)
            if errors.count:
                raise ValueError(
                    f"{self.name} have {errors.count} NaN or infinite of {count} values, {where}"
                )
            raise ValueError(
                f"{self.name} have {errors.out_of_range} of {count} values outside 0..1, {where}; "
                f"they look like {_name_unary(values)}"
            )
        pixel = [int(i) for i in np.unravel_index(errors.infeasible_first, self.size)]
        why = {
            "probabilities": "all are 0 there; pass a clamp above 0",
            "logits": "all are -inf there",
        }.get(self.settings.unary, "all are +inf there")
        raise ValueError(
            f"{self.name} allow no label at {errors.infeasible} of {math.prod(self.map_shape)} "
            f"pixels, first at image {n}, {self._format_pixel(pixel)}: {why}"
        )

    def _add_later_errors(self, errors: UnaryErrors, n: int) -> UnaryErrors:
        """Return the counts of image `n` and all later ones, with the positions of image `n`."""
        from segpost._backends.reference.crf import energies  # for errors alone

        for later in range(n + 1, self.num_images):
            more = energies(self.image(later))[1]
            errors = errors._replace(
                count=errors.count + more.count if errors.count else 0,
                out_of_range=errors.out_of_range + more.out_of_range if errors.out_of_range else 0,
                infeasible=errors.infeasible + more.infeasible if errors.infeasible else 0,
            )
        return errors

    def _format_pixel(self, position: list[int]) -> str:
        names = zip("zyx", position, strict=True)
        return ", ".join(f"{axis} {i}" for axis, i in names if self.settings.volume or axis != "z")


class Guide(NamedTuple):
    """A guide image for every image of a batch."""

    values: Array  # [N, D, H, W, G]
    kind: str
    ranges: tuple[Array, ...] = ()  # [2, G] of every image, for floats

    def image(self, n: int, sigmas: Array, name: str) -> tuple[Array, Array | None]:
        """Return one guide as backends read it, and the range of its channels if not 0 to 255.

        Parameters
        ----------
        n : int
            The index of the image.
        sigmas : [G] float64
            One sigma a channel.
        name : str
            What an error calls them.

        Raises
        ------
        ValueError
            If a channel spans too many sigmas.
        """
        guide: Array = self.values[n]
        is_byte = self.kind == "uint8"
        if MIN_UNIT_SIGMA <= sigmas.min() <= sigmas.max() <= MAX_UNIT_SIGMA:
            _warn_of_unit_sigma(guide, self.kind, sigmas, name)
        if is_byte and sigmas.min() * MAX_SIGMAS >= 255:
            if sigmas.min() > 1:
                warn_of_unit_image(guide)
            return guide, None
        backend = registry.backend(guide)
        bounds = self.ranges[n] if self.ranges else backend.feature_range(guide, self.kind)[0]
        low, high = bounds
        _warn_of_unit_range(low, high, sigmas, name)
        limits = MAX_SIGMAS * sigmas
        with np.errstate(over="ignore"):
            is_too_wide = ~(high - low <= limits)
        if is_too_wide.any():
            channel = int(is_too_wide.argmax())
            raise ValueError(
                f"{name} is {sigmas[channel]:g} for a guide from {low[channel]:g} to "
                f"{high[channel]:g} in channel {channel}, more than {MAX_SIGMAS} sigmas; it is in "
                "the guide's units"
            )
        return (guide, None) if is_byte else backend.prepare_guide(guide, self.kind, bounds, limits)


def _warn_of_unit_sigma(guide: Array, kind: str, sigmas: Array, name: str) -> None:
    """Warn if an image of 0 to 255 has a sigma for 0 to 1: all neighbors are too far apart.

    A part of the rows is read. In a map of regions most neighbors are equal.
    """
    if not context_of(guide).on_cpu or guide.shape[2] < 2:
        return
    planes, rows = (slice(None, None, max(side // MAX_ROWS, 1)) for side in guide.shape[:2])
    values = widen(guide[planes, rows], kind)
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if not (low >= 0 and MIN_SPAN <= high <= 255):
        return
    share = float((abs(np.diff(values, axis=2)) > FAR * sigmas).any(axis=-1).mean())
    if share >= MIN_FAR:
        warn_of_input(
            f"{name} is {sigmas.max():g} for an image from {low:g} to {high:g}, in which "
            f"{share:.0%} of the pixels are more than {FAR} sigmas from the next one, so that the "
            "term has no effect there: it is in the image's units; pass sigma_rgb * 255"
        )


def _warn_of_unit_range(low: Array, high: Array, sigmas: Array, name: str) -> None:
    """Warn if an image of 0 to 1, or a normalized one, has a sigma for 0 to 255: all are alike."""
    lowest, highest = float(low.min()), float(high.max())
    if -1 <= lowest < highest <= 1 and sigmas.min() > 1:
        warn_of_input(
            f"{name} is {sigmas.min():g} for an image from {lowest:g} to {highest:g}, in which it "
            "tells no colors apart: it is in the image's units; pass image * 255, or "
            "sigma_rgb / 255"
        )
    elif -MAX_NORMALIZED <= lowest < 0 and highest - lowest <= MAX_NORMALIZED < sigmas.min():
        warn_of_input(
            f"{name} is {sigmas.min():g} for an image from {lowest:g} to {highest:g}, in which it "
            "tells no colors apart: it is in the image's units; pass the image before its "
            "normalization, or a smaller sigma_rgb"
        )


class PairwiseTerm(NamedTuple):
    """A pairwise term for every image of a batch, checked."""

    name: str
    spatial_sigma: tuple[float, float, float] | None
    compatibility: Array  # weight included, as in `Pairwise`
    normalization: str
    guide: Guide | None = None
    guide_sigma: Array | None = None

    def image(self, n: int) -> Pairwise:
        """Return the term of one image."""
        values = limits = None
        if self.guide is not None and self.guide_sigma is not None:
            name = f"{self.name}'s sigma_rgb"
            values, limits = self.guide.image(n, self.guide_sigma, name)
        return Pairwise(
            self.spatial_sigma,
            values,
            self.guide_sigma,
            self.compatibility,
            self.normalization,
            None if limits is None else limits.reshape(-1),
        )


def pairwise_terms_of_image(terms: list[PairwiseTerm], n: int) -> list[Pairwise]:
    """Return all pairwise terms of one image."""
    return [term.image(n) for term in terms]


def _name_unary(values: Array) -> str:
    """Say what values outside 0..1 are: energies are -log of probabilities, which sum to 1."""
    sums = np.exp(-values.astype(np.float64)).sum(axis=0)
    is_energy = values.min() >= 0 and np.allclose(sums, 1, atol=1e-2)
    unary = "energies" if is_energy else "logits"
    return f"{unary}: pass unary={unary!r}"
