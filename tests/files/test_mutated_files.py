"""Damaged pictures, arrays, records and states are errors of four kinds, never anything else."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutations import count_refused

import segpost
from segpost.files import (
    read_array,
    read_image,
    read_json_object,
    read_labels,
    read_nifti,
    read_nifti_labels,
)

pytestmark = pytest.mark.faults
COUNT = 1000  # damaged versions of every file


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "gif", "bmp", "webp"])
def test_pictures(tmp_path: Path, suffix: str) -> None:
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(0, 4, (5, 6)), np.ones((4, 4))).astype(np.uint8)
    buffer = io.BytesIO()
    picture = image.fromarray(labels)
    picture.save(buffer, format={"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix))
    path = tmp_path / f"labels.{suffix}"
    path.write_bytes(buffer.getvalue())
    read_image(path)  # the whole file is read
    assert count_refused(path, buffer.getvalue(), read_image, COUNT) > 0
    assert count_refused(path, buffer.getvalue(), read_labels, COUNT) > 0


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_arrays(tmp_path: Path, suffix: str) -> None:
    buffer = io.BytesIO()
    logits = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
    if suffix == "npy":
        np.save(buffer, logits)
    else:
        np.savez(buffer, logits=logits)
    path = tmp_path / f"logits.{suffix}"

    def read(path: Path) -> object:
        return np.array(read_array(path))

    path.write_bytes(buffer.getvalue())
    np.testing.assert_array_equal(read(path), logits)
    assert count_refused(path, buffer.getvalue(), read, COUNT) > 100


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_volumes(tmp_path: Path, ending: str) -> None:
    """Bits of the values of an uncompressed file have no check sum; others are refused."""
    nibabel = pytest.importorskip("nibabel")
    labels = np.random.default_rng(0).integers(0, 4, (5, 4, 3)).astype(np.uint8)
    path = tmp_path / f"labels{ending}"
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), path)
    for read in (read_nifti_labels, read_nifti):
        read(path)
        assert count_refused(path, path.read_bytes(), read, COUNT) > 100
        nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), path)


def _reader(kind: Any) -> Callable[[Path], object]:
    return lambda path: kind.from_json(path.read_bytes())


def states() -> dict[str, tuple[bytes, Callable[[Path], object]]]:
    """States and records as JSON, with what reads them."""
    rng = np.random.default_rng(1)
    preds, target = rng.integers(0, 3, (2, 12, 14)), rng.integers(0, 3, (2, 12, 14))
    readable: dict[str, tuple[bytes, Callable[[Path], object]]] = {}
    metrics: list[Any] = [
        segpost.ConfusionMatrix(3, per_image=True),
        segpost.BoundaryIoU(3),
        segpost.TrimapIoU(3),
        segpost.BoundaryF(3),
    ]
    for metric in metrics:
        metric.update(preds, target)
    calibration = segpost.Calibration(3)
    calibration.update(rng.standard_normal((2, 3, 6, 7)).astype(np.float32), target)
    for metric in (*metrics, calibration):
        kind = type(metric)
        readable[kind.__name__] = (
            metric.to_json().encode(),
            _reader(kind),
        )
    record = segpost.fingerprint(rng.standard_normal((3, 6, 7)).astype(np.float32))
    readable["fingerprint"] = (record.to_json().encode(), segpost.Fingerprint.load)
    readable["object"] = (b'{"a": [1, 2.5, null, {"b": "c"}]}', read_json_object)
    return readable


@pytest.mark.parametrize("name", list(states()))
def test_states(tmp_path: Path, name: str) -> None:
    data, read = states()[name]
    path = tmp_path / "state.json"
    path.write_bytes(data)
    read(path)
    assert count_refused(path, data, read, COUNT) > 100
