"""The figures that results draw: matplotlib's, and a notebook shows them.

Importing this module imports matplotlib: import it where a figure is drawn.
"""

from __future__ import annotations

import io
from typing import Any

from matplotlib import figure


class Figure(figure.Figure):
    """A matplotlib figure that a notebook shows without pyplot and without ``%matplotlib``."""

    def _repr_png_(self) -> bytes:
        """Return the figure as PNG, in the resolution that ``savefig`` has by default."""
        buffer = io.BytesIO()
        options: dict[str, Any] = {"metadata": {"Software": None}}
        self.savefig(buffer, format="png", **options)
        return buffer.getvalue()
