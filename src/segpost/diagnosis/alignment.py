"""Prediction against target: what change of one of them would make them agree best.

Maps are coded first: a small integer for every value that occurs, one of its own for void. Every
candidate is then a count of equal codes, so that candidates are compared exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segpost._core.arrays import Array
from segpost._core.sampling import GRIDS, affine
from segpost.diagnosis.assignment import best_assignment
from segpost.spatial.letterbox import Letterbox

if TYPE_CHECKING:
    from segpost.diagnosis.context import Case

Int64 = npt.NDArray[np.int64]

REACH = 16  # pixels that the offset search goes, each way
COARSE = 1 << 18  # pixels on which all offsets are compared; the best are then counted on all
REFINED = 25  # offsets that are
WRONG = 32  # wrong pixels below which nothing is explained
MOST_VALUES = 1024  # that are told apart; more are no classes
SUBSTANTIAL = 0.01  # of the pixels: a class that counts
SIDES = (8, 16, 32, 64)  # of which networks want multiples
INPUTS = (256, 320, 384, 512, 513, 640, 768, 769, 1024)  # sides of square network inputs
CROPS = (1.0, 0.875, 0.98)  # of the shorter side that a center crop keeps: 224 of 256
VOID = -1
TURNS: dict[str, tuple[Callable[[Array], Array], str]] = {  # of (N, H, W), and as code of (H, W)
    "mirrored left to right": (lambda made: made[:, :, ::-1], "labels[:, ::-1]"),
    "mirrored top to bottom": (lambda made: made[:, ::-1], "labels[::-1]"),
    "turned by 180 degrees": (lambda made: made[:, ::-1, ::-1], "labels[::-1, ::-1]"),
    "transposed": (lambda made: made.transpose(0, 2, 1), "labels.T"),
    "turned by 90 degrees to the left": (
        lambda made: np.rot90(made, 1, (1, 2)), "np.rot90(labels)"),
    "turned by 90 degrees to the right": (
        lambda made: np.rot90(made, -1, (1, 2)), "np.rot90(labels, -1)"),
}  # fmt: skip
TRAIN_IDS = {7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11,
             25: 12, 26: 13, 27: 14, 28: 15, 31: 16, 32: 17, 33: 18}  # fmt: skip


class Explanation(NamedTuple):
    """A change, and how well prediction and target agree after it."""

    name: str
    right: int
    known: int
    detail: dict[str, Any]
    before: float = 0.0  # share of the pixels that agree as they are

    @property
    def wrong(self) -> float:
        """Share of the pixels that still disagree."""
        return 1 - self.right / self.known if self.known else 1.0


class Aligned:
    """Prediction and target of the same images, (N, h, w) and (N, H, W)."""

    def __init__(self, preds: Array, target: Array, ignored: Int64, case: Case) -> None:
        self.case = case
        self.size = target.shape[1:]
        self.fits = preds.shape == target.shape
        self.preds_values, coded = _coded(preds)
        self.target_values, truth = _coded(target)
        void = np.isin(self.target_values, ignored)
        self.usable = len(self.preds_values) + len(self.target_values) <= MOST_VALUES
        # One numbering for both: that of the target's values, then what is only predicted.
        every = np.union1d(self.preds_values, self.target_values)
        kind = np.uint8 if len(every) < 255 else np.uint16
        self.none = int(np.iinfo(kind).max)  # equal to nothing that is predicted
        table = np.searchsorted(every, self.target_values).astype(kind)
        table[void] = self.none
        self.values = every
        self.preds = np.searchsorted(every, self.preds_values).astype(kind)[coded]
        self.target = table[truth]
        self.known = int(np.count_nonzero(self.target != self.none))

    @cached_property
    def before(self) -> Explanation:
        """The agreement as it is; where the sizes differ, with the prediction resized."""
        right, known = self._counted(self._window((0.0, 1.0, 0.0, 1.0)))
        return Explanation("", right, known, {})

    @cached_property
    def matrix(self) -> Int64:
        """(V, V) counts of coded target and prediction, of what is not void."""
        preds = self._window((0.0, 1.0, 0.0, 1.0))
        keep = self.target != self.none
        many = len(self.values)
        codes = self.target[keep].astype(np.int64) * many + preds[keep]
        return np.bincount(codes, minlength=many * many).reshape(many, many)

    @property
    def telling(self) -> bool:
        """Whether there is enough, and enough wrong, for anything to be explained."""
        return (
            self.usable
            and self.known >= 256
            and self.before.wrong * self.known >= WRONG
            and self.varied
        )

    @property
    def varied(self) -> bool:
        """Whether the target has more than one class."""
        return self.usable and int((self.matrix.sum(axis=1) > 0).sum()) > 1

    @cached_property
    def best(self) -> Explanation | None:
        """The change that explains most of what is wrong, where one explains enough."""
        if not self.telling:
            return None
        found = [
            (made.wrong + price, made._replace(before=1 - self.before.wrong))
            for made, price, enough, gain in self._candidates()
            if made.known >= 0.2 * self.known
            and made.wrong <= enough * self.before.wrong
            and self.before.wrong - made.wrong >= gain
        ]
        if not found:
            return None
        least, best = min(found, key=lambda pair: pair[0])
        for price, made in found:
            if made.name == "grid" and self._is_offset_of(made, best) and price <= 2 * least + 0.01:
                return made
        return best

    def _is_offset_of(self, grid: Explanation, shift: Explanation) -> bool:
        """Whether an offset is that between two grids, half a stride or so: then the grid it is."""
        if shift.name != "shift" or not self.case.has("logits"):
            return False
        small = self.case.logits.values.shape[2:]
        for n_in, n_out, found in zip(
            small, self.size, (shift.detail["down"], shift.detail["right"]), strict=True
        ):
            told, true = (_middle(n_in, n_out, grid.detail[key]) for key in ("told", "grid"))
            apart = (true - told) * n_out / n_in
            if abs(found - apart) > 1:
                return False
        return True

    def _candidates(self) -> Iterator[tuple[Explanation, float, float, float]]:
        """Each with the price of its freedom, the share of errors it may leave, the least gain."""
        for made in self.class_maps():
            yield made, 0.002, 0.5, 0.2
        for made in self.permutations():
            yield made, 0.02, 0.5, 0.25
        for made in self.turns():
            yield made, 0.0, 0.5, 0.01
        for made in self.windows():
            yield made, 0.005, 0.5, 0.005
        if self.fits:
            yield self.shift, 0.0, 0.75, 0.003
        for made in self.grids():
            yield made, 0.0, 0.9, 0.0005

    # Classes -------------------------------------------------------------------------------------

    def class_maps(self) -> Iterator[Explanation]:
        """Well-known maps of ids: labelId and trainId, one less, one more."""
        values = self.values.tolist()
        yield self._mapped("labelid-target", {v: TRAIN_IDS.get(v, VOID) for v in values})
        back = {train: label for label, train in TRAIN_IDS.items()}
        yield self._mapped("labelid-preds", {v: back.get(v, VOID) for v in values})
        for offset in (-3, -2, -1, 1, 2, 3):
            yield self._mapped("offset", {v: v + offset for v in values}, offset=offset)

    def _mapped(self, name: str, table: dict[int, int], **detail: Any) -> Explanation:
        """Agreement if each target value were predicted as the table says; below 0 is void."""
        at = {value: place for place, value in enumerate(self.values.tolist())}
        right = known = moved = 0
        for row, value in enumerate(self.values.tolist()):
            pixels = int(self.matrix[row].sum())
            wanted = table[value]
            if not pixels or wanted < 0:
                continue
            hits = int(self.matrix[row, at[wanted]]) if wanted in at else 0
            right, known = right + hits, known + pixels
            moved += wanted != value and 2 * hits > pixels >= SUBSTANTIAL * self.known
        if moved < 2:  # one class taken for another is a mistake of the network
            right = 0
        return Explanation(name, right, known, {**detail, "classes_moved": moved})

    def permutations(self) -> Iterator[Explanation]:
        """The assignment of target classes to predicted ones with the largest agreement."""
        matrix = self.matrix
        used = np.flatnonzero(matrix.sum(axis=0) + matrix.sum(axis=1))
        if len(used) > 256:
            return
        small = matrix[np.ix_(used, used)]
        chosen = best_assignment(small)
        pixels, hits = small.sum(axis=1), small[np.arange(len(used)), chosen]
        union = pixels + small.sum(axis=0)[chosen] - hits
        good = (2 * hits > union) & (pixels >= SUBSTANTIAL * self.known)
        moved = good & (chosen != np.arange(len(used)))
        if moved.sum() < 2:
            return
        names = self.values[used]
        table = {int(names[i]): int(names[chosen[i]]) for i in np.flatnonzero(moved)}
        detail = {
            "classes_moved": len(table),
            "mapping": ", ".join(f"{a}->{b}" for a, b in list(table.items())[:12]),
        }
        swapped = names.tolist() == [0, 1]
        yield Explanation(
            "inverted" if swapped else "permutation", int(hits.sum()), int(pixels.sum()), detail
        )

    # Places --------------------------------------------------------------------------------------

    def turns(self) -> Iterator[Explanation]:
        """The prediction transposed, mirrored, turned, or read with the wrong width."""
        preds = self.preds
        for how, (turn, _) in TURNS.items():
            made = turn(preds)
            if made.shape[1:] == self.size:
                right, known = self._counted(made)
                yield Explanation("turn", right, known, {"how": how})
        if preds[0].size == self.target[0].size:
            height, width = self.size
            if preds.shape[1:] != self.size:
                right, known = self._counted(preds.reshape(len(preds), height, width))
                yield Explanation("turn", right, known, {"how": "reshaped to (width, height)"})
            elif height != width:
                made = preds.reshape(len(preds), width, height).transpose(0, 2, 1)
                right, known = self._counted(made)
                yield Explanation("turn", right, known, {"how": "reshaped and transposed"})

    def windows(self) -> Iterator[Explanation]:
        """The prediction of a padded or cropped picture: the part that the target shows."""
        for how, window, box in _padded_and_cropped(self.size, self.preds.shape[1:], self.fits):
            right, known = self._counted(self._window(window))
            rounded = ", ".join(f"{part:.4f}" for part in window)
            detail = {"how": how, "top_bottom_left_right": rounded}
            if box is not None:
                detail["letterbox"] = repr(box)
            yield Explanation("window", right, known, detail)

    @cached_property
    def shift(self) -> Explanation:
        """The offset with the largest agreement, in whole pixels."""
        height, width = self.size
        reach = [min(REACH, side // 3) for side in (height, width)]
        step = max(1, min(-(-self.target.size // COARSE), height // 16))
        offsets = [
            (dy, dx)
            for dy in range(-reach[0], reach[0] + 1)
            for dx in range(-reach[1], reach[1] + 1)
        ]
        rough = {at: self._shifted(*at, step) for at in offsets}
        best = sorted(offsets, key=lambda at: -_share(*rough[at]))[:REFINED]
        if step > 1:
            rough = {at: self._shifted(*at, 1) for at in best}
        # Equal shares: the shorter way is the likelier.
        dy, dx = max(best, key=lambda at: (_share(*rough[at]), -abs(at[0]) - abs(at[1])))
        right, known = rough[dy, dx]
        return Explanation("shift" if dy or dx else "", right, known, {"down": dy, "right": dx})

    def grids(self) -> Iterator[Explanation]:
        """The logits enlarged on another grid."""
        case = self.case
        if not case.has("logits") or case.logits.values.shape[2:] == self.size:
            return
        if len(case.logits.values) != len(case.target):
            return
        told = case.grid or "half_pixel"
        first = self._enlarged(told)
        if case.has("labels") and not np.array_equal(first, self.preds):
            return  # the labels were made another way
        for grid in GRIDS:
            if grid == told:
                continue
            made = self._enlarged(grid)
            right, known = self._counted(made)
            won = int(np.count_nonzero((made == self.target) & (first != self.target)))
            lost = int(np.count_nonzero((made != self.target) & (first == self.target)))
            if won >= 1.5 * lost and won + lost >= 64:
                detail = {"grid": grid, "told": told, "pixels_better": won, "pixels_worse": lost}
                yield Explanation("grid", right, known, detail)

    def _enlarged(self, grid: str) -> Array:
        """The logits' labels on a grid, coded; values that do not occur elsewhere as none."""
        made = self.case.argmax((int(self.size[0]), int(self.size[1])), grid)[: len(self.preds)]
        top = int(made.max(initial=0)) + 1
        places = np.searchsorted(self.values, np.arange(top)).clip(max=len(self.values) - 1)
        there = self.values[places] == np.arange(top)
        table = np.where(there, places, self.none - 1).astype(self.target.dtype)
        coded: Array = table[made]
        return coded

    def _counted(self, made: Array) -> tuple[int, int]:
        """Equal pixels of a coded prediction and the target, and how many could be."""
        known = self.known
        if (uncovered := made == self.none).any():
            known = int(np.count_nonzero((self.target != self.none) & ~uncovered))
            return int(np.count_nonzero((made == self.target) & ~uncovered)), known
        return int(np.count_nonzero(made == self.target)), known

    def _shifted(self, dy: int, dx: int, step: int) -> tuple[int, int]:
        """The same with the prediction moved by whole pixels; only every so many rows."""
        height, width = self.size
        top, bottom = max(0, -dy), min(height, height - dy)
        left, right = max(0, -dx), min(width, width - dx)
        target = self.target[:, top:bottom:step, left:right]
        preds = self.preds[:, top + dy : bottom + dy : step, left + dx : right + dx]
        return int(np.count_nonzero(target == preds)), int(np.count_nonzero(target != self.none))

    def _window(self, window: tuple[float, float, float, float]) -> Array:
        """The part of the prediction between these fractions at the target's size, by nearest."""
        top, bottom, left, right = window
        if self.fits and window == (0.0, 1.0, 0.0, 1.0):
            return self.preds
        made = []
        for start, stop, n_in, n_out in (
            (top, bottom, self.preds.shape[1], self.size[0]),
            (left, right, self.preds.shape[2], self.size[1]),
        ):
            places = start + (np.arange(n_out) + 0.5) / n_out * (stop - start)
            made.append(np.floor(places * n_in).astype(np.intp))
        rows, columns = made
        inside = [(at >= 0) & (at < n) for at, n in zip(made, self.preds.shape[1:], strict=True)]
        rows, columns = (
            at.clip(0, n - 1) for at, n in zip(made, self.preds.shape[1:], strict=True)
        )
        part: Array = self.preds[:, rows[:, None], columns]
        if not (inside[0].all() and inside[1].all()):
            part[:, ~(inside[0][:, None] & inside[1])] = self.none
        return part


