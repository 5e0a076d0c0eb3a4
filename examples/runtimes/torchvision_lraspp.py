"""LR-ASPP by torchvision: the light head for phones, with logits of an eighth of the size."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stand_in import channels_first, lively, photograph, print_comparison
from torchvision.models.segmentation import lraspp_mobilenet_v3_large
from torchvision_deeplab import SMALL, ours, own, whole

__all__ = ["SMALL", "network", "ours", "own", "small", "whole"]


def network(image: np.ndarray) -> tuple[Any, torch.Tensor]:
    """Yours, with its weights, and the photograph as it wants it."""
    torch.manual_seed(0)
    x = torch.from_numpy(channels_first(image))
    model = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=21)
    return lively(model, x, model.classifier.high_classifier), x


@torch.no_grad()
def small(model: Any, x: torch.Tensor) -> Any:
    """The logits before its upsampling: (1, 21, H / 8, W / 8). The head takes both features."""
    return model.classifier(model.backbone(x))


def main() -> None:
    """The network on a photograph."""
    image = photograph()
    model, x = network(image)
    logits, size = small(model, x), image.shape[:2]
    print_comparison(
        "lraspp", image, lambda: own(model, logits, size), lambda: ours(model, logits, size)
    )


if __name__ == "__main__":
    main()
