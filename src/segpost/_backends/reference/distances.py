"""Definition of the distances between the surfaces of the classes of two maps."""

from __future__ import annotations

import itertools

import numpy as np

from segpost._backends.reference.confusion import in_range, target_rows
from segpost._core.contract import Array
from segpost._core.distance_contract import Steps, SurfaceDistances

BLOCK = 1 << 20  # pairs of points whose distances are in memory


def surface_distances(
    preds: Array,
    target: Array,
    classes: int,
    ignored: Array,
    spacing: Steps,
    volume: bool,
    elements: str,
) -> tuple[SurfaceDistances, SurfaceDistances]:
    """Return the distances of the elements of both maps to the nearest site of the other one."""
    maps = class_maps(preds, target, classes, ignored)
    lengths: tuple[list[int], list[int]] = ([], [])
    distances: tuple[list[Array], list[Array]] = ([], [])
    codes: tuple[list[Array], list[Array]] = ([], [])
    for c in range(classes):
        masks = [labels == c for labels in maps]
        for side, (own, other) in enumerate((masks, masks[::-1])):
            points, around = find_elements(own, other, elements, volume)
            sites = find_sites(other, elements, volume)
            lengths[side].append(len(points))
            distances[side].append(nearest(points, sites, spacing))
            codes[side].append(around)
    first, second = (
        SurfaceDistances(
            np.cumsum([0, *lengths[side]], dtype=np.int64),
            np.concatenate(distances[side]),
            np.concatenate(codes[side]),
        )
        for side in (0, 1)
    )
    return first, second


def class_maps(preds: Array, target: Array, classes: int, ignored: Array) -> list[Array]:
    """Return both maps in int32, with -1 where the target is void or a label is no class."""
    valid = target_rows(target, classes, ignored) != classes
    return [
        np.where(valid & in_range(labels, classes), labels.astype(np.int64), -1).astype(np.int32)
        for labels in (preds, target)
    ]


def find_elements(own: Array, other: Array, elements: str, volume: bool) -> tuple[Array, Array]:
    """Return the positions [E, 3] of the elements of a class, and the codes of corners."""
    if elements == "corners":
        around = corner_codes(own, volume)
        is_mixed = (around != 0) & (around != (255 if volume else 15))
        return np.argwhere(is_mixed), around[is_mixed]
    if elements == "regions":
        mask = own & ~other
    else:
        mask = on_surface(own, volume, frame=elements == "surfaces", corners=False)
    return np.argwhere(mask), np.empty(0, np.uint8)


def find_sites(other: Array, elements: str, volume: bool) -> Array:
    """Return the positions [S, 3] of the sites of a class."""
    if elements == "corners":
        return find_elements(other, other, elements, volume)[0]
    if elements == "regions":
        return np.argwhere(other)
    is_contour = elements == "contours"
    return np.argwhere(on_surface(other, volume, frame=not is_contour, corners=is_contour))


def on_surface(mask: Array, volume: bool, frame: bool, corners: bool) -> Array:
    """Return which pixels of a mask have a neighbor that is not in it.

    Parameters
    ----------
    frame : bool
        Whether the end of the image is such a neighbor.
    corners : bool
        Whether pixels that share an edge or a corner are neighbors, too.
    """
    padded = np.pad(mask, 1, constant_values=not frame)
    is_inner = np.ones(mask.shape, bool)
    for step in itertools.product((-1, 0, 1) if volume else (0,), (-1, 0, 1), (-1, 0, 1)):
        if corners or np.abs(step).sum() == 1:
            is_inner &= padded[
                tuple(slice(1 + s, 1 + s + n) for s, n in zip(step, mask.shape, strict=True))
            ]
    surface: Array = mask & ~is_inner
    return surface


def corner_codes(mask: Array, volume: bool) -> Array:
    """Return a bit for each of the pixels around every corner, the last pixel being bit 0."""
    padded = np.pad(mask, ((int(volume),) * 2, (1, 1), (1, 1))).astype(np.uint8)
    shape = tuple(n + 1 if volume or axis else n for axis, n in enumerate(mask.shape))
    codes = np.zeros(shape, np.uint8)
    for step in itertools.product((0, 1) if volume else (1,), (0, 1), (0, 1)):
        bit = 4 * (1 - step[0]) + 2 * (1 - step[1]) + (1 - step[2])
        first = (step[0] if volume else 0, step[1], step[2])
        window = tuple(slice(s, s + n) for s, n in zip(first, shape, strict=True))
        codes |= padded[window] << bit
    return codes


def nearest(points: Array, sites: Array, spacing: Steps) -> Array:
    """Return the distance of every point to the nearest site."""
    distances = np.full(len(points), np.inf)
    if not len(sites):
        return distances
    step = max(BLOCK // len(sites), 1)
    for start in range(0, len(points), step):
        offsets = points[start : start + step, None] - sites[None]
        z, y, x = ((offsets[..., axis] * spacing[axis]) ** 2 for axis in range(3))
        distances[start : start + step] = np.sqrt(((z + y) + x).min(axis=1))
    return distances
