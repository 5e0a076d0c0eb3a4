"""The figure of a volume: three planes through its largest region, and a legend."""

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


def draw_planes(slices: VolumeSlices, alpha: float, classes: int) -> Figure:
    """Draw the planes across D, H and W, with lines where they cross, and the largest classes.

    Across H and W, z leads up.

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
    handles = legend_handles(slices.palette, slices.shares(), classes)
    figure.legend(handles=handles, loc="outside right center", frameon=False)
    return figure
