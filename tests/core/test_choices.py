"""Unknown words: the error of every closed set names the word that was meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import segpost
from segpost._core.arguments import check_choice
from segpost._core.text import suggest_name

LOGITS = np.eye(3, dtype=np.float32)[:, None]
LABELS = np.array([[0, 1, 2]], np.uint8)
MATRIX = segpost.ConfusionMatrix(3)
MATRIX.update(LABELS, LABELS)
SCORES = MATRIX.compute()
BOX = segpost.Letterbox.fit((2, 3), (4, 4))


def use(name: Any) -> object:
    with segpost.use_backend(name):
        return name


# A call with a word, a wrong word, and the word that was meant.
CASES: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "want": (lambda word: segpost.postprocess(LOGITS, want=(word,)), "label", "labels"),
    "want, short": (
        lambda word: segpost.postprocess(LOGITS, want=(word,)),
        "prob",
        "probabilities",
    ),
    "grid": (lambda word: segpost.argmax(LOGITS, grid=word), "half-pixel", "half_pixel"),
    "grid, short": (lambda word: segpost.argmax(LOGITS, grid=word), "align", "align_corners"),
    "nan": (lambda word: segpost.argmax(LOGITS, nan=word), "propogate", "propagate"),
    "check": (lambda word: segpost.argmax(LOGITS, check=word), "deffered", "deferred"),
    "convention": (lambda word: segpost.Convention.named(word), "transfomers", "transformers"),
    "convention, alias": (lambda word: segpost.Convention.named(word), "hugging", "huggingface"),
    "dialect": (lambda word: MATRIX.compute(dialect=word), "torchmetric", "torchmetrics"),
    "absent": (lambda word: MATRIX.compute(absent=word), "excluded", "exclude"),
    "preset": (lambda word: segpost.DenseCRF.preset(word), "densecrf", "pydensecrf"),
    "quality": (lambda word: segpost.DenseCRF(quality=word), "hihg", "high"),
    "method": (lambda word: segpost.DenseCRF(method=word), "latice", "lattice"),
    "unary": (lambda word: segpost.DenseCRF(unary=word), "logit", "logits"),
    "backend": (use, "refernce", "reference"),
    "confidence_mode": (
        lambda word: segpost.postprocess(LOGITS, confidence_mode=word),
        "exakt",
        "exact",
    ),
    "kind": (lambda word: segpost.Convention(kind=word), "label", "labels"),
    "score": (lambda word: SCORES.mean(word), "recal", "recall"),
    "average": (lambda word: SCORES.mean("iou", word), "Macro", "macro"),
    "invalid_preds": (lambda word: segpost.ConfusionMatrix(2, invalid_preds=word), "mis", "miss"),
    "what": (
        lambda word: segpost.Segmentation(labels=LABELS).save("x.png", what=word),
        "colour",
        "color",
    ),
    "layout": (
        lambda word: BOX.apply(np.zeros((2, 3, 3), np.uint8), layout=word),
        "NCHW",
        "nchw",
    ),
    "class_weights": (
        lambda word: segpost.class_weights([1, 2], method=word),
        "effective",
        "effective_number",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_word_that_was_meant_is_named(case: str) -> None:
    """And it is a word that the function knows: its error with it is another, or none."""
    call, wrong, right = CASES[case]
    with pytest.raises(ValueError, match=re.escape(f"got {wrong!r}; did you mean {right!r}?")):
        call(wrong)
    message = ""
    try:
        call(right)
    except ValueError as error:  # such as an array that is not in the segmentation
        message = str(error)
    assert "must be one of" not in message


def test_a_word_that_is_like_none() -> None:
    """Nothing is suggested, and nothing for other types and long texts."""
    for value in ("xyz", "", 3, None, "label" * 1000):
        with pytest.raises(ValueError, match="must be one of 'labels', 'color', got") as error:
            check_choice(value, "want", ("labels", "color"))
        assert "did you mean" not in str(error.value)
    assert suggest_name("la", ["labels"]) == ""  # the beginning of a name has three letters


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("hf", "transformers"),
        ("HuggingFace", "transformers"),
        ("pytorch", "torchvision"),
        ("torch", "torchvision"),
        ("keras", "keras-hub"),
        ("keras_hub", "keras-hub"),
        ("onnx", "onnxruntime"),
        ("tflite", "litert"),
    ],
)
def test_other_names_of_conventions(alias: Any, name: Any) -> None:
    """They give the convention, are documented, and are in the error of an unknown name."""
    assert segpost.Convention.named(alias) == segpost.Convention.named(name)
    assert segpost.Convention.named(alias).name == name
    if alias in ("HuggingFace", "keras_hub"):
        return
    assert alias not in segpost.Convention.names()
    assert f'"{alias}"' in str(segpost.Convention.named.__doc__)
    with pytest.raises(ValueError, match=f"'{alias}'"):
        segpost.postprocess(LOGITS, convention="no such convention")  # type: ignore[call-overload]


def test_a_convention_by_another_name() -> None:
    """postprocess takes it."""
    seg = segpost.postprocess({"logits": LOGITS}, convention="hf")
    np.testing.assert_array_equal(seg.labels, LABELS)


@pytest.mark.parametrize("want", [None, True, 5])
def test_what_is_no_collection_of_words(want: Any) -> None:
    with pytest.raises(TypeError, match=r"collection of names such as \('labels',\), got"):
        segpost.postprocess(np.zeros((2, 4, 4), np.float32), want=want)
