"""Boxes, names and a legend in a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arguments import CORNERS
from segpost._core.arrays import Array
from segpost.render.fonts import choose_font, import_pillow
from segpost.render.placement import (
    Box,
    Placement,
    Point,
    place_at_corner,
    places_at_box,
    places_at_point,
)
from segpost.render.text import as_printable

Color = tuple[int, int, int]

MIN_TEXT = 12  # pixels
TEXT_SIDES = 60  # heights of a text in the side of a square picture
LINE_SIDES = 350  # widths of a line
MAX_ROWS = 24  # of a legend
LEGEND_SHARE = 0.4  # of the width of a picture, at most
LEGEND_WEIGHT = 0.65  # of black, behind a legend
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


class Annotation(NamedTuple):
    """What is written about one object, and where.

    Attributes
    ----------
    text : str
        Empty: nothing is written.
    color : (int, int, int)
        The color of the box and behind the text.
    box : (x, y, width, height)
        The box of the object.
    point : (x, y) or None
        Where the middle of the text is. Without it the box is drawn, and the text is at the box.
    """

    text: str
    color: Color
    box: Box
    point: Point | None = None


class Style(NamedTuple):
    """The sizes in pixels that follow from the size of a picture."""

    text: int  # the height of the font
    line: int  # the width of lines
    gap: int  # around a text


def style_of(size: tuple[int, int], scale: float = 1.0) -> Style:
    """Return the sizes of text and lines of a picture (H, W), times a factor."""
    side = math.sqrt(size[0] * size[1])
    text = max(round(max(MIN_TEXT, side / TEXT_SIDES) * scale), 1)
    return Style(text, max(round(side / LINE_SIDES * scale), 1), max(text // 6, 1))


def draw_annotations(
    picture: Array,
    annotations: Sequence[Annotation],
    legend: Sequence[tuple[str, Color]],
    *,
    corners: Sequence[str] = CORNERS,
    scale: float = 1.0,
    font: str | PathLike[str] | None = None,
) -> Array:
    """Return a picture with boxes, a legend, and texts that do not overlap.

    Earlier annotations come first: a text is left out where it has no free place.

    Parameters
    ----------
    picture : uint8 array of shape (H, W, 3)
    annotations : sequence of Annotation
    legend : sequence of (str, color)
        Empty: there is no legend. Rows that do not fit are counted in the last one.
    corners : sequence of str
        Some of `CORNERS`; the legend is in the one where it hides the smallest shares of boxes.
    scale : float
        A factor of the sizes of text and lines.
    font : str or path, optional
        As in `choose_font`.
    """
    image_module = import_pillow()
    from PIL import ImageDraw

    height, width = picture.shape[:2]
    style = style_of((height, width), scale)
    texts = [as_printable(one.text) for one in annotations]
    entries = [as_printable(text) for text, _ in legend]
    chosen, drawn = choose_font([*texts, *entries, "…"], style.text, font)
    texts, entries, dots = drawn[: len(texts)], drawn[len(texts) : -1], drawn[-1]
    image = image_module.fromarray(np.ascontiguousarray(picture))
    draw = ImageDraw.Draw(image)
    for one in reversed(annotations):
        if one.point is None:
            _draw_box(draw, one.box, one.color, style.line)
    placement = Placement(width, height)
    writer = _Writer(chosen, dots, style)
    rows = list(zip(entries, (color for _, color in legend), strict=True))
    if rows:
        panel = writer.plan_legend(rows, width, height)
        if panel is not None:
            shown, size = panel
            gap = style.gap
            places = [place_at_corner(one, (width, height), size, gap) for one in corners]
            boxes = np.array([one.box for one in annotations], np.int64).reshape(-1, 4)
            places.sort(key=lambda place: _hidden_share((*place, *size), boxes))
            writer.draw_legend(image, placement, shown, size, places[0])
    for text, one in zip(texts, annotations, strict=True):
        if text:
            writer.draw_text(draw, placement, text, one)
    return np.array(image)  # a copy: views of images of Pillow are read-only


def ink_of(color: Color) -> Color:
    """Return black or white, whichever has more contrast to a color.

    References
    ----------
    Web Content Accessibility Guidelines 2.2, relative luminance; black and white have the same
    contrast to the luminance 0.179.
    """
    linear = [(v / 255 + 0.055) ** 2.4 / 1.055**2.4 if v > 10 else v / 255 / 12.92 for v in color]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return BLACK if luminance > 0.179 else WHITE


def _draw_box(draw: Any, box: Box, color: Color, line: int) -> None:
    """Draw a box around pixels, with a thin line around it that is seen on its color."""
    x, y, width, height = box
    rim = max(line // 3, 1)
    outer = (x - rim, y - rim, x + width - 1 + rim, y + height - 1 + rim)
    draw.rectangle(outer, outline=ink_of(color), width=rim)
    draw.rectangle((x, y, x + width - 1, y + height - 1), outline=color, width=line)


def _hidden_share(panel: tuple[float, float, int, int], boxes: Array) -> float:
    """Return the sum of the shares of boxes (K, 4) that a rectangle hides."""
    x, y, width, height = panel
    left, top = np.maximum(boxes[:, 0], x), np.maximum(boxes[:, 1], y)
    right = np.minimum(boxes[:, 0] + boxes[:, 2], x + width)
    bottom = np.minimum(boxes[:, 1] + boxes[:, 3], y + height)
    hidden = (right - left).clip(min=0) * (bottom - top).clip(min=0)
    return float((hidden / np.maximum(boxes[:, 2] * boxes[:, 3], 1)).sum())


class _Writer:
    """Texts in one font."""

    def __init__(self, font: Any, dots: str, style: Style) -> None:
        self.font, self.dots, self.style = font, dots, style
        self.ascent, descent = font.getmetrics()
        self.row = self.ascent + descent

    def shorten(self, text: str, most: float) -> str:
        """Return a text, or its beginning with dots, that is not wider than `most` pixels."""
        if self.font.getlength(text) <= most:
            return text
        low, high = 0, len(text)  # characters that fit, and that do not
        while high - low > 1:
            middle = (low + high) // 2
            fits = self.font.getlength(text[:middle] + self.dots) <= most
            low, high = (middle, high) if fits else (low, middle)
        return text[:low] + self.dots if low else ""

    def draw_text(self, draw: Any, placement: Placement, text: str, one: Annotation) -> None:
        """Write a text on its color, at the first free place."""
        gap = self.style.gap
        text = self.shorten(text, placement.width - 2 * gap)
        if not text:
            return
        width, height = math.ceil(self.font.getlength(text)) + 2 * gap, self.row
        if one.point is None:
            places = places_at_box(one.box, width, height)
        else:
            places = places_at_point(one.point, width, height)
        place = placement.place(places, width, height)
        if place is None:
            return
        x, y = place
        ink = ink_of(one.color)
        draw.rectangle((x, y, x + width - 1, y + height - 1), fill=one.color)
        draw.text((x + gap, y + self.ascent), text, fill=ink, font=self.font, anchor="ls")

    def plan_legend(
        self, rows: Sequence[tuple[str, Color]], width: int, height: int
    ) -> tuple[list[tuple[str, Color | None]], tuple[int, int]] | None:
        """Return the rows of a legend that fit into a picture, and the size of it; or None."""
        gap = self.style.gap
        most = min((height - 4 * gap) // self.row, MAX_ROWS)
        shown: list[tuple[str, Color | None]] = list(rows)
        if len(rows) > most:
            rest = len(rows) - most + 1
            shown = [*shown[: most - 1], (f"{rest} others", None)]
        if most < 1 or (most < 2 and len(rows) > most):
            return None
        mark = self.row + gap  # the square of the color
        shown = [(self.shorten(text, LEGEND_SHARE * width - mark), color) for text, color in shown]
        if not all(text for text, _ in shown):
            return None
        widest = max(self.font.getlength(text) for text, _ in shown)
        return shown, (math.ceil(widest) + mark + 2 * gap, len(shown) * self.row + 2 * gap)

    def draw_legend(
        self,
        image: Any,
        placement: Placement,
        rows: Sequence[tuple[str, Color | None]],
        size: tuple[int, int],
        place: Point,
    ) -> None:
        """Draw a legend of a size on a dark panel at a place of a picture, which becomes taken."""
        from PIL import Image, ImageDraw

        gap = self.style.gap
        free = placement.place([place], *size)
        if free is None:
            return
        x, y = free
        part = image.crop((x, y, x + size[0], y + size[1]))
        image.paste(Image.blend(part, Image.new("RGB", size, BLACK), LEGEND_WEIGHT), free)
        draw = ImageDraw.Draw(image)
        side = self.ascent
        for number, (text, color) in enumerate(rows):
            top = y + gap + number * self.row
            mark = (x + gap, top + (self.row - side) // 2)
            if color is not None:
                corner_of_mark = (mark[0] + side - 1, mark[1] + side - 1)
                draw.rectangle((*mark, *corner_of_mark), fill=color, outline=WHITE)
            place_of_text = (x + 2 * gap + self.row, top + self.ascent)
            draw.text(place_of_text, text, fill=WHITE, font=self.font, anchor="ls")
