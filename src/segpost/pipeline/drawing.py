"""Pictures of a segmentation: the overlay with names, scores, boxes and a legend."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from segpost._core import arguments, validation
from segpost._core.arguments import ColorBy, Corner
from segpost._core.arrays import Array
from segpost.color.distinct import color_of_instance
from segpost.color.operations import overlay
from segpost.color.palette import Color, Palette
from segpost.objects.api import regions
from segpost.objects.format_arguments import Names
from segpost.objects.pictures import (
    PictureOptions,
    annotate_regions,
    as_canvas,
    check_picture_options,
    colors_of_regions,
    refuse_palette_as_image,
)
from segpost.pipeline.queries.segments import Segment
from segpost.pipeline.regions import find_segment_regions

NO_SEGMENT: Color = (0, 0, 0)


def draw_segmentation(
    segmentation: Any,
    image: Any,
    names: Names,
    color_by: ColorBy | None,
    alpha: Any,
    boxes: bool | None,
    text: bool | Sequence[str],
    legend: bool | Corner | None,
    scale: float,
    font: str | PathLike[str] | None,
) -> Any:
    """Return the picture of one image; see `Segmentation.draw`.

    Raises
    ------
    ValueError, TypeError
        Without an image or labels, and for arguments that do not fit.
    """
    if segmentation.volume:
        raise ValueError(
            "draw is for images, and these are results of a volume: call seg.figure(), or "
            'seg.save("case.html", what="overlay", like="image.nii.gz")'
        )
    call = "call seg.draw(image), and pass palette= to segpost.postprocess"
    refuse_palette_as_image(image, call)
    segments = segmentation.segments
    if color_by is None:
        color_by = "class" if segments is None else "instance"
    options = check_picture_options(
        segmentation.palette,
        names,
        color_by,
        segments is not None if boxes is None else boxes,
        text,
        legend,
        scale,
        font,
    )
    segmentation._label_array()  # raises an error without labels
    image = segmentation.image if image is None else image
    if image is None:
        raise ValueError("there is no image to draw on: seg.draw(image), or image= of postprocess")
    if segments is not None:
        return draw_segments(image, segmentation.labels, segments, alpha, options)
    palette = segmentation._palette()
    return draw_labels(image, segmentation.labels, segmentation.confidence, palette, alpha, options)


def draw_labels(
    image: Any, labels: Any, confidence: Any, palette: Palette, alpha: Any, options: PictureOptions
) -> Any:
    """Return a picture of the classes of a label map, of the array type of the labels.

    Parameters
    ----------
    image : array of shape (H, W, 3) or (3, H, W)
    labels : array of shape (H, W)
    confidence : array of shape (H, W) or None
    palette : Palette
        It has a color of every label.
    alpha : float or sequence of float
        As in `overlay`.
    options : PictureOptions
    """
    source = validation.as_label_array(labels)
    canvas = as_canvas(image, source.array.shape, "labels")
    class_regions = regions(source.array, confidence=confidence, ignore_index=palette.ignore_index)
    if options.color_by == "instance":
        colors = colors_of_regions(class_regions.labels, options)
        palette = _with_colors(palette, class_regions.labels, colors)
    blended = overlay(canvas.array, source.array, palette, alpha=alpha)  # checks the labels
    colors = [palette.color(label) for label in class_regions.labels.tolist()]
    return source.wrap(annotate_regions(class_regions, blended, colors, options))


def draw_segments(
    image: Any, labels: Any, segments: Sequence[Segment], alpha: Any, options: PictureOptions
) -> Any:
    """Return a picture of the segments of a map of ids, of the array type of the map."""
    source = validation.as_label_array(labels)
    canvas = as_canvas(image, source.array.shape, "labels")
    weight = arguments.as_real(alpha, "alpha", 0.0, 1.0)
    segment_regions, ids = find_segment_regions(source.array, segments)
    colors = colors_of_regions(segment_regions.labels, options)
    if options.color_by == "instance":
        colors = [color_of_instance(number - 1) for number in ids.tolist()]
    count = max((segment.id for segment in segments), default=0) + 1
    palette = _with_colors(Palette([NO_SEGMENT] * count), ids, colors)
    weights = [0.0, *([weight] * (count - 1))]
    blended = overlay(canvas.array, source.array, palette, alpha=weights)
    return source.wrap(annotate_regions(segment_regions, blended, colors, options))


def palette_of_segments(images: Sequence[Sequence[Segment]], classes: Palette | None) -> Palette:
    """Return a color and a name for every id of maps of segments: the id, and its class.

    In several images an id has several classes: its name is the id alone.
    """
    count = max((segment.id for segments in images for segment in segments), default=0) + 1
    names = ["no segment", *(f"segment {k}" for k in range(1, count))]
    for segment in images[0] if len(images) == 1 else ():
        is_named = classes is not None and 0 <= segment.label < len(classes)
        name = classes.name(segment.label) if is_named and classes else f"class {segment.label}"
        names[segment.id] = f"{segment.id} {name}"
    return Palette([NO_SEGMENT, *(color_of_instance(k) for k in range(count - 1))], names)


def _with_colors(palette: Palette, labels: Array, colors: Sequence[Color]) -> Palette:
    """Return a palette in which some labels have other colors."""
    table = palette.colors.copy()
    for label, color in zip(labels.tolist(), colors, strict=True):
        if 0 <= label < len(table):
            table[label] = color
    return Palette(table, palette.names, palette.void, palette.ignore_index)
