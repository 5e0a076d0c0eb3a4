"""Draw docs/images/volume.png: the three planes of a synthetic scan with two organs.

python tools/draw_volume.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import nibabel
import numpy as np

import segpost

PICTURE = Path(__file__).resolve().parents[1] / "docs/images/volume.png"
SIZE = (48, 160, 208)  # D, H, W
SPACING = np.array([4.0, 1.6, 1.6])  # in mm
NAMES = ("background", "liver", "tumor", "spine")
PALETTE = segpost.Palette([(0, 0, 0), (225, 120, 60), (60, 190, 250), (240, 220, 90)], names=NAMES)


def distance(places: np.ndarray, center: tuple[float, ...], radii: tuple[float, ...]) -> np.ndarray:
    """Return how far places (3, ...) are outside an ellipsoid, in its radii; negative inside."""
    shape = (3, *(1,) * (places.ndim - 1))
    steps = (places - np.reshape(center, shape)) / np.reshape(radii, shape)
    return np.asarray(np.sqrt((steps**2).sum(axis=0)) - 1)


def organs(size: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return logits (4, D, H, W), and the distance from the body's surface, on a grid."""
    steps = SPACING * np.array(SIZE) / np.array(size)
    axes = np.meshgrid(*(np.arange(n) + 0.5 for n in size), indexing="ij")
    places = np.stack([axis * step for axis, step in zip(axes, steps, strict=True)])
    depth, height, width = SPACING * np.array(SIZE)
    middle = (depth / 2, height / 2, width / 2)
    bumps = 0.04 * np.sin(places / 17).sum(axis=0)
    liver = distance(places, (depth / 2, height * 0.48, width * 0.33), (62, 74, 82)) + bumps
    tumor = distance(places, (depth * 0.56, height * 0.42, width * 0.3), (17, 20, 22)) + bumps
    spine = distance(places, (depth / 2, height * 0.78, width / 2), (400, 17, 19))
    body = distance(places, middle, (500, 120, 158))
    logits = np.stack([np.zeros(size), -liver, 0.8 - tumor, -2 * spine])
    return logits.astype(np.float32), body


def main() -> None:
    """Draw the figure of a segmentation, with the scan below it."""
    random = np.random.default_rng(0)
    coarse, _ = organs((24, 40, 52))
    seg = segpost.postprocess(coarse, size=SIZE, palette=PALETTE)
    _, body = organs(SIZE)
    tissue = np.array([60, 120, 85, 230])[seg.labels]
    scan = np.where(body < 0, tissue, -30) + random.normal(0, 5, SIZE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scan.nii.gz"
        affine = np.diag([-1.6, -1.6, 4.0, 1.0])  # x leads to the left, y to the back
        nibabel.save(nibabel.Nifti1Image(scan.T.astype(np.int16), affine), path)
        seg.figure(like=path).savefig(PICTURE, dpi=70, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
