"""Segpost evaluate of NIfTI volumes: every case is one image, and places must agree."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_files import Evaluate
from volume_files import AFFINE, SIZE, label_volume, logit_volume, write_volume

import segpost
from segpost.evaluation import read_class_names

NAMES = {"background": 0, "liver": 1, "tumor": 2, "cyst": 3}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Predictions and targets of three cases, as nnU-Net writes them."""
    for k in range(3):
        write_volume(tmp_path / "preds" / f"case_{k:04}.nii.gz", label_volume(k))
        target = label_volume(k + 10)[: SIZE[0] - k]
        write_volume(tmp_path / "labelsTr" / f"case_{k:04}.nii.gz", target)
        write_volume(tmp_path / "preds" / f"case_{k:04}.nii.gz", label_volume(k)[: SIZE[0] - k])
    for folder in ("preds", "."):
        (tmp_path / folder / "dataset.json").write_text(json.dumps({"labels": NAMES}))
    return tmp_path / "preds", tmp_path / "labelsTr"


@pytest.fixture
def evaluate(capsys: pytest.CaptureFixture[str]) -> Evaluate:
    """The command without further arguments."""
    return Evaluate(capsys)


def target_size(case: int) -> tuple[int, ...]:
    """The size of a case."""
    return (SIZE[0] - case, *SIZE[1:])


def test_every_case_is_one_image(evaluate: Evaluate, folders: tuple[Path, Path]) -> None:
    preds, targets = folders
    out = preds.parent / "scores.json"
    table = preds.parent / "cases.csv"
    names = preds / "dataset.json"
    files = ("--json", out, "--per-image", table)
    status, _, err = evaluate(preds, targets, "--class-names", names, *files)
    assert (status, err) == (0, "")
    document = json.loads(out.read_text())
    assert document["counted"] == 3
    assert document["spacing"]["case_0001"] == [3.0, 1.5, 1.25]
    rows = [line.split(",") for line in table.read_text().splitlines()]
    assert [row[0] for row in rows] == ["id", "case_0000", "case_0001", "case_0002"]
    columns = [f"{score}_{name}" for score in ("iou", "dice") for name in NAMES]
    assert rows[0][-11:] == [*columns, "spacing_d", "spacing_h", "spacing_w"]
    assert rows[1][-3:] == ["3", "1.5", "1.25"]
    cm = segpost.ConfusionMatrix(4, per_image=True)
    for k in range(3):
        depth = SIZE[0] - k
        volumes = label_volume(k)[:depth], label_volume(k + 10)[:depth]
        cm.update(*volumes, volume=True, ids=f"case_{k:04}")
    scores = cm.compute()
    assert document["summary"]["miou"] == scores.miou
    assert [float(row[1]) for row in rows[1:]] == pytest.approx(scores.images.miou)
    dice = [[float(value) for value in row[-7:-3]] for row in rows[1:]]
    np.testing.assert_allclose(dice, scores.images.dice)


def test_a_run_in_shards_counts_the_same(evaluate: Evaluate, folders: tuple[Path, Path]) -> None:
    classes = ("--num-classes", "4")
    direct = evaluate.state(folders[0].parent, *folders, *classes)
    run = folders[0].parent / "run"
    shards = ("--run", run, "--shard-images", "2", "--jobs", "1")
    counted = evaluate.state(folders[0].parent, *folders, *classes, *shards)
    np.testing.assert_array_equal(counted, direct)


