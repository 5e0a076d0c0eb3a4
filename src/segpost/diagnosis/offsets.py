"""The offset in whole pixels at which a prediction agrees best with its target."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._core.arrays import Array

MAX_NEAR_OFFSET = 16  # pixels in each direction in which every offset is tried
NEAR_PIXELS = 1 << 16  # pixels on which they are compared
REFINED_OFFSETS = 25  # the best of them, which are then counted on more pixels
FAR_SIDE = 128  # pixels to which maps are thinned before all offsets are correlated
FAR_PEAKS = 4  # of the correlation, each refined
MIN_OVERLAP = 0.4  # of the pixels that a far offset leaves to compare
MAX_CORRELATED_CLASSES = 16  # the commonest

Offset = tuple[int, int]  # down and right


def find_near_offset(predicted: Array, target: Array, no_code: int) -> Offset:
    """Return the offset of up to 16 pixels with the fewest errors; of equal ones the shortest.

    All offsets are compared on the same pixels of the target: those that each of them leaves
    inside of the prediction.

    Parameters
    ----------
    predicted, target : (N, H, W) codes
    no_code : int
        The code of pixels that do not count.
    """
    height, width = target.shape[1:]
    margin_y, margin_x = (min(MAX_NEAR_OFFSET, side // 4) for side in (height, width))
    inner = target[:, margin_y : height - margin_y, margin_x : width - margin_x]
    step = max(1, min(-(-inner.size // NEAR_PIXELS), inner.shape[1] // 16))
    offsets = [
        (dy, dx) for dy in range(-margin_y, margin_y + 1) for dx in range(-margin_x, margin_x + 1)
    ]

    def count_equal(offset: Offset, step: int) -> int:
        dy, dx = offset
        moved = predicted[
            :,
            margin_y + dy : height - margin_y + dy : step,
            margin_x + dx : width - margin_x + dx,
        ]
        return int(np.count_nonzero(moved == inner[:, ::step]))

    counts = {offset: count_equal(offset, step) for offset in offsets}
    best = sorted(offsets, key=lambda offset: -counts[offset])[:REFINED_OFFSETS]
    if step > 1:
        finer = max(1, step // 8)
        counts = {offset: count_equal(offset, finer) for offset in best}
    return min(best, key=lambda offset: (-counts[offset], abs(offset[0]) + abs(offset[1])))


def find_far_offset(predicted: Array, target: Array, no_code: int) -> Offset | None:
    """Return the offset of any length with the smallest share of errors, or None.

    Thinned maps are correlated class by class; the peaks are refined on the maps themselves.
    """
    height, width = target.shape[1:]
    step = max(1, -(-max(height, width) // FAR_SIDE))
    thin, truth = predicted[:, ::step, ::step], target[:, ::step, ::step]
    validity = (truth != no_code).astype(np.float32)
    counts = np.bincount(truth[truth != no_code].reshape(-1))
    classes = np.argsort(counts)[::-1][:MAX_CORRELATED_CLASSES]
    equal = sum(
        _correlate((thin == label).astype(np.float32), (truth == label).astype(np.float32))
        for label in classes[counts[classes] > 0]
    )
    overlap = _correlate(np.ones(thin.shape, np.float32), validity)
    is_enough = overlap >= max(MIN_OVERLAP * float(validity.sum()), 64)
    if not is_enough.any():
        return None
    rate = np.where(is_enough, np.asarray(equal) / np.maximum(overlap, 1), -1.0)
    rows, columns = rate.shape
    best: tuple[float, Offset] | None = None
    for peak in np.argsort(rate, axis=None)[::-1][:FAR_PEAKS]:
        y, x = (int(i) for i in np.unravel_index(int(peak), rate.shape))
        down = y - rows if y > rows // 2 else y
        right = x - columns if x > columns // 2 else x
        offset = (step * down, step * right)
        refined = _refine(predicted, target, no_code, offset, step)
        if best is None or refined[0] < best[0]:
            best = refined
    return None if best is None else best[1]


def _correlate(a: Array, b: Array) -> Any:
    """Return the sum over pixels of a moved by every offset times b, circular with padding."""
    shape = (2 * a.shape[1], 2 * a.shape[2])
    product = np.fft.rfft2(a, shape) * np.conj(np.fft.rfft2(b, shape))
    return np.rint(np.fft.irfft2(product.sum(axis=0), shape))


def _refine(
    predicted: Array, target: Array, no_code: int, offset: Offset, step: int
) -> tuple[float, Offset]:
    """Return the share of errors and the offset of the best neighbor, in ever smaller steps."""
    thinning = max(1, round((target.size / NEAR_PIXELS) ** 0.5))
    shares = {offset: _wrong_share(predicted, target, no_code, offset, thinning)}
    while step >= 1:
        center = min(shares, key=lambda key: shares[key])
        for dy in (-step, 0, step):
            for dx in (-step, 0, step):
                near = (center[0] + dy, center[1] + dx)
                if near not in shares:
                    shares[near] = _wrong_share(predicted, target, no_code, near, thinning)
        if min(shares, key=lambda key: shares[key]) == center:
            step //= 2
    best = min(shares, key=lambda key: shares[key])
    return shares[best], best


def _wrong_share(predicted: Array, target: Array, no_code: int, offset: Offset, step: int) -> float:
    """Return the share of errors of an offset on the pixels that it leaves, thinned."""
    (dy, dx), (height, width) = offset, target.shape[1:]
    if abs(dy) >= height or abs(dx) >= width:
        return 1.0
    top, bottom = max(0, -dy), min(height, height - dy)
    left, right = max(0, -dx), min(width, width - dx)
    truth = target[:, top:bottom:step, left:right:step]
    moved = predicted[:, top + dy : bottom + dy : step, left + dx : right + dx : step]
    valid_pixels = int(np.count_nonzero(truth != no_code))
    return 1 - int(np.count_nonzero(truth == moved)) / valid_pixels if valid_pixels else 1.0
