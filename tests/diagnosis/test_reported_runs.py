"""Situations that were reported elsewhere: values, buffers, palettes of files, paddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from diagnosis_scenes import Image, open_saved

import segpost

Y, X = np.mgrid[:96, :128]
VOC = segpost.Palette.named("voc")


def five_classes() -> np.ndarray:
    """Return (96, 128) labels of five classes."""
    ids = np.zeros((96, 128), np.uint8)
    ids[20:60, 10:50], ids[50:90, 60:110], ids[5:30, 80:120] = 1, 2, 3
    ids[(Y - 70) ** 2 + (X - 30) ** 2 < 300] = 4
    return ids


IDS = five_classes()
GIVEN: dict[str, Any] = {"labels": IDS, "num_classes": 5}


def codes(**given: Any) -> tuple[str, ...]:
    """Return the codes of the findings."""
    return segpost.diagnose(**given).codes


@pytest.mark.parametrize("label", range(1, 21))
def test_an_object_of_voc_read_as_gray(label: int) -> None:
    """A picture of one object: its gray value is no mask of 255, whichever the class."""
    labels = np.where(IDS == 2, label, 0).astype(np.uint8)
    picture = Image.fromarray(np.asarray(segpost.colorize(labels, VOC)))
    target = np.asarray(picture.convert("L"))
    found = codes(labels=labels, target=target, palette="voc")
    dark = label in (4, 8)  # their gray values are classes, which a network may have missed
    assert found == (() if dark else ("target-luma",))


def test_ids_that_were_stretched() -> None:
    """plt.imsave stretches ids to 0..255: no palette has these values by chance."""
    stretched = np.array([0, 64, 128, 192, 255], np.uint8)[IDS]
    assert codes(**GIVEN, target=stretched) == ("target-stretched",)
    assert codes(labels=stretched, num_classes=5) == ("labels-stretched",)


def test_channels_and_orders_of_a_picture() -> None:
    """One channel of the colors, and all in the order blue, green, red."""
    bgr = np.ascontiguousarray(VOC.colors[IDS][..., ::-1])
    assert codes(**GIVEN, palette="voc", target=bgr[..., 0]) == ("target-luma",)
    found = segpost.diagnose(**GIVEN, palette="voc", target=bgr)
    assert found.codes == ("target-is-a-picture",)
    assert "blue, green, red" in found.findings[0].message


def test_buffers_of_another_type() -> None:
    """Integers read as floats, and floats read as integers."""
    bits = IDS.astype(np.int32).view(np.float32)
    assert codes(labels=bits) == ("bits-as-floats",)
    assert codes(logits=bits[None], target=IDS)[0] == "bits-as-floats"
    logits = np.random.default_rng(0).normal(size=(5, 96, 128)).astype(np.float32)
    assert codes(logits=logits.view(np.int32)) == ("bits-as-floats",)


def test_masks_that_totensor_divided() -> None:
    """As floats they are decoded; as integers nothing is left, which is a hint."""
    assert codes(**GIVEN, target=(IDS / 255).astype(np.float32)) == ("ids-divided",)
    found = segpost.diagnose(**GIVEN, target=np.zeros(IDS.shape, np.int64)).findings
    assert [(finding.code, finding.rank) for finding in found] == [("target-all-zero", "hint")]
    with pytest.raises(TypeError, match="must be integers"):
        segpost.diagnose(labels=np.random.default_rng(0).random((8, 8)))


def test_a_binary_target_whose_background_is_void() -> None:
    """255 may be foreground, or background that reduce_zero_label removed: both are said."""
    blob = (Y - 48) ** 2 + (X - 64) ** 2 < 500
    found = segpost.diagnose(
        labels=np.zeros(IDS.shape, np.uint8), target=np.where(blob, 0, 255).astype(np.uint8),
        num_classes=2, ignore_index=255,
    ).findings  # fmt: skip
    assert [(finding.code, finding.rank) for finding in found] == [("target-0-255", "hint")]
    assert "foreground" in found[0].message


def test_padding_that_was_cut_with_width_for_height() -> None:
    """The padding of a letterbox was cut off as if the image were 128 high and 96 wide."""
    scene = ((X // 24 + Y // 24) % 4).astype(np.uint8)
    box = segpost.Letterbox.fit((96, 128), (128, 128))
    cut = np.asarray(box.apply_labels(scene, void=0))[:, 16:112]
    wrong = cut[(np.arange(96) * 128 // 96)[:, None], np.arange(128) * 96 // 128]
    found = segpost.diagnose(labels=wrong, target=scene, num_classes=4).findings[0]
    assert found.code == "letterbox"
    assert "width and height exchanged" in found.message


def test_bytes_of_an_input_with_the_wrong_sign() -> None:
    """Bytes fed as int8: what is above 127 became negative."""
    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    found = segpost.diagnose(
        input=image.view(np.int8).transpose(2, 0, 1), image=image, mean=(0, 0, 0), std=(1, 1, 1)
    ).findings[0]
    assert found.code == "input-normalization"
    assert "int8" in found.message


def test_a_jpeg_explains_what_it_did() -> None:
    """Ids beyond the classes come from the file's format, which stands before them."""
    assert (
        codes(**GIVEN, target=open_saved(IDS * np.uint8(10), kind="JPEG"))[0] == "lossy-label-file"
    )
