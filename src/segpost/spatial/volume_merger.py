"""Sliding-window inference of volumes: `VolumeMerger`, the mean of the outputs, or its labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from segpost._backends import registry
from segpost._backends.volumes import sum_volumes
from segpost._core import arguments, errors
from segpost._core.arguments import as_integer
from segpost._core.array_types import Float32Array, Generic, HostArray, LabelArray
from segpost._core.arrays import Array, label_dtype, widen
from segpost._core.contract import Logits
from segpost._core.errors import format_index
from segpost._core.locks import Locked
from segpost._core.logits import as_logits
from segpost._core.memory import check_memory
from segpost._core.public import public
from segpost.spatial.merger import AVERAGES, Average
from segpost.spatial.tiling import VolumeWindow
from segpost.spatial.window_logits import check_window_logits
from segpost.spatial.window_weights import as_weights, format_pixels

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    MergedT = TypeVar("MergedT", default=Float32Array)
else:
    MergedT = Any


@public
class VolumeMerger(Locked, Generic[MergedT]):
    """The weighted mean of a network's outputs for the windows of one volume, or its labels.

    Sums are float32, as those of nnU-Net and MONAI. With `windows`, only the sums of the slices
    that later windows meet are stored: the memory is that of one layer of windows. Threads may
    share an object.

    Parameters
    ----------
    size : (D, H, W)
        The size of the volume.
    classes : int
        The number of classes.
    average : {"logits", "probabilities"}
        What is averaged: the values themselves, as nnU-Net and MONAI do, or their softmax.
    windows : iterable of (z, y, x, depth, height, width), optional
        All windows in the order in which they will be added, such as those of `windows`.
        Then `labels` is the only result, and labels are computed as soon as no window is left
        that meets their slice.

    Raises
    ------
    ValueError, TypeError
        If a size, a window or the number of classes is invalid.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> volume = np.arange(5.0, dtype=np.float32)[:, None, None]
    >>> def network(part):  # two classes: how dark and how bright
    ...     return np.stack([2 - part, part - 2])
    >>> windows = list(segpost.windows((5, 1, 1), (2, 1, 1), (1, 1, 1)))
    >>> merger = segpost.VolumeMerger((5, 1, 1), 2, windows=windows)
    >>> weight = segpost.gaussian_weights((2, 1, 1))
    >>> for z, y, x, d, h, w in windows:
    ...     part = volume[z : z + d, y : y + h, x : x + w]
    ...     merger.add(network(part), window=(z, y, x, d, h, w), weight=weight)
    >>> merger.labels().ravel()
    array([0, 0, 0, 1, 1], dtype=uint8)
    """

    def __init__(
        self,
        size: tuple[int, int, int],
        classes: int,
        *,
        average: Average = "logits",
        windows: Iterable[VolumeWindow] | None = None,
    ) -> None:
        depth, height, width = arguments.as_output_size(size, 3)
        self.size = (depth, height, width)
        self.classes = as_integer(classes, "classes")
        if self.classes < 1:
            raise ValueError(f"classes must be at least 1, got {classes}")
        arguments.check_choice(average, "average", AVERAGES)
        self.average = average
        self._windows: tuple[VolumeWindow, ...] | None = None
        self._added = 0  # windows
        self._complete = 0  # slices without a window that is left
        self._labels: LabelArray | None = None
        slices = depth
        if windows is not None:
            self._windows = tuple(self._as_window(window) for window in windows)
            _check_slices(self._windows, depth)
            self._remaining = _first_slices(self._windows, depth)
            slices = _most_slices(self._windows, self._remaining)
            self._labels = np.zeros(self.size, label_dtype(self.classes))
        needed = 4 * (self.classes + 1) * slices * height * width
        cure = "pass windows=, of which one layer is stored" if windows is None else "use smaller"
        check_memory(needed, f"size {self.size} with {self.classes} classes", cure)
        self._sums = np.zeros((self.classes, slices, height, width), np.float32)
        self._weights = np.zeros((slices, height, width), np.float32)
        self._wrap: Callable[[Array], Any] | None = None  # by the first output that is added

    def add(
        self,
        logits: MergedT | HostArray,
        *,
        window: VolumeWindow | None = None,
        axis: int = -4,
        weight: Any = 1.0,
    ) -> None:
        """Add the network's output for a part of the volume.

        Parameters
        ----------
        logits : array of shape (C, depth, height, width) or (1, C, depth, height, width)
            Of the size of the window, classes last with ``axis=-1``; floats on the CPU.
        window : (z, y, x, depth, height, width), optional
            The part of the volume that the network saw; the whole volume by default. With
            `windows`, the next of them.
        axis : int
            The class axis, -4 or -1.
        weight : number or array of shape (depth, height, width)
            The weight of this output, such as `gaussian_weights`; as in `Merger.add`.

        Raises
        ------
        ValueError, TypeError
            For windows outside the volume or in another order, logits of another size or number of
            classes, NaN and infinities, and weights outside their range.
        """
        argument, array, _ = as_logits(logits, axis, 3)
        check_window_logits(argument, array, self.classes)
        with self._lock:
            if self._windows is not None:
                self._finish_slices(self._remaining[self._added])  # where the last call could not
            place = self._next_window(window)
            z, y, x, *sides = place
            shape = (sides[0], sides[1], sides[2])
            if argument.values.shape[2:] != shape:
                raise ValueError(
                    f"logits of {argument.values.shape[2:]} do not fit the window of {shape}: "
                    "resample them to it first"
                )
            weights = as_weights(weight, shape)
            values = self._values(argument)
            z -= self._complete
            part = (slice(z, z + shape[0]), slice(y, y + shape[1]), slice(x, x + shape[2]))
            sums, seen = self._sums[(slice(None), *part)], self._weights[part]
            for plane, value in zip(sums, values, strict=True):
                plane += weights * value
            seen += weights
            if self._wrap is None:
                self._wrap = array.wrap
            self._added += 1
            if self._windows is not None:
                self._finish_slices(self._remaining[self._added])

    def result(self) -> MergedT:
        """Return the weighted mean of what was added.

        Returns
        -------
        mean : float32 array of shape (C, D, H, W)
            Of the same library as the first output that was added.

        Raises
        ------
        ValueError
            If voxels are in no window, and with `windows`: then only labels are kept.
        """
        if self._windows is not None:
            raise ValueError("with windows= only labels are kept: call labels(), or leave it out")
        with self._lock:
            self._check_coverage(self._weights, 0)
            mean = self._sums / self._weights
        merged: MergedT = mean if self._wrap is None else self._wrap(mean)  # type: ignore[assignment]
        return merged

    def labels(self) -> Any:
        """Return the labels: the first index of the largest sum, as `argmax`.

        Returns
        -------
        labels : array of shape (D, H, W), uint8 or int32
            Of the same library as the first output that was added.

        Raises
        ------
        ValueError
            If voxels are in no window, or if windows of `windows` are left.
        """
        with self._lock:
            labels = self._labels
            if labels is None:
                self._check_coverage(self._weights, 0)
                labels = np.empty(self.size, label_dtype(self.classes))
                self._label(self._sums, labels)
            elif self._windows is not None:
                self._finish_slices(self._remaining[self._added])
                left = len(self._windows) - self._added
                if left:
                    raise ValueError(
                        f"{left} of {len(self._windows)} windows are left, the next is "
                        f"{self._windows[self._added]}"
                    )
        return labels if self._wrap is None else self._wrap(labels)

    def _as_window(self, window: object) -> VolumeWindow:
        """Return a window as integers; it must lie in the volume."""
        if not isinstance(window, (tuple, list, np.ndarray)) or len(window) != 6:
            raise ValueError(f"window must be (z, y, x, depth, height, width), got {window!r}")
        z, y, x, *sides = (as_integer(number, "window") for number in window)
        ends = tuple(start + side for start, side in zip((z, y, x), sides, strict=True))
        is_inside = min(z, y, x) >= 0 and all(map(int.__le__, ends, self.size))
        if not is_inside or min(sides) < 1:
            raise ValueError(f"window {(z, y, x, *sides)} does not lie in {self.size}")
        return z, y, x, sides[0], sides[1], sides[2]

    def _next_window(self, window: object) -> VolumeWindow:
        """Return the window of an output, which may have to be the next one."""
        if self._windows is None:
            return (0, 0, 0, *self.size) if window is None else self._as_window(window)
        if self._added == len(self._windows):
            raise ValueError(f"all {self._added} windows have been added")
        expected = self._windows[self._added]
        if window is not None and self._as_window(window) != expected:
            raise ValueError(f"window {tuple(window)!r} is not the next, {expected}")  # type: ignore[arg-type]
        return expected

    def _values(self, logits: Logits) -> Array:
        """Return the values [C, d, h, w] to average; NaN and infinities are an error."""
        shape = logits.values.shape
        if self.average == "probabilities":
            values = np.empty(shape, np.float32)
            backend = registry.backend(logits.values)
            counts = sum_volumes(
                logits, (values,), lambda slices, out: backend.softmax(slices, None, out[0], None)
            )
            errors.raise_bad_logits(counts, logits, (1, *shape[2:]), of_probabilities=True)
            one: Array = values[0]
            return one
        values = widen(logits.values[0], logits.kind)
        bad = ~np.isfinite(values)
        if bad.any():
            first = np.unravel_index(int(bad.argmax()), values.shape)
            raise ValueError(
                f"logits have {int(bad.sum())} of {values.size} values that are not finite, first "
                f"{values[first]:g} at {format_index(first)}"
            )
        return values

    def _finish_slices(self, first: int) -> None:
        """Label the slices before `first`, and move the sums of the others to the front."""
        count = first - self._complete
        if not count or self._labels is None:
            return
        self._check_coverage(self._weights[:count], self._complete)
        self._label(self._sums[:, :count], self._labels[self._complete : first])
        for sums in (*self._sums, self._weights):
            remaining_count = len(sums) - count
            sums[:remaining_count] = sums[count:]
            sums[remaining_count:] = 0
        self._complete = first

    def _label(self, sums: Array, labels: Array) -> None:
        """Write the labels of sums [C, d, H, W], whose slices are a batch of images."""
        slices = Logits(sums.swapaxes(0, 1), "float32")
        registry.backend(sums).argmax(slices, None, labels)

    def _check_coverage(self, weights: Array, first_slice: int) -> None:
        """Refuse voxels that are in no window; `weights` begin at a slice."""
        uncovered = weights == 0
        if uncovered.any():
            origin = (first_slice, 0, 0)
            raise ValueError(f"{format_pixels(uncovered, origin)} were in no window")


def _check_slices(windows: tuple[VolumeWindow, ...], depth: int) -> None:
    """Refuse windows that leave slices out."""
    is_covered = np.zeros(depth, bool)
    for z, _, _, thickness, _, _ in windows:
        is_covered[z : z + thickness] = True
    if not is_covered.all():
        raise ValueError(
            f"windows leave out {int((~is_covered).sum())} of {depth} slices, first z "
            f"{int(is_covered.argmin())}: pass all windows, such as those of segpost.windows"
        )


def _first_slices(windows: tuple[VolumeWindow, ...], depth: int) -> npt.NDArray[np.int64]:
    """Return, for every number of windows that were added, the first slice of those left."""
    starts = np.array([window[0] for window in windows], np.int64)
    first = np.full(len(windows) + 1, depth, np.int64)
    if windows:
        first[:-1] = np.minimum.accumulate(starts[::-1])[::-1]
        first[0] = 0
    return np.maximum.accumulate(first)


def _most_slices(windows: tuple[VolumeWindow, ...], first: npt.NDArray[np.int64]) -> int:
    """Return the largest number of slices between the first that is stored and a window's end."""
    ends = (window[0] + window[3] - start for window, start in zip(windows, first, strict=False))
    return int(max(ends, default=1))
