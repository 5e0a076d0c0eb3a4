"""The frame of a page: head, heading, links to its sections, footer, and the view of pictures."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from segpost.render.html.script import SCRIPT
from segpost.render.html.style import STYLE
from segpost.render.text import escape_html

MIN_LINKED_SECTIONS = 3  # to which the head of a page has links

VIEWER = """<dialog id="viewer" aria-labelledby="viewer-title">
<header><strong id="viewer-title"></strong>
<button type="button" id="viewer-size" aria-pressed="false">Actual size</button>
<button type="button" id="viewer-close">Close</button></header>
<div id="viewer-stage" tabindex="0" role="group" aria-label="Picture"></div>
</dialog>
"""


class Origin(NamedTuple):
    """What made a page.

    Attributes
    ----------
    command : str
        The command line.
    time : datetime
        When, with its time zone.
    version : str
        Of segpost.
    """

    command: str
    time: datetime
    version: str


class Section(NamedTuple):
    """A part of a page: text of its heading, empty for none, and HTML below it."""

    title: str
    body: str


def format_page(
    title: str,
    sections: Iterable[Section],
    *,
    lead: str = "",
    origin: Origin | None = None,
    style: str = "",
    script: str = "",
) -> str:
    """Return a page that loads nothing from anywhere.

    Parameters
    ----------
    title : str
        Text of the title and of the first heading.
    sections : iterable of Section
        Those without a body are left out.
    lead : str
        Text below the heading.
    origin : Origin, optional
        What made the page, for its footer.
    style : str
        CSS of this page alone, after `STYLE`.
    script : str
        JavaScript of this page alone, after `SCRIPT`.

    Examples
    --------
    >>> from segpost.render.html.frame import Section, format_page
    >>> page = format_page("scores < 1", [Section("", "<p>none</p>")])
    >>> "<title>scores &lt; 1</title>" in page, "<footer>" in page
    (True, False)
    """
    heading = escape_html(title)
    shown = [section for section in sections if section.body]
    rules, code = STYLE + style, SCRIPT + script
    first = f'\n<p class="soft">{escape_html(lead)}</p>' if lead else ""
    body = "\n".join(_format_section(section, f"part-{k}") for k, section in enumerate(shown, 1))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_format_policy(rules, code)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{heading}</title>
<link rel="icon" href="data:,">
<style>{rules}</style>
</head>
<body>
<header class="head">
<h1>{heading}</h1>{first}
{_format_links(shown)}</header>
<main>
{body}
</main>
{_format_origin(origin)}{VIEWER}<script>{code}</script>
</body>
</html>
"""


def format_notes(lines: Iterable[str]) -> str:
    """Return sentences as a list, nothing where there are none."""
    items = "".join(f"<li>{escape_html(line)}</li>" for line in lines)
    return f'<ul class="notes">{items}</ul>' if items else ""


def format_note(text: str) -> str:
    """Return a small sentence below something else, nothing where the text is empty."""
    return f'<p class="soft small">{escape_html(text)}</p>' if text else ""


def _format_section(section: Section, name: str) -> str:
    heading = f"<h2>{escape_html(section.title)}</h2>\n" if section.title else ""
    return f'<section id="{name}">\n{heading}{section.body}\n</section>'


def _format_links(sections: Sequence[Section]) -> str:
    """Return links to the sections that have headings, nothing for a short page."""
    links = [
        f'<li><a href="#part-{k}">{escape_html(section.title)}</a></li>'
        for k, section in enumerate(sections, 1)
        if section.title
    ]
    if len(links) < MIN_LINKED_SECTIONS:
        return ""
    return f'<nav aria-label="Sections"><ul>{"".join(links)}</ul></nav>\n'


def _format_origin(origin: Origin | None) -> str:
    if origin is None:
        return ""
    utc_time = origin.time.astimezone(timezone.utc)
    return (
        f"<footer>\n<p>Made by <code>{escape_html(origin.command)}</code></p>\n"
        f'<p><time datetime="{utc_time:%Y-%m-%dT%H:%M:%SZ}">{utc_time:%Y-%m-%d %H:%M} UTC</time>, '
        f"segpost {escape_html(origin.version)}</p>\n</footer>\n"
    )


def _format_policy(style: str, script: str) -> str:
    """Return a policy that lets a page use this style and script, pictures inside, and no more."""
    return (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; "
        f"script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"
