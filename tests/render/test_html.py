"""Pages of one file: well-formed, with every image inside and every text escaped."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from html_elements import Elements

from segpost.render.findings import RANKS, Finding, format_html
from segpost.render.html.figures import (
    Entry,
    Picture,
    format_bar,
    format_comparison,
    format_figure,
    format_legend,
    format_missing_figure,
    format_panels,
)
from segpost.render.html.frame import Origin, Section, format_note, format_notes, format_page
from segpost.render.html.pictures import embed_array, embed_image, photograph_format
from segpost.render.html.tables import Cell, Column, Row, format_facts, format_rows, format_table
from segpost.render.tables import Table, format_score

BAD = '<img src="x">\x1b'
SAFE = BAD[:-1] + r"\x1b"


def test_a_page_is_one_file() -> None:
    """Title, heading, style and script are inside; no address is named."""
    page = format_page("a <b>", [Section("", "<p>text</p>")], style=".x { }", script="let x = 1;")
    elements = Elements(page)
    assert [tag for tag, _ in elements.seen].count("main") == 1
    assert page.count("a &lt;b&gt;") == 2
    assert ".x { }" in page
    assert "let x = 1;</script>" in page
    assert not re.search(r"https?:|@import|url\(", page)
    assert {a["href"] for _, a in elements.seen if "href" in a} == {"data:,"}


def test_a_page_has_a_policy_of_its_style_and_script() -> None:
    """A browser runs that script alone, and no element has a style or a handler of its own."""
    origin = Origin("segpost demo", datetime.now(timezone.utc), "1")
    page = format_page("a", [Section("a", "<p>b</p>")] * 3, origin=origin, script="let x = 1;")
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    for tag in ("style", "script"):
        [text] = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    attributes = {name for _, fields in Elements(page).seen for name in fields}
    assert not {name for name in attributes if name.startswith("on")} | attributes & {"style"}


def test_the_footer_has_command_time_and_version() -> None:
    """The time is UTC, whatever zone it came in; a page without an origin has no footer."""
    made = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    page = format_page("a", [], origin=Origin(f"segpost {BAD}", made, BAD))
    assert "2026-02-28 23:30 UTC" in page
    assert 'datetime="2026-02-28T23:30:00Z"' in page
    assert page.count("&lt;img src=&quot;x&quot;&gt;\\x1b") == 2
    assert "<footer>" not in format_page("a", [])


def test_sections_without_a_body_are_left_out() -> None:
    """There are links to sections from three on, in their order."""
    sections = [Section("", "x"), Section("one", "x"), Section("two", ""), Section(BAD, "x")]
    short, long = format_page("a", sections), format_page("a", [*sections, Section("four", "x")])
    assert ">two<" not in short
    assert "<nav" not in short
    links = re.findall(r'<a href="#([^"]+)">([^<]+)</a>', long)
    assert [text for _, text in links][::2] == ["one", "four"]
    names = re.findall(r'<section id="([^"]+)"', long)
    assert [name for name, _ in links] == names[1:]


def test_images_are_inside() -> None:
    """The bytes of a file; of few colors those of an indexed PNG, else those of a photograph."""
    prefix = "data:image/jpeg;base64,"
    assert embed_image(b"abc", "jpeg") == prefix + base64.b64encode(b"abc").decode()
    pillow = pytest.importorskip("PIL.Image")
    few = (np.arange(3 * 40 * 40).reshape(40, 40, 3) % 255 // 3 * 3).astype(np.uint8)
    url = embed_array(few)
    file = pillow.open(io.BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,"))))
    assert file.mode == "P"
    np.testing.assert_array_equal(np.asarray(file.convert("RGB")), few)
    many = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    assert embed_array(many).startswith(f"data:image/{photograph_format()};base64,")


@pytest.mark.parametrize("has_webp", [True, False])
def test_photographs_have_a_format_that_pillow_writes(
    has_webp: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JPEG where Pillow was built without WebP."""
    features = pytest.importorskip("PIL.features")
    monkeypatch.setattr(features, "check", lambda name: has_webp)
    assert photograph_format() == ("webp" if has_webp else "jpeg")


