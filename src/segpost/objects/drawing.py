"""Masks of polygons and of run-length codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from segpost._core import arguments, rle
from segpost._core.contract import Array
from segpost.objects.sources import read_code


def masks_from_rle(codes: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> npt.NDArray[np.bool_]:
    """Return the masks of COCO run-length codes, compressed or not.

    Parameters
    ----------
    codes : dict, or sequence of dict
        "size" is [H, W]; "counts" are bytes, a str or integers.

    Returns
    -------
    masks : bool array of shape (N, H, W); (H, W) of one code

    Raises
    ------
    ValueError, TypeError
        For codes that are damaged, or of different sizes.

    Examples
    --------
    >>> import segpost
    >>> segpost.masks_from_rle({"size": [2, 3], "counts": [1, 3, 2]})
    array([[False,  True, False],
           [ True,  True, False]])
    """
    if isinstance(codes, Mapping):
        counts, size = read_code(codes, "codes")
        return rle.decode_counts(counts, size).astype(bool, order="C")
    if not isinstance(codes, Sequence) or isinstance(codes, (str, bytes)) or not codes:
        raise TypeError(f"codes must be a dict or a list of dicts, got {codes!r}")
    parts = [read_code(code, f"codes[{number}]") for number, code in enumerate(codes)]
    for number, (_, size) in enumerate(parts):
        if size != parts[0][1]:
            raise ValueError(f"codes[{number}] is of size {size}, codes[0] of {parts[0][1]}")
    return np.stack([rle.decode_counts(*part).astype(bool) for part in parts])


def mask_from_polygons(polygons: Any, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return the mask of the polygons of one object: the pixels whose center lies inside of one.

    It is the inverse of ``Region.polygons()``, exactly. A pixel (x, y) covers x to x + 1 and y to
    y + 1; its center is inside of a polygon where a line from it crosses the rings of this polygon
    an odd number of times, so the second and later rings are holes. Polygons that overlap are
    joined, as the parts of a COCO annotation are by pycocotools. A center on a ring belongs to the
    side of larger x, and then of larger y. (pycocotools has another rule for pixels at a ring.)

    Parameters
    ----------
    polygons : sequence
        Polygons, each of rings, as of ``Region.polygons()``; or COCO's lists [x, y, x, y, ...]. A
        ring has the shape (P, 2), or (2 * P,), and is closed with or without its first point again.
    size : (H, W)
        The size of the mask.

    Returns
    -------
    mask : bool array of shape (H, W)

    Raises
    ------
    ValueError, TypeError
        For rings that are no points, of fewer than three points, or that are not finite, and for
        polygons that are no sequence.

    Examples
    --------
    >>> import segpost
    >>> segpost.mask_from_polygons([[1, 0, 3, 0, 3, 1, 1, 1]], (2, 3))
    array([[False,  True,  True],
           [False, False, False]])
    """
    height, width = arguments.as_output_size(size)
    if isinstance(polygons, (str, bytes, Mapping)) or not hasattr(polygons, "__iter__"):
        raise TypeError(f"polygons must be a sequence of polygons, got {polygons!r}")
    mask = np.zeros((height, width), bool)
    for number, polygon in enumerate(polygons):
        rings = _as_rings(polygon, f"polygons[{number}]")
        if rings:
            _add_polygon(rings, mask)
    return mask


def _as_rings(polygon: Any, name: str) -> list[Array]:
    """Return the rings of a polygon as float64 arrays (P, 2)."""
    if isinstance(polygon, (str, bytes, Mapping)) or not hasattr(polygon, "__len__"):
        raise TypeError(f"{name} must be a list of rings, or of numbers x, y, ..., got {polygon!r}")
    is_flat = len(polygon) > 0 and np.ndim(polygon[0]) == 0
    is_ring = isinstance(polygon, np.ndarray) and polygon.ndim == 2
    rings = []
    for ring in [polygon] if is_flat or is_ring else polygon:
        points = _as_numbers(ring, name)
        if points.ndim == 1 and points.size % 2 == 0:
            points = points.reshape(-1, 2)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"{name} must have rings of points (P, 2), got shape {points.shape}")
        if len(points) < 3:
            raise ValueError(
                f"{name} has a ring of {len(points)} points, which encloses nothing: polygons are "
                "a list of polygons, each a list of rings"
            )
        if not np.isfinite(points).all():
            raise ValueError(f"{name} has {int((~np.isfinite(points)).sum())} values not finite")
        rings.append(points)
    return rings


def _as_numbers(ring: Any, name: str) -> Array:
    """Return the numbers of a ring as float64."""
    try:
        numbers = np.asarray(ring)
    except ValueError:  # points of different lengths
        numbers = np.zeros(0, object)
    if numbers.dtype.kind not in "iuf":
        raise TypeError(f"{name} must have rings of numbers, got {ring!r}")
    return numbers.astype(np.float64)


def _add_polygon(rings: list[Array], mask: Array) -> None:
    """Set the pixels of a mask whose center lies inside of a polygon."""
    points = np.concatenate(rings)
    sides = mask.shape[::-1]
    low, high = (
        [int(np.clip(value, 0, side)) for value, side in zip(corner, sides, strict=True)]
        for corner in (np.floor(points.min(axis=0)), np.ceil(points.max(axis=0)))
    )
    columns, rows = (slice(*ends) for ends in zip(low, high, strict=True))
    crossings = np.zeros((high[1] - low[1] + 1, high[0] - low[0]), np.uint8)
    for ring in rings:
        _cross(ring - low, crossings)
    mask[rows, columns] |= np.bitwise_xor.accumulate(crossings, axis=0)[:-1].astype(bool)


def _cross(ring: Array, crossings: Array) -> None:
    """Flip the first pixel below every crossing of a ring with the middle of a column."""
    rows, width = crossings.shape
    following = np.roll(ring, -1, axis=0)
    left, right = (
        np.clip(np.ceil(side(ring[:, 0], following[:, 0]) - 0.5), 0, width).astype(np.int64)
        for side in (np.minimum, np.maximum)
    )
    counts = right - left
    edge = np.repeat(np.arange(len(ring)), counts)
    ends = np.cumsum(counts)
    column = np.arange(len(edge)) - np.repeat(ends - counts - left, counts)
    (x0, y0), (x1, y1) = ring[edge].T, following[edge].T
    y = y0 + (column + 0.5 - x0) * (y1 - y0) / (x1 - x0)
    row = np.clip(np.ceil(y - 0.5), 0, rows - 1).astype(np.int64)
    np.bitwise_xor.at(crossings, (row, column), 1)
