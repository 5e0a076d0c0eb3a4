"""Counts of the pairs of one update, before a matrix adds them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from segpost.metrics.counting import count_images, count_pair
from segpost.metrics.counts import ImageCounts, LabelPairs, LabelRules, add_pairs
from segpost.metrics.invalid_labels import out_of_range_pairs
from segpost.metrics.pairs import PredictionPair, raise_in_list
from segpost.metrics.ratios import Int64
from segpost.metrics.strata import PartCounts, Strata, count_strata


class UpdateCounts(NamedTuple):
    """The counts of an update: of its images where they are kept, else of its pairs."""

    states: list[Int64]  # of pairs
    outside: LabelPairs  # of pairs
    images: list[ImageCounts]  # they have no id yet
    parts: list[list[PartCounts]]  # of all pixels and of each stratum, for every pair or image


def count_pairs(
    pairs: Iterable[tuple[int, PredictionPair]],
    preds: object,
    rules: LabelRules,
    nan: str,
    strata: Sequence[Strata],
    *,
    by_image: bool,
) -> UpdateCounts:
    """Count the pairs of an update.

    Parameters
    ----------
    pairs : iterable of (int, PredictionPair)
        Each with its index in the update.
    preds : object
        The argument of the update, for errors.
    rules : LabelRules
    nan : {"raise", "propagate"}
        As in `count_pair`.
    strata : sequence of Strata
        Those of every pair of the update, by index; empty where there are none.
    by_image : bool
        Whether the counts of each image are kept.

    Raises
    ------
    ValueError, TypeError
        For pairs that are refused; the error names the element where `preds` is a list.
    """
    counts = UpdateCounts([], {}, [], [])
    for index, pair in pairs:
        try:
            if strata:
                counts.parts.extend(
                    count_strata(pair, strata[index], rules, nan, by_image=by_image)
                )
                continue
            if by_image:
                counts.images.extend(count_images(pair, rules, nan))
                continue
            table = count_pair(pair, rules, nan)
            counts.states.append(table.to_state())
            if table.has_invalid_labels:
                add_pairs(counts.outside, out_of_range_pairs(pair, rules))
        except (ValueError, TypeError) as error:
            raise_in_list(error, preds, index)
    for whole, *_ in counts.parts:
        if by_image:
            counts.images.append(whole.as_image())
        else:
            counts.states.append(whole.state)
            add_pairs(counts.outside, whole.outside)
    return counts
