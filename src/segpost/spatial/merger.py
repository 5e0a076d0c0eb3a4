"""Sliding-window inference and test-time augmentation: `Merger`, the mean of the outputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from segpost._backends import registry
from segpost._core import arguments, errors
from segpost._core.arguments import as_integer
from segpost._core.array_types import Float32Array, Generic, HostArray
from segpost._core.arrays import Array, widen
from segpost._core.contract import Logits
from segpost._core.locks import Locked
from segpost._core.logits import are_finite, as_logits
from segpost._core.memory import check_memory
from segpost._core.public import public
from segpost._core.sampling import Grid
from segpost._core.suspicious_probabilities import warn_before_softmax
from segpost._core.suspicious_sizes import warn_of_transposed_window
from segpost.spatial.letterbox import Letterbox
from segpost.spatial.resampling import Resampling, part_of_resampling, plan_resampling
from segpost.spatial.tiling import Blocks, Window, mirror_slice, shift_slice
from segpost.spatial.window_logits import check_window_logits
from segpost.spatial.window_weights import as_weights, format_pixels

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    MergedT = TypeVar("MergedT", default=Float32Array)
else:
    MergedT = Any

Average = Literal["probabilities", "logits"]
AVERAGES: tuple[str, ...] = get_args(Average)
Flip = Literal["horizontal", "vertical", "both"]
FLIPPED_AXES: dict[str, tuple[int, ...]] = {
    "horizontal": (-1,),
    "vertical": (-2,),
    "both": (-2, -1),
}
AVERAGE_CURE = "segpost.Merger(..., average='logits') averages the values themselves"
STRIP_BYTES = 2 << 20  # of probabilities, computed before they are added
MAX_SUM = float(np.finfo(np.float32).max)


@public
class Merger(Locked, Generic[MergedT]):
    """The weighted mean of a network's outputs for windows, flips and scales of one image.

    Only the sums are stored, in float32, at the size of the image or of a `region` of it. Each
    output is first resized to its window, without the padding of a letterbox, so windows of any
    scale can be mixed. Threads may share an object.

    Parameters
    ----------
    size : (H, W)
        The size of the image.
    classes : int
        The number of classes.
    average : {"probabilities", "logits"}
        What is averaged. "probabilities" is the softmax of the logits at the image's size.
        "logits" averages the values themselves: logits, those of a one-channel head, or
        probabilities that the network computed.
    region : (y, x, height, width), optional
        The part of the image whose mean is computed; the whole image by default. Windows are those
        of the image, and what they show outside the region is left out. Values are the same bits as
        those of the whole image, if the windows that meet the region are added in the same order.

    Raises
    ------
    ValueError, TypeError
        If a size, the number of classes or the region is invalid.

    Notes
    -----
    To type checkers a merger is of NumPy arrays; one of tensors is ``Merger[torch.Tensor](...)``.

    After n additions the rounding error is at most n 2^-24 of the mean of the absolute values; the
    order of the additions changes the last bits only.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> def network(image):  # two classes: how dark and how bright
    ...     return np.stack([100.0 - image[..., 0], image[..., 0] - 100.0]).astype(np.float32)
    >>> image = np.full((6, 9, 3), 90, np.uint8)
    >>> image[:, 5:] = 120
    >>> merger = segpost.Merger((6, 9), 2)
    >>> for y, x, h, w in segpost.windows((6, 9), (4, 4), (2, 3)):
    ...     crop = image[y : y + h, x : x + w]
    ...     merger.add(network(crop), window=(y, x, h, w))
    ...     merger.add(network(crop[:, ::-1]), window=(y, x, h, w), flip="horizontal")
    >>> segpost.argmax(merger.result())[0]
    array([0, 0, 0, 0, 0, 1, 1, 1, 1], dtype=uint8)
    """

    def __init__(
        self,
        size: tuple[int, int],
        classes: int,
        *,
        average: Average = "probabilities",
        region: Window | None = None,
    ) -> None:
        height, width = arguments.as_output_size(size)
        self.size = (height, width)
        self.classes = as_integer(classes, "classes")
        if self.classes < 1:
            raise ValueError(f"classes must be at least 1, got {classes}")
        self.average = _as_average(average)
        self.region = self._as_window(region, "region")
        area = f"{'size' if region is None else 'region'} {self.region[2:]}"
        needed = 4 * (self.classes + 1) * math.prod(self.region[2:])
        check_memory(needed, f"{area} with {self.classes} classes", "use segpost.merged_blocks")
        self._sums = np.zeros((self.classes, *self.region[2:]), np.float32)
        self._weights = np.zeros(self.region[2:], np.float32)
        self._largest_sum = 0.0  # that a pixel's sum of weights, or of weighted values, can have
        self._wrap: Callable[[Array], Any] | None = None  # by the first output that is added

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickle, that of version 0.1 too."""
        self.__dict__.update(state, average=_as_average(state["average"]))
        self.__dict__.setdefault("region", (0, 0, *self.size))
        self.__dict__.setdefault("_largest_sum", float(np.abs(self._sums).max(initial=0.0)))

    def add(
        self,
        logits: MergedT | HostArray,
        *,
        window: Window | None = None,
        flip: Flip | None = None,
        axis: int = -3,
        grid: Grid = "half_pixel",
        letterbox: Letterbox | None = None,
        weight: Any = 1.0,
    ) -> None:
        """Add the network's output for a part of the image.

        Parameters
        ----------
        logits : array of shape (C, h, w) or (1, C, h, w)
            Channels last with ``axis=-1``; floats on the CPU, of any size: they are resized to the
            window.
        window : (y, x, height, width), optional
            The part of the image that the network saw; the whole image by default.
        flip : {None, "horizontal", "vertical", "both"}
            How that part was flipped before the network, and before `letterbox`.
        axis : int
            The class axis, -3 or -1.
        grid : {"half_pixel", "align_corners", "asymmetric"}
            The sampling grid, as in `argmax`.
        letterbox : Letterbox, optional
            The letterbox of that part, as an image of its own, in the network's input.
        weight : number or array of shape (height, width)
            The weight of this output, from 1e-30 to 1e30; in an array also 0, whose pixels are
            ignored. An array (with less weight near the border of a window, say) lies on the image
            as it is, not flipped.

        Raises
        ------
        ValueError, TypeError
            For windows outside the image, another number of classes, NaN, logits without pixels,
            weights outside their range, sums that would leave that of float32, and what `argmax`
            refuses.
        """
        argument, array, _ = as_logits(logits, axis)
        check_window_logits(argument, array, self.classes)
        if self.average == "probabilities" and self._wrap is None:
            warn_before_softmax(argument, AVERAGE_CURE)
        y, x, height, width = self._as_window(window, "window")
        if flip is not None:
            arguments.check_choice(flip, "flip", tuple(FLIPPED_AXES))
        weights = as_weights(weight, (height, width))
        if letterbox is not None and getattr(letterbox, "image_size", None) != (height, width):
            raise ValueError(f"{letterbox!r} does not fit a window of {height} x {width}")
        size, grid_size = None, argument.values.shape[2:]
        if letterbox is None:
            size = height, width
            warn_of_transposed_window(grid_size, size)
        resampling = plan_resampling(grid_size, size, grid, letterbox)
        rows, columns = (
            slice(max(start, first), min(start + side, first + length))
            for start, side, first, length in zip(
                (y, x), (height, width), self.region[:2], self.region[2:], strict=True
            )
        )
        if rows.start >= rows.stop or columns.start >= columns.stop:  # nothing is in the region
            return
        seen_rows, seen_columns = shift_slice(rows, -y), shift_slice(columns, -x)
        if weights.ndim:
            weights = weights[seen_rows, seen_columns]
        rows, columns = shift_slice(rows, -self.region[0]), shift_slice(columns, -self.region[1])
        sums, seen_weights = self._sums[:, rows, columns], weights
        if flip is not None:  # as the network saw them
            axes = FLIPPED_AXES[flip]
            sums = np.flip(sums, axes)
            seen_weights = np.flip(weights, axes) if weights.ndim else weights
            seen_rows = mirror_slice(seen_rows, height) if -2 in axes else seen_rows
            seen_columns = mirror_slice(seen_columns, width) if -1 in axes else seen_columns
        resampling = part_of_resampling(resampling, seen_rows, seen_columns)
        with self._lock:
            self._add(argument, resampling, seen_weights, sums)
            if self._wrap is None:
                self._wrap = array.wrap
            self._weights[rows, columns] += weights

    def result(self, *, log: bool = False) -> MergedT:
        """Return the weighted mean of what was added.

        Parameters
        ----------
        log : bool
            Return the logarithm of mean probabilities. `postprocess` reads it as logits, whose
            softmax gives the probabilities again. Labels alone do not need it.

        Returns
        -------
        mean : float32 array of shape (C, H, W)
            Of the image, or of the region; of the same library as the first output that was added.

        Raises
        ------
        ValueError
            If pixels are in no window, or have no logarithm.
        """
        self._check_coverage()
        return self._mean(slice(None), slice(None), log)

    def blocks(
        self, block: int | tuple[int, int] = 1024, *, log: bool = False
    ) -> Iterator[tuple[int, int, MergedT]]:
        """Return the weighted mean in blocks, row by row, without an array of the whole.

        Parameters
        ----------
        block : int or (height, width)
            The size of a block; those at the bottom and on the right may be smaller.
        log : bool
            As in `result`.

        Yields
        ------
        y, x : integers
            The position of the block in the image.
        mean : float32 array of shape (C, height, width)
            That part of `result`.

        Raises
        ------
        ValueError, TypeError
            As `result`, and for an invalid size.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> merger = segpost.Merger((5, 6), 2)
        >>> merger.add(np.zeros((2, 5, 6), np.float32))
        >>> [(y, x, mean.shape) for y, x, mean in merger.blocks(4)]
        [(0, 0, (2, 4, 4)), (0, 4, (2, 4, 2)), (4, 0, (2, 1, 4)), (4, 4, (2, 1, 2))]
        """
        parts = Blocks(self.region[2:], block)
        self._check_coverage()
        y, x = self.region[:2]
        return (
            (y + top, x + left, self._mean(slice(top, top + h), slice(left, left + w), log))
            for top, left, h, w in parts
        )

    def _check_coverage(self) -> None:
        """Refuse a mean of pixels that are in no window."""
        uncovered = self._weights == 0
        if uncovered.any():
            raise ValueError(f"{format_pixels(uncovered, self.region[:2])} were in no window")

    def _mean(self, rows: slice, columns: slice, log: bool) -> MergedT:
        """Return the mean, or its logarithm, of a part of the region."""
        with self._lock:
            mean = self._sums[:, rows, columns] / self._weights[rows, columns]
        if log:
            negative = int((mean < 0).sum())
            if negative:
                raise ValueError(
                    f"log is of probabilities, and {negative} of {mean.size} values are below 0"
                )
            with np.errstate(divide="ignore"):
                np.log(mean, out=mean)
        merged: MergedT = mean if self._wrap is None else self._wrap(mean)  # type: ignore[assignment]
        return merged

    def _as_window(self, window: Window | None, name: str) -> Window:
        """Return an argument that is a window as integers; it must lie in the image."""
        if window is None:
            return (0, 0, *self.size)
        if not isinstance(window, (tuple, list, np.ndarray)) or len(window) != 4:
            raise ValueError(f"{name} must be (y, x, height, width), got {window!r}")
        y, x, height, width = (as_integer(number, name) for number in window)
        is_inside = y >= 0 and x >= 0 and y + height <= self.size[0] and x + width <= self.size[1]
        if not is_inside or height < 1 or width < 1:
            raise ValueError(f"{name} {(y, x, height, width)} does not lie in {self.size}")
        return y, x, height, width

    def _add(self, logits: Logits, resampling: Resampling, weights: Array, sums: Array) -> None:
        """Add weighted probabilities or values at the size of a window to its sums."""
        if resampling.region is not None:
            values = logits.values[resampling.region]
            logits = logits._replace(values=values, origin=resampling.origin)
            resampling = Resampling(resampling.size, resampling.axes)
        is_finite, largest = are_finite(logits), 1.0
        if self.average == "logits" and is_finite:
            values = widen(logits.values, logits.kind)
            largest = max(float(values.max()), -float(values.min()), 1.0)
        self._check_sums(float(weights.max()) * largest, sums)
        if self.average == "probabilities":
            _add_probabilities(logits, resampling, weights, sums, is_finite)
            return
        size = resampling.size
        if is_finite:
            weights = np.broadcast_to(weights, size)
            registry.backend(logits.values).add_resized(logits, resampling.axes, weights, sums)
            return
        planes: Array = np.zeros((self.classes, *size), np.float32)
        ones = np.broadcast_to(np.float32(1), size)
        registry.backend(logits.values).add_resized(logits, resampling.axes, ones, planes)
        nan = np.asarray(np.isnan(planes).any(axis=0))
        if nan.any():
            raise ValueError(f"logits give NaN at {format_pixels(nan)} of the window")
        with np.errstate(invalid="ignore"):  # values of weight 0 may be infinite
            np.add(sums, weights * planes, out=sums, where=weights > 0)

    def _check_sums(self, added: float, sums: Array) -> None:
        """Refuse weighted values, up to `added`, that could make sums leave float32's range."""
        if self._largest_sum + added > MAX_SUM:  # a bound over all windows
            largest = max(float(np.abs(sums).max()), float(self._weights.max()))
            if largest + added > MAX_SUM:
                raise ValueError(
                    f"weight times the largest value is {added:g}, beside sums of up to "
                    f"{largest:g}: the range of float32, {MAX_SUM:g}, would be left; pass smaller "
                    "weights, only their ratios count"
                )
        self._largest_sum += added


