"""DeepLabV3+ by segmentation_models_pytorch, which upsamples by the corners of its map."""

from __future__ import annotations

from typing import Any

import numpy as np
import segmentation_models_pytorch as smp
import torch
from stand_in import channels_first, lively, photograph, print_comparison

import segpost

SMALL = segpost.Convention.named("smp").before_upsampling()


def network(image: np.ndarray) -> tuple[Any, torch.Tensor]:
    """Yours, with its weights, and the photograph as it wants it: sides are multiples of 16."""
    torch.manual_seed(0)
    x = torch.from_numpy(channels_first(image))
    model = smp.DeepLabV3Plus("mobilenet_v2", encoder_weights=None, classes=21)
    return lively(model, x, model.segmentation_head[0]), x


@torch.no_grad()
def whole(model: Any, x: torch.Tensor) -> Any:
    """What the model gives: (1, 21, H, W)."""
    return model(x)


@torch.no_grad()
def small(model: Any, x: torch.Tensor) -> Any:
    """The logits before that: (1, 21, H / 4, W / 4)."""
    return model.segmentation_head[0](model.decoder(model.encoder(x)))


def own(model: Any, logits: Any, size: tuple[int, int]) -> Any:
    """What its head does with them, and what everybody does after it."""
    full = torch.nn.functional.interpolate(logits, size, mode="bilinear", align_corners=True)
    return full.argmax(1)


def ours(model: Any, logits: Any, size: tuple[int, int]) -> Any:
    """The same labels, and no full-size logits."""
    return segpost.postprocess(logits, convention=SMALL, size=size).labels


def main() -> None:
    """The network on a photograph."""
    image = photograph()
    model, x = network(image)
    logits, size = small(model, x), image.shape[:2]
    print_comparison(
        "smp", image, lambda: own(model, logits, size), lambda: ours(model, logits, size)
    )


if __name__ == "__main__":
    main()
