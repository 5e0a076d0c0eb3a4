"""Checkpoint files that are damaged, or made to do harm: refused, nothing run, memory bounded."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segpost
from segpost.cli import main

DATA = np.arange(4, dtype=np.float32).tobytes()
MODEL = {"w": np.ones((2, 2), np.float32)}
RIGHT = {"w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}


def safetensors(path: Path, header: Any, data: bytes = DATA, length: int | None = None) -> Path:
    """Write a safetensors file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def test_a_right_file_is_read(tmp_path: Path) -> None:
    """A correct file is read, so that the others are refused for their faults."""
    assert segpost.compare_checkpoints(safetensors(tmp_path / "a.safetensors", RIGHT), MODEL).ok


def _other(**changes: Any) -> dict[str, Any]:
    return {"w": {**RIGHT["w"], **changes}}


@pytest.mark.parametrize(
    ("message", "header", "options"),
    [
        ("truncated", RIGHT, {"data": bytes(8)}),
        ("something behind", RIGHT, {"data": bytes(17)}),
        ("header", RIGHT, {"length": 1 << 40}),
        ("header", RIGHT, {"length": (1 << 64) - 1}),
        ("header", RIGHT, {"length": 10_000}),
        ("no JSON", b"{not json", {}),
        ("nested too deeply|describes more", b'{"a":' * 100_000, {}),
        ("no JSON object", b"[1]" + b" " * 20, {}),
        ("UTF-8", b'{"\xff": 1}', {}),
        ("needs 16 bytes", _other(data_offsets=[0, 8]), {"data": bytes(8)}),
        ("has shape", _other(shape=[-2, 2]), {}),
        ("has shape", _other(shape=[1 << 70]), {}),
        ("has shape", _other(shape=[True, 2]), {}),
        ("needs", _other(shape=[1 << 40, 1 << 40]), {}),
        ("has dtype", _other(dtype="O8"), {}),
        ("no dtype, shape", {"w": {"dtype": "F32"}}, {}),
        ("overlaps", {**RIGHT, "v": RIGHT["w"]}, {}),
        ("hole", _other(data_offsets=[16, 32]), {"data": bytes(32)}),
        ("twice", b'{"w": 1, "w": 2}', {}),
    ],
)
def test_damaged_safetensors_are_refused(
    message: str, header: Any, options: dict[str, Any], tmp_path: Path
) -> None:
    """By name, in words, before anything is allocated for them."""
    file = safetensors(tmp_path / "bad.safetensors", header, **options)
    with pytest.raises(ValueError, match=rf"checkpoint \(.*bad\.safetensors\): .*({message})"):
        segpost.compare_checkpoints(file, MODEL)


@pytest.mark.parametrize("content", [b"", b"\x00", bytes(7), bytes(100), b"{}" * 50, b"PK\x05\x06"])
def test_what_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    """Empty files, zeros and text are refused under every name."""
    for name in ("a.safetensors", "a.pt", "a.weights.h5", "a"):
        file = tmp_path / name
        file.write_bytes(content)
        with pytest.raises(ValueError, match="checkpoint"):
            segpost.compare_checkpoints(file, MODEL)


