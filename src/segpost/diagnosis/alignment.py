"""The change of a prediction, or of its classes, that makes it agree best with the target.

A change is believed where it leaves far fewer errors, on the same pixels, than doing nothing, than
the commonest class everywhere, and than an honest network whose outlines are too wide or narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arrays import Array
from segpost.diagnosis.assignment import best_assignment
from segpost.diagnosis.class_maps import ClassCounts
from segpost.diagnosis.coded_maps import CodedMaps
from segpost.diagnosis.correlation import (
    MIN_HINT_OFFSET,
    Change,
    find_correlated,
    find_padding,
)
from segpost.diagnosis.evidence import Evidence, weigh
from segpost.diagnosis.explanation import Explanation
from segpost.diagnosis.grid_fit import (
    ResizableLogits,
    is_grid_offset,
    is_grid_scale,
    iter_exchanged,
    iter_grids,
)
from segpost.diagnosis.honest_errors import label_components
from segpost.diagnosis.offsets import MAX_NEAR_OFFSET, Offset, find_far_offset, find_near_offset
from segpost.diagnosis.placements import (
    Placement,
    cut_tiles,
    honest_scales,
    iter_flips,
    iter_tile_orders,
    iter_windows,
    place_shift,
)
from segpost.diagnosis.values import Int64
from segpost.render.findings import Rank

COARSE_PIXELS = 1 << 15  # on which all placements are compared
VERIFIED = 3  # of the best changes: the first that beats the alternatives is taken
MIN_KNOWN_SHARE = 0.2  # of the pixels that a change must cover
MIN_PREDICTED_SHARE = 0.001  # of the pixels: a prediction of one class is never misplaced
SMALL_OFFSET = 2  # pixels that one picture does not prove
MIN_OFFSET_IMAGES = 3  # that do
MIN_PLACED_PIXELS = 5000  # below, a few errors look like a move
OBJECT_SIDE = 128  # pixels to which maps are thinned to count objects
MIN_OBJECT_SHARE = 0.002  # of the pixels of an object
MAX_OBJECT_SHARE = 0.2  # of the errors that may remain where there is one object
MAX_SHIFTED_WRONG = 0.12  # of the pixels that disagree after a likely offset
MAX_SHIFTED_SHARE = 0.5  # of the errors of the best alternative that it leaves
MAX_FAR_WRONG = 0.08  # of the pixels: among thousands of offsets one fits halfway by chance
MIN_BOLD_TILES = 4  # that are better: what moves content far must be seen in many places
MAX_IMPOSSIBLE = 0.02  # share of the pixels whose class no offset makes
MIN_DISORDER = 0.05  # share of errors from which tiles, pictures and far offsets are searched
EXPLAINED = 0.3  # share of errors that a change leaves, below which no padding is fitted
MAX_FITTED_SHARE = 0.6  # of the best score of others: a padding with four free sides fits more
MIN_PADDED_WRONG = 0.02  # share of errors from which any padding is searched
MAX_CORRELATED_TILES = 4  # whose order is a hint

# By kind: the largest share that may remain of the errors of the best alternative, the least share
# of the pixels that must be corrected, and the least share of minor classes that must be right.
LIMITS = {
    "turn": (0.5, 0.01, 0.5),
    "window": (0.5, 0.005, 0.5),
    "shift": (0.65, 0.003, 0.4),
    "far shift": (0.4, 0.06, 0.6),
    "tiles": (0.4, 0.02, 0.6),
    "images": (0.5, 0.02, 0.5),
}


class Candidate(NamedTuple):
    """A change that reduces the errors, not yet compared with its alternatives."""

    score: float  # share of the errors that remains, and what the freedom of the change costs
    verify: Callable[[], Explanation | None]


def _explained(score: float, explanation: Explanation) -> Candidate:
    """Return a candidate that is verified already."""
    return Candidate(score, lambda: explanation)


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

        A shift that is the offset between two sampling grids is explained by the grid. Where
        nothing explains most of the errors, a change under which the prediction correlates far
        better is a hint.
        """
        if not self.is_informative or not self.is_prediction_varied:
            return None
        grids = list(iter_grids(self, self.logits))
        candidates = list(self._iter_candidates())
        least = min((candidate.score for candidate in candidates), default=1.0)
        if least > EXPLAINED and self.fitted_padding is not None:
            fitted = self._placed(self.fitted_padding, penalty=0.04)
            candidates += [one for one in fitted if one.score <= MAX_FITTED_SHARE * least]
        candidates.sort(key=lambda candidate: candidate.score)
        best = None
        for candidate in candidates[:VERIFIED]:
            best = candidate.verify()
            if best is not None:
                break
        for grid in sorted(grids, key=lambda explanation: explanation.wrong):
            if best is None or (best.name == "shift" and grid.wrong <= best.wrong):
                return grid
            is_like_grid = is_grid_offset(grid, best, self.logits, self.size)
            is_like_grid |= is_grid_scale(best, self.logits, self.size)
            if is_like_grid and grid.wrong <= 2 * best.wrong + 0.01:
                return grid
        if best is None and self.wrong_share >= MIN_DISORDER:
            return find_correlated(self, self._iter_changes())
        return best

    @property
    def is_prediction_varied(self) -> bool:
        """Return whether more than one class is predicted where the target is known."""
        counts = np.sort(self.matrix.sum(axis=0))
        return bool(counts[:-1].sum() >= MIN_PREDICTED_SHARE * max(self.valid_pixels, 1))

    @cached_property
    def has_one_object(self) -> bool:
        """Return whether each target shows at most one object, beside the largest area."""
        step = max(1, -(-max(self.size) // OBJECT_SIDE))
        for target in self.target[:, ::step, ::step]:
            areas = np.sort(np.bincount(label_components(target).reshape(-1)))[:-1]
            if np.count_nonzero(areas >= MIN_OBJECT_SHARE * target.size) > 1:
                return False
        return True

    # Candidates ----------------------------------------------------------------------------------

    def _iter_candidates(self) -> Iterator[Candidate]:
        before = self.wrong_share
        counts = ClassCounts(self.values, self.matrix)
        for mapping in counts.iter_maps():
            is_swap = len(mapping.detail.get("order", ())) == 2 and mapping.name == "permutation"
            is_hint = is_swap and len(self.target) < MIN_OFFSET_IMAGES
            if mapping.name == "offset":  # another order has classes that no offset makes
                is_hint = not counts.is_possible_offset(mapping.detail["offset"], MAX_IMPOSSIBLE)
            rank: Rank = "hint" if is_hint else "likely"
            before_map = mapping.was_right / mapping.valid_pixels
            explanation = Explanation(
                mapping.name, mapping.right, mapping.valid_pixels, mapping.detail, before_map, rank
            )
            penalty = 0.02 if mapping.name in ("permutation", "inverted") else 0.002
            yield Candidate(
                mapping.wrong_share / before + penalty, partial(_as_verified, explanation)
            )
        shape = (int(self.predicted.shape[1]), int(self.predicted.shape[2]))
        for placement in (*iter_flips(shape, self.size), *iter_exchanged(self.logits, self.size)):
            yield from self._placed(placement)
        for placement in iter_windows(shape, self.size, self.has_same_size):
            yield from self._placed(placement, penalty=0.02)
        yield from self._iter_reshaped()
        if self.has_same_size:
            yield from self._iter_shifted()
        if before >= MIN_DISORDER:
            for tiles, make, detail in self.tile_orders:
                yield from self._try_move("tiles", make, detail, penalty=0.02 + 0.002 * tiles)
            yield from self._iter_exchanged_images()

    def _placed(self, placement: Placement, penalty: float = 0.0) -> Iterator[Candidate]:
        """Yield a placement that reduces the errors of the pixels that it covers."""
        step = max(1, int((self.target.size / COARSE_PIXELS) ** 0.5))
        moved = placement.apply(self.predicted, self.no_code, step)
        score = self._coarse_score(moved, step)
        if score is not None:
            yield Candidate(score + penalty, lambda: self._verify_placement(placement))

    def _try_move(
        self, name: str, make: Callable[[], Array], detail: dict[str, Any], penalty: float = 0.0
    ) -> Iterator[Candidate]:
        """Yield a change that is no placement, if it reduces the errors."""
        step = max(1, int((self.target.size / COARSE_PIXELS) ** 0.5))
        score = self._coarse_score(make()[:, ::step, ::step], step)
        if score is not None:
            yield Candidate(
                score + penalty, lambda: self._verify(name, make(), detail, is_bold=True)
            )

    def _coarse_score(self, moved: Array, step: int) -> float | None:
        """Return the share of the errors that remains on thinned maps; None where it is large."""
        target, whole = self.target[:, ::step, ::step], self.whole[:, ::step, ::step]
        compared = (target != self.no_code) & (moved != self.no_code)
        valid_pixels = int(np.count_nonzero(target != self.no_code))
        if np.count_nonzero(compared) < MIN_KNOWN_SHARE * valid_pixels:
            return None
        wrong = int(np.count_nonzero((moved != target) & compared))
        before = int(np.count_nonzero((whole != target) & compared))
        return wrong / before if wrong < 0.8 * before else None

    def _iter_reshaped(self) -> Iterator[Candidate]:
        """Yield the prediction read with height and width exchanged."""
        if self.predicted[0].size != self.target[0].size:
            return
        height, width = self.size
        images = len(self.predicted)
        if self.predicted.shape[1:] != self.size:
            how = "reshaped to (width, height)"
            changed = self.predicted.reshape(images, height, width)
        elif height != width:
            how = "reshaped and transposed"
            changed = self.predicted.reshape(images, width, height).transpose(0, 2, 1)
        else:
            return
        yield from self._try_move("turn", lambda: changed, {"how": how})

    def _iter_shifted(self) -> Iterator[Candidate]:
        """Yield the best offset, near or far."""
        down, right = self.near_offset
        near: list[Candidate] = []
        if down or right:
            near = list(self._placed(place_shift(self.size, down, right), penalty=0.01))
            yield from near
        if self.wrong_share < MIN_DISORDER or (near and near[0].score < 0.4):
            return
        far = self.far_offset
        if far is not None and max(abs(far[0]), abs(far[1])) > MAX_NEAR_OFFSET:
            # What it leaves uncovered speaks for an order of tiles.
            lost = 1 - np.prod([1 - abs(d) / n for d, n in zip(far, self.size, strict=True)])
            yield from self._placed(place_shift(self.size, *far), penalty=0.02 + 0.4 * float(lost))

    @cached_property
    def near_offset(self) -> Offset:
        """Return the offset of up to 16 pixels at which most pixels agree."""
        return find_near_offset(self.predicted, self.target, self.no_code)

    @cached_property
    def far_offset(self) -> Offset | None:
        """Return the offset of any length at which the largest share agrees."""
        return find_far_offset(self.predicted, self.target, self.no_code)

    @cached_property
    def tile_orders(self) -> list[tuple[int, Callable[..., Array], dict[str, Any]]]:
        """Return how many tiles in another order agree, the prediction in it, and the order."""
        step = max(1, int((self.target.size / COARSE_PIXELS) ** 0.5))
        target, whole = self.target[:, ::step, ::step], self.whole[:, ::step, ::step]

        def agree(down: int, across: int) -> Array:
            tiles = [cut_tiles(codes, down, across) for codes in (target, whole)]
            return np.array([[np.count_nonzero(a == b) for b in tiles[1]] for a in tiles[0]])

        orders: list[tuple[int, Callable[..., Array], dict[str, Any]]] = []
        for down, across, order in iter_tile_orders(self.size, agree):
            detail = {"tiles": f"{down} x {across}", "order": order.tolist()}
            orders.append((down * across, partial(self._reorder, down, across, order), detail))
        return orders

    def _reorder(self, down: int, across: int, order: Array, step: int = 1) -> Array:
        """Return the prediction with equal tiles in another order; a rest has no code."""
        moved = np.full_like(self.whole, self.no_code)
        for into, tile in zip(
            cut_tiles(moved, down, across),
            [cut_tiles(self.whole, down, across)[int(i)] for i in order],
            strict=True,
        ):
            into[...] = tile
        return moved[:, ::step, ::step]

    def _iter_exchanged_images(self) -> Iterator[Candidate]:
        """Yield the predictions of a batch in another order."""
        images = len(self.target)
        if images < 2:
            return
        order = self.order_of_images
        if (order != np.arange(images)).sum() >= 2:
            detail = {"order": order.tolist()}
            yield from self._try_move("images", lambda: self.whole[order], detail, penalty=0.02)

    @cached_property
    def order_of_images(self) -> Array:
        """Return for every target the picture of the batch whose prediction agrees."""
        step = max(1, int((self.target[0].size / COARSE_PIXELS) ** 0.5))
        target, whole = self.target[:, ::step, ::step], self.whole[:, ::step, ::step]
        equal = np.array([[np.count_nonzero(a == b) for b in whole] for a in target])
        return best_assignment(equal)

    # Paddings and correlated changes -------------------------------------------------------------

    @cached_property
    def fitted_padding(self) -> Placement | None:
        """Return the padding or crop of any size under which the prediction correlates most."""
        return find_padding(self) if self.wrong_share >= MIN_PADDED_WRONG else None

    def _iter_changes(self) -> Iterator[Change]:
        """Yield the changes of place that a poor network may show."""
        placements = list(iter_flips((self.predicted.shape[1], self.predicted.shape[2]), self.size))
        placements += filter(None, [self.fitted_padding])
        if self.has_same_size:
            for offset in (self.near_offset, self.far_offset):
                if offset is not None and max(map(abs, offset)) >= MIN_HINT_OFFSET:
                    placements.append(place_shift(self.size, *offset))
        for placement in placements:
            make = partial(placement.apply, self.predicted, self.no_code)
            yield Change(placement.name, make, placement.detail, honest_scales(placement))
        for tiles, reorder, detail in self.tile_orders:
            if tiles <= MAX_CORRELATED_TILES:
                yield Change("tiles", reorder, detail)
        if len(self.target) > 1:
            order = self.order_of_images
            yield Change(
                "images",
                lambda step: self.whole[order, ::step, ::step],
                {"order": order.tolist()},
            )

    # Verification --------------------------------------------------------------------------------

    def _verify_placement(self, placement: Placement) -> Explanation | None:
        moved = placement.apply(self.predicted, self.no_code)
        scales = honest_scales(placement)
        is_bold = placement.name == "turn"
        name = placement.name
        if name == "shift":
            offset = max(abs(placement.detail["down"]), abs(placement.detail["right"]))
            is_bold = offset > MAX_NEAR_OFFSET
        return self._verify(name, moved, placement.detail, scales=scales, is_bold=is_bold)

    def _verify(
        self,
        name: str,
        moved: Array,
        detail: dict[str, Any],
        *,
        scales: tuple[float, float] | None = None,
        is_bold: bool = False,
    ) -> Explanation | None:
        """Return the explanation if it beats every alternative on the same pixels."""
        kind = "far shift" if name == "shift" and is_bold else name
        evidence = weigh(
            moved,
            self.whole,
            self.target,
            self.no_code,
            scales=scales,
            is_bold=is_bold,
            fits_outlines=kind == "shift",
        )
        max_share, min_gain, min_minor = LIMITS[kind]
        gain = (evidence.wrong_before - evidence.wrong_after) / max(evidence.pixels, 1)
        if (
            evidence.share_of_alternative > max_share
            or gain < min_gain
            or evidence.minor_right < min_minor
            or not evidence.is_everywhere
            or (is_bold and evidence.tiles_better < MIN_BOLD_TILES)
            or (kind == "far shift" and evidence.wrong_after > MAX_FAR_WRONG * evidence.pixels)
        ):
            return None
        compared = (self.target != self.no_code) & (moved != self.no_code)
        valid_pixels = int(np.count_nonzero(compared))
        right, before = (
            int(np.count_nonzero((codes == self.target) & compared))
            for codes in (moved, self.whole)
        )
        rank = self._rank(name, detail, evidence)
        explanation = Explanation(name, right, valid_pixels, detail, before / valid_pixels, rank)
        is_open = self.logits is None and is_grid_scale(explanation, None, self.size)
        return explanation._replace(rank="hint") if is_open else explanation

    def _rank(self, name: str, detail: dict[str, Any], evidence: Evidence) -> Rank:
        """Return "hint" for small pictures, and small offsets not seen in picture after picture."""
        if evidence.pixels < MIN_PLACED_PIXELS:
            return "hint"
        is_loose = evidence.share_of_alternative > MAX_OBJECT_SHARE
        if name in ("shift", "turn", "window") and is_loose and self.has_one_object:
            return "hint"  # another object, of another picture, is elsewhere too
        is_poor = evidence.wrong_after > MAX_SHIFTED_WRONG * evidence.pixels
        if name == "shift" and (is_poor or evidence.share_of_alternative > MAX_SHIFTED_SHARE):
            return "hint"
        if name != "shift" or max(abs(detail["down"]), abs(detail["right"])) > SMALL_OFFSET:
            return "likely"
        has_many = evidence.images_better >= MIN_OFFSET_IMAGES and not evidence.images_worse
        return "likely" if has_many else "hint"


def _as_verified(explanation: Explanation) -> Explanation | None:
    """Return an explanation that was compared with its alternatives before."""
    return explanation
