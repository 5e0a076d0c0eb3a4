"""Sliding-window inference and test-time augmentation: `windows`, and `Merger` for the outputs."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from segpost._backends import registry
from segpost._core import arguments, errors
from segpost._core.arguments import as_integer
from segpost._core.array_types import Float32Array, Generic, HostArray
from segpost._core.arrays import LABEL_KINDS, Array, InputArray, as_input_array, widen
from segpost._core.contract import Logits
from segpost._core.locks import Locked
from segpost._core.logits import as_logits
from segpost._core.public import public
from segpost._core.sampling import Grid
from segpost._core.validation import check_on_cpu
from segpost.spatial.letterbox import Letterbox
from segpost.spatial.resampling import Resampling, plan_resampling

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    MergedT = TypeVar("MergedT", default=Float32Array)
else:
    MergedT = Any

Window = tuple[int, int, int, int]  # y, x, height, width

Average = Literal["probabilities", "logits"]
AVERAGES: tuple[str, ...] = get_args(Average)
Flip = Literal["horizontal", "vertical", "both"]
FLIPPED_AXES: dict[str, tuple[int, ...]] = {
    "horizontal": (-1,),
    "vertical": (-2,),
    "both": (-2, -1),
}
# Products of smaller weights and probabilities would be 0 or lose digits in float32; sums of larger
# ones would be infinite.
MIN_WEIGHT, MAX_WEIGHT = 1e-30, 1e30
WEIGHT_RANGE = f"{MIN_WEIGHT:g}..{MAX_WEIGHT:g}"
MAX_SUM = float(np.finfo(np.float32).max)


def windows(
    image_size: tuple[int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
) -> Iterator[Window]:
    """Return windows that cover an image without a gap, row by row.

    Parameters
    ----------
    image_size : (H, W)
        The size of the image.
    window : (height, width)
        The size of every window; a side longer than the image's is cut to it.
    stride : (down, across)
        The distance between neighboring windows, at most one window. The last window of a row or
        column is moved back inside the image.

    Yields
    ------
    y, x, height, width : integers
        The argument `window` of `Merger.add`.

    Raises
    ------
    ValueError, TypeError
        If a size is invalid, or if the stride leaves gaps.

    Examples
    --------
    >>> import segpost
    >>> list(segpost.windows((4, 10), (4, 4), (4, 4)))
    [(0, 0, 4, 4), (0, 4, 4, 4), (0, 6, 4, 4)]
    """
    image = arguments.as_output_size(image_size, name="image_size")
    sides = arguments.as_output_size(window, name="window")
    steps = arguments.as_output_size(stride, name="stride")
    if any(step > side for step, side in zip(steps, sides, strict=True)):
        raise ValueError(f"stride {steps} leaves gaps between windows of {sides}")
    height, width = (min(side, total) for side, total in zip(sides, image, strict=True))
    rows, columns = (
        [min(start, total - side) for start in range(0, total - side + step, step)]
        for side, total, step in zip((height, width), image, steps, strict=True)
    )
    return ((y, x, height, width) for y in rows for x in columns)


@public
class Merger(Locked, Generic[MergedT]):
    """The weighted mean of a network's outputs for windows, flips and scales of one image.

    Only the sums are stored, in float32, at the image's size. Each output is first resized to its
    window, without the padding of a letterbox, so windows of any scale can be mixed. Threads may
    share an object.

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

    Raises
    ------
    ValueError, TypeError
        If a size or the number of classes is invalid.

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
        self, size: tuple[int, int], classes: int, *, average: Average = "probabilities"
    ) -> None:
        height, width = arguments.as_output_size(size)
        self.size = (height, width)
        self.classes = as_integer(classes, "classes")
        if self.classes < 1:
            raise ValueError(f"classes must be at least 1, got {classes}")
        self.average = _as_average(average)
        self._sums = np.zeros((self.classes, height, width), np.float32)
        self._weights = np.zeros((height, width), np.float32)
        self._largest_sum = 0.0  # that a pixel's sum of weights, or of weighted values, can have
        self._wrap: Callable[[Array], Any] = np.asarray

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickle, that of version 0.1 too."""
        self.__dict__.update(state, average=_as_average(state["average"]))
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
        self._check_logits(argument, array)
        y, x, height, width = self._resolve_window(window)
        if flip is not None:
            arguments.check_choice(flip, "flip", tuple(FLIPPED_AXES))
        weights = _as_weights(weight, (height, width))
        if letterbox is not None and getattr(letterbox, "image_size", None) != (height, width):
            raise ValueError(f"{letterbox!r} does not fit a window of {height} x {width}")
        rows, columns = slice(y, y + height), slice(x, x + width)
        size = None if letterbox is not None else (height, width)
        resampling = plan_resampling(argument.values.shape[2:], size, grid, letterbox)
        sums, seen_weights = self._sums[:, rows, columns], weights
        if flip is not None:  # as the network saw them
            sums, seen_weights = (np.flip(a, FLIPPED_AXES[flip]) for a in (sums, weights))
        if resampling.region is not None:
            values = argument.values[resampling.region]
            argument = argument._replace(values=values, origin=resampling.origin)
        planes, largest = self._planes(argument, resampling)
        with self._lock:
            self._check_sums(float(weights.max()) * largest, sums)
            if planes is None:
                backend = registry.backend(argument.values)
                backend.add_resized(argument, resampling.axes, seen_weights, sums)
            else:
                with np.errstate(invalid="ignore"):  # values of weight 0 may be infinite
                    np.add(sums, seen_weights * planes, out=sums, where=seen_weights > 0)
            if not self._weights.any():
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
            Of the same library as the first output that was added.

        Raises
        ------
        ValueError
            If pixels are in no window, or have no logarithm.
        """
        with self._lock:
            uncovered = self._weights == 0
            if uncovered.any():
                raise ValueError(f"{_format_pixels(uncovered)} were in no window")
            mean = self._sums / self._weights
        if log:
            negative = int((mean < 0).sum())
            if negative:
                raise ValueError(
                    f"log is of probabilities, and {negative} of {mean.size} values are below 0"
                )
            with np.errstate(divide="ignore"):
                np.log(mean, out=mean)
        merged: MergedT = self._wrap(mean)
        return merged

    def _check_logits(self, logits: Logits, array: InputArray) -> None:
        """Refuse arrays that are no floats of one image with the right classes on the CPU."""
        check_on_cpu(
            logits.values,
            lambda device: (
                f"logits are on {device}; windows are merged on the CPU: copy them there"
            ),
        )
        if array.kind in LABEL_KINDS:
            raise TypeError(f"logits must be floats, got {array.kind}; dequantize them first")
        images, classes = logits.values.shape[:2]
        if 0 in logits.values.shape:
            raise ValueError(f"logits of shape {array.array.shape} have no pixels")
        if images != 1:
            raise ValueError(f"logits are of {images} images; add windows one by one")
        if classes != self.classes:
            raise ValueError(f"logits have {classes} classes, this merger {self.classes}")

    def _resolve_window(self, window: Window | None) -> Window:
        """Return a window as integers; it must lie in the image."""
        if window is None:
            return (0, 0, *self.size)
        if not isinstance(window, (tuple, list, np.ndarray)) or len(window) != 4:
            raise ValueError(f"window must be (y, x, height, width), got {window!r}")
        y, x, height, width = (as_integer(number, "window") for number in window)
        is_inside = y >= 0 and x >= 0 and y + height <= self.size[0] and x + width <= self.size[1]
        if not is_inside or height < 1 or width < 1:
            raise ValueError(f"window {(y, x, height, width)} does not lie in {self.size}")
        return y, x, height, width

    def _planes(self, logits: Logits, resampling: Resampling) -> tuple[Array | None, float]:
        """Compute what is averaged, at the size of a window, and a bound of its finite values.

        None stands for finite logits, which the backend adds without planes of their own.
        """
        axes, shape = resampling.axes, (self.classes, *resampling.size)
        backend = registry.backend(logits.values)
        if self.average == "probabilities":
            planes: Array = np.empty(shape, np.float32)
            counts = backend.softmax(logits, axes, planes[None], None)
            errors.raise_bad_logits(counts, logits, (1, *shape[1:]), of_probabilities=True)
            return planes, 1.0
        values = widen(logits.values, logits.kind)
        largest = max(float(values.max()), -float(values.min()), 1.0)
        if np.isfinite(largest):
            return None, largest
        planes = np.zeros(shape, np.float32)
        backend.add_resized(logits, axes, np.broadcast_to(np.float32(1), shape[1:]), planes)
        nan = np.asarray(np.isnan(planes).any(axis=0))
        if nan.any():
            raise ValueError(f"logits give NaN at {_format_pixels(nan)} of the window")
        return planes, 1.0

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


