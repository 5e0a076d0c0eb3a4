"""The scripts of examples/ run as they are, without a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import segpost

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


@pytest.mark.runtimes
@pytest.mark.filterwarnings("default")  # imageio's reader leaves a pipe open
def test_instance_video(tmp_path: Path) -> None:
    """A frame of the file has the colors of the instances, and those of a later frame too."""
    iio = pytest.importorskip("imageio.v2")
    pytest.importorskip("imageio_ffmpeg")
    said = run("instance_video.py", "--frames", "20", "--out", str(tmp_path / "instances.mp4"))
    assert "20 frames of 360 x 640, 6 instances" in said
    with iio.get_reader(tmp_path / "instances.mp4") as reader:
        frames = [np.asarray(frame).astype(int) for frame in reader]
    assert len(frames) == 20
    for frame in (frames[0], frames[19]):
        for color in segpost.Palette.distinct(7).colors[1:].astype(int):
            near = np.abs(frame - color).max(axis=-1) < 40  # the text is on the color itself
            assert near.sum() > 100


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
