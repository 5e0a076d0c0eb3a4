"""Draw instances over a video, each in its own color in every frame, and write an mp4 file.

    pip install imageio imageio-ffmpeg pillow
    python examples/instance_video.py --frames 75 --out instances.mp4

The video is drawn here: balls that cross each other over a lawn. The map of a frame holds the ids
of a tracker; the color of an id is the same in every frame.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

import segpost

Frame = npt.NDArray[np.uint8]

HEIGHT, WIDTH, FPS = 360, 640, 25
BALLS = 6
NAMES = {ball: f"ball {ball}" for ball in range(1, BALLS + 1)}


def video(frames: int) -> Iterator[tuple[Frame, Frame]]:
    """The frames, (H, W, 3), and their maps of ids, (H, W); 0 is the lawn."""
    random = np.random.default_rng(0)
    lawn = np.array([70, 120, 60]) + random.normal(0, 8, (HEIGHT, WIDTH, 1))
    colors = random.uniform(120, 240, (BALLS + 1, 3))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for t in range(frames):
        frame, ids = lawn.copy(), np.zeros((HEIGHT, WIDTH), np.uint8)
        for ball in range(1, BALLS + 1):
            angle = 0.02 * t * (1 + ball / 3) + 2.1 * ball
            center = HEIGHT / 2 + 120 * np.sin(angle), WIDTH / 2 + 220 * np.cos(1.3 * angle)
            inside = np.hypot(y - center[0], x - center[1]) < 24 + 5 * ball
            frame[inside], ids[inside] = colors[ball], ball
        yield frame.clip(0, 255).astype(np.uint8), ids


def draw(frame: Frame, ids: Frame) -> Frame:
    """The picture of a frame: `color_by="class"` is the color of the label, here of the id."""
    regions = segpost.regions(ids, ignore_index=0)
    picture: Frame = regions.draw(frame, names=NAMES, color_by="class", legend=False)
    return picture


def main() -> None:
    """Write the video."""
    parser = argparse.ArgumentParser(description="Draw instances over a video.")
    parser.add_argument("--frames", type=int, default=75)
    parser.add_argument("--out", type=Path, default=Path("instances.mp4"))
    given = parser.parse_args()
    if given.frames < 1:
        parser.error("--frames must be at least 1")

    import imageio.v2 as iio

    # Sizes that are no multiples of 16 would be enlarged; most players show any even size.
    with iio.get_writer(given.out, fps=FPS, macro_block_size=2) as out:
        for frame, ids in video(given.frames):
            out.append_data(draw(frame, ids))
    print(f"{given.out}: {given.frames} frames of {HEIGHT} x {WIDTH}, {BALLS} instances")


if __name__ == "__main__":
    main()
