"""Choose the first colors of `Palette.distinct`: far apart with every kind of color vision.

A difference of two colors is CIEDE2000, the smallest of normal vision (halved: there, colors shall
be twice as far apart) and of simulated protanopia, deuteranopia and tritanopia, each by two models.
The first color is black. The first twelve are those of a local search for the largest smallest
difference, in the order of farthest points; each of the others is the candidate that is farthest
from all before it.

    python tools/choose_distinct_colors.py

prints `FIRST_COLORS` of `segpost.color.distinct` and the smallest differences; it takes half a
minute.

Sources: G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, IEEE TVCG 15(6), 2009 (severity 1);
F. Viénot, H. Brettel, J. D. Mollon, Color Research & Application 24(4), 1999 (the first two);
H. Brettel, F. Viénot, J. D. Mollon, JOSA A 14(10), 1997 (tritanopia, as libDaltonLens has it);
G. Sharma, W. Wu, E. N. Dalal, Color Research & Application 30(1), 2005 (CIEDE2000).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

OPTIMIZED = 12
COLORS = 64
STEP = 17  # between the candidates of one channel
LIGHTNESS = (25.0, 93.0)  # of candidates, CIELAB: the first color is black, the page may be white
RESTARTS = 400
MACHADO = tuple(
    np.reshape(numbers, (3, 3))
    for numbers in (
        (
            0.152286,
            1.052583,
            -0.204868,
            0.114503,
            0.786281,
            0.099216,
            -0.003882,
            -0.048116,
            1.051998,
        ),
        (0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881),
        (1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039),
    )
)
LMS = ((17.8824, 43.5161, 4.11935), (3.45565, 27.1554, 3.86714), (0.0299566, 0.184309, 1.46709))
VIENOT = (
    ((0.0, 2.02344, -2.52581), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    ((1.0, 0.0, 0.0), (0.494207, 0.0, 1.24827), (0.0, 0.0, 1.0)),
)
BRETTEL = (
    ((1.01277, 0.13548, -0.14826), (-0.01243, 0.86812, 0.14431), (0.07589, 0.80500, 0.11911)),
    ((0.93678, 0.18979, -0.12657), (0.06154, 0.81526, 0.12320), (-0.37562, 1.12767, 0.24796)),
)
BRETTEL_PLANE = (0.03901, -0.02788, -0.01113)


def views(colors: npt.NDArray[np.integer]) -> list[Array]:
    """CIELAB (K, 3) of sRGB bytes (K, 3) with normal vision, then with each simulation."""
    encoded = colors / 255.0
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    lms = np.array(LMS)
    seen = [linear, *(linear @ m.T for m in MACHADO)]
    seen += [linear @ (np.linalg.inv(lms) @ np.array(m) @ lms).T for m in VIENOT]
    first, second = (linear @ np.array(m).T for m in BRETTEL)
    is_first = linear @ np.array(BRETTEL_PLANE) >= 0
    seen.append(np.where(is_first[:, None], first, second))
    return [lab(one.clip(0.0, 1.0)) for one in seen]


def lab(linear: Array) -> Array:
    """CIELAB of linear sRGB, D65."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = linear @ np.array(to_xyz).T / [0.95047, 1.0, 1.08883]
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = root.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def ciede2000(one: Array, other: Array) -> Array:
    """The difference of colors in CIELAB, broadcast over the leading axes."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    mean_c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean_c7 / (mean_c7 + 25.0**7))
    c1, c2 = np.hypot(a1 * stretch, b1), np.hypot(a2 * stretch, b2)
    h1, h2 = np.arctan2(b1, a1 * stretch), np.arctan2(b2, a2 * stretch)
    turn = (h2 - h1 + np.pi) % (2 * np.pi) - np.pi
    is_gray = c1 * c2 == 0
    turn = np.where(is_gray, 0.0, turn)
    h = np.where(is_gray, h1 + h2, h1 + turn / 2)
    light, c = (l1 + l2) / 2, (c1 + c2) / 2
    t = 1 - 0.17 * np.cos(h - np.pi / 6) + 0.24 * np.cos(2 * h)
    t = t + 0.32 * np.cos(3 * h + np.pi / 30) - 0.2 * np.cos(4 * h - np.radians(63))
    degrees = np.degrees(h) % 360
    angle = np.radians(60) * np.exp(-(((degrees - 275) / 25) ** 2))
    rotation = -np.sin(angle) * 2 * np.sqrt(c**7 / (c**7 + 25.0**7))
    dl = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2))
    dc = (c2 - c1) / (1 + 0.045 * c)
    dh = 2 * np.sqrt(c1 * c2) * np.sin(turn / 2) / (1 + 0.015 * c * t)
    result: Array = np.sqrt(np.maximum(dl**2 + dc**2 + dh**2 + rotation * dc * dh, 0.0))
    return result


def difference_table(colors: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    """The difference of every pair: the smallest of all views, normal vision halved."""
    table = np.full((len(colors), len(colors)), np.inf, np.float32)
    for view, positions in enumerate(views(colors)):
        for row, position in enumerate(positions):
            difference = ciede2000(position, positions[row:]) * (0.5 if view == 0 else 1.0)
            table[row, row:] = np.minimum(table[row, row:], difference)
    lower = np.tril_indices(len(colors), -1)
    table[lower] = table.T[lower]
    return table


def improve(chosen: list[int], table: npt.NDArray[np.float32]) -> float:
    """Exchange colors for better ones while that helps; return the smallest difference."""
    best = smallest(chosen, table)
    is_better = True
    while is_better:
        is_better = False
        for place in range(1, len(chosen)):
            others = chosen[:place] + chosen[place + 1 :]
            candidate = int(table[others].min(axis=0).argmax())
            trial = [*others[:place], candidate, *others[place:]]
            value = smallest(trial, table)
            if value > best + 1e-6 or (
                value >= best and total(trial, table) > total(chosen, table) + 1e-3
            ):
                chosen[:], best, is_better = trial, max(value, best), True
    return best


def smallest(chosen: list[int], table: npt.NDArray[np.float32]) -> float:
    """The smallest difference of two of the colors."""
    return float(table[np.ix_(chosen, chosen)][np.triu_indices(len(chosen), 1)].min())


def total(chosen: list[int], table: npt.NDArray[np.float32]) -> float:
    """The sum of the differences of each color to the nearest."""
    rows = table[np.ix_(chosen, chosen)] + np.diag(np.full(len(chosen), np.inf, np.float32))
    return float(rows.min(axis=1).sum())


def main() -> None:
    """Search, and print the table with its differences."""
    levels = np.arange(0, 256, STEP)
    colors = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    light = views(colors)[0][:, 0]
    is_usable = (light > LIGHTNESS[0]) & (light < LIGHTNESS[1])
    is_usable[0] = True
    colors = colors[is_usable]
    table = difference_table(colors)
    generator = np.random.default_rng(0)
    best, value = [0], 0.0
    for _ in range(RESTARTS):
        chosen = [0, *generator.choice(np.arange(1, len(colors)), OPTIMIZED - 1, replace=False)]
        found = improve(chosen, table)
        if found > value:
            best, value = list(chosen), found
    order = [0]
    while len(order) < OPTIMIZED:
        rest = [k for k in best if k not in order]
        order.append(max(rest, key=lambda k: float(table[k, order].min())))
    while len(order) < COLORS:
        order.append(int(table[order].min(axis=0).argmax()))
    for count in (OPTIMIZED, 20, 32, COLORS):
        upper = np.triu_indices(count, 1)
        smallest_of_views = [
            f"{ciede2000(positions[:, None], positions[None])[upper].min():.1f}"
            for positions in views(colors[order[:count]])
        ]
        print(f"# {count}: {', '.join(smallest_of_views)}")
    texts = ["{:02x}{:02x}{:02x}".format(*color) for color in colors[order].tolist()]
    for start in range(0, COLORS, 8):
        print(" ".join(texts[start : start + 8]))


if __name__ == "__main__":
    main()
