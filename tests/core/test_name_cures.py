"""Names of other libraries: what errors say of them is there, and does what was meant."""

from __future__ import annotations

import copy
import json
import pathlib
import pickle
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import matplotlib as mpl
import matplotlib.colors
import matplotlib.pyplot
import numpy as np
import pytest
from conftest import scene

import segpost
from segpost._core.foreign_names import ATTRIBUTES, CALLS
from segpost.metrics.class_values import ClassValues

LOGITS = scene(3, 16, 24)
LABELS = LOGITS.argmax(0).astype(np.uint8)
NAMES = ("road", "car", "cat")
loose: Any = segpost  # whose calls no type checker reads


def make(measure: Any = segpost.ConfusionMatrix) -> Any:
    """A measure of a few pixels."""
    result = measure(3, class_names=NAMES)
    result.update(LABELS, LABELS)
    return result


PALETTE: Any = segpost.Palette.from_names(NAMES)
THINGS: dict[str, Any] = {
    "Palette": PALETTE,
    "ConfusionMatrix": make(),
    "Scores": make().compute(),
    "Segmentation": segpost.postprocess(LOGITS, palette=PALETTE, want=("labels", "color")),
    "Regions": segpost.regions(LABELS),
    "Region": segpost.regions(LABELS)[0],
    "BoundaryIoU": make(segpost.BoundaryIoU),
    "BoundaryScores": make(segpost.BoundaryIoU).compute(),
    "DenseCRF": segpost.DenseCRF(),
    "Stream": segpost.Stream(),
    "Diagnosis": segpost.diagnose(logits=LOGITS),
    "Letterbox": segpost.Letterbox.fit((4, 4), (4, 4)),
}


def message(call: Callable[[], Any], kind: type[Exception] | tuple[Any, ...]) -> str:
    """What a call's error says."""
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize("name", sorted(ATTRIBUTES))
def test_attributes_that_are_suggested_are_there(name: str) -> None:
    """On every object: the path that an error names has a value, and no error is without help."""
    for thing in THINGS.values():
        if hasattr(thing, name):
            continue
        text = message(partial(getattr, thing, name), AttributeError)
        path = re.search(r"(?:mean '|scores: )([\w.()]+)", text)
        if path is None:
            assert re.search(r"; it (has|is) \w+", text), text
            continue
        value = thing
        for part in path.group(1).split("."):
            value = getattr(value, part.removesuffix("()"))
            value = value() if part.endswith("()") else value


@pytest.mark.parametrize(("kind", "name"), [key for key in CALLS if key[0] == "Palette"])
def test_uses_of_palettes_run(kind: str, name: str, tmp_path: pathlib.Path) -> None:
    text = message(lambda: getattr(THINGS[kind], name), AttributeError)
    code = text.partition("; it is ")[2]
    known = {"segpost": segpost, "palette": PALETTE, "labels": LABELS, "matplotlib": mpl}
    assert eval(code, {**known, "numpy": np, "path": tmp_path / "palette.txt"}) is not Ellipsis
    mpl.pyplot.close("all")


def test_uses_of_other_objects_run() -> None:
    known = {
        "seg": THINGS["Segmentation"],
        "regions": THINGS["Regions"],
        "stream": THINGS["Stream"],
        "logits": LOGITS,
        "pandas": pytest.importorskip("pandas"),
        "json": json,
    }
    for kind, name in CALLS:
        code = CALLS[kind, name]
        if kind != "Palette" and "(" in code + "[" and " " not in code:
            assert eval(code, known) is not None


@pytest.mark.parametrize("name", ["voc", "cityscapes", "ade20k"])
def test_named_palettes_are_no_attributes(name: str) -> None:
    text = message(lambda: getattr(loose.Palette, name), AttributeError)
    code = text.partition("; it is ")[2]
    assert eval(f"segpost.{code}", {"segpost": segpost}) == segpost.Palette.named(name)  # type: ignore[arg-type]
    assert "it is Convention.named('hf')" in message(lambda: loose.Convention.hf, AttributeError)
    assert "'from_json'" in message(lambda: loose.ConfusionMatrix.load, AttributeError)
    assert not hasattr(segpost.Palette, "__array_interface__")


