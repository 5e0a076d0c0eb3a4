"""The reports in Chromium: on wide and narrow screens, light, dark and printed, by mouse and keys.

``pip install -e ".[browser]"`` and Debian's package `chromium` are needed; without them the tests
are skipped, unless SEGPOST_REQUIRE_BROWSER is set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from chromium import import_package
from report_pages import ABSENT, make_pages

pytestmark = pytest.mark.browser

REPORTS = ("demo", "evaluate", "diagnose", "compare")
WIDE, NARROW = (1280, 900), (390, 844)
POINTS_OF_A4 = (595, 842)


class Opened(NamedTuple):
    """A report in a tab, and what its console said."""

    tab: Any
    said: list[str]


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory, demo_scene: Any) -> dict[str, Path]:
    """The four reports."""
    pytest.importorskip("matplotlib.figure")
    return make_pages(tmp_path_factory.mktemp("reports"), demo_scene)


@pytest.fixture
def load(browser: Any, reports: dict[str, Path]) -> Iterator[Any]:
    """A function that opens a report."""
    contexts = []

    def opened(name: str, size: tuple[int, int] = WIDE, colors: str = "light") -> Opened:
        context = browser.new_context(
            viewport=dict(zip(("width", "height"), size, strict=True)),
            color_scheme=colors,
            offline=True,
        )
        contexts.append(context)
        tab, said = context.new_page(), []
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("request", lambda request: said.append(request.url) if loads(request) else None)
        tab.goto(reports[name].as_uri())
        return Opened(tab, said)

    def loads(request: Any) -> bool:
        return not request.is_navigation_request() and not request.url.startswith("data:")

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_whole(name: str, size: tuple[int, int], colors: str, load: Any) -> None:
    """Nothing is said or loaded, every picture is there, nothing is too wide, axe finds nothing."""
    tab, said = load(name, size, colors)
    pictures = tab.eval_on_selector_all("img", "all => all.map(one => one.naturalWidth)")
    assert len(pictures) > 3
    assert min(pictures) > 0
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    links = tab.eval_on_selector_all(
        "[src], [href]",
        "all => all.map(one => one.getAttribute('src') ?? one.getAttribute('href'))",
    )
    assert all(re.match(r"data:|#part-\d+$", link) for link in links)
    page, ink = tab.evaluate(
        "['backgroundColor', 'color'].map(name => getComputedStyle(document.body)[name])"
    )
    brightness = [sum(map(int, re.findall(r"\d+", color)[:3])) for color in (page, ink)]
    assert (brightness[0] > brightness[1]) == (colors == "light")
    axe = import_package("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(tab).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert said == []


@pytest.mark.parametrize("name", REPORTS)
def test_names_stay_text(name: str, load: Any) -> None:
    """Markup in the names of classes and files is shown, not obeyed."""
    tab, said = load(name)
    if name != "demo":
        text = tab.inner_text("body")
        assert all(words in text for words in ABSENT)
    if name == "compare":
        assert "a&b <i>'x'\"" in text
    assert tab.query_selector("i") is None
    assert tab.query_selector("img[src=x]") is None
    assert said == []


def test_a_table_is_sorted_by_mouse_and_keys(load: Any) -> None:
    """Numbers begin with the largest; a class without a score is last in either order."""
    tab, _ = load("evaluate")
    table = tab.locator("table").first

    def column(position: int) -> list[str]:
        cells: list[str] = table.locator(f"tbody tr > :nth-child({position})").all_inner_texts()
        return [cell.strip() for cell in cells]

    table.get_by_role("button", name="IoU", exact=True).click()
    falling = column(2)
    known = [cell for cell in falling if cell != "-"]
    assert falling == [*sorted(known, reverse=True), "-", "-"]
    assert table.locator("th[aria-sort=descending]").inner_text().strip().startswith("IoU")
    tab.keyboard.press("Enter")
    assert column(2) == [*reversed(known), "-", "-"]
    tab.keyboard.press("Shift+Tab")  # the head before: words begin with the first
    tab.keyboard.press("Space")
    names = column(1)
    assert names == sorted(names, key=str.casefold)
    assert table.locator("[aria-sort=ascending]").count() == 1
    assert table.locator("[aria-sort=descending]").count() == 0
    table.get_by_role("button", name="target px").click()
    pixels = [int(cell.replace(",", "")) for cell in column(7)]
    assert pixels == sorted(pixels, reverse=True)


@pytest.mark.parametrize("name", REPORTS)
def test_a_picture_opens_large(name: str, load: Any) -> None:
    """By a click and by Enter; Escape and the button close it, and the focus comes back."""
    tab, said = load(name)
    opener, dialog = tab.locator("button.open").nth(1), tab.locator("dialog")
    assert not dialog.is_visible()
    opener.click()
    assert dialog.is_visible()
    image = dialog.locator("img")
    assert image.get_attribute("src") == opener.locator("img").first.get_attribute("src")
    assert image.bounding_box()["width"] > opener.bounding_box()["width"]
    tab.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert opener.evaluate("one => one === document.activeElement")
    tab.keyboard.press("Enter")
    assert dialog.is_visible()
    dialog.get_by_role("button", name="Actual size").click()
    width = image.evaluate("one => [one.getBoundingClientRect().width, one.naturalWidth]")
    assert width[0] == width[1]
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()
    assert opener.evaluate("one => one === document.activeElement")
    assert said == []


@pytest.mark.parametrize("name", REPORTS)
def test_two_pictures_are_compared(name: str, load: Any) -> None:
    """The line between them is moved by keys and by the mouse."""
    tab, said = load(name)
    pair = tab.locator("main .pair").first
    if name != "demo":
        tab.get_by_role("button", name="Compare").first.click()
        pair = tab.locator("dialog .pair")
    slider = pair.get_by_role("slider")

    def cut() -> str:
        text: str = pair.locator("img").nth(1).evaluate("one => getComputedStyle(one).clipPath")
        return text

    assert "50%" in cut()
    slider.focus()
    tab.keyboard.press("ArrowRight")
    assert "51%" in cut()
    tab.keyboard.press("Home")
    assert "0%" not in cut().replace(" 0%", "") or slider.input_value() == "0"
    box = slider.bounding_box()
    tab.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"])
    assert 70 < float(slider.input_value()) < 80
    assert f"{slider.input_value()}%" in cut()
    assert said == []


def test_a_comparison_in_the_page_opens_large(load: Any) -> None:
    """Both pictures, and the line between them."""
    tab, _ = load("demo")
    tab.locator("figure .compare").first.click()
    assert tab.locator("dialog img").count() == 2
    tab.keyboard.press("Tab")
    tab.keyboard.press("Escape")
    assert tab.locator("figure .compare").first.evaluate("one => one === document.activeElement")


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_printed(name: str, load: Any, tmp_path: Path) -> None:
    """Black on white from a dark screen, without what one presses; figures and rows stay whole."""
    tab, said = load(name, colors="dark")
    document = tab.pdf(path=str(tmp_path / "page.pdf"), format="A4", print_background=True)
    sheets = re.findall(rb"/MediaBox\s*\[\s*0 0 (\d+)[.\d]* (\d+)", document)
    assert 1 <= len(sheets) <= 8
    assert {tuple(map(int, sheet)) for sheet in sheets} <= {
        (width, height) for width in (594, 595, 596) for height in (841, 842, 843)
    }
    tab.emulate_media(media="print")
    colors = tab.evaluate(
        "['color', 'backgroundColor'].map(name => getComputedStyle(document.body)[name])"
    )
    assert colors == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    for pressed in (".compare", ".pair input", "nav", "th button span", "#viewer"):
        shown = tab.eval_on_selector_all(
            pressed, "all => all.filter(one => one.getClientRects().length).length"
        )
        assert shown == 0
    for whole in ("figure", "tr"):
        rules = tab.eval_on_selector_all(
            whole, "all => all.map(one => getComputedStyle(one).breakInside)"
        )
        assert {*rules} <= {"avoid"}
    # Chromium leaves buttons out of the heads that it repeats on every sheet.
    heads = tab.eval_on_selector_all(
        "th button", "all => all.map(one => getComputedStyle(one).display)"
    )
    assert {*heads} <= {"contents"}
    hidden = tab.eval_on_selector_all(
        ".scroll", "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length"
    )
    assert hidden == 0 or name == "evaluate"
    assert said == []


def test_reports_say_what_made_them(load: Any) -> None:
    """The command, the time of SOURCE_DATE_EPOCH, the version."""
    tab, _ = load("compare")
    footer = tab.inner_text("footer")
    assert "segpost compare main.json branch.json --html compare.html" in footer
    assert "2026-09-21 14:13 UTC, segpost " in footer
