"""The change of a prediction, or of its classes, that makes it agree best with the target.

Every candidate is a count of equal codes, so that candidates are compared exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arrays import Array
from segpost._core.sampling import GRIDS, affine
from segpost.diagnosis.assignment import best_assignment
from segpost.diagnosis.coded_maps import WHOLE, CodedMaps, Window, wrong_share
from segpost.diagnosis.values import Int64
from segpost.spatial.letterbox import Letterbox

MAX_SHIFT = 16  # pixels in each direction that offsets are searched in
COARSE_PIXELS = 1 << 18  # pixels on which all offsets are compared
REFINED_OFFSETS = 25  # the best of them, which are then counted on all pixels
MIN_CLASS_SHARE = 0.01  # of the pixels: smaller classes prove no change of classes
MAX_CLASSES = 256  # whose assignment is searched
MIN_KNOWN_SHARE = 0.2  # of the pixels that a candidate must cover
MULTIPLES = (8, 16, 32, 64)  # of which networks want the sides of their input
INPUT_SIDES = (256, 320, 384, 512, 513, 640, 768, 769, 1024)  # of square network inputs
CROPS = (1.0, 0.875, 0.98)  # share of the shorter side that a center crop keeps: 224 of 256
IGNORED = -1  # target of a class map that is ignored
FLIPS_AND_ROTATIONS: dict[str, tuple[Callable[[Array], Array], str]] = {  # and as code
    "mirrored left to right": (lambda labels: labels[:, :, ::-1], "labels[:, ::-1]"),
    "mirrored top to bottom": (lambda labels: labels[:, ::-1], "labels[::-1]"),
    "turned by 180 degrees": (lambda labels: labels[:, ::-1, ::-1], "labels[::-1, ::-1]"),
    "transposed": (lambda labels: labels.transpose(0, 2, 1), "labels.T"),
    "turned by 90 degrees to the left": (
        lambda labels: np.rot90(labels, 1, (1, 2)), "np.rot90(labels)"),
    "turned by 90 degrees to the right": (
        lambda labels: np.rot90(labels, -1, (1, 2)), "np.rot90(labels, -1)"),
}  # fmt: skip
# Cityscapes: labelId to trainId.
TRAIN_IDS = {7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11,
             25: 12, 26: 13, 27: 14, 28: 15, 31: 16, 32: 17, 33: 18}  # fmt: skip


class ResizableLogits(NamedTuple):
    """Logits of the same images as the target, whose labels can be computed on any grid."""

    size: tuple[int, int]  # (h, w)
    grid: str  # of the caller
    argmax: Callable[[tuple[int, int], str], Array]  # of a size and a grid: (N, H, W) labels
    are_predicted: bool  # whether the prediction is that of these logits


class Explanation(NamedTuple):
    """A change, and how well prediction and target agree after it."""

    name: str
    right: int
    known: int
    detail: dict[str, Any]
    before: float = 0.0  # share of the pixels that agree without the change

    @property
    def wrong(self) -> float:
        """Return the share of the pixels that still disagree."""
        return wrong_share(self.right, self.known)


class Candidate(NamedTuple):
    """An explanation, and what it must achieve to be believed."""

    explanation: Explanation
    penalty: float  # added to the share of errors: a change with many parameters fits anything
    max_residual: float  # largest share of the errors that may remain
    min_gain: float  # least share of the pixels that it must correct


class Alignment(CodedMaps):
    """Prediction (N, h, w) and target (N, H, W) of the same images, and changes that align them."""

    def __init__(
        self, predicted: Array, target: Array, ignored: Int64, logits: ResizableLogits | None = None
    ) -> None:
        super().__init__(predicted, target, ignored)
        self.logits = logits

    @cached_property
    def best(self) -> Explanation | None:
        """Return the change that explains most of the errors, or None where none explains enough.

        A shift that is the offset between two sampling grids is explained by the grid.
        """
        if not self.is_informative:
            return None
        scored = [
            (candidate.explanation.wrong + candidate.penalty, candidate)
            for candidate in self._iter_candidates()
            if self._is_enough(candidate)
        ]
        if not scored:
            return None
        least, best = min(scored, key=lambda pair: pair[0])
        for score, candidate in scored:
            explanation = candidate.explanation
            if (
                explanation.name == "grid"
                and self._is_grid_offset(explanation, best.explanation)
                and score <= 2 * least + 0.01
            ):
                best = candidate
                break
        return best.explanation._replace(before=1 - self.wrong_share)

    def _is_enough(self, candidate: Candidate) -> bool:
        explanation = candidate.explanation
        return (
            explanation.known >= MIN_KNOWN_SHARE * self.known
            and explanation.wrong <= candidate.max_residual * self.wrong_share
            and self.wrong_share - explanation.wrong >= candidate.min_gain
        )

    def _is_grid_offset(self, grid: Explanation, shift: Explanation) -> bool:
        """Return whether a shift is within a pixel of the offset between two grids."""
        if shift.name != "shift" or self.logits is None:
            return False
        offsets = (shift.detail["down"], shift.detail["right"])
        for n_in, n_out, offset in zip(self.logits.size, self.size, offsets, strict=True):
            declared, true = (
                _mean_coordinate(n_in, n_out, grid.detail[key]) for key in ("told", "grid")
            )
            if abs(offset - (true - declared) * n_out / n_in) > 1:
                return False
        return True

    def _iter_candidates(self) -> Iterator[Candidate]:
        for explanation in self.iter_class_maps():
            yield Candidate(explanation, 0.002, 0.5, 0.2)
        for explanation in self.iter_permutations():
            yield Candidate(explanation, 0.02, 0.5, 0.25)
        for explanation in self.iter_flips_and_rotations():
            yield Candidate(explanation, 0.0, 0.5, 0.01)
        for explanation in self.iter_windows():
            yield Candidate(explanation, 0.005, 0.5, 0.005)
        if self.has_same_size:
            yield Candidate(self.shift, 0.0, 0.75, 0.003)
        for explanation in self.iter_grids():
            yield Candidate(explanation, 0.0, 0.9, 0.0005)

    # Classes -------------------------------------------------------------------------------------

    def iter_class_maps(self) -> Iterator[Explanation]:
        """Yield well-known maps of ids: labelId and trainId, and offsets of up to 3."""
        values = self.values.tolist()
        yield self._map_classes("labelid-target", {v: TRAIN_IDS.get(v, IGNORED) for v in values})
        label_ids = {train: label for label, train in TRAIN_IDS.items()}
        yield self._map_classes("labelid-preds", {v: label_ids.get(v, IGNORED) for v in values})
        for offset in (-3, -2, -1, 1, 2, 3):
            yield self._map_classes("offset", {v: v + offset for v in values}, offset=offset)

    def _map_classes(self, name: str, table: dict[int, int], **detail: Any) -> Explanation:
        """Return the agreement if each target value were predicted as the table says.

        Targets below 0 are ignored.
        """
        codes = {value: code for code, value in enumerate(self.values.tolist())}
        right = known = moved = 0
        for value, code in codes.items():
            pixels = int(self.matrix[code].sum())
            wanted = table[value]
            if not pixels or wanted < 0:
                continue
            hits = int(self.matrix[code, codes[wanted]]) if wanted in codes else 0
            right, known = right + hits, known + pixels
            moved += wanted != value and 2 * hits > pixels >= MIN_CLASS_SHARE * self.known
        if moved < 2:  # one class that is predicted as another is an error of the network
            right = 0
        return Explanation(name, right, known, {**detail, "classes_moved": moved})

    def iter_permutations(self) -> Iterator[Explanation]:
        """Yield the assignment of target classes to predicted classes that agrees best."""
        matrix = self.matrix
        codes = np.flatnonzero(matrix.sum(axis=0) + matrix.sum(axis=1))
        if len(codes) > MAX_CLASSES:
            return
        matrix = matrix[np.ix_(codes, codes)]
        columns = best_assignment(matrix)
        pixels, hits = matrix.sum(axis=1), matrix[np.arange(len(codes)), columns]
        union = pixels + matrix.sum(axis=0)[columns] - hits
        overlaps = (2 * hits > union) & (pixels >= MIN_CLASS_SHARE * self.known)
        moved = overlaps & (columns != np.arange(len(codes)))
        if moved.sum() < 2:
            return
        values = self.values[codes]
        mapping = [f"{values[i]}->{values[columns[i]]}" for i in np.flatnonzero(moved)]
        detail = {"classes_moved": len(mapping), "mapping": ", ".join(mapping[:12])}
        name = "inverted" if values.tolist() == [0, 1] else "permutation"
        yield Explanation(name, int(hits.sum()), int(pixels.sum()), detail)

    # Geometry ------------------------------------------------------------------------------------

    def iter_flips_and_rotations(self) -> Iterator[Explanation]:
        """Yield the prediction flipped, rotated, transposed, or read with the wrong width."""
        predicted = self.predicted
        for how, (transform, _) in FLIPS_AND_ROTATIONS.items():
            changed = transform(predicted)
            if changed.shape[1:] == self.size:
                yield Explanation("turn", *self.count_equal(changed), {"how": how})
        if predicted[0].size != self.target[0].size:
            return
        height, width = self.size
        if predicted.shape[1:] != self.size:
            changed = predicted.reshape(len(predicted), height, width)
            how = "reshaped to (width, height)"
        elif height != width:
            changed = predicted.reshape(len(predicted), width, height).transpose(0, 2, 1)
            how = "reshaped and transposed"
        else:
            return
        yield Explanation("turn", *self.count_equal(changed), {"how": how})

    def iter_windows(self) -> Iterator[Explanation]:
        """Yield the part of a padded or cropped prediction that the target shows."""
        shape = self.predicted.shape[1], self.predicted.shape[2]
        for how, window, box in _iter_paddings_and_crops(self.size, shape, self.has_same_size):
            fractions = ", ".join(f"{fraction:.4f}" for fraction in window)
            detail = {"how": how, "top_bottom_left_right": fractions}
            if box is not None:
                detail["letterbox"] = repr(box)
            yield Explanation("window", *self.count_equal(self.resize(window)), detail)

    @cached_property
    def shift(self) -> Explanation:
        """Return the offset in whole pixels at which most pixels agree."""
        height, width = self.size
        limit_y, limit_x = (min(MAX_SHIFT, side // 3) for side in (height, width))
        step = max(1, min(-(-self.target.size // COARSE_PIXELS), height // 16))
        offsets = [
            (dy, dx) for dy in range(-limit_y, limit_y + 1) for dx in range(-limit_x, limit_x + 1)
        ]
        counts = {offset: self.count_equal_shifted(*offset, step) for offset in offsets}
        best = sorted(offsets, key=lambda offset: wrong_share(*counts[offset]))[:REFINED_OFFSETS]
        if step > 1:
            counts = {offset: self.count_equal_shifted(*offset, 1) for offset in best}
        # Of equal shares the shorter offset is likelier.
        dy, dx = min(best, key=lambda o: (wrong_share(*counts[o]), abs(o[0]) + abs(o[1])))
        return Explanation("shift" if dy or dx else "", *counts[dy, dx], {"down": dy, "right": dx})

    def iter_grids(self) -> Iterator[Explanation]:
        """Yield the labels of the logits on every sampling grid but the caller's."""
        logits = self.logits
        if logits is None or logits.size == self.size:
            return
        declared = self._labels_on(logits, logits.grid)
        if not logits.are_predicted and not np.array_equal(declared, self.predicted):
            return  # the labels do not come from these logits alone
        for grid in GRIDS:
            if grid == logits.grid:
                continue
            labels = self._labels_on(logits, grid)
            is_right, was_right = labels == self.target, declared == self.target
            better = int(np.count_nonzero(is_right & (declared != self.target)))
            worse = int(np.count_nonzero((labels != self.target) & was_right))
            if better >= 1.5 * worse and better + worse >= 64:
                detail = {"grid": grid, "told": logits.grid,
                          "pixels_better": better, "pixels_worse": worse}  # fmt: skip
                yield Explanation("grid", *self.count_equal(labels), detail)

    def _labels_on(self, logits: ResizableLogits, grid: str) -> Array:
        """Return the coded labels of the logits at target size."""
        return self.encode(logits.argmax(self.size, grid)[: len(self.predicted)])


