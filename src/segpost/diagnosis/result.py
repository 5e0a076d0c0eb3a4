"""`Diagnosis`: findings, open questions and pictures, as text, JSON, Markdown and HTML."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segpost.render import findings as render_findings
from segpost.render.findings import Finding
from segpost.render.tables import shown

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


class OpenQuestion(NamedTuple):
    """A question that the data leave open, and the input that would decide it."""

    question: str
    would_tell: str


@dataclass(frozen=True)
class Diagnosis:
    """The result of `diagnose`: findings, open questions, and pictures.

    Parameters
    ----------
    findings : tuple of Finding
        The most certain first. Each has `code`, `rank` ("certain", "likely" or "hint"), `message`,
        `evidence`, `cure` and `where`.
    cannot_tell : tuple of (question, would_tell)
        Open questions, and the input that would decide each.
    looked_at : dict
        Shape and dtype of each array by the name of its argument.
    pictures : tuple of (title, (H, W, 3) uint8)
        For `to_html`: image, target, prediction, and where they differ.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> diagnosis = segpost.diagnose(logits=np.full((3, 8, 8), np.nan, np.float32))
    >>> diagnosis.ok, diagnosis.codes
    (False, ('nan-logits',))
    """

    findings: tuple[Finding, ...]
    cannot_tell: tuple[OpenQuestion, ...] = ()
    looked_at: dict[str, str] = field(default_factory=dict)
    pictures: tuple[tuple[str, Picture], ...] = field(default=(), repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Return whether there are no findings."""
        return not self.findings

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes of the findings."""
        return tuple(finding.code for finding in self.findings)

    def summary(self) -> str:
        """Return the number of findings of each rank as a sentence."""
        if self.ok:
            return "Nothing wrong was found."
        ranks = [finding.rank for finding in self.findings]
        counts = [f"{ranks.count(rank)} {rank}" for rank in RANKS if rank in ranks]
        return f"Found: {', '.join(counts)}."

    def __str__(self) -> str:
        """Return findings and open questions for a terminal."""
        parts = [self.summary()]
        if self.findings:
            parts.append(render_findings.text(self.findings))
        if self.cannot_tell:
            lines = [f"- {shown(q)}; what would tell: {shown(t)}" for q, t in self.cannot_tell]
            parts.append("\n".join(["Cannot tell from this:", *lines]))
        return "\n\n".join(parts)

    def to_json(self) -> str:
        """Return findings, open questions and the shapes of the inputs as JSON."""
        content = {
            "segpost": "Diagnosis",
            "version": VERSION,
            "ok": self.ok,
            "looked_at": self.looked_at,
            "findings": [_as_jsonable(finding.as_dict()) for finding in self.findings],
            "cannot_tell": [question._asdict() for question in self.cannot_tell],
        }
        return json.dumps(content, indent=2, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """Return findings and open questions as Markdown."""
        parts = [self.summary()]
        if self.findings:
            parts.append(render_findings.markdown(self.findings))
        if self.cannot_tell:
            lines = [f"- {shown(q)}; what would tell: {shown(t)}" for q, t in self.cannot_tell]
            parts.append("\n".join(["Cannot tell from this:", "", *lines]))
        return "\n\n".join(parts) + "\n"

    def to_html(self) -> str:
        """Return a section of an HTML page: findings, open questions, and pictures side by side.

        The section loads nothing from elsewhere. The pictures need Pillow.
        """
        return "\n".join(["<section class='diagnosis'>", STYLE, *self._iter_html(), "</section>"])

    def _iter_html(self) -> Iterator[str]:
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
                f'<figure><img src="{_embed(picture)}" alt="{escape(title)}">'
                f"<figcaption>{escape(title)}</figcaption></figure>"
                for title, picture in self.pictures
            )
            yield f'<div class="panels">{panels}</div>'


def in_html(found: Finding) -> str:
    """Return a finding as a block of HTML, for a page that has `STYLE`."""
    where = f" ({escape(shown(found.where))})" if found.where else ""
    cure = f"<code>{escape(shown(found.cure))}</code>" if found.cure else ""
    facts = ", ".join(f"{k}: {v}" for k, v in _as_jsonable(found.evidence).items())
    return (
        f'<div class="finding" style="border-color:{RANKS[found.rank]}">'
        f"<strong>{found.rank}: {escape(found.code)}</strong>{where}<br>"
        f"{escape(shown(found.message))}{cure}"
        f'<div class="evidence">{escape(shown(facts))}</div></div>'
    )


def _embed(picture: Picture) -> str:
    """Return a picture as the URL of an `img` element."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _as_jsonable(content: dict[str, Any]) -> dict[str, Any]:
    """Return Python numbers of six digits for NumPy's, and text for NaN and infinities."""
    plain: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            plain[key] = _as_jsonable(value)
        elif isinstance(value, (float, np.floating)):
            plain[key] = float(f"{value:.6g}") if math.isfinite(value) else str(value)
        elif isinstance(value, np.integer):
            plain[key] = int(value)
        else:
            plain[key] = value
    return plain