def test_text_is_escaped() -> None:
    """Titles, cells, facts, legends and findings from files stay text."""
    table = Table(BAD, (BAD, "n"), [(BAD, "1"), (BAD, "2")], summed=True)
    finding = Finding("a", "hint", BAD, {BAD: [BAD, np.nan]}, BAD, BAD)
    picture = Picture("data:,", BAD, is_photograph=True)
    figure = format_figure(picture, BAD, BAD)
    parts = (
        figure,
        format_figure(picture, BAD, opens=False),
        format_comparison(picture, picture, BAD, BAD),
        format_missing_figure(BAD),
        format_panels([figure, figure], (0, 1), BAD),
        format_legend([Entry(BAD, (1, 2, 3), BAD)], BAD),
        format_table(table, {BAD: (1, 2, 3)}),
        format_facts([(BAD, BAD)]),
        format_note(BAD) + format_notes([BAD]),
        format_page(BAD, [Section(BAD, "x")] * 3, lead=BAD),
        format_html(finding),
    )
    for part in parts:
        images = [attributes for tag, attributes in Elements(part).seen if tag == "img"]
        assert all(
            image == {"src": "data:,", "class": "photograph", "alt": SAFE} for image in images
        )
        assert "\x1b" not in part


def test_a_table_sorts_by_buttons() -> None:
    """Numbers to the right with the values they are sorted by; the total is no row to sort."""
    rows: list[tuple[str, ...]] = [
        ("a", format_score(0.25), "1,234 px", "-", "b"),
        ("c", format_score(np.nan), "<0.1%", "+3", ""),
        ("all", format_score(0.5), "", "", ""),
    ]
    table = Table("", ("class", "IoU", "n", "d", "why"), rows, 1, True, True)
    page = format_table(table, {"a": (255, 0, 0)}, "scores")
    assert 'aria-label="scores"' in page
    assert "<h3>" not in page
    buttons = re.findall(r'<th scope="col"([^>]*)><button type="button">(\w+)<span aria', page)
    assert [name for _, name in buttons] == ["class", "IoU", "n", "d", "why"]
    assert [' class="number"' in fields for fields, _ in buttons] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert all('aria-sort="none"' in fields for fields, _ in buttons)
    body, foot = page[page.index("<tbody>") :].split("</tbody>")
    assert re.findall(r'data-key="([^"]*)"', body) == ["0.25", "1234.0", "", "", "0.1", "3.0"]
    assert body.count('fill="#ff0000"') == 1
    assert '<tfoot><tr><th scope="row">all</th>' in foot


def test_a_table_of_one_row_or_without_heads_has_no_buttons() -> None:
    """There is nothing to sort."""
    assert "<button" not in format_table(Table("", ("class", "n"), [("a", "1")]))
    page = format_table(Table("", ("", ""), [("a", "1"), ("b", "2")]))
    assert "<thead" not in page
    columns = (Column("a", is_number=False), Column("b", is_sortable=False), Column("c"))
    rows = [Row([Cell("x"), Cell("y"), Cell("z", value)], "out") for value in (np.inf, np.nan)]
    page = format_rows("t", columns, rows)
    assert page.count("<button") == 2
    assert re.findall(r'data-key="([^"]*)"', page) == ["Infinity", ""]
    assert page.count('<tr class="out">') == 2
    assert "tall" in format_rows("t", columns, rows * 40)


def test_a_bar_is_a_share_of_its_track() -> None:
    """NaN has none, and nothing is longer than the track."""
    widths = [
        re.findall(r'fill(?:="#\w+")?"? width="([\d.]+)"', format_bar(share, color))
        for share, color in ((0.25, None), (np.nan, None), (2.0, (1, 2, 3)))
    ]
    assert widths == [["25.00"], ["0.00"], ["100.00"]]


@pytest.mark.parametrize("rank", RANKS)
def test_a_finding_has_a_color_of_its_rank(rank: Any) -> None:
    """The rank is a word, and the class of a color; evidence is rounded."""
    page = format_html(Finding("a", rank, "b.", {"share": 1 / 3}))
    assert f'<div class="finding {rank}"><strong>{rank}: a</strong>' in page
    assert "share: 0.333333<" in page
