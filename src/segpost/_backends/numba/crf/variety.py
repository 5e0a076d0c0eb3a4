"""How unlike the pixels of an image are to a term, which selects the recipe of its lattice."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.threads import kernel
from segpost._core.contract import Array, LatticeConfig, Pairwise

COMPARED_PIXELS = 16  # of a row that are compared with one another
ROWS_APART = 8  # rows from one that is compared to the next
NARROW_SHARE, WIDE_SHARE = 0.2, 0.6  # shares of unlike pixels between which the recipe changes
SMALL_SHARE = 0.4  # below it small images have a recipe of their own
SMALL_PIXELS = 1 << 15  # of small images


def select_recipe(
    config: LatticeConfig, term: Pairwise, size: tuple[int, int, int]
) -> LatticeConfig:
    """Return the recipe for an image, by the share of its pixels that are unlike."""
    guide: Array
    if term.guide is None or term.guide_sigma is None:
        guide, guide_sigma = np.empty((*size, 0), np.float32), np.empty(0)
    else:
        guide, guide_sigma = term.guide, term.guide_sigma
    place_sigma = float(COMPARED_PIXELS) if term.sigma is None else float(term.sigma[2])
    unlike, compared = count_unlike(guide, guide_sigma, place_sigma)
    share = unlike / compared
    if size[0] * size[1] * size[2] <= SMALL_PIXELS and share < SMALL_SHARE:
        return config._replace(
            passes=config.small_passes,
            blur_weight=config.small_blur_weight,
            scale=config.small_scale,
        )
    width = min(max((share - NARROW_SHARE) / (WIDE_SHARE - NARROW_SHARE), 0.0), 1.0)
    return config._replace(
        blur_weight=config.blur_weight + width * (config.wide_blur_weight - config.blur_weight),
        scale=config.scale + width * (config.wide_scale - config.scale),
    )


@kernel
def count_unlike(guide: Any, guide_sigma: Any, place_sigma: Any) -> Any:
    """Return how many pixels are unlike all before them in their group, and how many there are.

    Two pixels are unlike if a feature differs by more than one standard deviation.
    """
    depth, height, width, channels = guide.shape
    length = min(width, COMPARED_PIXELS)
    unlike, compared = 0, 0
    for row in range(0, depth * height, ROWS_APART):
        z, y = row // height, row % height
        for x in range(0, width - length + 1, COMPARED_PIXELS):
            for i in range(length):
                is_like = False
                for j in range(i - 1, -1, -1):
                    is_like = i - j <= place_sigma
                    for c in range(channels):
                        a, b = np.float64(guide[z, y, x + i, c]), np.float64(guide[z, y, x + j, c])
                        is_like &= abs(a - b) <= guide_sigma[c]
                    if is_like:
                        break
                unlike += not is_like
                compared += 1
    return unlike, compared
