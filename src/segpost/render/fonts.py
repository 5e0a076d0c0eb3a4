"""The font of pictures: Pillow's own, and another one for the characters that it lacks."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from importlib.util import find_spec
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from segpost._core.errors import warn_of_input

MISSING = "\uffff"  # no character: every font draws its sign for those that it lacks
MATPLOTLIB_FONT = "mpl-data/fonts/ttf/DejaVuSans.ttf"


def import_pillow() -> Any:
    """Return ``PIL.Image``; an ImportError says what needs it."""
    try:
        from PIL import Image
    except ImportError as error:
        message = f"a picture with text needs Pillow ({error}): pip install pillow"
        raise ImportError(message, name="PIL") from None
    return Image


def choose_font(
    texts: Sequence[str], size: int, path: str | PathLike[str] | None
) -> tuple[Any, list[str]]:
    """Return a font that has the characters of texts, and the texts that it can draw.

    Without a path it is Pillow's font, or, where that lacks characters and Matplotlib is installed,
    DejaVu Sans. Characters that the font lacks become the letter without its accent, or "?", and
    cause an `InputWarning`.

    Parameters
    ----------
    texts : sequence of str
    size : int
        The height of the font in pixels.
    path : str, path or None
        A file of a TrueType or OpenType font.

    Raises
    ------
    ValueError
        For a file that is no font.
    """
    from PIL import ImageFont

    characters = {c for text in texts for c in text}
    if path is not None:
        try:
            font: Any = ImageFont.truetype(fspath(path), size)
        except OSError as error:
            raise ValueError(f"font {fspath(path)!r} cannot be read: {error}") from None
    else:
        font = ImageFont.load_default(size)
        wide = _matplotlib_font() if find_missing(font, characters) else None
        if wide is not None:
            font = ImageFont.truetype(str(wide), size)
    missing = find_missing(font, characters)
    if not missing:
        return font, list(texts)
    replacements = {c: _without_accent(font, c) for c in missing}
    if unknown := sorted(c for c in missing if replacements[c] == "?"):
        warn_of_input(
            f"names have {len(unknown)} characters that the font lacks, first {unknown[0]!r}, and "
            'that are drawn as "?": pass font=, the path of a TrueType or OpenType font with them'
        )
    return font, ["".join(replacements.get(c, c) for c in text) for text in texts]


def find_missing(font: Any, characters: set[str]) -> set[str]:
    """Return the characters that a font draws as its sign for what it lacks."""
    sign = _bitmap_of(font, MISSING)
    return {c for c in characters if not c.isspace() and _bitmap_of(font, c) == sign}


def _bitmap_of(font: Any, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)


def _without_accent(font: Any, character: str) -> str:
    """Return the letters of a character without accents, where the font has them, else "?"."""
    parts = unicodedata.normalize("NFKD", character)
    letters = "".join(c for c in parts if not unicodedata.combining(c))
    return letters if letters and not find_missing(font, set(letters)) else "?"


def _matplotlib_font() -> Path | None:
    """Return the file of DejaVu Sans that Matplotlib has, without importing it."""
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / MATPLOTLIB_FONT
    return path if path.is_file() else None