class Bomb:
    """Writes a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize(
    "kind",
    [
        "pickle",
        pytest.param("zip", marks=pytest.mark.faults),
        pytest.param("old", marks=pytest.mark.faults),
    ],
)
def test_nothing_of_a_pickle_is_run(kind: str, tmp_path: Path) -> None:
    """A pickle that runs a command is refused, bare and in the formats of torch."""
    torch = pytest.importorskip("torch")
    mark, file = tmp_path / "ran", tmp_path / "bomb.pt"
    if kind == "pickle":
        file.write_bytes(pickle.dumps({"w": Bomb(mark)}))
    else:
        torch.save({"w": Bomb(mark)}, file, _use_new_zipfile_serialization=kind == "zip")
    what = "refuses it: Unsupported operand" if kind == "pickle" else "system"
    with pytest.raises(ValueError, match=rf"bomb\.pt.*{what}") as caught:
        segpost.compare_checkpoints(file, MODEL)
    assert "trusted" not in str(caught.value)  # torch's advice to load it all the same
    if kind == "zip":
        assert main(["compare-checkpoints", str(file), str(file)]) == 2
    assert not mark.exists()
    with contextlib.suppress(RuntimeError):  # it is no file of torch's
        torch.load(file, weights_only=False)  # it would have
    assert mark.exists()


@pytest.mark.faults
def test_a_zip_that_grows_is_refused(tmp_path: Path) -> None:
    """A zip file with compressed parts, which torch never writes, is refused."""
    torch = pytest.importorskip("torch")
    right, file = tmp_path / "right.pt", tmp_path / "grows.pt"
    torch.save({"w": torch.zeros(1 << 20)}, right)
    with (
        zipfile.ZipFile(right) as source,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for member in source.infolist():
            packed.writestr(member.filename, source.read(member))
    assert file.stat().st_size < 1 << 16
    with pytest.raises(ValueError, match="compressed"):
        segpost.compare_checkpoints(file, MODEL)


def test_a_tensor_of_more_than_the_file_is_refused(tmp_path: Path) -> None:
    """A tensor that claims a terabyte by strides of 0 is refused."""
    torch = pytest.importorskip("torch")
    file = tmp_path / "wide.pt"
    torch.save({"w": torch.zeros(1).expand(1 << 38)}, file)
    with pytest.raises(ValueError, match="claims"):
        segpost.compare_checkpoints(file, MODEL)


@pytest.mark.parametrize("at", [10, pytest.param(-30, marks=pytest.mark.faults)])
def test_a_torch_file_that_ends_early_is_refused(at: int, tmp_path: Path) -> None:
    """A torch file that is cut is refused."""
    torch = pytest.importorskip("torch")
    file = tmp_path / "cut.pt"
    torch.save({"w": torch.zeros(9, 9)}, file)
    file.write_bytes(file.read_bytes()[:at])
    with pytest.raises(ValueError, match=r"cut\.pt"):
        segpost.compare_checkpoints(file, MODEL)


MEASURED = """
import resource, sys
import segpost
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    segpost.compare_checkpoints(sys.argv[1], {"w": segpost.probe_image((2, 2))})
except ValueError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


@pytest.mark.parametrize("kind", ["terabyte header", "sparse"])
def test_memory_is_bounded(kind: str, tmp_path: Path) -> None:
    """A header of 1 TiB and a tensor of 4 GiB need less than 100 MB."""
    file = tmp_path / "big.safetensors"
    if kind == "sparse":
        size = 1 << 32
        header = {"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
        safetensors(file, header, b"")
        with file.open("r+b") as opened:
            opened.truncate(file.stat().st_size + size)
        names_only = MEASURED.replace("(2, 2))}", "(2, 2))}, values=False")
    else:
        safetensors(file, RIGHT, length=1 << 40)
        with file.open("r+b") as opened:
            opened.truncate(1 << 41)  # the header would lie in the file
        names_only = MEASURED
    done = subprocess.run(
        [sys.executable, "-c", names_only, str(file)], capture_output=True, text=True, check=True
    )
    *said, grown = done.stdout.splitlines()
    assert int(grown) < 100
    assert bool(said) == (kind != "sparse")


def test_folders_and_devices_are_refused(tmp_path: Path) -> None:
    """Folders and pipes are refused, and nothing waits for a pipe."""
    with pytest.raises(ValueError, match="a folder"):
        segpost.compare_checkpoints(tmp_path, MODEL)
    pipe = tmp_path / "pipe.pt"
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match="no regular file"):
        segpost.compare_checkpoints(pipe, MODEL)


def test_names_of_a_file_cannot_command_a_terminal(tmp_path: Path) -> None:
    """Control characters in names are shown as escapes."""
    header = {"\x1b[2J": RIGHT["w"]}
    diff = segpost.compare_checkpoints(safetensors(tmp_path / "a.safetensors", header), MODEL)
    assert "\x1b" not in str(diff) + diff.to_markdown()
    assert "x1b" in str(diff)
