"""Palette files: the tables of the first release, and a new palette that is one file."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from segpost import Palette
from segpost.color.datasets import list_palettes, read_dataset
from segpost.color.datasets.reader import FOLDER

# Of repr((names, colors, void, ignore_index)), as the first release had them, in its order.
SHA256 = {
    "voc": "52002f9c59102cc3693a5b7709af648f4d201c9bbabce3a84a06f596097a6800",
    "cityscapes": "74e74c871716638a1e4b89163bda8589737b39f0ec19f31e5e8e53bd9d4f751f",
    "cityscapes_labelid": "b266fcd2c8230f676b21edf76f833234c5c39a4f2da5c28778b14aac3bd30da7",
    "ade20k": "a203d263471d2fa2f0e18f749385a3f0d16a3cf33a54ceec3f6b6a5b709d29ec",
    "coco_stuff": "2e31d7053a6d0ca9e55c865b8052816e724c41e664aa4ffb150a0d75d3edb606",
    "pascal_context": "f3e028fe2dd50773d3801d61f789999ea29b0e781c161cc97c2dd6c12bbdd34d",
    "pascal_context_59": "cab06263d3d33a26e30fa306dec40a87dbe051bfb912ab1b32d1f711105aa7e0",
    "mapillary": "13496236a543587953b222e76335a1175556861879682040eedace508e995f0f",
    "mapillary_v2": "12438d8547e0e646288c6121db65c0f0915946b4cc226954ada8fdc02c8cc795",
    "loveda": "ce53b6cc03abdacb327ace39bf7c53a04a054bec3ae86e41f94b18a4b2dec5dd",
    "potsdam": "ea5cfbb900b028d569cb67cd36e579b7df2fdc95ee68e0548b8ad5a392500d33",
    "vaihingen": "ea5cfbb900b028d569cb67cd36e579b7df2fdc95ee68e0548b8ad5a392500d33",
    "isaid": "ef91fc49cd92b3fe203b1bde3c67cf6c885aa024073e78406d3b74400ad38c28",
}
SIZES = {
    "voc": 21,
    "cityscapes": 19,
    "cityscapes_labelid": 34,
    "ade20k": 150,
    "coco_stuff": 171,
    "pascal_context": 60,
    "pascal_context_59": 59,
    "mapillary": 66,
    "mapillary_v2": 124,
    "loveda": 7,
    "potsdam": 6,
    "vaihingen": 6,
    "isaid": 16,
}
ALIASES = {
    "pascal_voc": "voc",
    "voc2012": "voc",
    "cityscapes_trainid": "cityscapes",
    "ade": "ade20k",
    "ade20k_150": "ade20k",
    "cocostuff": "coco_stuff",
    "coco_stuff164k": "coco_stuff",
    "coco_stuff_164k": "coco_stuff",
    "pascal_context_60": "pascal_context",
    "mapillary_v1": "mapillary",
    "mapillary_v1.2": "mapillary",
    "mapillary_v2.0": "mapillary_v2",
    "isprs_potsdam": "potsdam",
    "isprs_vaihingen": "vaihingen",
}
NOT_INVERTIBLE = {
    "cityscapes_labelid",
    "ade20k",
    "coco_stuff",
    "pascal_context",
    "pascal_context_59",
    "mapillary_v2",
}


@pytest.mark.parametrize(("name", "sha256"), SHA256.items())
def test_tables_stay(name: Any, sha256: str) -> None:
    """Names, colors, void and ignore_index are those of the first release, to the last bit."""
    palette = Palette.named(name)
    table = palette.names, palette.colors.tolist(), palette.void, palette.ignore_index
    assert hashlib.sha256(repr(table).encode()).hexdigest() == sha256
    assert len(palette) == SIZES[name]
    assert bool(palette.duplicates) == (name in NOT_INVERTIBLE)


def test_names_stay_in_their_order() -> None:
    """The palettes of the first release come first, in its order; later ones follow."""
    assert list_palettes()[: len(SHA256)] == tuple(SHA256)


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_aliases_stay(alias: str, name: Any) -> None:
    """An alias names the same palette, in any case and with hyphens or spaces."""
    assert read_dataset(alias) is not None
    for spelling in (alias, alias.upper(), alias.replace("_", "-"), alias.replace("_", " ")):
        assert Palette.named(spelling) == Palette.named(name)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", list_palettes())
def test_every_palette_can_be_used(name: Any) -> None:
    """Each class has a name of its own, a source is named, and `Palette` accepts the colors."""
    dataset = read_dataset(name)
    assert dataset.source
    assert len(set(dataset.names)) == len(dataset.names)
    palette = Palette.named(name)
    assert tuple(color for _, color in palette.items())[: len(palette)] == dataset.colors


def test_known_colors() -> None:
    """Spot checks against the datasets' own tables."""
    assert Palette.named("voc").color(15) == (192, 128, 128)
    assert Palette.named("voc").color(255) == (224, 224, 192)
    assert Palette.named("cityscapes").color(13) == (0, 0, 142)
    assert Palette.named("cityscapes").name(13) == "car"
    assert Palette.named("cityscapes_labelid").color(26) == (0, 0, 142)
    assert Palette.named("ade20k").color(6) == Palette.named("ade20k").color(48) == (140, 140, 140)
    assert (6, 48) in Palette.named("ade20k").duplicates
    assert Palette.named("loveda").name(0) == "background"


