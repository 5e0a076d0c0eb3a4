"""Small networks of other architectures than those of the corpus: their logits differ in kind."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from train_corpus import conv


class SegNet(nn.Module):
    """An encoder of max pooling, whose indices a decoder takes back; logits of full size."""

    def __init__(self, classes: int, width: int = 12) -> None:
        super().__init__()
        self.down = nn.ModuleList([conv(3, width), conv(width, 2 * width)])
        self.up = nn.ModuleList([conv(2 * width, width), conv(width, width)])
        self.classifier = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of the input's size."""
        indices, sizes = [], []
        for block in self.down:
            x = block(x)
            sizes.append(x.shape[-2:])
            x, index = functional.max_pool2d(x, 2, return_indices=True)
            indices.append(index)
        for block in self.up:
            x = block(functional.max_unpool2d(x, indices.pop(), 2, output_size=sizes.pop()))
        logits: Tensor = self.classifier(x)
        return logits


class FeaturePyramid(nn.Module):
    """Features of three strides, summed from coarse to fine; group norm; logits at stride 4."""

    def __init__(self, classes: int, width: int = 16) -> None:
        super().__init__()
        self.stem = conv(3, width, 2)
        self.stages = nn.ModuleList([conv(width, width, 2) for _ in range(3)])
        self.lateral = nn.ModuleList([nn.Conv2d(width, width, 1) for _ in range(3)])
        self.norm = nn.GroupNorm(4, width)
        self.classifier = nn.Conv2d(width, classes, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at a quarter of the input's size."""
        x = self.stem(x)
        features = []
        for stage, lateral in zip(self.stages, self.lateral, strict=True):
            x = stage(x)
            features.append(lateral(x))
        total = features.pop()
        while features:
            finer = features.pop()
            total = finer + functional.interpolate(total, size=finer.shape[-2:], mode="nearest")
        logits: Tensor = self.classifier(functional.relu(self.norm(total)))
        return logits


class PyramidPooling(nn.Module):
    """Means over parts of the image beside the features of stride 8, as in PSPNet."""

    def __init__(self, classes: int, width: int = 24) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            conv(3, width, 2), conv(width, width, 2), conv(width, width, 2), conv(width, width)
        )
        self.reduce = nn.ModuleList([nn.Conv2d(width, width // 3, 1) for _ in range(3)])
        self.classifier = nn.Sequential(conv(2 * width, width), nn.Conv2d(width, classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at an eighth of the input's size."""
        x = self.backbone(x)
        parts = [x]
        for bins, reduce in zip((1, 2, 4), self.reduce, strict=True):
            pooled = reduce(functional.adaptive_avg_pool2d(x, bins))
            parts.append(functional.interpolate(pooled, size=x.shape[-2:], mode="bilinear"))
        logits: Tensor = self.classifier(torch.cat(parts, 1))
        return logits


class SmallTransformer(nn.Module):
    """Patches of 4 x 4 pixels, self-attention with depthwise convolutions, layer norm; stride 4."""

    def __init__(self, classes: int, width: int = 24, depth: int = 2) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 7, 4, 3)
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(2 * depth)])
        self.attention = nn.ModuleList(
            [nn.MultiheadAttention(width, 2, batch_first=True) for _ in range(depth)]
        )
        self.mixing = nn.ModuleList(
            [nn.Conv2d(width, width, 3, padding=1, groups=width) for _ in range(depth)]
        )
        self.hidden = nn.ModuleList(
            [nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
             for _ in range(depth)]
        )  # fmt: skip
        self.classifier = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at a quarter of the input's size."""
        x = self.patches(x)
        n, width, rows, columns = x.shape
        for i, (attention, mixing, hidden) in enumerate(
            zip(self.attention, self.mixing, self.hidden, strict=True)
        ):
            x = x + mixing(x)
            tokens = x.flatten(2).transpose(1, 2)
            keys = functional.avg_pool2d(x, 4).flatten(2).transpose(1, 2)
            query = self.norms[2 * i](tokens)
            tokens = tokens + attention(query, keys, keys, need_weights=False)[0]
            tokens = tokens + hidden(self.norms[2 * i + 1](tokens))
            x = tokens.transpose(1, 2).reshape(n, width, rows, columns)
        logits: Tensor = self.classifier(x.movedim(1, -1)).movedim(-1, 1)
        return logits


NETWORKS = {  # the kind of scene, the architecture, and the steps of its training
    "shelf_segnet": (SegNet, 90),
    "ice_pyramid": (FeaturePyramid, 60),
    "field_pooling": (PyramidPooling, 110),
    "face_transformer": (SmallTransformer, 150),
}
