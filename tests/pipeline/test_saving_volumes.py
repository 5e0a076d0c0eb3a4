"""Segmentation.save of volumes: NIfTI with the geometry of an image, and arrays."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_devices import Cuda
from volume_files import AFFINE, SIZE, label_volume, logit_volume, nibabel, write_volume

import segpost
from segpost import Segmentation
from segpost.pipeline.results import Want

WANTED: tuple[Want, ...] = ("labels", "confidence", "probabilities", "entropy", "margin", "topk")


def made(**options: Any) -> Segmentation:
    """Every result of a volume."""
    return segpost.postprocess(logit_volume(), volume=True, want=WANTED, **options)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The image that the results belong to."""
    folder = tmp_path / "images"
    return write_volume(folder / "case.nii.gz", label_volume().astype(np.int16))


def test_every_result_is_that_of_a_nifti_file(tmp_path: Path, image: Path) -> None:
    seg = made()
    paths = seg.save_all(tmp_path / "out", like=image)
    assert [path.name for path in paths.values()] == [
        *(f"{what}.nii.gz" for what in WANTED[:-1]),
        "topk.npz",
    ]
    for what in WANTED[:-1]:
        written = nibabel.load(paths[what])
        np.testing.assert_array_equal(np.asarray(written.dataobj).T, getattr(seg, what))
        np.testing.assert_array_equal(written.affine, AFFINE)
        assert written.get_data_dtype() == getattr(seg, what).dtype
    assert nibabel.load(paths["probabilities"]).shape == (*SIZE[::-1], 4)


def test_every_result_is_that_of_an_array_file(tmp_path: Path) -> None:
    seg = made()
    paths = seg.save_all(tmp_path)
    assert {path.suffix for path in paths.values()} == {".npy", ".npz"}
    for what in WANTED[:-1]:
        np.testing.assert_array_equal(np.load(paths[what]), getattr(seg, what))


def test_a_batch_of_one_and_channels_last(tmp_path: Path, image: Path) -> None:
    seg = segpost.postprocess(
        np.moveaxis(logit_volume(), 0, -1)[None],
        axis=-1,
        volume=True,
        want=("labels", "probabilities"),
    )
    seg.save(tmp_path / "labels.nii", like=image)
    seg.save(tmp_path / "p.nii", what="probabilities", like=image)
    one = made()
    np.testing.assert_array_equal(
        np.asarray(nibabel.load(tmp_path / "labels.nii").dataobj).T, one.labels
    )
    saved = np.asarray(nibabel.load(tmp_path / "p.nii").dataobj).T
    np.testing.assert_array_equal(saved, one.probabilities)


def test_integers_that_stand_for_shares_have_their_slope(tmp_path: Path, image: Path) -> None:
    seg = made(probabilities_dtype="uint8")
    seg.save(tmp_path / "p.nii.gz", what="probabilities", like=image)
    written = nibabel.load(tmp_path / "p.nii.gz")
    assert written.get_data_dtype() == np.uint8
    np.testing.assert_allclose(written.get_fdata().T, made().probabilities, atol=0.5 / 255 + 1e-6)


def test_what_cannot_be_saved(tmp_path: Path, image: Path) -> None:
    """Each error says what to pass, and nothing is written."""
    seg, picture = made(), segpost.postprocess(logit_volume()[:, 0])
    small = write_volume(image.parent / "small.nii", label_volume()[:4])
    out = tmp_path / "out"
    out.mkdir()
    cases: list[tuple[Segmentation, str, dict[str, Any], str]] = [
        (seg, "labels.nii.gz", {}, 'pass like="IMAGE.nii.gz", or save an array without them'),
        (seg, "labels.npy", {"like": image}, "like is for NIfTI files of volumes"),
        (seg, "labels.png", {}, "other formats hold no volumes"),
        (seg, "labels.nii", {"like": small}, "would be 5 x 6 x 8, and like="),
        (seg, "labels.nii", {"like": out / "none.nii"}, "No such file"),
        (seg, "labels.nii", {"what": "entropy", "like": image}, 'pass what="labels"'),
        (seg, "color.png", {"what": "color"}, "volumes have no color"),
        (picture, "labels.nii.gz", {"like": image}, "NIfTI holds volumes"),
        (picture, "labels.png", {"like": image}, "like is for NIfTI files of volumes"),
    ]
    for one, name, options, message in cases:
        with pytest.raises((ValueError, OSError), match=re.escape(message)):
            one.save(out / name, **options)
    with pytest.raises(ValueError, match="like is for volumes"):
        picture.save_all(out, like=image)
    opened: Any = nibabel.load(image)
    with pytest.raises(
        TypeError, match=r"path of a file, got Nifti1Image: pass like\.get_filename"
    ):
        seg.save(out / "labels.nii", like=opened)
    assert not list(out.iterdir())
    seg.save(out / "labels.nii", like=opened.get_filename())


def test_labels_of_other_functions_are_saved_as_a_volume(tmp_path: Path, image: Path) -> None:
    """Labels that are no result of postprocess: the cure of the error, executed."""
    labels = label_volume()
    with pytest.raises(ValueError, match=r"segpost\.Segmentation\(labels=labels, volume=True\)"):
        segpost.Segmentation(labels=labels).save(tmp_path / "clean.nii.gz", like=image)
    segpost.Segmentation(labels=labels, volume=True).save(tmp_path / "clean.nii.gz", like=image)
    assert (tmp_path / "clean.nii.gz").stat().st_size


@pytest.mark.usefixtures("device")
def test_results_on_a_device(tmp_path: Path, image: Path) -> None:
    """Files of results on a CUDA device are those of the CPU."""
    labels = label_volume()
    seg, wanted = (Segmentation(labels=one, volume=True) for one in (Cuda(labels), labels))
    seg.save(tmp_path / "labels.nii.gz", like=image)
    written = nibabel.load(tmp_path / "labels.nii.gz")
    np.testing.assert_array_equal(np.asarray(written.dataobj).T, labels)
    pages = []
    for k, one in enumerate((seg, wanted)):
        (tmp_path / str(k)).mkdir()
        one.save(tmp_path / str(k) / "case.html", what="overlay", like=image)
        pages.append((tmp_path / str(k) / "case.html").read_bytes())
    assert pages[0] == pages[1]
