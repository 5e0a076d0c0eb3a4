"""`Diagnosis`: findings, open questions and pictures, as text, JSON, Markdown and HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from segpost._core.equality import compare_by_value
from segpost._core.public import public
from segpost.render.findings import (
    RANKS,
    Finding,
    as_jsonable_dict,
    format_markdown,
    format_section,
    format_text,
)
from segpost.render.html.figures import Color, Entry, Picture, format_figure, format_legend
from segpost.render.html.pictures import embed_array
from segpost.render.text import as_printable, escape_html

VERSION = 1


class OpenQuestion(NamedTuple):
    """A question that the data leave open, and the input that would decide it."""

    question: str
    would_tell: str


@public
@compare_by_value
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
    legend : tuple of (name, (red, green, blue))
        What the colors of the pictures mean: every class, and values that are none.

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
    pictures: tuple[tuple[str, npt.NDArray[np.uint8]], ...] = field(
        default=(), repr=False, compare=False
    )
    legend: tuple[tuple[str, Color], ...] = field(default=(), repr=False, compare=False)

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
            parts.append(format_text(self.findings))
        if self.cannot_tell:
            parts.append("\n".join(["Cannot tell from this:", *self._format_questions()]))
        return "\n\n".join(parts)

    def to_json(self) -> str:
        """Return findings, open questions and the shapes of the inputs as JSON."""
        content = {
            "segpost": "Diagnosis",
            "version": VERSION,
            "ok": self.ok,
            "looked_at": self.looked_at,
            "findings": [as_jsonable_dict(finding) for finding in self.findings],
            "cannot_tell": [question._asdict() for question in self.cannot_tell],
        }
        return json.dumps(content, indent=2, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """Return findings and open questions as Markdown."""
        parts = [self.summary()]
        if self.findings:
            parts.append(format_markdown(self.findings))
        if self.cannot_tell:
            parts.append("\n".join(["Cannot tell from this:", "", *self._format_questions()]))
        return "\n\n".join(parts) + "\n"

    def to_html(self) -> str:
        """Return a section of an HTML page: findings, open questions, and pictures side by side.

        The section loads nothing from elsewhere. The pictures need Pillow.
        """
        return format_section(self.summary(), self.findings, *self._iter_html())

    def _repr_html_(self) -> str:
        """Return `to_html` for a notebook."""
        return self.to_html()

    def __repr__(self) -> str:
        """Return the summary and the codes on one line."""
        codes = f" {', '.join(self.codes)}" if self.findings else ""
        return f"<Diagnosis: {self.summary()}{codes}>"

    def _format_questions(self) -> list[str]:
        """Return the open questions as the items of a list."""
        return [
            f"- {as_printable(question)}; what would tell: {as_printable(needed)}"
            for question, needed in self.cannot_tell
        ]

    def _iter_html(self) -> Iterator[str]:
        """Yield the open questions and the pictures."""
        yield format_questions(self.cannot_tell)
        if self.pictures:
            panels = "".join(
                format_figure(Picture(embed_array(picture), title), title, opens=False)
                for title, picture in self.pictures
            )
            yield f'<div class="panels">{panels}</div>'
            yield format_legend(Entry(name, color) for name, color in self.legend)


def format_questions(questions: Sequence[OpenQuestion]) -> str:
    """Return open questions as HTML, nothing where there are none."""
    items = "".join(
        f"<li>{escape_html(question)}; what would tell: {escape_html(needed)}</li>"
        for question, needed in questions
    )
    return f"<p>Cannot tell from this:</p><ul>{items}</ul>" if items else ""
