"""ConfusionMatrix: what is counted, merged, reduced over processes, and saved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import scene
from matrix_maps import count_maps, maps
from numpy.testing import assert_array_equal

import segpost
from segpost import ConfusionMatrix

torch = pytest.importorskip("torch")


def test_every_pixel_is_in_the_state(backend: str) -> None:
    """Void is the last row, predictions of no class the last column, and nothing is lost."""
    preds, target = maps(4)
    cm = ConfusionMatrix(5, ignore_index=255)
    cm.update(preds=preds, target=target)
    valid = target != 255
    assert cm.state.sum() == cm.pixels == target.size
    assert cm.state[-1].sum() == (~valid).sum()
    assert cm.state[:-1, -1].sum() == (valid & (preds >= 5)).sum()
    wanted = np.bincount(
        5 * target[valid & (preds < 5)].astype(int) + preds[valid & (preds < 5)], minlength=25
    )
    assert_array_equal(cm.matrix.reshape(-1), wanted)


def test_bad_predictions_are_listed_with_their_values() -> None:
    """`outside` says which predictions of no class there were, on which class."""
    cm = ConfusionMatrix(2)
    cm.update(np.array([[0, 7, 7, -1, 30000]], np.int16), np.array([[0, 0, 0, 1, 1]], np.uint8))
    assert cm.outside == {(0, 7): 2, (1, -1): 1, (1, 1024): 1}  # 1024 and beyond
    assert cm.compute().invalid_preds == 4
    assert cm.state.tolist() == [[1, 0, 2], [0, 0, 2], [0, 0, 0]]


def test_bad_predictions_by_policy() -> None:
    """A prediction of no class is a miss, left out, or an error that leaves the counts alone."""
    preds, target = np.array([[0, 9]], np.uint8), np.array([[0, 0]], np.uint8)
    ious = {}
    for policy in ("miss", "drop"):
        cm = ConfusionMatrix(2, invalid_preds=policy)
        cm.update(preds, target)
        assert cm.pixels == 2
        ious[policy] = cm.compute().miou
    assert ious == {"miss": 0.5, "drop": 1.0}
    cm = ConfusionMatrix(2, invalid_preds="raise")
    with pytest.raises(ValueError, match=r"preds have 1 of 2 values outside 0..1.*9 \(1 times\)"):
        cm.update(preds, target)
    assert cm.pixels == 0


def test_bad_targets_by_policy() -> None:
    """A target of no class is an error, or is counted as void and listed."""
    preds, target = np.array([[0, 1]], np.uint8), np.array([[0, 9]], np.uint8)
    cm = ConfusionMatrix(2)
    with pytest.raises(ValueError, match=r"target has 1 of 2 values.*9 \(1 times\)"):
        cm.update(preds, target)
    assert cm.pixels == 0
    dropping = ConfusionMatrix(2, invalid_target="drop")
    dropping.update(preds, target)
    assert dropping.state.tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert dropping.outside == {(9, 1): 1}


def test_logits_lists_and_tensors_count_alike(backend: str) -> None:
    """Labels, logits, torch tensors, batches and lists of unequal sizes give the same counts."""
    logits = [scene(5, 20, 30, 1), scene(5, 16, 12, 2)]
    labels = [segpost.argmax(part, size=(40, 60)) for part in logits]
    targets = [np.roll(part, 3, axis=0).astype(np.int64) for part in labels]
    wanted = ConfusionMatrix(5)
    for part, target in zip(labels, targets, strict=True):
        wanted.update(part, target)
    from_logits = ConfusionMatrix(5)
    from_logits.update(logits, targets)
    batch = ConfusionMatrix(5)
    batch.update(torch.from_numpy(np.stack(labels)), torch.from_numpy(np.stack(targets)))
    assert from_logits == wanted
    assert batch == wanted


def test_sigmoid_head() -> None:
    """A one-channel head is counted as two classes at its threshold."""
    logits = np.array([[[-2.0, 0.1, 3.0]]], np.float32)
    cm = ConfusionMatrix(2)
    cm.update(logits, np.array([[0, 1, 0]], np.uint8), threshold=0.5)
    assert cm.matrix.tolist() == [[1, 1], [0, 1]]
    with pytest.raises(ValueError, match=r"threshold=0\.5"):
        cm.update(logits, np.array([[0, 1, 0]], np.uint8))


def test_nan_logits_are_refused_or_propagate() -> None:
    """NaN is an error that counts nothing, or wins as in argmax."""
    logits = np.array([[[np.nan, 1.0]], [[0.0, 0.0]]], np.float32)
    cm = ConfusionMatrix(2)
    with pytest.raises(ValueError, match="1 NaN"):
        cm.update(logits, np.array([[1, 1]], np.uint8))
    assert cm.pixels == 0
    cm.update(logits, np.array([[1, 1]], np.uint8), nan="propagate")
    assert cm.matrix.tolist() == [[0, 0], [2, 0]]


def test_counts_beyond_two_to_the_31_stay_exact() -> None:
    """Injected counts near the end of int64 are added and scored without rounding."""
    cm = ConfusionMatrix(2)
    cm.state[0, 0] = 2**61 + 1
    cm.update(np.array([[0, 1]], np.uint8), np.array([[0, 0]], np.uint8))
    assert cm.state[0, 0] == 2**61 + 2
    assert ConfusionMatrix.from_json(cm.to_json()).state[0, 0] == 2**61 + 2
    assert cm.compute().kappa == pytest.approx(0.0)


def test_images_keep_their_counts() -> None:
    """per_image=True: the images add up to the state, void and bad predictions included."""
    cm = count_maps(4, per_image=True)
    assert len(cm.images) == 4
    assert sum(int(image.counts.sum()) for image in cm.images) == cm.pixels
    assert_array_equal(cm.state, count_maps(4).state)
    assert cm.outside == count_maps(4).outside


def test_a_failed_update_counts_nothing() -> None:
    """If the last of a list is bad, the first ones are not counted either."""
    choices: list[dict[str, Any]] = [{}, {"per_image": True}]
    for options in choices:
        cm = ConfusionMatrix(5, ignore_index=255, **options)
        preds, target = maps(2)
        bad = target.copy()
        bad[1, 0, 0] = 77
        with pytest.raises(ValueError, match="77"):
            cm.update(list(preds), list(bad))
        assert cm.pixels == 0
        assert not cm.images


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"ignore_index": torch.tensor(2.7)},
            TypeError,
            "ignore_index must be an integer, got 2",
        ),
        ({"ignore_index": np.array([1.0])}, TypeError, "ignore_index must be an integer, got 1.0"),
        ({"groups": {"x": [0.5]}}, TypeError, "groups must be an integer"),
        ({"num_classes": 2.0}, TypeError, "num_classes must be an integer"),
        ({"num_classes": True}, TypeError, "num_classes must be an integer"),
        ({"ignore_index": 1.5}, TypeError, "ignore_index must be an integer"),
        ({"ignore_index": "255"}, TypeError, "ignore_index must be an integer"),
        ({"class_names": ["a"]}, ValueError, "class_names has 1 names, num_classes is 5"),
        ({"class_names": "abcde"}, TypeError, "class_names must be strings"),
        ({"groups": {"x": [0, 5]}}, ValueError, "class 5, which is not below 5"),
        ({"groups": {"x": [0], "y": [0]}}, ValueError, "class 0, which is in two groups"),
        ({"groups": [[0]]}, TypeError, "groups must be a mapping"),
        ({"invalid_preds": "clip"}, ValueError, "invalid_preds must be one of"),
        ({"duplicates": "keep"}, ValueError, "duplicates must be one of"),
    ],
)
def test_bad_arguments(options: dict[str, Any], error: type[Exception], message: str) -> None:
    """Every argument is checked when the matrix is made."""
    with pytest.raises(error, match=message):
        ConfusionMatrix(**{"num_classes": 5, **options})


def test_lists_must_pair() -> None:
    """A list of predictions needs a list of targets of its length."""
    preds, target = maps(2)
    with pytest.raises(
        ValueError, match="two lists of arrays of one length, got a list of 2 and a"
    ):
        ConfusionMatrix(5).update(list(preds), list(target[:1]))
    with pytest.raises(ValueError, match="two lists"):
        ConfusionMatrix(5).update(list(preds), target)


def test_scores_are_those_of_their_time() -> None:
    """Counting on, or starting anew, changes no scores that were computed before."""
    cm = count_maps(3, per_image=True)
    scores = cm.compute()
    cm.update(*maps(2, 9))
    cm.reset()
    assert len(scores.images.ids) == 3
    assert scores.pixels == count_maps(3).compute().pixels
    assert "3 images" in str(scores)


def test_scores_share_the_counts_of_images() -> None:
    """Scores copy the state, and no counts of images; the copy cannot be changed."""
    cm = count_maps(3, per_image=True)
    scores = cm.compute()
    assert scores.snapshot.images is cm.images
    with pytest.raises(ValueError, match="read-only"):
        scores.snapshot.state[0, 0] = 1
    cm.state[0, 0] += 1
    assert scores.snapshot.state[0, 0] + 1 == cm.state[0, 0]


def test_errors_name_the_place_in_the_whole_batch() -> None:
    """Image by image or not: the image of the batch, or of the list, and all of its pixels."""
    target = np.zeros((3, 4, 4), np.uint8)
    target[2, 1, 1] = 9
    logits = np.zeros((3, 2, 4, 4), np.float32)
    logits[1, 0, 2, 3] = np.nan
    for per_image in (True, False):
        cm = ConfusionMatrix(2, per_image=per_image)
        with pytest.raises(ValueError, match=r"1 of 48 values.*first at \[2, 1, 1\]"):
            cm.update(target % 2, target)
        with pytest.raises(ValueError, match="1 NaN of 96 values, first at image 1, class 0, y 2"):
            cm.update(logits, target % 2)
        with pytest.raises(ValueError, match=r"image 2 of the list: target has 1 of 16 values"):
            cm.update(list(target % 2), list(target))
        assert cm.pixels == 0


@pytest.mark.slow
def test_rows_longer_than_a_table_counts() -> None:
    """One row of more than 2^32 pixels, which a broadcast view costs no memory."""
    if "native" not in segpost.build_config()["backend"]:
        pytest.skip("quick enough on the native backend only")
    pixels = 2**32 + 7
    row = np.broadcast_to(np.zeros(1, np.uint8), (1, pixels))
    from segpost._backends.registry import backend

    counts = np.zeros((4, 3), np.int64)
    backend().confusion_labels(row[None], row[None], np.empty(0, np.int64), counts)
    assert counts[0, 0] == counts.sum() == pixels


@pytest.mark.parametrize("classes", [5, 300])  # cells are uint16, or uint32
@pytest.mark.parametrize("dtypes", [("uint8", "uint8"), ("int64", "uint16"), ("int16", "uint64")])
def test_single_images_are_those_of_a_batch(
    backend: str, classes: int, dtypes: tuple[str, str]
) -> None:
    """Images one by one, of any strides, are the images of a stack, with bad predictions too."""
    preds, target = (array.astype(dtype) for array, dtype in zip(maps(4), dtypes, strict=True))
    preds[:2] = np.minimum(preds[:2], 4)
    batch, single = (ConfusionMatrix(classes, ignore_index=255, per_image=True) for _ in range(2))
    batch.update(preds, target)
    for one, truth in zip(preds, target, strict=True):
        single.update(np.asfortranarray(one), truth[::-1].copy()[::-1])
    assert_array_equal(single.state, batch.state)
    assert (single.images, single.outside) == (batch.images, batch.outside)
    assert bool(single.outside) == (classes == 5)
    with pytest.raises(ValueError, match=r"ids must be given for all images or for none"):
        single.update(preds[0], target[0], ids="a")
    broken = target[0].copy()
    broken[0, 0] = 254
    if classes == 5:
        with pytest.raises(ValueError, match="target has 1 "):
            single.update(preds[0], broken)
    assert len(single.images) == len(batch.images)
