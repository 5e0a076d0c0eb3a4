"""The figure of a volume: three planes through its largest region, directions, and a legend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segpost.pipeline.figure import legend_handles
from segpost.pipeline.volume_slices import AXES, VolumeSlices, find_center

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINE: dict[str, Any] = {
    "color": "white",
    "linewidth": 0.8,
    "alpha": 0.8,
}  # where the other planes are


LETTER: dict[str, Any] = {"color": "white", "fontsize": 11, "fontweight": "bold"}
BEHIND_LETTER: dict[str, Any] = {"facecolor": "black", "alpha": 0.5, "pad": 2, "edgecolor": "none"}


def draw_planes(slices: VolumeSlices, alpha: float, classes: int) -> Figure:
    """Draw the planes across D, H and W, with lines where they cross, and the largest classes.

    Across H and W, z leads up. Letters at the edges of a plane are anatomical directions, where the
    image is known.

    Parameters
    ----------
    slices : VolumeSlices
    alpha : float
        Weight of the colors over the image.
    classes : int
        The largest number of legend entries; the other classes are summed.
    """
    from segpost.render.figure import Figure

    center = find_center(slices.labels)
    figure = Figure(figsize=(14.4, 4.6), layout="constrained")
    for axis, name in enumerate(AXES):
        picture = slices.plane(axis, center[axis], alpha)
        axes = figure.add_subplot(1, 3, axis + 1)
        axes.imshow(
            picture,
            interpolation="nearest",
            aspect=slices.aspect(axis),
            origin="lower" if axis else "upper",
        )
        row, column = (position for k, position in enumerate(center) if k != axis)
        axes.axhline(row, **LINE)
        axes.axvline(column, **LINE)
        axes.set_title(f"{name} = {center[axis]} of {slices.labels.shape[axis]}")
        axes.set_axis_off()
        ends = slices.ends(axis)
        if ends is not None:
            _draw_letters(axes, ends, is_upward=axis > 0)
    handles = legend_handles(slices.palette, slices.shares(), classes)
    figure.legend(handles=handles, loc="outside right center", frameon=False)
    return figure


def _draw_letters(axes: Any, ends: tuple[str, str, str, str], *, is_upward: bool) -> None:
    """Write the directions of the first and last row and column inside the edges of a plane."""
    first, last, left, right = ends
    top, bottom = (last, first) if is_upward else (first, last)
    for letter, (x, y), sides in (
        (left, (0.02, 0.5), ("left", "center")),
        (right, (0.98, 0.5), ("right", "center")),
        (top, (0.5, 0.98), ("center", "top")),
        (bottom, (0.5, 0.02), ("center", "bottom")),
    ):
        axes.text(
            x,
            y,
            letter,
            ha=sides[0],
            va=sides[1],
            transform=axes.transAxes,
            bbox=BEHIND_LETTER,
            **LETTER,
        )