def test_items_of_a_palette() -> None:
    """The error says the color and the name, and what there is to loop over."""
    for key in ("cat", 2):
        text = message(partial(PALETTE.__getitem__, key), TypeError)
        color, name = re.findall(r"palette\.\w+\(\d\)", text)
        assert eval(color, {"palette": PALETTE}) == PALETTE.color(2)
        assert eval(name, {"palette": PALETTE}) == "cat"
    uses: list[Callable[[], Any]] = [
        lambda: PALETTE["dog"],
        lambda: PALETTE[9],
        lambda: list(PALETTE),
        lambda: dict(PALETTE),
        lambda: "cat" in PALETTE,
        lambda: np.asarray(PALETTE),
    ]
    for use in uses:
        code = re.search(r"palette\.colors", message(use, TypeError))
        assert code
        assert eval(code.group(0), {"palette": PALETTE}).shape == (3, 3)
    assert "segpost.colorize(labels, palette)" in message(lambda: PALETTE(LABELS), TypeError)
    text = message(lambda: PALETTE.__setitem__(0, (1, 2, 3)), TypeError)
    code = re.search(r"(segpost\.Palette\(.*\)) of", text)
    assert code
    known = {"segpost": segpost, "palette": PALETTE, "colors": PALETTE.colors.copy()}
    assert eval(code.group(1), known) == PALETTE
    assert "that of 'cat' is 2" in message(lambda: PALETTE.color("cat"), TypeError)
    assert PALETTE.color(np.uint8(2)) == PALETTE.color(2)


def test_values_of_classes_have_names() -> None:
    """An index may be a name; results of arithmetic, copies in pickles and errors are plain."""
    scores = make().compute()
    for name in ("iou", "dice", "precision", "recall", "specificity"):
        values = getattr(scores, name)
        assert values["cat"] == values[2] == 1
        assert type(values + 1) is type(values[:2]) is type(pickle.loads(pickle.dumps(values)))
        assert type(values + 1) is np.ndarray
        assert repr(values) == repr(np.asarray(values).view(np.ndarray))
    assert scores.fbeta(2)["road"] == 1
    assert pickle.loads(pickle.dumps(scores)).iou["cat"] == 1
    assert copy.deepcopy(scores.iou)["cat"] == 1
    assert scores.iou.mean() == 1
    assert "did you mean 'cat'" in message(lambda: scores.iou["catt"], KeyError)
    assert "they are 'road', 'car', 'cat'" in message(lambda: scores.iou["dog"], KeyError)
    text = message(lambda: scores.iou.cat, AttributeError)
    assert eval(f"values{text.partition('; it is ')[2]}", {"values": scores.iou}) == 1
    assert not hasattr(scores.iou, "dog")
    unnamed = ClassValues.of(np.ones(3), None)
    assert "class_names=" in message(lambda: unnamed["cat"], KeyError)
    assert make(segpost.BoundaryIoU).compute().boundary_iou["cat"] == 1
    assert make(segpost.SurfaceDistance).compute().hd["cat"] == 0
    text = message(lambda: scores["cat"], TypeError)
    code = re.search(r"\.iou\['cat'\]", text)
    assert code
    assert eval(f"scores{code.group(0)}", {"scores": scores}) == 1


def test_pictures_of_a_segmentation() -> None:
    """Pillow's error is that of the attribute; the array that it names makes a picture."""
    from PIL import Image

    seg: Any = THINGS["Segmentation"]
    text = message(lambda: Image.fromarray(seg), AttributeError)
    assert "did you mean 'labels'" in text
    assert Image.fromarray(seg.labels).size == (24, 16)
    assert not hasattr(seg, "__array__")


