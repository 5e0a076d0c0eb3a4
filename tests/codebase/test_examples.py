"""The scripts of examples/ run as they are, without a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, *given: str) -> str:
    """What a script prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *given],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_video_stream(tmp_path: Path) -> None:
    """It says what frames took and what is on the last one, and writes that."""
    image = pytest.importorskip("PIL.Image")
    said = run("video_stream.py", "--frames", "5", "--out", str(tmp_path / "overlay.png"))
    assert "stream: " in said
    assert "lawn 9" in said
    assert "red ball" in said
    with image.open(tmp_path / "overlay.png") as picture:
        overlay = np.asarray(picture)
    assert overlay.shape == (360, 640, 3)
    assert len(np.unique(overlay.reshape(-1, 3), axis=0)) > 3