def _as_weights(weight: Any, size: tuple[int, int]) -> Array:
    """Return the weight of every pixel as float32."""
    if isinstance(weight, (numbers.Real, np.number)) and not isinstance(weight, (bool, np.bool_)):
        number = float(weight)
        if not MIN_WEIGHT <= number <= MAX_WEIGHT:
            raise ValueError(
                f"weight must be positive and finite, in {WEIGHT_RANGE}, got {weight!r}"
            )
        return np.broadcast_to(np.float32(number), size)
    array, kind, *_ = as_input_array(weight, "weight")
    check_on_cpu(
        array, lambda device: f"weight is on {device}; it must be on the CPU: copy it there"
    )
    if kind == "bfloat16":
        raise TypeError(f"weight must be numbers that NumPy has, got {kind}")
    if array.shape != size:
        raise ValueError(f"weight must be a number or of shape {size}, got {array.shape}")
    bad = ~(np.isfinite(array) & (array >= 0))
    if bad.any():
        raise ValueError(f"weight is negative or not finite at {_format_pixels(bad)}")
    low, high = np.float64(MIN_WEIGHT), np.float64(MAX_WEIGHT)
    bad = (array != 0) & ((array < low) | (array > high))
    if bad.any():
        first = array[np.unravel_index(int(bad.argmax()), size)]
        raise ValueError(
            f"weight is neither 0 nor in {WEIGHT_RANGE} at {_format_pixels(bad)}, where it is "
            f"{first:g}; only the ratios of weights count"
        )
    return array.astype(np.float32)


def _format_pixels(mask: Array) -> str:
    """Say how many pixels a mask has, and where the first is."""
    y, x = np.unravel_index(int(mask.argmax()), mask.shape)
    return f"{int(mask.sum())} of {mask.size} pixels (first y {y}, x {x})"
