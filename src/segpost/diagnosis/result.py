"""`Diagnosis`: what was found, what cannot be told, and the pictures side by side."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from segpost.render import findings as render_findings
from segpost.render.findings import Finding
from segpost.render.tables import shown

if TYPE_CHECKING:
    from segpost.diagnosis.unknown import Unknown

VERSION = 1
RANKS = {"certain": "#d92d3a", "likely": "#c77700", "hint": "#5d6878"}
STYLE = """<style>
.diagnosis .finding { margin: 0 0 14px; padding: 12px 18px; border-left: 4px solid; }
.diagnosis .finding code { display: block; margin-top: 6px; white-space: pre-wrap; }
.diagnosis .evidence { opacity: .75; font-size: .88em; }
.diagnosis .panels { display: grid; gap: 8px;
  grid-template-columns: repeat(auto-fit, minmax(min(240px, 50%), 1fr)); }
.diagnosis figure { margin: 0; } .diagnosis figcaption { padding: 4px 0; }
.diagnosis img { width: 100%; display: block; image-rendering: pixelated; }
</style>"""

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found.

    Parameters
    ----------
    findings : tuple of Finding
        The most certain first. Each has `code`, `rank` ("certain", "likely" or "hint"), `message`,
        `evidence`, `cure` and `where`.
    cannot_tell : tuple of (question, would_tell)
        What the data leave open, and what would tell.
    looked_at : dict
        The arguments that were given, and their shapes.
    pictures : tuple of (title, (H, W, 3) uint8)
        For `to_html`: photograph, target, prediction, and where they differ.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> found = segpost.diagnose(logits=np.full((3, 8, 8), np.nan, np.float32))
    >>> found.ok, found.codes
    (False, ('nan-logits',))
    """

    findings: tuple[Finding, ...]
    cannot_tell: tuple[Unknown, ...] = ()
    looked_at: dict[str, str] = field(default_factory=dict)
    pictures: tuple[tuple[str, Picture], ...] = field(default=(), repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the findings."""
        return tuple(found.code for found in self.findings)

    def summary(self) -> str:
        """How much was found, in a sentence."""
        if self.ok:
            return "Nothing wrong was found."
        ranks = [found.rank for found in self.findings]
        counted = [f"{ranks.count(rank)} {rank}" for rank in RANKS if rank in ranks]
        return f"Found: {', '.join(counted)}."

    def __str__(self) -> str:
        """For a terminal."""
        parts = [self.summary()]
        if self.findings:
            parts.append(render_findings.text(self.findings))
        if self.cannot_tell:
            lines = [f"- {shown(q)}; what would tell: {shown(t)}" for q, t in self.cannot_tell]
            parts.append("\n".join(["Cannot tell from this:", *lines]))
        return "\n\n".join(parts)

    def to_json(self) -> str:
        """Findings, open questions and what was looked at, as JSON."""
        content = {
            "segpost": "Diagnosis",
            "version": VERSION,
            "ok": self.ok,
            "looked_at": self.looked_at,
            "findings": [_plain(found.as_dict()) for found in self.findings],
            "cannot_tell": [unknown._asdict() for unknown in self.cannot_tell],
        }
        return json.dumps(content, indent=2, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """The same in Markdown."""
        parts = [self.summary()]
        if self.findings:
            parts.append(render_findings.markdown(self.findings))
        if self.cannot_tell:
            lines = [f"- {shown(q)}; what would tell: {shown(t)}" for q, t in self.cannot_tell]
            parts.append("\n".join(["Cannot tell from this:", "", *lines]))
        return "\n\n".join(parts) + "\n"

    def to_html(self) -> str:
        """A section of a page: findings, open questions, and the pictures side by side.

        Nothing is loaded from anywhere. The pictures need Pillow.
        """
        return "\n".join(["<section class='diagnosis'>", STYLE, *self._sections(), "</section>"])

    def _sections(self) -> Iterator[str]:
        yield f"<p><strong>{escape(self.summary())}</strong></p>"
        yield from map(in_html, self.findings)
        if self.cannot_tell:
            rows = "".join(
                f"<li>{escape(shown(q))}; what would tell: {escape(shown(t))}</li>"
                for q, t in self.cannot_tell
            )
            yield f"<p>Cannot tell from this:</p><ul>{rows}</ul>"
        if self.pictures:
            panels = "".join(
                f'<figure><img src="{_embedded(picture)}" alt="{escape(title)}">'
                f"<figcaption>{escape(title)}</figcaption></figure>"
                for title, picture in self.pictures
            )
            yield f'<div class="panels">{panels}</div>'


def in_html(found: Finding) -> str:
    """A finding as a block of a page that has `STYLE`."""
    where = f" ({escape(shown(found.where))})" if found.where else ""
    cure = f"<code>{escape(shown(found.cure))}</code>" if found.cure else ""
    facts = ", ".join(f"{k}: {v}" for k, v in _plain(found.evidence).items())
    return (
        f'<div class="finding" style="border-color:{RANKS[found.rank]}">'
        f"<strong>{found.rank}: {escape(found.code)}</strong>{where}<br>"
        f"{escape(shown(found.message))}{cure}"
        f'<div class="evidence">{escape(shown(facts))}</div></div>'
    )


def _embedded(picture: Picture) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    """Numbers of NumPy as Python's, rounded; what is no number as a word."""
    made: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            made[key] = _plain(value)
        elif isinstance(value, (float, np.floating)):
            made[key] = float(f"{value:.6g}") if math.isfinite(value) else str(value)
        elif isinstance(value, np.integer):
            made[key] = int(value)
        else:
            made[key] = value
    return made
