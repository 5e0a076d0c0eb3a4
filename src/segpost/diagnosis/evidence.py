"""How much better a placement explains the target than an honest network does."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segpost._core.arrays import Array
from segpost.diagnosis.honest_errors import fit_outline, scale_objects

JUDGED_PIXELS = 1 << 17  # on which dilations and erosions are tried
TILES = 4  # in each direction: a placement is right everywhere, not in one corner
MIN_BETTER_TILES = 0.75  # of the tiles that vote
MAX_LOST_SHARE = 0.1  # where fewer are better
MIN_TILE_PIXELS = 12  # that change between right and wrong in a tile that votes


class Evidence(NamedTuple):
    """Counts over the pixels that the placement covers, each of the same pixels."""

    pixels: int
    wrong_before: int
    wrong_after: int
    wrong_constant: int  # with the target's commonest class everywhere
    wrong_honest: int  # with the best dilation, erosion or scaling of the objects
    minor_right: float  # share of the pixels of all other classes that are right after
    tiles_better: int
    tiles_worse: int
    lost_share: float  # of the pixels that better tiles gain, what the others lose
    images_better: int  # images on which it is better; images without a change do not count
    images_worse: int

    @property
    def share_of_alternative(self) -> float:
        """Return the wrong pixels as a share of those of the best alternative."""
        alternative = min(self.wrong_before, self.wrong_constant, self.wrong_honest)
        return self.wrong_after / alternative if alternative else np.inf

    @property
    def is_everywhere(self) -> bool:
        """Return whether most tiles that change are better, and the others hardly worse."""
        votes = self.tiles_better + self.tiles_worse
        is_most = votes >= 2 and self.tiles_better >= MIN_BETTER_TILES * votes
        return is_most or (self.tiles_better >= TILES and self.lost_share <= MAX_LOST_SHARE)


def weigh(
    moved: Array,
    predicted: Array,
    target: Array,
    no_code: int,
    *,
    scales: tuple[float, float] | None = None,
    is_bold: bool = False,
    fits_outlines: bool = False,
) -> Evidence:
    """Return the evidence for a changed prediction.

    Parameters
    ----------
    moved, predicted, target : (N, H, W) codes
        After the change, before it, and what is right.
    no_code : int
        The code of pixels that do not count.
    scales : two floats, optional
        By which a change in size makes objects higher and wider.
    is_bold : bool
        Whether the change moves content so far that no dilation can imitate it.
    fits_outlines : bool
        Whether outlines that are too wide or narrow are corrected before and after the change, so
        that it is judged by the place alone.
    """
    if fits_outlines:
        step = max(1, round((target.size / JUDGED_PIXELS) ** 0.5))
        moved, predicted, target = (a[:, ::step, ::step] for a in (moved, predicted, target))
        seen = (target != no_code) & (moved != no_code)
        predicted = fit_outline(predicted, target, seen)[1]
        moved = np.where(seen, fit_outline(moved, target, seen)[1], no_code)
        is_bold = True  # the dilations are made
    compared = (target != no_code) & (moved != no_code) & (predicted != no_code)
    pixels = int(np.count_nonzero(compared))
    is_right, was_right = (moved == target) & compared, (predicted == target) & compared
    counts = np.bincount(target[compared].reshape(-1))
    commonest = int(counts.argmax()) if pixels else 0
    minor = compared & (target != commonest)
    minor_pixels = int(np.count_nonzero(minor))
    wrong_before = pixels - int(np.count_nonzero(was_right))
    honest = [wrong_before]
    if not is_bold:
        step = max(1, round((target.size / JUDGED_PIXELS) ** 0.5))
        small = [a[:, ::step, ::step] for a in (predicted, target, compared)]
        seen = max(1, int(np.count_nonzero(small[2])))
        least = fit_outline(small[0], small[1], small[2])[0]
        honest.append(round(least * pixels / seen))
        if scales is not None:
            wrong = 0
            for image, truth, counted in zip(*small, strict=True):
                scaled = scale_objects(image, *scales)
                wrong += int(np.count_nonzero((scaled != truth) & counted))
            honest.append(round(wrong * pixels / seen))
    gained = is_right.astype(np.int8) - was_right
    better, worse, lost_share = _vote(gained, TILES)
    images_better, images_worse, _ = _vote(gained, 1)
    return Evidence(
        pixels,
        wrong_before,
        pixels - int(np.count_nonzero(is_right)),
        pixels - (int(counts[commonest]) if pixels else 0),
        min(honest),
        int(np.count_nonzero(is_right & minor)) / minor_pixels if minor_pixels else 0.0,
        better,
        worse,
        lost_share,
        images_better,
        images_worse,
    )


def _vote(gained: Array, tiles: int) -> tuple[int, int, float]:
    """Return the tiles of all images with more pixels newly right than newly wrong, and the rest.

    The third number is what the rest loses as a share of what the better tiles gain. Tiles in which
    hardly a pixel changes do not vote.
    """
    better = worse = won = lost = 0
    for rows in np.array_split(gained, tiles, axis=1):
        for tile in np.array_split(rows, tiles, axis=2):
            if not tile.size:
                continue
            flat = tile.reshape(len(tile), -1)
            changed = np.count_nonzero(flat, axis=1) >= MIN_TILE_PIXELS
            total = flat.sum(axis=1, dtype=np.int64)
            better += int(np.count_nonzero(changed & (total > 0)))
            worse += int(np.count_nonzero(changed & (total <= 0)))
            won += int(total[total > 0].sum())
            lost -= int(total[total < 0].sum())
    return better, worse, lost / won if won else 1.0
