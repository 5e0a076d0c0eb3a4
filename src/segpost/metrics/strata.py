"""Strata: parts of the pixels of images, by distance, size or region, that are counted apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from segpost._core import arguments
from segpost._core.arguments import as_integer
from segpost._core.arrays import LABEL_KINDS, Array, as_input_array
from segpost._core.device import context_of
from segpost.metrics.counts import CountTable, ImageCounts, LabelPairs, LabelRules
from segpost.metrics.invalid_labels import out_of_range_pairs
from segpost.metrics.pairs import PredictionPair
from segpost.metrics.ratios import Int64

MAX_STRATA = 128
BYTES = 256  # values of a byte
VOID_STRATA = (255, -1)  # values of pixels that belong to no stratum
NO_VALUES = np.empty(0, np.int64)


class StratumCounts(NamedTuple):
    """The (C + 1, C + 1) state of one stratum of an image or batch, and its invalid pairs."""

    state: Int64
    outside: LabelPairs

    def as_image(self) -> ImageCounts:
        """Return the counts of one image, which has no id yet."""
        state = self.state.reshape(-1)
        cells = np.flatnonzero(state)
        return ImageCounts(None, cells, state[cells], self.outside)


def as_strata(strata: int | Sequence[str] | None) -> tuple[str, ...] | None:
    """Return the names of strata; of a number, their numbers.

    Raises
    ------
    ValueError, TypeError
        If they are not 1 to 128 different names.
    """
    if strata is None:
        return None
    if isinstance(strata, str):
        raise TypeError(f"strata must be names or their number, got {strata!r}; pass [{strata!r}]")
    if isinstance(strata, Sequence):
        names = arguments.as_names(strata, "strata")
    else:
        names = tuple(map(str, range(min(as_integer(strata, "strata"), MAX_STRATA + 1))))
    if not 1 <= len(names) <= MAX_STRATA:
        raise ValueError(f"strata must be 1 to {MAX_STRATA}, got {strata!r}")
    if len(set(names)) < len(names):
        name = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"strata has {name!r} twice")
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


def as_stratum_maps(
    strata: Any, pairs: Sequence[PredictionPair], names: Sequence[str]
) -> list[Array]:
    """Return the stratum of every pixel of each pair, an array of the shape of its target.

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
        For other shapes, and for values that are no stratum: how many, and where the first is.
    """
    if any(not context_of(pair.target).on_cpu for pair in pairs):
        raise TypeError("strata are counted on the CPU; pass preds.cpu() and target.cpu()")
    values = [strata] * len(pairs)
    if isinstance(strata, (list, tuple)):
        values = list(strata) if len(pairs) > 1 else [strata]
        if len(values) != len(pairs):
            raise ValueError(f"strata has {len(values)} elements for {len(pairs)} images")
    return [_as_map(value, pair, names) for value, pair in zip(values, pairs, strict=True)]


def count_strata(
    pair: PredictionPair, strata: Array, rules: LabelRules, count: int
) -> list[StratumCounts]:
    """Count the pixels of every stratum, in one pass of a backend.

    Rows of all strata are rows of one table: row ``s * (C + 2) + c`` is class c of stratum s, the
    next one void, and the last one targets that are neither.
    """
    classes, rows = rules.classes, rules.classes + 2
    preds, target = pair.labels(), pair.target
    table = CountTable.zeros(rows * (count + 1))
    labels = _table_rows(target, strata, rules, count)
    pair._replace(preds=preds, target=labels, axes=None).add_counts(NO_VALUES, table.array)
    result = []
    for number in range(count):
        part = table.array[number * rows : (number + 1) * rows]
        columns = np.column_stack([part[:, :classes], part[:, classes:].sum(axis=1)])
        outside: LabelPairs = {}
        if CountTable(columns).has_invalid_labels:
            used = np.asarray(strata == number)
            one = pair._replace(preds=preds[used][None], target=target[used][None], axes=None)
            outside = out_of_range_pairs(one, rules)
        result.append(StratumCounts(CountTable(columns).to_state(), outside))
    return result


def _table_rows(target: Array, strata: Array, rules: LabelRules, count: int) -> Array:
    """Return the row of every pixel; pixels of no stratum have those of one more."""
    classes, rows = rules.classes, rules.classes + 2
    if target.dtype == strata.dtype == np.uint8 and rows * (count + 1) <= BYTES:
        offsets = np.minimum(strata, np.uint8(count))
        offsets *= np.uint8(rows)
        if _are_classes_or_void(target, rules):
            labels: Array = np.minimum(target, np.uint8(classes))
        else:
            row_of = np.full(BYTES, classes + 1, np.uint8)
            row_of[:classes] = np.arange(classes)
            row_of[[value for value in rules.ignored.tolist() if 0 <= value < BYTES]] = classes
            labels = row_of.take(target)
        labels += offsets
        return labels
    is_class = (target >= 0) & (target < classes)
    row = np.where(is_class, target, classes + 1).astype(np.int32)
    row[np.isin(target, rules.ignored)] = classes
    row += np.where(np.isin(strata, VOID_STRATA), count, strata).astype(np.int32) * rows
    return row


def _are_classes_or_void(target: Array, rules: LabelRules) -> bool:
    """Whether bytes are classes that count, or ignored values that are no class."""
    ignored = [value for value in rules.ignored.tolist() if 0 <= value < BYTES]
    if any(value < rules.classes for value in ignored):
        return False
    void = sum(int(np.count_nonzero(target == value)) for value in ignored)
    return int(np.count_nonzero(target >= rules.classes)) == void


def split_images(strata: Array, pair: PredictionPair) -> list[Array]:
    """Return the stratum maps of the images of a pair."""
    return [strata[index] for index in np.ndindex(pair.target.shape[: -pair.image_axes])]


def _as_map(value: Any, pair: PredictionPair, names: Sequence[str]) -> Array:
    """Return the stratum of every pixel of a pair."""
    shape, images = pair.target.shape, pair.image_count
    if isinstance(value, (str, int, np.integer)):
        return np.broadcast_to(np.int32(stratum_number(value, names, "strata")), shape)
    if isinstance(value, (list, tuple)) and all(isinstance(one, (str, int)) for one in value):
        value = np.array([stratum_number(one, names, "strata") for one in value], np.int32)
    strata_array = as_input_array(value, "strata")
    if strata_array.kind not in LABEL_KINDS:
        raise TypeError(f"strata must be integers, got {strata_array.kind}")
    strata = strata_array.array
    if strata.shape == (images,) and strata.shape != shape:
        strata = strata.reshape(images, *(1 for _ in range(pair.image_axes)))
        strata = np.broadcast_to(strata, (images, *shape[-pair.image_axes :])).reshape(shape)
    if strata.size == pair.target.size and strata.ndim == len(shape) - 1:
        strata = strata.reshape(shape)  # a target with one axis has become (1, N)
    if strata.shape != shape:
        raise ValueError(
            f"strata of shape {strata.shape} do not fit target of shape {shape}: pass a map of "
            f"its shape, or one stratum for each of {images} images"
        )
    if strata.dtype == np.uint8 and strata.size and strata.max() < len(names):
        return strata
    wrong = (strata < 0) | (strata >= len(names))
    if wrong.any():
        wrong &= ~np.isin(strata, VOID_STRATA)
    if wrong.any():
        first = tuple(int(i) for i in np.unravel_index(int(wrong.argmax()), shape))
        raise ValueError(
            f"strata have {int(wrong.sum())} of {strata.size} values that are no stratum "
            f"(0..{len(names) - 1}) and not void (255, -1), first {strata[first]} at {first}"
        )
    return strata
