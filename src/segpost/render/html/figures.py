"""Pictures of a page with their captions, two pictures to compare, and legends of classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from segpost.render.text import escape_html

Color = tuple[int, int, int]


class Picture(NamedTuple):
    """A picture of a page.

    Attributes
    ----------
    source : str
        A URL, as `embed_image` returns it.
    description : str
        What it shows, for a reader who cannot see it.
    is_photograph : bool
        Whether it may be smoothed where it is enlarged; label maps are not.
    dark : str
        The URL of the picture for dark pages, where that is another one.
    """

    source: str
    description: str
    is_photograph: bool = False
    dark: str = ""


class Entry(NamedTuple):
    """An entry of a legend: the name of a class, its color, and what else is known of it."""

    name: str
    color: Color
    detail: str = ""


def format_picture(picture: Picture) -> str:
    """Return an `img` element; two where dark pages have another one."""
    kind = " photograph" if picture.is_photograph else ""
    words = escape_html(picture.description)
    if not picture.dark:
        css_class = f' class="{kind.strip()}"' if kind else ""
        return f'<img src="{picture.source}"{css_class} alt="{words}">'
    return "".join(
        f'<img src="{source}" class="{when}{kind}" alt="{words}">'
        for source, when in ((picture.source, "for-light"), (picture.dark, "for-dark"))
    )


def format_figure(picture: Picture, title: str, text: str = "", *, opens: bool = True) -> str:
    """Return a picture with its title and a text below it.

    Parameters
    ----------
    picture : Picture
    title, text : str
        The caption.
    opens : bool
        Whether it opens large, by the script of a page.
    """
    caption = escape_html(title)
    if text:
        caption = f"<strong>{caption}</strong> &ndash; {escape_html(text)}"
    image = format_picture(picture)
    if opens:
        image = f'<button type="button" class="open" title="Open large">{image}</button>'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def format_missing_figure(text: str) -> str:
    """Return a text in the place of a picture."""
    return f"<figure><figcaption>{escape_html(text)}</figcaption></figure>"


def format_comparison(first: Picture, second: Picture, name: str, text: str) -> str:
    """Return two pictures of one size, one over the other, with a line that moves between them.

    Parameters
    ----------
    first, second : Picture
        Left and right of the line.
    name : str
        What the line compares.
    text : str
        The caption.
    """
    return (
        f'<figure class="card"><div class="pair">{format_picture(first)}'
        f'{format_picture(second)}<input type="range" min="0" max="100" value="50" '
        f'autocomplete="off" aria-label="{escape_html(name)}"></div><figcaption>'
        f'{escape_html(text)} <button type="button" class="compare">Open large</button>'
        "</figcaption></figure>"
    )


def format_panels(
    figures: Sequence[str], pair: tuple[int, int] | None = None, name: str = ""
) -> str:
    """Return figures side by side.

    Parameters
    ----------
    figures : sequence of str
        As `format_figure` returns them.
    pair : (int, int), optional
        The positions of two that a button compares.
    name : str
        The text of the button.
    """
    button = ""
    if pair is not None:
        button = (
            f'<p><button type="button" class="compare" data-pair="{pair[0]} {pair[1]}">'
            f"{escape_html(name)}</button></p>"
        )
    return f'<div class="set">{button}<div class="panels">{"".join(figures)}</div></div>'


def format_swatch(color: Color) -> str:
    """Return a small square of a color."""
    return (
        '<svg class="swatch" viewBox="0 0 1 1" aria-hidden="true"><rect width="1" height="1" '
        'fill="#{:02x}{:02x}{:02x}"></rect></svg>'.format(*color)
    )


def format_legend(entries: Iterable[Entry], name: str = "Classes and their colors") -> str:
    """Return a legend, which scrolls in its box where it has many entries.

    Parameters
    ----------
    entries : iterable of Entry
    name : str
        What the legend is of, for a reader who does not see it.
    """
    items = "".join(
        f"<li>{format_swatch(entry.color)}{escape_html(entry.name)}"
        f"{f' <span class=soft>{escape_html(entry.detail)}</span>' if entry.detail else ''}</li>"
        for entry in entries
    )
    if not items:
        return ""
    return (
        f'<div class="legend small" tabindex="0" role="group" aria-label="{escape_html(name)}">'
        f"<ul>{items}</ul></div>"
    )


def format_bar(share: float, color: Color | None = None) -> str:
    """Return a share in 0..1 as a bar; NaN is an empty one."""
    width = 0.0 if share != share else 100 * min(max(share, 0.0), 1.0)
    fill = 'class="fill"' if color is None else 'fill="#{:02x}{:02x}{:02x}"'.format(*color)
    return (
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="100" height="8"></rect><rect {fill} width="{width:.2f}" '
        'height="8"></rect></svg>'
    )
