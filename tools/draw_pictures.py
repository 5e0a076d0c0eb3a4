"""Draw docs/images/pictures.jpg: the classes of the demo's scene, and the parts of its roofs.

python tools/draw_pictures.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import segpost
from segpost.cli.demo.scene import load

PICTURE = Path(__file__).resolve().parents[1] / "docs/images/pictures.jpg"
MIN_AREA = 600


def main() -> None:
    """Draw both pictures side by side."""
    scene = load()
    seg = segpost.postprocess(
        scene.logits, image=scene.image, palette=scene.palette, want=("labels", "confidence")
    )
    roof = list(scene.palette.names or ()).index("roof")
    parts = segpost.regions(
        seg.labels, confidence=seg.confidence, connectivity=8, min_area=MIN_AREA
    )
    roofs = parts[parts.labels == roof]
    pictures = [seg.draw(), roofs.draw(scene.image, names=scene.palette.names)]
    Image.fromarray(np.concatenate(pictures, axis=1)).save(PICTURE, quality=85)


if __name__ == "__main__":
    main()