def _mean_coordinate(n_in: int, n_out: int, grid: str) -> float:
    """Return the mean source coordinate of the outputs."""
    step, offset, denominator = affine(n_in, n_out, grid)
    return (step * (n_out - 1) / 2 + offset) / denominator


def _iter_paddings_and_crops(
    size: tuple[int, int], predicted_size: tuple[int, int], has_same_size: bool
) -> Iterator[tuple[str, Window, Letterbox | None]]:
    """Yield where the target's edges would lie in the prediction; for a padding its letterbox."""
    height, width = size
    seen = {WHOLE}
    paddings = {(max(size), max(size)): "to a square"}
    for side in MULTIPLES:
        rounded = (-(-height // side) * side, -(-width // side) * side)
        paddings.setdefault(rounded, f"to multiples of {side}")
    for side in INPUT_SIDES:
        if side >= max(size):
            paddings.setdefault((side, side), f"to {side} x {side}")
    if not has_same_size and predicted_size[0] >= height and predicted_size[1] >= width:
        paddings.setdefault(predicted_size, "to the size it has")
    for (rows, columns), how in paddings.items():
        for where, share in (("bottom and right", 0.0), ("all sides", 0.5)):
            top = (rows - height) * share / rows
            left = (columns - width) * share / columns
            window = (top, top + height / rows, left, left + width / columns)
            if window not in seen:
                seen.add(window)
                offset = (int((rows - height) * share), int((columns - width) * share))
                box = Letterbox((height, width), (rows, columns), (height, width), offset)
                yield f"padded {how} at {where}", window, box
    for crop in CROPS:
        kept = crop * min(size)
        edges = []
        for side in (height, width):
            first = (side - kept) / 2
            edges += [-first / kept, (side - first) / kept]
        window = (edges[0], edges[1], edges[2], edges[3])
        if window != WHOLE:
            yield f"cropped to {kept:.0f} pixels in the middle", window, None
