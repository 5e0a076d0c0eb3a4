"""Sliding windows and test-time augmentation: `windows`, and `Merger` for what comes of them."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from segpost._backends import registry
from segpost._backends.reference.labels import interpolated
from segpost._core import arguments, errors
from segpost._core import logits as core_logits
from segpost._core.arguments import as_integer
from segpost._core.arrays import Array, as_input_array
from segpost._core.validation import check_on_cpu
from segpost.spatial.letterbox import Letterbox, resampling

Window = tuple[int, int, int, int]  # y, x, height, width

AVERAGES = ("probabilities", "values")
FLIPS = {"horizontal": (-1,), "vertical": (-2,), "both": (-2, -1)}  # the axes that are reversed


def windows(
    image_size: tuple[int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
) -> Iterator[Window]:
    """Windows that cover a picture without a gap, row by row.

    Parameters
    ----------
    image_size : (H, W)
        Of the picture.
    window : (height, width)
        Of every window; a side that the picture does not have is the picture's.
    stride : (down, across)
        From one to the next, at most a window; the last of a row or column is moved back inside.

    Yields
    ------
    y, x, height, width : integers
        What `Merger.add` takes as its window.

    Raises
    ------
    ValueError, TypeError
        For sizes that are none, and for strides that leave gaps.

    Examples
    --------
    >>> import segpost
    >>> list(segpost.windows((4, 10), (4, 4), (4, 4)))
    [(0, 0, 4, 4), (0, 4, 4, 4), (0, 6, 4, 4)]
    """
    picture = arguments.as_output_size(image_size, name="image_size")
    sides = arguments.as_output_size(window, name="window")
    steps = arguments.as_output_size(stride, name="stride")
    if any(step > side for step, side in zip(steps, sides, strict=True)):
        raise ValueError(f"stride {steps} leaves gaps between windows of {sides}")
    height, width = (min(side, most) for side, most in zip(sides, picture, strict=True))
    rows, columns = (
        [min(start, most - side) for start in range(0, most - side + step, step)]
        for side, most, step in zip((height, width), picture, steps, strict=True)
    )
    return ((y, x, height, width) for y in rows for x in columns)


class Merger:
    """The mean of what a network says of windows, flips and scales of one picture.

    Only sums are kept, in float32, at the picture's size. What is added is brought to its window
    first, the padding of a letterbox cut off; so windows of any scale can be mixed.

    Parameters
    ----------
    size : (H, W)
        Of the picture.
    classes : int
        Number of classes.
    average : {"probabilities", "values"}
        What is averaged. "probabilities" takes logits and makes softmax of them, at the picture's
        size. "values" takes what is given as it is: logits whose mean is wanted, those of a
        one-channel head, or probabilities that the network made.

    Raises
    ------
    ValueError, TypeError
        For sizes and numbers of classes that are none.

    Notes
    -----
    n additions are off by at most n 2^-24 of the mean of what was added without its sign; the
    order in which they come decides the last bits, and nothing else does.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> def network(picture):  # two classes: how dark and how bright
    ...     return np.stack([100.0 - picture[..., 0], picture[..., 0] - 100.0]).astype(np.float32)
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
        self, size: tuple[int, int], classes: int, *, average: str = "probabilities"
    ) -> None:
        height, width = arguments.as_output_size(size)
        self.size = (height, width)
        self.classes = as_integer(classes, "classes")
        if self.classes < 1:
            raise ValueError(f"classes must be at least 1, got {classes}")
        arguments.check_choice(average, "average", AVERAGES)
        self.average = average
        self._sums = np.zeros((self.classes, height, width), np.float32)
        self._weights = np.zeros((height, width), np.float32)
        self._wrap: Callable[[Array], Any] = np.asarray

    def add(
        self,
        logits: Any,
        *,
        window: Window | None = None,
        flip: str | None = None,
        axis: int = -3,
        grid: str = "half_pixel",
        letterbox: Letterbox | None = None,
        weight: Any = 1.0,
    ) -> None:
        """Add what a network says of a part of the picture.

        Parameters
        ----------
        logits : array of shape (C, h, w) or (1, C, h, w)
            Channels last with ``axis=-1``; floats on the CPU. Of any size: they are enlarged to
            the window.
        window : (y, x, height, width), optional
            The part of the picture that the network saw; all of it where left out.
        flip : {None, "horizontal", "vertical", "both"}
            How that part was mirrored before the network, and before `letterbox`.
        axis : int
            The class axis, -3 or -1.
        grid : {"half_pixel", "align_corners", "asymmetric"}
            As in `argmax`.
        letterbox : Letterbox, optional
            How the part, as a picture of its own, lies in the network's input.
        weight : number or array of shape (height, width)
            How much it counts; what is 0 does not. An array (less at the ends of a window, say)
            lies on the window as it is in the picture, not mirrored.

        Raises
        ------
        ValueError, TypeError
            For windows that do not lie in the picture, another number of classes, NaN, and what
            `argmax` refuses.
        """
        view, given, _ = core_logits.as_logits(logits, axis)
        check_on_cpu(
            given.array, "logits are on {device}; windows are merged on the CPU: copy them there"
        )
        if not given.kind.startswith(("float", "bfloat")):
            raise TypeError(f"logits must be floats, got {given.kind}; dequantize them first")
        images, classes = view.values.shape[:2]
        if images != 1:
            raise ValueError(f"logits are of {images} images; add windows one by one")
        if classes != self.classes:
            raise ValueError(f"logits have {classes} classes, this merger {self.classes}")
        y, x, height, width = self._window(window)
        if flip is not None:
            arguments.check_choice(flip, "flip", tuple(FLIPS))
        weights = _weights(weight, (height, width))
        if letterbox is not None and getattr(letterbox, "image_size", None) != (height, width):
            raise ValueError(f"{letterbox!r} does not fit a window of {height} x {width}")
        size = None if letterbox is not None else (height, width)
        view, axes = resampling(view, size, grid, letterbox)
        made = np.empty((1, classes, height, width), np.float32)
        if self.average == "probabilities":
            report = registry.backend(view.values).softmax(view, axes, made, None)
            errors.raise_undefined(report, view, (1, height, width))
        else:
            unit = 1.0 if axes is None else axes.y.den * axes.x.den
            for _, rows, values in interpolated(view, axes):
                made[0, :, rows] = values / unit
            nan = np.isnan(made[0]).any(axis=0)
            if nan.any():
                raise ValueError(f"logits give NaN at {_counted(nan)} of the window")
        planes = made[0] if flip is None else np.flip(made[0], FLIPS[flip])
        rows, columns = slice(y, y + height), slice(x, x + width)
        sums = self._sums[:, rows, columns]
        with np.errstate(invalid="ignore"):  # what has no weight may be infinite
            np.add(sums, weights * planes, out=sums, where=weights > 0)
        if not self._weights.any():
            self._wrap = given.wrap
        self._weights[rows, columns] += weights

    def result(self, *, log: bool = False) -> Any:
        """The mean.

        Parameters
        ----------
        log : bool
            The logarithm of mean probabilities: `postprocess` takes it for logits, whose softmax
            gives the probabilities back. For labels alone there is no need.

        Returns
        -------
        mean : float32 array of shape (C, H, W)
            Of the kind of what was added first.

        Raises
        ------
        ValueError
            If pixels were in no window, or have no logarithm.
        """
        bare = self._weights == 0
        if bare.any():
            raise ValueError(f"{_counted(bare)} were in no window")
        mean = self._sums / self._weights
        if log:
            negative = int((mean < 0).sum())
            if negative:
                raise ValueError(
                    f"log is of probabilities, and {negative} of {mean.size} values are below 0"
                )
            with np.errstate(divide="ignore"):
                np.log(mean, out=mean)
        return self._wrap(mean)

    def _window(self, window: Window | None) -> Window:
        if window is None:
            return (0, 0, *self.size)
        if not isinstance(window, (tuple, list, np.ndarray)) or len(window) != 4:
            raise ValueError(f"window must be (y, x, height, width), got {window!r}")
        y, x, height, width = (as_integer(number, "window") for number in window)
        inside = y >= 0 and x >= 0 and y + height <= self.size[0] and x + width <= self.size[1]
        if not inside or height < 1 or width < 1:
            raise ValueError(f"window {(y, x, height, width)} does not lie in {self.size}")
        return y, x, height, width


def _weights(weight: Any, size: tuple[int, int]) -> Array:
    """A weight for all pixels, or one for each."""
    if isinstance(weight, (numbers.Real, np.number)) and not isinstance(weight, (bool, np.bool_)):
        number = float(weight)
        if not (math.isfinite(number) and number > 0):
            raise ValueError(f"weight must be positive and finite, got {weight!r}")
        return np.asarray(number, np.float32)
    given = as_input_array(weight, "weight")
    message = f"weight must be numbers on the CPU that NumPy has, got {given.kind}"
    check_on_cpu(given.array, message)
    if given.kind == "bfloat16":
        raise TypeError(message)
    if given.array.shape != size:
        raise ValueError(f"weight must be a number or of shape {size}, got {given.array.shape}")
    weights = given.array.astype(np.float32)
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        raise ValueError(f"weight is negative or not finite at {_counted(wrong)}")
    return weights


def _counted(found: Array) -> str:
    """How many pixels, and the first."""
    y, x = np.unravel_index(int(found.argmax()), found.shape)
    return f"{int(found.sum())} of {found.size} pixels (first y {y}, x {x})"
