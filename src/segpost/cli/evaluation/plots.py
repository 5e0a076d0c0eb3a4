"""Figures of matplotlib as pictures of a page, one for light and one for dark pages."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from segpost.render.html.figures import Picture, format_picture
from segpost.render.html.pictures import embed_image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESOLUTION = 110  # dots an inch


def draw_for_page(draw: Callable[[bool], Figure], description: str, css_class: str = "") -> str:
    """Return a figure in a card, which opens large.

    Parameters
    ----------
    draw : function of a bool
        Draws the figure, for a dark page where it is True.
    description : str
        What the figure shows, for a reader who cannot see it.
    css_class : str
        Of the card, beside its own.
    """
    light, dark = (_encode(draw(is_dark)) for is_dark in (False, True))
    picture = format_picture(Picture(light, description, is_photograph=True, dark=dark))
    kind = f"card plot {css_class}".strip()
    return (
        f'<figure class="{kind}"><button type="button" class="open" title="Open large">{picture}'
        "</button></figure>"
    )


def _encode(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(
        buffer,
        dpi=RESOLUTION,
        metadata={"Software": None},
        pil_kwargs={"optimize": True},
    )
    return embed_image(buffer.getvalue())
