"""Changes of the meaning of classes: known maps, offsets, other orders, ids that wrapped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from segpost.diagnosis.assignment import best_assignment
from segpost.diagnosis.values import Int64

MIN_CLASS_SHARE = 0.01  # of the pixels: smaller classes prove no change of classes
MAX_CLASSES = 256  # whose assignment is searched
IGNORED = -1  # target of a class map that is ignored
OFFSETS = (-3, -2, -1, 1, 2, 3)
MIN_KNOWN_SHARE = 0.2  # of the pixels whose class a map must keep
MIN_MINOR_SHARE = 0.5  # of the pixels of all classes but the commonest that must be right
MAX_RESIDUAL = 0.5  # of the errors that may remain
MIN_GAIN, MIN_CYCLE_GAIN = 0.2, 0.02  # least share of the pixels that a change must correct
MIN_CYCLE_OVERLAP = 0.85  # of two exchanged classes: a network that confuses them fits worse
MIN_OFFSET_SHARE = 0.85  # of the pixels that another order corrects: an offset is simpler
MIN_INVERTED_WRONG = 0.8  # of the pixels of a mask: no network confuses two classes so often
# Cityscapes: labelId to trainId.
TRAIN_IDS = {7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11,
             25: 12, 26: 13, 27: 14, 28: 15, 31: 16, 32: 17, 33: 18}  # fmt: skip


class ClassMap(NamedTuple):
    """For values of the target the value that is predicted, and how often it is."""

    name: str
    right: int
    valid_pixels: int
    was_right: int  # of the known pixels, without the map
    detail: dict[str, Any]

    @property
    def wrong_share(self) -> float:
        """Return the share of the known pixels that still disagree."""
        return 1 - self.right / self.valid_pixels if self.valid_pixels else 1.0


class ClassCounts:
    """The counts of target values (rows) and predicted values, and maps between them.

    Parameters
    ----------
    values : (V,) int64
    matrix : (V, V) int64
    """

    def __init__(self, values: Int64, matrix: Int64) -> None:
        self.values = values
        self.matrix = matrix
        self.valid_pixels = int(matrix.sum())
        self.support = matrix.sum(axis=1)
        self.wrong_share = 1 - int(np.trace(matrix)) / max(self.valid_pixels, 1)
        self.constant_wrong_share = 1 - int(self.support.max(initial=0)) / max(self.valid_pixels, 1)

    def iter_maps(self) -> Iterator[ClassMap]:
        """Yield the maps that explain the errors, and more of them than one class would."""
        values = self.values.tolist()
        label_ids = {train: label for label, train in TRAIN_IDS.items()}
        tables: list[tuple[str, dict[int, int], dict[str, Any]]] = [
            ("labelid-target", {v: TRAIN_IDS.get(v, IGNORED) for v in values}, {}),
            ("labelid-preds", {v: label_ids.get(v, IGNORED) for v in values}, {}),
        ]
        tables += [
            ("offset", {v: v + offset for v in values}, {"offset": offset}) for offset in OFFSETS
        ]
        if max(values, default=0) > 255:
            tables.append(("wrapped", {v: v % 256 if v > 0 else v for v in values}, {}))
        for name, table, detail in tables:
            class_map = self._apply(name, table, detail)
            gain = MIN_CYCLE_GAIN if name == "wrapped" else MIN_GAIN
            if class_map is not None and self._is_enough(class_map, gain):
                yield class_map
        permutation = self._best_permutation()
        if permutation is not None:
            gain = MIN_CYCLE_GAIN if permutation.detail["is_cycle"] else MIN_GAIN
            overlap = permutation.detail.pop("least_overlap")
            is_exact = overlap >= MIN_CYCLE_OVERLAP or len(permutation.detail["order"]) > 2
            is_exact |= permutation.name == "inverted" and self.wrong_share >= MIN_INVERTED_WRONG
            if self._is_enough(permutation, gain) and is_exact:
                yield self._as_offset(permutation) or permutation

    def _as_offset(self, permutation: ClassMap) -> ClassMap | None:
        """Return an offset that no class contradicts and that corrects nearly as many pixels."""
        for offset in OFFSETS:
            if not self.is_possible_offset(offset):
                continue
            table = {value: value + offset for value in self.values.tolist()}
            class_map = self._apply("offset", table, {"offset": offset})
            if class_map is None:
                continue
            gain, most = (change.right - change.was_right for change in (class_map, permutation))
            if gain >= MIN_OFFSET_SHARE * most:
                detail = {key: class_map.detail[key] for key in ("offset", "classes_moved")}
                return class_map._replace(detail=detail)
        return None

    def is_possible_offset(self, offset: int, tolerance: float = 0.0) -> bool:
        """Return whether predictions are classes, at least 0, plus the offset.

        Values at up to a share `tolerance` of the pixels do not count.
        """
        least = tolerance * self.valid_pixels
        predicted, target = (self.values[self.matrix.sum(axis=axis) > least] for axis in (0, 1))
        if offset > 0:
            return bool(predicted.min(initial=offset) >= offset)
        return bool(predicted.max(initial=0) <= target.max(initial=0) + offset)

    def _is_enough(self, class_map: ClassMap, min_gain: float) -> bool:
        before = 1 - class_map.was_right / class_map.valid_pixels
        constant = (
            1 - class_map.detail.pop("commonest", int(self.support.max())) / class_map.valid_pixels
        )
        return (
            class_map.valid_pixels >= MIN_KNOWN_SHARE * self.valid_pixels
            and class_map.wrong_share <= MAX_RESIDUAL * min(before, constant)
            and before - class_map.wrong_share >= min_gain
            and class_map.detail.pop("minor_right") >= MIN_MINOR_SHARE
        )

    def _apply(self, name: str, table: dict[int, int], detail: dict[str, Any]) -> ClassMap | None:
        """Return the agreement if each target value were predicted as the table says."""
        codes = {value: code for code, value in enumerate(self.values.tolist())}
        right = valid_pixels = moved = minor = minor_right = was_right = most = 0
        commonest = int(self.support.argmax())
        for value, code in codes.items():
            pixels = int(self.support[code])
            wanted = table[value]
            if wanted < 0:  # only what was right counts: the map would make it wrong
                valid_pixels += int(self.matrix[code, code])
                was_right += int(self.matrix[code, code])
            if not pixels or wanted < 0:
                continue
            hits = int(self.matrix[code, codes[wanted]]) if wanted in codes else 0
            right, valid_pixels = right + hits, valid_pixels + pixels
            was_right, most = was_right + int(self.matrix[code, code]), max(most, pixels)
            if code != commonest:
                minor, minor_right = minor + pixels, minor_right + hits
            moved += wanted != value and 2 * hits > pixels >= MIN_CLASS_SHARE * self.valid_pixels
        if moved < 2:  # one class that is predicted as another is an error of the network
            return None
        detail = {**detail, "classes_moved": moved}
        if name != "offset" and not any(table[v] != v for v in codes):
            return None
        detail["commonest"] = most
        detail["minor_right"] = minor_right / minor if minor else 0.0
        return ClassMap(name, right, valid_pixels, was_right, detail)

    def _best_permutation(self) -> ClassMap | None:
        """Return the assignment of target values to predicted values that agrees best."""
        matrix = self.matrix
        codes = np.flatnonzero(matrix.sum(axis=0) + self.support)
        if len(codes) > MAX_CLASSES:
            return None
        matrix = matrix[np.ix_(codes, codes)]
        columns = best_assignment(matrix)
        pixels, hits = matrix.sum(axis=1), matrix[np.arange(len(codes)), columns]
        union = pixels + matrix.sum(axis=0)[columns] - hits
        overlaps = (2 * hits > union) & (pixels >= MIN_CLASS_SHARE * self.valid_pixels)
        moved = overlaps & (columns != np.arange(len(codes)))
        if moved.sum() < 2:
            return None
        # A small class may have no counterpart; a common one that has none speaks against it.
        if (~overlaps & (pixels >= 0.05 * self.valid_pixels)).any():
            return None
        values = self.values[codes]
        is_cycle = set(np.flatnonzero(moved)) == set(columns[moved])
        new_columns = np.where(overlaps, columns, np.arange(len(codes)))
        order = {int(values[new_columns[i]]): int(values[i]) for i in np.flatnonzero(moved)}
        mapping = [f"{values[i]}->{values[columns[i]]}" for i in np.flatnonzero(moved)]
        minor = pixels.copy()
        minor[pixels.argmax()] = 0
        return ClassMap(
            "inverted" if values.tolist() == [0, 1] else "permutation",
            int(hits.sum()),
            int(pixels.sum()),
            int(np.trace(matrix)),
            {
                "classes_moved": len(mapping),
                "mapping": ", ".join(mapping),
                "order": order,
                "is_cycle": is_cycle,
                "least_overlap": float((hits[moved] / union[moved]).min()),
                "minor_right": int(hits[minor > 0].sum()) / max(int(minor.sum()), 1),
            },
        )
