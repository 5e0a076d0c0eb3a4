"""Definition of bands along boundaries, and of boundaries that lie near each other."""

from __future__ import annotations

import numpy as np

from segpost._backends.reference.confusion import columns, in_range, target_rows
from segpost._core.contract import Array


def boundary_bands(
    labels: Array, width: int, frame: bool, classes: int, ignored: Array, out: Array
) -> None:
    """Classes where they lie in the band, `classes` where they do not.

    A pixel lies in the band where the square of 2 width + 1 pixels around it holds another class,
    void or anything else, or leaves the image and that counts (`frame`). Void becomes classes + 1,
    what is neither class nor void classes + 2, in the band or not.
    """
    code = target_rows(labels, classes, ignored)
    code[code >= classes] += 1
    low, high = code, code
    for axis in (1, 2):
        low = _extreme(np.minimum, low, width, axis)
        high = _extreme(np.maximum, high, width, axis)
    band = low != high
    if frame:
        framed = np.ones(code.shape, bool)
        framed[:, width : max(code.shape[1] - width, 0), width : max(code.shape[2] - width, 0)] = 0
        band |= framed
    out[...] = np.where(band | (code > classes), code, classes)


def boundary_matches(
    preds: Array, target: Array, ignored: Array, offsets: Array, counts: Array
) -> None:
    """How many boundary pixels of every class have one of the same class near in the other map.

    A boundary pixel has a neighbor to the left, right, top or bottom with another label. Pixels
    that are void in the target are as if they were outside the image.
    """
    classes = len(counts)
    valid = target_rows(target, classes, ignored) != classes
    maps = [
        np.where(
            _on_boundary(labels, valid) & in_range(labels, classes), columns(labels, classes), -1
        )
        for labels in (preds, target)
    ]
    for column, (own, other) in ((0, maps), (2, maps[::-1])):
        matched = np.zeros(own.shape, bool)
        for dy, dx in offsets:
            matched |= _shifted(other, int(dy), int(dx), -2) == own
        for c in range(classes):
            counts[c, column] += int((own == c).sum())
            counts[c, column + 1] += int((matched & (own == c)).sum())


def _extreme(of: np.ufunc, values: Array, width: int, axis: int) -> Array:
    """The least or largest of the 2 width + 1 values around each, along one axis."""
    length = values.shape[axis]
    result = values.copy()
    for step in range(1, min(width, length - 1) + 1):
        near = [slice(None)] * 3
        far = [slice(None)] * 3
        near[axis], far[axis] = slice(None, length - step), slice(step, None)
        of(result[tuple(near)], values[tuple(far)], out=result[tuple(near)])
        of(result[tuple(far)], values[tuple(near)], out=result[tuple(far)])
    return result


def _on_boundary(labels: Array, valid: Array) -> Array:
    found = np.zeros(labels.shape, bool)
    for axis in (1, 2):
        first = [slice(None)] * 3
        second = [slice(None)] * 3
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        a, b = tuple(first), tuple(second)
        edge = (labels[a] != labels[b]) & valid[a] & valid[b]
        found[a] |= edge
        found[b] |= edge
    return found


def _shifted(values: Array, dy: int, dx: int, outside: int) -> Array:
    """values[:, y + dy, x + dx], `outside` where that is not in the image."""
    result = np.full(values.shape, outside, values.dtype)
    _, h, w = values.shape
    y0, y1, x0, x1 = max(-dy, 0), min(h - dy, h), max(-dx, 0), min(w - dx, w)
    if y0 < y1 and x0 < x1:
        result[:, y0:y1, x0:x1] = values[:, y0 + dy : y1 + dy, x0 + dx : x1 + dx]
    return result
