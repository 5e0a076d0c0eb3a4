"""Segment a video frame by frame, with memory that is allocated once.

    python examples/video_stream.py --frames 60 --out overlay.png

The video is drawn here: two balls over a lawn. In place of a network there is a comparison of
colors at an eighth of the size, which gives logits of shape (classes, h, w) as a network does.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

import segpost

Frame = npt.NDArray[np.uint8]
Logits = npt.NDArray[np.float32]

HEIGHT, WIDTH, STRIDE = 360, 640, 8
COLORS = np.array([(70, 120, 60), (200, 60, 40), (60, 80, 190)], np.float32)
PALETTE = segpost.Palette(
    [(90, 200, 90), (255, 60, 60), (70, 110, 255)], names=["lawn", "red ball", "blue ball"]
)


def video(frames: int) -> Iterator[Frame]:
    """The frames, (H, W, 3) uint8."""
    random = np.random.default_rng(0)
    lawn = COLORS[0] + random.normal(0, 8, (HEIGHT, WIDTH, 1))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for t in range(frames):
        frame = lawn.copy()
        for ball, radius in ((1, 60), (2, 45)):
            angle = 0.05 * t + 2.5 * ball
            center = HEIGHT / 2 + 90 * np.sin(angle), WIDTH / 2 + 190 * np.cos(angle)
            frame[np.hypot(y - center[0], x - center[1]) < radius] = COLORS[ball]
        yield frame.clip(0, 255).astype(np.uint8)


def network(frame: Frame) -> Logits:
    """Logits at an eighth of the size, (classes, h, w) float32."""
    cells = frame.reshape(HEIGHT // STRIDE, STRIDE, WIDTH // STRIDE, STRIDE, 3)
    small = cells.mean(axis=(1, 3), dtype=np.float32)
    away = np.linalg.norm(small - COLORS[:, None, None], axis=-1)
    return np.asarray(-away / 10, np.float32)


def main() -> None:
    """Segment every frame twice: by the stream, and by a fresh call."""
    parser = argparse.ArgumentParser(description="Segment a video frame by frame.")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--out", type=Path, help="PNG of the last overlay (needs Pillow)")
    given = parser.parse_args()
    if given.frames < 1:
        parser.error("--frames must be at least 1")

    # Settings are passed once. Everything a frame needs is allocated with the first one.
    stream = segpost.Stream(size=(HEIGHT, WIDTH), palette=PALETTE, want=("labels", "overlay"))
    spent = {"stream": 0.0, "fresh calls": 0.0}
    for frame in video(given.frames):
        logits = network(frame)
        start = time.perf_counter()
        seg = stream(logits, frame)  # overwrites what the frame before gave
        spent["stream"] += time.perf_counter() - start

        start = time.perf_counter()
        fresh = segpost.postprocess(
            logits, size=(HEIGHT, WIDTH), image=frame, palette=PALETTE, want=("labels", "overlay")
        )
        spent["fresh calls"] += time.perf_counter() - start
        if not (
            np.array_equal(seg.labels, fresh.labels) and np.array_equal(seg.overlay, fresh.overlay)
        ):
            raise SystemExit("the stream and a fresh call differ")

    for name, seconds in spent.items():
        print(f"{name}: {1e3 * seconds / given.frames:.2f} ms a frame")
    shares = ", ".join(
        f"{PALETTE.name(label)} {share:.1%}" for label, share in seg.shares().items()
    )
    print(f"last frame: {shares}")
    if given.out:
        from PIL import Image

        Image.fromarray(seg.overlay).save(given.out)
        print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