def test_voc_colors_are_the_bits_of_the_label() -> None:
    """The devkit deals the bits of a label out to red, green and blue, highest place first."""

    def channel(label: int, first: int) -> int:
        return sum((label >> (3 * k + first) & 1) << (7 - k) for k in range(3))

    for label, color in Palette.named("voc").items():
        assert color == (channel(label, 0), channel(label, 1), channel(label, 2))


def test_tables_of_one_dataset_agree() -> None:
    """Train ids are rows of the label ids, and 59 classes are 60 without the background."""
    label_ids, train_ids = read_dataset("cityscapes_labelid"), read_dataset("cityscapes")
    rows = set(zip(label_ids.names, label_ids.colors, strict=True))
    assert set(zip(train_ids.names, train_ids.colors, strict=True)) <= rows
    every, without = read_dataset("pascal_context"), read_dataset("pascal_context_59")
    assert (every.names[1:], every.colors[1:]) == (without.names, without.colors)
    assert every.names[0] == "background"


NEW = """source: A test
aliases: fresh, fresh_2
ignore_index: 7
void: 0a0b0c
inverse: yes

road 000102
traffic sign (front) ff00ff
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the palette files, to which a test may add."""
    return Path(shutil.copytree(FOLDER, tmp_path / "datasets"))


def test_a_new_palette_is_one_file(folder: Path) -> None:
    """It is listed last, and found by its name and its aliases; nothing else was changed."""
    (folder / "new_one.txt").write_text(NEW)
    assert list_palettes(folder) == (*list_palettes(), "new_one")
    for name in ("new_one", "fresh", "fresh_2"):
        assert read_dataset(name, folder) == (
            ("road", "traffic sign (front)"),
            ((0, 1, 2), (255, 0, 255)),
            7,
            (10, 11, 12),
            "A test",
        )
    assert read_dataset("voc", folder) == read_dataset("voc")
    with pytest.raises(KeyError, match=r"unknown palette 'fresh'; known: voc, .*isaid"):
        read_dataset("fresh")


@pytest.mark.parametrize("name", ["../voc", "voc.txt", "", "VOC"])
def test_a_name_is_no_path(name: str) -> None:
    """A name is looked up among the files, never joined to a path."""
    with pytest.raises(KeyError, match="unknown palette"):
        read_dataset(name)


@pytest.mark.parametrize(
    ("line", "instead", "text"),
    [
        ("source: A test\n", "", "no 'source'"),
        ("inverse: yes\n", "", "no 'inverse'"),
        ("void: 0a0b0c\n", "", "no 'void'"),
        ("inverse: yes", "inverse: perhaps", "inverse must be yes or no, got 'perhaps'"),
        ("inverse: yes", "inverse: no", "contradict 'inverse: no'"),
        ("ff00ff", "000102", "contradict 'inverse: yes'"),
        ("ignore_index: 7", "ignore_index: x", "ignore_index must be an integer, got 'x'"),
        ("source: A test", "sauce: A test", r"line 1: .* got 'sauce: A test'"),
        ("void: 0a0b0c", "source: B", "line 4: .* at most once"),
        ("road 000102", "road 0001", r"line 7: a color must be rrggbb, got '0001'"),
        ("road 000102", "000102", r"line 7: a class must be 'name rrggbb'"),
        ("void: 0a0b0c", "void: beige", "a color must be rrggbb, got 'beige'"),
        ("road 000102\ntraffic sign (front) ff00ff\n", "", "no classes"),
        ("fresh_2", "voc2012", "the alias 'voc2012' is another palette's name"),
    ],
)
def test_mistakes_in_a_file_are_named(folder: Path, line: str, instead: str, text: str) -> None:
    """The error names the file, the line where there is one, and what is wrong."""
    assert line in NEW
    (folder / "new_one.txt").write_text(NEW.replace(line, instead))
    with pytest.raises(ValueError, match=rf"(new_one|voc)\.txt.*{text}"):
        read_dataset("new_one", folder)
