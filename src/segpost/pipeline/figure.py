"""The figure of a segmentation: panels side by side, and a legend of classes with their shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from segpost._core import validation
from segpost._core.arrays import Array
from segpost.color import operations
from segpost.color.palette import Palette

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_figure(segmentation: Any, alpha: float, classes: int) -> Figure:
    """Draw image, labels and overlay of one image; see `Segmentation.figure`.

    Raises
    ------
    ValueError
        For images without pixels.
    """
    labels = segmentation._label_array()
    if not labels.size:
        raise ValueError(f"there is nothing to draw in labels of shape {labels.shape}")
    palette = segmentation._palette()
    colored = operations.colorize_labels(validation.as_label_array(labels), palette)
    panels = [("labels", colored)]
    if segmentation.image is not None:
        overlay = operations.overlay(segmentation.image, labels, palette, alpha=alpha)
        if segmentation.overlay is not None:
            overlay = validation.as_image_array(segmentation.overlay).array
        panels = [("image", segmentation.image), *panels, ("overlay", overlay)]
    return draw_panels(panels, palette, segmentation.shares(), classes)


def draw_panels(
    panels: Sequence[tuple[str, Array]], palette: Palette, shares: Mapping[int, float], classes: int
) -> Figure:
    """Draw images of the same size, each with a title, and the legend of the largest classes.

    Parameters
    ----------
    panels : sequence of (str, array)
    palette : Palette
    shares : mapping of int to float
        Of the labels, largest first.
    classes : int
        The largest number of legend entries; the other classes are summed.
    """
    from segpost.render.figure import Figure

    height, width = panels[0][1].shape[:2]
    figure = Figure(
        figsize=(4.0 * len(panels) + 2.4, max(2.0, 4.0 * height / width) + 0.4),
        layout="constrained",
    )
    for column, (title, panel) in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), column)
        axes.imshow(panel, interpolation="nearest")
        axes.set_title(title)
        axes.set_axis_off()
    handles = legend_handles(palette, shares, classes)
    figure.legend(handles=handles, loc="outside right center", frameon=False)
    return figure


def legend_handles(palette: Palette, shares: Mapping[int, float], classes: int) -> list[Any]:
    """Return the entries of a legend of the largest classes, and the sum of the others."""
    from matplotlib.patches import Patch

    by_size = list(shares.items())
    entries = [
        Patch(
            facecolor="#{:02x}{:02x}{:02x}".format(*palette.color(label)),
            edgecolor="0.5",
            label=f"{palette.name(label)}  {share:.1%}",
        )
        for label, share in by_size[:classes]
    ]
    if len(by_size) > classes:
        rest = sum(share for _, share in by_size[classes:])
        others = f"{len(by_size) - classes} others  {rest:.1%}"
        entries.append(Patch(facecolor="white", edgecolor="0.5", label=others))
    return entries
