"""Damaged checkpoints are errors: the reader never crashes, hangs or raises anything else."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutations import count_refused, mutate

import segpost

pytestmark = pytest.mark.faults

# One process reads all damaged versions, each as the contained process would read it.
READ_ALL = """
import collections, json, pathlib, sys, warnings
from segpost.checkpoints import sandbox_child
from segpost.files import contained
warnings.simplefilter("ignore")
contained.limit_memory = sandbox_child.limit_memory = lambda *_: None  # once is enough for one
read = {"torch": sandbox_child._read_torch, "keras": sandbox_child._read_keras}[sys.argv[1]]
outcomes = collections.Counter()
for path in sorted(pathlib.Path(sys.argv[2]).iterdir()):
    print(path.name, file=sys.stderr, flush=True)
    try:
        read(contained.Request(path, path.stat().st_size), True)
        outcomes["read"] += 1
    except Exception as error:
        outcomes[type(error).__name__] += 1
print(json.dumps(outcomes))
"""


def read_all(folder: Path, layout: str) -> dict[str, int]:
    """How many damaged files had each outcome; the child must survive them all."""
    result = subprocess.run(
        [sys.executable, "-c", READ_ALL, layout, str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        check=False,
    )
    last = result.stderr.strip().splitlines()[-1:]
    assert result.returncode == 0, f"the reader ended with {result.returncode} at {last}"
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def damaged_versions(folder: Path, data: bytes, count: int) -> Path:
    folder.mkdir()
    for i, damaged in enumerate(mutate(data, count, seed=1)):
        (folder / f"{i:05d}").write_bytes(damaged)
    return folder


def test_damaged_files_of_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Conv2d(4, 5, 1)
    )
    for name, options in (("zip", {}), ("legacy", {"_use_new_zipfile_serialization": False})):
        buffer = io.BytesIO()
        torch.save({"model": network.state_dict(), "epoch": 3}, buffer, **options)
        outcomes = read_all(damaged_versions(tmp_path / name, buffer.getvalue(), 1000), "torch")
        assert sum(outcomes.values()) == 1000
        assert outcomes.get("ValueError", 0) > 100, outcomes


def test_damaged_files_of_keras(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "whole.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("conv/conv")
        group["kernel:0"] = np.arange(3 * 3 * 3 * 4, dtype="f4").reshape(3, 3, 3, 4)
        group["bias:0"] = np.zeros(4, "f4")
        file.attrs["layer_names"] = [b"conv"]
        file["conv"].attrs["weight_names"] = [b"conv/kernel:0", b"conv/bias:0"]
    outcomes = read_all(damaged_versions(tmp_path / "damaged", path.read_bytes(), 1000), "keras")
    assert sum(outcomes.values()) == 1000
    assert sum(n for name, n in outcomes.items() if name != "read") > 100, outcomes


def test_damaged_safetensors(tmp_path: Path) -> None:
    header = json.dumps(
        {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}, separators=(",", ":")
    ).encode()
    data = len(header).to_bytes(8, "little") + header + bytes(24)
    path = tmp_path / "x.safetensors"

    def read(path: Path) -> object:
        return segpost.compare_checkpoints(path, path)

    assert count_refused(path, data, read, 3000) > 1000
