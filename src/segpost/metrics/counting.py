"""Counts of one pair of predictions and target; labels and logits that are refused are an error."""

from __future__ import annotations

from segpost._core.contract import LogitErrors, Logits
from segpost._core.errors import raise_bad_logits
from segpost.metrics.counts import CountTable, ImageCounts, LabelRules
from segpost.metrics.invalid_labels import (
    out_of_range_pairs,
    raise_invalid_labels,
)
from segpost.metrics.pairs import PredictionPair


def count_pair(
    pair: PredictionPair,
    rules: LabelRules,
    nan: str = "raise",
    batch: PredictionPair | None = None,
) -> CountTable:
    """Count a pair; for arrays on a device this waits for the device.

    Parameters
    ----------
    pair : PredictionPair
    rules : LabelRules
    nan : {"raise", "propagate"}
        Whether NaN in logits, and pixels of which they leave the label open, are an error.
    batch : PredictionPair, optional
        The batch of which the pair is an image: errors name counts and positions in it.
    """
    table = CountTable.zeros(rules.classes)
    errors = pair.add_counts(rules.ignored, table.array)
    check_counts(table, errors, pair, rules, nan, batch)
    return table


def check_counts(
    table: CountTable,
    errors: LogitErrors,
    pair: PredictionPair,
    rules: LabelRules,
    nan: str,
    batch: PredictionPair | None,
) -> None:
    """Raise if what was counted of a pair is an error; for the arguments see `count_pair`."""
    if nan == "raise" and (errors.nan_count or errors.undefined_count):
        if batch is not None:
            errors = batch.add_counts(rules.ignored, CountTable.zeros(rules.classes).array)
        raise_logit_errors(errors, batch or pair)
    if rules.are_broken_by(table):
        raise_invalid_labels(batch or pair, rules, table)


def count_images(pair: PredictionPair, rules: LabelRules, nan: str) -> list[ImageCounts]:
    """Count every image of a pair on its own; they have no id yet."""
    images = []
    for image in pair.images():
        table = count_pair(image, rules, nan, batch=pair)
        state = table.to_state().reshape(-1)
        cells = state.nonzero()[0]
        pairs = out_of_range_pairs(image, rules) if table.has_invalid_labels else {}
        images.append(ImageCounts(None, cells, state[cells], pairs))
    return images


def raise_logit_errors(errors: LogitErrors, pair: PredictionPair) -> None:
    """Raise if a backend met logits that leave a label open."""
    if isinstance(pair.preds, Logits):
        height, width = pair.target.shape[-2:]
        raise_bad_logits(errors, pair.preds, (pair.preds.values.shape[0], height, width))