def test_a_matrix_is_no_array() -> None:
    cm = make()
    text = message(lambda: np.asarray(cm), TypeError)
    code = re.search(r"cm\.\w+", text)
    assert code
    np.testing.assert_array_equal(eval(code.group(0), {"cm": cm}), cm.matrix)
    assert "no items, got (0, 1)" in message(lambda: cm[0, 1], TypeError)


def test_texts_are_written_by_the_caller(tmp_path: pathlib.Path) -> None:
    """A path that `to_json` gets: the error says how the text is written, and how it is read."""
    cm, path = make(), tmp_path / "cm.json"
    text = message(lambda: cm.to_json(str(path)), TypeError)
    assert text.startswith("ConfusionMatrix.to_json()")
    code = re.search(r"(pathlib.*\)) writes", text)
    assert code
    eval(code.group(1), {"pathlib": pathlib, "text": cm.to_json()})
    text = message(lambda: segpost.ConfusionMatrix.from_json(str(path)), ValueError)
    code = re.search(r"pathlib.*\(\)$", text)
    assert code
    assert segpost.ConfusionMatrix.from_json(eval(code.group(0), {"pathlib": pathlib})) == cm
    assert "path.read_text()" in message(lambda: loose.ConfusionMatrix.from_json(path), TypeError)
    text = message(lambda: loose.compare(str(path), str(path)), TypeError)
    code = re.search(r"segpost\.Conf.*\)$", text)
    assert code
    assert eval(code.group(0), {"segpost": segpost, "pathlib": pathlib}) == cm
    assert "pass the matrix" in message(lambda: loose.compare(cm.compute(), cm), TypeError)


def test_names_that_modules_do_not_have() -> None:
    """Attributes and imports name what is meant; a module that is called says the function."""
    for module in ("segpost", "segpost.metrics", "segpost.torchmetrics"):
        with pytest.raises(
            ImportError, match=r"'MeanIoU' from .*; did you mean '.*ConfusionMatrix'"
        ):
            exec(f"from {module} import MeanIoU")
    assert "did you mean 'Confus" in message(lambda: loose.metrics.MeanIoU, AttributeError)
    assert "'segpost.regions'" in message(lambda: loose.metrics.find_contours, AttributeError)
    assert "dir(segpost)" in message(lambda: loose.no_such_name, AttributeError)
    assert "call segpost.dense_crf" in message(lambda: loose.crf(1), TypeError)
    import segpost.compat.pydensecrf as library

    text = message(lambda: library.DenseCRF2D, AttributeError)  # type: ignore[attr-defined]
    assert eval(text.partition("; it is ")[2], {"segpost": segpost}) is library.densecrf.DenseCRF2D


@pytest.mark.parametrize(
    ("call", "cure"),
    [
        (lambda: make().update(target=LABELS, pred=LABELS), "^ConfusionMatrix.update.* preds="),
        (lambda: make().compute(average="macro"), "here it is dialect=.*name, average"),
        (lambda: loose.Palette([(0, 0, 0)], class_names=["a"]), r"^Palette\(\).*names="),
        (lambda: loose.Palette.distinct(3, names=NAMES), r"^Palette\.distinct\(\).*takes n="),
        (lambda: loose.confusion_matrix(y_true=LABELS, y_pred=LABELS), "target=, the true"),
        (lambda: loose.postprocess(LOGITS, class_names=NAMES), r"palette=, .*from_names\(names\)"),
        (lambda: loose.postprocess(LOGITS, softmax=True), "want="),
        (lambda: loose.regions(LABELS, min_size=3), "min_area="),
        (lambda: loose.Stream(LOGITS), r"^Stream\(\)"),
        (lambda: loose.Letterbox((1, 2), (3, 4)), r"^Letterbox\(\) missing"),
        (lambda: make().to_json(1, 2), "^ConfusionMatrix.to_json.* it takes no arguments"),
    ],
)
def test_arguments_of_methods(call: Callable[[], object], cure: str) -> None:
    with pytest.raises(TypeError, match=cure):
        call()
