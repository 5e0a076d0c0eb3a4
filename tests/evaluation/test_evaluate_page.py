"""The HTML report of `segpost evaluate`: its table, its legend and its descriptions of images."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_files import write_labels
from html_elements import Elements

from segpost import Calibration, ConfusionMatrix, Palette, SurfaceDistance
from segpost.cli import main
from segpost.cli.evaluation.measure_sections import measure_sections
from segpost.evaluation.outcome import Outcome
from segpost.evaluation.pairing import ListedPairs, PairFiles, Pairing

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
    """What is wrong, and void; then also those of which no picture has a pixel."""
    start = page.index('<div class="legend small"')
    legend = page[start : page.index("</ul>", start)]
    palette = Palette.named("cityscapes")
    names = re.findall(r"</svg>([^<]+)</li>", legend)
    assert names == ["wrong", "void", *(palette.names or ())]
    colors = re.findall(r'fill="#(\w+)"', legend)
    assert colors[2:] == [bytes(color).hex() for color in palette.colors]


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


def test_measures_have_sections_of_their_own(tmp_path: Path) -> None:
    """Distances with their unit and images; calibration with its diagram, scores and bins."""
    names = ("sky", "sea")
    distance, calibration = SurfaceDistance(2, tolerance=1.0), Calibration(2, bins=4)
    target = np.array([[0, 0, 1, 1]] * 4, np.uint8)
    distance.update(np.roll(target, 1, axis=1), target)
    calibration.update(np.stack([1.0 - target, 2.0 * target]).astype(np.float32), target)
    pairs = ListedPairs((tmp_path, tmp_path), [PairFiles("a", ("a.png", "b.png"), (0, 0))])
    cm = ConfusionMatrix(2)
    outcome = Outcome(cm, [], Pairing(pairs, [], []), (distance, calibration))
    colors = {"sky": (1, 2, 3), "sea": (4, 5, 6)}
    bodies = {one.title: one.body for one in measure_sections(outcome, names, colors) if one.body}
    assert list(bodies) == ["Distances of surfaces", "Calibration"]
    distances, reliability = bodies.values()
    assert "Distances are in pixels" in distances
    assert "at a tolerance of 1;" in distances
    assert ">NSD<" in distances
    assert distances.count('fill="#010203"') == 1
    assert reliability.count("<img ") == 2  # for light and for dark pages
    assert f"ECE {calibration.compute().ece:.4f}" in reliability
    for words in ("expected calibration error (ECE)", "0.750 to 1.000", "Class-wise ECE"):
        assert words in reliability
    Elements(distances + reliability)


@pytest.mark.parametrize("epoch", ["soon", "9" * 30])
def test_the_time_of_a_page_is_a_number(
    epoch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another value of SOURCE_DATE_EPOCH is an error, which says what to do."""
    for folder in ("preds", "gt"):
        write_labels(tmp_path / folder / "a.png", np.zeros((4, 4), np.uint8))
    command = ["evaluate", str(tmp_path / "preds"), str(tmp_path / "gt"), "--num-classes", "2"]
    command += ["--html", str(tmp_path / "x.html"), "--quiet"]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    assert main(command) == 2
    said = capsys.readouterr().err
    assert f"SOURCE_DATE_EPOCH must be a time in seconds since 1970, got '{epoch}'" in said
    monkeypatch.delenv("SOURCE_DATE_EPOCH")  # as the message says
    assert main(command) == 0
    page = (tmp_path / "x.html").read_text()
    assert "segpost evaluate preds gt --num-classes 2 --html x.html --quiet" in page
