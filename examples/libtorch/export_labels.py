"""Export a network whose output are labels and colors as an AOTInductor package, for labels.cpp.

    python examples/libtorch/export_labels.py labels.pt2

The weights are random, so nothing is downloaded. Batch, height and width stay dynamic.
"""

from __future__ import annotations

import sys

import torch
from torch.export import Dim

import segpost.torch

CLASSES, STRIDE = 19, 8
# Without Python there are no names of palettes: the graph holds the colors.
PALETTE = segpost.torch.as_text(segpost.Palette.named("cityscapes"))


class LabelsAndColors(torch.nn.Module):
    """A network at an eighth of the image, and segpost behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.network = torch.nn.Conv2d(3, CLASSES, STRIDE, stride=STRIDE)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return labels (N, H, W) and colors (N, H, W, 3) of images (N, 3, H, W)."""
        labels = segpost.torch.argmax(self.network(image), size=image.shape[-2:])
        return labels, segpost.torch.colorize(labels, PALETTE)


def main(path: str) -> None:
    """Write the package."""
    torch.manual_seed(0)
    model = LabelsAndColors().eval()
    rows, columns = Dim("rows", min=2, max=256), Dim("columns", min=2, max=256)
    shapes = {"image": {0: Dim("images", min=1, max=64), 2: STRIDE * rows, 3: STRIDE * columns}}
    with torch.no_grad():
        program = torch.export.export(model, (torch.rand(2, 3, 64, 96),), dynamic_shapes=shapes)
        torch._inductor.aoti_compile_and_package(program, package_path=path)


if __name__ == "__main__":
    main(sys.argv[1])
