"""The slices of a volume one after the other: a GIF, or an MP4."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segpost.files.writing import atomic_write
from segpost.pipeline.volume_slices import VolumeSlices, scaled_size

FRAME_MILLISECONDS = 80
GIF_SIDE = 512  # pixels at most
MP4_SIDE = 512  # pixels of the longer side


def write_slice_gif(path: Path, slices: VolumeSlices, alpha: float) -> None:
    """Write the slices as a GIF, atomically; needs Pillow."""
    height, width = slices.labels.shape[1:]
    size = scaled_size(width, height * slices.aspect(0), GIF_SIDE)
    first, *rest = _draw_frames(slices, alpha, size)
    with atomic_write(path) as temporary:
        first.save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=rest,
            duration=FRAME_MILLISECONDS,
            loop=0,
        )


def write_slice_mp4(path: Path, slices: VolumeSlices, alpha: float) -> None:
    """Write the slices as an MP4 of H.264, atomically; needs Pillow and imageio-ffmpeg.

    Raises
    ------
    ImportError
        If imageio-ffmpeg is not installed.
    OSError
        If ffmpeg fails.
    """
    ffmpeg = _import_ffmpeg()
    height, width = slices.labels.shape[1:]
    height = height * slices.aspect(0)
    scale = MP4_SIDE / max(width, height)
    even = (max(2, 2 * round(scale * width / 2)), max(2, 2 * round(scale * height / 2)))
    with atomic_write(path) as temporary:
        writer = ffmpeg.write_frames(
            str(temporary),
            even,
            fps=1000 / FRAME_MILLISECONDS,
            macro_block_size=2,
            ffmpeg_log_level="error",
            output_params=["-f", "mp4"],
        )
        writer.send(None)
        try:
            for frame in _draw_frames(slices, alpha, even):
                writer.send(frame.tobytes())
        finally:
            writer.close()
        if not temporary.stat().st_size:
            raise OSError(f"ffmpeg wrote nothing: {ffmpeg.get_ffmpeg_exe()} has failed")


def _draw_frames(slices: VolumeSlices, alpha: float, size: tuple[int, int]) -> Iterator[Any]:
    """Yield every slice as a Pillow image of a size (width, height)."""
    from PIL import Image

    for z in range(len(slices.labels)):
        picture = Image.fromarray(slices.plane(0, z, alpha))
        yield picture.resize(size, Image.Resampling.NEAREST)


def _import_ffmpeg() -> Any:
    """Return the module imageio_ffmpeg, or raise an ImportError that says what installs it."""
    try:
        return importlib.import_module("imageio_ffmpeg")
    except ImportError as error:
        raise ImportError(
            f"an MP4 needs imageio-ffmpeg ({error}): pip install imageio-ffmpeg",
            name="imageio_ffmpeg",
        ) from None
