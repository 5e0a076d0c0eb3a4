"""A small DeepLabV3 in torch, a small data set, and a lesson of some seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import segpost

CLASSES = ("background", "bicycle", "car", "dog", "sofa", "train")
PALETTE = segpost.Palette(
    [(0, 0, 0), (119, 11, 32), (0, 0, 142), (64, 0, 128), (0, 192, 0), (0, 80, 100)],
    names=CLASSES,
    ignore_index=255,
)
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
PAINT = np.array(
    [(110, 110, 110), (200, 60, 60), (60, 80, 200), (170, 120, 50), (60, 170, 80), (180, 170, 60)]
)


def block(i: int, o: int, size: int = 3, stride: int = 1, rate: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    conv = nn.Conv2d(i, o, size, stride, rate * (size // 2), rate, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(o), nn.ReLU())


class DeepLabV3(nn.Module):
    """Backbone of output stride 8 with atrous convolution; ASPP; head (Chen et al. 2017)."""

    def __init__(self, classes: int = len(CLASSES)) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            block(3, 16, stride=2), block(16, 32, stride=2), block(32, 48, stride=2),
            block(48, 48, rate=2), block(48, 48, rate=4),
        )  # fmt: skip
        self.aspp = nn.ModuleList(
            [block(48, 32, size=1), *(block(48, 32, rate=rate) for rate in (2, 4, 6))]
        )
        self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(48, 32, 1), nn.ReLU())
        self.project = block(160, 64, size=1)
        self.classifier = nn.Conv2d(64, classes, 1)

    def forward(self, x: torch.Tensor) -> Any:
        """(N, classes, H / 8, W / 8) logits."""
        x = self.backbone(x)
        parts = [branch(x) for branch in self.aspp]
        parts.append(self.pooled(x).expand(-1, -1, *x.shape[2:]))
        return self.classifier(self.project(torch.cat(parts, 1)))


def scene(seed: int, size: tuple[int, int] = (96, 128)) -> tuple[np.ndarray, np.ndarray]:
    """A photograph (H, W, 3) and its labels (H, W), with the void rim of 255 that VOC has."""
    rng = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[:height, :width]
    labels = np.zeros(size, np.uint8)
    for label in rng.permutation(np.arange(1, len(CLASSES)))[: rng.integers(2, 5)]:
        cy, cx = rng.integers(0.2 * height, 0.8 * height), rng.integers(0.1 * width, 0.9 * width)
        ry, rx = rng.integers(12, 28), rng.integers(12, 34)
        far = np.hypot((y - cy) / ry, (x - cx) / rx)
        labels[far < 1] = label
    image = PAINT[labels] + rng.normal(0, 18, (*size, 3)) + rng.normal(0, 8, 3)
    edge = np.zeros(size, bool)
    edge[1:] |= labels[1:] != labels[:-1]
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[:-1] |= edge[1:]
    labels = labels.copy()
    labels[edge] = 255
    return image.clip(0, 255).astype(np.uint8), labels


def prepared(*images: np.ndarray) -> torch.Tensor:
    """What the network was trained with: (N, 3, H, W), ImageNet's mean and deviation."""
    stack = (np.stack(images).astype(np.float32) / 255 - MEAN) / STD
    return torch.from_numpy(np.ascontiguousarray(stack.transpose(0, 3, 1, 2)))


@torch.enable_grad()
def trained(steps: int = 80, seed: int = 0) -> DeepLabV3:
    """The network after a lesson."""
    torch.manual_seed(seed)
    model = DeepLabV3()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for step in range(steps):
        images, labels = zip(*(scene(1000 + 4 * step + i) for i in range(4)), strict=True)
        target = torch.from_numpy(np.stack(labels).astype(np.int64))
        logits = functional.interpolate(model(prepared(*images)), target.shape[1:], mode="bilinear")
        loss: Any = functional.cross_entropy(logits, target, ignore_index=255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@torch.no_grad()
def miou(model: nn.Module, count: int = 12, prepare: Any = prepared) -> float:
    """Mean IoU on pictures that it has not seen."""
    cm = segpost.ConfusionMatrix(len(CLASSES), ignore_index=255)
    for seed in range(count):
        image, labels = scene(seed)
        cm.update(preds=model(prepare(image))[0], target=labels)
    return cm.compute().miou
