"""Definitions of boundary bands and of matches between boundaries."""

from __future__ import annotations

import numpy as np

from segpost._backends.reference.confusion import columns, in_range, target_rows
from segpost._core.contract import Array


def boundary_bands(
    labels: Array, width: int, frame: bool, classes: int, ignored: Array, out: Array
) -> None:
    """Write the class of pixels in the boundary band, and `classes` elsewhere.

    A pixel lies in the band if the square of 2 width + 1 pixels around it contains another value,
    or extends beyond the image and `frame` is set. Ignored pixels become classes + 1, and other
    values that are not classes become classes + 2, inside and outside the band.
    """
    code = target_rows(labels, classes, ignored)
    code[code >= classes] += 1
    low, high = code, code
    for axis in (1, 2):
        low = _extreme(np.minimum, low, width, axis)
        high = _extreme(np.maximum, high, width, axis)
    band = low != high
    if frame:
        is_near_frame = np.ones(code.shape, bool)
        is_near_frame[
            :, width : max(code.shape[1] - width, 0), width : max(code.shape[2] - width, 0)
        ] = 0
        band |= is_near_frame
    out[...] = np.where(band | (code > classes), code, classes)


def boundary_matches(
    preds: Array, target: Array, ignored: Array, offsets: Array, counts: Array
) -> None:
    """Count the boundary pixels of every class, and those near one of the other map.

    A boundary pixel has a neighbor to the left, right, top or bottom with another label. Pixels
    that are ignored in the target are treated as if they were outside the image.
    """
    classes = len(counts)
    valid = target_rows(target, classes, ignored) != classes
    maps = [
        np.where(
            _on_boundary(labels, valid) & in_range(labels, classes), columns(labels, classes), -1
        )
        for labels in (preds, target)
    ]
    for column, (this_map, other_map) in ((0, maps), (2, maps[::-1])):
        matched = np.zeros(this_map.shape, bool)
        for dy, dx in offsets:
            matched |= _shifted(other_map, int(dy), int(dx), -2) == this_map
        for c in range(classes):
            counts[c, column] += int((this_map == c).sum())
            counts[c, column + 1] += int((matched & (this_map == c)).sum())


def _extreme(ufunc: np.ufunc, values: Array, width: int, axis: int) -> Array:
    """Return the minimum or maximum of the 2 width + 1 values around each, along one axis."""
    length = values.shape[axis]
    result = values.copy()
    for step in range(1, min(width, length - 1) + 1):
        near = [slice(None)] * 3
        far = [slice(None)] * 3
        near[axis], far[axis] = slice(None, length - step), slice(step, None)
        ufunc(result[tuple(near)], values[tuple(far)], out=result[tuple(near)])
        ufunc(result[tuple(far)], values[tuple(near)], out=result[tuple(far)])
    return result


def _on_boundary(labels: Array, valid: Array) -> Array:
    """Return a mask of the boundary pixels."""
    mask = np.zeros(labels.shape, bool)
    for axis in (1, 2):
        first = [slice(None)] * 3
        second = [slice(None)] * 3
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        a, b = tuple(first), tuple(second)
        edge = (labels[a] != labels[b]) & valid[a] & valid[b]
        mask[a] |= edge
        mask[b] |= edge
    return mask


def _shifted(values: Array, dy: int, dx: int, outside: int) -> Array:
    """Return values[:, y + dy, x + dx], and `outside` where that is beyond the image."""
    result = np.full(values.shape, outside, values.dtype)
    _, h, w = values.shape
    y0, y1, x0, x1 = max(-dy, 0), min(h - dy, h), max(-dx, 0), min(w - dx, w)
    if y0 < y1 and x0 < x1:
        result[:, y0:y1, x0:x1] = values[:, y0 + dy : y1 + dy, x0 + dx : x1 + dx]
    return result
