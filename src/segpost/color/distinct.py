"""Colors that are easy to tell from each other, also with a color vision deficiency."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

MAX_DISTINCT = 1024
# Of tools/choose_distinct_colors.py. The smallest CIEDE2000 of the first 12, 20, 32 and 64 is 29.4,
# 17.1, 13.3 and 8.5 with normal vision, and 14.7, 8.2, 6.6 and 4.3 with protanopia, deuteranopia or
# tritanopia, by the worse of two models each (Machado et al. 2009; Viénot et al. 1999 and Brettel
# et al. 1997).
FIRST_COLORS = """
000000 bbff00 ee99bb 008877 aa33ee 00ffff 555500 773344
66aaff ffddbb 004488 ee6600 999966 777799 dd0044 889999
88cc88 336677 ccbb22 224422 bb77cc dddddd bbbbee 885533
0000ff 6655aa 11aa33 bb6677 bb0066 55ff88 bbaa99 558855
555555 ffbbbb bb5511 770055 ddccdd 776655 8877ff aabb55
997788 66ccaa 7700aa 777766 ee0088 ff77cc ddeedd 990033
775566 778899 dd44ee cc8888 334400 77aaaa 77ee33 553344
554433 667744 9966cc eeeeaa bbbbcc 99aacc aa88aa dd8844
"""
STEP = 15  # between the candidates of one channel, for further colors
# How much a distance counts that a person with deuteranopia sees, beside one of normal vision. That
# person sees less contrast between most colors; equal weights would leave few saturated ones.
DEUTERANOPIA_WEIGHT = 2.0
LIGHTNESS = (0.35, 0.97)  # of candidates, in Oklab: the first color is black, the page may be white


@lru_cache(maxsize=8)
def distinct_colors(n: int) -> npt.NDArray[np.uint8]:
    """Return `n` colors far from each other to the eye, (n, 3) uint8.

    The first is black, and the first k are the same for every n. Those after `FIRST_COLORS` are
    each the candidate farthest, in Oklab, from all colors before it (farthest-point sampling). The
    distance of two colors is that of normal vision, or `DEUTERANOPIA_WEIGHT` times that with
    deuteranopia, whichever is less.
    """
    chosen = np.frombuffer(bytes.fromhex(FIRST_COLORS), np.uint8).reshape(-1, 3)
    if n <= len(chosen):
        return chosen[:n]
    levels = np.arange(0, 256, STEP)
    candidates = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    colors = np.concatenate([chosen, candidates])
    normal = oklab(colors)
    views = (normal, DEUTERANOPIA_WEIGHT * linear_to_oklab(_with_deuteranopia(colors)))
    is_usable = (normal[:, 0] > LIGHTNESS[0]) & (normal[:, 0] < LIGHTNESS[1])
    distance = np.where(is_usable, np.inf, -1.0)  # from each candidate to the nearest chosen color
    indices = list(range(len(chosen)))
    for position in range(n):
        if position == len(indices):
            indices.append(int(distance.argmax()))
        last = indices[position]
        for positions in views:
            to_last = ((positions - positions[last]) ** 2).sum(axis=1)
            distance = np.minimum(distance, np.where(is_usable, to_last, -1.0))
    every = colors[indices].astype(np.uint8)
    every.setflags(write=False)  # it is cached
    return every


def repeated_colors(n: int) -> npt.NDArray[np.uint8]:
    """Return `n` distinct colors, (n, 3) uint8, which repeat beyond `MAX_DISTINCT`."""
    colors: npt.NDArray[np.uint8] = distinct_colors(min(n, MAX_DISTINCT))[
        np.arange(n) % MAX_DISTINCT
    ]
    return colors


def color_of_instance(index: int) -> tuple[int, int, int]:
    """Return the color of an instance, counted from 0: never black, the color of a background."""
    return color_of_label(1 + index % (MAX_DISTINCT - 1))


def color_of_label(label: int) -> tuple[int, int, int]:
    """Return the color of a label without a palette, that of `Palette.distinct`; they repeat."""
    label %= MAX_DISTINCT
    few = next(n for n in (64, 256, MAX_DISTINCT) if label < n)  # the first colors are the same
    red, green, blue = distinct_colors(few)[label].tolist()
    return red, green, blue


def oklab(colors: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Return sRGB bytes (K, 3) in Oklab, where equal distances look equally far.

    References
    ----------
    B. Ottosson, "A perceptual color space for image processing", 2020,
    https://bottosson.github.io/posts/oklab/.
    """
    return linear_to_oklab(linear_rgb(colors))


def linear_to_oklab(linear: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return linear RGB (K, 3) in Oklab."""
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


def linear_rgb(colors: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Return sRGB bytes as linear RGB in 0..1."""
    encoded = colors / 255.0
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def _with_deuteranopia(colors: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Return sRGB bytes (K, 3) as linear RGB that looks as with deuteranopia.

    References
    ----------
    G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A physiologically-based model for
    simulation of color vision deficiency", IEEE TVCG 15(6), 2009; severity 1.
    """
    matrix = np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    )
    seen: npt.NDArray[np.float64] = (linear_rgb(colors) @ matrix.T).clip(0.0, 1.0)
    return seen
