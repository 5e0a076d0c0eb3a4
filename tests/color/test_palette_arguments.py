"""palette= as colors and as dicts, in every function that has it."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import segpost
from segpost import Palette
from segpost._core.text import suggest_name
from segpost.color.datasets import list_palettes, read_dataset
from segpost.color.palette import as_palette

COLORS = ((128, 64, 128), (0, 0, 142), (70, 130, 180))
NAMES = ("road", "car", "sky")
PLAIN, NAMED = Palette(COLORS), Palette(COLORS, NAMES)
ID2LABEL = dict(enumerate(NAMES))
ROWS = zip(NAMES, COLORS, strict=True)
IMAGE = np.full((2, 3, 3), 100, np.uint8)
LABELS = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
LOGITS = np.eye(3, dtype=np.float32)[:, LABELS]

FORMS: dict[str, tuple[Any, Palette]] = {
    "palette": (NAMED, NAMED),
    "tuple": (COLORS, PLAIN),
    "list": ([list(color) for color in COLORS], PLAIN),
    "array": (np.array(COLORS), PLAIN),
    "bytes": (np.array(COLORS, np.uint8), PLAIN),
    "colors by label": (dict(enumerate(COLORS)), PLAIN),
    "in another order": ({2: COLORS[2], 0: COLORS[0], 1: COLORS[1]}, PLAIN),
    "NumPy labels": ({np.int64(i): np.array(color) for i, color in enumerate(COLORS)}, PLAIN),
    "colors by name": (dict(zip(NAMES, COLORS, strict=True)), NAMED),
    "names and colors": (dict(enumerate(ROWS)), NAMED),
    "names": (ID2LABEL, Palette(Palette.distinct(3).colors, NAMES)),
}


def stream(palette: Any) -> Any:
    return segpost.Stream(palette=palette, want=("color",))(LOGITS).color


USES: dict[str, Callable[[Any], Any]] = {
    "colorize": lambda palette: segpost.colorize(LABELS, palette),
    "overlay": lambda palette: segpost.overlay(IMAGE, LABELS, palette),
    "labels_from_colors": lambda palette: segpost.labels_from_colors(
        segpost.colorize(LABELS, palette), palette
    ),
    "postprocess": lambda palette: (
        segpost.postprocess(LOGITS, palette=palette, want=("color",)).color
    ),
    "Stream": stream,
    "fingerprint": lambda palette: np.array(
        segpost.fingerprint(LOGITS, palette=palette).palette, np.uint8
    ),
    "diagnose": lambda palette: str(
        segpost.diagnose(labels=LABELS, color=IMAGE, palette=palette, num_classes=3)
    ),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("form", FORMS)
def test_every_function_takes_every_form(use: str, form: str) -> None:
    """As the Palette that it stands for."""
    value, palette = FORMS[form]
    assert as_palette(value) == palette
    np.testing.assert_array_equal(USES[use](value), USES[use](palette))


def test_a_tensor_of_colors() -> None:
    """An array of any library is a palette."""
    torch = pytest.importorskip("torch")
    assert as_palette(torch.tensor(COLORS)) == PLAIN


def test_a_saved_file_takes_every_form(tmp_path: Any) -> None:
    """`Segmentation.save` too."""
    image = pytest.importorskip("PIL.Image")
    for form, (value, palette) in FORMS.items():
        segpost.Segmentation(labels=LABELS).save(tmp_path / "x.png", value)
        with image.open(tmp_path / "x.png") as picture:
            colors = np.array(picture.convert("RGB"))
        np.testing.assert_array_equal(colors, segpost.colorize(LABELS, palette), err_msg=form)


@pytest.mark.parametrize("ignored", [255, -1])
def test_an_ignored_label_in_a_dict(ignored: int) -> None:
    """A label 255 or -1 beside 0 to K - 1 is the ignore_index, with its color."""
    by_label = {**dict(enumerate(COLORS)), ignored: (9, 9, 9)}
    palette = as_palette(by_label)
    assert palette == Palette(COLORS, void=(9, 9, 9), ignore_index=ignored)
    labels = np.array([[0, ignored]], np.int32)
    np.testing.assert_array_equal(segpost.colorize(labels, by_label), [[COLORS[0], (9, 9, 9)]])
    named = {i: (NAMES[i], COLORS[i]) for i in range(3)} | {ignored: ("void", (9, 9, 9))}
    assert as_palette(named) == Palette(COLORS, NAMES, (9, 9, 9), ignored)


def test_a_dict_of_256_labels() -> None:
    """There 255 is a class."""
    colors = [(i, 0, 0) for i in range(256)]
    assert as_palette(dict(enumerate(colors))) == Palette(colors)


@pytest.mark.parametrize(
    ("palette", "error", "text"),
    [
        ({}, ValueError, "an empty dict"),
        ({0: COLORS[0], 2: COLORS[2]}, ValueError, "labels 0 to 1, got 0, 2: label 1 has no"),
        ({255: (0, 0, 0)}, ValueError, "label 0 has no color"),
        ({1.5: COLORS[0]}, TypeError, "a dict of labels or of class names, got the keys 1.5"),
        ({True: COLORS[0]}, TypeError, "got the keys True"),
        ({0: COLORS[0], "car": COLORS[1]}, TypeError, "got the keys 0, 'car'"),
        ({0: ("road", COLORS[0]), 1: COLORS[1]}, TypeError, "but .0, 0, 142. for 1"),
        ({0: "#ff0000", 1: "#00ff00"}, TypeError, "names has '#ff0000', which is a color"),
        ({0: (0.5, 0.5, 0.5)}, TypeError, r"palette must be integers .* \(palette \* 255\)"),
        (np.ones((3, 3)), TypeError, r"0..1 floats become \(palette \* 255\)"),
        ([(0, 0, 300)], ValueError, "palette has 1 values outside 0..255, first 300 at"),
        (["road", "car"], TypeError, r"names get colors with segpost.Palette.from_names\(names\)"),
        ([0, 0, 0, 9, 9, 9], ValueError, r"np.reshape\(palette, \(-1, 3\)\) of a flat list"),
        ([], ValueError, r"palette must have shape \(K, 3\)"),
        (None, TypeError, "palette must be a segpost.Palette, the name of one, a list"),
        (7, TypeError, "or a dict of them, got int"),
    ],
)
def test_what_is_no_palette(palette: Any, error: type[Exception], text: str) -> None:
    """The message says what came and the cure."""
    with pytest.raises(error, match=text):
        segpost.colorize(LABELS, palette)


@pytest.mark.parametrize(
    "palette",
    [{"road": 0, "car": 1, "sky": 2}, {"0": "road", "1": "car", "2": "sky"}],
    ids=["label2id", "labels as text"],
)
def test_the_cure_of_a_dict_of_another_kind_works(palette: Any) -> None:
    """What a configuration file of Hugging Face holds."""
    with pytest.raises(TypeError, match=r"pass .*palette=\{") as error:
        segpost.colorize(LABELS, palette)
    cure = str(error.value).partition("palette={")[2]
    cured = eval("{" + cure, {"palette": palette})
    assert as_palette(cured).names == NAMES


def test_the_cure_of_a_flat_list_and_of_floats_works() -> None:
    """Both cures make the palette."""
    flat = [value for color in COLORS for value in color]
    wrong: tuple[Any, ...] = (flat, np.array(COLORS) / 255)
    for palette in wrong:
        with pytest.raises((TypeError, ValueError)) as error:
            segpost.colorize(LABELS, palette)
        cure = re.search(r"np\.reshape\(.*\)(?= of)|\(palette.*\)$", str(error.value))
        assert cure
        assert as_palette(eval(cure.group(), {"np": np, "palette": palette})) == PLAIN


def test_palettes_and_names_are_not_converted_again() -> None:
    """A palette is itself, and a name gives one object at every call."""
    assert as_palette(NAMED) is NAMED
    assert as_palette("voc") is as_palette("voc")


def test_class_names_from_a_network() -> None:
    """id2label is a palette and class_names, in any order; as a sequence of names."""
    id2label = {2: "sky", 0: "road", 1: "car"}
    assert Palette.from_names(id2label) == Palette.from_names(NAMES) == as_palette(id2label)
    matrix = segpost.ConfusionMatrix(3, class_names=id2label)
    assert matrix.class_names == NAMES
    assert pickle.loads(pickle.dumps(matrix)).class_names == NAMES
    for measure in (segpost.BoundaryIoU, segpost.BoundaryF, segpost.TrimapIoU):
        assert measure(3, class_names=id2label).class_names == NAMES
    assert segpost.fingerprint(LOGITS, class_names=id2label).class_names == NAMES
    assert str(segpost.diagnose(labels=LABELS, class_names=id2label)) == str(
        segpost.diagnose(labels=LABELS, class_names=NAMES)
    )


@pytest.mark.parametrize(
    ("names", "error", "text"),
    [
        ({0: "road", 2: "car", 3: "sky"}, ValueError, r"labels 0 to 2, got \[0, 2, 3\]: .* no 1"),
        ({"road": 0, "car": 1, "sky": 2}, TypeError, "first 'road'; .* model.config.id2label"),
        ({0: "road", 1: 5, 2: "sky"}, TypeError, "class_names must be strings"),
        ({0: "road"}, ValueError, "class_names has 1 names, num_classes is 3"),
        ("road", TypeError, "class_names must be strings, got 'road'"),
        (3, TypeError, "class_names must be strings, got 3"),
    ],
)
def test_what_are_no_class_names(names: Any, error: type[Exception], text: str) -> None:
    """Gaps, and label2id."""
    with pytest.raises(error, match=text):
        segpost.ConfusionMatrix(3, class_names=names)


def test_the_cure_of_labels_as_text_works() -> None:
    """JSON turns the labels of id2label into text."""
    names = {str(label): name for label, name in ID2LABEL.items()}
    with pytest.raises(TypeError, match="class_names has labels as text, first '0'; pass") as error:
        segpost.ConfusionMatrix(3, class_names=names)  # type: ignore[arg-type]
    cure = str(error.value).partition("class_names={")[2]
    cured = eval("{" + cure, {"class_names": names})
    assert segpost.ConfusionMatrix(3, class_names=cured).class_names == NAMES


@pytest.mark.parametrize(
    ("alias", "name"), [("pascal", "voc"), ("City", "cityscapes"), ("coco", "coco_stuff")]
)
def test_other_names_of_palettes(alias: Any, name: Any) -> None:
    """They give the palette, and the error of an unknown name lists them."""
    assert Palette.named(alias) == Palette.named(name)
    with pytest.raises(ValueError, match=rf"Known are .*{name} \(also [^)]*{alias.lower()}"):
        Palette.named("no such palette")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "right"), [("vocc", "voc"), ("pasc", "pascal"), ("cityscape", "cityscapes")]
)
def test_a_misspelt_palette(wrong: Any, right: Any) -> None:
    """The error names the nearest palette, which is one."""
    with pytest.raises(ValueError, match=f"named '{wrong}'; did you mean '{right}'"):
        segpost.colorize(LABELS, wrong)
    assert Palette.named(right)


def test_every_palette_is_the_nearest_to_its_misspelling() -> None:
    """The last letter left out, or repeated."""
    for name in list_palettes():
        assert read_dataset(name)
        assert suggest_name(name + name[-1], list_palettes()) == f"; did you mean {name!r}?"


@pytest.mark.parametrize("color", [(0, 0, 0), (9, 200, 30)])
def test_colors_that_are_all_equal(color: Any) -> None:
    """The printed palette has distinct colors; two of one color may be a mask's."""
    with pytest.warns(segpost.InputWarning, match="so that classes look alike") as caught:
        segpost.colorize(np.array([[0, 2]], np.uint8), [color] * 3)
    assert caught[0].filename == __file__
    code = str(caught[0].message).rpartition("pass ")[2]
    assert len(np.unique(eval(code, {"segpost": segpost}).colors, axis=0)) == 3
    for colors in ([color] * 2, [color, color, (1, 2, 3)]):
        segpost.colorize(np.array([[0, 1]], np.uint8), colors)
