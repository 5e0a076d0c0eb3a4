"""Pictures of regions: colors, boxes, names, and a legend over an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from segpost._core import arguments
from segpost._core.arguments import COLOR_BY, CORNERS, ColorBy, Corner
from segpost._core.arrays import Array, InputArray
from segpost._core.validation import as_image_array, check_on_cpu
from segpost.color.color_table import MAX_COLORS
from segpost.color.distinct import color_of_instance, color_of_label
from segpost.color.operations import overlay
from segpost.color.palette import Color, Palette, PaletteLike, as_palette
from segpost.objects.format_arguments import Names, name_of
from segpost.objects.inner_points import find_inner_points
from segpost.objects.pixels import draw_runs
from segpost.objects.run_table import RunTable
from segpost.render.annotations import Annotation, draw_annotations
from segpost.render.tables import format_share

GAP = "  "  # the space of Pillow's font is narrow


class PictureOptions(NamedTuple):
    """How regions are drawn; see `Regions.draw`."""

    palette: Palette | None
    names: Names
    color_by: str
    boxes: bool
    text: bool | Sequence[str]
    corners: tuple[str, ...]  # where the legend may be
    scale: float
    font: str | PathLike[str] | None


def check_picture_options(
    palette: PaletteLike | None,
    names: Names,
    color_by: ColorBy | None,
    boxes: bool,
    text: bool | Sequence[str],
    legend: bool | Corner | None,
    scale: float,
    font: str | PathLike[str] | None,
) -> PictureOptions:
    """Validate the arguments of `Regions.draw` that are no arrays.

    Raises
    ------
    ValueError, TypeError
        The message names the argument.
    """
    chosen = None if palette is None else as_palette(palette)
    if color_by is None:
        color_by = "instance" if chosen is None else "class"
    arguments.check_choice(color_by, "color_by", COLOR_BY)
    if names is None and chosen is not None and chosen.names is not None:
        names = dict(enumerate(chosen.names))
        if chosen.ignore_index is not None:
            names[chosen.ignore_index] = chosen.name(chosen.ignore_index)
    if legend is None:
        legend = color_by == "class"
    corners: tuple[str, ...] = CORNERS if legend else ()
    if not isinstance(legend, (bool, np.bool_)):
        arguments.check_choice(legend, "legend", CORNERS)
        corners = (legend,)
    if isinstance(text, np.bool_):
        text = bool(text)
    if isinstance(text, (str, bytes)) or not isinstance(text, (bool, Sequence)):
        raise TypeError(f"text must be True, False or a text for each region, got {text!r}")
    if not isinstance(boxes, (bool, np.bool_)):
        raise TypeError(f"boxes must be True or False, got {boxes!r}")
    if font is not None and not isinstance(font, (str, PathLike)):
        raise TypeError(f"font must be the path of a font, got {font!r}")
    factor = arguments.as_real(scale, "scale", 0.01, 100.0)
    return PictureOptions(chosen, names, color_by, bool(boxes), text, corners, factor, font)


def refuse_palette_as_image(image: object, call: str) -> None:
    """Raise an error for a palette or its name where the image of a picture is.

    Raises
    ------
    TypeError
        It names the call as it should be.
    """
    if isinstance(image, Palette) or (isinstance(image, str) and "." not in image):
        raise TypeError(f"image is the palette, {image!r}: {call}")


def as_canvas(image: object, size: tuple[int, int], what: str = "regions") -> InputArray:
    """Return an image as an input array (H, W, 3) on the CPU, which must have the size of regions.

    Raises
    ------
    ValueError, TypeError
        For images of another size or type, for batches, and on a device.
    """
    canvas = as_image_array(image)
    shape = canvas.array.shape
    if len(shape) != 3 or shape[:2] != size:
        hint = f": image[0] of a batch of one, got shape {shape}" if len(shape) != 3 else ""
        raise ValueError(
            f"image must have the {size[0]} x {size[1]} pixels of the {what}"
            + (hint or f", got {shape[0]} x {shape[1]}")
        )
    check_on_cpu(
        canvas.array, lambda device: f"image is on {device}; pictures are drawn on the CPU: copy it"
    )
    return canvas


def draw_regions(regions: Any, image: object, alpha: float, options: PictureOptions) -> Any:
    """Return a picture of regions over an image, of the array type of the image."""
    table: RunTable = regions._table
    canvas = as_canvas(image, regions.size)
    weight = arguments.as_real(alpha, "alpha", 0.0, 1.0)
    colors = colors_of_regions(table.labels, options)
    blended = _blend(table, canvas.array, colors, weight)
    return canvas.wrap(annotate_regions(regions, blended, colors, options))


def colors_of_regions(labels: Array, options: PictureOptions) -> list[Color]:
    """Return the color of every region.

    Raises
    ------
    ValueError
        For labels that the palette has no color of.
    """
    if options.color_by == "instance":
        return [color_of_instance(k) for k in range(len(labels))]
    palette = options.palette
    if palette is None:
        return [color_of_label(label) for label in labels.tolist()]
    is_bad = (labels < 0) | (labels >= len(palette))
    if palette.ignore_index is not None:
        is_bad &= labels != palette.ignore_index
    if is_bad.any():
        raise ValueError(
            f"palette has the colors of 0..{len(palette) - 1}, and {int(is_bad.sum())} regions have"
            f" other labels, first {labels[is_bad][0]}; ignore_index={labels[is_bad][0]} of "
            "segpost.regions leaves it out"
        )
    return [palette.color(label) for label in labels.tolist()]


def _blend(table: RunTable, image: Array, colors: Sequence[Color], alpha: float) -> Array:
    """Return an image mixed with the colors of regions; smaller regions lie over larger ones."""
    count = len(colors)
    if not count or not image.size:
        return image
    if count >= MAX_COLORS:
        raise ValueError(
            f"a picture has at most {MAX_COLORS - 1} regions, got {count}: min_area= of "
            "segpost.regions leaves small ones out"
        )
    order = np.argsort(-table.area, kind="stable")
    layers = table if table.is_disjoint else table.select(order)
    numbers = np.arange(1, count + 1) if table.is_disjoint else order + 1
    index = np.zeros((1, *table.size), np.uint16)
    draw_runs(layers, index, np.zeros_like(layers.region), numbers[layers.region])
    palette = Palette([(0, 0, 0), *colors])
    blended: Array = overlay(image, index[0], palette, alpha=[0.0, *([alpha] * count)])
    return blended


def annotate_regions(
    regions: Any, picture: Array, colors: Sequence[Color], options: PictureOptions
) -> Array:
    """Return a picture with boxes, texts and a legend of regions, the largest ones first."""
    table: RunTable = regions._table
    texts = _texts_of_regions(regions, options)
    order = np.argsort(-table.area, kind="stable").tolist()
    boxes = table.box.tolist()
    points = None if options.boxes else find_inner_points(table)
    annotations = [
        Annotation(
            texts[k] if options.text is not False else "",
            colors[k],
            tuple(boxes[k]),
            None if points is None else (float(points[k, 0]), float(points[k, 1])),
        )
        for k in order
    ]
    legend: list[tuple[str, Color]] = []
    if options.corners:
        if options.color_by == "instance":
            legend = [(texts[k], colors[k]) for k in order if texts[k]]
        else:
            legend = _legend_of_classes(table, colors, options.names)
    return draw_annotations(
        picture,
        annotations,
        legend,
        corners=options.corners,
        scale=options.scale,
        font=options.font,
    )


def _texts_of_regions(regions: Any, options: PictureOptions) -> list[str]:
    """Return name and confidence of every region, or the caller's texts."""
    if not isinstance(options.text, bool):
        texts = list(options.text)
        if len(texts) != len(regions) or not all(isinstance(text, str) for text in texts):
            kinds = ", ".join(sorted({type(text).__name__ for text in texts}))
            raise ValueError(
                f"text must be True, False or {len(regions)} strings, one for each region, got "
                f"{len(texts)}" + (f" of {kinds}" if kinds else "")
            )
        return texts
    names = [name_of(label, options.names) for label in regions.labels.tolist()]
    if regions.confidences is None:
        return names
    return [
        f"{name}{GAP}{score:.2f}" if np.isfinite(score) else name
        for name, score in zip(names, regions.confidences.tolist(), strict=True)
    ]


def _legend_of_classes(
    table: RunTable, colors: Sequence[Color], names: Names
) -> list[tuple[str, Color]]:
    """Return name and color of every label, the largest area first.

    A name is followed by the number of its regions; where no label has several, by the share of
    the picture's pixels.
    """
    labels = table.labels.tolist()
    counts = Counter(labels)
    areas = Counter[int]()
    for label, area in zip(labels, table.area.tolist(), strict=True):
        areas[label] += area
    color_of = dict(zip(labels, colors, strict=True))
    pixels = max(table.size[0] * table.size[1], 1)
    has_several = len(counts) < len(labels)
    return [
        (
            f"{name_of(label, names)}{GAP}({counts[label]})"
            if has_several
            else f"{name_of(label, names)}{GAP}{format_share(area / pixels)}",
            color_of[label],
        )
        for label, area in areas.most_common()
    ]
