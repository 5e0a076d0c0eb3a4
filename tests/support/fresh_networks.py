"""Small networks whose blocks neither the corpus nor the other hold-outs have, poorly trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class DepthwiseNet(nn.Module):
    """Depthwise convolutions with an expansion and a shortcut; logits at stride 4."""

    def __init__(self, classes: int, width: int = 20) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 4, 1)
        self.blocks = nn.ModuleList([self._block(width) for _ in range(3)])
        self.classifier = nn.Conv2d(width, classes, 1)

    @staticmethod
    def _block(width: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(width, 2 * width, 1), nn.Hardswish(),
            nn.Conv2d(2 * width, 2 * width, 5, 1, 2, groups=2 * width), nn.Hardswish(),
            nn.Conv2d(2 * width, width, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at a quarter of the input's size."""
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        logits: Tensor = self.classifier(x)
        return logits


class ChannelAttention(nn.Module):
    """Convolutions whose channels are weighted by a mean over the image; logits at stride 2."""

    def __init__(self, classes: int, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 2, 1)
        self.body = nn.ModuleList([nn.Conv2d(width, width, 3, 1, 1) for _ in range(3)])
        self.weights = nn.ModuleList([nn.Linear(width, width) for _ in range(3)])
        self.classifier = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at half of the input's size."""
        x = functional.leaky_relu(self.stem(x))
        for layer, weigh in zip(self.body, self.weights, strict=True):
            y = functional.leaky_relu(layer(x))
            x = x + y * torch.sigmoid(weigh(y.mean((2, 3))))[..., None, None]
        logits: Tensor = self.classifier(x)
        return logits


class DilatedNet(nn.Module):
    """Dilated convolutions at full resolution without any stride; instance norm."""

    def __init__(self, classes: int, width: int = 10) -> None:
        super().__init__()
        sides = [3, *[width] * 4]
        self.layers = nn.ModuleList(
            [nn.Conv2d(n, width, 3, 1, d, d) for n, d in zip(sides, (1, 2, 4, 8), strict=False)]
        )
        self.norm = nn.InstanceNorm2d(width)
        self.classifier = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of the input's size."""
        for layer in self.layers:
            x = functional.elu(self.norm(layer(x)))
        logits: Tensor = self.classifier(x)
        return logits


class SharpenedNet(nn.Module):
    """Patches of 8 x 8 pixels, mixed along rows and columns, and a pixel shuffle to stride 2."""

    def __init__(self, classes: int, width: int = 32) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.rows = nn.Conv2d(width, width, (1, 7), 1, (0, 3), groups=width)
        self.columns = nn.Conv2d(width, width, (7, 1), 1, (3, 0), groups=width)
        self.mix = nn.Sequential(nn.Conv2d(width, 2 * width, 1), nn.SiLU(),
                                 nn.Conv2d(2 * width, width, 1))  # fmt: skip
        self.classifier = nn.Conv2d(width, 16 * classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at half of the input's size."""
        x = self.patches(x)
        x = x + self.columns(functional.silu(self.rows(x)))
        logits: Tensor = functional.pixel_shuffle(self.classifier(x + self.mix(x)), 4)
        return logits


NETWORKS = {  # the kind of scene, the architecture, and the steps of its training
    "strokes_depthwise": (DepthwiseNet, 40),
    "membranes_attention": (ChannelAttention, 40),
    "roads_dilated": (DilatedNet, 15),
    "stripes_sharpened": (SharpenedNet, 45),
}
