"""Uses that a palette refuses, because it is no list, no dict and no function: what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

USES = "palette.colors is the array of colors, palette.items() has labels and colors"


def raise_no_label(label: object, names: Sequence[str] | None) -> NoReturn:
    """Raise the error of a label that is no integer; that of the name of a class says its label.

    Raises
    ------
    TypeError
    """
    cure = f"; that of {label!r} is {names.index(label)}" if names and label in names else ""
    raise TypeError(f"label must be an integer, got {label!r}{cure}")


class RefusedUses:
    """Base of `Palette`: items, calls and conversions are errors that name the method for them."""

    if not TYPE_CHECKING:

        def __getitem__(self, key: Any) -> NoReturn:
            """Refuse an item: whether it is a color or a name would be a guess."""
            names, count = self.names or (), len(self)
            label = names.index(key) if key in names else key
            if isinstance(label, int) and 0 <= label < count:
                cure = f"palette.color({label}) is its color, palette.name({label}) its name"
            else:
                cure = USES
            raise TypeError(f"a palette has no items, got {key!r}: {cure}")

        def __iter__(self) -> NoReturn:
            """Refuse a loop, of which it would be a guess whether it is over colors or labels."""
            raise TypeError(f"a palette is not iterable: {USES}")

        def __contains__(self, value: object) -> NoReturn:
            """Refuse a question of which it would be a guess what it is about."""
            raise TypeError(f"a palette has no items, got {value!r}: {USES}, palette.names names")

        def __setitem__(self, key: object, value: object) -> NoReturn:
            """Refuse a change: palettes are keys, and may be in use."""
            raise TypeError(
                "a palette does not change: segpost.Palette(colors, palette.names) of a changed "
                "copy, colors = palette.colors.copy()"
            )

        def __call__(self, labels: object) -> NoReturn:
            """Refuse a call, which colormaps of other libraries take."""
            raise TypeError("a palette is not called: segpost.colorize(labels, palette)")

        def __array__(self, dtype: object = None, copy: object = None) -> NoReturn:
            """Refuse a conversion, which would lose names and void."""
            raise TypeError("a palette is no array: palette.colors is the array of its colors")
