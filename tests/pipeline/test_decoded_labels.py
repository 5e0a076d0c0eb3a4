"""postprocess(decode=): labels for Dice and IoU beside the other results and settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import scene
from fake_devices import Cuda
from query_heads import random_head

import segpost
from segpost.cli import main

LOGITS = scene(6, 20, 28) * 0.4
SIZE = (60, 90)
PALETTE = segpost.Palette.distinct(6)


def labels_of(logits: Any = LOGITS, **settings: Any) -> np.ndarray:
    return np.asarray(segpost.postprocess(logits, **{"decode": "iou", **settings}).labels)


@pytest.mark.parametrize("decode", ["dice", "iou"])
@pytest.mark.usefixtures("backend")
def test_results_follow_from_the_decoded_labels(decode: Any) -> None:
    image = np.random.default_rng(0).integers(256, size=(*SIZE, 3), dtype=np.uint8)
    want: Any = ("labels", "color", "overlay", "probabilities", "entropy", "topk", "regions")
    seg = segpost.postprocess(
        LOGITS, size=SIZE, image=image, palette=PALETTE, decode=decode, want=want
    )
    plain = segpost.postprocess(LOGITS, size=SIZE, want=("labels", "probabilities", "topk"))
    assert (seg.labels != plain.labels).any()
    np.testing.assert_array_equal(seg.color, segpost.colorize(seg.labels, PALETTE))
    np.testing.assert_array_equal(seg.overlay, segpost.overlay(image, seg.labels, PALETTE))
    np.testing.assert_array_equal(seg.probabilities, plain.probabilities)
    np.testing.assert_array_equal(seg.topk.labels, plain.topk.labels)  # of the probabilities
    assert {r.label: r.area for r in seg.regions} == {
        int(c): int(n) for c, n in zip(*np.unique(seg.labels, return_counts=True), strict=True)
    }


def test_expected_score_of_the_image_is_not_below_that_of_argmax() -> None:
    p = segpost.postprocess(LOGITS, size=SIZE, want=("probabilities",)).probabilities

    def dice_of(labels: np.ndarray) -> float:
        classes = [c for c in range(6) if p[c].max() > 0.5]
        inside = [labels == c for c in classes]
        sums = [
            2 * p[c][i].sum() / (p[c].sum() + i.sum() + 1)
            for c, i in zip(classes, inside, strict=True)
        ]
        return float(np.mean(sums))

    assert dice_of(labels_of(size=SIZE, decode="dice")) > dice_of(segpost.argmax(LOGITS, size=SIZE))


def test_images_of_a_batch_are_independent() -> None:
    batch = np.stack([LOGITS, LOGITS[:, ::-1] * 0.3, LOGITS * 3])
    together = labels_of(batch, size=SIZE)
    for logits, labels in zip(batch, together, strict=True):
        np.testing.assert_array_equal(labels_of(logits, size=SIZE), labels)


def test_layouts_and_letterbox() -> None:
    last = np.ascontiguousarray(LOGITS.transpose(1, 2, 0))
    np.testing.assert_array_equal(labels_of(last, axis=-1, size=SIZE), labels_of(size=SIZE))
    box = segpost.Letterbox.fit((50, 80), (160, 224))
    boxed = labels_of(letterbox=box)
    assert boxed.shape == (50, 80)
    assert (boxed == np.asarray(segpost.argmax(LOGITS, letterbox=box))).mean() > 0.8


def test_one_channel_is_a_sigmoid() -> None:
    logits = LOGITS[:1] - 0.5
    labels = labels_of(logits, size=SIZE)
    plain = segpost.postprocess(logits, size=SIZE, threshold=0.5).labels
    assert set(np.unique(labels)) == {0, 1}
    assert (labels >= plain).all()  # a threshold is at most 1/2
    assert (labels > plain).any()
    assert not labels_of(logits - 20).any()


def test_probabilities_of_a_convention_and_of_a_crf() -> None:
    p = segpost.softmax(LOGITS)
    convention = segpost.Convention(kind="probabilities")
    labels = labels_of(p, convention=convention)
    assert (labels == labels_of()).mean() > 0.999
    image = np.random.default_rng(0).integers(256, size=(20, 28, 3), dtype=np.uint8)
    refined = segpost.postprocess(
        LOGITS, image=image, crf="pydensecrf", decode="iou", want=("labels", "probabilities")
    )
    again = labels_of(refined.probabilities, convention=convention)
    np.testing.assert_array_equal(refined.labels, again)
    one = 1 / (1 + np.exp(-LOGITS[:1]))
    sigmoid = labels_of(one, convention=convention, size=SIZE)
    assert set(np.unique(sigmoid)) == {0, 1}


def test_quantized_logits_need_their_scale() -> None:
    quantized = np.clip(np.round(LOGITS / 0.1), -128, 127).astype(np.int8)
    with pytest.raises(TypeError, match="decode='iou' pass quantization"):
        labels_of(quantized)
    assert (labels_of(quantized, quantization=(0.1, 0)) == labels_of()).mean() > 0.95


@pytest.mark.parametrize("decode", ["dice", "iou"])
def test_stream(decode: Any) -> None:
    stream = segpost.Stream(size=SIZE, decode=decode, palette=PALETTE, want=("labels", "color"))
    for logits in (LOGITS, LOGITS[:, ::-1].copy(), LOGITS * 2):
        seg = stream(logits)
        np.testing.assert_array_equal(seg.labels, labels_of(logits, size=SIZE, decode=decode))
        np.testing.assert_array_equal(seg.color, segpost.colorize(seg.labels, PALETTE))


def test_undefined_pixels_are_errors_or_have_the_label_of_argmax() -> None:
    logits = LOGITS.copy()
    logits[2, 4, 5] = np.nan
    with pytest.raises(ValueError, match="1 NaN of"):
        labels_of(logits)
    labels = labels_of(logits, nan="propagate")
    assert labels[4, 5] == segpost.argmax(logits, nan="propagate")[4, 5] == 2
    logits[2, 4, 5] = np.inf  # has a label, and no probabilities
    with pytest.raises(ValueError, match="1 of"):
        labels_of(logits)
    assert labels_of(logits, nan="propagate")[4, 5] == 2


def test_confidence_is_refused_and_its_cure_works() -> None:
    with pytest.raises(ValueError, match="gives other labels") as error:
        labels_of(want=("labels", "confidence"))
    want, call = re.findall(r"pass (want=\(.*?\)) and take (np.*)$", str(error.value))[0]
    assert want == 'want=("labels", "probabilities")'
    seg = segpost.postprocess(LOGITS, decode="iou", want=("labels", "probabilities"))
    confidence = eval(call, {"np": np, "seg": seg})
    y, x = np.indices(seg.labels.shape)
    np.testing.assert_array_equal(confidence, seg.probabilities[seg.labels, y, x])
    batch = np.stack([LOGITS, LOGITS[::-1]])
    seg = segpost.postprocess(batch, decode="iou", want=("labels", "probabilities"))
    of_batch = eval(call, {"np": np, "seg": seg})
    assert of_batch.shape == seg.labels.shape
    np.testing.assert_array_equal(of_batch[0], confidence)


def test_contradictions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"threshold=0\.3: leave threshold= out"):
        labels_of(LOGITS[:1], threshold=0.3)
    volume = LOGITS.reshape(6, 4, 5, 28)
    with pytest.raises(ValueError, match=r"of volumes: .*logits\[:, z\]"):
        labels_of(volume, volume=True)
    z = 2
    assert labels_of(volume[:, z]).shape == (5, 28)  # the cure
    with pytest.raises(ValueError, match="decode must be one of"):
        labels_of(decode="IoU")
    with pytest.raises(ValueError, match="decode= is given"):
        labels_of(np.zeros((4, 4), np.uint8), convention=segpost.Convention(kind="labels"))


def test_heads_of_queries_are_refused() -> None:
    classes, masks = random_head()
    output = {"class_queries_logits": classes[None], "masks_queries_logits": masks[None]}
    with pytest.raises(ValueError, match="decode= is given, but the classes of a head of queries"):
        segpost.postprocess(output, convention="mask2former", decode="iou")


@pytest.mark.usefixtures("device")
def test_arrays_on_a_device_are_refused_with_the_cure() -> None:
    with pytest.raises(NotImplementedError, match=r"decoding for Dice or IoU: .*x\.cpu\(\)"):
        segpost.postprocess(Cuda(LOGITS), decode="iou")


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = pytest.importorskip("PIL.Image")
    monkeypatch.chdir(tmp_path)
    np.save("logits.npy", LOGITS)
    words = ["run", "logits.npy", "--decode", "dice", "--size", "60", "90", "--out", "out"]
    assert main(words) == 0
    (path,) = Path("out").glob("*labels*.png")
    np.testing.assert_array_equal(np.asarray(image.open(path)), labels_of(size=SIZE, decode="dice"))


def test_torch_operator() -> None:
    torch = pytest.importorskip("torch")
    import segpost.torch

    (labels,) = segpost.torch.postprocess(torch.from_numpy(LOGITS), size=SIZE, decode="iou")
    np.testing.assert_array_equal(labels.numpy(), labels_of(size=SIZE))
