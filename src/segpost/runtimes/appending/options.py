"""What is appended to a model: the arguments of `append_postprocess`, checked once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from segpost._core import arguments
from segpost._core.sampling import GRIDS
from segpost._core.thresholds import as_thresholds
from segpost.color.palette import Palette, as_palette
from segpost.spatial.letterbox import Letterbox

RESULTS = ("labels", "confidence", "color", "overlay")
SIZES = ("input", "image", "logits")  # sizes that the graph computes


@dataclass(frozen=True)
class AppendOptions:
    """What is appended to a model."""

    want: tuple[str, ...]  # in the order of `RESULTS`
    size: tuple[int, int] | str | None  # None: that which the model itself resizes to
    grid: str | None
    threshold: float | None
    letterbox: Letterbox | None
    palette: Palette | None
    alpha: npt.NDArray[np.float32]  # (1,) or (K,)
    nan: str
    is_standard: bool

    def with_labels(self) -> AppendOptions:
        """Return the options with labels among the results, which are compared."""
        rest = (word for word in self.want if word != "labels")
        return replace(self, want=("labels", *rest))

    @property
    def has_picture(self) -> bool:
        """Whether an image is drawn over."""
        return "overlay" in self.want


def read_options(
    want: Iterable[str],
    size: Any,
    grid: Any,
    threshold: Any,
    letterbox: Any,
    palette: Any,
    alpha: Any,
    nan: Any,
    standard: bool,
) -> AppendOptions:
    """Check the arguments of `append_postprocess`.

    Raises
    ------
    TypeError, ValueError
        With the name of the argument, and the cure.
    """
    words = arguments.as_choices(want, "want", RESULTS)
    if isinstance(size, str):
        arguments.check_choice(size, "size", SIZES)
    elif size is not None:
        size = arguments.as_output_size(size)
    if grid is not None:
        arguments.check_choice(grid, "grid", GRIDS)
    if threshold is not None:
        (threshold,) = as_thresholds(threshold, 1)
    arguments.check_choice(nan, "nan", ("raise", "propagate"))
    needs_palette = sorted(words & {"color", "overlay"})
    if needs_palette and palette is None:
        raise ValueError(
            f'want has {needs_palette[0]!r}, which needs colors: pass palette=, such as "voc"'
        )
    if palette is not None and not needs_palette:
        raise ValueError('palette is for colors: add "color" or "overlay" to want, or leave it out')
    if size == "image" and "overlay" not in words:
        raise ValueError(
            'size="image" is that of the image which the overlay is drawn on: add "overlay" to '
            'want, or pass size="input"'
        )
    if letterbox is not None:
        if not isinstance(letterbox, Letterbox):
            raise TypeError(f"letterbox must be a segpost.Letterbox, got {letterbox!r}")
        if size is not None and size != letterbox.image_size:
            raise ValueError(
                f"size is {size!r}, and the letterbox maps back to images of "
                f"{letterbox.image_size}: leave size out"
            )
        size = letterbox.image_size
    if standard:
        for name, is_used in (
            ("overlay", "overlay" in words),
            ("letterbox", letterbox is not None),
        ):
            if is_used:
                raise ValueError(
                    f"{name} is not made of standard operators: leave out standard=True, with "
                    "which the graph needs no library, or leave out the " + name
                )
    colors = None if palette is None else as_palette(palette)
    return AppendOptions(
        want=tuple(word for word in RESULTS if word in words),
        size=size,
        grid=grid,
        threshold=threshold,
        letterbox=letterbox,
        palette=colors,
        alpha=_as_alpha(alpha, colors),
        nan=nan,
        is_standard=bool(standard),
    )


def _as_alpha(alpha: Any, palette: Palette | None) -> npt.NDArray[np.float32]:
    """Return one weight, or one a class."""
    if isinstance(alpha, (bool, str)):
        raise TypeError(f"alpha must be a number, or one for each class, got {alpha!r}")
    weights = np.atleast_1d(np.asarray(alpha, np.float32))
    classes = 1 if palette is None else len(palette)
    if weights.ndim != 1 or len(weights) not in (1, classes):
        raise ValueError(
            f"alpha must be a number, or one for each of {classes} classes, got shape "
            f"{weights.shape}"
        )
    if not bool(((weights >= 0) & (weights <= 1)).all()):
        raise ValueError(f"alpha must be in 0..1, got {alpha!r}")
    return weights
