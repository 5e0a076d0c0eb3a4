"""Logits in files of frameworks: one tensor of a .safetensors, .pt or .h5 file."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segpost._core.arrays import Array
from segpost.files.tensors import read_logits, read_logits_header

LOGITS = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
MASK = np.arange(20, dtype=np.int64).reshape(4, 5)


def write_safetensors(path: Path, arrays: dict[str, Array], kinds: dict[str, str]) -> Path:
    header: dict[str, Any] = {}
    body = b""
    for name, array in arrays.items():
        end = len(body) + array.nbytes
        header[name] = {
            "dtype": kinds[name],
            "shape": list(array.shape),
            "data_offsets": [len(body), end],
        }
        body += array.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path


def write(folder: Path, suffix: str, arrays: dict[str, Array]) -> Path:
    path = folder / f"file{suffix}"
    if suffix == ".safetensors":
        kinds = {
            name: "F32" if array.dtype.kind == "f" else "I64" for name, array in arrays.items()
        }
        return write_safetensors(path, arrays, kinds)
    if suffix == ".pt":
        torch = pytest.importorskip("torch")
        torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, path)
        return path
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


SUFFIXES = (".safetensors", ".h5", pytest.param(".pt", marks=pytest.mark.slow))


def test_a_file_of_torch(tmp_path: Path) -> None:
    path = write(tmp_path, ".pt", {"logits": LOGITS, "mask": MASK, "scale": LOGITS[0, 0]})
    assert np.array_equal(read_logits(path), LOGITS)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_only_tensor_that_can_be_logits(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path, suffix, {"logits": LOGITS, "mask": MASK, "scale": LOGITS[0, 0]})
    assert np.array_equal(read_logits(path), LOGITS)
    assert np.array_equal(read_logits(path, index=1), LOGITS[1])
    assert read_logits_header(path)[:2] == (LOGITS.shape, LOGITS.dtype)
    assert np.array_equal(read_logits(path, "mask"), MASK)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_tensor_is_named_where_there_are_several(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path, suffix, {"aux": LOGITS + 1, "out": LOGITS})
    known = r"'aux' float32 \(3, 4, 5\), 'out' float32 \(3, 4, 5\)"
    for read in (read_logits, read_logits_header):
        with pytest.raises(ValueError, match=rf"^2 of its tensors .* name it by key=, of {known}$"):
            read(path)
        with pytest.raises(ValueError, match=f"^it has no tensor 'x'; there are {known}$"):
            read(path, "x")
    assert np.array_equal(read_logits(path, "out"), LOGITS)


@pytest.mark.slow
def test_names_of_nested_mappings(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(LOGITS)
    torch.save({"heads": [{"out": tensor.bfloat16()}], "epoch": 3}, tmp_path / "a.pt")
    expected = tensor.bfloat16().float().numpy()
    assert np.array_equal(read_logits(tmp_path / "a.pt"), expected)
    assert np.array_equal(read_logits(tmp_path / "a.pt", "heads.0.out"), expected)
    torch.save(tensor[:, ::2].permute(2, 0, 1), tmp_path / "b.pth")
    assert np.array_equal(read_logits(tmp_path / "b.pth"), LOGITS[:, ::2].transpose(2, 0, 1))


def test_bfloat16_becomes_float32(tmp_path: Path) -> None:
    bits = (LOGITS.view(np.uint32) >> 16).astype(np.uint16)
    path = write_safetensors(tmp_path / "a.safetensors", {"x": bits}, {"x": "BF16"})
    array = read_logits(path)
    assert array.dtype == np.float32
    assert np.array_equal(array.view(np.uint32), bits.astype(np.uint32) << 16)
    assert read_logits_header(path).dtype == np.float32


@pytest.mark.slow
def test_an_unsafe_pickle_is_refused(tmp_path: Path) -> None:
    import os
    import pickle

    pytest.importorskip("torch")

    class Payload:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "made"),)

    (tmp_path / "a.pt").write_bytes(pickle.dumps({"logits": Payload()}, 2))
    with pytest.raises(ValueError, match=r"refuses it|would be called"):
        read_logits(tmp_path / "a.pt")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_that_hold_no_tensor(suffix: str, tmp_path: Path) -> None:
    if suffix != ".safetensors":
        pytest.importorskip({".pt": "torch", ".h5": "h5py"}[suffix])
    path = tmp_path / f"a{suffix}"
    for content in (b"", b"text"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"\w"):
            read_logits(path)
    with pytest.raises(FileNotFoundError):
        read_logits(tmp_path / f"none{suffix}")


def test_commands_read_the_tensor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    from segpost.cli import main

    path = write(tmp_path, ".safetensors", {"aux": -LOGITS, "out": LOGITS})
    out = tmp_path / "out"
    assert main(["run", str(path), "--out", str(out)]) == 1
    assert "name it by --key, of 'aux' float32" in capsys.readouterr().err
    assert main(["run", str(path), "--key", "out", "--out", str(out)]) == 0
    labels = out / "file.labels.png"
    assert np.array_equal(np.array(Image.open(labels)), LOGITS.argmax(0))
    capsys.readouterr()
    accuracies = {}
    for key in ("out", "aux"):
        options = ["--num-classes", "3", "--key", key, "--quiet", "--json", "-"]
        assert main(["evaluate", str(path), str(labels), *options]) == 0
        text = capsys.readouterr().out
        accuracies[key] = re.search(r'"pixel_accuracy": ([\d.]+)', text)[1]  # type: ignore[index]
    assert accuracies == {"out": "1.0", "aux": "0.0"}
