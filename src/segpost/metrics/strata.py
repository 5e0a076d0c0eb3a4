"""Strata: parts of the pixels of images, by distance, size or region, that are counted apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core import arguments
from segpost._core.arguments import as_integer
from segpost._core.arrays import LABEL_KINDS, Array, as_input_array, iter_stacks
from segpost._core.contract import VOID_STRATA, LogitErrors
from segpost._core.device import context_of
from segpost.metrics.counting import check_counts
from segpost.metrics.counts import CountTable, ImageCounts, LabelPairs, LabelRules
from segpost.metrics.invalid_labels import out_of_range_pairs
from segpost.metrics.pairs import PredictionPair
from segpost.metrics.ratios import Int64

MAX_STRATA = 128
MAX_CELLS = 1 << 28  # counts of all strata: 2 GiB
STRATUM_TYPES = (str, int, np.integer)


class PartCounts(NamedTuple):
    """The (C + 1, C + 1) state of a part of an image or batch, and its invalid pairs."""

    state: Int64
    outside: LabelPairs

    def as_image(self) -> ImageCounts:
        """Return the counts of one image, which has no id yet."""
        state = self.state.reshape(-1)
        cells = np.flatnonzero(state)
        return ImageCounts(None, cells, state[cells], self.outside)


def as_strata(strata: int | Sequence[str] | None, classes: int) -> tuple[str, ...] | None:
    """Return the names of strata; of a number, their numbers.

    Raises
    ------
    ValueError, TypeError
        If they are not 1 to 128 different names, or their counts are too many for the memory.
    """
    if strata is None:
        return None
    if isinstance(strata, str):
        raise TypeError(f"strata must be names or their number, got {strata!r}; pass [{strata!r}]")
    if isinstance(strata, Sequence):
        names = arguments.as_names(strata, "strata")
    elif isinstance(strata, Iterable):
        raise TypeError(f"strata must be a list of names or their number, got {strata!r}")
    else:
        names = tuple(map(str, range(min(as_integer(strata, "strata"), MAX_STRATA + 1))))
    if not 1 <= len(names) <= MAX_STRATA:
        raise ValueError(f"strata must be 1 to {MAX_STRATA}, got {strata!r}")
    if len(set(names)) < len(names):
        name = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"strata has {name!r} twice")
    cells = len(names) * (classes + 1) ** 2
    if cells > MAX_CELLS:
        raise ValueError(
            f"strata are {len(names)} tables of {(classes + 1) ** 2:,} counts, {cells:,} together, "
            f"over the limit of {MAX_CELLS:,}; take fewer strata or classes"
        )
    return names


def stratum_number(value: object, names: Sequence[str], argument: str = "stratum") -> int:
    """Return the number of a stratum, which is a number or a name."""
    if isinstance(value, str):
        arguments.check_choice(value, argument, tuple(names))
        return names.index(value)
    number = as_integer(value, argument)
    if not 0 <= number < len(names):
        raise ValueError(f"{argument} must be in 0..{len(names) - 1}, got {number}")
    return number


def _stratum_of_image(value: object, names: Sequence[str]) -> int:
    """Return the number of a stratum, or of void, by its number or name."""
    if not isinstance(value, (str, bool)) and value in VOID_STRATA:
        return as_integer(value, "strata")
    return stratum_number(value, names, "strata")


def check_strata(strata: object, names: Sequence[str] | None) -> None:
    """Refuse strata of an update where the matrix has none, and an update without them.

    Raises
    ------
    ValueError
    """
    if (strata is None) == (names is None):
        return
    if names is None:
        raise ValueError("strata need ConfusionMatrix(..., strata=)")
    raise ValueError(
        "strata are the stratum of each pixel or image: the matrix has "
        f"{', '.join(names)}, and none was passed"
    )


class Strata(NamedTuple):
    """The stratum of every pixel or of every image of a pair."""

    values: Array  # (..., H, W) of every pixel, or (N,) of every image
    names: Sequence[str]

    def of_images(self, pair: PredictionPair) -> list[Strata]:
        """Return the strata of each image of the pair."""
        if self._are_of_images(pair):
            return [self._replace(values=self.values[n : n + 1]) for n in range(pair.image_count)]
        shape = pair.target.shape[: -pair.image_axes]
        return [self._replace(values=self.values[index]) for index in np.ndindex(shape)]

    def add_counts(
        self, pair: PredictionPair, ignored: Array, counts: Array
    ) -> tuple[PredictionPair, LogitErrors]:
        """Add the counts of a pair to (S + 2, C + 2, C + 1) tables, and return it with labels."""
        labels, errors = pair.labels_and_errors()
        pair = pair._replace(preds=labels, axes=None)
        if self._are_of_images(pair):
            is_void = np.isin(self.values, VOID_STRATA)
            tables = np.where(is_void, len(self.names), self.values).tolist()
            for image, number in zip(pair.images(), tables, strict=True):
                image.add_counts(ignored, counts[number])
        elif pair.target.size:
            backend = registry.backend(labels, pair.target, operation="confusion_strata")
            for _, (preds, target, strata) in iter_stacks(labels, pair.target, self.values):
                backend.confusion_strata(preds, target, strata, ignored, counts)
        return pair, errors

    def of_pixels(self, pair: PredictionPair) -> Array:
        """Return the stratum of every pixel, in the shape of the target."""
        shape = pair.target.shape
        if not self._are_of_images(pair):
            return self.values
        values = self.values.reshape(*shape[: -pair.image_axes], *(1,) * pair.image_axes)
        return np.broadcast_to(values, shape)

    def check(self) -> None:
        """Raise if a value is no stratum: how many are, and where the first is."""
        values, count = self.values, len(self.names)
        wrong = ((values < 0) | (values >= count)) & ~np.isin(values, VOID_STRATA)
        if wrong.any():
            first = tuple(int(i) for i in np.unravel_index(int(wrong.argmax()), wrong.shape))
            raise ValueError(
                f"strata have {int(wrong.sum())} of {values.size} values that are no stratum "
                f"(0..{count - 1}) and not void (255, -1), first {values[first]} at {first}"
            )

    def _are_of_images(self, pair: PredictionPair) -> bool:
        return self.values.ndim < pair.target.ndim


def as_pair_strata(
    strata: Any, pairs: Sequence[PredictionPair], names: Sequence[str]
) -> list[Strata]:
    """Return the strata of each pair.

    Parameters
    ----------
    strata : integer array, name, integer, or a sequence of them
        A map of the shape of the target; one stratum of everything; or one for each image or
        element of a list.
    pairs : sequence of PredictionPair
    names : sequence of str
        Of the strata.

    Raises
    ------
    ValueError, TypeError
        For other shapes and types.
    """
    if any(not context_of(pair.target).on_cpu for pair in pairs):
        raise TypeError("strata are counted on the CPU; pass preds.cpu() and target.cpu()")
    values = [strata] * len(pairs)
    if isinstance(strata, (list, tuple)):
        values = list(strata) if len(pairs) > 1 else [strata]
        if len(values) != len(pairs):
            raise ValueError(f"strata has {len(values)} elements for {len(pairs)} images")
    return [_as_strata_of(value, pair, names) for value, pair in zip(values, pairs, strict=True)]


def count_strata(
    pair: PredictionPair, strata: Strata, rules: LabelRules, nan: str, *, by_image: bool
) -> list[list[PartCounts]]:
    """Count the pixels of a pair, or of each of its images: of all, then of every stratum."""
    if not by_image:
        return [_count_parts(pair, strata, rules, nan, None)]
    images = zip(pair.images(), strata.of_images(pair), strict=True)
    return [_count_parts(image, part, rules, nan, pair) for image, part in images]


def _count_parts(
    pair: PredictionPair, strata: Strata, rules: LabelRules, nan: str, batch: PredictionPair | None
) -> list[PartCounts]:
    count, classes = len(strata.names), rules.classes
    tables = np.zeros((count + 2, classes + 2, classes + 1), np.int64)
    labeled, errors = strata.add_counts(pair, rules.ignored, tables)
    if tables[-1].any():
        strata.check()
    whole = CountTable(tables.sum(axis=0))
    check_counts(whole, errors, pair, rules, nan, batch)
    states = tables[:count, :-1].copy()
    states[:, -1] += tables[:count, -1]
    if not whole.has_invalid_labels:
        return [PartCounts(state, {}) for state in (whole.to_state(), *states)]
    result = [PartCounts(whole.to_state(), out_of_range_pairs(labeled, rules))]
    for number, state in enumerate(states):
        outside: LabelPairs = {}
        if CountTable(tables[number]).has_invalid_labels:
            used = strata.of_pixels(labeled) == number
            preds, target = labeled.labels()[used][None], labeled.target[used][None]
            outside = out_of_range_pairs(labeled._replace(preds=preds, target=target), rules)
        result.append(PartCounts(state, outside))
    return result


def _as_strata_of(value: Any, pair: PredictionPair, names: Sequence[str]) -> Strata:
    """Return the strata of one pair."""
    shape, images = pair.target.shape, pair.image_count
    if isinstance(value, STRATUM_TYPES):
        return Strata(np.full(images, _stratum_of_image(value, names)), names)
    if isinstance(value, (list, tuple)) and all(isinstance(one, STRATUM_TYPES) for one in value):
        value = np.array([_stratum_of_image(one, names) for one in value], np.int32)
    strata_array = as_input_array(value, "strata")
    if strata_array.kind not in LABEL_KINDS:
        raise TypeError(f"strata must be integers, got {strata_array.kind}")
    values = strata_array.array
    if values.shape == (images,) and len(shape) > 1 and values.shape != shape:
        of_images = Strata(values, names)
        of_images.check()
        return of_images
    if values.size == pair.target.size and values.ndim == len(shape) - 1:
        values = values.reshape(shape)  # a target with one axis has become (1, N)
    if values.shape != shape:
        raise ValueError(
            f"strata of shape {values.shape} do not fit target of shape {shape}: pass a map of "
            f"its shape, or one stratum for each of {images} images"
        )
    return Strata(values, names)
