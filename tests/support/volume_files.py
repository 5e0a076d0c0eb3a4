"""NIfTI files for tests, written by nibabel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

nibabel = pytest.importorskip("nibabel")

SIZE = (5, 6, 8)  # D, H, W
SPACING = (3.0, 1.5, 1.25)  # in mm, of D, H, W
AFFINE = np.array(
    [[-1.25, 0, 0, 30], [0, -1.5, 0, 20], [0, 0, 3, -90], [0, 0, 0, 1]]
)  # axes x, y, z lead to L, P, S


def label_volume(seed: int = 0, classes: int = 4) -> np.ndarray:
    """Return random labels (D, H, W)."""
    return np.random.default_rng(seed).integers(0, classes, SIZE).astype(np.uint8)


def logit_volume(seed: int = 0, classes: int = 4) -> np.ndarray:
    """Return random logits (C, D, H, W)."""
    values = np.random.default_rng(seed).standard_normal((classes, *SIZE))
    return values.astype(np.float32)


def write_volume(path: Path, array: np.ndarray, affine: Any = AFFINE, **fields: Any) -> Path:
    """Write an array (D, H, W) or (C, D, H, W) as NIfTI; `fields` are those of its header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(array.T, affine, dtype=array.dtype)
    image.header.set_xyzt_units(fields.pop("units", "mm"))
    nibabel.save(image, path)
    if fields:
        import gzip

        is_compressed = path.suffix == ".gz"
        content = gzip.decompress(path.read_bytes()) if is_compressed else path.read_bytes()
        header = nibabel.Nifti1Header(content[:348], check=False)
        for name, value in fields.items():
            header[name] = value
        content = header.binaryblock + content[348:]
        path.write_bytes(gzip.compress(content) if is_compressed else content)
    return path
