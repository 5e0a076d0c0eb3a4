"""Small networks of a last hold-out, trained for a few steps: half or two thirds are right."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class TransposedNet(nn.Module):
    """An encoder of strides and a decoder of transposed convolutions; logits of full size."""

    def __init__(self, classes: int, width: int = 14) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.Conv2d(3, width, 4, 2, 1), nn.ReLU(), nn.Conv2d(width, 2 * width, 4, 2, 1), nn.ReLU()
        )
        self.up = nn.Sequential(
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(width, classes, 4, 2, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of the input's size."""
        logits: Tensor = self.up(self.down(x))
        return logits


class RecurrentNet(nn.Module):
    """One gated convolution that is applied four times; logits at stride 2."""

    def __init__(self, classes: int, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 5, 2, 2)
        self.gate = nn.Conv2d(2 * width, width, 3, 1, 1)
        self.state = nn.Conv2d(2 * width, width, 3, 1, 1)
        self.classifier = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at half of the input's size."""
        x = self.stem(x)
        state = torch.zeros_like(x)
        for _ in range(4):
            both = torch.cat([x, state], 1)
            gate = torch.sigmoid(self.gate(both))
            state = gate * torch.tanh(self.state(both)) + (1 - gate) * state
        logits: Tensor = self.classifier(state)
        return logits


class ColumnNet(nn.Module):
    """Means of the image over windows of five sizes, and a perceptron for each pixel; stride 4."""

    def __init__(self, classes: int, width: int = 32) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Conv2d(30, width, 1), nn.GELU(), nn.Conv2d(width, width, 1), nn.GELU(),
            nn.Conv2d(width, classes, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at a quarter of the input's size."""
        x = functional.avg_pool2d(torch.cat([x, x**2], 1), 4)
        sides = (1, 3, 5, 9, 17)
        means = [functional.avg_pool2d(x, k, 1, k // 2, count_include_pad=False) for k in sides]
        logits: Tensor = self.mix(torch.cat(means, 1))
        return logits


class FilterNet(nn.Module):
    """Convolutions beside a filter of the lowest frequencies of the image; logits at stride 4."""

    def __init__(self, classes: int, width: int = 18) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 7, 4, 3)
        self.weights = nn.Parameter(0.1 * torch.randn(width, 6, 6))
        self.local = nn.Conv2d(width, width, 3, 1, 1)
        self.classifier = nn.Conv2d(width, classes, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at a quarter of the input's size."""
        x = functional.gelu(self.stem(x))
        waves = torch.fft.rfft2(x)
        low = torch.zeros_like(waves)
        low[:, :, :6, :6] = waves[:, :, :6, :6] * self.weights
        x = functional.gelu(self.local(x) + torch.fft.irfft2(low, s=x.shape[-2:]))
        logits: Tensor = self.classifier(x)
        return logits


NETWORKS = {  # the kind of scene, the architecture, and the steps of its training
    "rings_transposed": (TransposedNet, 40),
    "boards_recurrent": (RecurrentNet, 45),
    "slopes_column": (ColumnNet, 20),
    "crates_filter": (FilterNet, 25),
}