def _coded(labels: Array) -> tuple[Int64, Array]:
    """The values of a map, and the place of each pixel's value among them."""
    if labels.dtype == np.uint8:
        values = np.bincount(labels.reshape(-1), minlength=256).nonzero()[0]
        table = np.zeros(256, np.intp)
        table[values] = np.arange(len(values))
        return values.astype(np.int64), table[labels]
    values, codes = np.unique(labels, return_inverse=True)
    return values.astype(np.int64), codes.reshape(labels.shape)


def _middle(n_in: int, n_out: int, grid: str) -> float:
    """The mean source coordinate of the outputs."""
    step, offset, den = affine(n_in, n_out, grid)
    return (step * (n_out - 1) / 2 + offset) / den


def _share(right: int, known: int) -> float:
    return right / known if known else 0.0


def _padded_and_cropped(
    size: tuple[int, ...], found: tuple[int, ...], fits: bool
) -> Iterator[tuple[str, tuple[float, float, float, float], Letterbox | None]]:
    """Where the target's edges would lie in the prediction, as fractions; the letterbox it was."""
    height, width = size
    seen = set()
    padded = {(max(size), max(size)): "to a square"}
    for side in SIDES:
        whole = (-(-height // side) * side, -(-width // side) * side)
        padded.setdefault(whole, f"to multiples of {side}")
    for side in INPUTS:
        if side >= max(size):
            padded.setdefault((side, side), f"to {side} x {side}")
    if not fits and found[0] >= height and found[1] >= width:
        padded.setdefault((found[0], found[1]), "to the size it has")
    for (rows, columns), how in padded.items():
        for where, share in (("bottom and right", 0.0), ("all sides", 0.5)):
            top = (rows - height) * share / rows
            left = (columns - width) * share / columns
            window = (top, top + height / rows, left, left + width / columns)
            if window not in seen and window != (0.0, 1.0, 0.0, 1.0):
                seen.add(window)
                offset = (int((rows - height) * share), int((columns - width) * share))
                box = Letterbox((height, width), (rows, columns), (height, width), offset)
                yield f"padded {how} at {where}", window, box
    short = min(size)
    for crop in CROPS:
        kept = crop * short
        edges = []
        for side in (height, width):
            first = (side - kept) / 2
            edges += [-first / kept, (side - first) / kept]
        window = (edges[0], edges[1], edges[2], edges[3])
        if window != (0.0, 1.0, 0.0, 1.0):
            yield f"cropped to {kept:.0f} pixels in the middle", window, None