def _as_average(average: str) -> str:
    """Return the word for what is averaged; version 0.1 said "values" for "logits"."""
    if average == "values":
        return "logits"
    arguments.check_choice(average, "average", AVERAGES)
    return average


def _add_probabilities(
    logits: Logits, resampling: Resampling, weights: Array, sums: Array, is_finite: bool
) -> None:
    """Add weighted probabilities to sums (C, H, W), strip by strip if all logits are finite.

    Probabilities of other logits may be undefined, which must be known before any are added.
    """
    classes, height, width = sums.shape
    rows = min(max(STRIP_BYTES // (4 * classes * width), 1), height) if is_finite else height
    backend = registry.backend(logits.values)
    buffer = np.empty((1, classes, rows, width), np.float32)
    for top in range(0, height, rows):
        strip = slice(top, min(top + rows, height))
        part = part_of_resampling(resampling, strip, slice(0, width))
        values = logits.values if part.region is None else logits.values[part.region]
        planes = buffer[:, :, : strip.stop - top]
        counts = backend.softmax(logits._replace(values=values), part.axes, planes, None)
        errors.raise_bad_logits(counts, logits, (1, height, width), of_probabilities=True)
        if weights.ndim:
            planes *= weights[strip]
        elif weights != 1:
            planes *= weights
        sums[:, strip] += planes[0]
