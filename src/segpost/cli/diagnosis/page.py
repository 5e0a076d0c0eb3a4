"""The HTML report of `segpost diagnose`: one file that loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from segpost import Diagnosis
from segpost._core.text import display_path
from segpost.diagnosis.result import format_questions
from segpost.render.findings import format_html
from segpost.render.html.figures import (
    Entry,
    Picture,
    format_figure,
    format_legend,
    format_panels,
)
from segpost.render.html.frame import Origin, Section, format_page
from segpost.render.html.pictures import embed_array
from segpost.render.html.tables import format_facts

PHOTOGRAPHS = ("image", "as it was drawn")  # titles of pictures that are no label maps
COMPARED = (("target", "prediction"), ("image", "prediction"), ("image", "target"))


def format_diagnosis(diagnosis: Diagnosis, files: Mapping[str, Path], origin: Origin) -> str:
    """Return a diagnosis as an HTML page.

    Parameters
    ----------
    diagnosis : Diagnosis
        What was found.
    files : mapping of str to Path
        The files that were read, by the argument that they are.
    origin : Origin
        What makes the page.
    """
    findings = "".join(map(format_html, diagnosis.findings))
    names = {name: display_path(Path(path.name)) for name, path in files.items()}
    sections = [
        Section("Findings", f'<div class="diagnosis">{findings}</div>' if findings else ""),
        Section("What the files leave open", format_questions(diagnosis.cannot_tell)),
        Section("Pictures", "".join(_pictures(diagnosis))),
        Section("What was looked at", format_facts(_describe_inputs(diagnosis, names))),
    ]
    return format_page("segpost diagnosis", sections, lead=diagnosis.summary(), origin=origin)


def _describe_inputs(diagnosis: Diagnosis, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield every argument with its file, its shape and its dtype."""
    for name, file in names.items():
        about = diagnosis.looked_at.get({"again": "repeat_logits"}.get(name, name), "")
        yield name, f"{file}: {about}" if about else file


def _pictures(diagnosis: Diagnosis) -> Iterator[str]:
    """Yield the legend, and the pictures side by side."""
    yield format_legend(Entry(name, color) for name, color in diagnosis.legend)
    titles = [title for title, _ in diagnosis.pictures]
    figures = [
        format_figure(Picture(embed_array(picture), title, title in PHOTOGRAPHS), title)
        for title, picture in diagnosis.pictures
    ]
    for first, second in COMPARED:
        if first in titles and second in titles:
            pair = titles.index(first), titles.index(second)
            panels = format_panels(figures, pair, f"Compare {first} and {second}")
            break
    else:
        panels = format_panels(figures)
    if figures:
        yield f'<div class="card">{panels}</div>'
