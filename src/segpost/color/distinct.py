"""Colors that are easy to tell from each other."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

STEP = 15  # between the candidates of one channel
LIGHTNESS = (0.35, 0.97)  # of candidates, in Oklab: the first color is black, the page may be white


@lru_cache(maxsize=8)
def distinct_colors(n: int) -> npt.NDArray[np.uint8]:
    """Return `n` colors far from each other to the eye, (n, 3) uint8.

    The first is black. Each of the others is the candidate farthest, in Oklab, from all colors
    before it (farthest-point sampling), so the first k are the same for every n.
    """
    levels = np.arange(0, 256, STEP)
    candidates = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    positions = oklab(candidates)
    lightness = positions[:, 0]
    is_usable = (lightness > LIGHTNESS[0]) & (lightness < LIGHTNESS[1])
    chosen = [0]
    distance = np.where(is_usable, np.inf, -1.0)  # from each candidate to the nearest chosen color
    while len(chosen) < n:
        to_last = ((positions - positions[chosen[-1]]) ** 2).sum(axis=1)
        distance = np.minimum(distance, np.where(is_usable, to_last, -1.0))
        chosen.append(int(distance.argmax()))
    return candidates[chosen].astype(np.uint8)


def oklab(colors: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Return sRGB bytes (K, 3) in Oklab, where equal distances look equally far.

    References
    ----------
    B. Ottosson, "A perceptual color space for image processing", 2020,
    https://bottosson.github.io/posts/oklab/.
    """
    encoded = colors / 255.0
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    cones = linear @ np.array(
        [
            [0.4122214708, 0.2119034982, 0.0883024619],
            [0.5363325363, 0.6806995451, 0.2817188376],
            [0.0514459929, 0.1073969566, 0.6299787005],
        ]
    )
    lab: npt.NDArray[np.float64] = np.cbrt(cones) @ np.array(
        [
            [0.2104542553, 1.9779984951, 0.0259040371],
            [0.7936177850, -2.4285922050, 0.7827717662],
            [-0.0040720468, 0.4505937099, -0.8086757660],
        ]
    )
    return lab