def test_probabilities_and_arrays_are_predictions(
    evaluate: Evaluate, folders: tuple[Path, Path]
) -> None:
    """nnU-Net's .npz of probabilities, .npy of labels, and NIfTI of four dimensions."""
    preds, targets = folders
    logits = [logit_volume(k)[:, : SIZE[0] - k] for k in range(3)]
    probabilities = np.exp(logits[0]) / np.exp(logits[0]).sum(0)
    other = preds.parent / "other"
    other.mkdir()
    np.savez_compressed(other / "case_0000.npz", probabilities=probabilities)
    np.save(other / "case_0001.npy", logits[1].argmax(0).astype(np.uint8))
    write_volume(other / "case_0002.nii.gz", logits[2])
    state = evaluate.state(preds.parent, other, targets, "--num-classes", "4")
    cm = segpost.ConfusionMatrix(4)
    for k, one in enumerate(logits):
        cm.update(one.argmax(0), label_volume(k + 10)[: SIZE[0] - k])
    np.testing.assert_array_equal(state, cm.state)


def test_pairs_that_contradict_name_both_files_and_values(
    evaluate: Evaluate, folders: tuple[Path, Path]
) -> None:
    preds, targets = folders
    moved, turned = AFFINE.copy(), AFFINE.copy()
    moved[2, 3] += 3.0
    turned[1, 1] *= -1
    write_volume(preds / "case_0000.nii.gz", label_volume(), moved)
    write_volume(preds / "case_0001.nii.gz", label_volume()[:4], turned)
    write_volume(preds / "case_0002.nii.gz", label_volume())
    out = preds.parent / "scores.json"
    status, _, err = evaluate(preds, targets, "--num-classes", "4", "--json", out)
    assert status == 1
    for k, words in enumerate(
        [
            ("affines contradict, by 1 of a voxel", "-90]", "-87]", "axes LPS"),
            ("affines contradict", "axes LAS", "axes LPS", "nibabel.as_closest_canonical(image)"),
            ("sizes differ", "5 x 6 x 8", "3 x 6 x 8", "(D x H x W)"),
        ]
    ):
        name = f"case_000{k}.nii.gz"
        line = next(line for line in err.splitlines() if name in line)
        for word in (*words, f"prediction {preds / name}", f"target {targets / name}"):
            assert word in line, (word, line)
    assert "summary" not in json.loads(out.read_text())


def test_masks_of_classes_and_of_several_cases(evaluate: Evaluate, tmp_path: Path) -> None:
    """One-hot masks are labels; others are no prediction."""
    target = write_volume(tmp_path / "target.nii.gz", label_volume())
    masks = (label_volume() == np.arange(4)[:, None, None, None]).astype(np.uint8)
    one_hot = write_volume(tmp_path / "masks.nii.gz", masks)
    state = evaluate.state(tmp_path, one_hot, target, "--num-classes", "4")
    assert state.sum() == np.trace(state) == label_volume().size
    masks[2, 1, 2, 3] = 1 - masks[2, 1, 2, 3]
    write_volume(one_hot, masks)
    status, _, err = evaluate(one_hot, target, "--num-classes", "4")
    assert status == 1
    assert "it holds 4 volumes of 0 and 1, and 1 of 240 voxels are 1 in none or several" in err
    assert "first [1, 2, 3]: save one label a voxel" in err


def test_the_cure_of_other_orientations(evaluate: Evaluate, tmp_path: Path) -> None:
    """Files whose axes lead elsewhere, turned as the message says, are counted."""
    from volume_files import nibabel

    target = write_volume(tmp_path / "target.nii.gz", label_volume())
    image = nibabel.load(target)
    turned = image.as_reoriented([[0, -1], [2, 1], [1, 1]])
    other = tmp_path / "other.nii.gz"
    nibabel.save(turned, other)
    assert evaluate(other, target, "--num-classes", "4")[0] == 1
    for path in (other, target):
        nibabel.save(nibabel.as_closest_canonical(nibabel.load(path)), path)
    state = evaluate.state(tmp_path, other, target, "--num-classes", "4")
    assert state.sum() == np.trace(state) == label_volume().size


