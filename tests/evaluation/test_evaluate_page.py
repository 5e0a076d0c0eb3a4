"""The HTML report of `segpost evaluate`: its table, its legend and its descriptions of images."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from evaluation_files import write_labels
from html_elements import Elements

from segpost import Palette
from segpost.cli import main

pytest.importorskip("PIL.Image")
pytest.importorskip("matplotlib.figure")

CLASSES = 19
SHOWN = 17  # of the classes have pixels


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of two images, in which seventeen of nineteen classes occur."""
    folder = tmp_path_factory.mktemp("page")
    for name in ("a", "b"):
        target = (np.arange(400) % SHOWN).astype(np.uint8).reshape(20, 20)
        preds = np.where(target == 3, 4, target).astype(np.uint8)
        target[:2] = 255
        write_labels(folder / "preds" / f"{name}.png", preds)
        write_labels(folder / "gt" / f"{name}.png", target)
    place = folder / "page.html"
    command = ["evaluate", folder / "preds", folder / "gt", "--palette", "cityscapes"]
    assert main([*map(str, command), "--html", str(place), "--quiet"]) == 0
    return place.read_text()


def attributes_of(page: str, tag: str) -> list[dict[str, Any]]:
    """The attributes of every element of a kind."""
    return [attributes for name, attributes in Elements(page).seen if name == tag]


def test_columns_are_sorted_by_buttons(page: str) -> None:
    """The keyboard reaches them, and a screen reader hears the order."""
    table = page[page.index("<table>") :]
    head = table[: table.index("</thead>")]
    assert head.count('aria-sort="none"><button type="button">') == head.count("<th ") == 8
    rows = table[: table.index("</table>")].partition("<tbody>")[2]
    assert rows.count('<th scope="row"><svg class="swatch"') == rows.count("<tr") == CLASSES


def test_the_legend_has_every_class(page: str) -> None:
    """Also those of which no picture has a pixel; then what is wrong, and void."""
    start = page.index('<div class="legend small"')
    legend = page[start : page.index("</ul>", start)]
    palette = Palette.named("cityscapes")
    names = re.findall(r"</svg>([^<]+)</li>", legend)
    assert names == [*(palette.names or ()), "wrong", "void"]
    colors = re.findall(r'fill="#(\w+)"', legend)
    assert colors[:CLASSES] == [bytes(color).hex() for color in palette.colors]


def test_images_are_described(page: str) -> None:
    """Each by what it is, of which image, and the largest classes or the share that is wrong."""
    described = [attributes["alt"] for attributes in attributes_of(page, "img")][
        2:
    ]  # after the matrix, for light and for dark pages
    kinds = ("target of", "prediction of", "where they differ in")
    assert [words.rpartition(":")[0] for words in described] == [
        f"{kind} {name}" for name in ("a", "b") for kind in kinds
    ]
    assert described[0].startswith("target of a: void 10.0%, ")
    assert described[2] == "where they differ in a: 5.8% of the pixels that count"


def test_the_page_can_be_printed(page: str) -> None:
    """Code is wrapped, and nothing is cut off."""
    rules = page[page.index("@media print") :]
    assert "white-space: pre-wrap" in rules
    assert "break-inside: avoid" in rules
