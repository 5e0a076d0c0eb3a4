"""NIfTI files: what nibabel has written is read, and what is written nibabel reads."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from volume_files import AFFINE, SIZE, SPACING, label_volume, logit_volume, nibabel, write_volume

import segpost
from segpost.files import read_nifti, read_nifti_header, read_nifti_labels, write_nifti
from segpost.files.geometry import check_same_geometry
from segpost.files.listing import list_files
from segpost.files.tensors import read_logits, read_logits_header


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", ">i2", "uint16", "int32", "int64"])
def test_labels_are_those_of_nibabel_with_reversed_axes(
    tmp_path: Path, ending: str, dtype: str
) -> None:
    labels = label_volume()
    path = write_volume(tmp_path / f"a{ending}", labels.astype(dtype))
    read = read_nifti_labels(path)
    np.testing.assert_array_equal(read.labels, np.asarray(nibabel.load(path).dataobj).T)
    np.testing.assert_array_equal(read.labels, labels)
    assert read.labels.flags.c_contiguous
    assert read.labels.dtype == np.dtype(dtype).newbyteorder("=")
    assert read.geometry.shape == SIZE
    assert read.geometry.spacing == pytest.approx(SPACING)
    assert read.geometry.orientation == "".join(nibabel.aff2axcodes(AFFINE)) == "LPS"


def test_headers_of_the_other_byte_order_and_of_nifti_2(tmp_path: Path) -> None:
    labels = label_volume()
    big = nibabel.Nifti1Image(labels.T, AFFINE, nibabel.Nifti1Header(endianness=">"))
    big.header.set_data_dtype(">i2")
    nibabel.save(big, tmp_path / "big.nii")
    nibabel.save(nibabel.Nifti2Image(labels.T, AFFINE), tmp_path / "second.nii.gz")
    for name in ("big.nii", "second.nii.gz"):
        read = read_nifti_labels(tmp_path / name)
        np.testing.assert_array_equal(read.labels, labels)
        np.testing.assert_allclose(read.geometry.affine, AFFINE)


def test_four_axes_are_classes_first(tmp_path: Path) -> None:
    logits = logit_volume()
    path = write_volume(tmp_path / "case.nii.gz", logits)
    np.testing.assert_array_equal(read_nifti(path), logits)
    np.testing.assert_array_equal(read_logits(path), logits)
    np.testing.assert_array_equal(read_nifti(path, 2), logits[2])
    header = read_logits_header(path)
    assert (header.shape, header.dtype) == (logits.shape, np.dtype("float32"))
    with pytest.raises(ValueError, match=r"labels are \(depth, height, width\), got 4 volumes"):
        read_nifti_labels(path)


def test_axes_of_length_one_behind_the_volume_are_left_out(tmp_path: Path) -> None:
    labels = label_volume()
    path = write_volume(tmp_path / "a.nii", labels[None, None])
    assert read_nifti_header(path).shape == SIZE
    np.testing.assert_array_equal(read_nifti_labels(path).labels, labels)


def test_scaled_values(tmp_path: Path) -> None:
    """Whole numbers are labels, scaled or as floats; other values are none."""
    labels = label_volume()
    path = write_volume(tmp_path / "a.nii.gz", labels, scl_slope=2.0, scl_inter=1.0)
    assert read_nifti_labels(path).labels.tolist() == (2 * labels.astype(int) + 1).tolist()
    half = write_volume(tmp_path / "half.nii", labels, scl_slope=0.5)
    with pytest.raises(ValueError, match=r"scales them by 0\.5, and \d+ of the 48 values of slice"):
        read_nifti_labels(half)
    np.testing.assert_array_equal(read_nifti(half), labels * np.float32(0.5))
    floats = write_volume(tmp_path / "floats.nii", labels.astype(np.float32))
    np.testing.assert_array_equal(read_nifti_labels(floats).labels, labels)
    assert read_nifti_labels(floats).labels.dtype == np.int32
    for value, shown in ((0.99999, "0.99999"), (np.nan, "nan"), (np.inf, "inf"), (2.0**40, "1.09")):
        odd = labels.astype(np.float64)
        odd[2, 3, 4] = value
        path = write_volume(tmp_path / "odd.nii", odd)
        with pytest.raises(
            ValueError, match=r"float64, and 1 of the 48 values of slice 2 are none"
        ):
            read_nifti_labels(path)
        with pytest.raises(ValueError, match=rf"first {shown}.* at \[2, 3, 4\]"):
            read_nifti_labels(path)


def test_a_header_with_two_spacings(tmp_path: Path) -> None:
    """That of the affine is used, with a warning; rounded ones are the same."""
    labels = label_volume()
    other = write_volume(tmp_path / "other.nii", labels, pixdim=[1, 1, 1, 1, 1, 1, 1, 1])
    with pytest.warns(segpost.InputWarning, match=r"affine has a spacing of 3 x 1\.5 x 1\.25 mm"):
        write_nifti(tmp_path / "out.nii", labels, other)
    assert read_nifti_header(tmp_path / "out.nii").geometry.spacing == pytest.approx(SPACING)
    near = write_volume(tmp_path / "near.nii", labels, pixdim=[1, 1.251, 1.5, 3, 1, 1, 1, 1])
    write_nifti(tmp_path / "out.nii", labels, near)
    flat = write_volume(tmp_path / "flat.nii", labels, sform_code=1, srow_z=[0, 0, 0, 0])
    with pytest.raises(ValueError, match=r"like=.*flat\.nii: its header is damaged: the spacing"):
        write_nifti(tmp_path / "out.nii", labels, flat)


def test_spacing_is_in_millimeters(tmp_path: Path) -> None:
    path = write_volume(tmp_path / "a.nii", label_volume(), units="micron")
    assert read_nifti_header(path).geometry.spacing == pytest.approx([n / 1e3 for n in SPACING])


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_what_is_written_has_the_geometry_of_like(tmp_path: Path, ending: str) -> None:
    image = nibabel.Nifti1Image(np.zeros(SIZE[::-1], np.int16), None)
    turned = AFFINE.copy()
    turned[:2, :2] = [[-1.2, 0.3], [-0.29, -1.47]]
    image.set_qform(turned, 1)
    image.set_sform(AFFINE, 2)
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, tmp_path / "case.nii.gz")
    for array in (label_volume(), label_volume().astype(np.int32), logit_volume()):
        path = tmp_path / f"out{ending}"
        write_nifti(path, array, tmp_path / "case.nii.gz")
        written = nibabel.load(path)
        np.testing.assert_array_equal(np.asarray(written.dataobj).T, array)
        assert written.get_data_dtype() == array.dtype
        np.testing.assert_array_equal(written.affine, AFFINE)
        np.testing.assert_allclose(written.get_qform(), image.get_qform(), atol=1e-6)
        codes = [int(written.header[name]) for name in ("qform_code", "sform_code")]
        assert codes == [1, 2]
        assert written.header.get_xyzt_units()[0] == "mm"
        assert written.header.get_zooms()[:3] == image.header.get_zooms()
    first = path.read_bytes()
    write_nifti(path, array, tmp_path / "case.nii.gz")
    assert path.read_bytes() == first


def test_views_of_other_strides_are_written(tmp_path: Path) -> None:
    like = write_volume(tmp_path / "case.nii", label_volume())
    logits = np.moveaxis(np.ascontiguousarray(np.moveaxis(logit_volume(), 0, -1)), -1, 0)
    write_nifti(tmp_path / "out.nii.gz", logits, like)
    np.testing.assert_array_equal(read_nifti(tmp_path / "out.nii.gz"), logits)


def test_another_size_than_like_is_an_error_and_nothing_is_written(tmp_path: Path) -> None:
    like = write_volume(tmp_path / "case.nii", label_volume()[:3])
    with pytest.raises(ValueError, match=r"would be 5 x 6 x 8, and like=.*case\.nii is 3 x 6 x 8"):
        write_nifti(tmp_path / "out.nii.gz", label_volume(), like)
    assert [path.name for path in tmp_path.iterdir()] == ["case.nii"]


def test_the_image_is_not_replaced(tmp_path: Path) -> None:
    like = write_volume(tmp_path / "case.nii", label_volume())
    before = like.read_bytes()
    (tmp_path / "link.nii").symlink_to(like)
    for name in ("case.nii", "link.nii"):
        with pytest.raises(ValueError, match="is the image that like= names"):
            write_nifti(tmp_path / name, label_volume(), like)
    assert like.read_bytes() == before


def test_two_places(tmp_path: Path) -> None:
    """A thousandth of a voxel is no contradiction; more is, with both values."""
    near, far = AFFINE.copy(), AFFINE.copy()
    near[0, 3] += 1e-3
    far[0, 3] += 1.25
    headers = [
        read_nifti_header(write_volume(tmp_path / f"{name}.nii", label_volume(), affine)).geometry
        for name, affine in (("a", AFFINE), ("near", near), ("far", far))
    ]
    check_same_geometry(headers[0], "a", headers[1], "near")
    with pytest.raises(
        ValueError, match=r"by 1 of a voxel: a has \[-1.25 0 0 30;.*far has .*31.25"
    ):
        check_same_geometry(headers[0], "a", headers[2], "far")


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda data: b"", "it is empty"),
    "no NIfTI": (lambda data: b"P5 " + data, "it is no NIfTI file"),
    "cut header": (lambda data: data[:100], "its header is not whole"),
    "cut values": (lambda data: data[:-10], "it is cut"),
    "two parts": (lambda data: data[:344] + b"ni1\0" + data[348:], "a file of two parts"),
    "no sides": (lambda data: data[:40] + bytes(16) + data[56:], "its shape is"),
    "type": (lambda data: data[:70] + b"\x99\x09" + data[72:], "its header is damaged"),
    "complex": (lambda data: data[:70] + b"\x20\x00" + data[72:], "it holds complex64"),
    "offset": (lambda data: data[:108] + b"\0\0\0\x7f" + data[112:], "header is damaged"),
    "affine": (lambda data: data[:280] + b"\0\0\xc0\x7f" + data[284:], "not finite"),
    "huge": (lambda data: data[:42] + b"\xff\x7f" * 3 + data[48:], "it is cut"),
}


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("name", list(DAMAGES))
def test_damaged_files(tmp_path: Path, name: str, ending: str) -> None:
    damage, message = DAMAGES[name]
    source = write_volume(tmp_path / "a.nii", label_volume())
    content = damage(source.read_bytes())
    path = tmp_path / f"damaged{ending}"
    path.write_bytes(gzip.compress(content) if ending == ".nii.gz" else content)
    with pytest.raises((ValueError, OSError), match=message):
        read_nifti_labels(path)


def test_damaged_compression(tmp_path: Path) -> None:
    """The check sum of gzip is read, and a stream that ends early is an error."""
    path = write_volume(tmp_path / "a.nii.gz", label_volume())
    content = bytearray(path.read_bytes())
    content[-5] ^= 1  # of the check sum
    path.write_bytes(content)
    with pytest.raises(ValueError, match="CRC"):
        read_nifti_labels(path)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"damaged|cut"):
        read_nifti_labels(path)


def test_a_small_file_that_becomes_large_takes_no_memory(tmp_path: Path) -> None:
    """A header of 4 GiB is refused before a value is read: gzip could hold so many zeros."""
    small = write_volume(tmp_path / "a.nii", label_volume())
    data = small.read_bytes()
    path = tmp_path / "a.nii.gz"
    noise = np.random.default_rng(0).bytes(1 << 23)
    sides = np.array([3, 2048, 2048, 2048], np.int16).tobytes()
    path.write_bytes(gzip.compress(data[:40] + sides + data[48:] + noise))
    with pytest.raises(ValueError, match="it would become 8,589,934,592 bytes in memory"):
        read_nifti_labels(path)


def test_names_of_cases_keep_their_numbers(tmp_path: Path) -> None:
    for name in ("case_0001.nii.gz", "case_0002.nii", "dataset.json"):
        (tmp_path / name).touch()
    files = list_files(tmp_path, "preds=", (".nii", ".nii.gz"))
    assert [file.key for file in files] == ["case_0001", "case_0002"]
    with pytest.raises(ValueError, match=r"holds no \.png file, but 3 of \.json, \.nii, \.nii\.gz"):
        list_files(tmp_path, "preds=", (".png",))
