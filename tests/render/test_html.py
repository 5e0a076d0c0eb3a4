"""Pages of one file: well-formed, with every image inside and every text escaped."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
from html_elements import Elements

from segpost.render import html
from segpost.render.findings import RANKS, Finding, format_html
from segpost.render.tables import Table


def test_a_page_is_one_file() -> None:
    """Title, heading, style and script are inside; no address is named."""
    page = html.format_page("a <b>", "<p>text</p>", style=".x { }", script="let x = 1;")
    elements = Elements(page)
    assert [tag for tag, _ in elements.seen].count("main") == 1
    assert page.count("a &lt;b&gt;") == 2
    assert ".x { }" in page
    assert "<script>let x = 1;</script>" in page
    assert not re.search(r"https?:|src=|href=|@import|url\(", page)
    assert "<script" not in html.format_page("a", "")


def test_images_are_inside() -> None:
    """The bytes of a file, or those of a PNG of the array."""
    prefix = "data:image/jpeg;base64,"
    assert html.embed_image(b"abc", "jpeg") == prefix + base64.b64encode(b"abc").decode()
    pillow = pytest.importorskip("PIL.Image")
    array = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    url = html.embed_array(array)
    file = io.BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,")))
    np.testing.assert_array_equal(np.asarray(pillow.open(file)), array)


def test_text_is_escaped() -> None:
    """Titles, cells, facts and findings from files stay text."""
    bad = '<img src="x">\x1b'
    table = Table(bad, (bad, "n"), [(bad, "1"), (bad, "2")], summed=True)
    finding = Finding("a", "hint", bad, {bad: [bad, np.nan]}, bad, bad)
    parts = (
        html.format_figure("data:,", bad, "photo"),
        html.format_table(table),
        html.format_facts([(bad, bad)]),
        format_html(finding),
    )
    for part in parts:
        images = [attributes for tag, attributes in Elements(part).seen if tag == "img"]
        assert images in ([], [{"src": "data:,", "class": "photo", "alt": bad[:-1] + r"\x1b"}])
        assert "\x1b" not in part


def test_a_table_has_its_columns_and_its_total() -> None:
    """Words to the left, the total in the foot, no title where there is none."""
    table = Table("", ("class", "n", "why"), [("a", "1", "b"), ("all", "1", "")], 1, True, True)
    page = html.format_table(table)
    assert "<th class=words>class</th><th>n</th><th class=words>why</th>" in page
    assert "<tbody><tr><td class=words>a</td><td>1</td><td class=words>b</td></tr></tbody>" in page
    assert "<tfoot><tr><td class=words>all</td>" in page
    assert "<h3>" not in page


@pytest.mark.parametrize("rank", RANKS)
def test_a_finding_has_a_color_of_its_rank(rank: Any) -> None:
    """The rank is a word, and a color of its own; evidence is rounded."""
    page = format_html(Finding("a", rank, "b.", {"share": 1 / 3}))
    others = {format_html(Finding("a", other, "b.")) for other in RANKS if other != rank}  # type: ignore[arg-type]
    color = re.findall(r"border-color:(#\w+)", page)
    assert f"<strong>{rank}: a</strong>" in page
    assert "share: 0.333333<" in page
    assert not any(color[0] in other for other in others)
