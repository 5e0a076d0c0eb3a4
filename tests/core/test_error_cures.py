"""Errors of arrays that another argument takes, or that a conversion makes right, name it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost

LOGITS = scene(4, 9, 11)
LABELS: Any = segpost.argmax(LOGITS)


def cure_of(call: Callable[[], Any], pattern: str, **names: Any) -> Any:
    """The value of the expression that an error prints."""
    with pytest.raises((ValueError, TypeError)) as error:
        call()
    code = re.search(pattern, str(error.value))
    assert code, str(error.value)
    return eval(code.group(1), {"np": np, "segpost": segpost, **names})


def test_a_segmentation_is_no_dict_and_no_array() -> None:
    seg: Any = segpost.postprocess(LOGITS)
    uses: list[Any] = [lambda: seg["labels"], lambda: tuple(seg), lambda: np.asarray(seg)]
    for use in uses:
        assert cure_of(use, r"as (seg\.labels)", seg=seg) is seg.labels


def test_masks_of_another_kind() -> None:
    """Logits, run-length codes, and eight pixels in a byte."""
    with pytest.raises(TypeError, match="logits=masks for logits"):
        segpost.regions(masks=LOGITS)
    with pytest.raises(TypeError, match="pass masks=labels"):
        segpost.regions(segpost.binarize(LOGITS, encoding="rle"))
    wide = np.repeat(LOGITS, 8, axis=2)
    bits = segpost.binarize(wide, encoding="bits")
    masks = cure_of(lambda: segpost.regions(masks=bits), r"bits are (.*\))", masks=bits)
    np.testing.assert_array_equal(masks, segpost.binarize(wide))


def count(target: Any) -> Any:
    """The matrix of the labels and a target."""
    return segpost.confusion_matrix(LABELS, target, num_classes=4)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_targets_that_were_divided(kind: str) -> None:
    target = np.divide(LABELS, 255, dtype=kind)
    pattern = r": (\(target \* 255\)\.round\(\))"
    integers = cure_of(lambda: count(target), pattern, target=target)
    np.testing.assert_array_equal(integers, LABELS)
    with pytest.raises(TypeError, match="are these logits or probabilities"):
        count((LABELS > 1).astype(kind))


def test_targets_of_equal_channels() -> None:
    """Other channels are colors."""
    grey = np.stack([LABELS] * 3, -1)
    labels = cure_of(lambda: count(grey), r"use (.*) of equal", target=grey)
    np.testing.assert_array_equal(labels, LABELS)
    grey[0, 0, 0] += 1
    with pytest.raises(ValueError, match=r"use segpost\.labels_from_colors"):
        count(grey)


def test_a_label_map_has_no_colors() -> None:
    with pytest.raises(ValueError, match="needs no conversion"):
        segpost.labels_from_colors(LABELS, "voc")


def test_probabilities_of_bytes() -> None:
    shares = (255 / (1 + np.exp(-LOGITS))).astype(np.uint8)
    masks = cure_of(lambda: segpost.binarize(shares), r"take (logits > 127)", logits=shares)
    assert np.mean(masks == segpost.binarize(LOGITS)) > 0.95


def test_an_array_of_objects() -> None:
    objects = LOGITS.astype(object)
    floats = cure_of(lambda: segpost.argmax(objects), r"become (.*?\))", logits=objects)
    np.testing.assert_array_equal(segpost.argmax(floats), LABELS)


def test_a_crf_of_logits_at_a_lower_resolution() -> None:
    image = np.random.default_rng(2).integers(0, 256, (18, 22, 3)).astype(np.uint8)
    seg = cure_of(
        lambda: segpost.dense_crf(segpost.softmax(LOGITS), image),
        r"call (segpost\.postprocess\(.*?\))",
        logits=LOGITS,
        image=image,
    )
    assert seg.labels.shape == (18, 22)
