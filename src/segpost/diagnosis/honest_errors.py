"""What a network that is only inexact may have predicted: the alternatives of a wrong placement.

An outline that is too wide or too narrow, objects that are each too large or too small where they
are, or one class everywhere. A placement that explains no more than these explains nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from segpost._core.arrays import Array

MAX_GROWTH = 16  # steps of a dilation or erosion
MAX_GROWTH_SHARE = 0.06  # of the shorter side: no network is more inexact than that all around
GROWN_CLASSES = 4  # the commonest predicted classes, each grown and shrunk
MAX_COMPONENTS = 64  # the largest, each scaled where it is


def fit_outline(predicted: Array, target: Array, compared: Array) -> tuple[int, Array]:
    """Return the fewest wrong pixels of dilations and erosions of a predicted class, and its map.

    Parameters
    ----------
    predicted, target : (N, H, W) codes
    compared : (N, H, W) bool
        The pixels that count.
    """
    wrong = int(np.count_nonzero((predicted != target) & compared))
    best = (wrong, predicted)
    for changed in _iter_outlines(predicted, target, compared):
        wrong = int(np.count_nonzero((changed != target) & compared))
        if wrong < best[0]:
            best = (wrong, changed)
    return best


def _iter_outlines(predicted: Array, target: Array, compared: Array) -> Iterator[Array]:
    """Yield dilations and erosions of the commonest predicted classes, as long as they help."""
    most = max(2, min(MAX_GROWTH, round(MAX_GROWTH_SHARE * min(predicted.shape[1:]))))
    counts = np.bincount(predicted[compared].reshape(-1))
    for label in np.argsort(counts)[::-1][:GROWN_CLASSES]:
        if not counts[label]:
            break
        for grow in (dilate, erode):
            changed, best, worse = predicted, None, 0
            for step in range(most):
                changed = grow(changed, int(label), diagonal=bool(step % 2))
                wrong = int(np.count_nonzero((changed != target) & compared))
                yield changed
                worse = worse + 1 if best is not None and wrong >= best else 0
                best = wrong if best is None else min(best, wrong)
                if worse >= 2:
                    break


def dilate(labels: Array, label: int, *, diagonal: bool = False) -> Array:
    """Return labels in which a class has grown by a pixel."""
    grown: Array = np.where(_is_near(labels == label, diagonal), labels.dtype.type(label), labels)
    return grown


def erode(labels: Array, label: int, *, diagonal: bool = False) -> Array:
    """Return labels in which the neighbors of a class have taken a pixel of its edge."""
    shrunk = labels.copy()
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
        if dy and dx and not diagonal:
            break
        here, there = _overlap(labels.shape, dy, dx)
        part = shrunk[here]
        is_taken = (labels[here] == label) & (part == label) & (labels[there] != label)
        part[is_taken] = labels[there][is_taken]
    return shrunk


def scale_objects(labels: Array, height_factor: float, width_factor: float) -> Array:
    """Return (H, W) labels in which every object is scaled about its own center.

    An object is a connected area of a class but the commonest, which is the background.
    """
    background = int(np.bincount(labels.reshape(-1)).argmax())
    components = label_components(labels)
    scaled = np.full_like(labels, background)
    sizes = np.bincount(components.reshape(-1))
    for component in np.argsort(sizes)[::-1][:MAX_COMPONENTS]:
        rows, columns = np.nonzero(components == component)
        if not len(rows) or labels[rows[0], columns[0]] == background:
            continue
        center = rows.mean(), columns.mean()
        source = []
        for length, middle, factor in zip(
            labels.shape, center, (height_factor, width_factor), strict=True
        ):
            index = np.rint(middle + (np.arange(length) - middle) / factor).astype(np.intp)
            source.append(np.where((index >= 0) & (index < length), index, -1))
        is_object = (components == component)[source[0][:, None], source[1]]
        is_object[source[0] < 0] = False
        is_object[:, source[1] < 0] = False
        scaled[is_object] = labels[rows[0], columns[0]]
    return scaled


def label_components(labels: Array) -> npt.NDArray[np.intp]:
    """Return the number of the connected area of equal labels of each pixel of (H, W) labels.

    Areas are connected through the four neighbors. The numbers need not be consecutive.
    """
    height, width = labels.shape
    starts = np.ones((height, width), bool)  # of runs of equal labels in a row
    starts[:, 1:] = labels[:, 1:] != labels[:, :-1]
    run = np.cumsum(starts.reshape(-1)).reshape(height, width) - 1
    parent = list(range(int(run[-1, -1]) + 1))

    def find(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    touches = labels[1:] == labels[:-1]
    links = np.unique(np.stack([run[:-1][touches], run[1:][touches]], axis=1), axis=0)
    for upper, lower in links.tolist():
        parent[find(lower)] = find(upper)
    roots = np.array([find(item) for item in range(len(parent))], np.intp)
    components: npt.NDArray[np.intp] = roots[run]
    return components


def _is_near(mask: Array, diagonal: bool) -> Array:
    """Return which pixels are of a mask or next to it."""
    near = mask.copy()
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
        if dy and dx and not diagonal:
            break
        here, there = _overlap(mask.shape, dy, dx)
        near[here] |= mask[there]
    return near


def _overlap(
    shape: tuple[int, ...], dy: int, dx: int
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the pixels that have a neighbor at an offset, and these neighbors."""
    height, width = shape[1:]
    here = (slice(None), slice(max(0, -dy), height - max(0, dy)),
            slice(max(0, -dx), width - max(0, dx)))  # fmt: skip
    there = (slice(None), slice(max(0, dy), height - max(0, -dy)),
             slice(max(0, dx), width - max(0, -dx)))  # fmt: skip
    return here, there