def test_what_else_does_not_fit(evaluate: Evaluate, folders: tuple[Path, Path]) -> None:
    preds, targets = folders
    floats = write_volume(preds.parent / "floats.nii.gz", label_volume() + np.float32(0.5))
    image = preds.parent / "image.npy"
    np.save(image, label_volume()[0])
    target = targets / "case_0000.nii.gz"
    cases: list[tuple[tuple[Any, ...], str]] = [
        ((floats, target), "labels are whole numbers, but it holds float32"),
        ((target, image), "the prediction is a volume, its target"),
        ((image, target), "wanted are integer labels (depth, height, width)"),
        ((preds / "case_0000.nii.gz", target, "--max-pixels", "200"), "more voxels than"),
        ((preds, targets, "--measure", "boundary"), "count images alone"),
    ]
    for arguments, message in cases:
        status, _, err = evaluate(*arguments, "--num-classes", "4")
        assert (status, message in err) == (1, True), err
    status, _, err = evaluate(preds, targets)
    assert status == 2
    assert f"or --class-names: {preds.parent / 'dataset.json'} has names" in err
    for path in sorted(preds.glob("*.nii.gz")):
        path.rename(path.with_name(path.name.replace(".nii", "_0000.nii")))
    status, _, err = evaluate(preds, targets, "--num-classes", "4")
    assert status == 2
    assert "_0000 ends the names of images" in err


@pytest.mark.parametrize(
    ("labels", "names", "ignored"),
    [
        (NAMES, tuple(NAMES), ()),
        ({"0": "background", "1": "liver"}, ("background", "liver"), ()),
        ({"background": 0, "liver": 1, "ignore": 2}, ("background", "liver"), (2,)),
    ],
)
def test_names_of_a_dataset(
    tmp_path: Path, labels: dict[str, Any], names: tuple[str, ...], ignored: tuple[int, ...]
) -> None:
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps({"labels": labels, "numTraining": 3}))
    assert read_class_names(path) == (names, ignored)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"background": 0, "whole": [1, 2]}, "'whole' is a region of the labels 1, 2"),
        ({"background": 0, "liver": 2}, "there is no 1"),
        ({"background": 0, "liver": 0}, "label 0 has two names"),
        ({"background": 0, "liver": 1.5}, "is no name with its label"),
        ([], 'has no object "labels"'),
    ],
)
def test_names_that_are_none(tmp_path: Path, labels: Any, message: str) -> None:
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps({"labels": labels}))
    with pytest.raises(ValueError, match=message):
        read_class_names(path)


def test_the_page_shows_the_slice_with_the_most_differences(
    evaluate: Evaluate, folders: tuple[Path, Path]
) -> None:
    preds, targets = folders
    for k in range(3):
        wrong = label_volume(k + 10)[: SIZE[0] - k]
        wrong[2] = (wrong[2] + 1) % 4
        write_volume(preds / f"case_{k:04}.nii.gz", wrong)
        scan = np.full(target_size(k), 100, np.int16)
        write_volume(preds.parent / "imagesTr" / f"case_{k:04}_0000.nii.gz", scan)
    page = preds.parent / "report.html"
    images = ("--images", preds.parent / "imagesTr")
    status, _, err = evaluate(preds, targets, "--num-classes", "4", "--html", page, *images)
    assert (status, err) == (0, "")
    captions = re.findall(r"<figcaption>(\w+), slice 2 of \d</figcaption>", page.read_text())
    assert sorted(captions) == 3 * ["image"] + 3 * ["prediction"] + 3 * ["target"]


def test_probabilities_beside_the_labels(evaluate: Evaluate, folders: tuple[Path, Path]) -> None:
    """As nnU-Net saves both: the printed option chooses one of them."""
    preds, targets = folders
    for k in range(3):
        np.savez(preds / f"case_{k:04}.npz", probabilities=logit_volume(k))
    status, _, err = evaluate(preds, targets, "--num-classes", "4")
    assert status == 2
    assert "--pred-suffix says which are meant" in err
    chosen = evaluate(preds, targets, "--num-classes", "4", "--pred-suffix", ".nii.gz", "--quiet")
    assert chosen == (0, "", "")
