"""Label maps and photographs as pictures inside a page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from segpost._core.arrays import Array
from segpost.evaluation.label_maps import resize_nearest
from segpost.files.images import read_image
from segpost.files.nifti import is_nifti, read_nifti
from segpost.render.html.pictures import embed_photograph, embed_picture

MAX_SIDE = 960  # pixels of an image in the report
INVALID_COLORS = ((255, 0, 255), (0, 255, 0), (0, 255, 255), (255, 255, 0), (255, 255, 255))


def invalid_color(colors: npt.NDArray[np.uint8]) -> tuple[int, int, int]:
    """Return the color of invalid predictions: the one that is least like any class's."""
    distances = np.array(INVALID_COLORS)[:, None] - colors.astype(np.int64)
    return INVALID_COLORS[int((distances**2).sum(axis=2).min(axis=1).argmax())]


def embed_labels(labels: Array, table: npt.NDArray[np.uint8], opacity: bytes | None = None) -> str:
    """Return labels as the URL of a PNG of at most `MAX_SIDE`, which is never interpolated."""
    from PIL import Image

    height, width = labels.shape
    if max(height, width) > MAX_SIDE:
        scale = MAX_SIDE / max(height, width)
        size = max(1, round(height * scale)), max(1, round(width * scale))
        labels = resize_nearest(labels, size)
    if len(table) > 256:
        image = Image.fromarray(table[labels])
    else:
        image = Image.fromarray(labels.astype(np.uint8))
        image.putpalette(table.tobytes())
    options = {} if opacity is None else {"transparency": opacity}
    return embed_picture(image, "png", optimize=True, **options)


def embed_image_file(path: Path, z: int | None) -> str:
    """Return an image file, or a slice of a volume, as the URL of a photograph."""
    from PIL import Image

    if is_nifti(path):
        from segpost.pipeline.volume_slices import GrayVolume  # of volumes only

        values = read_nifti(path)
        volume = values.reshape(-1, *values.shape[-3:])[0]
        if z is None or z >= len(volume):
            raise ValueError(f"it is a volume of {len(volume)} slices, not that of the labels")
        image = Image.fromarray(GrayVolume.of(volume).plane(0, z))
    else:
        image = Image.fromarray(read_image(path))
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    return embed_photograph(image)
