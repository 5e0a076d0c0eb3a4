"""Files that atheris makes, guided by the branches that they reach, are read or refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import fuzzed_readers
import pytest

pytestmark = pytest.mark.faults
SECONDS = 3  # for each reader; a machine under load reads fewer files in them
PACKAGES = {"torch": "torch", "hdf5": "h5py", "onnx": "onnx"}
PICTURES = ("png", "tif", "jpg", "bmp", "gif", "webp")


def fuzz(reader: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a reader under atheris, from the same seed."""
    pytest.importorskip("atheris")
    pytest.importorskip(PACKAGES.get(reader, "numpy"))
    if reader in PICTURES:
        pytest.importorskip("PIL.Image")
    options = (f"-max_total_time={SECONDS}", "-seed=1", f"-artifact_prefix={folder}/")
    return subprocess.run(
        [sys.executable, fuzzed_readers.__file__, reader, str(folder / "corpus"), *options],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        check=False,
    )


@pytest.mark.parametrize("reader", sorted(fuzzed_readers.READERS.keys() - {"planted"}))
def test_a_reader_of_files_of_atheris(reader: str, tmp_path: Path) -> None:
    """It raises what readers of damaged files may raise, and does not crash or hang."""
    result = fuzz(reader, tmp_path)
    assert result.returncode == 0, result.stderr[-4000:]
    assert re.search(r"^Done \d+ runs", result.stderr, re.MULTILINE)


def test_a_planted_fault_is_reached(tmp_path: Path) -> None:
    """Four letters in a row, which chance alone would not hit."""
    result = fuzz("planted", tmp_path)
    assert result.returncode != 0
    assert "the planted fault" in result.stdout + result.stderr
    assert any(path.read_bytes()[:4] == b"fuzz" for path in tmp_path.glob("crash-*"))
