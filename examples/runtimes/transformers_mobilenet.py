"""MobileNetV2 with DeepLabV3+'s head by transformers, whose logits are small: H / 16."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stand_in import channels_first, lively, photograph, print_comparison
from transformers import MobileNetV2Config, MobileNetV2ForSemanticSegmentation

import segpost


def network(image: np.ndarray) -> tuple[Any, torch.Tensor]:
    """Yours, with its weights, and the photograph as it wants it."""
    torch.manual_seed(0)
    x = torch.from_numpy(channels_first(image))
    config = MobileNetV2Config(num_labels=21, output_stride=16)
    model = MobileNetV2ForSemanticSegmentation(config)
    return lively(model, x, model.segmentation_head.classifier.convolution), x


@torch.no_grad()
def whole(model: Any, x: torch.Tensor) -> Any:
    """What the model gives: a dataclass with logits of (1, 21, H / 16, W / 16)."""
    return model(pixel_values=x)


small = whole


def own(model: Any, output: Any, size: tuple[int, int]) -> Any:
    """What image_processor.post_process_semantic_segmentation does."""
    logits = output.logits
    full = torch.nn.functional.interpolate(logits, size, mode="bilinear", align_corners=False)
    return full.argmax(1)


def ours(model: Any, output: Any, size: tuple[int, int]) -> Any:
    """The same labels, and no full-size logits."""
    return segpost.postprocess(output, convention="transformers", size=size).labels


def main() -> None:
    """The network on a photograph."""
    image = photograph()
    model, x = network(image)
    output, size = whole(model, x), image.shape[:2]
    print_comparison(
        "transformers", image, lambda: own(model, output, size), lambda: ours(model, output, size)
    )


if __name__ == "__main__":
    main()
