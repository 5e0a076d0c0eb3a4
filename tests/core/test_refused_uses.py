"""Values in the place of others: errors and warnings, and the correct ones beside them."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import numpy as np
import pytest
import torch
from conftest import scene

import segpost

LOGITS = scene(3, 16, 24)
LABELS = LOGITS.argmax(0).astype(np.uint8)
loose: Any = segpost  # whose calls no type checker reads


def test_softmax_of_one_class() -> None:
    """It is 1 everywhere; what the warning says gives the probabilities."""
    one = LOGITS[:1]
    with pytest.warns(segpost.InputWarning, match="every probability is 1") as caught:
        segpost.softmax(one)
    code = re.search(r"are (1 / .*)$", str(caught[0].message))
    assert code
    probabilities = eval(code.group(1), {"numpy": np, "logits": one})
    assert ((probabilities > 0.5) == (one > 0)).all()
    segpost.softmax(LOGITS[:2])
    segpost.softmax(one[:, :2])


def test_instances_that_are_the_target() -> None:
    measure = segpost.InstanceIoU(3, things={1: 9.0, 2: 9.0})
    with pytest.warns(segpost.InputWarning, match="instances are the target"):
        measure.update(LABELS, LABELS, LABELS)
    measure.update(LABELS, LABELS, LABELS.copy())
    mask = np.minimum(LABELS, 1)  # one object an image
    segpost.InstanceIoU(2, things={1: 9.0}).update(mask, mask, mask)


def test_sizes_of_things() -> None:
    with pytest.raises(TypeError, match="must be a dict of the mean size"):
        loose.InstanceIoU(3, things=[1, 2])
    with pytest.raises(TypeError, match="the class of 'car' is 1"):
        loose.InstanceIoU(2, things={"car": 9.0}, class_names=["road", "car"])


def test_results_have_names() -> None:
    """An image in the place of the confidence; results of all kinds are like labels."""
    with pytest.raises(ValueError, match=r"Segmentation\(labels=, image=\)"):
        segpost.Segmentation(LABELS, np.zeros((16, 24, 3), np.uint8))
    for logits in (LOGITS, LOGITS[None], torch.from_numpy(LOGITS)):
        seg = segpost.postprocess(logits, want=("labels", "confidence"))
        assert seg.confidence.shape == seg.labels.shape
    segpost.postprocess(np.stack([LOGITS] * 2, 1), volume=True, want=("labels", "confidence"))


def test_names_of_conventions_alone() -> None:
    for name in ("hf", "keras", "Torch"):
        with pytest.raises(ValueError, match=r"no|the convention") as caught:
            loose.Convention(name)
        code = re.search(r"segpost\.Convention\.named\('\w+'\)", str(caught.value))
        assert code
        assert eval(code.group(0), {"segpost": segpost}).note
    assert segpost.Convention("mine").name == "mine"
    assert segpost.Convention("keras", axis=-1, grid=None).axis == -1
    for name in segpost.Convention.names():
        segpost.Convention.named(name)  # type: ignore[arg-type]


def test_a_folder_with_the_name_of_a_file(tmp_path: pathlib.Path) -> None:
    seg = segpost.postprocess(LOGITS)
    with pytest.raises(ValueError, match="has the name of a file") as caught:
        seg.save_all(tmp_path / "out.png")
    code = re.search(r"such as '(.*)', or", str(caught.value))
    assert code
    assert seg.save_all(code.group(1))["labels"].exists()
    (tmp_path / "v1.png").mkdir()
    seg.save_all(tmp_path / "v1.png")
    seg.save_all(tmp_path / "v1.0")
    with (tmp_path / "a.png").open("wb") as file, pytest.raises(TypeError, match=r"path\.name"):
        loose.Segmentation(LABELS).save(file)


def test_one_hot_targets_of_floats() -> None:
    target = np.eye(3)[LABELS]
    with pytest.raises(ValueError, match="one-hot along axis 2") as caught:
        segpost.confusion_matrix(LABELS, target, num_classes=3)
    code = re.search(r"pass (target\.argmax\(\d\))", str(caught.value))
    assert code
    labels = eval(code.group(1), {"target": target})
    assert segpost.confusion_matrix(LABELS, labels, num_classes=3).trace() == LABELS.size
    with pytest.raises(TypeError, match="they are exchanged"):
        segpost.confusion_matrix(LABELS, LOGITS, num_classes=3)


def test_colors_as_predictions() -> None:
    palette = segpost.Palette.distinct(3)
    colors = segpost.colorize(LABELS, palette)
    with pytest.raises(ValueError, match="look like colors") as caught:
        segpost.confusion_matrix(colors, LABELS, num_classes=3)
    code = re.search(r"pass (segpost.*\))", str(caught.value))
    assert code
    known = {"segpost": segpost, "preds": colors, "palette": palette}
    np.testing.assert_array_equal(eval(code.group(1), known), LABELS)


def test_other_arrays_for_calibration() -> None:
    measure = segpost.Calibration(3)
    confidence = segpost.softmax(LOGITS).max(0)
    with pytest.raises(TypeError, match="confidence= and correct="):
        measure.update(confidence, confidence > 0.5)
    with pytest.raises(TypeError, match="exchanged"):
        measure.update(LABELS, LOGITS)
    with pytest.raises(TypeError, match="labels have no confidence"):
        measure.update(LABELS, LABELS)
    measure.update(LOGITS, LABELS)


def test_labels_that_are_no_classes() -> None:
    """What the errors say is right: void, one class more, the counts of a matrix."""
    target = np.where(LABELS == 2, 255, LABELS)
    with pytest.raises(ValueError, match="pass ignore_index=255"):
        segpost.label_counts(target, num_classes=2)
    assert segpost.label_counts(target, num_classes=2, ignore_index=255).sum()
    with pytest.raises(ValueError, match="pass num_classes=3"):
        segpost.label_counts(LABELS, num_classes=2)
    matrix = segpost.confusion_matrix(LABELS, LABELS, num_classes=3)
    with pytest.raises(ValueError, match=r"counts\.sum\(1\)"):
        segpost.class_weights(matrix)
    segpost.class_weights(matrix.sum(1))
    with pytest.raises(TypeError, match=r"\(shares \* pixels\)"):
        segpost.class_weights([0.2, 0.8])


def test_results_are_no_truth_values() -> None:
    diagnosis = segpost.diagnose(logits=LOGITS)
    with pytest.raises(TypeError, match=r"\.ok says"):
        bool(diagnosis)
    assert diagnosis.ok


def test_arrays_for_an_evaluation() -> None:
    with pytest.raises(TypeError, match="preds must be a folder or a file, got list"):
        loose.Evaluation([LABELS], [LABELS], num_classes=3)


def test_energies_of_an_image() -> None:
    """pydensecrf's energies have an axis for all pixels."""
    from segpost.compat.pydensecrf.densecrf import DenseCRF2D

    crf: Any = DenseCRF2D(24, 16, 3)
    energies = -np.log(segpost.softmax(LOGITS))
    with pytest.raises(ValueError, match="must have 2 dimensions") as caught:
        crf.setUnaryEnergy(energies)
    code = re.search(r"pass (u\..*)$", str(caught.value))
    assert code
    crf.setUnaryEnergy(eval(code.group(1), {"u": energies}))
    with pytest.raises(AttributeError, match="did you mean 'inference'"):
        crf.infer(3)


def test_paths_for_colorize() -> None:
    with pytest.raises(TypeError, match=r"PIL\.Image\.open"):
        loose.colorize("labels.png", "voc")
    with pytest.raises(TypeError, match="are exchanged"):
        loose.colorize("voc", LABELS)
