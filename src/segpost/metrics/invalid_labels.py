"""Labels that are neither a class nor ignored: listed with their counts, or named in an error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, NoReturn

import numpy as np

from segpost._core.arrays import Array
from segpost._core.contract import Logits
from segpost.metrics.counts import CountTable, LabelPairs, LabelRules, add_pairs, label_limit
from segpost.metrics.pairs import PredictionPair
from segpost.metrics.ratios import Mask

STRIP_PIXELS = 1 << 16  # looked at together
MAX_LISTED = 8  # values in an error
VOID_VALUES = (255, -1, -100)  # of data sets, and of torch's losses
BYTES = 255  # the largest number of classes of which each is a byte, with one value beside them


def out_of_range_pairs(pair: PredictionPair, rules: LabelRules) -> LabelPairs:
    """Count each (target, prediction) of which one is neither a class nor ignored.

    Labels beyond `label_limit` count as that limit, or as its negative.
    """
    if not isinstance(pair.preds, Logits) and pair.preds.dtype == pair.target.dtype == np.uint8:
        return _out_of_range_bytes(pair, rules)
    classes, limit = rules.classes, label_limit(rules.classes)
    base = 2 * limit + 1
    pairs: LabelPairs = {}
    for preds, target in _strips(pair.to_host()):
        bad = ~_is_ignored(target, rules.ignored)
        bad &= (target < 0) | (target >= classes) | (preds < 0) | (preds >= classes)
        if bad.any():
            codes = (_clip(target[bad], limit) + limit) * base + _clip(preds[bad], limit) + limit
            values, counts = np.unique(codes, return_counts=True)
            strip = zip(values.tolist(), counts.tolist(), strict=True)
            add_pairs(pairs, {(v // base - limit, v % base - limit): n for v, n in strip})
    return pairs


def _out_of_range_bytes(pair: PredictionPair, rules: LabelRules) -> LabelPairs:
    """Count them for labels of one byte, of which a backend has a table of 256 x 256."""
    table = CountTable.zeros(BYTES)
    pair.add_counts(np.empty(0, np.int64), table.array)
    counts = np.concatenate([table.class_rows, table.invalid_targets[None]])
    counts[[value for value in rules.ignored.tolist() if 0 <= value <= BYTES]] = 0
    counts[: rules.classes, : rules.classes] = 0
    rows, columns = counts.nonzero()
    labels = zip(rows.tolist(), columns.tolist(), strict=True)
    return {(target, pred): int(counts[target, pred]) for target, pred in labels}


def raise_invalid_labels(pair: PredictionPair, rules: LabelRules, table: CountTable) -> NoReturn:
    """Name the labels that the rules refuse: targets if there are any, else predictions."""
    pair = pair.to_host()
    if rules.refuse_targets and table.invalid_targets.any():
        _raise_invalid_target(pair, rules)
    census = _census(pair, rules, of_target=False)
    is_void = {value for value, _ in census.values} <= {*rules.ignored.tolist(), *VOID_VALUES[:1]}
    is_exchanged = is_void and not table.ignored.any()
    hint = "; are preds and target exchanged?" if is_exchanged else ""
    raise ValueError(
        f"preds have {census.pixels} of {pair.target.size} values outside 0..{rules.classes - 1} "
        f"where the target is not void: {census}{hint}"
    )


def _raise_invalid_target(pair: PredictionPair, rules: LabelRules) -> NoReturn:
    census = _census(pair, rules, of_target=True)
    classes, ignored = rules.classes, rules.ignored.tolist()
    allowed = f"0..{classes - 1}"
    if ignored:
        allowed += f" or ignored ({', '.join(map(str, ignored))})"
    hint, frequent, is_one = "", census.values[0][0], len(census.values) == 1
    if frequent in VOID_VALUES and (is_one or not ignored):
        hint = f"; if {frequent} means void, pass ignore_index={frequent}"
        if classes == 2 and is_one and frequent == 255:
            is_mask = not (pair.target == 1).any()
            hint = f"; for a mask of 0 and 255 pass target // 255{hint}" if is_mask else hint
    elif frequent == classes and is_one:
        has_zero = bool((pair.target == 0).any())
        hint = "; do the labels start at 1?"
        if has_zero:
            hint = (
                f"; labels 0 to {classes} are {classes + 1} classes: is num_classes one too few? "
                "Or is 0 void, and do the labels start at 1?"
            )
    elif all(0 <= value <= 33 for value, _ in census.values) and classes == 19:
        hint = "; are these Cityscapes labelIds? 19 classes are trainIds"
    raise ValueError(
        f"target has {census.pixels} of {pair.target.size} values outside {allowed}: {census}{hint}"
    )


class _Census(NamedTuple):
    """Invalid labels of one map."""

    values: list[tuple[int, int]]  # each with its count, most frequent first
    first: list[int]  # index of the first

    @property
    def pixels(self) -> int:
        return sum(count for _, count in self.values)

    def __str__(self) -> str:
        listed = ", ".join(f"{value} ({count} times)" for value, count in self.values[:MAX_LISTED])
        rest = len(self.values) - MAX_LISTED
        more = f" and {rest} other values" if rest > 0 else ""
        return f"{listed}{more}, first at {self.first}"


def _census(pair: PredictionPair, rules: LabelRules, *, of_target: bool) -> _Census:
    counts: dict[int, int] = {}
    first, offset = -1, 0
    for preds, target in _strips(pair):
        bad = ~_is_ignored(target, rules.ignored)
        values = target if of_target else preds
        bad &= (values < 0) | (values >= rules.classes)
        if not of_target:
            bad &= (target >= 0) & (target < rules.classes)
        if bad.any():
            if first < 0:
                first = offset + int(bad.argmax())
            for value, n in zip(*np.unique(values[bad], return_counts=True), strict=True):
                counts[int(value)] = counts.get(int(value), 0) + int(n)
        offset += len(target)
    index = [int(i) for i in np.unravel_index(first, pair.target.shape)]
    return _Census(sorted(counts.items(), key=lambda item: (-item[1], item[0])), index)


def _strips(pair: PredictionPair) -> Iterator[tuple[Array, Array]]:
    """Yield predicted and target labels in their order, flat, some rows at a time."""
    labels = pair.labels()
    rows = max(1, STRIP_PIXELS // max(pair.target.shape[-1], 1))
    for index in np.ndindex(pair.target.shape[:-2]):
        preds, target = labels[index], pair.target[index]
        for y in range(0, target.shape[0], rows):
            yield preds[y : y + rows].reshape(-1), target[y : y + rows].reshape(-1)


def _is_ignored(target: Array, ignored: Array) -> Mask:
    mask: Mask = np.zeros(target.shape, bool)
    for value in ignored:
        mask |= target == int(value)
    return mask


def _clip(labels: Array, limit: int) -> Array:
    low = 0 if labels.dtype.kind == "u" else max(-limit, np.iinfo(labels.dtype).min)
    high = min(limit, np.iinfo(labels.dtype).max)
    return np.clip(labels, low, high).astype(np.int64)
